/* SPDX-License-Identifier: MIT */
/* fault.c: see fault.h. */
#include "launch/fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"

int ul_fault_set(ul_fault *fault, int exit_code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fault->exit_code = exit_code;
  vsnprintf(fault->text, sizeof fault->text, format, arguments);
  va_end(arguments);
  return -UL_E_SYSTEM;
}
