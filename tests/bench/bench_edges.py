"""make bench: a fleet of a hundred thousand edges beside one edge: warm queries, adding edges, the first query, memory."""

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
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from support import apks
from support.servers import Program, Servers, pakhus_binary

MANY = int(os.environ.get("BENCH_EDGES", "100000"))
SECONDS = os.environ.get("BENCH_SECONDS", "4")
RESULT = '{"edge":"shop-000000","packages":{"GAME/2.0":{"since":"2026-08-01T00:00:00Z","size":5,"sha256":"%s"}}}' % ("ab" * 32)
PLACES = {"a hit": ("GAME", "11.0.0.1"), "a miss at an edge": ("TOOL", "11.0.0.1"), "a miss without an edge": ("GAME", "198.51.100.3")}


def say(what: str, measured: str, wanted: str, holds: bool) -> None:
    print(f"{what:78} {measured:>40} {wanted:>20}  {'' if holds else 'FALLS SHORT'}", flush=True)


def edge(number: int) -> dict[str, object]:
    """A shop as most are: the network that each router has, told apart by the address that others see."""
    return {"edge": f"shop-{number:06}", "address": f"192.168.0.{number % 250 + 1}", "directory": "/data/share", "lans": ["192.168.0.0/24"],
            "location": [round(random.uniform(20, 45), 4), round(random.uniform(90, 125), 4)],
            "egress": [f"{11 + number // 65536}.{number // 256 % 256}.{number % 256}.1/32"], "store": "pull"}


def timed(*words: str | Path, env: dict[str, str]) -> tuple[float, float]:
    """Seconds, and MiB at the most."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **env})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0, words
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def ask(server: Program, app: str, caller: str) -> float:
    """Seconds."""
    start = time.perf_counter()
    request = urllib.request.Request(f"{server.url}/query?app={app}&ip=192.168.0.7&mask=24", headers={"X-Forwarded-For": caller})
    urllib.request.urlopen(request, timeout=300).read()
    return time.perf_counter() - start


def rate(server: Program, app: str, caller: str) -> float:
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{SECONDS}s", "-H", f"X-Forwarded-For: {caller}",
                          f"{server.url}/query?app={app}&ip=192.168.0.7&mask=24"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert found and "Non-2xx" not in out, out
    return float(found[1])


def memory(server: Program) -> float:
    """MiB, of the program itself, which runs below a wrapper or not."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    sizes = [re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in [str(server.process.pid), *children]]
    return max(int(size[1]) for size in sizes if size) / 1024


def fleet(servers: Servers, work: Path, store: str, env: dict[str, str], count: int) -> Program:
    rows, one = work / f"{count}.jsonl", work / "one.json"
    random.seed(1)
    rows.write_text("".join(json.dumps(edge(number)) + "\n" for number in range(count)))
    for app, apk in (("GAME", "uiautomator2"), ("TOOL", "settings")):
        timed(pakhus_binary(), "publish", apks.original(apk), "--store", store, "--app", app, "--version", "2.0", env=env)
    seconds, mebibytes = timed(pakhus_binary(), "edge", "add", "--from", rows, "--store", store, env=env)
    say(f"{store[:5]} edge add --from of {count:,}", f"{seconds:.1f} s, {mebibytes:.0f} MiB", "≤ 60 s, ≤ 256 MiB", seconds <= 60 and mebibytes <= 256)
    one.write_text(json.dumps(edge(900000)))
    seconds, mebibytes = timed(pakhus_binary(), "edge", "add", one, "--store", store, env=env)
    say(f"{store[:5]} edge add of one beside {count:,}", f"{seconds:.2f} s, {mebibytes:.0f} MiB", "", True)
    return servers.function("query", {**env, "PAKHUS_STORE": store, "PAKHUS_LOG": "warn", "PAKHUS_THREADS": "1", "PAKHUS_FLUSH": "1h",
                                      "PAKHUS_TRUSTED_PROXIES": "127.0.0.1/32", "PAKHUS_PUBLIC_URL": "https://apps.example"})


def compare(few: Program, many: Program, kind: str) -> None:
    first = [ask(server, *PLACES["a hit"]) for server in (few, many)]
    say(f"{kind} first query of an instance, {MANY:,} edges against one", f"{first[1]:.2f} s, {first[0]:.2f} s, {first[1] / first[0]:.1f} ×",
        "≤ 2 ×", first[1] <= 2 * first[0])
    for what, place in PLACES.items():
        ask(few, *place), ask(many, *place)
        pairs = [(rate(many, *place), rate(few, *place)) for _ in range(3)]
        large, small = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
        say(f"{kind} warm queries, {what}, {MANY:,} edges against one", f"{large:.0f} /s, {small:.0f} /s, {large / small:.2f} ×", "≥ 0.8 ×",
            large >= 0.8 * small)
    say(f"{kind} memory of an instance, {MANY:,} edges against one", f"{memory(many):.0f} MiB, {memory(few):.0f} MiB", "≤ 64 MiB, ≤ 2 ×",
        memory(many) <= 64 and memory(many) <= 2 * memory(few))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Servers(Path(folder) / "logs") as servers:
        work, minio = Path(folder), servers.minio()
        for kind in ("file", "s3"):
            started = []
            for count in (1, MANY):
                store = f"file://{work}/{count}" if kind == "file" else minio.store(minio.bucket(f"edges-{count}"))
                started.append(fleet(servers, work, store, {} if kind == "file" else minio.credentials(), count))
            compare(started[0], started[1], kind)


if __name__ == "__main__":
    main()
