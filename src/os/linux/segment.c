/* SPDX-License-Identifier: MIT */
/* segment.c: os/segment.h on Linux: System V shared memory. */
#include "os/segment.h"

#include <errno.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "os/confine.h"

void *ul_os_segment_make(size_t bytes, int *ret_id) {
  if (ul_os_is_confined()) return NULL;
  int   saved_errno = errno;
  void *at = (void *)-1;
  int   id = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
  if (id >= 0) {
    at = shmat(id, NULL, 0);
    shmctl(id, IPC_RMID, NULL); /* from here on it lives as long as somebody is attached */
  }
  errno = saved_errno;
  if (at == (void *)-1) return NULL;
  *ret_id = id;
  return at;
}

void *ul_os_segment_attach(int id, size_t bytes) {
  if (ul_os_is_confined()) return NULL;
  int             saved_errno = errno;
  struct shmid_ds facts;
  void           *at = (void *)-1;
  /* Numbers are used again: only what one of this user made is looked at. */
  if (shmctl(id, IPC_STAT, &facts) == 0 && facts.shm_perm.cuid == geteuid() &&
      facts.shm_segsz >= bytes) {
    at = shmat(id, NULL, 0);
  }
  errno = saved_errno;
  return at == (void *)-1 ? NULL : at;
}

void ul_os_segment_drop(void *segment) {
  int saved_errno = errno;
  shmdt(segment);
  errno = saved_errno;
}
