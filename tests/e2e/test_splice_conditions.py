"""Conditional requests at the function itself, as RFC 9110 section 13 has them."""

import json
from email.utils import formatdate, parsedate_to_datetime

import pytest

from support import apks, client
from support.gateway import Answer
from support.servers import Servers
from support.shop import Shop


@pytest.fixture(scope="module")
def url(module_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    store = Shop(f"file://{tmp_path_factory.mktemp('store')}")
    store.publish(apks.made("v2"))
    store.channel("APP", "huawei")
    return f"{store.serve(module_servers)}/packages/APP/1.0/huawei.apk"


@pytest.fixture(scope="module")
def validators(url: str) -> tuple[str, str]:
    answer = client.request(url, "HEAD")
    etag, modified = answer.header("etag"), answer.header("last-modified")
    assert etag and modified
    assert etag.startswith('"') and etag.endswith('"')
    return etag, modified


def shifted(date: str, seconds: int) -> str:
    return formatdate(parsedate_to_datetime(date).timestamp() + seconds, usegmt=True)


def ask(url: str, method: str = "GET", range: str | None = "bytes=10-19", **conditions: str) -> Answer:
    return client.request(url, method, {name.replace("_", "-"): value for name, value in conditions.items()}, range)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form, status", [
    ("{etag}", 304), ("W/{etag}", 304), ('"x", {etag}', 304), ('"a,b" ,{etag}', 304), ("*", 304), ('"x"', 200), ('W/"x"', 200),
    ("", 200), ("nonsense", 200)])
def test_if_none_match(form: str, status: int, method: str, url: str, validators: tuple[str, str]) -> None:
    answer = ask(url, method, None, if_none_match=form.format(etag=validators[0]))
    assert answer.status == status
    if status == 304:
        assert answer.body == b""
        assert (answer.header("etag"), answer.header("content-range")) == (validators[0], None)
        assert answer.header("content-length") in (None, client.request(url, "HEAD").header("content-length"))


def test_if_none_match_goes_before_the_range(url: str, validators: tuple[str, str]) -> None:
    assert ask(url, if_none_match=validators[0]).status == 304
    assert ask(url, if_none_match='"x"').status == 206


@pytest.mark.parametrize("shift, status", [(0, 304), (10, 304), (-10, 206)])
def test_if_modified_since(shift: int, status: int, url: str, validators: tuple[str, str]) -> None:
    assert ask(url, if_modified_since=shifted(validators[1], shift)).status == status


def test_if_modified_since_of_no_date_is_ignored(url: str) -> None:
    assert ask(url, if_modified_since="yesterday").status == 206


def test_if_none_match_wins_over_if_modified_since(url: str, validators: tuple[str, str]) -> None:
    assert ask(url, if_none_match='"x"', if_modified_since=validators[1]).status == 206
    assert ask(url, if_none_match=validators[0], if_modified_since=shifted(validators[1], -10)).status == 304


@pytest.mark.parametrize("form, status", [("{etag}", 206), ('"x", {etag}', 206), ("*", 206), ("W/{etag}", 412), ('"x"', 412), ("", 412)])
def test_if_match(form: str, status: int, url: str, validators: tuple[str, str]) -> None:
    answer = ask(url, if_match=form.format(etag=validators[0]))
    assert answer.status == status
    if status == 412:
        assert answer.header("content-type") == "application/problem+json"
        assert json.loads(answer.body)["status"] == 412


@pytest.mark.parametrize("shift, status", [(0, 206), (10, 206), (-10, 412)])
def test_if_unmodified_since(shift: int, status: int, url: str, validators: tuple[str, str]) -> None:
    assert ask(url, if_unmodified_since=shifted(validators[1], shift)).status == status


def test_if_match_wins_over_if_unmodified_since(url: str, validators: tuple[str, str]) -> None:
    assert ask(url, if_match=validators[0], if_unmodified_since=shifted(validators[1], -10)).status == 206


def test_412_goes_before_304_and_416(url: str, validators: tuple[str, str]) -> None:
    assert ask(url, if_match='"x"', if_none_match=validators[0]).status == 412
    assert ask(url, range="bytes=99999999999-", if_match='"x"').status == 412


@pytest.mark.parametrize("form, status", [("{etag}", 206), ("{modified}", 206), ("W/{etag}", 200), ('"x"', 200), ("{earlier}", 200),
                                          ("{later}", 200), ("nonsense", 200), ('"', 200)])
def test_if_range(form: str, status: int, url: str, validators: tuple[str, str]) -> None:
    """What does not match exactly has the range ignored; a weak tag never matches (section 13.1.5)."""
    etag, modified = validators
    value = form.format(etag=etag, modified=modified, earlier=shifted(modified, -10), later=shifted(modified, 10))
    answer = ask(url, "HEAD", if_range=value)
    assert answer.status == status
    assert (answer.header("content-range") is not None) == (status == 206)


def test_if_range_that_fails_makes_an_unsatisfiable_range_the_whole(url: str) -> None:
    assert ask(url, "HEAD", "bytes=99999999999-", if_range='"x"').status == 200
    assert ask(url, "HEAD", "bytes=99999999999-").status == 416


def test_if_range_without_a_range_is_nothing(url: str) -> None:
    assert ask(url, "HEAD", None, if_range='"x"').status == 200
