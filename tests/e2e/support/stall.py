"""A TCP proxy that lets so many bytes of requests through and then stands still, so that a test can strike in mid-upload."""

import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit


class Stall:
    """`url` while in use as a context; `stalled` is set once `limit` bytes went by."""

    def __init__(self, upstream: str, limit: int):
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._left = limit
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.stalled = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> "Stall":
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
                threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()
        except OSError:
            pass

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(65536):
                if counted and not self._take(len(data)):
                    return  # neither closed nor read: as a network that went away
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _take(self, length: int) -> bool:
        with self._lock:
            self._left -= length
            if self._left < 0:
                self.stalled.set()
            return self._left >= 0
