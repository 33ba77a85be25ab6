"""Ports for servers that tests start: no two processes on this machine are given the same one, so that tests can run in parallel.

Each process claims a block of ports and keeps it for as long as it lives: it listens on the first port of the block, which only one process
can. Blocks lie below the ports that the kernel picks for outgoing connections, which could otherwise take a port before its server does.
"""

import errno
import os
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle

_SIZE = 250
_FIRST, _END = 10_000, 32_750


def free_port() -> int:
    """A port that nobody listens on. It comes back only after all others of the block, so that one may also be left closed on purpose."""
    ports = _ports(os.getpid())
    return next(port for port, _ in zip(ports, range(_SIZE)) if _listening(port, keep=False))


@cache
def _ports(process: int) -> Iterator[int]:
    """Of `process`: a child that was forked claims a block of its own."""
    blocks = range(_FIRST, _END - _SIZE + 1, _SIZE)
    first = next(block for block in blocks if _listening(block, keep=True))
    return cycle(range(first + 1, first + _SIZE))


_kept: list[socket.socket] = []


def _listening(port: int, keep: bool) -> bool:
    """Whether we could listen there; on all addresses, since some servers do."""
    probe = socket.socket()
    try:
        probe.bind(("", port))
        probe.listen()
    except OSError as error:
        probe.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    if keep:
        _kept.append(probe)
    else:
        probe.close()
    return True
