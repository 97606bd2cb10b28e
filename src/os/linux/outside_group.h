/* SPDX-License-Identifier: MIT */
/* outside_group.h: where a process's memory groups (cgroups) are, and small files in them. */
#ifndef UL_OS_LINUX_OUTSIDE_GROUP_H
#define UL_OS_LINUX_OUTSIDE_GROUP_H

#include "base/base.h"

/* Directories of the groups of a process as seen from here; "" where there is none, or where the
 * process is ending. Version 2 only where it has the memory controller. */
void ul_group_of(int pid, char ret_v1[512], char ret_v2[512]);

/* The number after `key` at the start of a line of a file; UINT64_MAX when there is none. */
uint64_t ul_group_number(const char *group, const char *file, const char *key);

/* The numbers after several keys, in one reading; 0 where a key is not there. */
void ul_group_numbers(const char *group, const char *file, const char *const *keys, size_t count,
                      uint64_t *ret_numbers);

/* Writes a text into a group's file. 0, or the negative of errno's value. */
int ul_group_write(const char *group, const char *file, const char *text);
int ul_group_write_number(const char *group, const char *file, uint64_t number);

#endif
