"""Traffic Server in front of nginx's three stages: right bytes, and nobody is asked twice."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import apks, ats, client, edge, shop
from support.edge import Edge
from support.servers import Minio, Program, Servers
from support.shop import Region

pytestmark = pytest.mark.skipif(shutil.which("traffic_server") is None, reason="Traffic Server is not installed; Debian 13 has no package of it")

KIND = "v2+v3"
PACKAGE = "/packages/APP/1.0/huawei.apk"


@pytest.fixture
def chain(minio: Minio, bucket: str, servers: Servers) -> Iterator[Edge]:
    with ExitStack() as stack:
        yield edge.edge(minio, bucket, servers, stack)


@pytest.fixture
def region(chain: Edge) -> Region:
    found = shop.region(chain.store.publish(apks.made(KIND)))
    chain.store.channel("APP", "huawei")
    chain.store.channel("APP", "xiaomi")
    return found


@pytest.fixture
def front(chain: Edge, servers: Servers, tmp_path: Path) -> Program:
    return ats.start(servers, tmp_path / "ats", chain.cdn.url)


def offline(channel: str) -> bytes:
    return shop.offline(KIND, json.dumps({"channel": channel})).read_bytes()


def test_a_package_comes_whole_and_once(front: Program, chain: Edge, region: Region) -> None:
    for channel in ("huawei", "xiaomi"):
        answer = client.get(f"{front.url}/packages/APP/1.0/{channel}.apk")
        assert (answer.status, answer.body) == (200, offline(channel))
    assert [one.range for one in chain.cdn.requests()] == client.slices(region.size, shop.SLICE) * 2
    chain.cdn.forget()
    chain.forget()
    assert client.get(front.url + PACKAGE).body == offline("huawei")
    assert (chain.cdn.requests(), chain.asked(), chain.storage.requests()) == ([], [], [])


def test_any_range_is_cut_from_the_cached_slices(front: Program, chain: Edge, region: Region) -> None:
    wanted = offline("huawei")
    assert client.get(front.url + PACKAGE).body == wanted
    chain.cdn.forget()
    end = region.size - 1
    for first, last in [(0, 0), (region.start, region.end), (shop.SLICE - 1, shop.SLICE), (1000, 1999999), (end, end)]:
        answer = client.get(front.url + PACKAGE, f"bytes={first}-{last}")
        assert (answer.status, answer.body) == (206, wanted[first : last + 1])
        assert answer.header("content-range") == f"bytes {first}-{last}/{region.size}"
    assert chain.cdn.requests() == []


def test_a_condition_is_looked_at_though_slices_are_cached(front: Program, chain: Edge, region: Region) -> None:
    """If-Range: a resumed download never gets the rest of another package. Whole where Traffic Server can't tell, as RFC 9110 allows."""
    wanted = offline("huawei")
    etag = str(client.get(front.url + PACKAGE).header("etag"))
    for condition in ('"of-another-package"', etag, "Thu, 01 Jan 2026 00:00:00 GMT"):
        answer = client.get(front.url + PACKAGE, "bytes=1000-1999", if_range=condition)
        assert (answer.status, answer.body) == (200, wanted), condition
    assert client.get(front.url + PACKAGE, "bytes=1000-1999").body == wanted[1000:2000]


def test_several_ranges_are_the_whole(front: Program, chain: Edge, region: Region) -> None:
    wanted = offline("huawei")
    for _ in range(2):
        answer = client.get(front.url + PACKAGE, "bytes=0-9,100-109")
        assert (answer.status, answer.body) == (200, wanted)


@pytest.mark.parametrize("path", ["/query?app=APP", "/admission?resource=none&client=c", "/admission/profile?resource=none", "/gather?scene=none"])
def test_what_devices_ask_besides_comes_through(path: str, minio: Minio, bucket: str, servers: Servers, tmp_path: Path) -> None:
    with ExitStack() as stack:
        chain = edge.edge(minio, bucket, servers, stack, secret="s3cret")
        chain.store.publish(apks.made(KIND))
        front = ats.start(servers, tmp_path / "ats", chain.cdn.url)
        assert client.get(chain.direct + path).status == 403
        for url in (chain.cdn.url, front.url):
            answer = client.get(url + path)
            assert answer.status == (200 if path.startswith("/query") else 404), answer.body
            assert json.loads(answer.body).get("type", "not-found") == "not-found"


def test_headers_are_the_channels_own(front: Program, chain: Edge, region: Region) -> None:
    answers = [client.get(front.url + PACKAGE, one) for one in ("bytes=0-9", f"bytes={region.start}-{region.start + 9}", None)]
    direct = client.get(chain.direct + PACKAGE, "bytes=0-0")
    for name in ("etag", "content-disposition", "content-type"):
        values = {answer.header(name) for answer in answers}
        assert len(values) == 1 and (name == "content-type" or values == {direct.header(name)}), (name, values)


def test_what_is_not_there_is_a_404(front: Program, chain: Edge, region: Region) -> None:
    assert client.get(f"{front.url}/packages/APP/9.9/huawei.apk").status == 404
    assert client.get(f"{front.url}/elsewhere").status == 404
