"""The functions of tests/wire/functions as servers, and raw requests to them."""

import http.client
import socket
import time

from support.servers import Program, Servers, accepts, free_port
from support.wire_functions import wire_function

SECRET = {"Authorization": "Bearer open sesame"}  # for the metrics, and for events
Answer = tuple[int, dict[str, str], bytes]


def start(servers: Servers, *arguments: str, name: str = "wire", **env: str) -> Program:
    port = free_port()
    where = {"LC_LISTEN": f"127.0.0.1:{port}"}
    return servers.start(name, [wire_function(name), *arguments], lambda: accepts(port), f"http://127.0.0.1:{port}",
                         {"WIRE_TELL": "1", "LC_ADMIN_SECRET": "open sesame", **where, **env})


def port_of(program: Program) -> int:
    return int(program.url.rsplit(":", 1)[1])


def admin(program: Program, method: str, target: str, body: bytes | None = None) -> Answer:
    return ask(program, method, target, body, SECRET)


def ask(program: Program, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(program), timeout=10)
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def send_raw(program: Program, data: bytes, seconds: float = 5) -> bytes:
    """What comes back until the server closes, or is silent."""
    with socket.create_connection(("127.0.0.1", port_of(program)), seconds) as connection:
        connection.sendall(data)
        received = b""
        connection.settimeout(0.5)
        try:
            while piece := connection.recv(65536):
                received += piece
        except TimeoutError:
            pass
        return received


def pattern(length: int) -> bytes:
    return bytes(i % 251 for i in range(length))


def log_lines(program: Program, count: int) -> list[str]:
    """The access log, once it has so many lines: they are written when an answer is complete."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        lines = [line for line in program.output().splitlines() if " method=" in line]
        if len(lines) >= count:
            return lines
        time.sleep(0.01)
    raise AssertionError(program.output())


def wait_for_output(program: Program, text: str, count: int) -> None:
    end = time.monotonic() + 5
    while program.output().count(text) < count and time.monotonic() < end:
        time.sleep(0.02)
    assert program.output().count(text) == count
