"""What does not make sense is refused, with a problem that tells which, and never reaches a header or the store."""

import contextlib
import json
import time

import pytest

from support import apks, client
from support.gateway import Answer
from support.servers import Program, Servers
from support.shop import Shop


@pytest.fixture(scope="module")
def program(module_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("outer")
    (folder / "store").mkdir()
    (folder / "secret.apk").write_bytes(b"secret")
    store = Shop(f"file://{folder}/store")
    store.publish(apks.made("v2"))
    store.channel("APP", "huawei")
    return store.program(module_servers)


@pytest.fixture(scope="module")
def server(program: Program) -> str:
    return program.url


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.header("content-type") == "application/problem+json"
    found = json.loads(answer.body)
    assert found["status"] == answer.status and found["title"] and found["detail"]
    return answer.status, found["type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "PROPFIND"])
def test_other_methods(method: str, server: str) -> None:
    answer = client.request(f"{server}/packages/APP/1.0/huawei.apk", method, {"Content-Length": "0"})
    assert problem(answer) == (405, "method")
    assert answer.header("allow") == "GET, HEAD"


@pytest.mark.parametrize("path", [
    "/packages/NONE/1.0/huawei.apk", "/packages/APP/9.9/huawei.apk", "/packages/APP/1.0/nobody.apk", "/packages/APP/9.9.apk",
    "/packages/APP/1.0/HUAWEI.apk", "/packages/APP/1.0/huawei", "/packages/APP/1.0/huawei.apk/", "/packages/APP.apk", "/packages/",
    "/packages", "/packages/.apk", "/packages/APP/1.0/a/b.apk", "/packages/APP/1.0/huawei.APK", "/PACKAGES/APP/1.0/huawei.apk"])
def test_unknown_things_are_not_found(path: str, server: str) -> None:
    answer = client.request(server + path)
    assert answer.status == 404
    if path.startswith("/packages"):
        assert problem(answer)[1] == "not-found"
        assert answer.header("cache-control") == "public, max-age=5"


@pytest.mark.parametrize("path", [
    "/packages/APP/../../secret.apk", "/packages/../secret.apk", "/packages/APP/1.0/../../../../secret.apk", "/packages/..%2Fsecret/1.0.apk",
    "/packages/APP/%2e%2e/huawei.apk", "/packages/APP/1.0/..%2F..%2Fsecret.apk", "/packages/APP/1.0/%2E%2E%2Fhuawei.apk",
    "/packages/APP/1.0/.huawei.apk", "/packages/APP/1.0/hua%00wei.apk", "/packages/APP/1.0/hua%0d%0awei.apk", "/packages/APP/1.0/hua%wei.apk",
    "/packages/APP/1.0/huawei%2.apk", "/packages/APP/1.0/huawei%.apk", "/packages/APP/1.0/%zz.apk", "/packages/APP/1.0/hua%2Fwei.apk",
    "/packages/APP/1.0/hua%5Cwei.apk", "/packages/APP/1.0/%F0%9F%98%80.apk", "/packages/APP/1.0/" + "x" * 129 + ".apk",
    "/packages//.apk", "/packages//1.0/huawei.apk", "/packages/APP//huawei.apk", "/packages/APP/1.0/hua*wei.apk", "/packages/APP/1.0/hua+wei.apk"])
def test_names_that_are_no_names(path: str, server: str) -> None:
    answer = client.request(server + path)
    assert answer.status in (400, 404)
    assert b"secret" not in answer.body.replace(path.encode(), b"")
    problem(answer)


def test_encoded_names_are_the_same_names(server: str) -> None:
    plain = client.request(f"{server}/packages/APP/1.0/huawei.apk", "HEAD")
    encoded = client.request(f"{server}/packages/%41PP/1%2E0/%68uawei.apk", "HEAD")
    assert (encoded.status, encoded.header("etag")) == (200, plain.header("etag"))
    assert encoded.header("content-disposition") == plain.header("content-disposition")


@pytest.mark.parametrize("length", [20_000, 100_000, 1_000_000])
@pytest.mark.parametrize("where", ["path", "query", "header", "many headers"])
def test_bombs_are_refused_and_do_no_harm(where: str, length: int, server: str) -> None:
    path, query, headers = b"/packages/APP/1.0/huawei.apk", b"", b""
    if where == "path":
        path = b"/packages/APP/1.0/" + b"x" * length + b".apk"
    if where == "query":
        query = b"?x=" + b"y" * length
    if where == "header":
        headers = b"X-Long: " + b"y" * length + b"\r\n"
    if where == "many headers":
        headers = b"".join(b"X-%d: y\r\n" % number for number in range(length // 10))
    message = b"HEAD " + path + query + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n"
    try:
        status = client.raw(server, message).status
    except (ConnectionResetError, BrokenPipeError):
        status = 0
    assert status in (0, 200, 400, 404, 413, 414, 431), status
    if length == 1_000_000:
        assert status != 200
    assert client.request(f"{server}/packages/APP/1.0/huawei.apk", "HEAD").status == 200


@pytest.mark.parametrize("message", [
    b"GET /packages/APP/1.0/huawei.apk HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\nX: a\0b\r\n\r\n",
    b"GET /packages/APP/1.0/huawei.apk\r\n\r\n", b"nonsense\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n", b"\0\0\0\0\r\n\r\n",
    b"GET packages/APP/1.0/huawei.apk HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /packages/APP/1.0/huawei.apk HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /packages/APP/1.0/huawei.apk HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"])
def test_broken_messages_do_no_harm(message: bytes, server: str) -> None:
    with contextlib.suppress(TimeoutError, OSError):
        client.raw(server, message, timeout=3)
    assert client.request(f"{server}/packages/APP/1.0/huawei.apk", "HEAD").status == 200


@pytest.mark.parametrize("raw", [b"a\r\nSet-Cookie: x=1", b"a\nSet-Cookie: x=1"])
def test_raw_line_ends_do_not_reach_an_answer(raw: bytes, server: str) -> None:
    target = b"/packages/APP/1.0/huawei.apk?filename=" + raw.split(b"\r\n")[0].split(b"\n")[0]
    try:
        answer = client.raw(server, b"HEAD " + target + raw[1:] + b" HTTP/1.1\r\nHost: x\r\n\r\n", timeout=3)
    except (TimeoutError, OSError):
        return
    assert answer.header("set-cookie") is None


def test_the_origin_secret_lets_only_the_cdn_in(servers: Servers, file_store: str) -> None:
    store = Shop(file_store)
    store.publish(apks.made("v2"))
    url = store.serve(servers, "--origin-secret", "s3cret") + "/packages/APP/1.0.apk"
    assert problem(client.request(url)) == (403, "origin-secret")
    assert problem(client.request(url, headers={"Pakhus-Origin-Secret": "s3cre"})) == (403, "origin-secret")
    assert client.request(url, "HEAD", headers={"Pakhus-Origin-Secret": "s3cret"}).status == 200


def test_the_log_stays_whole(program: Program, server: str) -> None:
    """Whatever was asked above, a request is one line, and no control byte gets in."""
    client.request(f"{server}/packages/%0A/%1B.apk")
    deadline = time.monotonic() + 20
    while b"/packages/%0A/%1B.apk" not in program.log.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.02)  # a line follows its answer
    text = program.log.read_bytes()
    assert b"/packages/%0A/%1B.apk" in text
    assert not [byte for byte in set(text) if (byte < 0x20 and byte != 0x0A) or byte == 0x7F]
