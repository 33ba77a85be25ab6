"""A redirect is good for one range, or given only to askers that ask again for each (S8a to S8c): no client gets the base in a channel's place."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support import apks, client, shop
from support.gateway import Answer
from support.servers import Minio, Servers
from support.shop import Region, Shop

INFO = json.dumps({"channel": "huawei"})
P = "/packages/APP/1.0/huawei.apk"
AHEAD = "bytes=0-99999"  # of the region, and longer than a probe
FOLLOWS = {"Pakhus-Follow": "1"}
VARY = "Range, If-Range, If-Match, If-None-Match"


@dataclass(frozen=True)
class Place:
    store: Shop
    region: Region
    public: str  # everything in the bucket, for anyone
    spliced: bytes
    base: bytes

    def serve(self, servers: Servers, *options: str) -> str:
        return self.store.serve(servers, *options) + P


@pytest.fixture(scope="module")
def place(minio: Minio, module_servers: Servers) -> Place:
    bucket = minio.bucket("redirects")
    store = shop.minio_shop(minio, bucket)
    region = shop.region(store.publish(apks.made("v2+v3")))
    store.channel("APP", "huawei")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"],
                                                     "Resource": [f"arn:aws:s3:::{bucket}/*"]}]}
    minio.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    return Place(store, region, f"{minio.url}/{bucket}", shop.offline("v2+v3", INFO).read_bytes(), shop.base("v2+v3").read_bytes())


@pytest.fixture(scope="module")
def presigned(place: Place, module_servers: Servers) -> str:
    return place.serve(module_servers)


@pytest.fixture(scope="module")
def public(place: Place, module_servers: Servers) -> str:
    return place.serve(module_servers, "--redirect", place.public)


@pytest.fixture(scope="module")
def unbound(place: Place, module_servers: Servers) -> str:
    """A store whose presigned URLs give any range."""
    return Shop(place.store.store + "&bind-range=no", place.store.env).serve(module_servers) + P


def location(answer: Answer) -> str:
    assert answer.status == 302, (answer.status, answer.body[:200])
    return answer.header("location") or ""


# --- S8a


@pytest.mark.parametrize("range", [AHEAD, "bytes=70000-200000", "bytes=00-00099999"])
def test_a_presigned_redirect_gives_its_range_and_no_other(range: str, presigned: str, place: Place) -> None:
    answer = client.request(presigned, range=range)
    url = location(answer)
    assert parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"] == ["host;range"]
    first, last = (int(number) for number in range.removeprefix("bytes=").split("-"))
    followed = client.request(url, range=range)
    assert (followed.status, followed.body) == (206, place.spliced[first : last + 1])
    others = ["bytes=0-0", "bytes=0-", "bytes=-100", f"{range}0", f"bytes={place.region.start}-{place.region.end}", f"bytes= {first}-{last}"]
    for other in (*others, None):
        refused = client.request(url, range=other)
        assert 400 <= refused.status < 500, other


def test_it_says_what_it_depends_on(presigned: str, public: str, unbound: str) -> None:
    bound, free, unsigned = (client.request(url, headers=FOLLOWS, range=AHEAD) for url in (presigned, public, unbound))
    assert bound.header("vary") == VARY
    assert free.header("vary") == unsigned.header("vary") == f"{VARY}, Pakhus-Follow"
    for answer in (bound, free, unsigned):
        assert (answer.header("cache-control") or "").startswith("public, max-age=0, s-maxage=")  # devices' caches never use it again
    assert client.request(presigned, range="bytes=0-9").header("vary") == "Range"


@pytest.mark.parametrize("how", ["presigned", "public", "unbound"])
def test_the_whole_is_never_reached_by_a_redirect(how: str, place: Place, request: pytest.FixtureRequest) -> None:
    url = str(request.getfixturevalue(how))
    everything = f"bytes=0-{place.region.size - 1}"
    for range in (None, "bytes=0-", f"bytes=-{place.region.size}", everything, "bytes=0-18446744073709551615", "bytes=0-99999,200000-300000",
                  f"bytes=0-{place.region.start}", f"bytes={place.region.end}-", "bytes=0-99999 ,", "items=0-99999", "BYTES=0-99999", "bytes= 0-99999"):
        answer = client.request(url, headers=FOLLOWS, range=range)
        assert answer.status in (200, 206), range
        first, last = 0, place.region.size - 1
        if answer.status == 206:
            first, last = (int(end) for end in (answer.header("content-range") or "").split()[1].split("/")[0].split("-"))
        assert answer.body == place.spliced[first : last + 1], range


def test_a_range_that_the_store_may_not_understand_is_not_left_to_it(presigned: str, place: Place) -> None:
    """Servers that keep positions in 63 bits ignore a larger one, and send the whole base."""
    for number in (2**63 - 1, 2**63, 2**64 - 1, 2**64):
        answer = client.request(presigned, range=f"bytes={place.region.end + 1}-{number}")
        assert (answer.status, answer.body) == (206, place.spliced[place.region.end + 1 :])


# --- S8b


@pytest.mark.parametrize("how", ["presigned", "public", "unbound"])
def test_a_probe_learns_no_other_address(how: str, place: Place, request: pytest.FixtureRequest) -> None:
    url = str(request.getfixturevalue(how))
    size = place.region.size
    for range, first, last in [("bytes=0-0", 0, 0), ("bytes=0-65535", 0, 65535), ("bytes=-1", size - 1, size - 1),
                               ("bytes=100000-165535", 100_000, 165_535), (f"bytes={size - 65536}-{size - 1}", size - 65536, size - 1)]:
        answer = client.request(url, headers=FOLLOWS, range=range)
        assert (answer.status, answer.body) == (206, place.spliced[first : last + 1]), range
        assert answer.header("content-range") == f"bytes {first}-{last}/{size}"
    assert client.request(url, headers=FOLLOWS, range="bytes=0-65536").status == 302


def test_a_slice_that_ends_past_the_end_is_no_probe(presigned: str, place: Place) -> None:
    """Caches ask for whole slices, whatever is left of the package: what is the same for all channels stays with the store."""
    behind = place.region.end + 1
    answer = client.request(presigned, range=f"bytes={behind}-{behind + 524287}", follow=True)
    assert (answer.status, answer.body) == (206, place.spliced[behind:])
    assert client.request(presigned, range=f"bytes={behind}-{behind + 524287}").status == 302
    assert client.request(presigned, range=f"bytes={behind}-").status == 206


@pytest.mark.parametrize("limit, range, status", [("0", "bytes=0-0", 302), ("1", "bytes=0-0", 206), ("1", "bytes=0-1", 302),
                                                  ("1000000", AHEAD, 206), ("1099511627776", AHEAD, 206)])
def test_the_limit_is_a_setting(limit: str, range: str, status: int, place: Place, servers: Servers) -> None:
    assert client.request(place.serve(servers, "--probe-max", limit), range=range).status == status


# --- S8c


@pytest.mark.parametrize("how", ["public", "unbound"])
def test_who_may_keep_a_target_that_gives_any_range_is_not_sent_there(how: str, place: Place, request: pytest.FixtureRequest) -> None:
    url = str(request.getfixturevalue(how))
    for stranger in ({}, {"Pakhus-Follow": "0"}, {"Pakhus-Follow": ""}, {"Pakhus-Follow": "1, 1"}, {"Follow": "1"}):
        answer = client.request(url, headers=stranger, range=AHEAD)
        assert (answer.status, answer.body) == (206, place.spliced[:100_000]), stranger
    follower = client.request(url, headers=FOLLOWS, range=AHEAD, follow=True)
    assert (follower.status, follower.body) == (206, place.spliced[:100_000])
    assert client.request(url, headers=FOLLOWS, range=AHEAD).status == 302


@pytest.mark.parametrize("followers, options, status", [
    ("127.0.0.0/8", [], 302), ("10.0.0.0/8,127.0.0.1/32", [], 302), ("10.0.0.0/8", [], 206), ("::/0", [], 206), ("all", [], 302),
    ("203.0.113.0/24", ["--trusted-proxies", "127.0.0.1/32"], 302), ("203.0.113.0/24", [], 206), ("127.0.0.1/32", ["--trusted-proxies", "127.0.0.1/32"], 206)])
@pytest.mark.parametrize("how", ["presigned", "public"])
def test_followers_by_their_networks(how: str, followers: str, options: list[str], status: int, place: Place, servers: Servers) -> None:
    """For presigned redirects, too, as soon as it is set."""
    redirect = place.public if how == "public" else how
    url = place.serve(servers, "--redirect", redirect, "--followers", followers, *options)
    answer = client.request(url, headers={"X-Forwarded-For": "192.0.2.1, 203.0.113.7"}, range=AHEAD)
    assert answer.status == status
    assert client.request(url, headers=FOLLOWS, range=AHEAD).status == 302
    if status == 302:
        assert answer.header("vary") == (VARY if followers == "all" else f"{VARY}, Pakhus-Follow")


@pytest.mark.parametrize("settings, words", [
    (["--followers", "everyone"], "--followers"), (["--followers", "10.0.0.0/99"], "--followers"), (["--followers", "all,10.0.0.0/8"], "--followers"),
    (["--probe-max", "64k"], "--probe-max"), (["--probe-max", "1.5"], "--probe-max"), (["--probe-max", "1099511627777"], "--probe-max")])
def test_settings_that_are_wrong_are_named(settings: list[str], words: str, place: Place) -> None:
    done = place.store.run("serve", "--listen", "127.0.0.1:0", *settings, check=False)
    assert done.returncode != 0 and words in done.stderr


@pytest.mark.parametrize("how", ["presigned", "public", "unbound"])
def test_a_base_is_right_for_any_range(how: str, place: Place, request: pytest.FixtureRequest) -> None:
    """It has no channel: a target that is kept gives right bytes, so everyone may be sent there, and for the whole."""
    url = str(request.getfixturevalue(how)).removesuffix(P) + "/packages/APP/1.0.apk"
    kept = location(client.request(url))
    assert client.request(url, follow=True).body == place.base
    assert kept == location(client.request(url, range=AHEAD))
    for first, last in [(0, 9), (70_000, 170_000)]:
        answer = client.request(kept, range=f"bytes={first}-{last}")
        assert (answer.status, answer.body) == (206, place.base[first : last + 1])
    assert client.request(url, range="bytes=0-9").status == 206
    etag = client.request(url, "HEAD").header("etag") or ""
    assert client.request(url, headers={"If-Match": '"x"'}).status == 412
    assert client.request(url, headers={"If-Match": etag}).body == place.base
    assert client.request(url, headers={"If-Range": '"x"'}, range=AHEAD).body == place.base


# --- conditions (RFC 9110 section 13.2.1)


@pytest.mark.parametrize("condition", ["If-None-Match", "If-Modified-Since", "If-Unmodified-Since"])
def test_conditions_are_not_evaluated_where_the_answer_is_a_redirect(condition: str, presigned: str) -> None:
    head = client.request(presigned, "HEAD")
    etag, modified = head.header("etag") or "", head.header("last-modified") or ""
    values = {"If-None-Match": [etag, "*", f"W/{etag}", '"x"'], "If-Modified-Since": [modified],
              "If-Unmodified-Since": ["Mon, 01 Jan 2001 00:00:00 GMT"]}
    for value in values[condition]:
        assert client.request(presigned, headers={condition: value}, range=AHEAD).status == 302, value
        here = client.request(presigned, headers={condition: value})
        assert here.status == (412 if condition == "If-Unmodified-Since" else 200 if value == '"x"' else 304)


def test_a_condition_that_the_store_would_read_otherwise_is_not_left_to_it(presigned: str, place: Place) -> None:
    """The store compares If-Match and If-Range with an ETag of its own: what it would refuse, or answer with the whole base, is answered here."""
    etag = client.request(presigned, "HEAD").header("etag") or ""
    assert client.get(presigned, AHEAD, if_match=etag).body == place.spliced[:100_000]
    assert client.get(presigned, AHEAD, if_match='"x"').status == 412
    assert client.get(presigned, AHEAD, if_range=etag).body == place.spliced[:100_000]
    whole = client.get(presigned, AHEAD, if_range='"x"')
    assert (whole.status, whole.body) == (200, place.spliced)


def test_lines_of_one_field_are_one_list(presigned: str) -> None:
    etag = client.request(presigned, "HEAD").header("etag") or ""

    def ask(*lines: str) -> Answer:
        return client.raw(presigned, "\r\n".join(["HEAD " + P + " HTTP/1.1", "Host: x", "Connection: close", *lines, "", ""]).encode())

    assert ask('If-None-Match: "x"', f"If-None-Match: {etag}").status == 304
    assert ask(f"If-None-Match: {etag}", 'If-None-Match: "x"').status == 304
    assert ask('If-None-Match: "x"', 'If-None-Match: "y"').status == 200
    assert ask('If-Match: "x"', f"If-Match: {etag}").status == 200
    assert ask('If-Match: "x"', 'If-Match: "y"').status == 412


# --- clients


@pytest.mark.parametrize("how", ["presigned", "public", "unbound"])
def test_a_client_that_keeps_the_redirect(how: str, place: Place, request: pytest.FixtureRequest) -> None:
    """As okdownload and FileDownloader do: where the first block leads, the others are asked for, too."""
    url = str(request.getfixturevalue(how))
    for block in (100_000, 300_000):
        first = client.request(url, range=f"bytes=0-{block - 1}")
        kept = location(first) if first.status == 302 else url
        answers = [client.request(kept, range=f"bytes={at}-{min(at + block, place.region.size) - 1}") for at in range(0, place.region.size, block)]
        body = b"".join(answer.body for answer in answers)
        assert body == place.spliced or any(answer.status >= 400 for answer in answers)
        assert body != place.base


def aria2(url: str, folder: Path, *options: str) -> tuple[int, bytes | None]:
    """The exit status, and what there is of the file."""
    done = subprocess.run(["aria2c", "--no-conf", "-q", "-m2", "--retry-wait=0", "-d", folder, "-o", "a.apk", *options, url], timeout=120)
    file = folder / "a.apk"
    return done.returncode, file.read_bytes() if file.exists() and not (folder / "a.apk.aria2").exists() else None


@pytest.mark.parametrize("options", [["-x4", "-s4", "-k1M", "--stream-piece-selector=geom"], ["-x4", "-s4", "-k1M"], ["-s1"], ["-x16", "-s16", "-k1M"]],
                         ids=["geom", "four", "one", "sixteen"])
@pytest.mark.parametrize("how", ["presigned", "public", "never"])
def test_aria2(how: str, options: list[str], place: Place, servers: Servers, tmp_path: Path) -> None:
    """It keeps one segment's redirect and asks it for others."""
    redirect = place.public if how == "public" else how
    code, body = aria2(place.serve(servers, "--redirect", redirect), tmp_path, *options)
    if how == "presigned" and code != 0:
        assert body is None
    else:
        assert (code, body) == (0, place.spliced)
