"""make bench: an app with a million channels beside one with ten: slices, cold starts, memory, and changes; and an app with 2,000 versions
beside one with one."""

import http.client
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from support import apks
from support.servers import Minio, Program, Servers, pakhus_binary

MANY = int(os.environ.get("BENCH_CHANNELS", "1000000"))
FEW = 10
REQUESTS = int(os.environ.get("BENCH_REQUESTS", "100000"))
SECONDS = os.environ.get("BENCH_SECONDS", "4")
VERSIONS = 2000
SLICE = 512 * 1024
APPS = {"FEW": FEW, "MANY": MANY}


def say(what: str, measured: str, wanted: str, holds: bool) -> None:
    print(f"{what:78} {measured:>40} {wanted:>20}  {'' if holds else 'FALLS SHORT'}", flush=True)


def compare(what: str, many: str, few: str, ratio: float, most: float) -> None:
    say(what, f"{many}, {few}, {ratio:.2f} ×", f"≤ {most:g} ×", ratio <= most)


def command(*words: str | Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **(env or {})})
    assert done.returncode == 0, done.stderr
    return done.stdout


def name(number: int) -> str:
    return f"channel_{number:07d}"


def timed(*words: str | Path, env: dict[str, str]) -> tuple[float, float]:
    """Seconds, and MiB at the most."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **env})
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, process.stderr.read() if process.stderr else ""
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def stock(store: str, env: dict[str, str], work: Path) -> dict[str, Any]:
    """Both apps with the same package; how long setting the channels of the large one took is said where it is MinIO."""
    package: dict[str, Any] = {}
    for app, count in APPS.items():
        path = work / f"{app}.csv"
        if not path.exists():
            path.write_text("".join(f"{name(number)}\n" for number in range(count)))
        package = json.loads(command(pakhus_binary(), "publish", apks.original("uiautomator2"), "--store", store, "--app", app, "--version", "1",
                                     "--json", env=env))
        took, memory = timed(pakhus_binary(), "channel", "set", "--store", store, app, "--from", path, env=env)
        where = "MinIO" if store.startswith("s3:") else "a directory"
        if app == "MANY":
            say(f"channel set --from, {count} rows to {where}", f"{took:.1f} s, {memory:.0f} MiB", "≤ 60 s, ≤ 256 MiB", took <= 60 and memory <= 256)
            again, _ = timed(pakhus_binary(), "channel", "set", "--store", store, app, "--from", path, env=env)
            say("the same again, with nothing to change", f"{again:.1f} s", "", True)
    return package


# --- one channel is set


def set_one(store: str, env: dict[str, str]) -> None:
    times: dict[str, list[float]] = {app: [] for app in APPS}
    for round_ in range(9):
        for app in APPS:
            times[app].append(timed(pakhus_binary(), "channel", "set", "--store", store, app, f"another-{round_}", env=env)[0])
    many, few = (statistics.median(times[app]) for app in ("MANY", "FEW"))
    compare("one more channel, MinIO, p50", f"{many * 1000:.0f} ms", f"{few * 1000:.0f} ms", many / few, 2)


# --- an instance that has just started


def first_slice(servers: Servers, store: str, env: dict[str, str], app: str, wanted: str) -> float:
    """Milliseconds from the first request to its last byte."""
    function = servers.function("channel-range-splice", {**env, "PAKHUS_STORE": store, "PAKHUS_LOG": "warn"})
    channel = name(random.Random(app).randrange(APPS[app]))
    request = urllib.request.Request(f"{function.url}/packages/{app}/1/{channel}.apk", headers={"Range": wanted})
    start = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 206
        answer.read()
    took = time.perf_counter() - start
    function.stop()
    return took * 1000


def cold(servers: Servers, store: str, env: dict[str, str], wanted: str) -> None:
    times: dict[str, list[float]] = {app: [] for app in APPS}
    for _ in range(9):
        for app in APPS:
            times[app].append(first_slice(servers, store, env, app, wanted))
    many, few = (statistics.median(times[app]) for app in ("MANY", "FEW"))
    compare("first slice of a cold instance, MinIO, p50", f"{many:.1f} ms", f"{few:.1f} ms", many / few, 2)


# --- slices a second, and memory after many channels


def on_first_core(program: Program) -> None:
    children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text().split()
    for pid in [str(program.process.pid), *children]:
        command("taskset", "-apc", "0", pid)


def rate(url: str, wanted: str) -> float:
    out = command("taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{SECONDS}s", "-H", f"Range: {wanted}", url)
    assert "Non-2xx" not in out, out
    return float(next(line.split()[1] for line in out.splitlines() if line.startswith("Requests/sec:")))


def slices(servers: Servers, store: str, wanted: str) -> None:
    function = servers.function("channel-range-splice", {"PAKHUS_STORE": store, "PAKHUS_LOG": "warn"})
    on_first_core(function)
    pairs = [[rate(f"{function.url}/packages/{app}/1/{name(APPS[app] // 2)}.apk", wanted) for app in ("MANY", "FEW")] for _ in range(3)]
    many, few = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    say("overlaid 512 KiB slices a second of one channel, a directory", f"{many:.0f} /s, {few:.0f} /s, {many / few:.2f} ×", "≥ 0.9 ×", many / few >= 0.9)


def resident(program: Program) -> float:
    """MiB of the server, which is the only child where `start` runs it in a shell of its own."""
    pids = [program.process.pid, *map(int, Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text().split())]
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return max(int(line.split()[1]) for line in lines) / 1024


def memory(servers: Servers, store: str, env: dict[str, str], region: str) -> None:
    found = {}
    for app, count in APPS.items():
        function = servers.function("channel-range-splice", {**env, "PAKHUS_STORE": store, "PAKHUS_LOG": "warn"})
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(function.url).port)
        numbers = random.Random(1)
        for _ in range(REQUESTS):
            connection.request("GET", f"/packages/{app}/1/{name(numbers.randrange(count))}.apk", headers={"Range": region})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 206
        found[app] = resident(function)
        function.stop()
    ratio = found["MANY"] / found["FEW"]
    say(f"memory after {REQUESTS} requests to channels at random, MinIO", f"{found['MANY']:.0f} MiB, {found['FEW']:.0f} MiB, {ratio:.2f} ×",
        "≤ 64 MiB, ≤ 2 ×", found["MANY"] <= 64 and ratio <= 2)


# --- versions


def versions(servers: Servers, minio: Minio) -> None:
    """The records of versions alone: a query reads nothing else of them."""
    found: dict[int, list[float]] = {1: [], VERSIONS: []}
    urls = {}
    for count in found:
        bucket = minio.bucket(f"versions-{count}")
        store, env = minio.store(bucket), minio.credentials()
        package = json.loads(command(pakhus_binary(), "publish", apks.original("settings"), "--store", store, "--app", "APP", "--version", "1.0",
                                     "--json", env=env))
        for number in range(1, count):
            record = {**package, "version": f"0.{number}", "version_code": 0}
            minio.client().put_object(Bucket=bucket, Key=f"packages/APP/0.{number}/package.json", Body=json.dumps(record).encode())
        urls[count] = (store, env)
    for _ in range(9):
        for count, (store, env) in urls.items():
            function = servers.function("query", {**env, "PAKHUS_STORE": store, "PAKHUS_LOG": "warn", "PAKHUS_PUBLIC_URL": "https://apps.example"})
            start = time.perf_counter()
            urllib.request.urlopen(f"{function.url}/query?app=APP&ip=10.1.2.3&mask=8").read()
            found[count].append((time.perf_counter() - start) * 1000)
            function.stop()
    many, few = (statistics.median(found[count]) for count in (VERSIONS, 1))
    compare(f"first query of an app with {VERSIONS} versions, and with one, MinIO, p50", f"{many:.1f} ms", f"{few:.1f} ms", many / few, 2)


def main() -> int:
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with tempfile.TemporaryDirectory(prefix="pakhus-bench-") as folder:
        work = Path(folder)
        print(f"{MANY} channels beside {FEW}")
        with Servers(work / "logs") as servers:
            minio = servers.minio()
            store, env = minio.store(minio.bucket("channels")), minio.credentials()
            package = stock(store, env, work)
            offset = package["region"]["offset"]
            first = offset // SLICE * SLICE
            wanted = f"bytes={first}-{min(first + SLICE, package['size']) - 1}"
            set_one(store, env)
            cold(servers, store, env, wanted)
            memory(servers, store, env, f"bytes={offset}-{offset + 1023}")
            versions(servers, minio)
        with Servers(work / "logs-file") as servers:
            directory = f"file://{work}/store"
            stock(directory, {}, work)
            slices(servers, directory, wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
