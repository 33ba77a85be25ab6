"""make bench: what the placement policy and libcachesim's caches, of the same size, make of the same requests.

BENCH_TRACE=FILE, a trace as libCacheSim's CSV (.xz too; a step of its time column is taken for a second), is replayed besides the made-up
week. Counted are bytes served from the edge and bytes brought there, of all bytes asked for. Pictures of the front are left in build/bench."""

import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))

from support.cache import fetched
from support.servers import pakhus_binary

sys.path.append(str(fetched("libcachesim")))
import libcachesim  # type: ignore[import-untyped]

PICTURES = pakhus_binary().parents[1] / "bench"
SIZES = {"1%": 0.01, "10%": 0.1}
INT_MOST, COARSE = 2**31, 4096  # the library's TinyLFU counts a cache's bytes in an int: larger ones are given in blocks of so many bytes
BASELINES: dict[str, tuple[str, dict[str, Any]]] = {
    "S3-FIFO": ("S3FIFO", {}), "W-TinyLFU": ("WTinyLFU", {}), "W-TinyLFU, window 10 %": ("WTinyLFU", {"window_size": 0.1}),
    "GDSF": ("GDSF", {}), "LHD": ("LHD", {}), "2Q": ("TwoQ", {}), "LRU, libcachesim": ("LRU", {}), "LFU, libcachesim": ("LFU", {})}
# The trace has less than a day: nothing is forgotten, and nothing evaluated between requests. The week has releases, old on the next day.
TRACE_POLICY = {"place": {"t1": 1, "m": 5, "of": 5, "window": {"last": "20h"}}, "evict": {"t3": 0, "window": {"last": "3h"}, "grace": "5m"}}
WEEK_POLICY = {"place": {"t1": 2, "t2": 0, "m": 2, "of": 2, "window": {"last": "12h"}},
               "evict": {"t3": 0, "n": 3, "of": 3, "window": {"last": "8h"}}}


@dataclass
class Case:
    name: str
    csv: Path
    policy: dict[str, Any]
    every: str


@dataclass
class Requests:
    """time, object, LAN; bytes of each object; by LAN, bytes of all that it asks for."""

    requests: list[tuple[int, int, int]]
    sizes: dict[int, int]
    working_sets: dict[int, int]


def simulate(*arguments: str | Path) -> list[dict[str, Any]]:
    done = subprocess.run([pakhus_binary(), "simulate", "placement", *arguments, "--sample", "50000000", "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{arguments}: {done.stderr}")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


# --- the others


def read(csv: Path) -> Requests:
    found = Requests([], {}, {})
    seen: set[tuple[int, int]] = set()
    for line in csv.read_text().splitlines()[1:]:
        time, item, size, lan = map(int, line.split(","))
        found.requests.append((time, item, lan))
        found.sizes[item] = size
        if (lan, item) not in seen:
            found.working_sets[lan] = found.working_sets.get(lan, 0) + size
        seen.add((lan, item))
    return found


def replay(asked: Requests, name: str, make: Callable[[int], Any], storage: float) -> dict[str, Any]:
    """A cache for each LAN. The library does not tell what it lets in: so after a miss it is asked whether it has the object."""
    quotas = {lan: int(size * storage) for lan, size in asked.working_sets.items()}
    step = 1 if max(quotas.values()) < INT_MOST else COARSE
    caches = {lan: make(quota // step) for lan, quota in quotas.items()}
    occupied = dict.fromkeys(caches, 0)
    hits = served = placed = total = held = most = 0
    request = libcachesim.Request()
    for request.clock_time, item, lan in asked.requests:
        request.obj_id, size, cache = item, asked.sizes[item], caches[lan]
        request.obj_size = -(-size // step)
        total += size
        if cache.get(request):
            hits += 1
            served += size
        elif cache.find(request, False) is not None:
            placed += size
        held += cache.get_occupied_byte() - occupied[lan]
        occupied[lan] = cache.get_occupied_byte()
        most = max(most, held)
    return {"policy": name, "hit_ratio": hits / len(asked.requests), "byte_hit_ratio": served / total, "bytes_placed": placed,
            "storage": most * step, "bytes": total}


def others(asked: Requests, storage: float) -> list[dict[str, Any]]:
    rows = []
    for name, (what, options) in BASELINES.items():
        maker = getattr(libcachesim, what, None)
        if maker is None:
            print(f"  {name}: not in this libcachesim")
            continue
        rows.append(replay(asked, name, partial(maker, hashpower=16, **options), storage))
    return rows


# --- what follows


def share(row: dict[str, Any]) -> float:
    return float(row["bytes_placed"] / row["bytes"])


def beats(one: dict[str, Any], other: dict[str, Any]) -> bool:
    better = one["byte_hit_ratio"] >= other["byte_hit_ratio"] and one["bytes_placed"] <= other["bytes_placed"]
    return better and (one["byte_hit_ratio"], one["bytes_placed"]) != (other["byte_hit_ratio"], other["bytes_placed"])


def say(row: dict[str, Any], words: str = "") -> None:
    print(f"  {row['policy']:40} {row['byte_hit_ratio'] * 100:6.2f} % {share(row) * 100:6.2f} %  {words}")


def judge(rows: list[dict[str, Any]]) -> None:
    ours = [row for row in rows if row["policy"].startswith("pakhus")]
    caches = [row for row in rows if row not in ours]
    best = max(caches, key=lambda row: row["byte_hit_ratio"])
    for row in sorted(caches, key=share):
        say(row, "the most bytes of all caches" if row is best else "")
    beaten = {row["policy"]: [cache["policy"] for cache in caches if beats(cache, row)] for row in ours}
    for row in sorted(ours, key=share):
        if not any(beats(other, row) for other in ours):
            say(row, f"DOMINATED by {', '.join(beaten[row['policy']])}" if beaten[row["policy"]] else "")
    print(f"  dominated by a cache: {sum(map(bool, beaten.values()))} of all {len(ours)} settings, most of which are not shown here")
    bargain(ours, best)


def bargain(ours: list[dict[str, Any]], best: dict[str, Any]) -> None:
    cheap = [row for row in ours if row["bytes_placed"] <= 0.25 * best["bytes_placed"]]
    if not cheap:
        print("  no setting places as little as a quarter of what the best cache does  FALLS SHORT")
        return
    chosen = max(cheap, key=lambda row: row["byte_hit_ratio"])
    hits, cost = (chosen[what] / best[what] for what in ("byte_hit_ratio", "bytes_placed"))
    print(f"  {chosen['policy']} against {best['policy']}: {hits:.3f} × its byte hits for {cost:.3f} × its bytes placed; "
          f"wanted ≥ 0.95 × for ≤ 0.25 ×  {'' if hits >= 0.95 else 'FALLS SHORT'}", flush=True)


def compare(case: Case, work: Path) -> None:
    asked = read(case.csv)
    (work / "policy.json").write_text(json.dumps(case.policy))
    for size, storage in SIZES.items():
        picture = PICTURES / f"front-{case.name}-{size.removesuffix('%')}.svg"
        print(f"\n{case.name}, edges with {size} of the working set ({picture}): bytes served, bytes placed", flush=True)
        (work / "rows.json").write_text(json.dumps(others(asked, storage)))
        judge(simulate(case.csv, "--policy", work / "policy.json", "--storage", size, "--every", case.every, "--sweep", "--beside",
                       work / "rows.json", "--svg", picture))


def cases(work: Path) -> list[Case]:
    week = Case("week", work / "week.csv", WEEK_POLICY, "6h")
    simulate("--requests", os.environ.get("BENCH_REQUESTS", "200000"), "--write", week.csv)
    given = os.environ.get("BENCH_TRACE")
    if not given:
        print("no BENCH_TRACE: of recorded demand nothing is replayed")
        return [week]
    name = Path(given).name.partition(".")[0]
    with lzma.open(given) if given.endswith(".xz") else open(given, "rb") as packed, open(work / "plain", "wb") as plain:
        shutil.copyfileobj(packed, plain)
    simulate(work / "plain", "--write", work / "trace.csv")
    return [Case(name, work / "trace.csv", TRACE_POLICY, "30d"), week]


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder)):
            compare(case, Path(folder))


if __name__ == "__main__":
    main()
