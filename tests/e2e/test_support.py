"""The fixtures are what they say they are: a test built on a wrong one would prove nothing."""

import http.client
import json
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from support import apksigner, fake_runtime, readers, signing_block, wire
from support.fc import FunctionCompute
from support.function_url import FunctionUrl
from support.gateway import Answer, Gateway, Headers
from support.servers import Minio, Servers, accepts
from support.signing_block import PACKER_NG, VASDOLLY, WALLE, Pair


@pytest.mark.parametrize("name, schemes", [
    ("v1", {"v1"}), ("v1+v2", {"v1", "v2"}), ("v2", {"v2"}), ("v2+v3", {"v2", "v3"}), ("v1+v2+v3", {"v1", "v2", "v3"}),
    ("verity", {"v2", "v3"}), ("exact-block", {"v2", "v3"}), ("old-walle", {"v2", "v3"})])
def test_apks_have_their_schemes_and_no_others(name: str, schemes: set[str], apk: Callable[[str], Path]) -> None:
    assert apksigner.schemes(apk(name)) == schemes


def test_rotated_and_stamped_apks_verify(apk: Callable[[str], Path]) -> None:
    assert apksigner.verify_newest(apk("v3.1"))["v3.1"]
    assert apksigner.verify_newest(apk("stamp"))["stamp"]


def test_exact_block_is_a_multiple_of_4096_without_padding(apk: Callable[[str], Path]) -> None:
    block = signing_block.read_block(apk("exact-block"))
    assert block and block.size % 4096 == 0
    assert signing_block.PADDING not in block.values()


def test_all_readers_read_what_was_written(apk: Callable[[str], Path], tmp_path: Path) -> None:
    text = "CHANNEL\u2218huawei\u2219".encode()
    length = struct.pack("<I", len(text))
    ours = [Pair(WALLE, b'{"channel":"huawei"}'), Pair(VASDOLLY, b"huawei"),
            Pair(PACKER_NG, b"Packer Ng Sig V2" + length + text + length)]
    path = tmp_path / "channel.apk"
    signing_block.rewrite(apk("v2+v3"), path, lambda pairs: signing_block.padded([*pairs, *ours]))
    assert readers.channels(path) == {"walle": {"channel": "huawei"}, "vasdolly": "huawei", "packer-ng": "huawei"}
    assert readers.by_apk_info(path) == {"walle": '{"channel":"huawei"}', "vasdolly": "huawei", "packer-ng": "huawei"}
    assert readers.by_packer_ng(path) == "huawei"
    assert apksigner.schemes(path) == {"v2", "v3"}


def test_v1_comments_are_read(apk: Callable[[str], Path], tmp_path: Path) -> None:
    whole = apk("v1").read_bytes()
    for name, magic in (("vasdolly-v1", b"ltlovezh"), ("packer-ng-v1", b"!ZXK!")):
        comment = b"huawei" + struct.pack("<H", 6) + magic
        path = tmp_path / f"{name}.apk"
        path.write_bytes(whole[:-2] + struct.pack("<H", len(comment)) + comment)
        assert readers.channels(path) == {name: "huawei"}
        assert apksigner.schemes(path) == {"v1"}


def test_minio_keeps_its_buckets_private(minio: Minio, bucket: str, servers: Servers) -> None:
    recorder = servers.recorder(minio.url)
    minio.client().put_object(Bucket=bucket, Key="a b", Body=b"hello")
    signed = minio.client().generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b"})
    assert urllib.request.urlopen(signed).read() == b"hello"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{recorder.url}/{bucket}/a%20b")
    [seen] = recorder.requests()
    assert (seen.method, seen.uri, seen.status) == ("GET", f"/{bucket}/a%20b", 403)


def test_nothing_survives_its_servers(tmp_path: Path) -> None:
    with Servers(tmp_path) as servers:
        nginx = servers.nginx("server { listen 127.0.0.1:{{port}}; return 204; }", workers=2)
        port = int(nginx.url.rsplit(":", 1)[1])
        assert accepts(port)
    assert not accepts(port)
    assert nginx.process.returncode is not None


class _Echo(Gateway):
    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        seen = json.dumps({"method": method, "target": target, "headers": headers, "body": body.decode()})
        return Answer(200, [("Server", "own"), ("x-fc-status", "200"), ("X-Kept", "1")], seen.encode())


def test_function_compute_adds_its_headers_and_drops_a_clients() -> None:
    with _Echo() as function, FunctionCompute(function.url, {"id": "A"}) as platform:
        platform.probe()
        request = urllib.request.Request(f"{platform.url}/p?q=%2F", headers={"x-fc-access-key-id": "forged"})
        with urllib.request.urlopen(request) as response:
            seen = json.loads(response.read())
            assert response.headers["X-Kept"] == "1"
            assert "x-fc-status" not in response.headers
        assert seen["target"] == "/p?q=%2F"
        assert [value for name, value in seen["headers"] if name == "x-fc-access-key-id"] == ["A"]


# The smallest runtime there is, so that the emulator has something to run.
_RUNTIME = """#!/usr/bin/env python3
import json, os, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(base + "next") as event:
        id, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read().decode()
    urllib.request.urlopen(base + id + "/response", data=json.dumps({"statusCode": 200, "body": body}).encode())
"""


def _runtime(folder: Path) -> Path:
    program = folder / "bootstrap"
    program.write_text(_RUNTIME)
    program.chmod(0o755)
    return program


def test_function_url_through_the_emulator(servers: Servers, tmp_path: Path) -> None:
    with FunctionUrl(servers.emulator(_runtime(tmp_path)).url) as platform:
        request = urllib.request.Request(f"{platform.url}/a%20b?x=1&x=2", headers={"Cookie": "a=1; b=2", "Range": "bytes=0-0"})
        event = json.loads(urllib.request.urlopen(request).read())
    assert (event["rawPath"], event["rawQueryString"], event["cookies"]) == ("/a%20b", "x=1&x=2", ["a=1", "b=2"])
    assert event["headers"]["range"] == "bytes=0-0"
    assert event["queryStringParameters"] == {"x": "1,2"}


def test_fake_runtime_plays_its_script() -> None:
    script = {"events": [{"id": "1", "body": {"a": 1}}],
              "replies": [{"to": "POST */response", "drop": "before the answer"}, {"to": "POST */response", "status": 413}],
              "expect": [{"request": "POST */1/response", "body": "ab", "trailers": {"T": "~^x$"}}]}
    with fake_runtime.FakeRuntime(script) as runtime:
        connection = http.client.HTTPConnection(runtime.address)
        connection.request("GET", fake_runtime.NEXT)
        event = connection.getresponse()
        assert (event.getheader("Lambda-Runtime-Aws-Request-Id"), json.loads(event.read())) == ("1", {"a": 1})
        path = "/2018-06-01/runtime/invocation/1/response"
        with pytest.raises(http.client.RemoteDisconnected):
            connection.request("POST", path, b"lost")
            connection.getresponse()
        connection.close()
        connection.putrequest("POST", path)
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        connection.send(b"1\r\na\r\n1\r\nb\r\n0\r\nT: x\r\n\r\n")
        assert connection.getresponse().status == 413
        assert runtime.requests[2].chunks == [b"a", b"b"]
        assert runtime.requests[2].raw.endswith(b"0\r\nT: x\r\n\r\n")
        assert runtime.differences() == ["POST */1/response: trailer T is None, not '~^x$'",
                                         "POST */1/response: body is b'lost'"]


def test_a_wire_case_passes_and_fails_where_it_should(servers: Servers, tmp_path: Path) -> None:
    case = {"events": [{"id": "7", "body": "hi"}], "signal": "TERM", "exit": -15,
            "expect": [{"request": "POST */7/response", "json": {"statusCode": 200, "body": "hi"}}]}
    right, wrong = tmp_path / "right.json", tmp_path / "wrong.json"
    right.write_text(json.dumps(case))
    wrong.write_text(json.dumps({**case, "exit": 0, "expect": [{"request": "POST */error"}]}))
    assert wire.play(right, servers, _runtime(tmp_path)) == []
    assert wire.play(wrong, servers, _runtime(tmp_path)) == ["exit status is -15, not 0", "missing: POST */error"]


def test_fake_runtime_has_several_waiting_and_loses_no_event() -> None:
    with fake_runtime.FakeRuntime() as runtime:
        gone = http.client.HTTPConnection(runtime.address)
        gone.request("GET", fake_runtime.NEXT)
        runtime.wait_until(lambda: runtime.waiting == 1)
        gone.close()
        runtime.wait_until(lambda: runtime.waiting == 0)
        got: list[bytes] = []

        def ask() -> None:
            with urllib.request.urlopen(f"http://{runtime.address}{fake_runtime.NEXT}") as answer:
                got.append(answer.read())

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        runtime.wait_until(lambda: runtime.waiting == 3)
        for number in range(3):
            runtime.send_event(number, id=str(number))
        for thread in threads:
            thread.join(5)
        assert sorted(got) == [b"0", b"1", b"2"]
