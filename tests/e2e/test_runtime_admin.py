"""Who sees metrics and sends events: the admin listener, or whoever has the secret. Coming from this machine opens nothing."""

import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.servers import Program, Servers, accepts, free_port
from support.wire_client import SECRET, admin, ask, port_of, start
from support.wire_functions import wire_function

EVENT = "/2015-03-31/functions/wire/invocations"
REQUESTS = [("GET", "/metrics", None), ("POST", EVENT, b"x"), ("POST", "/invoke", b"x")]


@pytest.fixture
def listener(servers: Servers) -> Iterator[tuple[Program, Program]]:
    """A server without a secret, and the same by its admin listener."""
    port = free_port()
    wire = start(servers, LC_ADMIN_SECRET="", LC_ADMIN=f"127.0.0.1:{port}")
    yield wire, replace(wire, url=f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("method, path, body", REQUESTS)
def test_the_public_port_takes_no_admin_requests(method: str, path: str, body: bytes | None, servers: Servers) -> None:
    wire = start(servers, LC_ADMIN_SECRET="")
    for headers in ({}, {"Host": "localhost"}, {"X-Forwarded-For": "127.0.0.1"}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
        status, answered, problem = ask(wire, method, path, body, headers)
        assert (status, answered["content-type"], answered["cache-control"]) == (403, "application/problem+json", "no-store")
        assert b"ADMIN_SECRET" in problem


@pytest.mark.parametrize("method, path, body", REQUESTS)
def test_a_secret_opens_them(method: str, path: str, body: bytes | None, servers: Servers) -> None:
    wire = start(servers)
    assert admin(wire, method, path, body)[0] == 200
    for given in ({}, {"Authorization": "Bearer open"}, {"Authorization": "Bearer open sesame2"}, {"Authorization": "open sesame"}):
        assert ask(wire, method, path, body, given)[0] == 403


@pytest.mark.parametrize("method, path, body", REQUESTS)
def test_the_listener_takes_them(method: str, path: str, body: bytes | None, listener: tuple[Program, Program]) -> None:
    public, own = listener
    assert ask(own, method, path, body)[0] == 200
    assert ask(public, method, path, body)[0] == 403
    assert ask(own, "GET", "/healthz")[2] == b"ok\n"
    assert ask(own, "GET", "/echo")[0] == 404
    assert ask(public, "GET", "/echo")[0] == 200


@pytest.mark.parametrize("headers, status", [
    ({"Host": "localhost"}, 200), ({"Host": "localhost:9001"}, 200), ({"Host": "LocalHost"}, 200), ({"Host": "127.0.0.1"}, 200), ({"Host": "[::1]:9001"}, 200),
    ({"Host": "10.1.2.3:80"}, 200), ({"Host": "rebound.example"}, 403), ({"Host": "rebound.example:9001"}, 403), ({"Host": "127.0.0.1.evil.example"}, 403),
    ({"Host": ""}, 403), ({"Origin": "http://127.0.0.1:9001"}, 403), ({"Origin": "null"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-origin"}, 403), ({"Sec-Fetch-Site": "none"}, 200)])
def test_web_pages_reach_nothing(headers: dict[str, str], status: int, listener: tuple[Program, Program]) -> None:
    """A page may have a name that points to 127.0.0.1, or send a form there."""
    for method, path, body in REQUESTS:
        assert ask(listener[1], method, path, body, headers)[0] == status


def test_with_a_secret_the_listener_wants_it_too(servers: Servers) -> None:
    port = free_port()
    wire = start(servers, LC_ADMIN=f"127.0.0.1:{port}")
    own = replace(wire, url=f"http://127.0.0.1:{port}")
    assert ask(own, "GET", "/metrics")[0] == 403
    assert admin(own, "GET", "/metrics")[0] == 200
    assert ask(own, "GET", "/metrics", headers={**SECRET, "Host": "pakhus.monitoring.svc"})[0] == 200


def over_unix(path: Path, method: str, target: str, body: bytes = b"") -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(f"{method} {target} HTTP/1.1\r\nHost: any\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return client.makefile("rb").read()


def test_a_unix_socket(tmp_path: Path, servers: Servers) -> None:
    path = tmp_path / "admin.sock"
    wire = start(servers, LC_ADMIN_SECRET="", LC_ADMIN=f"unix:{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"admin listener on unix:{path}" in wire.output()
    assert over_unix(path, "GET", "/metrics").startswith(b"HTTP/1.1 200 ")
    assert over_unix(path, "POST", EVENT, b"x").endswith(b"\r\n\r\nx")
    second = servers.start("wire", [wire_function("wire")], lambda: True, env={"LC_LISTEN": "127.0.0.1:0", "LC_ADMIN": f"unix:{path}"})
    assert second.process.wait(10) == 1 and f"cannot listen on unix:{path}" in second.output()
    assert over_unix(path, "GET", "/healthz").startswith(b"HTTP/1.1 200 ")
    wire.stop()
    assert not path.exists()


def test_a_socket_that_a_killed_server_left(tmp_path: Path, servers: Servers) -> None:
    path = tmp_path / "admin.sock"
    start(servers, LC_ADMIN_SECRET="", LC_ADMIN=f"unix:{path}").kill()
    assert path.exists()
    start(servers, LC_ADMIN_SECRET="", LC_ADMIN=f"unix:{path}")
    assert over_unix(path, "GET", "/metrics").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("address, says", [
    ("0.0.0.0:0", "other machines can reach"), (":0", "other machines can reach"), ("unix:relative", "absolute path"), ("unix:", "absolute path"),
    ("unix:/" + "x" * 108, "absolute path"), ("nowhere", "ADMIN"), ("unix:/no/such/folder/x", "cannot listen on unix:/no/such/folder/x")])
def test_an_address_that_makes_no_sense(address: str, says: str, servers: Servers) -> None:
    wire = servers.start("wire", [wire_function("wire")], lambda: True, env={"LC_LISTEN": "127.0.0.1:0", "LC_ADMIN": address})
    assert wire.process.wait(10) == 1
    assert says in wire.output()


def test_other_machines_may_reach_it_with_a_secret(servers: Servers) -> None:
    port = free_port()
    wire = start(servers, LC_ADMIN=f"0.0.0.0:{port}")
    assert admin(replace(wire, url=f"http://127.0.0.1:{port}"), "GET", "/metrics")[0] == 200


def test_a_crowd_on_the_public_port_leaves_the_listener_free(servers: Servers) -> None:
    public, port = free_port(), free_port()
    where = {"LC_LISTEN": f"127.0.0.1:{public}", "LC_ADMIN": f"127.0.0.1:{port}"}
    wire = servers.start("wire", ["bash", "-c", f"ulimit -n 256; exec {wire_function('wire')}"], lambda: accepts(public), f"http://127.0.0.1:{public}", where)
    crowd = [socket.create_connection(("127.0.0.1", port_of(wire)), 5) for _ in range(200)]
    assert ask(replace(wire, url=f"http://127.0.0.1:{port}"), "GET", "/metrics")[0] == 200
    for client in crowd:
        client.close()
