"""A small DNS server on loopback (RFC 1035): addresses of the names it is told, NXDOMAIN for all others."""

import random
import socket
import struct
import threading
from collections.abc import Mapping
from types import TracebackType

_A, _INTERNET, _NXDOMAIN = 1, 1, 3


def _bind(server: socket.socket) -> str:
    """To one of loopback's many addresses, so that none is in another's way."""
    while True:
        address = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        try:
            server.bind((address, 53))
            return address
        except PermissionError:
            raise
        except OSError:
            continue


class Dns:
    """Serves while in use as a context, at port 53, since a resolv.conf knows no other: PermissionError where that takes more rights.
    `asked` has the names that were looked up."""

    def __init__(self, addresses: Mapping[str, str]):
        self.addresses = {name.lower(): address for name, address in addresses.items()}
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._address = _bind(self._socket)
        self._socket.settimeout(0.1)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Dns":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def resolv_conf(self) -> str:
        return f"nameserver {self._address}\n"

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                query, client = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, _ = struct.unpack_from("!HH", query, at + 1)
        name = ".".join(labels).lower()
        self.asked.append(name)
        address = self.addresses.get(name)
        answers = [socket.inet_aton(address)] if address and kind == _A else []
        flags = 0x8180 | (0 if address else _NXDOMAIN)
        head = query[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0)
        records = [struct.pack("!HHHIH", 0xC00C, _A, _INTERNET, 60, 4) + data for data in answers]
        return head + query[12 : at + 5] + b"".join(records)
