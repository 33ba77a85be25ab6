"""S9: whatever the slices, joined they are the offline package; S7: where slices and region meet by a byte."""

import json
import random

import pytest

from support import apks, client, shop
from support.servers import Minio, Servers
from support.shop import Region, Shop

INFO = json.dumps({"channel": "huawei", "campaign": "spring-24"})
NAMES = ["v1", "v2", "v2+v3"]


@pytest.fixture(scope="module")
def store(minio: Minio) -> Shop:
    return shop.minio_shop(minio, minio.bucket("slices"))


@pytest.fixture(scope="module")
def regions(store: Shop) -> dict[str, Region]:
    made = {}
    for name in NAMES:
        app = name.replace("+", "-")
        made[name] = shop.region(store.publish(apks.made(name), app))
        store.run("channel", "set", app, "huawei", "--info", INFO)
    return made


@pytest.fixture(scope="module", params=["presigned", "never"])
def server(request: pytest.FixtureRequest, store: Shop, module_servers: Servers) -> str:
    return store.serve(module_servers, "--redirect", request.param)


def joined(url: str, cuts: list[int], size: int) -> bytes:
    """`cuts` are where slices begin, from 0."""
    parts = []
    for first, end in zip(cuts, [*cuts[1:], size]):
        answer = client.request(url, range=f"bytes={first}-{end - 1}", follow=True)
        assert answer.status == 206
        assert answer.header("content-range") == f"bytes {first}-{end - 1}/{size}"
        assert len(answer.body) == end - first
        parts.append(answer.body)
    return b"".join(parts)


def url_of(server: str, name: str) -> str:
    return f"{server}/packages/{name.replace('+', '-')}/1.0/huawei.apk"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_random_slices_join_to_the_offline_package(name: str, seed: int, server: str, regions: dict[str, Region]) -> None:
    region = regions[name]
    dice = random.Random(f"{name} {seed}")
    near = [dice.randrange(region.start - 3000, region.end + 1) for _ in range(12)]
    cuts = sorted({0, *near, *(dice.randrange(1, region.size) for _ in range(20))})
    assert joined(url_of(server, name), cuts, region.size) == shop.offline(name, INFO).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_slices_that_meet_the_region_by_one_byte(name: str, server: str, regions: dict[str, Region]) -> None:
    """Inside one slice, over two, over three; each border of the region off by one byte on either side."""
    region = regions[name]
    s, e, size = region.start, region.end, region.size
    wanted = shop.offline(name, INFO).read_bytes()
    middle = s + 2000
    for cuts in [[s], [s - 1], [s + 1], [e + 1], [e], [e + 2], [s, e + 1], [s - 1, e + 2], [s + 1, e], [middle], [s - 1, middle, e + 2],
                 [s + 1, middle, e], [middle, middle + 1], [s - 100_000]]:
        inside = sorted({0, *(cut for cut in cuts if 0 < cut < size)})
        assert joined(url_of(server, name), inside, size) == wanted, cuts


@pytest.mark.parametrize("name", NAMES)
def test_single_bytes_around_the_borders(name: str, server: str, regions: dict[str, Region]) -> None:
    region = regions[name]
    wanted = shop.offline(name, INFO).read_bytes()
    for at in [0, region.start - 1, region.start, region.start + 1, region.end - 1, region.end, region.end + 1, region.size - 1]:
        if at >= region.size:
            continue
        answer = client.request(url_of(server, name), range=f"bytes={at}-{at}", follow=True)
        assert (answer.status, answer.body) == (206, wanted[at : at + 1]), at


@pytest.mark.parametrize("step", [4096, 100_000, 512 * 1024, 1 << 20, 5 << 20])
def test_even_slices(step: int, server: str, regions: dict[str, Region]) -> None:
    """The last one is not clamped, as nginx asks; above 4 MiB the answer is a stream."""
    name = "v2"
    region = regions[name]
    if step == 4096:  # some hundreds of those, around the region only
        first = region.start // step * step - 20 * step
        cuts = list(range(first, region.size, step))
        wanted = shop.offline(name, INFO).read_bytes()
        assert joined(url_of(server, name), [0, *cuts], region.size) == wanted
    else:
        assert client.download(url_of(server, name), region.size, step) == shop.offline(name, INFO).read_bytes()
