/* SPDX-License-Identifier: MIT */
/* ullage.c: the names of include/ullage/ullage.h. Contracts stand there. */
#include "ullage/ullage.h"

#include "api/fast.h"
#include "heap/object.h"
#include "heap/zone.h"

#define TEXT_OF(x)                        #x
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

UL_API const char *ullage_version(void) {
  return VERSION_TEXT(ULLAGE_VERSION_MAJOR, ULLAGE_VERSION_MINOR, ULLAGE_VERSION_PATCH);
}

UL_API void *ullage_malloc(size_t size) {
  return ul_api_malloc(size);
}

UL_API void *ullage_calloc(size_t count, size_t size) {
  return ul_api_calloc(count, size);
}

UL_API void *ullage_realloc(void *object, size_t size) {
  return ul_api_realloc(object, size);
}

UL_API void *ullage_reallocarray(void *object, size_t count, size_t size) {
  return ul_api_reallocarray(object, count, size);
}

UL_API void ullage_free(void *object) {
  ul_api_free(object);
}

UL_API void ullage_free_sized(void *object, size_t size) {
  (void)size;
  ul_api_free(object);
}

UL_API void ullage_free_aligned_sized(void *object, size_t alignment, size_t size) {
  (void)alignment, (void)size;
  ul_api_free(object);
}

UL_API void *ullage_memalign(size_t alignment, size_t size) {
  return ul_api_memalign(alignment, size);
}

UL_API int ullage_posix_memalign(void **ret_object, size_t alignment, size_t size) {
  return ul_api_posix_memalign(ret_object, alignment, size);
}

UL_API void *ullage_aligned_alloc(size_t alignment, size_t size) {
  return ul_api_aligned_alloc(alignment, size);
}

UL_API void *ullage_valloc(size_t size) {
  return ul_api_valloc(size);
}

UL_API void *ullage_pvalloc(size_t size) {
  return ul_api_pvalloc(size);
}

UL_API size_t ullage_malloc_usable_size(const void *object) {
  return ul_api_usable_size(object);
}

UL_API int ullage_object_of(const void *address, ullage_object *ret_object) {
  ul_object object;
  if (!ul_object_find(&ul_runtime_self.heap, (uintptr_t)address, &object)) return 0;
  *ret_object = (ullage_object){
      .base = (void *)object.base, .usable_bytes = object.bytes, .live = object.live};
  return 1;
}

struct walk {
  void (*visit)(const ullage_object *object, void *arg);
  void *arg;
};

static void visit_object(const ul_object *object, void *arg) {
  const struct walk *walk = arg;
  ullage_object      public_object = {
           .base = (void *)object->base, .usable_bytes = object->bytes, .live = 1};
  walk->visit(&public_object, walk->arg);
}

UL_API void ullage_walk(void (*visit)(const ullage_object *object, void *arg), void *arg) {
  struct walk walk = {.visit = visit, .arg = arg};
  if (ul_runtime_enter() != 0) return;
  ul_object_walk(&ul_runtime_self.heap, visit_object, &walk);
}

UL_API void ullage_stats(ullage_stats_t *ret_stats) {
  *ret_stats = (ullage_stats_t){0};
  if (ul_runtime_enter() == 0) ul_runtime_stats(ret_stats);
}

UL_API int ullage_budget_set(uint64_t bytes) {
  if (ul_runtime_enter() != 0) return -1;
  ul_budget_set(&ul_runtime_self.budget, bytes);
  return 0;
}

UL_API uint64_t ullage_budget_get(void) {
  return ul_budget_limit(&ul_runtime_self.budget);
}

UL_API int ullage_pressure_register(void (*relieve)(int level, size_t want_bytes, void *arg),
                                    void *arg) {
  if (!relieve) return -1;
  ul_pressure pressure = {.relieve = relieve, .arg = arg};
  return ul_runtime_pressure_register(pressure) == 0 ? 0 : -1;
}

UL_API int ullage_pressure_unregister(void (*relieve)(int level, size_t want_bytes, void *arg),
                                      void *arg) {
  ul_budget  *budget = &ul_runtime_self.budget;
  ul_pressure pressure = {.relieve = relieve, .arg = arg};
  return ul_relief_unregister(&budget->relief, pressure, ul_os_thread_id(),
                              ul_load(&budget->agent)) == 0
             ? 0
             : -1;
}

UL_API size_t ullage_trim(void) {
  return ul_api_trim();
}

UL_API ullage_heap *ullage_heap_new(void) {
  if (ul_runtime_enter() != 0) return NULL;
  return (ullage_heap *)ul_zone_new(&ul_runtime_self.heap);
}

UL_API void *ullage_heap_malloc(ullage_heap *heap, size_t size) {
  if (size > (size_t)PTRDIFF_MAX) return NULL;
  return ul_zone_alloc((ul_zone *)heap, size);
}

UL_API void ullage_heap_destroy(ullage_heap *heap) {
  if (heap) ul_zone_destroy((ul_zone *)heap);
}
