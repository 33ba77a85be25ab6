"""A TCP proxy that lets so many bytes of requests through and then stands still, so that a test can strike in mid-upload."""

import socket
import threading

from support.relay import Relay


class Stall(Relay):
    """`stalled` is set once `limit` bytes went by."""

    def __init__(self, upstream: str, limit: int):
        super().__init__(upstream)
        self._left = limit
        self._lock = threading.Lock()
        self.stalled = threading.Event()

    def transfer(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        while data := source.recv(65536):
            if not answers and not self._take(len(data)):
                return  # neither closed nor read: as a network that went away
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def _take(self, length: int) -> bool:
        with self._lock:
            self._left -= length
            if self._left < 0:
                self.stalled.set()
            return self._left >= 0
