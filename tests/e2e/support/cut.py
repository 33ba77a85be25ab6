"""A TCP proxy that, while `on`, breaks connections off after so many bytes of answers."""

import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit


class Cut:
    """`url` while in use as a context."""

    def __init__(self, upstream: str, limit: int):
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._limit = limit
        self.on = False
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> "Cut":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for one in [self._listening, *self._sockets]:
            one.close()

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._upstream)
                self._sockets += [client, server]
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()
        except OSError:
            pass

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        count = 0
        try:
            while data := source.recv(65536):
                count += len(data)
                if answers and self.on and count > self._limit:
                    break
                target.sendall(data)
            for one in (source, target):
                one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
