#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_symbols.py BUILD [--objects] [--library]: what libullage asks of the system, and what it offers.

It reads object files, so that no macro can fool it:

  objects  an inside object may use another inside object, and of libc only its thin parts (below):
           nothing that allocates, no stdio, nothing that reads the locale. getenv and environ are
           for runtime and the system files of os.
  library  libullage.so exports the malloc family, operator new and delete, and ullage_*, all of the
           first three; it needs libc and the loader only; it loads on glibc 2.28: no version of a
           symbol that it needs is newer, be the symbol weak or not.
"""
import re, subprocess, sys
from pathlib import Path

# libc's thin parts: a system call, or code that touches only its arguments.
ALLOWED = set("""
    memcpy memset memmove memcmp memchr strlen strcmp strncmp strchr strrchr strnlen strcspn strstr
    strcpy strcat stpcpy
    mmap mmap64 munmap mprotect madvise mremap mincore sysconf getpagesize getauxval getrlimit getrlimit64
    read write open open64 openat openat64 close pread pread64 pwrite pwrite64 fstat fstat64 lseek lseek64
    ftruncate ftruncate64 fcntl fcntl64 unlink mkdir chmod poll readlink memfd_create shmget shmat shmdt shmctl
    socket bind listen accept accept4 connect send recv sendmsg recvmsg getsockopt setsockopt shutdown
    syscall getpid getppid getuid geteuid gettid prctl raise kill abort _exit sched_yield sched_getcpu
    sched_getaffinity clock_gettime nanosleep clock_nanosleep getrandom
    sigaction sigprocmask sigfillset sigemptyset sigaddset sigdelset sigismember
    pthread_create pthread_join pthread_detach pthread_self pthread_equal pthread_kill pthread_sigmask
    pthread_key_create pthread_setspecific pthread_getspecific pthread_once pthread_atfork __register_atfork
    pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock pthread_mutex_init pthread_mutex_destroy
    pthread_cond_wait pthread_cond_timedwait pthread_cond_signal pthread_cond_broadcast
    pthread_attr_init pthread_attr_destroy pthread_attr_setstacksize pthread_attr_setdetachstate
    pthread_attr_getstack pthread_attr_setguardsize pthread_getattr_np pthread_setname_np
    __errno_location dl_iterate_phdr __cxa_atexit __cxa_thread_atexit_impl atexit
    __libc_single_threaded __stack_chk_fail __stack_chk_guard
    _GLOBAL_OFFSET_TABLE_ __dso_handle _DYNAMIC __ehdr_start __libc_stack_end _end
    __start_ul_fast_code __stop_ul_fast_code
""".split())
ALLOWED_IN = {  # more, for files of these folders only
    "runtime/": {"getenv", "secure_getenv", "environ", "__environ"},
    "os/linux/": {"environ", "__environ"},
    "os/linux/symbol.c": {"dlsym"},
    "api/": {"_Unwind_Resume", "__gcc_personality_v0"},
    "api/interpose_malloc.c": {"fputs"},  # malloc_info is handed a FILE to write to
}
# Weak: used where the program brings it, done without otherwise. For operator new, which must call the
# C++ runtime's handler and throw its bad_alloc.
WEAK_CXX = re.compile(r"^(_ZSt|_ZNSt|_ZTISt|_ZTVSt|__cxa_|__gxx_personality|_Unwind_)")
# Arithmetic that the compiler calls where the CPU lacks an instruction; linked in from libgcc.a.
ARITHMETIC = re.compile(r"^__(u?div|u?mod|u?divmod|mul|ashl|ashr|lshr|popcount|clz|ctz|ffs|bswap|parity|cmp)[sdt]i\d$"
                        r"|^__aarch64_(cas|swp|ldadd|ldset|ldclr|ldeor)\d+_\w+$")

FAMILY = set("""malloc calloc realloc reallocarray free memalign posix_memalign aligned_alloc valloc pvalloc
    malloc_usable_size malloc_trim mallinfo2 malloc_stats malloc_info mallopt
    free_sized free_aligned_sized""".split())
HEARD = {"prctl"}  # passed on; api/interpose_prctl.c says why
OFFERED = FAMILY | HEARD | {"mallinfo", "cfree", "malloc_get_state", "malloc_set_state"}
NEW_DELETE = re.compile(r"^_Z(nw|na|dl|da)(m|Pv)(m)?(St11align_val_t)?(RKSt9nothrow_t)?$")
NEW_DELETE_COUNT = 20  # 8 of new, 12 of delete
NEEDED = re.compile(r"^(libc\.so\.6|ld-linux[a-z0-9_-]*\.so\.\d|libpthread\.so\.0)$")
OLDEST = (2, 28)

errors = []


def tool(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def source_of(path):
    return path.as_posix().split(".dir/src/")[-1].removesuffix(".o")


def check_objects(build):
    objects = sorted(path for name in ("ullage_inside", "ullage_interpose", "ullage_thread")
                     for path in (build / "CMakeFiles" / f"{name}.dir").rglob("*.o"))
    if not objects:
        errors.append(f"{build}: no inside objects; build the release preset first")
        return
    symbols = {path: [line.split() for line in tool("nm", "-P", str(path)).splitlines()] for path in objects}
    ours = {row[0] for rows in symbols.values() for row in rows if row[1] not in "Uwv"}
    for path, rows in symbols.items():
        source = source_of(path)
        allowed = ALLOWED | {name for folder, names in ALLOWED_IN.items() if source.startswith(folder)
                             for name in names}
        for name, kind in ((row[0], row[1]) for row in rows):
            if kind not in "Uwv" or name in ours or name in allowed or ARITHMETIC.match(name):
                continue
            if kind in "wv" and source.startswith("api/") and WEAK_CXX.match(name):
                continue
            errors.append(f"src/{source}: uses {name}, which is not of libc's thin parts "
                          "(the list is in tools/check_symbols.py)")
    print(f"symbols: {len(objects)} inside objects")


def check_versions(library):
    """The loader looks at the versions first, and refuses the library for one that its libc lacks."""
    symbols = re.findall(r"\sUND\s+(\S+?)@+(\S+)", tool("readelf", "--dyn-syms", "-W", str(library)))
    _, _, needs = tool("readelf", "-VW", str(library)).partition("Version needs section")
    for version in re.findall(r"Name: (\S+)\s+Flags: none", needs):
        glibc = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", version)
        if not glibc or (int(glibc[1]), int(glibc[2])) > OLDEST:
            users = " ".join(symbol for symbol, of in symbols if of == version) or "the library itself"
            errors.append(f"{library.name}: needs {version} (for {users}), newer than {OLDEST[0]}.{OLDEST[1]}: "
                          "ask for the older version of the symbol, as os/linux/symbol.c does; weak is not enough")


def check_library(library):
    if not library.exists():
        errors.append(f"{library}: not built")
        return
    rows = [line.split() for line in tool("nm", "-D", "-P", str(library)).splitlines()]
    exported = {row[0].split("@")[0] for row in rows if row[1] not in "Uwv" and row[1] != "A"}
    exported -= {"_init", "_fini", "_edata", "_end", "__bss_start"}
    exported -= {"__start_ul_fast_code", "__stop_ul_fast_code"}  # listed by the linker, but hidden
    news = {name for name in exported if NEW_DELETE.match(name)}
    for name in sorted(exported - OFFERED - news):
        if not name.startswith("ullage_"):
            errors.append(f"{library.name}: exports {name}")
    for name in sorted((FAMILY | HEARD) - exported):
        errors.append(f"{library.name}: does not export {name}")
    if len(news) != NEW_DELETE_COUNT:
        errors.append(f"{library.name}: {len(news)} forms of operator new and delete, not {NEW_DELETE_COUNT}")
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", tool("readelf", "-dW", str(library))):
        if not NEEDED.match(name):
            errors.append(f"{library.name}: needs {name}")
    check_versions(library)
    print(f"symbols: {library.name} exports {len(exported)}")


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    build = Path(words[0] if words else "build/release")
    if "--library" not in sys.argv:
        check_objects(build)
    if "--objects" not in sys.argv:
        check_library(build / "libullage.so")
    print("\n".join(errors) or "symbols: as they should be")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
