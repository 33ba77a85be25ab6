"""make bench: a package of 1 GiB to an edge, from bucket to bucket of one MinIO: copied by the service, and streamed through the process."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from boto3.s3.transfer import TransferConfig

from support import placed
from support.servers import Minio, Nginx, Servers, pakhus_binary, port_of
from support.shop import minio_shop

SIZE = int(os.environ.get("BENCH_COPY_BYTES", str(1 << 30)))
ROUNDS = 3
KEY = "GAME_1.0.apk"
COUNTED = """
log_format lengths '$request_length $bytes_sent';
server {{
    listen 127.0.0.1:{{{{port}}}};
    access_log lengths.log lengths;
    location / {{
        proxy_pass {url};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
        proxy_request_buffering off;
        proxy_buffering off;
    }}
}}
"""


def say(what: str, measured: str, wanted: str, holds: bool) -> None:
    print(f"{what:70} {measured:>34} {wanted:>20}  {'' if holds else 'FALLS SHORT'}", flush=True)


@dataclass
class Spent:
    seconds: float
    processor: float


@dataclass
class Push:
    """An origin with a package, and a bucket for an edge. Streamed: the edge's endpoint goes by another name, so nobody can tell."""

    minio: Minio
    folder: Path

    def publish(self) -> None:
        client = self.minio.client()
        path = self.folder / "base.apk"
        with open(path, "wb") as out:
            out.writelines(os.urandom(1 << 20) for _ in range(0, SIZE, 1 << 20))
        sha256 = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
        parts = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20)
        client.upload_file(str(path), self.minio.bucket("origin"), "packages/GAME/1.0/base.apk", Config=parts)
        path.unlink()
        head = client.head_object(Bucket="origin", Key="packages/GAME/1.0/base.apk")
        package = {"app": "GAME", "version": "1.0", "size": SIZE, "sha256": sha256, "scheme": "v2", "region": {"offset": SIZE - (1 << 20), "length": 4096},
                   "etag": head["ETag"], "modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z"}
        client.put_object(Bucket="origin", Key="packages/GAME/1.0/package.json", Body=json.dumps(package).encode())
        origin = minio_shop(self.minio, "origin")
        placed.register(origin, self.folder, store=self.minio.store(self.minio.bucket("edge")))
        placed.want(origin, {"GAME/1.0": placed.facts(package)}, minio=self.minio)

    def run(self, endpoint: str, streamed: bool) -> Spent:
        store = minio_shop(self.minio, "origin", endpoint=endpoint)
        edge = endpoint.replace("127.0.0.1", "localhost") if streamed else endpoint
        placed.register(store, self.folder, store=self.minio.store("edge", endpoint=edge))
        self.minio.client().delete_object(Bucket="edge", Key=KEY)
        began = time.monotonic()
        process = subprocess.Popen([pakhus_binary(), "reconcile", "--store", store.store], env={**os.environ, **store.env}, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        _, process.returncode, usage = os.wait4(process.pid, 0)
        assert process.returncode == 0
        head = self.minio.client().head_object(Bucket="edge", Key=KEY)
        assert head["ContentLength"] == SIZE
        return Spent(time.monotonic() - began, usage.ru_utime + usage.ru_stime)


def passed(counter: Nginx) -> int:
    """Bytes both ways."""
    counter.requests()
    return sum(int(number) for line in (counter.prefix / "lengths.log").read_text().splitlines() for number in line.split())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Servers(Path(folder) / "logs") as servers:
        push = Push(servers.minio(), Path(folder))
        push.publish()
        ways = [[push.run(push.minio.url, streamed) for streamed in (False, True)] for _ in range(ROUNDS)]
        counts = []
        for streamed in (False, True):
            counter = servers.nginx(COUNTED.format(url=push.minio.url).replace("127.0.0.1:{{port}}", "{{port}}"))
            push.run(f"http://127.0.0.1:{port_of(counter.url)}", streamed)
            counts.append(passed(counter))
        seconds = [statistics.median(way[i].seconds for way in ways) for i in (0, 1)]
        processor = [statistics.median(way[i].processor for way in ways) for i in (0, 1)]
        size = f"a package of {SIZE / (1 << 30):g} GiB to an edge in the same MinIO"
        say(f"{size}, copied there, against streamed", f"{seconds[0]:.1f} s, {seconds[1]:.1f} s, {seconds[0] / seconds[1]:.2f} ×", "< 1 ×",
            seconds[0] < seconds[1])
        say("the same: bytes over the process", f"{counts[0] / 1e3:.0f} kB, {counts[1] / 1e6:.0f} MB", "≤ 1 %", counts[0] <= 0.01 * counts[1])
        say("the same: its processor's time", f"{processor[0]:.2f} s, {processor[1]:.2f} s", "", True)


if __name__ == "__main__":
    main()
