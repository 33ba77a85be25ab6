"""make bench: what we do beside what others do, in one run on one machine, as ratios. A ratio means little across machines."""

import base64
import csv
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from support import apks
from support.cache import fetched
from support.packages import FUNCTIONS
from support.servers import Program, Servers, bootstrap, pakhus_binary

SLICE = 512 * 1024
SECONDS = os.environ.get("BENCH_SECONDS", "5")


@dataclass
class Row:
    what: str
    ours: str
    theirs: str
    ratio: float
    wanted: str
    holds: bool


ROWS: list[Row] = []


def report(what: str, ours: str, theirs: str, ratio: float, wanted: float, at_most: bool) -> None:
    row = Row(what, ours, theirs, ratio, f"{'≤' if at_most else '≥'} {wanted:g} ×", ratio <= wanted if at_most else ratio >= wanted)
    ROWS.append(row)
    print(f"{row.what:58} {row.ours:>22} {row.theirs:>26} {row.ratio:8.3f} × {row.wanted:>9}  {'' if row.holds else 'FALLS SHORT'}", flush=True)


def command(*words: str | Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        raise RuntimeError(f"{words}: {done.stderr}")
    return done.stdout


# --- start-up


def startup(work: Path) -> None:
    harness = work / "startup"
    command("cc", "-O2", "-D_GNU_SOURCE", HERE / "startup.c", "-o", harness)
    programs = {name: bootstrap(name) for name in FUNCTIONS}
    others = [name for name, compiler in (("rust", "cargo"), ("go", "go")) if shutil.which(compiler)]
    programs.update({name: fetched(f"hello-{name}") for name in others})
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    env = {"AWS_LAMBDA_FUNCTION_NAME": "bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_FUNCTION_VERSION": "1",
           "AWS_LAMBDA_LOG_GROUP_NAME": "g", "AWS_LAMBDA_LOG_STREAM_NAME": "s", "PAKHUS_STORE": "s3://bench", "AWS_REGION": "us-east-1",
           "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "PAKHUS_TOKEN_KEYS": f"k:{base64.b64encode(bytes(64)).decode()}"}
    for _ in range(9):  # side by side, so that what else the machine does strikes all
        for name, program in programs.items():
            median, peak = command(harness, "40", program, env=env).split()
            measured[name].append((float(median) / 1000, float(peak) / 1024))
    times = {name: statistics.median(time for time, _ in runs) for name, runs in measured.items()}
    peaks = {name: max(peak for _, peak in runs) for name, runs in measured.items()}
    slowest, largest = max(FUNCTIONS, key=times.__getitem__), max(FUNCTIONS, key=peaks.__getitem__)
    for other in others:
        for name in FUNCTIONS if other == "rust" else [slowest]:
            report(f"start to first /next: {name}, against {other}", f"{times[name]:.2f} ms", f"{times[other]:.2f} ms",
                   times[name] / times[other], 0.7, True)
        report(f"peak memory by then: {largest}, against {other}", f"{peaks[largest]:.1f} MiB", f"{peaks[other]:.1f} MiB",
               peaks[largest] / peaks[other], 1.0, True)


# --- throughput


def on_one_core(program: Program) -> None:
    """All threads of the program, and those of its children, on the first core: wrk has the other."""
    for pid in [program.process.pid, *children(program.process.pid)]:
        command("taskset", "-apc", "0", str(pid))


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def rate(url: str, range_header: str | None = None) -> float:
    header = ["-H", f"Range: {range_header}"] if range_header else []
    out = command("taskset", "-c", "1", "wrk", "-t", "1", "-c", "32", "-d", f"{SECONDS}s", *header, url)
    for line in out.splitlines():
        if "Non-2xx" in line and "302" not in line and not url.endswith("?redirect"):
            raise RuntimeError(out)
        if line.startswith("Requests/sec:"):
            return float(line.split()[1])
    raise RuntimeError(out)


def side_by_side(ours: Callable[[], float], theirs: Callable[[], float], rounds: int = 3) -> tuple[float, float]:
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def get(url: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def publish(store: str, apk: Path, env: dict[str, str]) -> dict[str, object]:
    made = command(pakhus_binary(), "publish", apk, "--store", store, "--app", "GAME", "--version", "1", "--json", env=env)
    command(pakhus_binary(), "channel", "set", "--store", store, "GAME", "huawei", env=env)
    package: dict[str, object] = json.loads(made)
    return package


def region_slice(package: dict[str, object]) -> tuple[int, int]:
    region, size = package["region"], package["size"]
    assert isinstance(region, dict) and isinstance(size, int)
    first = region["offset"] // SLICE * SLICE
    return first, min(first + SLICE, size) - 1


def redirects(servers: Servers, apk: Path) -> None:
    minio = servers.minio()
    store, env = minio.store(minio.bucket("redirects")), minio.credentials()
    publish(store, apk, env)
    function = servers.function("channel-range-splice", {**env, "PAKHUS_STORE": store, "PAKHUS_LOG": "warn"})
    url = f"{function.url}/packages/GAME/1/huawei.apk"
    status, headers, _ = get(url, {"Range": "bytes=0-524287"})
    assert status == 302, status
    kept = [f'add_header {name} "{headers[name]}";' for name in ("etag", "last-modified", "cache-control") if '"' not in headers[name]]
    nginx = servers.nginx("server { listen 127.0.0.1:{{port}}; access_log off; location / { %s return 302 %s; } }"
                          % (" ".join(kept), headers["location"]))
    on_one_core(function)
    on_one_core(nginx)
    ours, theirs = side_by_side(lambda: rate(url, "bytes=0-524287"), lambda: rate(nginx.url))
    report("presigned redirects, against nginx return 302", f"{ours:.0f} /s", f"{theirs:.0f} /s", ours / theirs, 0.8, False)


def overlays(servers: Servers, apk: Path, work: Path) -> None:
    store = f"file://{work}/store"
    (work / "store").mkdir()
    package = publish(store, apk, {})
    command(pakhus_binary(), "prepare", apk, "-o", work / "base.apk")
    (work / "root").mkdir()
    command(pakhus_binary(), "splice", work / "base.apk", "--info", '{"channel":"huawei"}', "-o", work / "root/huawei.apk")
    first, last = region_slice(package)
    wanted = f"bytes={first}-{last}"
    function = servers.function("channel-range-splice", {"PAKHUS_STORE": store, "PAKHUS_LOG": "warn"})
    nginx = servers.nginx("sendfile on; server { listen 127.0.0.1:{{port}}; access_log off; root %s; }" % (work / "root"))
    ours_url, theirs_url = f"{function.url}/packages/GAME/1/huawei.apk", f"{nginx.url}/huawei.apk"
    assert get(ours_url, {"Range": wanted})[2] == get(theirs_url, {"Range": wanted})[2]
    on_one_core(function)
    on_one_core(nginx)
    ours, theirs = side_by_side(lambda: rate(ours_url, wanted), lambda: rate(theirs_url, wanted))
    report(f"overlaid slices of {last - first + 1} bytes from file://, against nginx", f"{ours:.0f} /s", f"{theirs:.0f} /s", ours / theirs, 0.6, False)


def percentiles(times: list[float]) -> tuple[float, float]:
    ordered = sorted(times)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


def timed(connection: http.client.HTTPConnection, target: str, wanted: str) -> float:
    start = time.perf_counter()
    connection.request("GET", target, headers={"Range": wanted})
    answer = connection.getresponse()
    body = answer.read()
    took = time.perf_counter() - start
    assert answer.status == 206 and body, answer.status
    return took


def overlays_from_minio(servers: Servers, apk: Path) -> None:
    minio = servers.minio()
    bucket = minio.bucket("overlays")
    store, env = minio.store(bucket), minio.credentials()
    first, last = region_slice(publish(store, apk, env))
    function = servers.function("channel-range-splice", {**env, "PAKHUS_STORE": store, "PAKHUS_LOG": "warn"})
    straight = urlsplit(minio.client().generate_presigned_url("get_object", {"Bucket": bucket, "Key": "packages/GAME/1/base.apk"}))
    ours, theirs = [http.client.HTTPConnection("127.0.0.1", urlsplit(url).port) for url in (function.url, minio.url)]
    # The slice that CDNs ask for again for every channel; and one that nobody has asked for yet, which is another each time.
    for what, step in ("overlaid slice from MinIO", 0), ("the same, never asked for before", 1):
        a, b = [], []
        for i in range(1100):
            wanted = f"bytes={first + i * step}-{last}"
            mine = timed(ours, "/packages/GAME/1/huawei.apk", wanted)
            other = timed(theirs, f"{straight.path}?{straight.query}", wanted)
            if i >= 100:
                a.append(mine)
                b.append(other)
        for name, ours_at, theirs_at, most in zip(("p50", "p99"), percentiles(a), percentiles(b), (1.15, 1.3)):
            report(f"{what}, {name}, against the range itself", f"{ours_at * 1000:.2f} ms", f"{theirs_at * 1000:.2f} ms",
                   ours_at / theirs_at, most, True)


# --- channels


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def thousand_channels(apk: Path, work: Path) -> None:
    store = work / "channels"
    store.mkdir()
    publish(f"file://{store}", apk, {})
    before = folder_bytes(store)
    with open(work / "channels.csv", "w", newline="") as file:
        csv.writer(file).writerows([["channel", "campaign"], *([f"channel-{i}", f"campaign-{i}"] for i in range(1000))])
    start = time.perf_counter()
    command(pakhus_binary(), "channel", "set", "--store", f"file://{store}", "GAME", "--from", work / "channels.csv")
    ours, ours_bytes = time.perf_counter() - start, folder_bytes(store) - before
    theirs, theirs_bytes = copies(apk, work)
    report("1,000 channels of an 18 MB package: time, against copies", f"{ours:.3f} s", f"{theirs:.1f} s", theirs / ours, 100, False)
    report("the same: bytes stored", f"{ours_bytes} B", f"{theirs_bytes} B", theirs_bytes / ours_bytes, 100, False)


def copies(apk: Path, work: Path) -> tuple[float, int]:
    base = work / "copies-base.apk"
    command(pakhus_binary(), "prepare", apk, "-o", base)
    data = base.read_bytes()
    folder = work / "copies"
    folder.mkdir()
    start = time.perf_counter()
    for i in range(1000):
        with open(folder / f"{i}.apk", "wb") as file:
            file.write(data)
            file.seek(len(data) // 2)
            file.write(b"x" * 64)
    took = time.perf_counter() - start
    size = folder_bytes(folder)
    shutil.rmtree(folder)
    return took, size


def main() -> int:
    work = Path(tempfile.mkdtemp(prefix="pakhus-bench-"))
    apk = apks.original("uiautomator2")
    print(f"{'':58} {'Pakhus':>22} {'the other':>26} {'ratio':>10} {'wanted':>9}")
    try:
        startup(work)
        for part in (lambda s: redirects(s, apk), lambda s: overlays(s, apk, work), lambda s: overlays_from_minio(s, apk)):
            with Servers(work / "logs") as servers:
                part(servers)
        thousand_channels(apk, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    short = [row for row in ROWS if not row.holds]
    print(f"{len(ROWS) - len(short)} of {len(ROWS)} as wanted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
