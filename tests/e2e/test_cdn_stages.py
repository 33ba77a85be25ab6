"""nginx in three stages in front of the function on each of its hosts: what is cached, and who is asked what (S10, S11)."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support import apks, client, edge, shop
from support.edge import Edge
from support.servers import Minio, Servers
from support.shop import Region

NAME = "v2+v3"


@pytest.fixture(scope="module", params=edge.HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def chain(host: str, minio: Minio, bucket: str, servers: Servers) -> Iterator[Edge]:
    with ExitStack() as stack:
        made = edge.edge(minio, bucket, servers, stack, host, secret="only-the-cdn")
        yield made


@pytest.fixture
def region(chain: Edge) -> Region:
    found = shop.region(chain.store.publish(apks.made(NAME)))
    chain.store.channel("APP", "huawei")
    return found


def overlaid(region: Region) -> list[str]:
    """The slices that touch the region, as the slicer asks for them."""
    step = shop.SLICE
    return [f"bytes={at * step}-{(at + 1) * step - 1}" for at in range(region.start // step, region.end // step + 1)]


def whole(chain: Edge, channel: str, region: Region) -> bytes:
    answer = chain.ask(f"/packages/APP/1.0/{channel}.apk")
    assert (answer.status, answer.header("content-length")) == (200, str(region.size))
    return answer.body


def offline(channel: str) -> bytes:
    return shop.offline(NAME, json.dumps({"channel": channel})).read_bytes()


def test_downloads_ask_for_what_is_new_only(chain: Edge, region: Region) -> None:
    slices = client.slices(region.size, shop.SLICE)
    assert whole(chain, "huawei", region) == offline("huawei")
    assert [one.range for one in chain.asked()] == slices
    assert sorted(one.range for one in chain.base_reads()) == sorted(clamped(slices, overlaid(region), region))
    assert {one.status for one in chain.base_reads()} == {206}

    chain.forget()  # the same again: nobody is asked
    assert whole(chain, "huawei", region) == offline("huawei")
    assert (chain.asked(), chain.storage.requests()) == ([], [])
    for one in ("bytes=0-0", f"bytes={region.start}-{region.end}", "bytes=-100", "bytes=1000000-1999999"):
        assert chain.ask("/packages/APP/1.0/huawei.apk", range=one).status == 206
    assert chain.ask("/packages/APP/1.0/huawei.apk", "HEAD").status == 200
    assert (chain.asked(), chain.storage.requests()) == ([], [])

    chain.store.channel("APP", "xiaomi")  # a second channel: the store is asked for the overlaid slice only, and says that it is the same
    chain.forget()
    assert whole(chain, "xiaomi", region) == offline("xiaomi")
    assert [one.range for one in chain.asked()] == slices
    assert [one.range for one in chain.base_reads()] == clamped(overlaid(region), overlaid(region), region)
    assert {one.status for one in chain.base_reads()} == {304}


def clamped(ranges: list[str], by_function: list[str], region: Region) -> list[str]:
    """The function asks the store for no more than there is; the follower passes on what it was asked."""
    last = f"-{region.size - 1}"
    return [one.rsplit("-", 1)[0] + last if one in by_function and int(one.rsplit("-", 1)[1]) >= region.size else one for one in ranges]


def test_fifty_channels_take_one_package_and_a_slice_each(chain: Edge, region: Region, host: str) -> None:
    channels = [f"channel-{number:02}" for number in range(50)]
    table = chain.cdn.prefix / "channels.csv"
    table.write_text("".join(f"{channel}\n" for channel in channels))
    chain.store.run("channel", "set", "APP", "--from", table)
    for channel in channels:
        assert whole(chain, channel, region) == offline_of_many(channel, region), channel
    base, answers, brief = (chain.entries(zone) for zone in ("base", "answers", "brief"))
    slices = -(-region.size // shop.SLICE)
    touched = len(overlaid(region))
    assert touched <= 2
    assert len(base) == slices - touched
    assert sum(one.bytes for one in base) < region.size + 4096 * slices
    spliced = [one for one in answers if one.status == 206]
    assert len(spliced) == 50 * touched
    assert {one.status for one in answers} == {206, 302}
    assert all(one.bytes < 4096 for one in answers if one.status == 302)
    assert brief == []
    assert len(chain.base_reads()) == slices - touched + 50 * touched


_offline: dict[str, bytes] = {}


def offline_of_many(channel: str, region: Region) -> bytes:
    """All channels of one length: the offline package of the first, with the name put in, saves fifty runs."""
    if not _offline:
        first = offline("channel-00")
        second = offline("channel-01")
        _offline["whole"] = first
        assert first.replace(b"channel-00", b"channel-01") == second
    assert len(channel) == 10
    return _offline["whole"].replace(b"channel-00", channel.encode())


def test_the_function_is_not_reached_past_the_cdn(chain: Edge, region: Region) -> None:
    assert client.request(f"{chain.direct}/packages/APP/1.0/huawei.apk", range="bytes=0-0").status == 403
    assert chain.ask("/packages/APP/1.0/huawei.apk", range="bytes=0-0").status == 206
    forged = chain.ask("/packages/APP/1.0/huawei.apk", range="bytes=1000000-1000001", pakhus_origin_secret="x")
    assert forged.status == 206


def test_headers_for_clients_are_the_channels_own(chain: Edge, region: Region, host: str) -> None:
    step = shop.SLICE
    answers = [chain.ask("/packages/APP/1.0/huawei.apk", range=f"bytes={at}-{at + 9}") for at in (0, region.start // step * step, region.start)]
    answers.append(chain.ask("/packages/APP/1.0/huawei.apk", "HEAD"))
    direct = client.request(f"{chain.direct}/packages/APP/1.0/huawei.apk", "HEAD", {"Pakhus-Origin-Secret": "only-the-cdn"})
    for name in ("etag", "last-modified", "content-type", "content-disposition"):
        values = {answer.header(name) for answer in answers}
        assert len(values) == 1, (name, values)
        assert values == {direct.header(name)}
    for answer in answers:
        names = [name.lower() for name, _ in answer.headers]
        assert len(names) == len(set(names)), names
        assert not [name for name in names if name.startswith(("x-", "pakhus", "location", "strict-"))], names
