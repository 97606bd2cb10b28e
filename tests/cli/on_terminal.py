#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""on_terminal.py SECONDS KEYS COMMAND…: runs a command on a terminal of its own.

Types KEYS after SECONDS; closes the terminal instead where KEYS is "hang up". Prints what the terminal showed, then a line "exit CODE". COLUMNS sets its width.
"""
import fcntl, os, pty, select, struct, sys, termios, time

delay, keys, command = float(sys.argv[1]), sys.argv[2], sys.argv[3:]
os.environ.setdefault("TERM", "xterm")
if os.environ["TERM"] in ("", "unknown"):
    os.environ["TERM"] = "xterm"
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(os.environ.get("COLUMNS", 120)), 0, 0))
    os.execvp(command[0], command)
started, shown, typed = time.monotonic(), b"", not keys
while time.monotonic() - started < 60:
    if not typed and time.monotonic() - started >= delay:
        typed = True
        if keys == "hang up":
            os.close(terminal)
            break
        os.write(terminal, keys.encode())
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
status = os.waitpid(pid, 0)[1]
shown = shown.replace(b"\r\n", b"\n")
sys.stdout.buffer.write(shown + (b"\n" if shown and not shown.endswith(b"\n") else b""))
sys.stdout.buffer.flush()
print(f"exit {os.waitstatus_to_exitcode(status)}")
