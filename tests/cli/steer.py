#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""steer.py DIRECTORY MODE: a program that answers on the control socket as no program should.

It makes DIRECTORY/<its own number> and prints that number when it listens, then how many bytes each
request had. What it does with a
request: silent, close, short, garbage, magic, version, unknown, refuse, long (a good answer with
more behind it), stream (a socket of another kind). The formats are those of src/wire/control.h.
"""
import os
import socket
import struct
import sys

MAGIC = int.from_bytes(b"ULLCTL\0\0", "little")
directory, mode = sys.argv[1:3]
reply = {
    "short": struct.pack("<Q", MAGIC),
    "garbage": bytes(range(200, 256)),
    "magic": struct.pack("<QIIQ", 1, 1, 0, 4096),
    "version": struct.pack("<QIIQ", MAGIC, 77, 0, 4096),
    "unknown": struct.pack("<QIIQ", MAGIC, 1, 1, 0),
    "refuse": struct.pack("<QIIQ", MAGIC, 1, 2, 0),
    "long": struct.pack("<QIIQ", MAGIC, 1, 0, 3 << 20) + b"x" * 100,
}.get(mode)

kind = socket.SOCK_STREAM if mode == "stream" else socket.SOCK_SEQPACKET
listener = socket.socket(socket.AF_UNIX, kind)
listener.bind(f"{directory}/{os.getpid()}")
listener.listen(8)
print(os.getpid(), flush=True)
kept = []
while True:
    connection, _ = listener.accept()
    if mode == "silent":
        kept.append(connection)
        continue
    try:
        if mode != "close":
            print("heard", len(connection.recv(4096)), flush=True)
            connection.send(reply or b"")
    except OSError:
        pass  # who asked hung up before: its right
    connection.close()
