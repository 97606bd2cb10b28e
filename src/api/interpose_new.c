/* SPDX-License-Identifier: MIT */
/* interpose_new.c: C++'s operator new and delete, every form, in C.
 *
 * Under the names the Itanium C++ ABI gives them, so that the library needs no C++ runtime. What
 * only that runtime can do (the new handler, std::bad_alloc) is asked of it when it is there: a
 * program that calls operator new has it. The file is compiled with unwind tables, since exceptions
 * pass through.
 *
 *     _Znw new   _Zna new[]   m size   St11align_val_t alignment   RKSt9nothrow_t nothrow
 *     _Zdl delete   _Zda delete[]
 */
#include <stdlib.h>

#include "api/fast.h"
#include "os/symbol.h"

typedef void (*new_handler)(void);

UL_WEAK new_handler      _ZSt15get_new_handlerv(void);
UL_WEAK UL_NORETURN void _ZSt17__throw_bad_allocv(void);

/* One round of what [new.delete.single] asks for: call the handler, which frees something, throws or
 * ends the program. false: there is none. */
static bool call_handler(void) {
  new_handler handler = _ZSt15get_new_handlerv ? _ZSt15get_new_handlerv() : NULL;
  if (!handler) return false;
  handler();
  return true;
}

/* A handler may throw, which nothrow new must turn into NULL. Only C++ can catch: the runtime's own
 * nothrow new does, around a call of the plain one, which is ours. */
typedef void *(*nothrow_new)(size_t size, const void *tag);
typedef void *(*nothrow_new_aligned)(size_t size, size_t alignment, const void *tag);

static UL_COLD void *new_nothrow_slow(size_t size, size_t alignment) {
  static const char tag;
  const char       *name = alignment ? "_ZnwmSt11align_val_tRKSt9nothrow_t" : "_ZnwmRKSt9nothrow_t";
  void             *catching = ul_os_next_symbol(name);
  if (!catching) return NULL;
  return alignment ? ((nothrow_new_aligned)catching)(size, alignment, &tag)
                   : ((nothrow_new)catching)(size, &tag);
}

static UL_COLD void *new_slow(size_t size, size_t alignment, bool nothrow) {
  for (;;) {
    void *object = alignment ? ul_api_aligned(alignment, size) : ul_api_malloc(size);
    if (object) return object;
    if (nothrow) {
      bool has_handler = _ZSt15get_new_handlerv && _ZSt15get_new_handlerv();
      return has_handler ? new_nothrow_slow(size, alignment) : NULL;
    }
    if (call_handler()) continue;
    if (_ZSt17__throw_bad_allocv) _ZSt17__throw_bad_allocv();
    ul_runtime_die("operator new: out of memory, and no C++ runtime to throw std::bad_alloc");
  }
}

UL_INLINE void *new_object(size_t size, bool nothrow) {
  void *object = ul_api_malloc(size);
  return UL_LIKELY(object != NULL) ? object : new_slow(size, 0, nothrow);
}

UL_INLINE void *new_aligned(size_t size, size_t alignment, bool nothrow) {
  void *object = ul_api_aligned(alignment, size);
  return UL_LIKELY(object != NULL) ? object : new_slow(size, alignment, nothrow);
}

#define NEW(name, nothrow, ...)                \
  void        *name(size_t size __VA_ARGS__);  \
  UL_API void *name(size_t size __VA_ARGS__) { \
    return new_object(size, nothrow);          \
  }
#define NEW_ALIGNED(name, nothrow, ...)                          \
  void        *name(size_t size, size_t alignment __VA_ARGS__);  \
  UL_API void *name(size_t size, size_t alignment __VA_ARGS__) { \
    return new_aligned(size, alignment, nothrow);                \
  }
#define DELETE(name, ...)                      \
  void        name(void *object __VA_ARGS__);  \
  UL_API void name(void *object __VA_ARGS__) { \
    ul_api_free(object);                       \
  }
#define NOTHROW , UL_UNUSED const void *tag
#define SIZED   , UL_UNUSED size_t size
#define ALIGNED , UL_UNUSED size_t alignment

NEW(_Znwm, false)
NEW(_Znam, false)
NEW(_ZnwmRKSt9nothrow_t, true, NOTHROW)
NEW(_ZnamRKSt9nothrow_t, true, NOTHROW)
NEW_ALIGNED(_ZnwmSt11align_val_t, false)
NEW_ALIGNED(_ZnamSt11align_val_t, false)
NEW_ALIGNED(_ZnwmSt11align_val_tRKSt9nothrow_t, true, NOTHROW)
NEW_ALIGNED(_ZnamSt11align_val_tRKSt9nothrow_t, true, NOTHROW)

DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm, SIZED)
DELETE(_ZdaPvm, SIZED)
DELETE(_ZdlPvRKSt9nothrow_t, NOTHROW)
DELETE(_ZdaPvRKSt9nothrow_t, NOTHROW)
DELETE(_ZdlPvSt11align_val_t, ALIGNED)
DELETE(_ZdaPvSt11align_val_t, ALIGNED)
DELETE(_ZdlPvmSt11align_val_t, SIZED ALIGNED)
DELETE(_ZdaPvmSt11align_val_t, SIZED ALIGNED)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, ALIGNED NOTHROW)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, ALIGNED NOTHROW)
