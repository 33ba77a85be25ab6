"""A cached redirect never outlives its signature; a base that was replaced under us is a clear 502, never mixed bytes."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support import apks, client, edge, links, shop
from support.client import Truncated
from support.edge import Edge
from support.gateway import Answer
from support.servers import Minio, Servers
from support.shop import Region

P = "/packages/APP/1.0/huawei.apk"
AHEAD = "bytes=0-99999"  # of the region, and longer than a probe


@pytest.fixture
def chain(minio: Minio, bucket: str, servers: Servers) -> Iterator[Edge]:
    with ExitStack() as stack:
        yield edge.edge(minio, bucket, servers, stack)


@pytest.fixture
def region(chain: Edge) -> Region:
    found = shop.region(chain.store.publish(apks.made("v2")))
    for channel in ("huawei", "xiaomi"):
        chain.store.channel("APP", channel)
    return found


def signature_end(location: str) -> float:
    query = parse_qs(urlsplit(location).query)
    start = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return start.timestamp() + int(query["X-Amz-Expires"][0])


def life(answer: Answer) -> int:
    """In caches of CDNs. Those of devices may use again what is good for any range."""
    control = answer.header("cache-control") or ""
    found = re.fullmatch(r"public, max-age=(?:0, s-maxage=)?(\d+)", control)
    assert found, control
    return int(found[1])


def test_what_is_said_of_a_redirects_life_is_within_its_signature(chain: Edge, region: Region) -> None:
    for target in (P, "/packages/APP/1.0.apk", links.signed(info={"a": "1"}), links.signed(seconds=3)):
        answer = client.request(chain.direct + target, range=AHEAD)
        assert answer.status == 302
        left = signature_end(answer.header("location") or "") - time.time()
        assert 0 <= life(answer) <= left - 30, target
        assert left <= 7 * 86400
    assert life(client.request(chain.direct + links.signed(seconds=3), range=AHEAD)) <= 3


@pytest.mark.parametrize("clock", ["1999-12-31T23:59:59Z", "2099-12-31T23:59:59Z"])
def test_signatures_keep_to_the_real_clock_whatever_clock_is_followed(clock: str, chain: Edge, region: Region, servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(clock)
    url = chain.store.serve(servers, "--clock", str(tmp_path / "clock"))
    answer = client.request(url + P, range=AHEAD, follow=False)
    left = signature_end(answer.header("location") or "") - time.time()
    assert answer.status == 302 and 60 < life(answer) <= left
    assert client.request(url + P, range=AHEAD, follow=True).status == 206


def test_cached_redirects_end_before_their_signatures(chain: Edge, region: Region) -> None:
    chain.ask(P)
    redirects = [one for one in chain.entries("answers") if one.status == 302]
    assert len(redirects) > 3
    for one in redirects:
        kept_until = time.time() + int(one.headers["cache-control"].rsplit("=", 1)[1])
        assert kept_until < signature_end(one.headers["location"])


def test_an_expired_link_gets_nothing_from_a_cache(chain: Edge, region: Region) -> None:
    target = links.signed(info={"click": "1"}, seconds=3)
    around = [f"bytes={region.start}-{region.end}", "bytes=0-9"]
    assert [chain.ask(target, range=one).status for one in around] == [206, 206]
    time.sleep(4)
    assert [chain.ask(target, range=one).status for one in around] == [403, 403]


def other_base(chain: Edge, minio: Minio, bucket: str) -> bytes:
    """Puts another object of the same size where the base was."""
    old = shop.base("v2").read_bytes()
    new = bytes(byte ^ 0xFF for byte in old)
    [key] = [one["Key"] for one in minio.client().list_objects_v2(Bucket=bucket, Prefix="packages/APP/1.0/base-")["Contents"]]
    minio.client().put_object(Bucket=bucket, Key=key, Body=new)
    return new


def test_a_replaced_base_is_a_502(chain: Edge, region: Region, minio: Minio, bucket: str) -> None:
    assert client.request(chain.direct + P, range=AHEAD).status == 302  # the facts are known
    other_base(chain, minio, bucket)
    answer = chain.ask(P, range="bytes=0-9")
    assert answer.status == 502
    assert answer.header("content-type") == "application/problem+json"
    assert json.loads(answer.body)["type"] == "store-refused"
    assert b"X-Amz" not in answer.body and b"minio" not in answer.body.lower()
    across = client.request(chain.direct + P, range=f"bytes={region.start - 9}-{region.end}")
    assert (across.status, across.header("content-type")) in ((502, "application/problem+json"), (503, "application/problem+json"))
    again = chain.ask(P, range="bytes=0-9")
    assert again.status == 502  # it is not the cache that says so


def test_bytes_of_two_bases_are_never_mixed(chain: Edge, region: Region, minio: Minio, bucket: str) -> None:
    """Some slices are cached, the others have changed: an answer is whole, or cut off, or an error."""
    wanted = shop.offline("v2", '{"channel":"huawei"}').read_bytes()
    half = region.size // 2 // shop.SLICE * shop.SLICE
    assert chain.ask(P, range=f"bytes=0-{half - 1}").body == wanted[:half]
    other_base(chain, minio, bucket)
    try:
        body = chain.ask(P).body
        assert body == wanted
    except Truncated as cut:
        assert len(cut.body) <= half
        assert cut.body == wanted[: len(cut.body)]
    assert chain.ask(P, range=f"bytes={half}-{half + 9}").status == 502
    assert chain.ask(P.replace("huawei", "xiaomi"), range=f"bytes={region.start - 10}-{region.end}").status in (502, 503)


def test_another_object_from_the_first_is_published_anew(chain: Edge, region: Region, minio: Minio, bucket: str) -> None:
    """Unpublished and published with other bytes: the caches' old slices are not of the new package."""
    assert chain.ask(P).status == 200
    chain.store.run("unpublish", "APP", "1.0")
    chain.store.publish(apks.made("v2+v3"))
    wanted = shop.offline("v2+v3", '{"channel":"xiaomi"}').read_bytes()
    try:
        answer = chain.ask(P.replace("huawei", "xiaomi"))
        assert answer.status in (502, 503) or answer.body == wanted
    except Truncated as cut:
        assert cut.body == shop.offline("v2", '{"channel":"xiaomi"}').read_bytes()[: len(cut.body)]


def test_a_store_that_is_down_is_a_502(chain: Edge, region: Region) -> None:
    assert chain.ask(P, range="bytes=0-9").status == 206
    chain.storage.stop()
    assert chain.ask(P, range="bytes=0-9").status == 206  # from the cache
    answer = chain.ask(P, range="bytes=1000000-1000009")
    assert answer.status == 502
    assert json.loads(answer.body)["type"] == "store-refused"


@pytest.mark.parametrize("how", ["public", "unbound"])
def test_a_target_that_gives_any_range_is_followed_for_each(how: str, minio: Minio, bucket: str, servers: Servers) -> None:
    """The stages say that they follow (Pakhus-Follow); whether a client says so makes no difference, neither here nor there."""
    allowed = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}
    minio.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    with ExitStack() as stack:
        settings = {"PAKHUS_REDIRECT": f"{minio.url}/{bucket}"} if how == "public" else {"PAKHUS_STORE": minio.store(bucket) + "&bind-range=no"}
        chain = edge.edge(minio, bucket, servers, stack, settings=settings)
        chain.store.publish(apks.made("v2"))
        chain.store.channel("APP", "huawei")
        wanted = shop.offline("v2", '{"channel":"huawei"}').read_bytes()
        for claim in ({}, {"pakhus_follow": "1"}, {"pakhus_follow": "0"}):
            assert chain.ask(P, **claim).body == wanted
        assert 302 in {one.status for one in chain.asked()}
        assert client.request(chain.direct + P, range=AHEAD).status == 206
        part = chain.ask(P, range=AHEAD)
        assert (part.status, part.header("vary"), part.header("cache-control")) == (206, "Range", "public, max-age=300")
        assert chain.ask(P).header("vary") is None


def test_an_unknown_channel_is_unknown_for_seconds_only(chain: Edge, region: Region) -> None:
    """A 404 is kept for seconds: a channel that is set right after it was missed comes through."""
    assert chain.ask("/packages/APP/1.0/late.apk").status == 404
    chain.store.channel("APP", "late")
    assert chain.ask("/packages/APP/1.0/late.apk").status in (200, 404)
    time.sleep(6.5)
    assert chain.ask("/packages/APP/1.0/late.apk").status == 200
