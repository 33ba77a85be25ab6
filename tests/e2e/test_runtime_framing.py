"""What a server refuses because two readers could disagree on it (RFC 9112). All bodies here are harmless."""

import re
from collections.abc import Iterator

import pytest

from support.servers import Program, Servers
from support.wire_client import ask, log_lines, send_raw, start

ANSWERS = re.compile(rb"HTTP/1\.1 \d{3} ")
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def wire(module_servers: Servers) -> Iterator[Program]:
    yield start(module_servers)


def get(*lines: str, first: str = "GET /echo HTTP/1.1", host: str = "Host: x") -> bytes:
    return "\r\n".join([first, *([host] if host else []), *lines, "", ""]).encode("latin-1")


def post(*lines: str, body: bytes = b"hello") -> bytes:
    return get(*lines, first="POST /echo HTTP/1.1") + body


REFUSED = {
    "blank-before-colon": get("X-A : b"), "tab-before-colon": get("X-A\t: b"), "blank-before-the-colon-of-a-length": post("Content-Length : 5"),
    "folded": get("X-A: b", " c", "X-B: d"), "folded-last": get("X-A: b", "\tc"), "folded-first": get("X-A: b", host=" Host: x"),
    "bare-cr": get("X-A: b\rX-B: c"), "bare-cr-at-the-end": get("X-A: b\r"), "bare-lf": get().replace(b"\r\n", b"\n"),
    "one-bare-lf": get("X-A: b\nX-B: c"), "nul-in-a-value": get("X-A: b\0c"), "nul-behind-a-value": get("X-A: b\0"), "nul-in-a-name": get("X\0A: b"),
    "no-name": get(": b"), "no-colon": get("X-A"), "name-is-no-token": get("X(A: b"),
    "no-host": get(host=""), "two-hosts": get("Host: y"), "one-host-twice": get("host: x"), "host-is-none": get(host="Host: a b"),
    "host-is-a-list": get(host="Host: a, b"), "host-with-a-user": get(host="Host: u@a"), "old-with-two-hosts": get("Host: x", first="GET /echo HTTP/1.0"),
    "length-and-chunks": post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "two-lengths": post("Content-Length: 5", "Content-Length: 6"), "one-length-twice": post("Content-Length: 5", "Content-Length: 5"),
    "length-is-a-list": post("Content-Length: 5, 5"), "signed-length": post("Content-Length: +5"), "negative-length": post("Content-Length: -5"),
    "no-length": post("Content-Length:"), "hexadecimal-length": post("Content-Length: 0x5"),
    "unknown-coding": post("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), "identity": post("Transfer-Encoding: identity"),
    "coding-behind-chunked": post("Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "old-with-chunks": get("Transfer-Encoding: chunked", first="POST /echo HTTP/1.0") + b"0\r\n\r\n",
    "chunk-size-is-none": post("Transfer-Encoding: chunked", body=b"zz\r\nhello\r\n0\r\n\r\n"),
    "chunk-size-with-a-sign": post("Transfer-Encoding: chunked", body=b"+5\r\nhello\r\n0\r\n\r\n"),
    "chunk-without-its-end": post("Transfer-Encoding: chunked", body=b"5\r\nhelloXX0\r\n\r\n"),
    "blank-in-the-target": get(first="GET /a b HTTP/1.1"), "two-blanks": get(first="GET  /echo HTTP/1.1"),
    "two-blanks-before-the-version": get(first="GET /echo  HTTP/1.1"), "control-byte-in-the-target": get(first="GET /a\x7f HTTP/1.1"),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_refused_once_and_closed(raw: bytes, wire: Program) -> None:
    answer = send_raw(wire, raw + HEALTH)
    assert answer.startswith(b"HTTP/1.1 400 ")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nConnection: close" in head
    assert len(ANSWERS.findall(answer)) == 1
    found = re.search(rb"\r\nContent-Length: (\d+)", head)
    assert found and int(found[1]) == len(body)


@pytest.mark.parametrize("raw", [get(first="GET /ec\0ho HTTP/1.1"), get(first="GET /echo?a\0b HTTP/1.1"), get(first="G\0ET /echo HTTP/1.1"),
                                 get(first="GET\t/echo\tHTTP/1.1"), b"\x16\x03\x01\x02\r\n\r\n"],
                         ids=["nul-in-the-path", "nul-in-the-query", "nul-in-the-method", "tabs", "noise"])
def test_a_request_line_that_is_none_ends_the_connection(raw: bytes, wire: Program) -> None:
    answer = send_raw(wire, raw + HEALTH)
    assert answer == b"" or re.match(rb"HTTP/1\.1 400 ", answer)
    assert b"ok\n" not in answer and len(ANSWERS.findall(answer)) <= 1


def test_a_length_beyond_all_numbers_is_too_large(wire: Program) -> None:
    answer = send_raw(wire, post("Content-Length: 99999999999999999999999") + HEALTH)
    assert answer.startswith(b"HTTP/1.1 413 ") and len(ANSWERS.findall(answer)) == 1


@pytest.mark.parametrize("raw", [get(), get("X-A:b", "X-B:  b\t", "X-C:"), get(host="Host:"), get(host="Host: [::1]:80"), get(host="", first="GET /echo HTTP/1.0"),
                                 b"\r\n" + get(), post("Content-Length: 5"), post("Transfer-Encoding: Chunked", body=b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
                                 get(first="GET http://y/echo HTTP/1.1"), get("X-A: caf\xe9")],
                         ids=["plain", "blanks-around", "empty-host", "address", "old", "empty-line-first", "length", "chunks", "absolute", "latin-1"])
def test_taken(raw: bytes, wire: Program) -> None:
    assert send_raw(wire, raw).startswith(b"HTTP/1.1 200 ")


def test_blanks_around_a_value_are_no_part_of_it(wire: Program) -> None:
    assert b'["X-A","b c"]' in send_raw(wire, get("X-A: \t b c \t "))


@pytest.mark.parametrize("raw, status", [
    (get(first=f"GET /echo?{'q' * 16384} HTTP/1.1"), b"414"), (get(first=f"GET /{'p' * 100_000} HTTP/1.1"), b"414"),
    (get("X: " + "x" * 16384), b"431"), (get("X: " + "x" * 1_000_000), b"431"), (get(*[f"X{i}: y" for i in range(5000)]), b"431")],
    ids=["query", "path", "header", "long-header", "many-headers"])
def test_a_head_that_is_too_large_is_answered(raw: bytes, status: bytes, wire: Program) -> None:
    answer = send_raw(wire, raw)
    assert answer[:13] == b"HTTP/1.1 " + status + b" " and len(ANSWERS.findall(answer)) == 1
    assert b"\r\nConnection: close" in answer


def test_refusals_are_in_the_access_log(servers: Servers) -> None:
    own = start(servers)
    send_raw(own, post("Content-Length: +5"))
    send_raw(own, get("X : y"))
    assert all(" path=/echo status=400 " in line for line in log_lines(own, 2))
    assert ask(own, "GET", "/healthz")[0] == 200
