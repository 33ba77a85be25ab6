"""lambda-c on a plain port: one function, several, and what clients do to a server."""

import http.client
import json
import re
import resource
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.servers import Program, Servers, accepts, free_port
from support.wire_client import admin, ask, calls, log_lines, pattern, port_of, send_raw, start, until, wait_for_output
from support.wire_functions import wire_function


@pytest.fixture
def wire(servers: Servers) -> Program:
    return start(servers)


# --- requests and answers


def test_a_request_is_seen_as_it_was_sent(wire: Program) -> None:
    status, headers, body = ask(wire, "PUT", "/echo/%2F%c3%a9//x?a=%20&b&c=%3D?", b"\x00body", {"X-Own": "1", "x-fc-request-id": "forged"})
    assert (status, headers["content-type"]) == (200, "application/json")
    assert "date" in headers
    seen = json.loads(body)
    assert (seen["method"], seen["path"], seen["query"]) == ("PUT", "/echo/%2F%c3%a9//x", "a=%20&b&c=%3D?")
    assert seen["address"] == "127.0.0.1"
    assert seen["body"] == "AGJvZHk="
    assert seen["seconds_left"] == 60
    assert re.fullmatch("[0-9a-f]{24}", seen["request_id"])
    names = [name.lower() for name, _ in seen["headers"]]
    assert "x-own" in names and not any(name.startswith("x-fc-") for name in names)


def test_cookies_are_joined(wire: Program) -> None:
    answer = send_raw(wire, b"GET /echo HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\nCookie: b=2\r\nConnection: close\r\n\r\n")
    seen = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert [value for name, value in seen["headers"] if name.lower() == "cookie"] == ["a=1; b=2"]


def test_an_absolute_target_is_taken_apart(wire: Program) -> None:
    answer = send_raw(wire, b"GET http://host:80/echo?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    seen = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (seen["path"], seen["query"]) == ("/echo", "q")


def test_headers_of_an_answer(wire: Program) -> None:
    answer = send_raw(wire, b"GET /cookies HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.count(b"Set-Cookie: ") == 2
    assert b"Injected" not in head
    assert f"Content-Length: {len(body)}".encode() in head and b"99" not in head


@pytest.mark.parametrize("path, length", [("/bytes/600000", "600000"), ("/length/77", "77"), ("/stream/5", "5"), ("/bytes/0", "0")])
def test_head_tells_the_length_and_sends_nothing(path: str, length: str, wire: Program) -> None:
    status, headers, body = ask(wire, "HEAD", path)
    assert (status, headers["content-length"], body) == (200, length, b"")


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_body(status: int, wire: Program) -> None:
    got, headers, body = ask(wire, "GET", f"/status/{status}")
    assert (got, body) == (status, b"")
    assert "content-length" not in headers and "transfer-encoding" not in headers


def test_a_304_with_a_length_keeps_the_connection(wire: Program) -> None:
    one = b"GET /unmodified/77 HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = send_raw(wire, one + one)
    assert answer.count(b"HTTP/1.1 304 Not Modified\r\n") == 2
    assert answer.count(b"Content-Length: 77\r\n") == 2
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("path", ["/fail", "/status/99", "/status/1000", "/status/100"])
def test_a_fault_is_a_problem_and_its_reason_stays_in_the_log(path: str, wire: Program) -> None:
    status, headers, body = ask(wire, "GET", path)
    assert (status, headers["content-type"], headers["cache-control"]) == (500, "application/problem+json", "no-store")
    problem = json.loads(body)
    assert problem == {"type": "internal", "title": "Internal Server Error", "status": 500, "instance": problem["instance"]}
    [line] = log_lines(wire, 1)
    assert f"request={problem['instance']} method=GET path={path} status=500" in line
    assert "the handler failed" in wire.output()


@pytest.mark.parametrize("length", [0, 1, 65536, 192 * 1024, 3_000_001])
@pytest.mark.parametrize("kind", ["bytes", "stream", "chunked"])
def test_bodies_come_whole(kind: str, length: int, wire: Program) -> None:
    status, headers, body = ask(wire, "GET", f"/{kind}/{length}")
    assert (status, body) == (200, pattern(length))
    assert headers.get("content-length") == (None if kind == "chunked" else str(length))


def test_a_connection_is_kept_and_pipelined(wire: Program) -> None:
    one = b"GET /text/3 HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /stream/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = send_raw(wire, one * 20 + b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi" + one + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 23
    assert answer.endswith(b"\r\n\r\n\x00\x01\x02")


@pytest.mark.parametrize("quick", ["", "1"])
def test_calls_that_wait_for_others_hold_no_thread(quick: str, servers: Servers) -> None:
    wire = start(servers, LC_THREADS="1", **({"WIRE_QUICK": quick} if quick else {}))
    with ThreadPoolExecutor(40) as many:
        late = [many.submit(ask, wire, "GET", "/later/3000") for _ in range(20)]
        soon = [many.submit(ask, wire, "GET", "/later/0") for _ in range(20)]
        assert [one.result()[::2] for one in soon] == [(200, b"0 later\n")] * 20
        assert not any(one.done() for one in late)
        assert [one.result()[::2] for one in late] == [(200, b"3000 later\n")] * 20
    assert all(" status=200 " in line for line in log_lines(wire, 40))


def test_a_client_that_leaves_while_its_call_waits(servers: Servers) -> None:
    wire = start(servers)
    with socket.create_connection(("127.0.0.1", port_of(wire))) as connection:
        connection.sendall(b"GET /later/300 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert ask(wire, "GET", "/later/500")[2] == b"500 later\n"
    assert wire.stop() == 0


def test_quick_functions_answer_on_the_loop_or_on_a_worker(servers: Servers) -> None:
    wire = start(servers, WIRE_QUICK="1", WIRE_THREADS="1")
    with ThreadPoolExecutor(8) as pool:
        slow = pool.submit(ask, wire, "GET", "/sleep/3000")
        time.sleep(0.2)  # the metrics would have to wait for that worker too
        assert ask(wire, "GET", "/echo")[0] == 200
        assert ask(wire, "GET", "/healthz")[2] == b"ok\n"
        assert not slow.done()  # the one worker still sleeps
        assert slow.result()[0] == 200


# --- streams


@pytest.mark.parametrize("path", ["/short/100", "/broken/100", "/broken/1000000"])
def test_a_broken_stream_breaks_the_connection(path: str, wire: Program) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        ask(wire, "GET", path)
    [line] = log_lines(wire, 1)
    assert " status=200 " in line and line.endswith(" aborted")
    wait_for_output(wire, "stream closed", 1)


def resident(program: Program) -> int:
    with open(f"/proc/{program.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_slow_clients_hold_no_worker_and_little_memory(servers: Servers) -> None:
    wire = start(servers, WIRE_THREADS="2")
    ask(wire, "GET", "/stream/1000000")
    before = resident(wire)
    clients = [socket.create_connection(("127.0.0.1", port_of(wire))) for _ in range(40)]
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET /stream/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.5)
    assert ask(wire, "GET", "/sleep/10")[0] == 200
    assert ask(wire, "GET", "/stream/3000000")[2] == pattern(3_000_000)
    wait_for_output(wire, "stream closed", 2)
    assert admin(wire, "GET", "/metrics")[2].decode().splitlines()[-1] == "wire_open_streams 40"  # all the others wait
    assert resident(wire) - before < 40 * 320  # kB
    for client in clients:
        client.close()
    wait_for_output(wire, "stream closed", 42)
    assert admin(wire, "GET", "/metrics")[2].decode().splitlines()[-1] == "wire_open_streams 0"


def test_many_streams_share_few_workers(servers: Servers) -> None:
    wire = start(servers, WIRE_THREADS="2", WIRE_SLOW_SOURCE="1")
    with ThreadPoolExecutor(12) as pool:
        for answer in pool.map(lambda _: ask(wire, "GET", "/chunked/700000"), range(24)):
            assert answer[2] == pattern(700_000)


# --- what is refused


@pytest.mark.parametrize("request_head", [
    b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"GET /echo HTTP/1.1\r\n\r\n", b"GET echo HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n",
], ids=["length-and-chunks", "two-lengths", "unknown-encoding", "negative", "overflow", "no-host", "no-slash", "asterisk", "space", "noise"])
def test_ambiguous_requests_are_refused_and_their_connection_closed(request_head: bytes, wire: Program) -> None:
    answer = send_raw(wire, request_head + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer == b"" or re.match(rb"HTTP/1\.1 4(00|13) ", answer)
    assert b"ok\n" not in answer
    assert ask(wire, "GET", "/healthz")[0] == 200


def test_bodies_have_a_limit(wire: Program) -> None:
    limit = 32 * 1024 * 1024
    too_long = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {limit + 1}\r\nExpect: 100-continue\r\n\r\n".encode()
    assert send_raw(wire, too_long).startswith(b"HTTP/1.1 413 ")
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    head = b"POST /length/0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert send_raw(wire, head + chunk * 32 + b"0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert send_raw(wire, head + chunk * 33 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")


def test_expect_continue(wire: Program) -> None:
    with socket.create_connection(("127.0.0.1", port_of(wire)), 5) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(b"hi")
        assert b'"body":"aGk="' in connection.makefile("rb").read()


@pytest.mark.parametrize("bomb", [b"X: " + b"x" * 100_000 + b"\r\n", b"".join(b"X%d: y\r\n" % i for i in range(5000))],
                         ids=["one-long", "many"])
def test_header_bombs_are_refused(bomb: bytes, wire: Program) -> None:
    try:
        answer = send_raw(wire, b"GET /echo HTTP/1.1\r\nHost: x\r\n" + bomb + b"\r\n")
    except ConnectionError:
        answer = b""
    assert answer == b"" or re.match(rb"HTTP/1\.1 4(13|31) ", answer)
    assert ask(wire, "GET", "/healthz")[0] == 200


@pytest.fixture
def descriptors() -> Iterator[None]:
    """As many as this process may have: a fresh machine begins with 1,024."""
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (usual[1], usual[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, usual)


@pytest.mark.usefixtures("descriptors")
def test_a_crowd_is_told_to_come_back(servers: Servers) -> None:
    wire = start(servers, WIRE_THREADS="1")
    clients = [socket.create_connection(("127.0.0.1", port_of(wire))) for _ in range(1100)]
    for client, pause in zip(clients, [5000] + 1099 * [1]):  # the first one has the only worker until all are there
        client.sendall(f"GET /sleep/{pause} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answers = [client.makefile("rb").read() for client in clients]
    statuses = [answer[9:12] for answer in answers]
    assert set(statuses) == {b"200", b"503"}
    assert all(b"Retry-After: 1\r\n" in answer for answer in answers if answer[9:12] == b"503")
    assert statuses.count(b"200") >= 1024


def test_a_head_of_8_kib_is_taken_and_answered(wire: Program) -> None:
    status, headers, _ = ask(wire, "GET", "/header/2000?" + "q" * 2000, headers={"X": "x" * 6000})
    assert (status, len(headers["x-long"])) == (200, 2000)


def test_128_requests_at_once_do_not_wait_for_another(servers: Servers) -> None:
    """As many as libmicrohttpd takes from epoll in one go; it would go on waiting."""
    port = free_port()
    rooms = servers.start("rooms", ["taskset", "-c", "0", wire_function("rooms"), f"127.0.0.1:{port}"], lambda: accepts(port))
    clients = [socket.create_connection(("127.0.0.1", port), 3) for _ in range(128)]
    request = b"GET /up HTTP/1.1\r\nHost: x\r\n\r\n"
    for client in clients:
        client.sendall(request)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    rooms.signal(signal.SIGSTOP)
    for client in clients:
        client.sendall(request)
    time.sleep(0.1)
    rooms.signal(signal.SIGCONT)
    assert all(client.recv(1000).startswith(b"HTTP/1.1 200") for client in clients)


def test_clients_that_vanish_do_no_harm(wire: Program) -> None:
    for data in [b"", b"GET /ec", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc", b"GET /sleep/100 HTTP/1.1\r\nHost: x\r\n\r\n"]:
        for _ in range(20):
            client = socket.create_connection(("127.0.0.1", port_of(wire)))
            client.sendall(data)
            client.close()
    assert ask(wire, "GET", "/echo")[0] == 200
    until(lambda: 'lc_in_flight{function="wire"} 0' in admin(wire, "GET", "/metrics")[2].decode(), wire)
    assert wire.stop(8) == 0  # calls that run would have ten seconds


# --- its own pages


def test_metrics(wire: Program) -> None:
    for path in ("/echo", "/status/302", "/fail", "/status/404"):
        ask(wire, "GET", path)
    log_lines(wire, 4)
    status, headers, body = admin(wire, "GET", "/metrics")
    text = body.decode()
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4")
    for kind in ("2xx", "3xx", "4xx", "5xx"):
        assert f'lc_requests_total{{function="wire",status="{kind}"}} 1\n' in text
    assert 'lc_request_duration_seconds_bucket{function="wire",le="+Inf"} 4\n' in text
    assert 'lc_request_duration_seconds_count{function="wire"} 4\n' in text
    assert "wire_open_streams 0\n" in text


def test_the_access_log(wire: Program) -> None:
    ask(wire, "GET", "/text/5?secret=1")
    ask(wire, "HEAD", "/text/5")
    ask(wire, "GET", "/stream/300000")
    two, one, three = sorted(log_lines(wire, 3), key=lambda line: ("method=HEAD" not in line, "path=/stream" in line))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info request=[0-9a-f]{24} method=GET path=/text/5 "
                        r"status=200 bytes=5 ms=\d+\.\d{3}", one)
    assert " method=HEAD path=/text/5 status=200 bytes=0 " in two
    assert " path=/stream/300000 status=200 bytes=300000 " in three


def test_the_log_can_be_turned_down(servers: Servers) -> None:
    wire = start(servers, WIRE_LOG="error")
    ask(wire, "GET", "/echo")
    wire.stop()
    assert "method=" not in wire.output()


# --- events


def test_events(wire: Program) -> None:
    assert admin(wire, "POST", "/invoke", b'{"a":1}')[::2] == (200, b'{"a":1}')
    assert admin(wire, "POST", "/invoke", b"nothing")[2] == b"null"
    status, _, body = admin(wire, "POST", "/invoke", b"fail")
    assert (status, json.loads(body)["errorType"]) == (500, "Function.NotFound")
    assert admin(wire, "POST", "/2015-03-31/functions/wire/invocations", b"x")[2] == b"x"


def test_a_function_without_events_keeps_its_paths(servers: Servers) -> None:
    wire = start(servers, WIRE_HTTP_ONLY="1")
    assert ask(wire, "POST", "/invoke", b"x")[0] == 200


def test_a_function_without_http_says_so(servers: Servers) -> None:
    wire = start(servers, WIRE_EVENTS_ONLY="1")
    status, _, body = ask(wire, "GET", "/")
    assert (status, json.loads(body)["detail"]) == (501, "this function takes events, not HTTP requests")


@pytest.fixture
def rooms(servers: Servers) -> Iterator[Program]:
    port = free_port()
    yield servers.start("rooms", [wire_function("rooms"), f"127.0.0.1:{port}"], lambda: accepts(port), f"http://127.0.0.1:{port}", {"LC_ADMIN_SECRET": "open sesame"})


@pytest.mark.parametrize("path, answer", [
    ("/up", b"attic /up\n"), ("/up/", b"attic /up/\n"), ("/up/and/down", b"attic /up/and/down\n"), ("/up/stairs", b"cellar /up/stairs\n"),
    ("/up/stairs/x", b"cellar /up/stairs/x\n"), ("/up/stairsx", b"attic /up/stairsx\n"), ("/attic?x", b"attic /attic\n")])
def test_the_longest_mount_wins(path: str, answer: bytes, rooms: Program) -> None:
    assert ask(rooms, "GET", path) [::2] == (200, answer)


def test_what_is_mounted_nowhere(rooms: Program) -> None:
    for path in ("/", "/upper", "/Up"):
        status, headers, _ = ask(rooms, "GET", path)
        assert (status, headers["cache-control"]) == (404, "public, max-age=5")
    assert ask(rooms, "POST", "/invoke", b"{}")[0] == 404


def test_events_of_several_functions(rooms: Program) -> None:
    where = "/2015-03-31/functions/{}/invocations"
    status, headers, body = admin(rooms, "POST", where.format("bell"), b'"loud"')
    assert (status, body, "x-amz-function-error" in headers) == (200, b'{"rung":"loud"}', False)
    status, headers, body = admin(rooms, "POST", where.format("bell"), b'"softly"')
    assert (status, headers["x-amz-function-error"]) == (200, "Unhandled")
    assert json.loads(body) == {"errorMessage": "it cannot be rung softly", "errorType": "Function.Invalid", "stackTrace": []}
    assert json.loads(admin(rooms, "POST", where.format("attic"), b"{}")[2])["errorType"] == "Function.Unsupported"
    assert admin(rooms, "POST", where.format("garden"), b"{}")[0] == 404
    assert ask(rooms, "POST", where.format("bell"), b"{}")[0] == 403


def test_metrics_of_several_functions(rooms: Program) -> None:
    ask(rooms, "GET", "/up")
    ask(rooms, "GET", "/attic")
    text = admin(rooms, "GET", "/metrics")[2].decode()
    assert 'lc_requests_total{function="attic",status="2xx"} 2\n' in text
    assert text.count("# TYPE lc_requests_total counter\n") == 1
    assert text.count('lc_in_flight{function="attic"}') == 1


# --- start and stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_calls_end_before_it_stops(number: int, wire: Program) -> None:
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(ask, wire, "GET", "/sleep/3000")
        stream = pool.submit(ask, wire, "GET", "/chunked/2000000")
        until(lambda: calls(wire) > 0 and (stream.done() or calls(wire) == 2), wire)
        wire.signal(number)
        until(lambda: not accepts(port_of(wire)), wire)
        assert slow.result()[1]["connection"] == "close"
        assert stream.result()[2] == pattern(2_000_000)
    assert wire.process.wait(60) == 0
    assert wire.output().count("wire: idle") == 1
    assert wire.output().splitlines()[-1] == "wire: stop"


def test_streams_are_cut_off_when_their_clients_do_not_read(wire: Program) -> None:
    client = socket.create_connection(("127.0.0.1", port_of(wire)))
    client.sendall(b"GET /stream/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    began = time.monotonic()
    wire.signal(signal.SIGTERM)
    assert wire.process.wait(60) == 0
    assert time.monotonic() - began > 9
    assert wire.output().splitlines()[-1] == "wire: stop"
    assert "stream closed" in wire.output()
    client.close()


@pytest.mark.parametrize("asked", ["/sleep/60000", "/later/60000"])
@pytest.mark.parametrize("env, code, said", [({}, 0, "everything is stored"), ({"WIRE_NO_IDLE": "1"}, 1, "is lost"),
                                             ({"WIRE_NO_IDLE": "1", "WIRE_NO_STOP": "1"}, 0, "everything is stored")],
                         ids=["flushes", "cannot-flush", "holds-nothing"])
def test_a_handler_that_does_not_return_is_flushed_beside(env: dict[str, str], code: int, said: str, asked: str, servers: Servers) -> None:
    wire = start(servers, **env)
    with socket.create_connection(("127.0.0.1", port_of(wire))) as client:
        client.sendall(f"GET {asked} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(lambda: calls(wire) == 1, wire)
        wire.signal(signal.SIGTERM)
        assert wire.process.wait(60) == code
    assert "wire: stop" not in wire.output()
    assert said in wire.output()
    assert wire.output().count("wire: idle") == (0 if "WIRE_NO_IDLE" in env else 2)


def test_idle_connections_do_not_keep_it(wire: Program) -> None:
    client = socket.create_connection(("127.0.0.1", port_of(wire)))
    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.recv(1000)
    assert wire.stop(8) == 0  # calls that run would have ten seconds
    client.close()


@pytest.mark.parametrize("env, says", [
    ({"LC_LISTEN": "nowhere"}, "'nowhere' is not ADDRESS:PORT"), ({"LC_LISTEN": "example.org:80"}, "no numeric address"),
    ({"LC_LISTEN": "127.0.0.1:65536"}, "not ADDRESS:PORT"), ({"LC_LISTEN": "::1:80"}, "not ADDRESS:PORT"),
    ({"WIRE_THREADS": "0"}, "THREADS is '0'"), ({"WIRE_LOG": "loud"}, "LOG is 'loud'"), ({"WIRE_INIT_FAILS": "1"}, 'no "database" today'),
    ({"WIRE_RESPONSE_MODE": "fast"}, "RESPONSE_MODE is 'fast'")])
def test_what_cannot_start_says_why(env: dict[str, str], says: str, servers: Servers) -> None:
    program = servers.start("wire", [wire_function("wire")], lambda: True, env={"LC_LISTEN": "127.0.0.1:0", **env})
    assert program.process.wait(5) == 1
    assert says in program.output()


def test_a_port_that_is_taken(wire: Program, servers: Servers) -> None:
    second = servers.start("wire", [wire_function("wire")], lambda: True, env={"WIRE_LISTEN": f"127.0.0.1:{port_of(wire)}"})
    assert second.process.wait(5) == 1
    assert f"cannot listen on 127.0.0.1:{port_of(wire)}: Address already in use" in second.output()


def test_any_port_and_ipv6(servers: Servers) -> None:
    program = servers.start("rooms", [wire_function("rooms"), "[::1]:0"], lambda: True)
    end = time.monotonic() + 60
    while not (found := re.search(r"listening on http://\[::1\]:(\d+)", program.output())) and time.monotonic() < end:
        time.sleep(0.01)
    assert found
    connection = http.client.HTTPConnection("::1", int(found.group(1)))
    connection.request("GET", "/up")
    assert connection.getresponse().read() == b"attic /up\n"
