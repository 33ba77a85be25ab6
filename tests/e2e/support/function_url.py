"""A small Function URL: HTTP on one side, payload 2.0 events for a function under the runtime emulator on the other."""

import base64
import json
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from support.gateway import Answer, Gateway, Headers


class FunctionUrl(Gateway):
    """`emulator_url` is the url of `Servers.emulator`."""

    def __init__(self, emulator_url: str, client_address: str = "203.0.113.9"):
        super().__init__()
        self.emulator_url = emulator_url
        self.client_address = client_address
        self._one_at_a_time = threading.Lock()  # all that the emulator can do

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        return unwrapped(self.invoke(event(method, target, headers, body, self.client_address)))

    def invoke(self, made: object) -> Any:
        """Hands any event to the function; returns what it answered, parsed."""
        request = urllib.request.Request(self.emulator_url, json.dumps(made).encode(), method="POST")
        with self._one_at_a_time, urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read())


def unwrapped(answer: dict[str, Any]) -> Answer:
    if "errorType" in answer:
        return Answer(502, [("content-type", "application/json")], b'{"message":"Internal Server Error"}')
    if "statusCode" not in answer:
        return Answer(200, [("content-type", "application/json")], json.dumps(answer).encode())
    text = answer.get("body") or ""
    headers = [(name, str(value)) for name, value in (answer.get("headers") or {}).items()]
    headers += [(name, str(value)) for name, values in (answer.get("multiValueHeaders") or {}).items() for value in values]
    headers += [("set-cookie", cookie) for cookie in answer.get("cookies") or []]
    return Answer(int(answer["statusCode"]), headers, base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode())


def event(method: str, target: str, headers: Headers, body: bytes, client_address: str) -> dict[str, Any]:
    """Payload format 2.0: repeated headers and query values are joined by commas, cookies stand apart."""
    path, _, query = target.partition("?")
    joined = _joined((name.lower(), value) for name, value in headers if name.lower() != "cookie")
    cookies = [part.strip() for name, value in headers if name.lower() == "cookie" for part in value.split(";")]
    made: dict[str, Any] = {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": joined,
        "requestContext": _context(method, path, joined, client_address), "isBase64Encoded": bool(body)}
    if cookies:
        made["cookies"] = cookies
    if query:
        made["queryStringParameters"] = _joined(parse_qsl(query, keep_blank_values=True))
    if body:
        made["body"] = base64.b64encode(body).decode()
    return made


def _context(method: str, path: str, headers: dict[str, str], client_address: str) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": "anonymous", "apiId": "test", "domainName": headers.get("host", ""), "domainPrefix": "test",
        "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": client_address,
                 "userAgent": headers.get("user-agent", "")},
        "requestId": str(uuid.uuid4()), "routeKey": "$default", "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)), "timeEpoch": int(now * 1000)}


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined
