"""Range headers in every shape, and the comparison of two servers by them."""

import random
from collections.abc import Callable

from support import client
from support.gateway import Answer
from support.shop import Region

HUGE = [2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30]


def valid(region: Region) -> list[str]:
    """Ranges of one part that name bytes."""
    size, s, e = region.size, region.start, region.end
    dice = random.Random(7)
    fixed = ["0-0", "0-1", f"0-{size - 1}", f"0-{size}", f"0-{size + 1}", f"{size - 1}-{size - 1}", f"{size - 1}-", f"{size - 1}-{size + 10}",
             "0-", "1-", f"{s}-{e}", f"{s}-{s}", f"{e}-{e}", f"{s - 1}-{s}", f"{e}-{e + 1}", f"{s - 1}-{e + 1}", f"{s}-", f"{e + 1}-",
             f"{s - 1}-{s - 1}", f"{e + 1}-{e + 1}", f"00{s}-000{e}", "-1", f"-{size}", f"-{size - 1}", f"-{size + 1}", f"-{size - s}",
             f"-{size - e}", f"-{size - e - 1}", "-0001"]
    huge = [f"{s}-{number}" for number in HUGE if number < 2**63] + [f"-{number}" for number in HUGE if number < 2**63]
    made = []
    for _ in range(60):
        first = dice.choice([dice.randrange(size), dice.randrange(s - 5000, e + 1)])
        made.append(f"{first}-{min(first + dice.choice([0, 1, 100, 4096, 300_000]), dice.randrange(first, size + 1000))}")
        made.append(f"-{dice.randrange(1, 100_000)}")
    return [f"bytes={one}" for one in [*fixed, *huge, *made]]


def unsatisfiable(region: Region) -> list[str]:
    size = region.size
    return [f"bytes={one}" for one in [f"{size}-", f"{size}-{size}", f"{size}-{size + 5}", f"{size + 1}-", f"{2**40}-", f"{2**63 - 1}-",
                                       "-0", f"{2**40}-{2**41}"]]


def malformed(_: Region) -> list[str]:
    """What is no range: some servers ignore it, some refuse; we do as nginx does."""
    return ["bytes", "bytes=", "bytes =0-1", "byte=0-1", "bytes:0-1", "items=0-1", "0-1", "-5", "none", "bytes=a-b", "bytes=1", "bytes=1-0",
            "bytes=5-3", "bytes=--1", "bytes=-", "bytes=1-2-3", "bytes=0x1-0x2", "bytes=+1-2", "bytes=1.0-2", "bytes=-a", "bytes=a-",
            "bytes=1-a", "bytes=-1-", "bytes=1--2", "bytes=\xb9-2", "seconds=0-1", "bytes=0-1;", "bytes=0-1x", "bytes=1_0-20"]


def spaced(_: Region) -> list[str]:
    return ["bytes= 0-1", "bytes=0 -1", "bytes=0- 1", "bytes=0-1 ", "bytes= 0 - 1 ", "BYTES=0-1", "Bytes=2-3", "bytes=\t0-1", "bytes=- 5",
            "bytes=5 -", "bytes= -5"]


def huge(region: Region) -> dict[str, tuple[int, int] | None]:
    """Ranges with numbers of any size, and the first and the last byte that they name (RFC 9110 section 14.1.2); None: 416. nginx answers 416
    to all of them."""
    last = region.size - 1
    found: dict[str, tuple[int, int] | None] = {}
    for number in (2**63, 2**64 - 1, 2**64, 10**30):
        found |= {f"bytes=0-{number}": (0, last), f"bytes={region.start}-{number}": (region.start, last), f"bytes=-{number}": (0, last),
                  f"bytes={region.end + 1}-{number}": (region.end + 1, last) if region.end < last else None,
                  f"bytes={number}-": None, f"bytes={number}-{number}": None, f"bytes={number}-0": None}
    return found


# As nginx answers them, and we.
KINDS: dict[str, Callable[[Region], list[str]]] = {"unsatisfiable": unsatisfiable, "malformed": malformed, "spaced": spaced}


def ask(url: str, method: str, text: str) -> Answer:
    return client.request(url, method, range=text, follow=True)


def seen(answer: Answer) -> tuple[object, ...]:
    partial = answer.status in (200, 206)
    return (answer.status, answer.header("content-range"), answer.header("content-length") if partial else None,
            answer.body if partial else None)


def differences(file: str, ours: str, method: str, texts: list[str]) -> list[str]:
    """Of what nginx answers for the file, and we."""
    found = []
    for text in texts:
        wanted, got = seen(ask(file, method, text)), seen(ask(ours, method, text))
        if wanted != got:
            found.append(f"{method} {text!r}: nginx {wanted[:3]}, ours {got[:3]}")
    return found


def length(text: str, size: int) -> int:
    """Of one valid range, in bytes."""
    first, last = text.removeprefix("bytes=").split("-")
    if not first:
        return min(int(last), size)
    return min(int(last or size), size - 1) - int(first) + 1
