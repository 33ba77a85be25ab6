"""Ranges and conditions through nginx in three stages, as RFC 9110 has them, and as nginx answers them for a file."""

from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import formatdate, parsedate_to_datetime

import pytest

from support import apks, edge, ranges, shop
from support.edge import Edge
from support.servers import Minio, Servers
from support.shop import Region

P = "/packages/APP/1.0/huawei.apk"


@pytest.fixture(scope="module")
def chain(minio: Minio, module_servers: Servers) -> Iterator[Edge]:
    with ExitStack() as stack:
        made = edge.edge(minio, minio.bucket("cdn-conditions"), module_servers, stack)
        made.store.publish(apks.made("v2"))
        made.store.channel("APP", "huawei")
        yield made


@pytest.fixture(scope="module")
def region(chain: Edge) -> Region:
    return shop.region(chain.store.publish(apks.made("v2")))


@pytest.fixture(scope="module")
def file(module_servers: Servers) -> str:
    path = shop.offline("v2", '{"channel":"huawei"}')
    for folder in list(path.parents)[:2]:
        folder.chmod(0o755)
    path.chmod(0o644)
    nginx = module_servers.nginx("server { listen 127.0.0.1:{{port}}; location / { root {{root}}; } }", {"root": path.parent})
    return f"{nginx.url}/{path.name}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", ["valid", *ranges.KINDS])
def test_ranges_are_nginx_own(method: str, kind: str, chain: Edge, region: Region, file: str) -> None:
    texts = ranges.valid(region)[::3] if kind == "valid" else ranges.KINDS[kind](region)
    found = ranges.differences(file, chain.cdn.url + P, method, texts)
    assert found == []


@pytest.fixture(scope="module")
def validators(chain: Edge) -> tuple[str, str]:
    answer = chain.ask(P, "HEAD")
    etag, modified = answer.header("etag"), answer.header("last-modified")
    assert etag and modified
    return etag, modified


def shifted(date: str, seconds: int) -> str:
    return formatdate(parsedate_to_datetime(date).timestamp() + seconds, usegmt=True)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("header, form, status", [
    ("if_none_match", "{etag}", 304), ("if_none_match", "W/{etag}", 304), ("if_none_match", '"x", {etag}', 304), ("if_none_match", '"x"', 200),
    ("if_none_match", "*", 304), ("if_modified_since", "{modified}", 304), ("if_modified_since", "{earlier}", 200),
    ("if_match", "{etag}", 200), ("if_match", '"x"', 412), ("if_match", "*", 200), ("if_unmodified_since", "{modified}", 200),
    ("if_unmodified_since", "{earlier}", 412)])
def test_conditions(header: str, form: str, status: int, method: str, chain: Edge, validators: tuple[str, str]) -> None:
    etag, modified = validators
    value = form.format(etag=etag, modified=modified, earlier=shifted(modified, -10))
    answer = chain.ask(P, method, **{header: value})
    assert answer.status == status
    if status == 304:
        assert (answer.body, answer.header("etag")) == (b"", etag)


@pytest.mark.parametrize("form, status", [("{etag}", 206), ("{modified}", 206), ("W/{etag}", 200), ('"x"', 200), ("{earlier}", 200)])
def test_if_range(form: str, status: int, chain: Edge, region: Region, validators: tuple[str, str]) -> None:
    etag, modified = validators
    value = form.format(etag=etag, modified=modified, earlier=shifted(modified, -10))
    for text in ("bytes=0-99", f"bytes={region.start - 5}-{region.end}", "bytes=-5"):
        answer = chain.ask(P, range=text, if_range=value)
        assert answer.status == status
        assert len(answer.body) == (region.size if status == 200 else ranges.length(text, region.size))
