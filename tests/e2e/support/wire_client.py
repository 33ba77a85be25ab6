"""The functions of tests/wire/functions as servers, and raw requests to them."""

import http.client
import re
import socket
import time
from collections.abc import Callable

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


def send_raw(program: Program, data: bytes, seconds: float = 60) -> bytes:
    """What comes back until the server closes, or, once it has begun to answer, is silent."""
    with socket.create_connection(("127.0.0.1", port_of(program)), seconds) as connection:
        connection.sendall(data)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
                connection.settimeout(0.5)
        except TimeoutError:
            pass
        return received


def pattern(length: int) -> bytes:
    return bytes(i % 251 for i in range(length))


def until(is_so: Callable[[], bool], program: Program, seconds: float = 60) -> None:
    """Waits for it; `program` is what should bring it about."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, program.output()
        time.sleep(0.02)


def log_lines(program: Program, count: int) -> list[str]:
    """The access log, once it has so many lines: they are written when an answer is complete."""
    def lines() -> list[str]:
        return [line for line in program.output().splitlines() if " method=" in line]

    until(lambda: len(lines()) >= count, program)
    return lines()


def wait_for_output(program: Program, text: str, count: int) -> None:
    until(lambda: program.output().count(text) >= count, program)
    assert program.output().count(text) == count


def calls(program: Program) -> int:
    """That run now, by the metrics."""
    text = admin(program, "GET", "/metrics")[2].decode()
    return sum(int(count) for count in re.findall(r"^lc_in_flight\{.*\} (\d+)$", text, re.M))
