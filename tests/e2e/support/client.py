"""An HTTP client that changes nothing: targets go out as they are written, and no header is added but Host."""

import http.client
import socket
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from support.gateway import Answer

_kept = threading.local()  # connections, by server


class Truncated(Exception):
    """The answer ended before its announced length."""

    def __init__(self, body: bytes):
        super().__init__(f"after {len(body)} bytes")
        self.body = body


def request(url: str, method: str = "GET", headers: Mapping[str, str] | None = None, range: str | None = None,
            follow: bool = False, timeout: float = 60) -> Answer:
    """`range` is the Range header's value. With `follow` a 302 is followed once, as devices do: all headers go along."""
    sent = {**(headers or {}), **({} if range is None else {"Range": range})}
    answer = _exchange(url, method, sent, timeout)
    if not follow or answer.status != 302:
        return answer
    location = answer.header("location")
    assert location, "a redirect that leads nowhere"
    return _exchange(location, method, sent, timeout)


def get(url: str, range: str | None = None, **headers: str) -> Answer:
    """Header names with underscores: get(url, if_range='"x"')."""
    return request(url, headers={name.replace("_", "-"): value for name, value in headers.items()}, range=range)


def slices(size: int, step: int) -> list[str]:
    """The ranges that cover a file, as caches ask for them: whole steps, not clamped at its end."""
    return [f"bytes={at}-{at + step - 1}" for at in range(0, size, step)]


def download(url: str, size: int, step: int = 512 * 1024, follow: bool = True) -> bytes:
    """The whole file by slices; every one must be partial content."""
    parts = []
    for one in slices(size, step):
        answer = request(url, range=one, follow=follow)
        assert answer.status == 206, f"{one}: {answer.status} {answer.body[:300]!r}"
        parts.append(answer.body)
    return b"".join(parts)


def raw(url: str, message: bytes, timeout: float = 20) -> Answer:
    """Sends bytes as they are and reads one answer; status 0 where the server closes without a word."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout) as connection:
        connection.sendall(message)
        response = http.client.HTTPResponse(connection, method=message.split(b" ")[0].decode("latin-1"))
        try:
            response.begin()
            return Answer(response.status, response.getheaders(), response.read())
        except (http.client.BadStatusLine, http.client.IncompleteRead, ConnectionResetError):
            return Answer(0)
        finally:
            response.close()


def _exchange(url: str, method: str, headers: Mapping[str, str], timeout: float) -> Answer:
    parts = urlsplit(url)
    target = url.split("://", 1)[1]
    target = target[target.find("/"):] if "/" in target else "/"
    connections = _kept.__dict__.setdefault("connections", {})
    known = connections.pop(parts.netloc, None)
    if known is not None:
        try:
            return _once(connections, parts.netloc, known, target, method, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            pass  # it had been kept too long
    host = parts.hostname or ""
    address = "127.0.0.1" if host.endswith(".localhost") else host  # which resolvers should know (RFC 6761), and few do
    fresh = http.client.HTTPConnection(address, parts.port or 80, timeout=timeout)
    return _once(connections, parts.netloc, fresh, target, method, headers)


def _once(connections: dict[str, http.client.HTTPConnection], server: str, connection: http.client.HTTPConnection,
          target: str, method: str, headers: Mapping[str, str]) -> Answer:
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": server, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read()
    except http.client.IncompleteRead as error:
        connection.close()
        raise Truncated(error.partial) from error
    except BaseException:
        connection.close()
        raise
    if response.will_close:
        connection.close()
    else:
        connections[server] = connection
    return Answer(response.status, response.getheaders(), body)
