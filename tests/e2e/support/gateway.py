"""An HTTP front door that counts: what a platform puts between the world and a function."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

Headers = list[tuple[str, str]]


@dataclass
class Answer:
    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Gateway:
    """Serves on `url` while in use as a context. `requests` counts what came, `bytes_out` the bytes of the answers' bodies."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes_out = 0
        self._count = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        raise NotImplementedError

    def count(self, length: int) -> None:
        with self._count:
            self.requests += 1
            self.bytes_out += length

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = gateway.answer(self.command, self.path, list(self.headers.items()), body)
            length = answer.header("content-length") if self.command == "HEAD" else None
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            if answer.status not in (204, 304):
                self.send_header("Content-Length", length or str(len(answer.body)))
            self.end_headers()
            sent = b"" if self.command == "HEAD" or answer.status in (204, 304) else answer.body
            self.wfile.write(sent)
            gateway.count(len(sent))

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = pass_on

        def log_message(self, *_: object) -> None:
            pass

    return Handler
