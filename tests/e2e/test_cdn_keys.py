"""No channel, info or file name ever gets another's bytes or headers out of a cache: every request must get from nginx what
the function itself says to it, whatever was asked before."""

import json
import random
import re
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

import pytest

from support import apks, client, edge, links, shop
from support.edge import Edge
from support.gateway import Answer
from support.servers import Minio, Servers
from support.shop import Region

A, B = links.info_of({"click": "1"}), links.info_of({"click": "2"})
P = "/packages/APP/1.0/huawei.apk"


@pytest.fixture(scope="module")
def chain(minio: Minio, module_servers: Servers) -> Iterator[Edge]:
    with ExitStack() as stack:
        made = edge.edge(minio, minio.bucket("keys"), module_servers, stack)
        for app in ("APP", "app"):
            made.store.publish(apks.made("v2"), app)
            made.store.publish(apks.made("v2+v3"), app, "2.0")
            made.store.run("channel", "config", app, "--url-info", "unsigned")
            for channel in ("huawei", "xiaomi", "HUAWEI"):
                made.store.channel(app, channel)
        yield made


@pytest.fixture(scope="module")
def region(chain: Edge) -> Region:
    return shop.region(chain.store.publish(apks.made("v2")))


def signed_in_every_order() -> list[str]:
    path, query = links.signed(info={"click": "1"}, filename="a.apk").split("?")
    parts = query.split("&")
    return [f"{path}?{'&'.join(parts)}", f"{path}?{'&'.join(reversed(parts))}", f"{path}?x=1&{'&'.join(parts)}&y=2"]


TARGETS = [
    P, f"{P}?", f"{P}?x=1", f"{P}?infos=1", P.replace("huawei", "xiaomi"), P.replace("huawei", "HUAWEI"), P.replace("APP", "app"),
    P.replace("1.0", "2.0"), P.replace("huawei", "%68uawei"), P.replace("APP", "%41PP"), P.replace("huawei", "%48UAWEI"),
    P.replace("1.0", "1%2E0"), "/packages/APP/1.0.apk", "/packages/APP/2.0.apk",
    "/packages/APP/1.0//huawei.apk", "/packages//APP/1.0/huawei.apk", "/packages/APP/1.0/./huawei.apk", "/packages/APP/2.0/../1.0/huawei.apk",
    "//packages/APP/1.0/huawei.apk", "/packages/APP/1.0/%2e/huawei.apk", "/packages/APP/1.0%2Fhuawei.apk", "/packages/app/../APP/1.0/huawei.apk",
    "/packages/APP/1.0/xiaomi.apk/../huawei.apk", P + "/", P + "%3Finfo=" + A, P + "%20", P + "%00", P + "%23x",
    f"{P}?info={A}", f"{P}?info={B}", f"{P}?Info={A}", f"{P}?INFO={B}", f"{P}?info={A}&info={B}", f"{P}?info={B}&info={A}",
    f"{P}?info={A}&Info={B}", f"{P}?x&info={A}&y", f"{P}?%69nfo={A}", f"{P}?info={A[:-1]}%{ord(A[-1]):02X}", f"{P}?info={A[:-1]}%{ord(A[-1]):02x}",
    f"{P}?info", f"{P}?info=", f"{P}?info={A}&info", f"{P}?info&info={A}", f"{P}?&info={A}", f"{P}?info={A}#x", f"{P};info={A}", f"{P}?a;info={A}",
    f"{P}?info={A}?info={B}", f"{P}??info={A}", f"{P}?info={A}%26info={B}", f"{P}?x={A}&info={B}",
    f"{P}?filename=a.apk", f"{P}?filename=b.apk", f"{P}?Filename=a.apk", f"{P}?filename=a.apk&filename=b.apk", f"{P}?info={A}&filename=a.apk",
    f"{P}?filename=a.apk&info={A}", f"{P}?info={B}&filename=a.apk", f"{P}?filename={quote('a.apk&info=' + A)}", f"{P}?filename=%61.apk",
    f"{P}?filename=a.apk%20info={A}", f"{P}?filename=a.apk&sig=k1.x&exp={links.time_in(99)}", f"{P}?exp={links.time_in(9999)}",
    f"{P}?sig=", f"{P}?exp=", f"{P}?filename=", f"{P}?filename", f"{P}?exp={links.time_in(9999)}&exp={links.time_in(9999)}", f"{P}?exp=2020-01-01T00:00:00Z",
    *signed_in_every_order(), links.signed(info={"click": "2"}, filename="a.apk"), links.signed(info={"click": "1"}), links.signed(),
    links.signed(info={"click": "1"}, filename="a.apk").replace("sig=k1.", "sig=k1.A"), links.signed("APP", "2.0", info={"click": "1"}),
    links.signed(filename="info=" + A + ".apk"),
]


def seen(answer: Answer) -> tuple[object, ...]:
    """All that a client could mistake for another's."""
    fine = answer.status in (200, 206)
    names = ("etag", "last-modified", "content-disposition", "content-range", "content-length") if fine else ()
    return (answer.status, answer.body if fine else b"", *(answer.header(name) for name in names))


def plain(target: str, method: str, range: str) -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: x\r\nRange: {range}\r\nConnection: close\r\n\r\n".encode()


def through(chain: Edge, target: str, range: str) -> Answer:
    return client.raw(chain.cdn.url, plain(target, "GET", range))


def from_function(chain: Edge, target: str, range: str) -> Answer:
    answer = client.raw(chain.direct, plain(target, "GET", range))
    if answer.status != 302:
        return answer
    base = client.request(answer.header("location") or "", range=range)
    own = {"etag", "last-modified", "content-disposition"}
    headers = [(name, value) for name, value in base.headers if name.lower() not in own]
    return Answer(base.status, headers + [(name, value) for name, value in answer.headers if name.lower() in own], base.body)


@pytest.mark.parametrize("part", ["before", "region", "across"])
def test_every_request_gets_its_own(part: str, chain: Edge, region: Region) -> None:
    range = {"before": "bytes=1000-1999", "region": f"bytes={region.start}-{region.start + 999}",
             "across": f"bytes={region.start - 500_000}-{region.start + 500}"}[part]
    wanted = {target: seen(from_function(chain, target, range)) for target in TARGETS}
    assert len(set(wanted.values())) > (5 if part == "before" else 10)
    found = []
    for turn, seed in enumerate((1, 2, 3)):
        order = list(TARGETS)
        random.Random(seed).shuffle(order)
        for target in order:
            got = seen(through(chain, target, range))
            if got != wanted[target] and not forgiven(target, got, wanted[target]):
                found.append(f"turn {turn}: {target}: {show(got)}, not {show(wanted[target])}")
    assert found == []


def show(value: tuple[object, ...]) -> tuple[object, ...]:
    return (value[0], *value[2:])


def forgiven(target: str, got: tuple[object, ...], wanted: tuple[object, ...]) -> bool:
    """What nginx refuses by itself before any cache is looked at."""
    return got[0] in (400, 404) and wanted[0] in (400, 404)


def test_order_and_strangers_make_no_difference_to_the_cache(chain: Edge, region: Region) -> None:
    one, other, third = signed_in_every_order()
    range = f"bytes={region.start}-{region.end}"
    first = through(chain, one, range)
    chain.forget()
    for target in (other, third):
        assert seen(through(chain, target, range)) == seen(first)
    assert chain.asked() == []


def test_ranges_share_their_slices(chain: Edge, region: Region) -> None:
    """HEAD, suffixes and odd ranges are cut from slices that are cached under whole ranges only."""
    wanted = shop.offline("v2", '{"channel":"huawei"}').read_bytes()
    whole = chain.ask(P)
    assert whole.body == wanted
    chain.forget()
    for text in ("bytes=-1", "bytes=-5000", f"bytes={region.start - 1}-{region.start}", "bytes=524287-524288", "bytes=0-1048575", "bytes=5-"):
        answer = chain.ask(P, range=text)
        first, last = (int(number) for number in (answer.header("content-range") or "").split()[1].split("/")[0].split("-"))
        assert (answer.status, answer.body) == (206, wanted[first : last + 1]), text
    head = chain.ask(P, "HEAD")
    assert (head.status, head.body, head.header("content-length"), head.header("etag")) == (200, b"", str(region.size), whole.header("etag"))
    assert chain.asked() == []


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_first_question_of_any_kind_spoils_nothing(method: str, chain: Edge, region: Region, minio: Minio, servers: Servers) -> None:
    with ExitStack() as stack:
        fresh = edge.edge(minio, "keys", servers, stack)
        wanted = shop.offline("v2", '{"channel":"huawei"}').read_bytes()
        etag = chain.ask(P, "HEAD").header("etag") or ""
        for headers, range in (({"if_range": '"x"'}, "bytes=5-9"), ({"if_range": etag}, "bytes=5-9"), ({"if_none_match": etag}, None),
                               ({"if_match": '"x"'}, None), ({"accept_encoding": "gzip"}, "bytes=-7"), ({}, "bytes=0-0,5-6"), ({}, "bytes=x")):
            fresh.ask(P, method, range, **headers)
        assert fresh.ask(P).body == wanted
        assert {one.status for one in fresh.entries("base")} == {206}


def test_other_spellings_take_no_room(chain: Edge, region: Region) -> None:
    """An encoded name has many spellings: each would be half a MiB."""
    range = f"bytes={region.start}-{region.end}"
    chain.ask(P, range=range)
    before = {zone: len(chain.entries(zone)) for zone in ("base", "answers", "brief")}
    for target in (P.replace("huawei", "%68uawei"), P.replace("huawei", "h%75awei"), P.replace("APP", "%41PP"), f"{P}?info={A}&info={A}"):
        through(chain, target, range)
    assert {zone: len(chain.entries(zone)) for zone in before} == before


def test_keys_name_no_signature(chain: Edge, region: Region) -> None:
    chain.ask(P)
    base = chain.entries("base")
    assert base
    for entry in [*base, *chain.entries("answers"), *chain.entries("brief")]:
        assert "X-Amz" not in entry.key and "Signature" not in entry.key, entry.key
    assert all("?" not in entry.key for entry in base)
    for entry in base:
        assert "/packages/" in entry.key and re.search(r"base-[0-9a-f]{32}\.apk", entry.key) and "bytes=" in entry.key


def test_what_the_store_says_of_itself_is_cached_for_nobody(chain: Edge) -> None:
    """Names of the base slices' cache hold no channel: one copy for all."""
    chain.ask(P)
    chain.ask(P.replace("huawei", "xiaomi"))
    for entry in chain.entries("base"):
        assert "huawei" not in entry.key and "xiaomi" not in entry.key
    for entry in chain.entries("answers"):
        assert json.dumps(entry.headers).count("set-cookie") == 0
