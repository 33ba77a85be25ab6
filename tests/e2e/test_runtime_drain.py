"""SIGTERM while one exchange does not end: everybody else's counts are stored, and the exit code says so."""

import json
import select
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import apks
from support.demand import cells
from support.servers import Servers, port_of
from support.shop import Shop


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A subsystem that listens and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield listener


def wait_until_asked(listener: socket.socket) -> None:
    assert select.select([listener], [], [], 60)[0]


def stored(store: Path) -> int:
    """Queries that are counted in the store."""
    live = [path for path in store.glob("demand/live/**/*") if path.is_file()]
    return sum(hits + misses for path in live for _, _, _, hits, misses in cells(path.read_text()))


def stuck_exchange(kind: str, silent: socket.socket) -> bytes:
    port = silent.getsockname()[1]
    question = json.dumps({"resources": [{"id": name, "address": f"http://127.0.0.1:{port}/{name}"} for name in "ab"], "deadline": "30s"}).encode()
    return {
        "none": b"",
        "gather": b"POST /gather HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nAccept: application/json\r\n\r\n%s" % (len(question), question),
        "slow-reader": b"GET /packages/APP/1.0.apk HTTP/1.1\r\nHost: x\r\n\r\n",
        "slow-body": b"POST /query/result HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    }[kind]


@pytest.mark.parametrize("kind", ["none", "gather", "slow-reader", "slow-body"])
def test_an_exchange_that_does_not_end_costs_no_counts(kind: str, tmp_path: Path, silent: socket.socket, servers: Servers) -> None:
    shop = Shop(f"file://{tmp_path}/store")
    shop.publish(apks.made("v2"))
    server = shop.program(servers, "--redirect", "never", "--gather-allow", "127.0.0.1", "--flush", "1h")
    for _ in range(20):
        urllib.request.urlopen(f"{server.url}/query?app=APP&ip=10.0.0.7&mask=24").read()
    with ExitStack() as clients:
        client = clients.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port_of(server.url)))
        client.sendall(stuck_exchange(kind, silent))
        if kind == "gather":
            wait_until_asked(silent)
        elif kind == "slow-reader":
            client.recv(1, socket.MSG_PEEK)
        else:
            time.sleep(0.5)  # half a request leaves no trace; should it come later, it is refused
        server.signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    assert stored(tmp_path / "store") == 20


def test_counts_are_stored_at_once_not_after_the_grace(tmp_path: Path, silent: socket.socket, servers: Servers) -> None:
    """Who stops a container may give it less time than a slow exchange takes."""
    shop = Shop(f"file://{tmp_path}/store")
    shop.publish(apks.made("v2"))
    server = shop.program(servers, "--gather-allow", "127.0.0.1", "--flush", "1h")
    urllib.request.urlopen(f"{server.url}/query?app=APP&ip=10.0.0.7&mask=24").read()
    with socket.create_connection(("127.0.0.1", port_of(server.url))) as client:
        client.sendall(stuck_exchange("gather", silent))
        wait_until_asked(silent)
        server.signal(signal.SIGTERM)
        end = time.monotonic() + 8
        while not stored(tmp_path / "store") and time.monotonic() < end:
            time.sleep(0.05)
        assert stored(tmp_path / "store") == 1
        server.kill()


def test_a_gather_that_waits_is_answered_with_what_there_is(tmp_path: Path, silent: socket.socket, servers: Servers) -> None:
    server = Shop(f"file://{tmp_path}").program(servers, "--gather-allow", "127.0.0.1")
    with socket.create_connection(("127.0.0.1", port_of(server.url)), 30) as client:
        client.sendall(stuck_exchange("gather", silent))
        wait_until_asked(silent)
        server.signal(signal.SIGTERM)
        head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ") and b"Connection: close" in head
        assert [missing["reason"] for missing in json.loads(body)["missing"]] == ["timeout", "timeout"]
    assert server.process.wait(30) == 0
