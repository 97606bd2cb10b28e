/* SPDX-License-Identifier: MIT */
/* size_text.h: how a SIZE is written, everywhere: flags, variables, files.
 *
 *     1500M   1500 * 1000^2      no unit: bytes
 *     1.5Gi   1.5  * 1024^3      k M G T:     powers of 1000
 *     65536                      Ki Mi Gi Ti: powers of 1024      (as Kubernetes reads them)
 *
 * The case of k does not matter, that of M, G and T does: a small m is a thousandth to Kubernetes
 * and 1024^2 to Java and Docker, so we refuse it instead of guessing. Nothing may stand before or
 * after. Works without libc: the library reads ULLAGE_BUDGET with it before main.
 */
#ifndef UL_BASE_SIZE_TEXT_H
#define UL_BASE_SIZE_TEXT_H

#include "base/base.h"

/* What every complaint about a SIZE ends with. */
#define UL_SIZE_HOW                                                                           \
  "a size is a number and a unit: 1500M (powers of 1000: k M G T) or 1.5Gi (powers of 1024: " \
  "Ki Mi Gi Ti); without a unit it is bytes"

/* Reads a SIZE. A part of a byte is dropped.
 * Returns 0, -UL_E_INVAL (not a SIZE) or -UL_E_RANGE (2^64 bytes or more). Context: any. */
UL_MUST_USE int ul_size_parse(const char *text, uint64_t *ret_bytes);

/* Room for the longest "17592186044416.0 MiB" and its end. */
#define UL_SIZE_TEXT_MAX 32

/* Writes "1430.5 MiB", rounded to the nearest tenth. Returns `buffer`. Context: any. */
char *ul_size_mib(char buffer[UL_SIZE_TEXT_MAX], uint64_t bytes);

#endif
