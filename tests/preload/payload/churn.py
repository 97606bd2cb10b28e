# SPDX-License-Identifier: MIT
"""Python's everyday life as one program: churn.py SCALE. Prints the same for the same scale."""
import collections
import hashlib
import json
import multiprocessing
import re
import subprocess
import sys
import threading
import zlib

SCALE = int(sys.argv[1])


def documents(count, salt):
    return [{"id": i, "name": f"name-{salt}-{i * 7919 % 10007}", "tags": [f"t{j}" for j in range(i % 9)],
             "nested": {"a": i / 3, "b": None, "c": [i] * (i % 5), "text": "x" * (i % 301)}} for i in range(count)]


def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def json_round(salt):
    text = json.dumps(documents(3000 * SCALE, salt))
    back = json.loads(text)
    return len(text), digest(back)


def dicts():
    table = {}
    for i in range(60000 * SCALE):
        table[f"key{i * 31 % 40000}"] = (i, str(i) * (i % 4))
        if i % 3 == 0:
            table.pop(f"key{i * 17 % 40000}", None)
    words = collections.Counter(re.findall(r"\w+", "the quick brown fox jumps " * 5000 + "end"))
    frozen = {frozenset((i % 11, i % 13)) for i in range(20000)}
    return len(table), digest(sorted(table.items())[:500]), sorted(words.items()), len(frozen)


def threads():
    """Blocks made in one thread and dropped in another."""
    queue, results, lock = collections.deque(), [], threading.Lock()

    def produce(number):
        for i in range(4000 * SCALE):
            queue.append(bytearray(b"%d" % (number * i)) * (i % 50 + 1))

    def consume():
        total = 0
        while True:
            finished = done.is_set()        # asked before looking: after it the queue only shrinks
            try:
                block = queue.popleft()
            except IndexError:
                if finished:
                    break
                continue
            total += zlib.crc32(block)
        with lock:
            results.append(total)

    done = threading.Event()
    makers = [threading.Thread(target=produce, args=(n,)) for n in range(3)]
    takers = [threading.Thread(target=consume) for _ in range(2)]
    for thread in makers + takers:
        thread.start()
    for thread in makers:
        thread.join()
    done.set()
    for thread in takers:
        thread.join()
    return sum(results)


def growth():
    """realloc, a byte at a time and in leaps."""
    block, parts = bytearray(), []
    for i in range(200000 * SCALE):
        block.append(i & 255)
    for i in range(2000):
        parts.append("p" * (i * 3))
    big = [bytes(1 << 20) for _ in range(8)]
    return zlib.crc32(block), len("".join(parts)), sum(len(b) for b in big)


def children():
    lines = [subprocess.run([sys.executable, "-c", f"print(sum(range({n})))"], capture_output=True, text=True,
                            check=True).stdout.strip() for n in (10, 1000, 100000)]
    with multiprocessing.get_context("fork").Pool(3) as pool:
        return lines, pool.map(json_round, range(4))


if __name__ == "__main__":
    for part in (dicts, threads, growth, children):
        print(part.__name__, part(), flush=True)
    print("json", json_round(0))
