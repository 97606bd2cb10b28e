/* SPDX-License-Identifier: MIT */
/* confine.c: os/confine.h. The word lies apart from the runtime, which this room does not know, and is
 * zero before anything has started. */
#include "os/confine.h"

#include "base/atomic.h"

static uint32_t confinement; /* ul_os_confinement */

void ul_os_confine(enum ul_os_confinement how) {
  uint32_t before = ul_load(&confinement);
  while (before < (uint32_t)how && !ul_cas_u32(&confinement, before, (uint32_t)how)) {
    before = ul_load(&confinement);
  }
}

bool ul_os_is_confined(void) {
  return UL_UNLIKELY(ul_load(&confinement) >= UL_OS_CONFINED);
}

bool ul_os_is_sealed(void) {
  return UL_UNLIKELY(ul_load(&confinement) >= UL_OS_SEALED);
}
