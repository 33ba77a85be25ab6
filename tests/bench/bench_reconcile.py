"""make bench: reconcile of a fleet of which a hundredth has changed: seconds, and storage calls where MinIO is asked."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from support import apks, placed
from support.servers import Minio, Nginx, Servers, pakhus_binary
from support.shop import Shop, minio_shop

MANY = int(os.environ.get("BENCH_RECONCILE_EDGES", "10000"))
CHANGED = MANY // 100
FIRST, LATER = "2026-11-22T12:00:00Z", "2026-11-22T12:15:00Z"


def say(what: str, measured: str, wanted: str, holds: bool) -> None:
    print(f"{what:70} {measured:>40} {wanted:>20}  {'' if holds else 'FALLS SHORT'}", flush=True)


@dataclass
class Fleet:
    """Shops that each hold a package, in stores of their own below one folder or in one bucket."""

    kind: str
    shop: Shop
    stores: str  # with {} for the edge's name
    minio: Minio | None = None
    seen: Nginx | None = None
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def furnish(self, work: Path) -> None:
        """Each holds GAME/1.0, of five bytes; TOOL/1.0 is a real package."""
        self.facts = {"GAME/1.0": {"size": 5, "sha256": "ab" * 32},
                      "TOOL/1.0": placed.facts(self.shop.publish(apks.original(), "TOOL", "1.0", "--force"))}
        rows = work / f"{self.kind}.jsonl"
        rows.write_text("".join(json.dumps(self.edge(number)) + "\n" for number in range(MANY)))
        self.shop.run("edge", "add", "--from", rows)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.fill, range(MANY)))

    def fill(self, number: int) -> None:
        name = f"shop-{number:05}"
        held = {"GAME/1.0": {"since": "2026-08-20T10:00:00Z", **self.facts["GAME/1.0"]}}
        self.want(number, "GAME/1.0")
        placed.put(self.shop, f"held/{name}/{placed.LAST}", json.dumps({"edge": name, "packages": held}), self.minio)
        if self.minio:
            self.minio.client().put_object(Bucket="edges", Key=f"{name}/GAME_1.0.apk", Body=b"12345")
        else:
            placed.put(Shop(self.stores.format(name)), "GAME_1.0.apk", "12345")

    def edge(self, number: int) -> dict[str, object]:
        name = f"shop-{number:05}"
        return {"edge": name, "address": "192.168.0.5", "directory": "/data/share", "lans": ["192.168.0.0/24"],
                "egress": [f"11.{number // 256}.{number % 256}.1/32"], "store": self.stores.format(name)}

    def want(self, number: int, *packages: str) -> None:
        placed.want(self.shop, {name: self.facts[name] for name in packages}, len(packages), f"shop-{number:05}", self.minio)

    def reconcile(self, now: str) -> tuple[dict[str, int], float, int]:
        """What it did, seconds, storage calls."""
        if self.seen:
            self.seen.forget()
        start = time.perf_counter()
        done = subprocess.run([pakhus_binary(), "reconcile", "--store", self.shop.store, "--json", "--now", now], capture_output=True, text=True,
                              check=True, env={**os.environ, **self.shop.env, "PAKHUS_LOG": "error"})
        seconds = time.perf_counter() - start
        return json.loads(done.stdout.splitlines()[-1]), seconds, len(self.seen.requests()) if self.seen else 0


def measure(fleet: Fleet, work: Path) -> None:
    fleet.furnish(work)
    first = fleet.reconcile(FIRST)
    random.seed(1)
    for number in random.sample(range(MANY), CHANGED):
        fleet.want(number, "GAME/1.0", "TOOL/1.0")
    done, seconds, calls = fleet.reconcile(LATER)
    assert (done["copied"], done["failed"]) == (CHANGED, 0), done
    say(f"{fleet.kind} reconcile of {MANY:,} edges, all of them compared", f"{first[1]:.1f} s, {first[2]:,} calls", "", True)
    say(f"{fleet.kind} the same, {CHANGED:,} of them changed, a quarter of an hour later", f"{seconds:.1f} s, {calls:,} calls", "≤ 30 s", seconds <= 30)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Servers(Path(folder) / "logs") as servers:
        work = Path(folder)
        (work / "edges").mkdir()
        measure(Fleet("file", Shop(f"file://{work}/origin"), f"file://{work}/edges/{{}}"), work)
        minio = servers.minio()
        seen = servers.recorder(minio.url)
        origin = minio_shop(minio, minio.bucket("origin"), endpoint=seen.url)
        measure(Fleet("s3", origin, minio.store(minio.bucket("edges"), "PREFIX", endpoint=seen.url).replace("PREFIX", "{}"), minio, seen), work)


if __name__ == "__main__":
    main()
