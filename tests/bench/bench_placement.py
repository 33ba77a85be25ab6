"""make bench: queries on the port beside nginx, and what LANs asked for, evaluated: ten million counters from a thousand objects."""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from support import apks
from support.servers import Program, Servers, pakhus_binary

SECONDS = os.environ.get("BENCH_SECONDS", "4")
COUNTERS = int(os.environ.get("BENCH_COUNTERS", "10000000"))
PARTS, OBJECTS, LANS, BUCKETS = 16, 1000, 2000, 12
DAY, NOW = "2026-11-22", "2026-11-22T23:58:00Z"
HOME = "ip=192.168.0.7&mask=255.255.255.0"


def say(what: str, measured: str, wanted: str, holds: bool) -> None:
    print(f"{what:70} {measured:>34} {wanted:>20}  {'' if holds else 'FALLS SHORT'}", flush=True)


def command(*words: str | Path, env: dict[str, str] | None = None) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, **(env or {})}).stdout


# --- queries


def on_first_core(program: Program) -> None:
    children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text().split()
    for pid in [str(program.process.pid), *children]:
        command("taskset", "-apc", "0", pid)


def rate(url: str) -> float:
    out = command("taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{SECONDS}s", url)
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert found and "Non-2xx" not in out, out
    return float(found[1])


def queries(servers: Servers) -> None:
    """Hits on an edge, misses at one, and those of a LAN that nobody registered, from MinIO; one worker thread, both servers on one core."""
    minio = servers.minio()
    bucket = minio.bucket("queries")
    store, env = minio.store(bucket), minio.credentials()
    command(pakhus_binary(), "publish", apks.original("uiautomator2"), "--store", store, "--app", "GAME", "--version", "2.0", env=env)
    edge = {"edge": "shop-1", "address": "192.168.0.5", "directory": "/data/share", "lans": ["192.168.0.0/24"], "store": "pull"}
    held = {"edge": "shop-1", "packages": {"GAME/2.0": {"since": "2026-08-01T00:00:00Z", "size": 5, "sha256": "ab" * 32}}}
    minio.client().put_object(Bucket=bucket, Key="edges/shop-1.json", Body=json.dumps(edge).encode())
    minio.client().put_object(Bucket=bucket, Key="held/shop-1/9999999999999999", Body=json.dumps(held).encode())
    server = servers.function("query", {**env, "PAKHUS_STORE": store, "PAKHUS_LOG": "warn", "PAKHUS_THREADS": "1",
                                        "PAKHUS_PUBLIC_URL": "https://apps.example"})
    on_first_core(server)
    command(pakhus_binary(), "publish", apks.original("settings"), "--store", store, "--app", "TOOL", "--version", "2.0", env=env)
    for what, arguments in (("hits", f"app=GAME&{HOME}"), ("misses at an edge", f"app=TOOL&{HOME}"),
                            ("misses without an edge", "app=GAME&ip=10.1.2.3&mask=8")):
        url = f"{server.url}/query?{arguments}"
        body = re.sub(r'"expires":"[^"]+"', '"expires":"2026-11-22T10:00:00.000Z"', urllib.request.urlopen(url).read().decode().strip())
        quoted = body.replace('"', '\\"')
        nginx = servers.nginx('server { listen 127.0.0.1:{{port}}; access_log off; keepalive_requests 100000000; '
                              'location / { default_type application/json; return 200 "%s\\n"; } }' % quoted)
        on_first_core(nginx)
        assert urllib.request.urlopen(nginx.url).read().decode().strip() == body
        pairs = [(rate(url), rate(nginx.url)) for _ in range(3)]
        ours, theirs = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
        say(f"warm queries, {what}, against nginx return 200", f"{ours:.0f} /s, {theirs:.0f} /s, {ours / theirs:.2f} ×", "≥ 0.5 ×",
            ours / theirs >= 0.5)


# --- evaluate


def lan_part(lan: str) -> int:
    """FNV-1a, as lib/edges/lan.c has it."""
    hashed = 2166136261
    for byte in lan.encode():
        hashed = ((hashed ^ byte) * 16777619) & 0xFFFFFFFF
    return (hashed ^ hashed >> 16) % PARTS


def lans_by_part() -> list[list[str]]:
    parts: list[list[str]] = [[] for _ in range(PARTS)]
    for number in range(LANS):
        lan = f"shop-{number}@192.168.0.0/24"
        parts[lan_part(lan)].append(lan)
    return parts


def lines(lans: list[str], counters: int) -> Iterator[str]:
    """So many counters: packages of some hundred apps, each with a count for every five minutes of an hour."""
    tails = ["".join(f" {bucket}:{random.randint(1, 999)}+{random.randint(1, 99)}" for bucket in range(BUCKETS)) + "\n" for _ in range(256)]
    left = counters // BUCKETS
    packages = -(-left // len(lans))
    for lan in lans:
        yield f"L {lan}\n"
        first = random.randrange(1000)
        for number in range(min(packages, left)):
            yield f"P APP{(first + 7 * number) % 1000}/2.{number % 10}" + tails[number & 255]
        left -= min(packages, left)


def write_demand(store: Path, counters: int) -> int:
    """A day's live objects, a thousand of them; returns their bytes."""
    random.seed(1)
    parts, size = lans_by_part(), 0
    for number in range(OBJECTS):
        part, hour, instance = number % PARTS, number // PARTS % 24, f"i{number // PARTS}"
        folder = store / f"demand/live/{DAY}/{hour:02}/{part:02}"
        folder.mkdir(parents=True, exist_ok=True)
        text = "pakhus-demand 1\n" + "".join(lines(parts[part], counters // OBJECTS))
        (folder / instance).write_text(text)
        size += len(text)
    return size


def evaluate(store: Path, *options: str) -> tuple[float, float]:
    """Seconds of the processor, and MiB."""
    process = subprocess.Popen([pakhus_binary(), "evaluate", "--store", f"file://{store}", "--now", NOW, *options], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0, status
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def evaluation(work: Path) -> None:
    times = []
    for counters in (COUNTERS // 10, COUNTERS):
        store = work / f"store-{counters}"
        size = write_demand(store, counters)
        seconds, mebibytes = evaluate(store, "--dry-run")
        times.append(seconds)
        say(f"evaluate: {counters / 1e6:g} million counters, {OBJECTS} objects, {size / 1e6:.0f} MB", f"{seconds:.2f} s, {mebibytes:.0f} MiB",
            "≤ 20 s, ≤ 128 MiB", seconds <= 20 and mebibytes <= 128)
    say("ten times the counters take", f"{times[1] / times[0]:.1f} ×", "≤ 11 ×", times[1] <= 11 * times[0])
    for at_once in (1, 2, 4):
        began = time.monotonic()
        for first in range(0, PARTS, at_once):
            running = [subprocess.Popen([pakhus_binary(), "evaluate", "--store", f"file://{store}", "--now", NOW, "--dry-run", "--part", str(part)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for part in range(first, first + at_once)]
            assert not any(process.wait() for process in running)
        say(f"all parts, {at_once} at once", f"{time.monotonic() - began:.2f} s", "", True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with Servers(Path(folder) / "logs") as servers:
            queries(servers)
        evaluation(Path(folder))


if __name__ == "__main__":
    main()
