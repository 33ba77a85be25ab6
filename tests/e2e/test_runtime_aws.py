"""lambda-c on AWS Lambda: the cases of tests/wire/aws, what a script cannot say, and the real emulator."""

import base64
import json
import re
import signal
import socket
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from support.cache import ROOT
from support.fake_runtime import FakeRuntime
from support.function_url import FunctionUrl
from support.servers import Program, Servers
from support.wire import play
from support.wire_functions import wire_function

CASES = sorted((ROOT / "tests/wire/aws").glob("*.json"))
RESPONSE = "POST */invocation/{}/response"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_on_the_wire(case: Path, servers: Servers) -> None:
    assert play(case, servers, wire_function("wire")) == []


def start(servers: Servers, runtime: FakeRuntime, **env: str) -> Program:
    return servers.start("wire", [wire_function("wire")], lambda: True, env={**runtime.environment(), "WIRE_TELL": "1", **env})


def request(path: str) -> dict[str, object]:
    return {"version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {},
            "requestContext": {"stage": "$default", "http": {"method": "GET", "sourceIp": "192.0.2.1"}}}


def test_one_connection_is_kept(servers: Servers) -> None:
    with FakeRuntime({"events": [{"id": str(i), "body": "x"} for i in range(5)]}) as runtime:
        start(servers, runtime, WIRE_NO_STOP="1")
        runtime.wait_until(runtime.idle)
        assert {each.connection for each in runtime.requests} == {1}


def test_lines_are_json_where_the_platform_wants_it(servers: Servers) -> None:
    """As the function's configuration sets it: log format JSON, application log level."""
    events = [{"id": "id-1", "body": request("/text/5"), "headers": {"Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd86;Parent=53;Sampled=0"}},
              {"id": "id-2", "body": request("/fail")}]
    with FakeRuntime({"events": events}) as runtime:
        program = start(servers, runtime, AWS_LAMBDA_LOG_FORMAT="JSON", AWS_LAMBDA_LOG_LEVEL="INFO")
        runtime.wait_for(RESPONSE.format("*"), 2)
        runtime.wait_until(runtime.idle)
        lines = [json.loads(line) for line in program.output().splitlines() if line.startswith("{")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"]) for line in lines)
    first, fault, second = lines[:3]
    assert {key: first[key] for key in ("level", "requestId", "traceId", "message", "method", "path", "status", "bytes")} == {
        "level": "INFO", "requestId": "id-1", "traceId": "1-5759e988-bd86", "message": "GET /text/5 200", "method": "GET", "path": "/text/5",
        "status": 200, "bytes": 5}
    assert first["ms"] >= 0
    assert (fault["level"], fault["requestId"], "the handler failed" in fault["message"]) == ("ERROR", "id-2", True)
    assert (second["requestId"], second["status"], "aborted" in second) == ("id-2", 500, False)


def test_metrics_are_lines_that_cloudwatch_reads(servers: Servers) -> None:
    trace = {"Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd86;Parent=53;Sampled=0"}
    events = [{"id": "id-1", "body": request("/text/5"), "headers": trace}, {"id": "id-2", "body": request("/fail")}]
    with FakeRuntime({"events": events}) as runtime:
        program = start(servers, runtime, LC_METRICS="emf")
        runtime.wait_for(RESPONSE.format("*"), 2)
        runtime.wait_until(runtime.idle)
        good, bad = [json.loads(line) for line in program.output().splitlines() if line.startswith('{"_aws"')]
    [directive] = good["_aws"]["CloudWatchMetrics"]
    assert directive == {"Namespace": "WIRE", "Dimensions": [["function"]], "Metrics": [
        {"Name": "requests", "Unit": "Count"}, {"Name": "errors", "Unit": "Count"}, {"Name": "duration", "Unit": "Milliseconds"},
        {"Name": "bytes", "Unit": "Bytes"}]}
    assert abs(good["_aws"]["Timestamp"] - time.time() * 1000) < 300_000
    assert all(name in good for name in [*directive["Dimensions"][0], *(metric["Name"] for metric in directive["Metrics"])])
    names = ("function", "requests", "errors", "bytes", "status", "requestId", "traceId")
    assert {name: good[name] for name in names} == {"function": "wire", "requests": 1, "errors": 0, "bytes": 5, "status": 200,
                                                    "requestId": "id-1", "traceId": "1-5759e988-bd86"}
    assert (bad["errors"], bad["status"], bad["requestId"], "traceId" in bad) == (1, 500, "id-2", False)


@pytest.mark.parametrize("own, lines", [({}, 0), ({"LC_LOG": "info"}, 1)])
def test_the_platforms_level_counts_where_no_other_is_set(own: dict[str, str], lines: int, servers: Servers) -> None:
    with FakeRuntime({"events": [{"id": "1", "body": request("/text/5")}]}) as runtime:
        program = start(servers, runtime, AWS_LAMBDA_LOG_LEVEL="ERROR", **own)
        runtime.wait_for(RESPONSE.format("1"))
        runtime.wait_until(runtime.idle)
        assert program.output().count("request=1 ") == lines


def test_invocations_run_at_once(servers: Servers) -> None:
    with FakeRuntime() as runtime:
        program = start(servers, runtime, AWS_LAMBDA_MAX_CONCURRENCY="4", AWS_LAMBDA_INITIALIZATION_TYPE="lambda-managed-instances")
        runtime.wait_until(lambda: runtime.waiting == 4)
        for number in range(4):
            runtime.send_event("sleep 2000", id=str(number))
        ends = [each.at for each in runtime.wait_for(RESPONSE.format("*"), 4)]
        assert max(ends) - min(ends) < 6  # one after the other, the last would come 6 s after the first
        assert runtime.seen("POST */extension/register") == []
        assert len({each.connection for each in runtime.seen(RESPONSE.format("*"))}) == 4
        assert program.stop() == 0
        assert program.output().count("wire: stop") == 1


def test_sigterm_lets_an_invocation_end_and_then_stops(servers: Servers) -> None:
    with FakeRuntime({"events": [{"id": "1", "body": "sleep 1500"}]}) as runtime:
        program = start(servers, runtime)
        runtime.wait_until(lambda: runtime.idle(0) and runtime.waiting == 0)
        time.sleep(0.3)  # it is on its way to the handler
        program.signal(signal.SIGTERM)
        assert program.process.wait(5) == 0
        assert len(runtime.seen(RESPONSE.format("1"))) == 1
        assert program.output().splitlines()[-1] == "wire: stop"


@pytest.mark.parametrize("clock", ["1999-12-31T23:59:59Z", "2099-12-31T23:59:59Z"])
def test_a_deadline_is_the_platforms_whatever_clock_is_followed(clock: str, servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(clock)
    with FakeRuntime({"events": [{"id": "1", "body": request("/echo"), "deadline_ms": 20_000}]}) as runtime:
        start(servers, runtime, LC_CLOCK=str(tmp_path / "clock"))
        (answer,) = runtime.wait_for(RESPONSE.format("1"))
        assert json.loads(json.loads(answer.body)["body"])["seconds_left"] in (18, 19, 20)


def test_what_must_be_flushed_is_flushed_before_each_next(servers: Servers) -> None:
    with FakeRuntime({"events": [{"id": "1", "body": "a"}, {"id": "2", "body": "b"}]}) as runtime:
        program = start(servers, runtime)
        runtime.wait_until(runtime.idle)
        told = [line for line in program.output().splitlines() if line.startswith("wire:") or "request=" in line]
        assert [line if line.startswith("wire:") else line.split("request=")[1].split()[0] for line in told] == [
            "wire: init", "wire: idle", "1", "wire: idle", "2", "wire: idle"]


def test_streams_are_closed_and_whole(servers: Servers) -> None:
    events = [{"id": "1", "body": request("/chunked/1000000")}, {"id": "2", "body": request("/broken/10")}]
    with FakeRuntime({"events": events}) as runtime:
        program = start(servers, runtime, LC_RESPONSE_MODE="streaming")
        runtime.wait_until(runtime.idle)
        [answer] = runtime.seen(RESPONSE.format("1"))
        prelude, _, body = answer.body.partition(b"\0" * 8)
        assert json.loads(prelude)["statusCode"] == 200
        assert body == bytes(i % 251 for i in range(1_000_000))
        assert len(answer.chunks) >= 1_000_000 // 65536
        assert program.output().count("wire: stream closed") == 2


def test_large_binary_answers_fit_their_limit(servers: Servers) -> None:
    size = 4_669_440  # what body_limit says
    with FakeRuntime({"events": [{"id": "1", "body": request(f"/bytes/{size}")}]}) as runtime:
        start(servers, runtime)
        [answer] = runtime.wait_for(RESPONSE.format("1"))
        assert len(answer.body) <= 6 * 1024 * 1024
        assert base64.b64decode(answer.json()["body"]) == bytes(i % 251 for i in range(size))


def test_an_event_beyond_the_limit_is_answered(servers: Servers) -> None:
    with FakeRuntime({"events": [{"id": "1", "body": "x" * (33 << 20)}, {"id": "2", "body": "b"}]}) as runtime:
        start(servers, runtime)
        [error] = runtime.wait_for("POST */1/error")
        assert error.header("Lambda-Runtime-Function-Error-Type") == "Runtime.EventTooLarge"
        runtime.wait_for(RESPONSE.format("2"))


class _RawRuntime:
    """A Runtime API that a test writes byte by byte: `serve` is given each connection."""

    def __init__(self, *answers: bytes):
        self.answers = list(answers)
        self.received: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """An answer as soon as a head is there: the rest of a request is not waited for."""
        while self.answers:
            head = b""
            while b"\r\n\r\n" not in head:
                try:
                    data = connection.recv(4096)
                except ConnectionResetError:
                    return
                if not data:
                    return
                head += data
            self.received.append(head)
            answer = self.answers.pop(0)
            for piece in answer.split(b"|"):
                connection.sendall(piece)
                time.sleep(0.01)
            if b"Connection: close" in answer:
                connection.close()
                return
        time.sleep(30)

    def wait_for(self, count: int) -> None:
        end = time.monotonic() + 60
        while len(self.received) < count and time.monotonic() < end:
            time.sleep(0.01)


def _event(id: str, body: str) -> bytes:
    return (f"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {id}\r\nLambda-Runtime-Deadline-Ms: 4000000000000\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def raw(servers: Servers, *answers: bytes) -> _RawRuntime:
    runtime = _RawRuntime(*answers)
    servers.start("wire", [wire_function("wire")], lambda: True, env={"AWS_LAMBDA_RUNTIME_API": runtime.address, "WIRE_NO_STOP": "1"})
    return runtime


def test_a_413_that_comes_while_the_answer_is_being_sent_is_heard(servers: Servers) -> None:
    refusal = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    runtime = raw(servers, _event("1", "bytes 30000000"), refusal, OK, _event("2", "b"), OK)
    runtime.wait_for(5)
    assert [each.split(b" ")[1].rsplit(b"invocation/")[1] for each in runtime.received] == [
        b"next", b"1/response", b"1/error", b"next", b"2/response"]
    assert b"Function.ResponseTooLarge" in runtime.received[2]


@pytest.mark.parametrize("event", [
    b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n|4\r|\ndefg\r\n0\r|\nT: x\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nContent-Length: 7\r\n\r\nabc|defg",
    b"HTTP/1.0 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\nConnection: close\r\n\r\nabcd|efg",
    b"H|TTP/1.1 200 OK\r\nlambda-runtime-aws-request-id:1\r\nLambda-Runtime-Deadline-Ms: soon\r\ncontent-length: 7\r|\n\r\n|a|bcdef|g",
], ids=["chunked", "after-100", "until-close", "in-pieces"])
def test_events_are_read_however_they_are_framed(event: bytes, servers: Servers) -> None:
    runtime = raw(servers, event, OK)
    runtime.wait_for(2)
    assert b"/invocation/1/response" in runtime.received[1]
    assert runtime.received[1].endswith(b"\r\n\r\nabcdefg")


@pytest.mark.parametrize("garbage", [
    b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 2OO OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: a\rb\r\nContent-Length: 1\r\n\r\nx",
], ids=["no-http", "no-status", "head-bomb", "id-with-cr"])
def test_garbage_is_passed_over(garbage: bytes, servers: Servers) -> None:
    runtime = raw(servers, garbage, _event("2", "b"), OK)
    runtime.wait_for(3)
    assert b"/invocation/2/response" in runtime.received[2]


@pytest.mark.parametrize("framing", [
    b"Content-Length: 5x\r\n\r\nabcde", b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
], ids=["length", "chunk-size", "chunk-overflow", "chunk-end"])
def test_a_malformed_event_is_answered_as_an_error(framing: bytes, servers: Servers) -> None:
    runtime = raw(servers, b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\n" + framing, OK, _event("2", "b"), OK)
    runtime.wait_for(4)
    assert b"/invocation/1/error" in runtime.received[1]
    assert b"/invocation/2/response" in runtime.received[3]


# --- the real emulator


def test_hello_under_the_emulator(servers: Servers) -> None:
    emulator = servers.emulator(wire_function("hello"))
    with FunctionUrl(emulator.url) as platform:
        assert urllib.request.urlopen(f"{platform.url}/a%20b?c=d").read() == b"hello /a%20b\n"
        assert urllib.request.urlopen(f"{platform.url}/healthz").read() == b"ok\n"


def test_requests_and_events_under_the_emulator(servers: Servers) -> None:
    emulator = servers.emulator(wire_function("wire"), {"WIRE_TELL": "1"})
    with FunctionUrl(emulator.url) as platform:
        sent = urllib.request.Request(f"{platform.url}/echo?a=%2F", b"\x00\xff", {"Cookie": "a=1; b=2", "X-Fc-Request-Id": "forged"})
        seen = json.loads(urllib.request.urlopen(sent).read())
        assert (seen["method"], seen["path"], seen["query"]) == ("POST", "/echo", "a=%2F")
        assert base64.b64decode(seen["body"]) == b"\x00\xff"
        headers = {name.lower(): value for name, value in seen["headers"]}
        assert headers["cookie"] == "a=1; b=2"
        assert "x-fc-request-id" not in headers
        assert urllib.request.urlopen(f"{platform.url}/bytes/1000").read() == bytes(i % 251 for i in range(1000))
    assert urllib.request.urlopen(emulator.url, b'{"an":"event"}').read() == b'{"an":"event"}'
    failed = json.loads(urllib.request.urlopen(emulator.url, b"fail").read())
    assert failed["errorType"] == "Function.NotFound"
    assert "wire: idle" in emulator.output()
