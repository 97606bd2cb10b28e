/* SPDX-License-Identifier: MIT */
/* options.h: what the environment asks of the library (wire/options.def), parsed once.
 *
 * Threads     written while the runtime starts, read-only afterwards.
 */
#ifndef UL_RUNTIME_OPTIONS_H
#define UL_RUNTIME_OPTIONS_H

#include "base/base.h"

typedef struct ul_options {
#define UL_OPTION(name, type, default_value, help) uint64_t name;
#include "wire/options.def"
#undef UL_OPTION
} ul_options;

/* Fills in the defaults and what the environment says. Bad values are said on stderr, one line each,
 * and ignored. Where privileges changed at exec the environment is not looked at. */
void ul_options_read(ul_options *options);

#endif
