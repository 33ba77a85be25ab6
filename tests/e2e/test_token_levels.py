"""Two levels of nginx caches in front of MinIO, with the function and with the module: an updated URL replaces the copy in every
node that sees it, at its due time, with one origin fetch, and nothing else is touched."""

import concurrent.futures
import http.client
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from support.cache import ROOT
from support.servers import Minio, Nginx, Program, Servers

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


@pytest.fixture
def clock(tmp_path: Path, minio: Minio, monkeypatch: pytest.MonkeyPatch) -> Clock:
    source, library, file = tmp_path / "clock.c", tmp_path / "clock.so", tmp_path / "clock"
    source.write_text(_CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    file.write_bytes(bytes(8))
    monkeypatch.setenv("LD_PRELOAD", str(library))
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


def ask(node: Nginx, target: str, method: str = "GET", host: str = HOST) -> Answer:
    connection = http.client.HTTPConnection(node.url.removeprefix("http://"), timeout=20)
    connection.request(method, target, headers={"Host": host})
    response = connection.getresponse()
    answer = Answer(response.status, response.read(), response.headers.get("X-Cache-Status", ""),
                    response.headers.get("Pakhus-Action", ""), response.headers.get("Pakhus-Reason", ""))
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
    function: Program | None
    start_node: Callable[[str, str], Nginx]
    start_function: Callable[[], Program]
    env: dict[str, str]
    second: Nginx
    nodes: list[Nginx]

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


@pytest.fixture(params=["function", "module"])
def levels(request: pytest.FixtureRequest, servers: Servers, minio: Minio, bucket: str, file_store: str, tmp_path: Path,
           run_pakhus: Callable[..., Any], clock: Clock) -> Iterator[Levels]:
    how: str = request.param
    minio.client().put_bucket_policy(Bucket=bucket, Policy=policy(bucket))
    keys: str = run_pakhus("token", "keygen").stdout.strip()
    (tmp_path / "keys").write_text(f"# the newest first\n{keys}\n")
    env = {"PAKHUS_TOKEN_KEYS": keys, "PAKHUS_TOKEN_BUSINESS": "shop", "PAKHUS_NODE_SECRET": "s3cret"}
    recorder = servers.recorder(minio.url)
    module = Path(os.environ.get("PAKHUS_BIN", "build/bin/pakhus")).absolute().parents[1] / "nginx/ngx_http_pakhus_token_module.so"
    values = {"LISTEN": "127.0.0.1:{{port}}", "RUN": "{{prefix}}", "CACHE": "{{prefix}}", "SIZE": "1g", "RESOLVER": "127.0.0.1",
              "ORIGIN": f"{recorder.url}/{bucket}", "HOST": recorder.url.removeprefix("http://"), "SECRET": "s3cret",
              "BUSINESS": "shop", "KEYS": str(tmp_path / "keys")}

    def start_node(level: str, name: str) -> Nginx:
        template = (ROOT / f"cdn/nginx/token-{level}-{how}.conf.template").read_text()
        mine = {**values, "NODE": name}
        filled = re.sub(r"\$\{PAKHUS_NGINX_(\w+)\}", lambda match: mine[match.group(1)], template)
        return servers.nginx(filled, workers=2, modules=[module] if how == "module" else [])

    def start_function() -> Program:
        return servers.pakhus(file_store, env=env)

    function = start_function() if how == "function" else None
    if function:
        values["FUNCTION"] = function.url.removeprefix("http://")
    second = start_node("second", "centre")
    values["SECOND"] = second.url.removeprefix("http://")
    nodes = [start_node("first", "edge-1"), start_node("first", "edge-2")]
    yield Levels(how, servers, minio, bucket, run_pakhus, recorder, function, start_node, start_function, env, second, nodes)


def in_an_hour() -> str:
    return (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


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


def test_an_update_at_its_due_time(levels: Levels, clock: Clock) -> None:
    old = filled(levels)
    url = levels.sign("a.txt", "--due", in_an_hour())
    for node in levels.nodes:
        answer = ask(node, url)
        assert (answer.body, answer.cache, answer.action, answer.reason) == (b"one", "HIT", "serve", "not-due")
    assert levels.fetched() == []

    clock.move(7200)
    time.sleep(1.1)  # nginx looks at the clock when something happens
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda number: ask(levels.nodes[number % 2], url), range(200)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"two!")}
    assert levels.fetched() == ["/a.txt"]

    for node in levels.nodes:
        for target in (url, "/a.txt"):
            answer = ask(node, target)
            assert (answer.body, answer.cache, answer.action) == (b"two!", "HIT", "serve"), target
        assert ask(node, url).reason == "succeeded"
        assert (ask(node, old).body, ask(node, old).reason) == (b"two!", "older")
        assert ask(node, "/b.txt").cache == "HIT"
    assert levels.fetched() == []


def test_forged_tokens_cost_nothing(levels: Levels) -> None:
    filled(levels)
    url = levels.sign("a.txt")
    at = url.index("pkt=k1.") + 7
    other = "B" if url[at] == "A" else "A"
    for target, reason in ((url[:at] + other + url[at + 1:], "forged"), (url.replace("a.txt", "b.txt"), "url"),
                           (url.replace("k1.", "k2."), "unknown-key"), (url[:-1], "forged|malformed"), (f"{url}&{url[7:]}", "twice")):
        answer = ask(levels.nodes[0], target)
        assert answer.status == 403 and re.fullmatch(reason, answer.reason), (target, answer)
        assert json.loads(answer.body)["type"] == f"token-{answer.reason}"
    assert ask(levels.nodes[0], url, host="other.example").reason == "host"
    assert ask(levels.nodes[0], "/a.txt").body == b"one"
    assert levels.fetched() == []


def test_a_copy_that_is_not_the_one_meant(levels: Levels) -> None:
    """The page was published before the object: the old copy stays, and the update comes when the object has."""
    filled(levels)
    time.sleep(1.1)
    levels.put("a.txt", b"three")
    url = levels.sign("a.txt")
    time.sleep(1.1)
    levels.put("a.txt", b"two!")  # back again, at another time
    node = levels.nodes[0]
    assert ask(node, url).action == "update"
    assert ask(node, "/a.txt").body == b"one"
    time.sleep(0.3)
    assert ask(node, url).reason == "failed"
    assert len(levels.fetched()) == 1


def test_the_second_level_is_lost(levels: Levels) -> None:
    filled(levels)
    url = levels.sign("a.txt")
    levels.second.stop()
    node = levels.nodes[0]
    answer = ask(node, url)
    assert (answer.status, answer.body) == (200, b"one")
    assert (ask(node, "/a.txt").body, ask(node, "/a.txt").cache) == (b"one", "HIT")
    assert ask(node, "/missing.txt").status == 502
    assert ask(node, "/a.txt?pkt=x").status == 403


def test_a_restart_and_a_reload(levels: Levels) -> None:
    filled(levels)
    url = levels.sign("a.txt")
    node = levels.nodes[0]
    assert ask(node, url).body == b"two!"
    time.sleep(0.3)
    node.reload()
    time.sleep(0.5)
    answer = ask(node, url)
    assert (answer.body, answer.cache, answer.reason) == (b"two!", "HIT", "succeeded")
    assert levels.fetched() == ["/a.txt"]
    if levels.how == "function":
        assert levels.function
        levels.function.kill()
        for target in (url, "/a.txt", "/b.txt"):
            answer = ask(node, target)
            assert (answer.status, answer.cache) == (200, "HIT"), target
        assert levels.fetched() == []


def test_clean_up(levels: Levels, pakhus: Path, file_store: str) -> None:
    if levels.how == "module":
        pytest.skip("its hit table stays in nginx")
    filled(levels)
    url = levels.sign("a.txt")
    node = levels.nodes[0]
    assert ask(node, url).body == b"two!"
    time.sleep(0.5)
    before = sorted(path.name for path in (node.prefix / "first").rglob("*") if path.is_file())
    command = [ROOT / "cdn/nginx/token-clean-up", node.prefix / "first", "edge-1", "--now"]
    env = {**os.environ, "PAKHUS_BIN": str(pakhus), "PAKHUS_STORE": file_store}
    for now, gone in ((in_an_hour(), 0), ("2036-01-01T00:00:00Z", 1)):
        subprocess.run([*command, now], check=True, env=env)
        after = [path.name for path in (node.prefix / "first").rglob("*") if path.is_file()]
        assert len(before) - len(after) == gone
    assert ask(node, "/b.txt").cache == "HIT"
    assert ask(node, "/a.txt").cache == "MISS"
    assert ask(node, "/a.txt").body == b"two!"
