"""GET and HEAD /patches/{app}/{from}..{to}.diff: redirects, ranges and validators as those of base packages."""

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support import apks, client, edge, ranges, shop
from support.servers import Minio, Servers
from support.shop import Region, Shop

P = "/patches/APP/1.0..2.0.diff"


def stock(store: Shop) -> dict[str, Any]:
    """What the record says."""
    store.publish(apks.made("older-v1+v2+v3"))
    store.publish(apks.made("v1+v2+v3"), version="2.0")
    patch: dict[str, Any] = json.loads(store.run("diff", "--app", "APP", "--from", "1.0", "--to", "2.0", "--json").stdout)
    return patch


def diff_key(minio: Minio, bucket: str) -> str:
    """That of the only patch."""
    [key] = [one["Key"] for one in minio.client().list_objects_v2(Bucket=bucket, Prefix="patches/")["Contents"] if shop.is_diff(one["Key"])]
    return key


@dataclass(frozen=True)
class Served:
    store: Shop
    patch: dict[str, Any]
    file: Path

    @property
    def body(self) -> bytes:
        return self.file.read_bytes()


@pytest.fixture(scope="module")
def served(minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> Served:
    bucket = minio.bucket("patches-served")
    store = shop.minio_shop(minio, bucket)
    patch = stock(store)
    file = tmp_path_factory.mktemp("patch") / "x.diff"
    minio.client().download_file(bucket, diff_key(minio, bucket), str(file))
    return Served(store, patch, file)


def test_redirect(served: Served, servers: Servers) -> None:
    url = served.store.serve(servers)
    answer = client.request(url + P)
    assert (answer.status, answer.body) == (302, b"")
    location = urlsplit(answer.header("location") or "")
    assert shop.is_diff(location.path) and "X-Amz-Signature" in location.query
    assert answer.header("etag") == f'"{served.patch["sha256"][:32]}"' and answer.header("pakhus-base-etag") == served.patch["etag"]
    assert answer.header("content-disposition") == 'attachment; filename="APP-1.0..2.0.diff"'
    control = answer.header("cache-control") or ""
    assert 0 < int(control.removeprefix("public, max-age=")) <= 3600  # no longer than its signature
    assert client.request(url + P, follow=True).body == served.body
    part = client.request(url + P, range="bytes=1000-1999", follow=True)
    assert (part.status, part.body) == (206, served.body[1000:2000])
    kept = client.get(answer.header("location") or "", "bytes=5-99")  # right for any range, since a patch has no region
    assert (kept.status, kept.body) == (206, served.body[5:100])


def test_head_is_answered_here(served: Served, servers: Servers) -> None:
    answer = client.request(served.store.serve(servers) + P, "HEAD")
    assert (answer.status, answer.header("content-length"), answer.body) == (200, str(len(served.body)), b"")
    assert answer.header("content-type") == "application/octet-stream" and answer.header("accept-ranges") == "bytes"


def test_public_url(served: Served, servers: Servers) -> None:
    answer = client.request(served.store.serve(servers, "--redirect", "https://files.example/x") + P)
    location = answer.header("location") or ""
    assert answer.status == 302 and location.startswith("https://files.example/x/patches/APP/") and shop.is_diff(location)
    assert answer.header("cache-control") == "public, max-age=86400"


@pytest.fixture(scope="module", params=["minio", "file"])
def streamed(request: pytest.FixtureRequest, served: Served, module_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The patch's URL where it is never redirected."""
    if request.param == "minio":
        return served.store.serve(module_servers, "--redirect", "never") + P
    store = Shop(f"file://{tmp_path_factory.mktemp('store')}")
    stock(store)
    return store.serve(module_servers) + P


def test_ranges_are_those_of_nginx(streamed: str, served: Served, module_servers: Servers) -> None:
    served.file.chmod(0o644)
    for folder in list(served.file.parents)[:3]:
        folder.chmod(0o755)
    nginx = module_servers.nginx("server { listen 127.0.0.1:{{port}}; location / { root {{root}}; } }", {"root": served.file.parent})
    middle = Region(len(served.body), len(served.body) // 2, len(served.body) // 2 + 99)
    for method in ("GET", "HEAD"):
        assert ranges.differences(f"{nginx.url}/x.diff", streamed, method, ranges.valid(middle)) == []
        for kind in ranges.KINDS.values():
            assert ranges.differences(f"{nginx.url}/x.diff", streamed, method, kind(middle)) == []


def test_conditions(streamed: str, served: Served) -> None:
    whole = client.request(streamed)
    etag, modified = whole.header("etag") or "", whole.header("last-modified") or ""
    assert (whole.status, whole.body, etag) == (200, served.body, f'"{served.patch["sha256"][:32]}"')
    assert client.get(streamed, if_none_match=etag).status == client.get(streamed, if_modified_since=modified).status == 304
    assert client.get(streamed, if_match='"other"').status == 412
    assert client.get(streamed, range="bytes=0-9", if_range=etag).body == served.body[:10]
    assert client.get(streamed, range="bytes=0-9", if_range='"other"').status == 200
    assert client.get(streamed, range=f"bytes={len(served.body)}-").status == 416


@pytest.mark.parametrize("target, status", [
    ("/patches/APP/1.0..3.0.diff", 404), ("/patches/APP/2.0..1.0.diff", 404), ("/patches/NONE/1.0..2.0.diff", 404),
    ("/patches/APP/1.0..2.0.json", 404), ("/patches/APP/1.0..2.0", 404), ("/patches/1.0..2.0.diff", 404),
    ("/patches/APP/x/1.0..2.0.diff", 404), ("/patches/", 404), ("/patches", 404),
    ("/patches/APP/.diff", 400), ("/patches/APP/...diff", 400), ("/patches/APP/1.0.diff", 400), ("/patches/APP/1.0...diff", 400),
    ("/patches/APP/1.0..1.0.diff", 400), ("/patches/APP/1..0..2.0.diff", 400), ("/patches/APP/1.0..2.0%.diff", 400),
    ("/patches/APP/1.0..%00.diff", 400),
    ("/patches/APP/..%2f1.0..2.0.diff", 400), ("/patches/%2e%2e/1.0..2.0.diff", 400), ("/patches/../packages/APP/1.0..2.0.diff", 404),
    (f"/patches/{'x' * 129}/1.0..2.0.diff", 400), (f"/patches/APP/{'x' * 129}..2.0.diff", 400)])
def test_what_is_not_there(target: str, status: int, streamed: str) -> None:
    answer = client.request(streamed.removesuffix(P) + target)
    assert (answer.status, answer.header("content-type")) == (status, "application/problem+json"), answer.body
    assert json.loads(answer.body)["status"] == status
    assert answer.header("cache-control") == ("public, max-age=5" if status == 404 else "no-store")


def test_names_may_be_encoded_and_parameters_are_ignored(streamed: str, served: Served) -> None:
    assert client.request(streamed.removesuffix(P) + "/patches/%41PP/1%2e0%2e.2.0.diff?a=b&filename=x.apk&sig=").body == served.body
    long = "x" * 128
    assert client.request(streamed.removesuffix(P) + f"/patches/{long}/{long}..{long}y.diff").status == 400


def test_other_methods(streamed: str) -> None:
    answer = client.request(streamed, "POST")
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


def test_only_the_cdn_may_ask(served: Served, servers: Servers) -> None:
    url = served.store.serve(servers, "--origin-secret", "only-the-cdn") + P
    assert client.request(url).status == 403
    assert client.get(url, pakhus_origin_secret="only-the-cdn").status == 302


def test_validators_of_the_store(served: Served, minio: Minio, bucket: str, servers: Servers) -> None:
    """For CDNs that follow by themselves: the redirect has the validator that they see where it leads."""
    store = shop.minio_shop(minio, bucket)
    store.config("APP", "--validator", "store")
    patch = stock(store)
    url = store.serve(servers) + P
    redirect, followed = client.request(url), client.request(url, follow=True)
    assert redirect.header("etag") == followed.header("etag") == patch["etag"]
    assert redirect.header("last-modified") == followed.header("last-modified")


def test_a_file_name_that_would_be_too_long(tmp_path: Path, servers: Servers) -> None:
    store, long = Shop(f"file://{tmp_path / 'store'}"), "x" * 100
    store.publish(apks.made("older-v2"), app=long, version=f"{long}1")
    store.publish(apks.made("v2"), app=long, version=f"{long}2")
    store.run("diff", "--app", long, "--from", f"{long}1", "--to", f"{long}2")
    answer = client.request(f"{store.serve(servers)}/patches/{long}/{long}1..{long}2.diff", "HEAD")
    assert (answer.status, answer.header("content-disposition")) == (200, f'attachment; filename="{long}2.diff"')


def test_what_changes_behind_our_back_is_not_sent(minio: Minio, bucket: str, servers: Servers) -> None:
    store = shop.minio_shop(minio, bucket)
    stock(store)
    url = store.serve(servers, "--redirect", "never") + P
    assert client.request(url).status == 200
    minio.client().put_object(Bucket=bucket, Key=diff_key(minio, bucket), Body=b"something else")
    assert client.request(url).status == 503
    store.run("diff", "--app", "APP", "--from", "1.0", "--to", "2.0")
    assert client.request(url).status == 200  # what was known of it is forgotten
    store.run("unpublish", "APP", "2.0")
    assert client.request(url).status == 404


def test_a_patch_that_comes_later_is_found(tmp_path: Path, servers: Servers, minio: Minio, bucket: str) -> None:
    store = shop.minio_shop(minio, bucket)
    store.publish(apks.made("older-v2"))
    store.publish(apks.made("v2"), version="2.0")
    url = store.serve(servers) + P
    assert client.request(url).status == 404
    store.run("diff", "--app", "APP", "--from", "1.0", "--to", "2.0")
    deadline = time.monotonic() + 60
    while client.request(url).status == 404 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert client.request(url).status == 302


@pytest.mark.parametrize("host", edge.HOSTS)
def test_behind_nginx(host: str, minio: Minio, bucket: str, servers: Servers) -> None:
    """Cut into slices, redirected to the store, cached; on every host of the function."""
    with ExitStack() as stack:
        chain = edge.edge(minio, bucket, servers, stack, host, secret="only-the-cdn")
        stock(chain.store)
        body = minio.client().get_object(Bucket=bucket, Key=diff_key(minio, bucket))["Body"].read()
        first = chain.ask(P)
        assert (first.status, first.body, first.header("content-type")) == (200, body, "application/octet-stream")
        wanted = None if host == "function-compute" else 'attachment; filename="APP-1.0..2.0.diff"'  # the platform takes it out
        assert (first.header("content-disposition"), first.header("pakhus-base-etag")) == (wanted, None)
        assert chain.asked()[0].status == 302
        chain.forget()
        assert chain.ask(P).body == body
        part = chain.ask(P, range="bytes=100-199")
        assert (part.status, part.body) == (206, body[100:200])
        assert chain.ask(P, if_none_match=first.header("etag") or "").status == 304
        assert (chain.asked(), chain.storage.requests()) == ([], [])
        assert chain.ask("/patches/APP/2.0..1.0.diff").status == 404
