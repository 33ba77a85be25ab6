"""Range requests as nginx answers them: the offline channel package served as a file by nginx, and the same package by the
function, get the same hundreds of requests; status, Content-Range, length and bytes must be the same."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import apks, client, shop
from support.gateway import Answer
from support.servers import Minio, Servers
from support.shop import Region

INFO = json.dumps({"channel": "huawei"})
HUGE = [2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30]


@dataclass(frozen=True)
class Pair:
    file: str  # served by nginx
    function: str
    region: Region


@pytest.fixture(scope="module", params=["presigned", "never"])
def pair(request: pytest.FixtureRequest, minio: Minio, module_servers: Servers) -> Pair:
    store = shop.minio_shop(minio, minio.bucket(f"ranges-{request.param}"))
    package = store.publish(apks.made("v2"))
    store.channel("APP", "huawei")
    path = shop.offline("v2", INFO)
    path.chmod(0o644)
    for folder in list(path.parents)[:2]:
        folder.chmod(0o755)
    nginx = module_servers.nginx("server { listen 127.0.0.1:{{port}}; location / { root {{root}}; } }", {"root": path.parent})
    url = store.serve(module_servers, "--redirect", request.param)
    return Pair(f"{nginx.url}/{path.name}", f"{url}/packages/APP/1.0/huawei.apk", shop.region(package))


def valid(size: int, s: int, e: int, dice: random.Random) -> list[str]:
    """Ranges of one part that name bytes."""
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


def unsatisfiable(size: int) -> list[str]:
    return [f"bytes={one}" for one in [f"{size}-", f"{size}-{size}", f"{size}-{size + 5}", f"{size + 1}-", f"{2**40}-", f"{2**63 - 1}-",
                                       "-0", f"{2**40}-{2**41}"]]


def malformed() -> list[str]:
    """What is no range: some servers ignore it, some refuse; we do as nginx does."""
    return ["bytes", "bytes=", "bytes =0-1", "byte=0-1", "bytes:0-1", "items=0-1", "0-1", "-5", "none", "bytes=a-b", "bytes=1", "bytes=1-0",
            "bytes=5-3", "bytes=--1", "bytes=-", "bytes=1-2-3", "bytes=0x1-0x2", "bytes=+1-2", "bytes=1.0-2", "bytes=-a", "bytes=a-",
            "bytes=1-a", "bytes=-1-", "bytes=1--2", "bytes=\u0661-2", "seconds=0-1", "bytes=0-1;", "bytes=0-1x", "bytes=1_0-20"]


def spaced() -> list[str]:
    return ["bytes= 0-1", "bytes=0 -1", "bytes=0- 1", "bytes=0-1 ", "bytes= 0 - 1 ", "BYTES=0-1", "Bytes=2-3", "bytes=\t0-1", "bytes=- 5",
            "bytes=5 -", "bytes= -5"]


def overflowing() -> list[str]:
    return [f"bytes={one}" for number in HUGE for one in (f"{number}-", f"{number}-{number}", f"0-{number}", f"-{number}", f"{number}-0")]


def ask(url: str, method: str, text: str) -> Answer:
    return client.request(url, method, headers={"Range": text}, follow=True)


def seen(answer: Answer) -> tuple[object, ...]:
    partial = answer.status in (200, 206)
    return (answer.status, answer.header("content-range"), answer.header("content-length") if partial else None,
            answer.body if partial else None)


def differences(pair: Pair, method: str, texts: list[str]) -> list[str]:
    found = []
    for text in texts:
        wanted, got = seen(ask(pair.file, method, text)), seen(ask(pair.function, method, text))
        if wanted != got:
            found.append(f"{method} {text!r}: nginx {wanted[:3]}, function {got[:3]}")
    return found


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_valid_ranges(method: str, pair: Pair) -> None:
    region = pair.region
    texts = valid(region.size, region.start, region.end, random.Random(7))
    assert differences(pair, method, texts) == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", ["unsatisfiable", "malformed", "spaced", "overflowing"])
def test_other_ranges(method: str, kind: str, pair: Pair) -> None:
    texts = {"unsatisfiable": unsatisfiable(pair.region.size), "malformed": malformed(), "spaced": spaced(), "overflowing": overflowing()}[kind]
    assert differences(pair, method, texts) == []


def test_unsatisfiable_tells_the_size(pair: Pair) -> None:
    for text in unsatisfiable(pair.region.size):
        answer = ask(pair.function, "GET", text)
        assert (answer.status, answer.header("content-range")) == (416, f"bytes */{pair.region.size}"), text
        assert answer.header("content-type") == "application/problem+json"


@pytest.mark.parametrize("text", ["bytes=0-0,2-3", "bytes=0-10, 5-20", "bytes=0-0,-1", "bytes=0-99999999,5-6", "bytes=0-1,,3-4"])
def test_several_ranges_are_answered_as_the_whole(text: str, pair: Pair) -> None:
    """RFC 9110 section 14.2 lets a server ignore the header."""
    answer = ask(pair.function, "HEAD", text)
    assert (answer.status, answer.header("content-length"), answer.header("content-range")) == (200, str(pair.region.size), None)


def test_several_ranges_of_which_none_is_there(pair: Pair) -> None:
    answer = ask(pair.function, "GET", f"bytes={pair.region.size}-,{pair.region.size + 5}-")
    assert (answer.status, answer.header("content-range")) == (416, f"bytes */{pair.region.size}")


def test_no_range_at_all(pair: Pair) -> None:
    for method in ("GET", "HEAD"):
        wanted, got = client.request(pair.file, method), client.request(pair.function, method)
        assert seen(wanted) == seen(got)
        assert got.status == 200 and got.header("accept-ranges") == "bytes"
