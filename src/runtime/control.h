/* SPDX-License-Identifier: MIT */
/* control.h: answers what comes over the control socket (wire/control.h). */
#ifndef UL_RUNTIME_CONTROL_H
#define UL_RUNTIME_CONTROL_H

typedef struct ul_runtime ul_runtime;

/* Takes one request and answers it. Context: the agent. */
void ul_control_answer(ul_runtime *runtime);

#endif
