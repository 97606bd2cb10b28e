# SPDX-License-Identifier: MIT
"""Servers under load: redis, memcached, nginx, PostgreSQL.

The server alone is measured and preloaded; its clients are plain. They listen on a Unix socket in the box or on
127.0.0.1. Load generators choose their keys by the clock (redis-benchmark) or print rates (pgbench, ab), so what is
compared is what a fixed sequence of requests got back before and after the load; the load itself must end without
one failed request. Time is that of the load, not of start and stop."""
import glob
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

from harness import Failure, Program, find, free_port

IDLE_S = 4      # freed memory may go back in the background: what is left is measured after this long


# ---- redis -------------------------------------------------------------------------------------------------------
def redis_commands(keys):
    """A data set of strings, lists, hashes and sorted sets, values replaced and removed again."""
    pick = random.Random(23)
    lines = []
    for i in range(keys):
        size = int(min(16384, pick.lognormvariate(4.6, 1.2)))
        lines.append(f"SET key:{i % (keys * 3 // 4)} {'v' * size}{i}")
        if i % 4 == 0:
            lines += [f"HSET hash:{i % 997} field{i} {'h' * (1 + i % 60)}", f"ZADD board:{i % 13} {i * 7 % 1000} member{i}"]
        if i % 5 == 0:
            lines += [f"RPUSH list:{i % 101} {'l' * (1 + i % 90)}", f"APPEND log:{i % 7} {i},"]
        if i % 9 == 0:
            lines.append(f"DEL key:{i * 31 % keys}")
    return ("\r\n".join(lines) + "\r\n").encode()


def redis(box):
    path = box.dir / "redis.sock"
    server = box.start(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", box.dir,
                        "--enable-debug-command", "local", "--activedefrag", "no"], timeout_s=60)

    def ask(*words):
        return box.plain(["redis-cli", "-s", path, *words]).strip()

    box.wait_for(lambda: connects(path), server)
    with box.timed():
        answer = box.plain(["redis-cli", "-s", path, "--pipe"], input=redis_commands(200_000))
        box.keep("bulk load", re.sub(rb"All data transferred.*\n", b"", answer))
    box.keep("digest", ask("DEBUG", "DIGEST"))
    ask("DEBUG", "RELOAD")           # writes the whole set out and reads it back into fresh memory
    box.keep("digest after a reload", ask("DEBUG", "DIGEST"))
    ask("BGSAVE")                    # forks: the child walks all memory while the load below changes it
    with box.timed():
        load = box.plain(["redis-benchmark", "-s", path, "-n", "100000", "-c", "40", "-r", "200000", "-d", "400", "-P", "8",
                          "--csv", "-t", "set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset"],
                         timeout_s=240)
    # Its rates are the clock's; which tests ran to their end is not.
    box.keep("redis-benchmark", b"\n".join(line.split(b",")[0] for line in load.splitlines()))
    deadline = time.monotonic() + 30
    while b"rdb_bgsave_in_progress:0" not in ask("INFO", "persistence") and time.monotonic() < deadline:
        time.sleep(0.1)
    box.keep("background save", re.search(rb"rdb_last_bgsave_status:\w+", ask("INFO", "persistence")).group())
    box.figure("RSS loaded", box.rss_now(server))
    ask("FLUSHALL", "ASYNC")         # freed by another thread than the one that allocated
    time.sleep(IDLE_S)
    box.figure(f"{IDLE_S} s after FLUSHALL", box.rss_now(server))
    box.keep("empty", ask("DBSIZE"))
    server.stop()


def redis_note():
    """Says by what redis was linked; Debian's brings jemalloc as a shared library."""
    server = find("redis-server")
    if server is None:
        return ""
    text = subprocess.run([server, "--version"], stdout=subprocess.PIPE, check=False, timeout=20).stdout.decode()
    match = re.search(r"malloc=(\S+)", text)
    return f"built with {match.group(1)}, replaced by the preload in both runs" if match else ""


# ---- memcached ---------------------------------------------------------------------------------------------------
def memcached_client(path, number, count, answers):
    """Sets, overwrites, deletes and reads its own keys; what it read goes into one digest."""
    pick, digest = random.Random(number), hashlib.sha256()
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(30)
        link.connect(str(path))
        stream = link.makefile("rb")
        for start in range(0, count, 100):
            batch = []
            for i in range(start, start + 100):
                size = int(min(100_000, pick.lognormvariate(6.2, 1.3)))
                value = b"%d:" % i + b"m" * size
                batch.append(b"set k%d-%d 0 0 %d noreply\r\n%s\r\n" % (number, i * 7 % (count // 2), len(value), value))
                if i % 11 == 0:
                    batch.append(b"delete k%d-%d noreply\r\n" % (number, i * 3 % (count // 2)))
            batch.append(b"get " + b" ".join(b"k%d-%d" % (number, (start + j * 13) % (count // 2)) for j in range(40))
                         + b"\r\n")
            link.sendall(b"".join(batch))
            while (line := stream.readline()) != b"END\r\n":
                if not line:
                    return
                digest.update(line)
                digest.update(stream.read(int(line.split()[3]) + 2))
    answers[number] = digest.hexdigest()


def memcached(box):
    path, count, clients = box.dir / "memcached.sock", 2_000 if box.small else 40_000, 4
    server = box.start(["memcached", "-u", "root", "-s", path, "-m", "512", "-t", "4", "-U", "0"], timeout_s=30)
    box.wait_for(lambda: connects(path), server)
    answers = {}
    threads = [threading.Thread(target=memcached_client, args=(path, n, count, answers)) for n in range(clients)]
    with box.timed():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    box.keep("what each client read", repr(sorted(answers.items())).encode())
    if len(answers) != clients:
        raise Failure(f"memcached: {clients - len(answers)} of {clients} clients lost their connection")
    stats = {}
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(path))
        link.sendall(b"stats\r\n")
        for line in link.makefile("rb"):
            if line == b"END\r\n":
                break
            stats[line.split()[1]] = line.split()[2]
    box.keep("counters", repr([(key, stats[key]) for key in (b"curr_items", b"cmd_set", b"cmd_get", b"get_hits",
                                                               b"delete_hits", b"evictions", b"bytes")]).encode())
    server.stop()


# ---- nginx -------------------------------------------------------------------------------------------------------
NGINX = """daemon off; worker_processes 2; user root; pid {dir}/nginx.pid; error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  default_type text/plain; access_log off; sendfile off; gzip on; gzip_types text/plain; gzip_min_length 200;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
  scgi_temp_path {dir}/t5; proxy_buffers 16 16k; proxy_http_version 1.1;
  upstream self {{ server 127.0.0.1:{port}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port}; root {dir}/www;
    location /via/ {{ proxy_pass http://self/; proxy_set_header Connection ""; }}
    location /lines/ {{ ssi on; ssi_types text/plain; alias {dir}/www/; }}
    location = /hello {{ return 200 "hello from $server_protocol $request_uri\\n"; }}
  }}
}}
"""


def nginx(box):
    port = free_port()
    for size in (0, 300, 5_000, 90_000, 3_000_000):
        box.write(f"www/f{size}.txt", b"".join(b"%d of %d\n" % (i, size) for i in range(size // 10)))
    box.write("www/page.txt", '<!--#include virtual="/f5000.txt" --> and <!--#echo var="REQUEST_METHOD" -->\n')
    box.write("nginx.conf", NGINX.format(dir=box.dir, port=port))
    server = box.start(["nginx", "-p", box.dir, "-c", box.dir / "nginx.conf"], timeout_s=30)
    url = f"http://127.0.0.1:{port}"

    def fetch(path, headers):
        with urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=20) as answer:
            return hashlib.sha256(answer.read()).hexdigest()

    def fetch_all(name):
        paths = [f"{by}/f{size}.txt" for by in ("", "/via") for size in (0, 300, 5_000, 90_000, 3_000_000)]
        for path in [*paths, "/lines/page.txt", "/via/lines/page.txt", "/hello"]:
            for headers in ({}, {"Accept-Encoding": "gzip"}, {"Range": "bytes=100-2000"} if "f5000" in path else {}):
                box.keep(f"{name}: {path} {headers}", fetch(path, headers).encode())

    box.wait_for(lambda: connects(("127.0.0.1", port)), server)
    fetch_all("before")
    with box.timed():
        for path, requests in (("/f5000.txt", 20_000), ("/via/f90000.txt", 4_000), ("/f3000000.txt", 300),
                               ("/lines/page.txt", 8_000), ("/hello", 30_000)):
            box.keep(f"load on {path}", ab(box, url + path, requests))
            if path == "/f3000000.txt":
                os.kill(server.pid, signal.SIGHUP)      # new workers under load, the old ones finish theirs
    fetch_all("after")
    server.stop(signal.SIGQUIT)


def ab(box, url, requests):
    text = box.plain(["ab", "-q", "-k", "-n", str(requests), "-c", "32", "-H", "Accept-Encoding: gzip", url]).decode()
    found = re.findall(r"^(?:Complete requests|Failed requests|Non-2xx responses):.*$", text, re.MULTILINE)
    return "\n".join(re.sub(r"\s+", " ", line) for line in found).encode()


# ---- PostgreSQL --------------------------------------------------------------------------------------------------
CHECKS = """
SELECT count(*), sum(abalance), md5(string_agg(aid || ':' || abalance, ',' ORDER BY aid)) FROM pgbench_accounts;
SELECT sum(bbalance), (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM pgbench_history)
  FROM pgbench_branches;
SELECT md5(jsonb_agg(jsonb_build_object('k', aid, 'v', repeat('x', aid % 50)) ORDER BY aid)::text)
  FROM pgbench_accounts WHERE aid <= 60000;
SELECT count(*), sum(a.aid) FROM pgbench_accounts a JOIN pgbench_accounts b ON a.aid = b.aid * 3 % 100000;
SELECT left(md5(string_agg(w, ' ' ORDER BY w, n)), 12) FROM (SELECT regexp_replace('word ' || n, '[aeiou]', '_') w, n
  FROM generate_series(1, 80000) n) t;
DO $$ DECLARE t text := ''; m jsonb := '{}'; BEGIN FOR i IN 1..3000 LOOP t := t || i; m := m || jsonb_build_object(i % 200, t);
  IF i % 300 = 0 THEN RAISE NOTICE '% %', length(t), md5(m::text); END IF; END LOOP; END $$;
"""


def postgres_bin(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else find(name)


def postgres(box):
    scale, turns = 5, 2_000
    user = []
    if os.geteuid() == 0:           # the server refuses to run as root
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(box.dir, "postgres", "postgres")
    link = ["-h", str(box.dir), "-U", "postgres"]
    box.run([*user, postgres_bin("initdb"), "-D", box.dir / "data", "--no-sync", "-A", "trust", "-U", "postgres",
             "--locale=C.UTF-8", "-E", "UTF8"], name="initdb")
    server = box.start([*user, postgres_bin("postgres"), "-D", box.dir / "data", "-k", box.dir, "-c", "listen_addresses=",
                        "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "autovacuum=off"], name="postgres")
    isready = postgres_bin("pg_isready")
    box.wait_for(lambda: subprocess.run([isready, "-q", *link], timeout=20, check=False).returncode == 0, server)
    bench = [postgres_bin("pgbench"), *link]
    with box.timed():
        box.plain([*bench, "-i", "-q", "-s", str(scale), "postgres"])
        # Additions commute: with seeded clients the balances at the end do not depend on who came first.
        said = box.plain([*bench, "-n", "-c", "4", "-j", "2", "-t", str(turns), "--random-seed=42", "postgres"]).decode()
        box.keep("pgbench", "\n".join(re.findall(r"^number of (?:transactions actually|failed).*$", said, re.M)).encode())
        box.plain([*bench, "-n", "-S", "-C", "-c", "4", "-j", "2", "-t", "60", "--random-seed=7", "postgres"])
        box.keep("queries", box.plain([postgres_bin("psql"), *link, "-X", "-A", "-v", "ON_ERROR_STOP=1", "postgres"],
                                      input=CHECKS.encode()))
    box.plain([postgres_bin("psql"), *link, "-X", "-c", "VACUUM (PARALLEL 2) pgbench_accounts", "postgres"])
    dump = box.plain([postgres_bin("pg_dump"), *link, "-t", "pgbench_tellers", "-t", "pgbench_branches", "postgres"])
    # Rows lie in the order of their last update, which is chance; newer versions guard the text by a random word.
    dump = re.sub(rb"(?m)^\\(un)?restrict \S+$", b"", dump)
    box.keep("pg_dump", b"\n".join(sorted(dump.splitlines())))
    server.stop(signal.SIGINT)


def connects(address):
    with socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX) as link:
        link.settimeout(5)
        link.connect(address if isinstance(address, tuple) else str(address))
        return True


def postgres_missing():
    names = [name for name in ("initdb", "postgres", "pgbench", "psql", "pg_dump") if postgres_bin(name) is None]
    if names:
        return f"{', '.join(names)} not installed: apt install postgresql"
    return ""


PROGRAMS = [
    Program("redis", redis, "bulk load, reload, fork, redis-benchmark, FLUSHALL", ["redis-server", "redis-cli",
            "redis-benchmark"], ["redis-server", "redis-tools"], ["redis-server|redis-check-rdb"], baseline="libc",
            note=redis_note),
    Program("memcached", memcached, "4 threads, 4 clients, values up to 100 kB", ["memcached"], ["memcached"],
            ["memcached"], small=True),
    Program("nginx", nginx, "2 workers, files, proxy, gzip, SSI, reload under ab", ["nginx", "ab"],
            ["nginx", "apache2-utils"], ["nginx"], tree=True),
    Program("postgresql", postgres, "initdb, pgbench with 4 clients, queries, vacuum", [], ["postgresql"],
            ["initdb", "postgres"], tree=True, available=postgres_missing),
]
