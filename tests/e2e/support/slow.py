"""A TCP proxy that, while `on`, lets answers crawl."""

import socket
import time

from support.relay import Relay

_PAUSE = 0.02


class Slow(Relay):
    """So many bytes a second on each connection. (nginx's limit_rate slows nothing where it does not buffer.)"""

    def __init__(self, upstream: str, rate: int):
        super().__init__(upstream)
        self._piece = max(1, int(rate * _PAUSE))
        self.on = False

    def transfer(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        while data := source.recv(self._piece if answers and self.on else 65536):
            if answers and self.on:
                time.sleep(_PAUSE)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
