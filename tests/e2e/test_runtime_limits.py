"""What a server takes in before it knows that somebody wants it, and what a crowd of clients can do to it."""

import os
import re
import signal
import socket
import time
from contextlib import ExitStack

import pytest

from support import apks
from support.servers import Program, Servers, accepts, free_port, pakhus_binary
from support.shop import Shop
from support.wire_client import ask, port_of, send_raw, start, until
from support.wire_functions import wire_function


@pytest.fixture
def wire(servers: Servers) -> Program:
    return start(servers)


def request(path: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode() + body


def sized(path: str, body: bytes, length: int | None = None, *headers: str) -> bytes:
    return request(path, f"Content-Length: {len(body) if length is None else length}", *headers, body=body)


def chunked(path: str, *chunks: bytes) -> bytes:
    return request(path, "Transfer-Encoding: chunked", body=b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b"")))


def statuses(answer: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


# --- what the head decides


def test_a_guard_answers_before_the_body_and_keeps_the_connection_of_a_short_one(wire: Program) -> None:
    for asked in (sized("/shut", b"hello"), sized("/shut", b"x" * 65536), chunked("/shut", b"hello", b"hello"), sized("/shut", b"")):
        answer = send_raw(wire, asked + HEALTH)
        assert statuses(answer) == [b"403", b"200"]
        assert answer.count(b"X-Guard: 1\r\n") == 1 and answer.endswith(b"ok\n")
    assert "guard with a body" not in wire.output()


@pytest.mark.parametrize("asked", [sized("/shut", b"x" * 65537), sized("/shut", b"x" * 5_000_000), sized("/shut", b"x", 5_000_000),
                                   chunked("/shut", *[b"x" * 32768] * 40)], ids=["over", "large", "not-sent", "chunks"])
def test_a_refused_request_with_a_long_body_is_answered_and_closed(asked: bytes, wire: Program) -> None:
    answer = send_raw(wire, asked)
    assert statuses(answer) == [b"403"] and b"X-Guard: 1\r\n" in answer and b"Connection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nshut\n")
    assert ask(wire, "GET", "/healthz")[2] == b"ok\n"


def test_an_upload_that_is_never_read_still_hears_its_answer(wire: Program) -> None:
    """Without lingering the kernel would reset the connection while the client writes, and the answer with it."""
    with socket.create_connection(("127.0.0.1", port_of(wire)), 5) as client:
        client.sendall(sized("/shut", b"", 8_000_000))
        time.sleep(0.2)
        for _ in range(8):
            client.sendall(b"x" * 1_000_000)
        assert client.makefile("rb").read().endswith(b"shut\n")


@pytest.mark.parametrize("path, status", [("/shut", b"403"), ("/guarded/1/echo", b"413")])
def test_who_asks_before_sending_gets_the_final_answer(path: str, status: bytes, wire: Program) -> None:
    assert statuses(send_raw(wire, sized(path, b"", 2, "Expect: 100-continue"))) == [status]


def test_a_guard_bounds_the_body(wire: Program) -> None:
    for fits in (sized("/guarded/5/text/1", b"hello"), chunked("/guarded/5/text/1", b"he", b"llo"), sized("/guarded/0/text/1", b"")):
        assert statuses(send_raw(wire, fits)) == [b"200"]
    assert statuses(send_raw(wire, sized("/guarded/4/echo", b"hello") + HEALTH)) == [b"413", b"200"]
    assert statuses(send_raw(wire, sized("/guarded/4/echo", b"hel", 5_000_000))) == [b"413"]
    assert statuses(send_raw(wire, chunked("/guarded/4/echo", b"he", b"llo") + HEALTH)) == [b"413"]
    answer = send_raw(wire, chunked("/guarded/100000/echo", *[b"x" * 65536] * 3))
    assert statuses(answer) == [b"413"] and b'"status":413' in answer


def test_bodies_of_requests_that_nobody_answers_take_no_memory(servers: Servers) -> None:
    port = free_port()
    rooms = servers.start("rooms", [wire_function("rooms"), f"127.0.0.1:{port}"], lambda: accepts(port), f"http://127.0.0.1:{port}")
    ask(rooms, "GET", "/up")
    before = rooms.peak()
    for path in ("/healthz", "/nowhere", "/bell", "/2015-03-31/functions/nobody/invocations"):
        with ExitStack() as clients:
            for _ in range(20):
                client = clients.enter_context(socket.create_connection(("127.0.0.1", port), 5))
                client.sendall(sized(path, b"x" * 1_000_000, 5_900_000))
                assert re.match(rb"HTTP/1\.1 (403|404|405|501) ", client.recv(100))
    assert rooms.peak() - before < 8_000_000


def in_limits(servers: Servers, limits: str, **env: str) -> Program:
    port = free_port()
    return servers.start("wire", ["bash", "-c", f"{limits}; exec {wire_function('wire')}"], lambda: accepts(port), f"http://127.0.0.1:{port}",
                         {"LC_LISTEN": f"127.0.0.1:{port}", "WIRE_LOG": "error", **env})


@pytest.mark.skipif("SANITIZE" in os.environ, reason="sanitizers need the address space that the test takes away")
def test_bodies_together_take_a_quarter_of_the_memory(servers: Servers) -> None:
    wire = in_limits(servers, "ulimit -v 400000", LC_THREADS="4")
    with ExitStack() as clients:
        sockets = [clients.enter_context(socket.create_connection(("127.0.0.1", port_of(wire)), 5)) for _ in range(40)]
        for client in sockets:
            client.sendall(sized("/bytes/1", b"x" * 5_000_000, 5_900_000))
        answers = [client.recv(1000) for client in sockets[-20:]]
        assert all(answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 1\r\n" in answer for answer in answers)
    assert ask(wire, "GET", "/healthz")[2] == b"ok\n"


# --- crowds


def soon_answers(wire: Program, seconds: float = 10) -> None:
    """A new client, while others hold all places. It takes a second at most; the test leaves time for a busy machine."""
    with socket.create_connection(("127.0.0.1", port_of(wire)), seconds) as client:
        client.sendall(HEALTH)
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def connections(program: Program) -> int:
    """That the server has accepted."""
    where = f"0100007F:{port_of(program):04X}"
    with open("/proc/net/tcp") as table:
        held = [line.split() for line in table]
    return sum(line[1] == where and line[3] != "0A" and line[9] != "0" for line in held)


@pytest.mark.parametrize("descriptors, most", [(64, 16), (300, 86)])
def test_connections_leave_descriptors_for_others(descriptors: int, most: int, servers: Servers) -> None:
    wire = in_limits(servers, f"ulimit -n {descriptors}")
    with ExitStack() as clients:
        for _ in range(most + 20):
            clients.enter_context(socket.create_connection(("127.0.0.1", port_of(wire)), 5))
        # the kernel's table is no snapshot: it may show who made room beside who came in
        until(lambda: 1 <= min(connections(wire) for _ in range(5)) <= most, wire)
        soon_answers(wire)


def test_readers_of_files_leave_descriptors_for_operators(file_store: str, servers: Servers) -> None:
    """Whoever reads slowly holds two: the connection and the package's file."""
    Shop(file_store).publish(apks.original("uiautomator2"))
    port, operators = free_port(), free_port()
    command = f"ulimit -n 300; exec {pakhus_binary()} serve --store {file_store} --listen 127.0.0.1:{port} --admin 127.0.0.1:{operators}"
    serve = servers.start("pakhus", ["bash", "-c", command], lambda: accepts(operators), f"http://127.0.0.1:{operators}")
    with ExitStack() as clients:
        for _ in range(172):
            client = clients.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET /packages/APP/1.0.apk HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.5)
        assert ask(serve, "GET", "/metrics")[0] == 200
    assert "Too many open files" not in serve.output()


@pytest.mark.parametrize("opening", [b"", b"GET /ec", b"GET /echo HTTP/1.1\r\nHost: x\r\n", sized("/bytes/1", b"x", 100), HEALTH],
                         ids=["silent", "half-a-line", "half-a-head", "half-a-body", "idle"])
def test_who_waits_longest_makes_room_at_the_limit(opening: bytes, servers: Servers) -> None:
    wire = in_limits(servers, "ulimit -n 256")
    with ExitStack() as clients:
        for _ in range(200):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port_of(wire)), 5))
            client.sendall(opening)
        time.sleep(0.5)
        for _ in range(3):
            soon_answers(wire)


@pytest.mark.parametrize("opening", [b"", b"GET /ec", b"GET /echo HTTP/1.1\r\nHost: x\r\n", sized("/bytes/1", b"x", 100), HEALTH],
                         ids=["silent", "half-a-line", "half-a-head", "half-a-body", "idle"])
def test_a_crowd_that_leaves_at_once_leaves_no_deaf_server(opening: bytes, servers: Servers) -> None:
    wire = in_limits(servers, "ulimit -n 256")
    for _ in range(3):
        crowd = [socket.create_connection(("127.0.0.1", port_of(wire)), 5) for _ in range(140)]
        for client in crowd:
            client.sendall(opening)
        time.sleep(0.3)
        for client in crowd:
            client.close()
        soon_answers(wire)
    gone(wire)


@pytest.mark.parametrize("target", ["/bytes/3000000", "/stream/3000000"])
def test_who_stops_reading_makes_room_at_the_limit(target: str, servers: Servers) -> None:
    """They would keep their places for 75 s."""
    wire = in_limits(servers, "ulimit -n 256")
    with ExitStack() as clients:
        for _ in range(100):
            client = clients.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port_of(wire)))
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(0.5)
        soon_answers(wire, 50)


def gone(wire: Program) -> None:
    end = time.monotonic() + 60
    while connections(wire) > 0 and time.monotonic() < end:
        time.sleep(0.05)
    assert connections(wire) == 0


@pytest.mark.parametrize("opening", [b"GET /ec", b"GET /echo HTTP/1.1\r\nHost: x\r\n", sized("/bytes/1", b"x", 100), HEALTH],
                         ids=["half-a-line", "half-a-head", "half-a-body", "idle"])
def test_who_left_before_being_accepted_keeps_no_place(opening: bytes, wire: Program) -> None:
    """What was sent and the end of the connection are one event for the server."""
    wire.signal(signal.SIGSTOP)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port_of(wire)), 5) as client:
            client.sendall(opening)
    wire.signal(signal.SIGCONT)
    gone(wire)


def test_an_active_client_is_not_sent_away_for_a_new_one(servers: Servers) -> None:
    wire = in_limits(servers, "ulimit -n 256")
    with ExitStack() as clients:
        active = clients.enter_context(socket.create_connection(("127.0.0.1", port_of(wire)), 20))
        active.sendall(b"GET /sleep/3000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for _ in range(200):
            clients.enter_context(socket.create_connection(("127.0.0.1", port_of(wire)), 5))
        time.sleep(0.3)
        soon_answers(wire)
        assert active.recv(1000).startswith(b"HTTP/1.1 200 ")
