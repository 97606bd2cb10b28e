/* SPDX-License-Identifier: MIT */
/* insight.h: what a managed runtime leaves to be read by those outside. For the command only.
 *
 * The contract every system's file fulfils, beside process.h: its threads and what each has used,
 * where the variables of its program lie, its environment, and the file in which a JVM keeps its
 * performance counters. All of it belongs to somebody else: the caller believes no byte of it.
 *
 * Errors  -UL_E_NOTFOUND: the process is gone, or there is no such thing; -UL_E_SYSTEM: not allowed,
 *         or this system cannot tell.
 * Threads any.
 */
#ifndef UL_OS_INSIGHT_H
#define UL_OS_INSIGHT_H

#include "base/base.h"

typedef struct ul_insight_thread {
  int  id;
  char name[16];
} ul_insight_thread;

/* The threads of a process, by its own numbers; returns how many were stored. Ten microseconds
 * each. */
size_t ul_insight_threads(int pid, ul_insight_thread *ret_threads, size_t capacity);

/* Processor time that a thread has used. */
UL_MUST_USE int ul_insight_thread_cpu(int pid, int thread, uint64_t *ret_ns);

typedef struct ul_insight_map {
  struct {
    uint64_t start, bytes;
  } data[8]; /* writable: initialised variables of the program's file, and the zeroed ones behind */
  size_t   data_count;
  uint64_t code_bytes;    /* anonymous, writable and executable: what a compiler made at run time */
  bool     has_libraries; /* other files with code are mapped */
} ul_insight_map;

/* Reads the list of its mappings: hundreds of microseconds. */
UL_MUST_USE int ul_insight_map_read(int pid, ul_insight_map *ret_map);

/* Resident anonymous memory of a JVM, in bytes. Its heap is what lies below 32 GiB, where HotSpot puts
 * every heap whose references it can compress; a larger one is not told apart (-UL_E_NOTFOUND). */
typedef struct ul_insight_jvm_memory {
  uint64_t heap_bytes;
  uint64_t beside_bytes; /* neither heap nor compiled code nor from a file: direct buffers, classes,
                            stacks, what the collector keeps, malloc */
} ul_insight_jvm_memory;

/* Looks at every page: some 26 ns for each that is resident, 6 ms for 512 MiB. */
UL_MUST_USE int ul_insight_jvm_memory_read(int pid, ul_insight_jvm_memory *ret_memory);

/* Value of a variable in the environment that it was started with. */
UL_MUST_USE int ul_insight_environment(int pid, const char *name, char *ret_value, size_t capacity);

/* Opens the file of a JVM's counters (hsperfdata), which must belong to the user of the process.
 * What it holds can be read by ul_insight_file_read even when the JVM has ended and removed it. */
UL_MUST_USE int ul_insight_jvm_open(int pid, int *ret_fd);

/* Reads from the start: at most `capacity` bytes. */
UL_MUST_USE int ul_insight_file_read(int fd, void *ret_bytes, size_t capacity, size_t *ret_count);
void            ul_insight_file_close(int fd);

#endif
