"""make bench: what it costs to gather by processes of their own, what a second request saves, and whether memory stays flat."""

import os
import socket
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "e2e"))

from support.servers import Servers, pakhus_binary

BUILD = pakhus_binary().parents[1]
ROUNDS = os.environ.get("BENCH_ROUNDS", "2000")
REQUESTS = os.environ.get("BENCH_REQUESTS", "100000")
STALL = 500  # ms

_FILES = "sendfile on; keepalive_requests 1000000; server { listen 127.0.0.1:{{port}}; access_log off; root {{root}}; }"
# one in a hundred waits for a server that accepts and says nothing
_STALLS = """
keepalive_requests 1000000;
split_clients $request_id $target { 1% 127.0.0.1:{{silent}}; * {{files}}; }
server {
    listen 127.0.0.1:{{port}}; access_log off;
    location / { proxy_pass http://$target; proxy_read_timeout 30s; }
}
"""


def measure(program: Path, *words: object) -> dict[str, list[float]]:
    done = subprocess.run([program, *(str(word) for word in words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    found = defaultdict(list)
    for line in done.stdout.splitlines():
        name, value = line.split()
        found[name].append(float(value))
    return found


def say(what: str, ours: float, theirs: float, wanted: float, unit: str) -> None:
    ratio = ours / theirs
    verdict = "" if ratio <= wanted else "FALLS SHORT"
    print(f"{what:66} {ours:9.0f} {unit} {theirs:9.0f} {unit} {ratio:6.2f} × ≤ {wanted:g}  {verdict}", flush=True)


def main() -> None:
    with (tempfile.TemporaryDirectory() as folder, Servers(Path(folder) / "logs") as servers,
          socket.create_server(("127.0.0.1", 0), backlog=4096) as silent):
        work = Path(folder)
        program = work / "isolation"
        libraries = subprocess.run(["pkg-config", "--libs", "libcurl", "jansson", "libcrypto", "libmicrohttpd", "libzstd", "liblzma", "zlib"],
                                   capture_output=True, text=True, check=True).stdout.split()
        subprocess.run(["cc", "-O2", "-std=c17", "-D_GNU_SOURCE", f"-I{ROOT}", HERE / "bench_gather_isolation.c", BUILD / "libpakhus.a",
                        "-pthread", *libraries, "-lm", "-o", program], check=True)
        for i in range(8):
            (work / f"r{i}").write_bytes(os.urandom(64 << 10))
        work.chmod(0o755)
        files = servers.nginx(_FILES, {"root": work})
        for _ in range(3):
            took = measure(program, "isolation", f"{files.url}/r", 8, ROUNDS)
            say("gather 8 resources of 64 KiB by processes, against curl's multi, p50", took["pool"][0], took["multi"][0], 1.3, "µs")
        stalls = servers.nginx(_STALLS, {"silent": silent.getsockname()[1], "files": files.url.removeprefix("http://")})
        took = measure(program, "stall", f"{stalls.url}/r", 8, 1000, STALL)
        say(f"the same, 1 % stalled for {STALL} ms: hedged, against not, p99", took["hedged"][0], took["plain"][0], 0.2, "µs")
        print(f"  resources missing: {took['hedged-missing'][0]:.0f} hedged, {took['plain-missing'][0]:.0f} not, of 8000 each")
        flat = measure(program, "flat", f"{files.url}/r", 2, REQUESTS)
        grown, opened = flat["memory"][1] - flat["memory"][0], flat["descriptors"][1] - flat["descriptors"][0]
        holds = grown <= 1024 and opened <= 0 and flat["missing"][0] == 0
        print(f"{REQUESTS} requests: memory grows by {grown:.0f} KiB over the last nine tenths, descriptors by {opened:.0f}, "
              f"{flat['missing'][0]:.0f} resources missing  {'' if holds else 'FALLS SHORT'}")


if __name__ == "__main__":
    main()
