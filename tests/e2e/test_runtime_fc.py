"""lambda-c on Alibaba Function Compute: probes, control paths, HTTP triggers, log lines."""

import http.client
import json
import re
import signal
import time
import urllib.request
from collections.abc import Iterator

import pytest

from support.fc import FunctionCompute
from support.gateway import Answer
from support.servers import Program, Servers, accepts, free_port
from support.wire_functions import wire_function

KEYS = {"id": "STS.ID", "secret": "SECRET", "token": "TOKEN"}


def start(servers: Servers, **env: str) -> Program:
    port = free_port()
    return servers.start("wire", [wire_function("wire")], lambda: accepts(port), f"http://127.0.0.1:{port}",
                         {"WIRE_TELL": "1", "FC_SERVER_PORT": str(port), "FC_FUNCTION_NAME": "test", **env})


@pytest.fixture
def wire(servers: Servers) -> Program:
    return start(servers)


@pytest.fixture
def platform(wire: Program) -> Iterator[FunctionCompute]:
    with FunctionCompute(wire.url, KEYS) as running:
        yield running


def lines(program: Program) -> list[str]:
    """The platform's own kind of log lines."""
    return [line for line in program.output().splitlines() if line.startswith("FC ")]


def header(answer: Answer, name: str) -> str | None:
    return next((value for key, value in answer.headers if key.lower() == name), None)


def test_it_listens_everywhere(wire: Program) -> None:
    port = int(wire.url.rsplit(":", 1)[1])
    with open("/proc/net/tcp") as sockets:
        assert any(f"00000000:{port:04X} " in line and " 0A " in line for line in sockets)


def test_the_port_is_9000_unless_said(servers: Servers) -> None:
    if accepts(9000):
        pytest.skip("port 9000 is in use")
    servers.start("wire", [wire_function("wire")], lambda: accepts(9000), env={"FC_FUNCTION_NAME": "test"})


def test_probes_are_normal(platform: FunctionCompute, wire: Program) -> None:
    for number in range(20):
        platform.probe(reset=number % 2 == 0)
    assert platform.initialize().status == 200
    assert "error" not in wire.output()


def test_initialize_runs_init_once(platform: FunctionCompute, wire: Program) -> None:
    assert "wire: init" not in wire.output()
    for _ in range(2):
        answer = platform.initialize()
        assert (answer.status, header(answer, "x-fc-status")) == (200, "200")
    assert wire.output().count("wire: init") == 1
    start_line, end_line = lines(wire)[:2]
    id = start_line.removeprefix("FC Initialize Start RequestId: ")
    assert re.fullmatch("[0-9a-f-]{36}", id)
    assert end_line == f"FC Initialize End RequestId: {id}"


def test_without_initialize_the_first_request_inits(platform: FunctionCompute, wire: Program) -> None:
    assert platform.invoke(b"x").body == b"x"
    assert platform.invoke(b"y").body == b"y"
    assert wire.output().count("wire: init") == 1


@pytest.mark.parametrize("first", ["initialize", "invoke", "http"])
def test_a_failed_init_ends_the_process(first: str, servers: Servers) -> None:
    wire = start(servers, WIRE_INIT_FAILS="1")
    with FunctionCompute(wire.url) as platform:
        answer = {"initialize": platform.initialize, "invoke": lambda: platform.invoke(b"x"),
                  "http": lambda: platform.send("GET", "/echo", platform.headers("/http-invoke"))}[first]()
        assert (answer.status, header(answer, "x-fc-status")) == (500, "404")
    assert wire.process.wait(5) == 1
    assert 'init failed: no "database" today' in wire.output()
    assert lines(wire)[-1].endswith(", Error: Unhandled function error")


def test_events(platform: FunctionCompute, wire: Program) -> None:
    timer = b'{"triggerTime":"2018-02-09T05:49:00Z","triggerName":"t","payload":"p"}'
    answer = platform.invoke(timer, "id-1")
    assert (answer.status, answer.body, header(answer, "x-fc-status")) == (200, timer, "200")
    answer = platform.invoke(b"fail", "id-2")
    assert (header(answer, "x-fc-status"), json.loads(answer.body)["errorType"]) == ("404", "Function.NotFound")
    assert lines(wire) == ["FC Invoke Start RequestId: id-1", "FC Invoke End RequestId: id-1", "FC Invoke Start RequestId: id-2",
                           "FC Invoke End RequestId: id-2, Error: Unhandled function error"]


def test_http_triggers_are_passed_through(platform: FunctionCompute, wire: Program) -> None:
    request = urllib.request.Request(f"{platform.url}/echo/a%2Fb?x=%20", b"body", {"X-Own": "1", "x-fc-access-key-id": "forged"})
    with urllib.request.urlopen(request) as response:
        seen = json.loads(response.read())
    assert (seen["method"], seen["path"], seen["query"], seen["body"]) == ("POST", "/echo/a%2Fb", "x=%20", "Ym9keQ==")
    assert (seen["key"], seen["secret"], seen["token"]) == ("STS.ID", "SECRET", "TOKEN")
    assert seen["seconds_left"] == 60
    assert lines(wire) == [f"FC Invoke Start RequestId: {seen['request_id']}", f"FC Invoke End RequestId: {seen['request_id']}"]
    wire.stop()
    assert f"request={seen['request_id']} method=POST path=/echo/a%2Fb status=200" in wire.output()


@pytest.mark.parametrize("path", ["/invoke", "/initialize", "/pre-stop", "/pre-freeze"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_http_triggers_path_controls_nothing(path: str, method: str, platform: FunctionCompute, wire: Program) -> None:
    assert platform.http(method, path).status == 200
    assert "wire: stop" not in wire.output() and "wire: idle" not in wire.output()
    assert [line.split()[1] for line in lines(wire)] == ["Invoke", "Invoke"]


def test_a_fault_is_told_to_the_platform(platform: FunctionCompute, wire: Program) -> None:
    answer = platform.send("GET", "/fail", platform.headers("/http-invoke", "id-3"))
    assert (answer.status, header(answer, "x-fc-status")) == (500, "404")
    assert json.loads(answer.body)["instance"] == "id-3"
    assert lines(wire)[-1] == "FC Invoke End RequestId: id-3, Error: Unhandled function error"
    answer = platform.send("GET", "/status/404", platform.headers("/http-invoke"))
    assert (answer.status, header(answer, "x-fc-status")) == (404, "200")


@pytest.mark.parametrize("timeout, seconds", [("30", 30), ("0", 60), ("-1", 60), ("99999999999999999999", 60), ("", 60)])
def test_the_deadline_is_the_platforms(timeout: str, seconds: int, platform: FunctionCompute) -> None:
    headers = [(name, timeout if name == "x-fc-function-timeout" else value) for name, value in platform.headers("/http-invoke")]
    assert json.loads(platform.send("GET", "/echo", headers).body)["seconds_left"] == seconds


def test_pre_freeze_flushes_and_pre_stop_stops(platform: FunctionCompute, wire: Program) -> None:
    platform.invoke(b"x")
    assert platform.pre_freeze().status == 200
    assert wire.output().count("wire: idle") == 1
    assert platform.pre_stop().status == 200
    assert wire.output().count("wire: stop") == 1
    assert platform.invoke(b"x").status == 503
    assert platform.pre_stop().status == 200
    assert [line.split()[1] for line in lines(wire)] == ["Invoke"] * 2 + ["PreFreeze"] * 2 + ["PreStop"] * 4
    wire.signal(signal.SIGTERM)
    assert wire.process.wait(5) == 0
    assert wire.output().count("wire: stop") == 1


def test_pre_stop_waits_for_what_runs(platform: FunctionCompute, wire: Program) -> None:
    platform.initialize()
    slow = http.client.HTTPConnection(wire.url.removeprefix("http://"))
    slow.request("GET", "/sleep/500", headers=dict(platform.headers("/http-invoke")))
    time.sleep(0.1)
    assert platform.pre_stop().status == 200
    assert slow.getresponse().status == 200
    assert wire.output().count("wire: stop") == 1


def test_before_anything_there_is_nothing_to_freeze_or_stop(platform: FunctionCompute, wire: Program) -> None:
    assert platform.pre_freeze().status == 200
    assert platform.pre_stop().status == 200
    assert "wire:" not in wire.output()


def test_without_control_paths_the_path_decides(platform: FunctionCompute, wire: Program) -> None:
    assert platform.send("POST", "/initialize", []).status == 200
    assert platform.send("POST", "/invoke", [], b"x").body == b"x"
    assert platform.send("GET", "/invoke", []).status == 200
    assert [line.split()[1] for line in lines(wire)] == ["Initialize"] * 2 + ["Invoke"] * 4


def test_health_and_metrics(platform: FunctionCompute, servers: Servers) -> None:
    assert platform.http("GET", "/healthz").body == b"ok\n"
    secret = start(servers, LC_ADMIN_SECRET="sesame")
    with FunctionCompute(secret.url) as other:
        forwarded = [*other.headers("/http-invoke"), ("X-Forwarded-For", "203.0.113.9")]
        assert other.send("GET", "/metrics", forwarded).status == 403
        answer = other.send("GET", "/metrics", [*forwarded, ("Authorization", "Bearer sesame")])
        assert answer.status == 200 and b"lc_requests_total" in answer.body


def test_a_quick_function_tells_its_start_once(servers: Servers) -> None:
    wire = start(servers, WIRE_QUICK="1")
    with FunctionCompute(wire.url) as platform:
        assert platform.http("GET", "/text/3").body == b"abc"
        assert platform.http("GET", "/text/3").body == b"abc"
        assert [line.split()[2] for line in lines(wire)] == ["Start", "End"] * 2


@pytest.mark.parametrize("quick", ["", "1"])
def test_a_call_that_waits_for_others_starts_and_ends_once(quick: str, servers: Servers) -> None:
    wire = start(servers, **({"WIRE_QUICK": quick} if quick else {}))
    with FunctionCompute(wire.url) as platform:
        answer = platform.http("GET", "/later/200")
        assert (answer.status, answer.body) == (200, b"200 later\n")
        assert platform.http("GET", "/later/0").body == b"0 later\n"
    told = [line.split(" RequestId")[0] for line in lines(wire)]
    assert told == ["FC Invoke Start", "FC Invoke End"] * 2


def test_heads_may_be_as_large_as_the_platform_allows(platform: FunctionCompute) -> None:
    headers = [*platform.headers("/http-invoke"), ("X", "x" * 7000)]
    answer = platform.send("GET", "/header/8000?" + "q" * 4000, headers)
    assert (answer.status, len(header(answer, "x-long") or "")) == (200, 8000)


def test_a_stream_passes_through(platform: FunctionCompute) -> None:
    assert platform.http("GET", "/chunked/500000").body == bytes(i % 251 for i in range(500_000))


@pytest.mark.parametrize("port", ["no", "65536", "-1"])
def test_a_port_that_is_none(port: str, servers: Servers) -> None:
    program = servers.start("wire", [wire_function("wire")], lambda: True, env={"FC_SERVER_PORT": port})
    assert program.process.wait(5) == 1
    assert "is not ADDRESS:PORT" in program.output()
