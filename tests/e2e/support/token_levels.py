"""Two levels of caches in front of MinIO, that verify with nginx's module, with nginx and the function, or with Varnish and the function."""

import base64
import hashlib
import http.client
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.cache import ROOT
from support.cut import Cut
from support.servers import Minio, Nginx, Program, Servers, Varnish, free_port

HOST = "cdn.example"

# The clock of nginx and of the function, moved by the seconds that stand in a file.
_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
static const volatile long *offset(void)
{
    static const long *mapped;
    if (mapped) return mapped;
    int fd = open(getenv("TEST_CLOCK"), O_RDONLY);
    return mapped = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
}
int clock_gettime(clockid_t id, struct timespec *t)
{
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, t);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) t->tv_sec += *offset();
    return result;
}
int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    int (*real)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int result = real(t, zone);
    t->tv_sec += *offset();
    return result;
}
time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out) *out = t.tv_sec;
    return t.tv_sec;
}
"""


@dataclass
class Clock:
    file: Path

    def move(self, seconds: int) -> None:
        with open(self.file, "r+b") as file:
            file.write(seconds.to_bytes(8, "little"))


@pytest.fixture(scope="session")
def clock_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clock")
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(_CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture
def clock(tmp_path: Path, minio: Minio, clock_library: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    file = tmp_path / "clock"
    file.write_bytes(bytes(8))
    monkeypatch.setenv("LD_PRELOAD", str(clock_library))
    monkeypatch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0")  # AddressSanitizer wants to be the first, and need not
    monkeypatch.setenv("TEST_CLOCK", str(file))
    return Clock(file)


@dataclass
class Answer:
    status: int
    body: bytes
    cache: str
    action: str
    reason: str


def ask(node: Program, target: str, method: str = "GET", host: str = HOST) -> Answer:
    connection = http.client.HTTPConnection(node.url.removeprefix("http://"), timeout=20)
    connection.request(method, target, headers={"Host": host})
    response = connection.getresponse()
    answer = Answer(response.status, response.read(), response.headers.get("X-Cache-Status", ""),
                    response.headers.get("Pakhus-Action", ""), response.headers.get("Pakhus-Reason", ""))
    connection.close()
    return answer


def send(node: Program, method: str, target: str, body: bytes | None = None, /, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(node.url.removeprefix("http://"), timeout=20)
    connection.request(method, target, body, {"Host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}})
    response = connection.getresponse()
    answer = response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
    connection.close()
    return answer


@dataclass
class Levels:
    how: str
    servers: Servers
    minio: Minio
    bucket: str
    run_pakhus: Callable[..., Any]
    recorder: Nginx
    cut: Cut  # between the second level and the recorder
    function: Program | None
    start_function: Callable[[int, Mapping[str, str]], Program]
    start_node: Callable[..., Nginx | Varnish]
    env: dict[str, str]
    second: Nginx | Varnish
    nodes: list[Nginx | Varnish]
    keys: Path  # the module's

    def put(self, key: str, body: bytes) -> None:
        self.minio.client().put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="text/plain")

    def sign(self, key: str, *options: str) -> str:
        done = self.run_pakhus("token", "sign", f"https://{HOST}/{key}", "--store", self.minio.store(self.bucket),
                               *options, env={**self.env, **self.minio.credentials()})
        url: str = done.stdout.strip()
        return url.removeprefix(f"https://{HOST}")

    def fetched(self) -> list[str]:
        """What the origin has been asked for since the last call; none of it has a token."""
        uris = [seen.uri.removeprefix(f"/{self.bucket}") for seen in self.recorder.requests()]
        self.recorder.forget()
        assert not [uri for uri in uris if "pkt" in uri or re.search("[0-9a-f]{64}", uri)]
        return uris


def policy(bucket: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]},
                      "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}]})


def started(servers: Servers, how: str, level: str, values: Mapping[str, str], module: Path, zone: str,
            on_evict: str = "keep") -> "Nginx | Varnish":
    """One node; `values` are what its template wants to be filled in, `zone` and `on_evict` are the module's for its hit table."""
    name = "varnish/token.vcl" if how == "varnish" else f"nginx/token-{level}-{how}.conf"
    template = (ROOT / f"cdn/{name}.template").read_text().replace("pakhus_hits:16m", f"pakhus_hits:{zone}")
    template = template.replace("pakhus_token_on_evict keep", f"pakhus_token_on_evict {on_evict}")
    filled = re.sub(r"\$\{PAKHUS_(?:NGINX|VARNISH)_(\w+)\}", lambda match: values[match.group(1)], template)
    if how == "varnish":
        return servers.varnish(filled)
    return servers.nginx(filled, workers=2, modules=[module] if how == "module" else [])


# The origin tells the digest of what is called so, whatever it holds, and refuses what is called so.
_ORIGIN = """
if ($uri ~ forbidden) { return 403; }
set $digest "";
if ($uri ~ digest) { set $digest "sha-256=:%s:"; }
add_header Repr-Digest $digest;
""" % base64.b64encode(hashlib.sha256(b"two!").digest()).decode()


@pytest.fixture(params=["function", "module", "varnish"])
def levels(request: pytest.FixtureRequest, servers: Servers, minio: Minio, bucket: str, file_store: str, tmp_path: Path,
           run_pakhus: Callable[..., Any], clock: Clock) -> Iterator[Levels]:
    how: str = request.param
    minio.client().put_bucket_policy(Bucket=bucket, Policy=policy(bucket))
    keys: str = run_pakhus("token", "keygen").stdout.strip()
    (tmp_path / "keys").write_text(f"# the newest first\n{keys}\n")
    env = {"PAKHUS_TOKEN_KEYS": keys, "PAKHUS_TOKEN_BUSINESS": "shop", "PAKHUS_NODE_SECRET": "s3cret"}
    recorder = servers.recorder(minio.url, _ORIGIN)
    cut = Cut(recorder.url, 200000)
    address = recorder.url.removeprefix("http://")
    module = Path(os.environ.get("PAKHUS_BIN", "build/bin/pakhus")).absolute().parents[1] / "nginx/ngx_http_pakhus_token_module.so"
    values = {"LISTEN": "127.0.0.1:{{port}}", "RUN": "{{prefix}}", "CACHE": "{{prefix}}", "SIZE": "1g", "RESOLVER": "127.0.0.1",
              "ORIGIN": f"{cut.url}/{bucket}", "HOST": address, "SECRET": "s3cret", "BUSINESS": "shop", "KEYS": str(tmp_path / "keys"),
              "NEXT": cut.url.removeprefix("http://"), "TOKEN": "strip", "PREFIX": f"/{bucket}"}

    def start_function(port: int, more: Mapping[str, str]) -> Program:
        return servers.pakhus(file_store, env={**env, **more}, port=port)

    def start_node(name: str, zone: str = "16m", on_evict: str = "keep") -> Nginx | Varnish:
        return started(servers, how, "first", {**values, "NODE": name}, module, zone, on_evict)

    function = start_function(free_port(), {}) if how != "module" else None
    if function:
        values["FUNCTION"] = function.url.removeprefix("http://")
    second = started(servers, how, "second", {**values, "NODE": "centre"}, module, "16m")
    address = second.url.removeprefix("http://")
    values |= {"SECOND": address, "NEXT": address, "TOKEN": "pass", "PREFIX": "", "HOST": ""}
    nodes = [start_node(name) for name in ("edge-1", "edge-2")]
    with cut:
        yield Levels(how, servers, minio, bucket, run_pakhus, recorder, cut, function, start_function, start_node, env, second, nodes, tmp_path / "keys")


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def filled(levels: Levels) -> str:
    """a.txt in every cache, another resource too, and a.txt changed at the origin. Returns the URL of what it was."""
    levels.put("a.txt", b"one")
    levels.put("b.txt", b"other")
    first = levels.sign("a.txt")
    for node in levels.nodes:
        for key, body in (("a.txt", b"one"), ("b.txt", b"other")):
            assert ask(node, f"/{key}").body == body
            assert ask(node, f"/{key}").cache == "HIT"
    assert sorted(levels.fetched()) == ["/a.txt", "/b.txt"]
    time.sleep(1.1)  # what HTTP tells of time is whole seconds
    levels.put("a.txt", b"two!")
    return first
