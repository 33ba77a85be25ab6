"""A mock of the AWS Lambda Runtime and Extensions API that plays a script and writes down every byte it is sent.

A script is a JSON file:

    {"about":   "what the case shows",
     "events":  [{"id": "1", "body": "text, or any JSON", "headers": {"Lambda-Runtime-Trace-Id": "..."},
                  "deadline_ms": 3000, "after": 0.5}],
     "replies": [{"to": "POST */invocation/1/response", "times": 1, "status": 413, "headers": {}, "body": {}, "delay": 0.2,
                  "drop": "at once | before the answer | within the answer"}],
     "expect":  [{"request": "POST /2018-06-01/runtime/invocation/1/response", "headers": {"Content-Type": "~json", "Trailer": null},
                  "body": "text", "json": {}, "trailers": {}, "complete": true}]}

Each GET of /next takes one event; when there are no more it waits, as the platform does. A reply is used `times` times for
requests that match its pattern ("*" stands for anything), in order of the list; everything else is answered as the
platform would. In `expect` a value "~text" is a regular expression, and null says that the header is absent.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

NEXT = "/2018-06-01/runtime/invocation/next"
Headers = list[tuple[str, str]]


@dataclass
class Recorded:
    """A request as it arrived. `raw` is exactly what was on the wire; `complete` says that it came to its end."""

    connection: int
    method: str = ""
    path: str = ""
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    trailers: Headers = field(default_factory=list)
    raw: bytes = b""
    complete: bool = False
    at: float = field(default_factory=time.monotonic)

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"status":"OK"}'
    delay: float = 0
    drop: str = ""


def load(path: Path) -> dict[str, Any]:
    script: dict[str, Any] = json.loads(path.read_text())
    return script


class FakeRuntime:
    """Serves on a loopback port while in use as a context."""

    def __init__(self, script: dict[str, Any] | None = None):
        self.script = script or {}
        self.requests: list[Recorded] = []
        self.waiting = 0  # requests for /next that are open now
        self.most_waiting = 0
        self._events = list(self.script.get("events", []))
        self._replies = [{"times": 1, **reply} for reply in self.script.get("replies", [])]
        self._shutdown_reason = ""
        self._closed = False
        self._changed = threading.Condition()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "FakeRuntime":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            sockets = [*self._sockets, self._listener]
        for each in sockets:
            _shut(each)

    def environment(self) -> dict[str, str]:
        """What the platform sets for a function, besides its own settings."""
        return {"AWS_LAMBDA_RUNTIME_API": self.address, "AWS_LAMBDA_FUNCTION_NAME": "test", "AWS_REGION": "eu-west-1",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "_HANDLER": "bootstrap", "LAMBDA_TASK_ROOT": "/var/task"}

    def send_event(self, body: object, id: str = "1", **more: object) -> None:
        """One more event for whoever asks /next."""
        with self._changed:
            self._events.append({"id": id, "body": body, **more})
            self._changed.notify_all()

    def shut_down(self, reason: str = "spindown") -> None:
        """Answers extensions that asked for SHUTDOWN events. (The platform's SIGTERM is the test's to send.)"""
        with self._changed:
            self._shutdown_reason = reason
            self._changed.notify_all()

    def seen(self, pattern: str) -> list[Recorded]:
        """The finished requests whose "METHOD /path" matches, such as "POST */response"."""
        with self._changed:
            return [request for request in self.requests if fnmatchcase(request.line, pattern)]

    def wait_for(self, pattern: str, count: int = 1, seconds: float = 60) -> list[Recorded]:
        self.wait_until(lambda: len(self.seen(pattern)) >= count, seconds, f"{count} of {pattern}")
        return self.seen(pattern)

    def wait_until(self, true: Callable[[], bool], seconds: float = 60, what: str = "the condition") -> None:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not in {seconds} s; seen: {[request.line for request in self.requests]}")
            time.sleep(0.005)

    def idle(self, waiting: int = 1) -> bool:
        """All events are handed out, and the runtime is back at /next."""
        return not self._events and self.waiting >= waiting

    def differences(self) -> list[str]:
        """Where the script's `expect` and what came differ; each expectation is looked for after the one before it."""
        found: list[str] = []
        at = 0
        for wanted in self.script.get("expect", []):
            candidates = [number for number in range(at, len(self.requests))
                          if fnmatchcase(self.requests[number].line, wanted["request"])]
            if not candidates:
                found.append(f"missing: {wanted['request']}")
                continue
            at = candidates[0] + 1
            found += [f"{wanted['request']}: {text}" for text in _differences(wanted, self.requests[candidates[0]])]
        return found

    # --- connections

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(connection)
            threading.Thread(target=self._serve, args=(connection, len(self._sockets)), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        file = connection.makefile("rb")
        try:
            while self._exchange(connection, file, number):
                pass
        except OSError:
            pass
        finally:
            _shut(connection)

    def _exchange(self, connection: socket.socket, file: BinaryIO, number: int) -> bool:
        request = Recorded(number)
        tap = _Tap(file, request)
        if not _read_head(tap, request):
            return False
        reply = self._scripted(request)
        if reply and reply.drop == "at once":
            self._record(request)
            return False
        _read_body(tap, request)
        self._record(request)
        if not request.complete:
            return False
        return self._answer(connection, request, reply)

    def _record(self, request: Recorded) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def _answer(self, connection: socket.socket, request: Recorded, scripted: Reply | None) -> bool:
        reply = scripted or self._usual(connection, request)
        if reply is None:
            return False
        time.sleep(reply.delay)
        if reply.drop == "before the answer":
            return False
        data = _packed(reply)
        if reply.drop == "within the answer":
            connection.sendall(data[: len(data) - max(1, len(reply.body) // 2)])
            return False
        connection.sendall(data)
        return (request.header("Connection") or "").lower() != "close"

    # --- what the platform answers

    def _scripted(self, request: Recorded) -> Reply | None:
        with self._changed:
            for each in self._replies:
                if each["times"] > 0 and fnmatchcase(request.line, each["to"]):
                    each["times"] -= 1
                    return Reply(each.get("status", 202), each.get("headers", {}), _bytes(each.get("body", {"status": "OK"})),
                                 each.get("delay", 0), each.get("drop", ""))
        return None

    def _usual(self, connection: socket.socket, request: Recorded) -> Reply | None:
        if request.line == f"GET {NEXT}":
            return self._next(connection)
        if request.line == "POST /2020-01-01/extension/register":
            return Reply(200, {"Lambda-Extension-Identifier": "extension-1"}, b'{"functionName":"test","functionVersion":"$LATEST"}')
        if request.line == "GET /2020-01-01/extension/event/next":
            return self._extension_event(connection)
        if re.fullmatch(r"POST /2018-06-01/runtime/(init/error|invocation/[^/]+/(response|error))", request.line):
            return Reply()
        return Reply(404, {}, b'{"errorMessage":"no such path","errorType":"NotFound"}')

    def _next(self, connection: socket.socket) -> Reply | None:
        with self._changed:
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
            try:
                self._wait_open(connection, lambda: bool(self._events))
                event = None if self._closed or not self._events else self._events.pop(0)
            finally:
                self.waiting -= 1
        if event is None:
            return None
        time.sleep(event.get("after", 0))
        deadline = int(time.time() * 1000) + event.get("deadline_ms", 30_000)
        headers = {"Content-Type": "application/json", "Lambda-Runtime-Aws-Request-Id": event["id"],
                   "Lambda-Runtime-Deadline-Ms": str(deadline),
                   "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:test",
                   **event.get("headers", {})}
        return Reply(200, headers, _bytes(event.get("body", {})))

    def _extension_event(self, connection: socket.socket) -> Reply | None:
        with self._changed:
            self._wait_open(connection, lambda: bool(self._shutdown_reason))
        if self._closed:
            return None
        body = {"eventType": "SHUTDOWN", "shutdownReason": self._shutdown_reason, "deadlineMs": int(time.time() * 1000) + 500}
        return Reply(200, {}, _bytes(body))

    def _wait_open(self, connection: socket.socket, ready: Callable[[], bool]) -> None:
        """Until `ready`, or until the client has gone: an event must not be lost to a connection that is no more."""
        while not (ready() or self._closed or _gone(connection)):
            self._changed.wait(0.05)


class _Tap:
    """Reads, and keeps what was read."""

    def __init__(self, file: BinaryIO, request: Recorded):
        self._file = file
        self._request = request

    def line(self) -> bytes:
        return self._kept(self._file.readline(1 << 20))

    def read(self, length: int) -> bytes:
        return self._kept(self._file.read(length))

    def _kept(self, data: bytes) -> bytes:
        self._request.raw += data
        return data


def _read_head(tap: _Tap, request: Recorded) -> bool:
    parts = tap.line().split()
    if len(parts) != 3:
        return False
    request.method, request.path = parts[0].decode(), parts[1].decode()
    headers = _read_headers(tap)
    request.headers = headers or []
    return headers is not None


def _read_headers(tap: _Tap) -> Headers | None:
    headers: Headers = []
    while (line := tap.line()) not in (b"\r\n", b"\n"):
        if not line.endswith(b"\n"):
            return None
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name, value.strip()))
    return headers


def _read_body(tap: _Tap, request: Recorded) -> None:
    try:
        if (request.header("Transfer-Encoding") or "").lower() == "chunked":
            _read_chunks(tap, request)
        else:
            length = int(request.header("Content-Length") or 0)
            request.body = tap.read(length)
            request.complete = len(request.body) == length
    except ConnectionError:
        pass


def _read_chunks(tap: _Tap, request: Recorded) -> None:
    while (line := tap.line()).endswith(b"\n"):
        length = int(line.split(b";")[0], 16)
        if length == 0:
            trailers = _read_headers(tap)
            request.trailers, request.complete = trailers or [], trailers is not None
            return
        chunk = tap.read(length)
        request.chunks.append(chunk)
        request.body += chunk
        if tap.read(2) != b"\r\n":
            return


def _packed(reply: Reply) -> bytes:
    headers = {"Content-Length": str(len(reply.body)), **reply.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} Status\r\n{lines}\r\n".encode("latin-1") + reply.body


def _bytes(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()


def _gone(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _differences(wanted: dict[str, Any], request: Recorded) -> list[str]:
    found = _header_differences("header", wanted.get("headers", {}), request.headers)
    found += _header_differences("trailer", wanted.get("trailers", {}), request.trailers)
    if "body" in wanted and not _same(wanted["body"], request.body.decode(errors="replace")):
        found.append(f"body is {request.body[:500]!r}")
    if "json" in wanted and request.json() != wanted["json"]:
        found.append(f"body is {request.body[:500]!r}")
    if wanted.get("complete", True) != request.complete:
        found.append(f"complete is {request.complete}")
    return found


def _header_differences(kind: str, wanted: dict[str, str | None], got: Headers) -> list[str]:
    values = {name.lower(): value for name, value in got}
    return [f"{kind} {name} is {values.get(name.lower())!r}, not {value!r}" for name, value in wanted.items()
            if not _same(value, values.get(name.lower()))]


def _same(wanted: str | None, got: str | None) -> bool:
    if wanted is None or got is None:
        return wanted is got
    return re.search(wanted[1:], got, re.S) is not None if wanted.startswith("~") else wanted == got
