"""S12: a thousand URLs with info of their own leave nothing that lasts in the caches."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from support import apks, edge, links, shop
from support.cache import ROOT
from support.edge import Edge
from support.servers import Minio, Servers
from support.shop import Region

COUNT = 1000


@pytest.fixture
def chain(minio: Minio, bucket: str, servers: Servers) -> Iterator[Edge]:
    """With a minute made two seconds."""
    with ExitStack() as stack:
        yield edge.edge(minio, bucket, servers, stack, replaced={"inactive=1m": "inactive=2s"})


@pytest.fixture
def region(chain: Edge) -> Region:
    found = shop.region(chain.store.publish(apks.made("v2")))
    chain.store.channel("APP", "huawei")
    return found


def test_a_thousand_clicks_leave_nothing(chain: Edge, region: Region) -> None:
    assert len(chain.ask("/packages/APP/1.0/huawei.apk").body) == region.size
    before = {zone: len(chain.entries(zone)) for zone in ("base", "answers", "brief")}
    assert before["brief"] == 0

    def click(number: int) -> bytes:
        target = links.signed(info={"click": f"{number:08}"})
        inside = chain.ask(target, range=f"bytes={region.start}-{region.end}")
        assert inside.status == 206
        assert chain.ask(target, range="bytes=0-99").status == 206
        return inside.body

    with ThreadPoolExecutor(4) as pool:
        regions = list(pool.map(click, range(COUNT)))
    for number, filled in enumerate(regions):
        assert f'"click":"{number:08}"'.encode() in filled
    assert {zone: len(chain.entries(zone)) for zone in ("base", "answers")} == {zone: before[zone] for zone in ("base", "answers")}
    end = time.monotonic() + 40
    while chain.cdn.cached_bytes("brief") > 0:
        assert time.monotonic() < end, f"{chain.cdn.cached_bytes('brief')} bytes stay"
        time.sleep(0.5)


def test_a_resumed_download_finds_its_slices(chain: Edge, region: Region) -> None:
    target = links.signed(info={"click": "1"})
    whole = chain.ask(target).body
    chain.forget()
    at = region.start - 1000
    assert chain.ask(target, range=f"bytes={at}-").body == whole[at:]
    assert chain.asked() == []


@pytest.mark.parametrize("make", [lambda: links.signed(info={"click": "1"}), links.signed, lambda: links.path(filename="mine.apk")])
def test_whatever_is_one_clients_own_is_brief(make: "object", chain: Edge, region: Region) -> None:
    """Also a signature or a file name: each makes another key, and anyone can make up a file name."""
    assert callable(make)
    assert chain.ask(make(), range=f"bytes={region.start}-{region.end}").status == 206
    assert chain.entries("answers") == []
    assert len(chain.entries("brief")) >= 1


def test_brief_is_a_minute_and_has_a_limit() -> None:
    template = (ROOT / "cdn/nginx/pakhus.conf.template").read_text()
    [line] = [line for line in template.splitlines() if "keys_zone=pakhus_brief" in line]
    assert "inactive=1m" in line and "max_size=" in line
