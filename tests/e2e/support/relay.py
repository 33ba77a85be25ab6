"""A TCP proxy, for those that do something to what passes."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Relay:
    """`url` while in use as a context. `transfer` is called on a thread of its own for each direction of each connection."""

    def __init__(self, upstream: str):
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """As a server that died: nobody listens, and what was open is broken off. Repeatable."""
        for one in [self._listening, *self._sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._upstream)
                self._sockets += [client, server]
                threading.Thread(target=self._run, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._run, args=(server, client, True), daemon=True).start()
        except OSError:
            pass

    def _run(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            self.transfer(source, target, answers)

    def transfer(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        """All that comes from `source`: a server's `answers`, or a client's requests."""
        raise NotImplementedError
