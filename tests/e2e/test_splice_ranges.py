"""Range requests as nginx answers them: the offline channel package served as a file by nginx, and the same package by the
function, get the same hundreds of requests; status, Content-Range, length and bytes must be the same."""

import json
from dataclasses import dataclass

import pytest

from support import apks, client, ranges, shop
from support.servers import Minio, Servers
from support.shop import Region

INFO = json.dumps({"channel": "huawei"})


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


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_valid_ranges(method: str, pair: Pair) -> None:
    assert ranges.differences(pair.file, pair.function, method, ranges.valid(pair.region)) == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", ranges.KINDS)
def test_other_ranges(method: str, kind: str, pair: Pair) -> None:
    assert ranges.differences(pair.file, pair.function, method, ranges.KINDS[kind](pair.region)) == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_numbers_of_any_size(method: str, pair: Pair) -> None:
    wanted = client.request(pair.file).body
    for text, ends in ranges.huge(pair.region).items():
        answer = ranges.ask(pair.function, method, text)
        if ends is None:
            assert answer.status == 416, text
            continue
        first, last = ends
        assert (answer.status, answer.header("content-range")) == (206, f"bytes {first}-{last}/{pair.region.size}"), text
        assert answer.body == (wanted[first : last + 1] if method == "GET" else b""), text


def test_unsatisfiable_tells_the_size(pair: Pair) -> None:
    for text in ranges.unsatisfiable(pair.region):
        answer = ranges.ask(pair.function, "GET", text)
        assert (answer.status, answer.header("content-range")) == (416, f"bytes */{pair.region.size}"), text
        assert answer.header("content-type") == "application/problem+json"


@pytest.mark.parametrize("text", ["bytes=0-0,2-3", "bytes=0-10, 5-20", "bytes=0-0,-1", "bytes=0-99999999,5-6", "bytes=0-1,,3-4"])
def test_several_ranges_are_answered_as_the_whole(text: str, pair: Pair) -> None:
    """RFC 9110 section 14.2 lets a server ignore the header."""
    answer = ranges.ask(pair.function, "HEAD", text)
    assert (answer.status, answer.header("content-length"), answer.header("content-range")) == (200, str(pair.region.size), None)


def test_several_ranges_of_which_none_is_there(pair: Pair) -> None:
    answer = ranges.ask(pair.function, "GET", f"bytes={pair.region.size}-,{pair.region.size + 5}-")
    assert (answer.status, answer.header("content-range")) == (416, f"bytes */{pair.region.size}")


def test_no_range_at_all(pair: Pair) -> None:
    for method in ("GET", "HEAD"):
        wanted, got = client.request(pair.file, method), client.request(pair.function, method)
        assert ranges.seen(wanted) == ranges.seen(got)
        assert got.status == 200 and got.header("accept-ranges") == "bytes"
