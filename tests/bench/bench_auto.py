"""make bench: what a policy that sets itself ("auto") makes of demand, against the best setting of the sweep and the best cache.

Value is the share of bytes that edges served, less 0.2 × the bytes placed. Each trace is cut in half. "trained": the first half was
recorded, the second one is served. "cold": nothing was recorded. The best setting of the sweep is chosen in hindsight on the second half.
BENCH_TRACE=FILE adds a trace, as bench_simulate.py takes it."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import bench_simulate as simulators
import demand

from support.servers import pakhus_binary

PLACED_BYTE = 0.2
STORAGE = {"10%": 0.1, "1%": 0.01}
Rows = list[tuple[int, int, int, int]]


def value(row: dict[str, Any]) -> float:
    return float(row["byte_hit_ratio"] - PLACED_BYTE * row["bytes_placed"] / row["bytes"])


def read(csv: Path) -> Rows:
    rows = []
    for line in csv.read_text().splitlines()[1:]:
        time, item, size, lan = map(int, line.split(","))
        rows.append((time, item, size, lan))
    return rows


def best_cache(csv: Path, storage: float) -> float:
    asked = simulators.read(csv)
    made = [simulators.replay(asked, name, partial(getattr(simulators.libcachesim, what), hashpower=16, **options), storage)
            for name, (what, options) in simulators.BASELINES.items() if hasattr(simulators.libcachesim, what)]
    return max(map(value, made))


def judge(name: str, rows: Rows, work: Path) -> None:
    middle = (rows[0][0] + rows[-1][0] + 1) // 2
    first, second, policy, chosen = (work / part for part in ("first.csv", "second.csv", "fixed.json", "chosen.json"))
    demand.write([row for row in rows if row[0] < middle], first)
    demand.write([row for row in rows if row[0] >= middle], second)
    policy.write_text("{}")
    for size, storage in STORAGE.items():
        simulators.simulate(first, "--storage", size, "--chosen", chosen)
        trained, cold = (value(simulators.simulate(second, "--storage", size, *options)[0]) for options in (("--policy", chosen), ()))
        swept = simulators.simulate(second, "--storage", size, "--sweep", "--policy", policy)
        best = max(value(row) for row in swept if row["policy"].startswith("pakhus"))
        lru2 = next(row for row in swept if row["policy"] == "LRU@2")
        cache = best_cache(second, storage)
        short = trained < 0.95 * best or cold < 0.7 * best or trained < cache
        print(f"  {name:12} {size:>4} {best:9.3f} {trained:9.3f} {trained / best:6.2f} × {cold:9.3f} {cold / best:6.2f} × {cache:9.3f} "
              f"{value(lru2):9.3f}  {'FALLS SHORT' if short else ''}", flush=True)


def changes(name: str, rows: Rows, work: Path) -> None:
    """From the third day after the change on, against the best setting of the sweep on the changed demand alone."""
    middle = (rows[0][0] + rows[-1][0] + 1) // 2
    before, after, chosen, policy = (work / part for part in ("before.csv", "after.csv", "chosen.json", "fixed.json"))
    demand.write([row for row in rows if row[0] < middle], before)
    demand.write([row for row in rows if row[0] >= middle], after)
    policy.write_text("{}")
    simulators.simulate(before, "--chosen", chosen)
    [kept, *_] = simulators.simulate(after, "--policy", chosen)
    best = max(value(row) for row in simulators.simulate(after, "--sweep", "--policy", policy) if row["policy"].startswith("pakhus"))
    ratio = value(kept) / best
    print(f"  {name:20} best {best:.3f}, auto {value(kept):.3f}, {ratio:.2f} ×  {'FALLS SHORT' if ratio < 0.9 else ''}", flush=True)


def traces(work: Path) -> dict[str, Rows]:
    found = {name: demand.make(kind, 3) for name, kind in demand.KINDS.items()}
    for case in simulators.cases(work):
        found[case.name] = read(case.csv)
    return found


def main() -> None:
    print(f"\nauto ({pakhus_binary()}): value of the best setting, trained, cold, the best cache of libcachesim, LRU@2; "
          "wanted: trained ≥ 0.95 ×, cold ≥ 0.7 ×, and no cache better")
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in traces(Path(folder)).items():
            judge(name, rows, Path(folder))
        print("demand that changes its kind in the middle: all of the time after it; wanted ≥ 0.9 ×")
        for name, make in demand.CHANGES.items():
            changes(name, make(), Path(folder))


if __name__ == "__main__":
    main()
