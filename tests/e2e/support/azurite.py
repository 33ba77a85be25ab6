"""Azurite, which speaks Azure Blob Storage's interface, on a free port, in memory; and requests that are signed here by what the
REST reference says, and not by the product's own code."""

import base64
import hmac
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import parse_qsl, quote, urlsplit

import requests

from support.cache import fetched
from support.servers import Program, Servers, accepts, free_port

ACCOUNT = "devstoreaccount1"
KEY = base64.b64encode(b"a key of the tests, of no use elsewhere").decode()
VERSION = "2021-12-02"
_SIGNED = ("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date", "if-modified-since", "if-match",
           "if-none-match", "if-unmodified-since", "range")


def text_to_sign(account: str, method: str, url: str, headers: dict[str, str]) -> str:
    """"Authorize with Shared Key" of the REST reference. Names of headers in lower case."""
    parts = urlsplit(url)
    standard = ["" if (name, headers.get(name)) == ("content-length", "0") else headers.get(name, "") for name in _SIGNED]
    own = [f"{name}:{value.strip()}" for name, value in sorted(headers.items()) if name.startswith("x-ms-")]
    query = [f"{name}:{value}" for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True))]
    return "\n".join([method, *standard, *own, "/" + account + parts.path, *query])


def signature(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), "sha256")).decode()


@dataclass
class Azurite(Program):
    account: str
    key: str

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> requests.Response:
        """`path` behind the account, percent-encoded, with its query."""
        url = f"{self.url}/{self.account}/{path}"
        sent = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION, **(headers or {})}
        if body or method == "PUT":
            sent["content-length"] = str(len(body))
        sent["authorization"] = f"SharedKey {self.account}:{signature(self.key, text_to_sign(self.account, method, url, sent))}"
        with requests.Session() as session:
            session.trust_env = False
            return session.send(session.prepare_request(requests.Request(method, url, sent, data=body)))

    def bucket(self, name: str) -> str:
        """Makes a container."""
        self.request("PUT", f"{name}?restype=container").raise_for_status()
        return name

    def store(self, container: str, prefix: str = "", endpoint: str = "") -> str:
        return f"azure://{container}/{prefix}?account={self.account}&endpoint={quote(endpoint or self.url, safe=':/')}/{self.account}"

    def read(self, container: str, key: str) -> tuple[bytes, str]:
        answer = self.request("GET", f"{container}/{quote(key)}")
        answer.raise_for_status()
        return answer.content, answer.headers["etag"]

    def credentials(self) -> dict[str, str]:
        return {"AZURE_STORAGE_KEY": self.key}


def start(servers: Servers) -> Azurite:
    port = free_port()
    program = servers.start("azurite", [fetched("azurite"), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent",
                                        "--disableTelemetry", "--inMemoryPersistence", "--extentMemoryLimit", "2048"],
                            lambda: accepts(port), f"http://127.0.0.1:{port}", {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"})
    return servers.replace(program, Azurite(**vars(program), account=ACCOUNT, key=KEY))
