/* SPDX-License-Identifier: MIT */
/* fault.h: why the command gives up, in words for a person, and with which exit code.
 *
 * Filled where the cause is known, printed once by the command. The text says what happened, what
 * it means, what to do next; it has no "ullage: " and no newline.
 */
#ifndef UL_LAUNCH_FAULT_H
#define UL_LAUNCH_FAULT_H

#define UL_EXIT_OURS           125 /* `ullage run` itself failed */
#define UL_EXIT_NOT_EXECUTABLE 126
#define UL_EXIT_NOT_FOUND      127
#define UL_EXIT_SIGNAL         128 /* plus the signal that ended the program */

typedef struct ul_fault {
  int  exit_code;
  char text[1024];
} ul_fault;

/* Returns -UL_E_SYSTEM, so that a caller can return ul_fault_set(…). */
int ul_fault_set(ul_fault *fault, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
