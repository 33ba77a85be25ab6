"""The six cases of S7, and what each asks of the store, counted on the wire in front of a real MinIO."""

import json
from urllib.parse import urlsplit

import pytest

from support import apks, client, shop
from support.gateway import Answer
from support.servers import Minio, Nginx, Seen, Servers
from support.shop import Region, Shop

INFO = json.dumps({"channel": "huawei"})


class Place:
    """A package in a bucket, and a server that reaches the bucket through a recorder only."""

    def __init__(self, minio: Minio, servers: Servers, name: str):
        bucket = minio.bucket(f"cases-{name.replace('+', '-')}")
        direct = shop.minio_shop(minio, bucket)
        self.region: Region = shop.region(direct.publish(apks.made(name)))
        direct.channel("APP", "huawei", json.loads(INFO))
        self.recorder: Nginx = servers.recorder(minio.url)
        self.store: Shop = shop.minio_shop(minio, bucket, endpoint=self.recorder.url)
        self.url = f"{self.store.serve(servers, '--probe-max', '0')}/packages/APP/1.0/huawei.apk"
        self.offline = shop.offline(name, INFO).read_bytes()

    def ask(self, first: int, last: int, method: str = "GET") -> tuple[Answer, list[Seen]]:
        """The answer, and what the store saw of it. Every five seconds one request finds that the channels have to be looked at again: then
        the next one counts."""
        for _ in range(3):
            self.recorder.forget()
            answer, seen = client.request(self.url, method, range=f"bytes={first}-{last}"), self.recorder.requests()
            if not any("channels" in one.uri for one in seen):
                break
        return answer, seen


@pytest.fixture(scope="module", params=["v1", "v2+v3"])
def place(request: pytest.FixtureRequest, minio: Minio, module_servers: Servers) -> Place:
    made = Place(minio, module_servers, request.param)
    client.request(made.url, range="bytes=0-0")  # from here on the package's facts are known
    return made


@pytest.mark.parametrize("case", ["before", "up to its first byte", "after", "from behind its last byte"])
def test_outside_the_region_is_a_redirect_without_the_store(case: str, place: Place) -> None:
    region = place.region
    first, last = {"before": (0, 1000), "up to its first byte": (0, region.start - 1),
                   "after": (region.end + 1, region.size - 1), "from behind its last byte": (region.end + 1, region.end + 1)}[case]
    if first >= region.size:  # the comment is the end of the file
        assert place.ask(first, last)[0].status == 416
        return
    answer, seen = place.ask(first, last)
    assert (answer.status, answer.body, seen) == (302, b"", [])
    location = answer.header("location") or ""
    assert location.startswith(place.recorder.url) and "X-Amz-Signature=" in location
    assert "/packages/APP/1.0/base-" in location and shop.is_base(urlsplit(location).path)
    followed = client.request(location, range=f"bytes={first}-{last}")
    assert (followed.status, followed.body) == (206, place.offline[first : last + 1])


@pytest.mark.parametrize("case", ["all of it", "first byte", "last byte", "middle"])
def test_inside_the_region_is_answered_without_the_store(case: str, place: Place) -> None:
    region = place.region
    first, last = {"all of it": (region.start, region.end), "first byte": (region.start, region.start),
                   "last byte": (region.end, region.end), "middle": (region.start + 10, region.end - 10)}[case]
    answer, seen = place.ask(first, last)
    assert (answer.status, answer.body, seen) == (206, place.offline[first : last + 1], [])


@pytest.mark.parametrize("case", ["tail", "tail by one byte", "head", "head by one byte", "middle", "middle by one byte each"])
def test_overlay_is_one_range_read(case: str, place: Place) -> None:
    region = place.region
    s, e = region.start, region.end
    first, last = {"tail": (s - 100_000, s + 100), "tail by one byte": (s - 1, s), "head": (e - 100, e + 100), "head by one byte": (e, e + 1),
                   "middle": (s - 200_000, e + 200), "middle by one byte each": (s - 1, e + 1)}[case]
    last = min(last, region.size - 1)
    answer, seen = place.ask(first, last)
    if first >= s and last <= e:  # the comment is the end of the file
        assert (answer.body, seen) == (place.offline[first : last + 1], [])
        return
    assert (answer.status, answer.body) == (206, place.offline[first : last + 1])
    assert answer.header("content-range") == f"bytes {first}-{last}/{region.size}"
    [read] = seen
    assert (read.method, read.range, read.status) == ("GET", f"bytes={first}-{last}", 206)
    assert read.bytes_sent == last - first + 1
    assert shop.is_base(urlsplit(read.uri).path)


def test_head_asks_the_store_nothing(place: Place) -> None:
    region = place.region
    for first, last in [(0, 10), (region.start - 5, region.end), (region.start, region.end)]:
        answer, seen = place.ask(first, last, "HEAD")
        assert (answer.status, answer.header("content-length"), seen) == (206, str(last - first + 1), [])


def test_cold_start_asks_for_facts_only(place: Place, servers: Servers) -> None:
    """A new instance's redirect: package.json, and a listing and an object each for the settings and the channel's shard; nothing of the base."""
    fresh = f"{place.store.serve(servers, '--probe-max', '0')}/packages/APP/1.0/huawei.apk"
    place.recorder.forget()
    assert client.request(fresh, range="bytes=0-0").status == 302
    seen = place.recorder.requests()
    assert not [one for one in seen if shop.is_base(urlsplit(one.uri).path)]
    kinds = [next(kind for kind in ("package.json", "settings", "shards-") if kind in one.uri) for one in seen]
    assert sorted(kinds) == ["package.json", "settings", "settings", "shards-", "shards-"], seen
