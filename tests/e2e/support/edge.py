"""The whole chain on one machine, with a counter at every joint:

    client → nginx (three stages) → recorder → function, on one of its hosts → recorder → MinIO
                                └────────────────────────────────────────────┘  redirects
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from support import client, links, shop
from support.fc import FunctionCompute
from support.function_url import FunctionUrl
from support.gateway import Answer, Gateway
from support.servers import Minio, Nginx, Seen, Servers, bootstrap
from support.shop import Shop

FUNCTION = "channel-range-splice"
HOSTS = ["serve", "port", "function-compute", "lambda"]


@dataclass
class Edge:
    store: Shop  # for the commands: not through the recorder
    cdn: Nginx
    function: Nginx  # what the function is asked, and answers
    storage: Nginx  # what the store is asked, by the function and by the follower
    direct: str  # the function's URL, past the CDN

    def forget(self) -> None:
        self.function.forget()
        self.storage.forget()

    def asked(self) -> list[Seen]:
        return self.function.requests()

    def base_reads(self) -> list[Seen]:
        return [one for one in self.storage.requests() if shop.is_base(urlsplit(one.uri).path)]

    def ask(self, target: str, method: str = "GET", range: str | None = None, **headers: str) -> Answer:
        return client.request(self.cdn.url + target, method, {name.replace("_", "-"): value for name, value in headers.items()}, range)

    def entries(self, zone: str) -> "list[Entry]":
        return entries(self.cdn.prefix / zone)


@dataclass(frozen=True)
class Entry:
    """One file of an nginx cache."""

    key: str
    status: int
    headers: dict[str, str]
    bytes: int  # of the file


def entries(folder: Path) -> list[Entry]:
    """Header of nginx's own, "\\nKEY: ...\\n", the answer as it came."""
    found = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.suffix:
            continue
        whole = path.read_bytes()[:65536]
        start = whole.index(b"\nKEY: ") + 6
        end = whole.index(b"\n", start)
        head = whole[end + 1 :].split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:])}
        found.append(Entry(whole[start:end].decode("latin-1"), int(head[0].split()[1]), headers, path.stat().st_size))
    return found


def edge(minio: Minio, bucket: str, servers: Servers, stack: ExitStack, host: str = "serve", secret: str = "",
         settings: dict[str, str] | None = None, replaced: dict[str, str] | None = None, before: str = "") -> Edge:
    """`replaced` changes words of the CDN's configuration; `before` are directives of the recorder in front of the store."""
    storage = servers.recorder(minio.url, before)
    through = shop.minio_shop(minio, bucket, endpoint=storage.url)
    env = {**through.env, "PAKHUS_STORE": through.store, "PAKHUS_URL_KEYS": links.KEYS, **(settings or {})}
    if secret:
        env["PAKHUS_ORIGIN_SECRET"] = secret
    front = _HOSTS[host](servers, env, stack)
    function = servers.recorder(front)
    cdn = servers.cdn(function.url, secret, replaced=replaced)
    return Edge(shop.minio_shop(minio, bucket), cdn, function, storage, front)


def _serve(servers: Servers, env: dict[str, str], _: ExitStack) -> str:
    return servers.pakhus(env["PAKHUS_STORE"], env=env).url


def _port(servers: Servers, env: dict[str, str], _: ExitStack) -> str:
    return servers.function(FUNCTION, env).url


def _function_compute(servers: Servers, env: dict[str, str], stack: ExitStack) -> str:
    """The store's keys come with every request, as the platform lends them."""
    lent = {"id": env["AWS_ACCESS_KEY_ID"], "secret": env["AWS_SECRET_ACCESS_KEY"]}
    own = {name: value for name, value in env.items() if not name.startswith("AWS_")}
    return _entered(stack, FunctionCompute(servers.function(FUNCTION, own, host="fc").url, lent))


def _lambda(servers: Servers, env: dict[str, str], stack: ExitStack) -> str:
    return _entered(stack, FunctionUrl(servers.emulator(bootstrap(FUNCTION), env).url))


def _entered(stack: ExitStack, gateway: Gateway) -> str:
    entered: AbstractContextManager[Gateway] = gateway
    return stack.enter_context(entered).url


_HOSTS: dict[str, Callable[[Servers, dict[str, str], ExitStack], str]] = {
    "serve": _serve, "port": _port, "function-compute": _function_compute, "lambda": _lambda}
