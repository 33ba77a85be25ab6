"""Alibaba Function Compute's part towards a custom runtime: probes, control paths, HTTP triggers passed through."""

import http.client
import socket
import struct
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from support.gateway import Answer, Gateway, Headers

_IGNORED = {"connection", "content-length", "date", "keep-alive", "server"}
_HEADER_LIMIT = 8 * 1024


class FunctionCompute(Gateway):
    """In front of the function at `function_url`; as a gateway it passes HTTP triggers through."""

    def __init__(self, function_url: str, credentials: Mapping[str, str] | None = None, timeout: int = 60):
        """`credentials`: id, secret, token, sent as x-fc-access-key-id, x-fc-access-key-secret and x-fc-security-token. `timeout`: the
        function's, in seconds."""
        super().__init__()
        parts = urlsplit(function_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self.credentials = dict(credentials or {})
        self.timeout = timeout

    def probe(self, reset: bool = True) -> None:
        """Connects and disconnects without a word, as the platform does to see that the port is open."""
        probe = socket.create_connection((self._host, self._port), 5)
        if reset:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        probe.close()

    def initialize(self) -> Answer:
        return self.send("POST", "/initialize", self.headers("/initialize"))

    def invoke(self, event: bytes, request_id: str | None = None) -> Answer:
        headers = [*self.headers("/invoke", request_id), ("Content-Type", "application/octet-stream")]
        return self.send("POST", "/invoke", headers, event)

    def pre_stop(self) -> Answer:
        return self.send("GET", "/pre-stop", self.headers("/pre-stop"))

    def pre_freeze(self) -> Answer:
        return self.send("GET", "/pre-freeze", self.headers("/pre-freeze"))

    def http(self, method: str, target: str, headers: Headers | None = None, body: bytes = b"") -> Answer:
        """A request by an HTTP trigger; the answer is what the platform lets through."""
        return filtered(self.send(method, target, (headers or []) + self.headers("/http-invoke"), body))

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        # only the platform says x-fc-: what a client sends under such a name goes no further
        own = [(name, value) for name, value in headers if not name.lower().startswith("x-fc-")
               and name.lower() not in ("connection", "content-length")]
        return self.http(method, target, own, body)

    def headers(self, control_path: str, request_id: str | None = None) -> Headers:
        made = {
            "x-fc-request-id": request_id or str(uuid.uuid4()), "x-fc-control-path": control_path,
            "x-fc-function-name": "test", "x-fc-function-handler": "index.handler", "x-fc-function-memory": "512",
            "x-fc-function-timeout": str(self.timeout), "x-fc-region": "cn-hangzhou", "x-fc-account-id": "1", "x-fc-qualifier": "LATEST",
            "x-fc-version-id": "", "x-fc-service-logproject": "", "x-fc-service-logstore": ""}
        names = {"id": "x-fc-access-key-id", "secret": "x-fc-access-key-secret", "token": "x-fc-security-token"}
        made.update({names[key]: value for key, value in self.credentials.items()})
        return list(made.items())

    def send(self, method: str, target: str, headers: Headers, body: bytes = b"") -> Answer:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
        try:
            given = {name.lower() for name, _ in headers}
            connection.putrequest(method, target, skip_host="host" in given, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if body or method in ("POST", "PUT"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()


def filtered(answer: Answer) -> Answer:
    if sum(len(name) + len(value) for name, value in answer.headers) > _HEADER_LIMIT:
        return Answer(502)
    length = [("content-length", value) for name, value in answer.headers if name.lower() == "content-length"]
    kept = [(name, value) for name, value in answer.headers if not _dropped(name.lower(), value)]
    return Answer(answer.status, kept + length, answer.body)  # the platform writes a content-length of its own


def _dropped(name: str, value: str) -> bool:
    attachment = name == "content-disposition" and value.lower().startswith("attachment")
    return name in _IGNORED or name.startswith("x-fc-") or attachment


class CustomDomain(Gateway):
    """A name of one's own for several functions, by the request's path: what a route says without '*' goes before, then the longest one."""

    def __init__(self, routes: Mapping[str, FunctionCompute]):
        super().__init__()
        self.routes = dict(routes)

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        path = target.partition("?")[0]
        matching = [route for route in self.routes if route == path or (route.endswith("*") and path.startswith(route[:-1]))]
        if not matching:
            return Answer(404)
        chosen = max(matching, key=lambda route: (not route.endswith("*"), len(route)))
        return self.routes[chosen].answer(method, target, headers, body)
