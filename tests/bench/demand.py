"""Made-up demand of several kinds, as libCacheSim's CSV: popularity by Zipf's law, packages that are asked for once, releases, a flash
crowd, a shop that closes, and demand that changes its kind. The same seed makes the same trace."""

import bisect
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

DAY = 86400


@dataclass(frozen=True)
class Kind:
    zipf: float
    once: float = 0.3  # share of requests for packages that nobody asks for again
    objects: int = 4000
    requests: int = 60000
    days: int = 14
    lans: int = 4
    scale: float = 1  # of sizes
    flash: bool = False  # on two days everybody wants one large package for some hours
    closes: bool = False  # half of the LANs ask for nothing from the middle on
    releases: int = 0  # new packages a week, wanted for days


KINDS = {
    "zipf-1.1": Kind(1.1, once=0.2, releases=4),
    "zipf-0.6": Kind(0.6, once=0.5, objects=2000),
    "crowd": Kind(0.8, once=0.7, flash=True, closes=True),
}


def size_of(rng: random.Random) -> int:
    """4 MB to 2 GB, most of them small."""
    return int(4e6 * math.exp(rng.random() ** 2 * 6.2))


def moment(rng: random.Random, kind: Kind) -> int:
    """Few at night, most at nine in the evening."""
    while True:
        hour = rng.random() * 24
        if rng.random() * 1.9 <= 1 + 0.9 * math.cos((hour - 21) / 12 * math.pi):
            return int((rng.randrange(kind.days) * 24 + hour) * 3600)


def make(kind: Kind, seed: int, first: int = 0) -> list[tuple[int, int, int, int]]:
    """(time, object, size, LAN); objects are numbered from `first` on."""
    rng = random.Random(seed)
    upto = list(itertools.accumulate((rank + 1) ** -kind.zipf for rank in range(kind.objects)))
    sizes = [int(size_of(rng) * kind.scale) for _ in range(kind.objects)]
    rows, fresh = [], first + kind.objects
    for _ in range(kind.requests):
        time, lan = moment(rng, kind), rng.randrange(kind.lans)
        if kind.closes and lan % 2 and time > kind.days * DAY // 2:
            continue
        if rng.random() < kind.once:
            rows.append((time, fresh, int(size_of(rng) * kind.scale), lan))
            fresh += 1
            continue
        item = bisect.bisect_left(upto, rng.random() * upto[-1])
        item = (item + lan * 97) % kind.objects if rng.random() < 0.3 else item
        rows.append((time, first + item, sizes[item], lan))
    events: list[tuple[float, float, float]] = []
    if kind.releases:
        events += [(day * DAY, 4, 0.02) for day in range(2, kind.days, max(7 // kind.releases, 1))]
    if kind.flash:
        events += [(kind.days * DAY * part, 0.1, 0.08) for part in (0.25, 0.75)]
    for begin, days, share in events:
        size = int(size_of(rng) * kind.scale)
        moments = [int(begin + rng.expovariate(1) * days * DAY / 2) for _ in range(int(share * kind.requests))]
        rows += [(min(time, kind.days * DAY - 1), fresh, size, rng.randrange(kind.lans)) for time in moments]
        fresh += 1
    return sorted(rows)


def changing(first: Kind, second: Kind, seed: int) -> list[tuple[int, int, int, int]]:
    """One kind, and from the middle on another one."""
    early = make(first, seed)
    shift = first.days * DAY
    return early + [(time + shift, item, size, lan) for time, item, size, lan in make(second, seed + 1, 10**7)]


def write(rows: list[tuple[int, int, int, int]], csv: Path) -> None:
    with csv.open("w") as file:
        file.write("time,id,size,lan\n")
        file.writelines(f"{time},{item},{size},{lan}\n" for time, item, size, lan in rows)


CHANGES: dict[str, Callable[[], list[tuple[int, int, int, int]]]] = {
    "zipf 1.0 to 0.6": lambda: changing(Kind(1.0, days=10), Kind(0.6, days=10), 5),
    "sizes × 10": lambda: changing(Kind(0.9, days=10), replace(Kind(0.9, days=10), scale=10), 6),
}
