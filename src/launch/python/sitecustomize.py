# SPDX-License-Identifier: MIT
"""What `ullage run --budget` adds to a Python program: garbage is collected when memory asks for it.

CPython counts objects, not bytes, to decide when to look for cycles; few large ones are then found
too late, or never. So

    at start     gc.set_threshold(100, 10, 10), as long as nobody has set another
    a thread     looks how much is resident, the more often the nearer it is to the mark
                 (ULLAGE_PYTHON_COLLECT_AT, 70 % of the budget), and collects everything above it

What it costs is bounded: below the mark a look of ten microseconds each 2 to 50 ms; above it a fifth
of the time, a tenth where a collection is long. One that found nothing is not repeated until a
quarter of what is left has been used: all of it lives. The thread need not wait 5 ms for its turn,
as threads usually do, but 1 ms: in 5 ms 15 MB are filled.

gc.disable() is respected. A forked child gets a thread of its own. A sitecustomize of the user's,
found later on the path, is imported as if we were not there. Written for Python 2.7 and 3 alike;
where anything is not as expected, it does nothing.
"""
import sys


def _chain():
    """Imports the next sitecustomize on the path under its own name; ours leaves the path."""
    import os
    here = os.path.dirname(os.path.abspath(__file__))
    ours = sys.modules.pop("sitecustomize", None)
    sys.path[:] = [entry for entry in sys.path if not entry or os.path.abspath(entry) != here]
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") not in (None, "sitecustomize"):
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours


# One thread fills memory with 3 GB a second, with 8 where pages are large: from so far below the mark
# it is not reached before the next look.
_BYTES_PER_SECOND = 8e9
_WAIT_LEAST, _WAIT_MOST = 0.002, 0.05
_LONG = 0.02


def _watch(mark, page):
    import gc
    import os
    import _thread
    from time import perf_counter as clock, sleep

    wall = mark // 70 * 95

    def resident():
        try:
            with open("/proc/self/statm", "rb", 0) as file:
                return int(file.read(64).split()[1]) * page
        except (OSError, ValueError, IndexError):
            return 0

    def watch():
        at = mark  # where the next collection is due
        while True:
            now = resident()
            if now <= mark:
                at = mark
            if now <= at or not gc.isenabled():
                sleep(min(max((at - now) / _BYTES_PER_SECOND, _WAIT_LEAST), _WAIT_MOST))
                continue
            started = clock()
            found = gc.collect()
            took = clock() - started
            if not found:
                now = resident()
                at = max(mark, now + max(wall - now, 0) // 4)
            sleep(max(took * (4 if took < _LONG else 9), _WAIT_LEAST))

    def start():
        try:
            _thread.start_new_thread(watch, ())
        except RuntimeError:
            pass  # no thread to be had: the thresholds remain

    if sys.getswitchinterval() == 0.005:
        sys.setswitchinterval(0.001)
    start()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=start)


def _start():
    import gc
    import os
    if gc.isenabled() and gc.get_threshold()[0] >= 700:  # what CPython starts with: 700 or 2000
        gc.set_threshold(100, 10, 10)
    mark = int(os.environ.get("ULLAGE_PYTHON_COLLECT_AT", "0"))
    if mark > 0 and sys.version_info[0] >= 3:
        _watch(mark, os.sysconf("SC_PAGE_SIZE"))


try:
    _start()
except Exception:  # never stop a program at start for this
    pass
_chain()
