"""A subsystem that a scene gathers from: well or badly behaved, as the path says. What it was asked is kept."""

import gzip
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit


@cache
def bomb() -> bytes:
    """64 MiB of zeros."""
    return gzip.compress(bytes(64 << 20), 9)


@dataclass(frozen=True)
class Question:
    target: str
    headers: dict[str, str]  # lower-case names


class Subsystem:
    """Serves on `url` while in use as a context.

        /ok/TEXT  /bytes/N/SEED  /empty  /chunks/TEXT  /typed/TEXT          well-behaved
        /late/MS/TEXT  /sometimes/N/MS/TEXT                                 slow: always, or the first of every N questions
        /status/N  /to/URL  /loop  /round/N                                 statuses, redirects (/round/N: N of them, then "there")
        /long-announced  /short-announced  /no-length  /cut-chunks          lengths that are wrong, or absent
        /drip  /endless  /endless-head  /endless-chunks  /hang  /silent     that never come to an end
        /garbage  /reset  /close  /bomb  /bad-chunks  /lengths/N/M          rubbish
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.questions: list[Question] = []
        self._asked: Counter[str] = Counter()  # by target
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listening.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ending.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def seen(self, start: str) -> list[Question]:
        with self._lock:
            return [question for question in self.questions if question.target.startswith(start)]

    def drop_connections(self) -> None:
        """Those that are kept: closed without a word."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with self._lock:
                    self.connections += 1
                    self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._converse(connection)
        finally:
            with self._lock:
                self._open.discard(connection)

    def _converse(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None and connection.recv(1, socket.MSG_PEEK) == b"\x16":
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")  # as servers greet who comes with TLS
                return
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            reader = connection.makefile("rb")
            while (line := reader.readline()).strip():
                headers: dict[str, str] = {}
                while (header := reader.readline().strip()):
                    name, _, value = header.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                target = ([*line.split(), b"", b""])[1].decode("latin-1")
                with self._lock:
                    number = self._asked[target]
                    self._asked[target] += 1
                    self.questions.append(Question(target, headers))
                if not self._answer(connection, target, number):
                    return

    def _answer(self, connection: socket.socket, target: str, number: int) -> bool:
        """True: the connection may be used again."""
        what, *rest = unquote(urlsplit(target).path).lstrip("/").split("/")
        send = connection.sendall
        match what:
            case "ok":
                send(reply("/".join(rest).encode()))
            case "typed":
                send(reply("/".join(rest).encode(), "Content-Type: text/html; charset=utf-8\r\nSet-Cookie: a=1\r\n"))
            case "bytes":
                send(reply(body_of(int(rest[0]), int(rest[1]))))
            case "empty":
                send(reply(b""))
            case "chunks":
                data = "/".join(rest).encode()
                chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in data)
                send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
            case "late":
                self._ending.wait(int(rest[0]) / 1000)
                send(reply("/".join(rest[1:]).encode()))
            case "sometimes":
                self._ending.wait(int(rest[1]) / 1000 if number % int(rest[0]) == 0 else 0)
                send(reply("/".join(rest[2:]).encode()))
            case "status":
                send(reply(b"no", "", f"{rest[0]} Told"))
            case "to":
                send(reply(b"", f"Location: {unquote(urlsplit(target).path).removeprefix('/to/')}\r\n", "302 Found"))
            case "lengths":
                send(b"HTTP/1.1 200 OK\r\n" + b"".join(f"Content-Length: {length}\r\n".encode() for length in rest) + b"\r\nhello")
            case "loop":
                send(reply(b"", "Location: /loop\r\n", "301 Moved"))
            case "round":
                left = int(rest[0])
                send(reply(b"there") if left == 0 else reply(b"x" * 1000, f"Location: /round/{left - 1}\r\n", "307 Moved"))
            case _:
                return self._misbehave(connection, what)
        return True

    def _misbehave(self, connection: socket.socket, what: str) -> bool:
        send = connection.sendall
        match what:
            case "long-announced":
                send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            case "short-announced":
                send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                return True
            case "no-length":
                send(b"HTTP/1.0 200 OK\r\n\r\nhello</html>\n")
            case "cut-chunks":
                send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            case "bad-chunks":
                send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n")
            case "drip":
                send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                self._forever(lambda: send(b"."), 0.02)
            case "endless":
                send(b"HTTP/1.1 200 OK\r\n\r\n")
                self._forever(lambda: send(bytes(1 << 16)), 0)
            case "endless-chunks":
                send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                self._forever(lambda: send(b"10000\r\n" + bytes(1 << 16) + b"\r\n"), 0)
            case "endless-head":
                send(b"HTTP/1.1 200 OK\r\n")
                self._forever(lambda: send(b"X-More: " + b"x" * 1000 + b"\r\n"), 0)
            case "hang" | "silent":
                if what == "hang":
                    send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
                self._ending.wait(60)
            case "garbage":
                send(bytes(range(256)) * 4)
            case "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            case "bomb":
                send(reply(bomb(), "Content-Encoding: gzip\r\n"))
                return True
        return False

    def _forever(self, act: Callable[[], None], pause: float) -> None:
        while not self._ending.is_set():
            act()
            time.sleep(pause)


def reply(body: bytes, headers: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def body_of(length: int, seed: int) -> bytes:
    """Bytes that tell whose they are, CR, LF and boundaries among them."""
    unit = f"--pakhus-{seed}\r\n\r\n".encode() + bytes((seed + i) % 256 for i in range(256))
    return (unit * (length // len(unit) + 1))[:length]


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """For 127.0.0.1, signed by itself: the file that a client must trust, and the server's context."""
    file, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", file],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return file, context
