/* SPDX-License-Identifier: MIT */
/* interpose_malloc.c: malloc and its family under the names that programs call.
 *
 * Defining them in a preloaded or linked library takes them over for the whole process, libc and the
 * loader included. All must be here: one left to libc would mix two heaps.
 */
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "api/fast.h"
#include "base/text.h"
#include "runtime/summary.h"

void  free_sized(void *object, size_t size);
void  free_aligned_sized(void *object, size_t alignment, size_t size);
void *reallocarray(void *object, size_t count, size_t size);
int   posix_memalign(void **ret_object, size_t alignment, size_t size);
void *aligned_alloc(size_t alignment, size_t size);

UL_API void *malloc(size_t size) {
  return ul_api_malloc(size);
}

UL_API void free(void *object) {
  ul_api_free(object);
}

UL_API void *calloc(size_t count, size_t size) {
  return ul_api_calloc(count, size);
}

UL_API void *realloc(void *object, size_t size) {
  return ul_api_realloc(object, size);
}

UL_API void *reallocarray(void *object, size_t count, size_t size) {
  return ul_api_reallocarray(object, count, size);
}

UL_API void free_sized(void *object, size_t size) {
  (void)size;
  ul_api_free(object);
}

UL_API void free_aligned_sized(void *object, size_t alignment, size_t size) {
  (void)alignment, (void)size;
  ul_api_free(object);
}

UL_API void *memalign(size_t alignment, size_t size) {
  return ul_api_memalign(alignment, size);
}

UL_API int posix_memalign(void **ret_object, size_t alignment, size_t size) {
  return ul_api_posix_memalign(ret_object, alignment, size);
}

UL_API void *aligned_alloc(size_t alignment, size_t size) {
  return ul_api_aligned_alloc(alignment, size);
}

UL_API void *valloc(size_t size) {
  return ul_api_valloc(size);
}

UL_API void *pvalloc(size_t size) {
  return ul_api_pvalloc(size);
}

UL_API size_t malloc_usable_size(void *object) {
  return ul_api_usable_size(object);
}

/* `pad` is what glibc would leave at the top of its heap; we have no top. */
UL_API int malloc_trim(size_t pad) {
  (void)pad;
  return ul_api_trim() > 0;
}

/* glibc's knobs tune mechanisms that are not here: accepted, without effect. */
UL_API int mallopt(int parameter, int value) {
  (void)value;
  return parameter <= M_MXFAST && parameter >= M_ARENA_MAX;
}

static int clamp_int(size_t n) {
  return n > INT32_MAX ? INT32_MAX : (int)n;
}

/* Our counters under glibc's names: arena and hblk* are what is committed and large, uordblks what
 * is live, fordblks what is free, keepcost what a trim could give back at most. */
UL_API struct mallinfo2 mallinfo2(void) {
  struct mallinfo2 info = {0};
  ullage_stats_t   stats;
  if (ul_runtime_enter() != 0) return info;
  ul_runtime_stats(&stats);
  info.arena = stats.committed_bytes;
  info.ordblks = 1;
  info.hblks = ul_load(&ul_runtime_self.heap.pages.large_objects);
  info.hblkhd = ul_load(&ul_runtime_self.heap.pages.large_bytes);
  info.uordblks = stats.live_bytes;
  info.fordblks = stats.free_bytes + stats.cached_bytes;
  info.keepcost =
      stats.resident_bytes > stats.live_bytes ? stats.resident_bytes - stats.live_bytes : 0;
  return info;
}

UL_API struct mallinfo mallinfo(void) {
  struct mallinfo2 info = mallinfo2();
  return (struct mallinfo){.arena = clamp_int(info.arena),
                           .ordblks = clamp_int(info.ordblks),
                           .hblks = clamp_int(info.hblks),
                           .hblkhd = clamp_int(info.hblkhd),
                           .uordblks = clamp_int(info.uordblks),
                           .fordblks = clamp_int(info.fordblks),
                           .keepcost = clamp_int(info.keepcost)};
}

UL_API void malloc_stats(void) {
  if (ul_runtime_enter() == 0) ul_summary_print();
}

static void add_total(ul_text *text, const char *type, uint64_t count, uint64_t bytes) {
  ul_text_add(text, "<total type=\"");
  ul_text_add(text, type);
  ul_text_add(text, "\" count=\"");
  ul_text_add_u64(text, count);
  ul_text_add(text, "\" size=\"");
  ul_text_add_u64(text, bytes);
  ul_text_add(text, "\"/>\n");
}

/* The totals of glibc's document, for programs that parse it. */
UL_API int malloc_info(int options, FILE *file) {
  char           buffer[640];
  ul_text        text = ul_text_init(buffer, sizeof buffer);
  ullage_stats_t stats;
  if (options != 0) return EINVAL;
  if (ul_runtime_enter() != 0) return ENOMEM;
  ul_runtime_stats(&stats);
  ul_text_add(&text, "<malloc version=\"1\">\n");
  add_total(&text, "live", stats.live_objects, stats.live_bytes);
  add_total(&text, "cached", 0, stats.cached_bytes);
  add_total(&text, "free", 0, stats.free_bytes);
  add_total(&text, "resident", 0, stats.resident_bytes);
  ul_text_add(&text, "<system type=\"current\" size=\"");
  ul_text_add_u64(&text, stats.committed_bytes);
  ul_text_add(&text, "\"/>\n<system type=\"max\" size=\"");
  ul_text_add_u64(&text, stats.peak_bytes);
  ul_text_add(&text, "\"/>\n</malloc>\n");
  return fputs(buffer, file) < 0 ? EIO : 0;
}
