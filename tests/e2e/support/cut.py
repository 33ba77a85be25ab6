"""A TCP proxy that, while `on`, breaks connections off after so many bytes of answers."""

import socket

from support.relay import Relay


class Cut(Relay):
    def __init__(self, upstream: str, limit: int):
        super().__init__(upstream)
        self._limit = limit
        self.on = False
        self.count = 0  # of those that were broken off

    def transfer(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        count = 0
        while data := source.recv(65536):
            count += len(data)
            if answers and self.on and count > self._limit:
                self.count += 1
                break
            target.sendall(data)
        for one in (source, target):
            one.shutdown(socket.SHUT_RDWR)
