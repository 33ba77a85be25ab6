"""Clients that decide by themselves (A6, A7): GET /admission/profile, and `pakhus fetch`, which asks for it once. Levels with addresses of
their own (A5)."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support import apks, client, edge, shop
from support.cache import ROOT
from support.servers import Minio, Nginx, Program, Servers
from support.shop import Shop

FILES = """
server {
    listen 127.0.0.1:{{port}};
    root {{prefix}}/www;
    location /slow/ { alias {{prefix}}/www/; limit_rate 20k; }
}
"""
SIZE = 3_000_000


def moment(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


class Field:
    """A store, its server, and files on a server of their own."""

    def __init__(self, servers: Servers, store: Shop, folder: Path):
        self.store, self.folder = store, folder
        self.files: Nginx = servers.nginx(FILES)
        (self.files.prefix / "www").mkdir()
        self.content = os.urandom(SIZE)
        self.server: Program = store.program(servers, "--flush", "sync")

    def put(self, *names: str) -> None:
        for name in names:
            (self.files.prefix / "www" / name).write_bytes(self.content)

    def url(self, name: str) -> str:
        return f"{self.files.url}/{name}"

    def publish(self, check: bool = True, **fields: Any) -> str:
        profile = {"resource": "game", "urls": [self.url("game")], "size": SIZE, "release": moment(-3600), "deadline": moment(3600), "lead": "1h",
                   "mode": "fixed", "threshold": 0.3, **fields}
        (self.folder / "profile.json").write_text(json.dumps({name: value for name, value in profile.items() if value is not None}))
        return self.store.run("admission", "profile", "set", self.folder / "profile.json", check=check).stderr

    def fetch(self, *more: str) -> tuple[dict[str, Any], str]:
        done = shop.run("fetch", "--resource", "game", "--admission", self.server.url, "--client", "c", "-o", self.folder / "out", "--json", *more)
        assert (self.folder / "out").read_bytes() == self.content
        told: dict[str, Any] = json.loads(done.stdout)
        return told, done.stderr

    def asked(self) -> list[str]:
        return re.findall(r"path=(/admission\S*) status=(?:200|304)", self.server.output())


@pytest.fixture
def field(servers: Servers, directory: Shop, tmp_path: Path) -> Field:
    made = Field(servers, directory, tmp_path)
    made.put("game")
    return made


# --- the route


def test_a7_the_profile_is_public_cacheable_and_versioned(field: Field) -> None:
    field.publish(release="2026-08-20T10:00:00Z", deadline="2026-08-30T10:00:00Z", lead="24h", timezone="+08:00",
                  account={"gap": [{"from": "5d", "add": 0.01}]})
    target = f"{field.server.url}/admission/profile?resource=game"
    answer = client.get(target)
    assert (answer.status, answer.header("cache-control"), answer.header("content-type")) == (200, "public, max-age=300", "application/json")
    profile = json.loads(answer.body)
    assert (profile["format"], profile["generation"], profile["resource"], profile["mode"]) == (1, 1, "game", "fixed")
    assert (profile["release"], profile["end"], profile["deadline"]) == (1787220000000, 1787997600000, 1788084000000)
    assert profile["offsets"] == [{"from": 0, "offset": 28800000}]
    assert profile["account"]["gap"] == [{"from": 432000000, "add": 0.01}]
    assert profile["levels"]["lead"] == 86400000
    etag = answer.header("etag")
    assert etag is not None and re.fullmatch(r'"[0-9a-f]{32}"', etag)
    same = client.get(target, if_none_match=etag)
    assert (same.status, same.body, same.header("etag"), same.header("cache-control")) == (304, b"", etag, "public, max-age=300")
    field.publish(threshold=0.4)
    newer = client.get(target, if_none_match=etag)
    assert (newer.status, json.loads(newer.body)["generation"]) == (200, 2)
    assert newer.header("etag") != etag


@pytest.mark.parametrize("query, status, says", [
    ("resource=other", 404, "there is no profile for 'other'"), ("", 400, "'resource' is missing"), ("resource=..", 400, "'resource' must be"),
    ("resource=game&client=c", 400, "unknown parameter 'client'")])
def test_a7_bad_questions_for_a_profile(query: str, status: int, says: str, field: Field) -> None:
    field.publish()
    answer = client.get(f"{field.server.url}/admission/profile?{query}")
    assert (answer.status, says in answer.body.decode()) == (status, True)


def test_a7_nginx_answers_a_thousand_clients_by_one_question(minio: Minio, bucket: str, servers: Servers, tmp_path: Path) -> None:
    with ExitStack() as stack:
        chain = edge.edge(minio, bucket, servers, stack, secret="s3cret")
        (tmp_path / "profile.json").write_text(json.dumps({
            "resource": "game", "release": moment(-3600), "deadline": moment(3600), "lead": "1h", "mode": "paced"}))
        chain.store.run("admission", "profile", "set", tmp_path / "profile.json")
        target = "/admission/profile?resource=game"
        assert client.get(chain.direct + target).status == 403
        first = chain.ask(target)
        assert (first.status, json.loads(first.body)["mode"]) == (200, "paced")
        for _ in range(20):
            assert chain.ask(target).body == first.body
        assert chain.ask(target, if_none_match=first.header("etag") or "").status == 304
        assert [seen.uri for seen in chain.asked()] == [target]


# --- the header for apps

APP = """
#include "pakhus_admission.h"
int decide(const struct pakhus_profile *profile, const struct pakhus_client *client, int64_t now, double fresh, const unsigned char *digest)
{
    struct pakhus_answer answer;
    struct pakhus_client own = *client;
    own.number = pakhus_number(digest);
    pakhus_decide(profile, &own, now, fresh, &answer);
    return answer.admit;
}
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang", "g++"])
@pytest.mark.parametrize("standard", ["99", "17"])
def test_a7_the_header_for_apps_needs_a_compiler_only(compiler: str, standard: str, tmp_path: Path) -> None:
    """That it decides as the function does is tests/unit/test_admission_public.c."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    if compiler == "g++" and standard == "99":
        pytest.skip("C++ has no such standard")
    language = "c++" if compiler == "g++" else "c"
    (tmp_path / f"app.{language}").write_text(APP)
    subprocess.run([compiler, f"-std={language}{standard}", "-ffreestanding", "-pedantic", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror",
                    "-I", ROOT / "clients/c", "-c", tmp_path / f"app.{language}", "-o", tmp_path / "app.o"], check=True)
    undefined = subprocess.run(["nm", "-u", tmp_path / "app.o"], check=True, capture_output=True, text=True).stdout.split()
    assert [name for name in undefined if name not in ("U", "memset", "memcpy", "__stack_chk_fail")] == []


# --- pakhus fetch


@pytest.mark.parametrize("mode", ["fixed", "random", "sticky", "paced", "steps"])
def test_a6_a_client_asks_for_the_profile_and_nothing_more(mode: str, field: Field) -> None:
    """Two seconds until all are admitted, decided again every second: by polling that would be three requests."""
    steps: dict[str, Any] = {"before": 0, "after": 1} if mode == "steps" else {}
    field.publish(mode=mode, release=moment(-1), deadline=moment(5000), lead=f"{5000 - 2}s", interval="1s", threshold=None if mode == "random" else 0.9,
                  **steps)
    field.fetch()
    assert field.asked() == ["/admission/profile"]


def test_a6_a_client_may_poll(field: Field) -> None:
    field.publish(release=moment(-1), deadline=moment(5000), lead=f"{5000 - 2}s", interval="1s", threshold=0.9)
    field.fetch("--poll")
    assert len(field.asked()) >= 3 and set(field.asked()) == {"/admission"}


def test_a7_a_server_without_the_route_is_asked(field: Field, servers: Servers) -> None:
    field.publish()
    proxy = servers.nginx("""
server {
    listen 127.0.0.1:{{port}};
    location = /admission { proxy_pass %s; }
}
""" % field.server.url)
    shop.run("fetch", "--resource", "game", "--admission", proxy.url, "--client", "c", "-o", field.folder / "out")
    assert field.asked() == ["/admission"]


def test_a8_fetch_and_function_give_a_client_the_same_moment(field: Field) -> None:
    field.publish(mode="paced", release=moment(2), deadline=moment(4), lead="1s", timezone="device",
                  account={"gap": [{"from": "5d", "add": 0.03}]})
    said = {"login": "2026-08-20T10:00:00Z", "last-login": "2026-08-01T10:00:00Z"}
    options = [word for name, value in said.items() for word in (f"--{name}", value)]
    asked = json.loads(field.store.run("admission", "ask", "game", "--client", "c", "--timezone", "+08:00", *options).stdout)
    _, words = field.fetch("--timezone", "+08:00", *options)
    assert f"starts at {asked['start_at']}" in words


# --- the addresses of levels


def levels(**urls: Any) -> dict[str, Any]:
    """The remaining time is half of all: that is level normal where r1 is 0.9 and r2 0.1."""
    return {"r1": 0.9, "r2": 0.1, "lead": "0s", **{level: {"urls": value} for level, value in urls.items()}}


def ready(field: Field, **fields: Any) -> None:
    field.publish(lead="0s", mode="fixed", threshold=0, **fields)


@pytest.mark.parametrize("how", [[], ["--poll"]])
def test_a5_the_address_of_the_level_is_used(how: list[str], field: Field) -> None:
    field.put("lowest", "normal", "highest")
    ready(field, levels=levels(lowest=[field.url("lowest")], normal=[field.url("normal")], highest=[field.url("highest")]))
    told, words = field.fetch(*how)
    assert (told["level"], told["url"]) == ("normal", field.url("normal"))
    assert f"the last bytes came from {field.url('normal')} (level normal)" in words
    assert {seen.uri for seen in field.files.requests()} == {"/normal"}


@pytest.mark.parametrize("how", [[], ["--poll"]])
@pytest.mark.parametrize("there, level, used", [(["highest", "lowest", "game"], "highest", "highest"), (["game", "lowest"], "highest", "game")])
def test_a5_what_is_not_there_is_taken_from_above(there: list[str], level: str, used: str, how: list[str], field: Field) -> None:
    (field.files.prefix / "www" / "game").unlink()
    field.put(*there)
    ready(field, levels=levels(lowest=[field.url("lowest")], normal=[field.url("normal")], highest=[field.url("highest")]))
    told, _ = field.fetch(*how)
    assert (told["level"], told["url"]) == (level, field.url(used))


def test_a5_a_source_has_addresses_for_its_levels(field: Field) -> None:
    field.put("peer")
    ready(field, sources={"peer": [field.url("peer")]}, levels={**levels(), "normal": {"source": "peer"}})
    assert field.fetch()[0]["url"] == field.url("peer")


def test_a5_the_function_gives_the_addresses_too(field: Field) -> None:
    ready(field, levels=levels(lowest=[field.url("lowest")], normal="edge"), query="https://apps.example/query?app=APP1&version=2.0")
    told = json.loads(client.get(f"{field.server.url}/admission?resource=game&client=c").body)
    assert told["addresses"] == [{"level": "normal", "url": "edge"}, {"level": "highest", "url": field.url("game")}]
    assert (told["urls"], told["query"]) == ([field.url("game")], "https://apps.example/query?app=APP1&version=2.0")


def test_a5_another_level_has_its_turn_on_the_way(field: Field) -> None:
    """Some seconds on the addresses of the lowest level, which would take minutes, then those of the normal one: no byte comes twice."""
    ready(field, release=moment(-3600), deadline=moment(3600), interval="1s", sha256=hashlib.sha256(field.content).hexdigest(),
          levels={"r1": 0.5 - 6 / 7200, "r2": 0.1, "lead": "0s", "lowest": {"urls": [field.url("slow/game")]}, "normal": {"urls": [field.url("game")]}})
    told, words = field.fetch()
    assert (told["level"], told["url"], told["fetched"]) == ("normal", field.url("game"), SIZE)
    assert "level normal" in words
    assert {seen.uri for seen in field.files.requests()} == {"/slow/game", "/game"}


@pytest.mark.parametrize("how", [[], ["--poll"]])
@pytest.mark.parametrize("held", [True, False])
def test_a5_an_edge_of_the_devices_lan(held: bool, how: list[str], field: Field) -> None:
    """What /query names: the edge where it holds the package, else the next level's address."""
    package = field.store.publish(apks.made("v2"), "APP1", "2.0")
    root = Path(field.store.store.removeprefix("file://"))
    field.content = (root / "packages/APP1/2.0" / str(package["base"])).read_bytes()
    field.put("game")
    share = field.files.prefix / "www" / "share"
    share.mkdir()
    (share / "APP1_2.0.apk").write_bytes(field.content)
    port = field.files.url.rsplit(":", 1)[1]
    (root / "edges").mkdir(exist_ok=True)
    (root / "edges/shop-1.json").write_text(json.dumps({"edge": "shop-1", "address": f"127.0.0.1:{port}", "directory": "/share",
                                                         "lans": ["192.168.0.0/24"], "store": "pull"}))
    if held:
        (root / "held/shop-1").mkdir(parents=True)
        (root / "held/shop-1/9999999999999999").write_text(json.dumps({"edge": "shop-1", "packages": {
            "APP1/2.0": {"since": "2026-08-01T00:00:00Z", "size": len(field.content), "state": "held"}}}))
    ready(field, size=len(field.content), levels=levels(normal="edge"), query=f"{field.server.url}/query?app=APP1&version=2.0")
    told, words = field.fetch("--ip", "192.168.0.7", "--mask", "255.255.255.0", *how)
    assert (told["level"], told["url"]) == (("normal", field.url("share/APP1_2.0.apk")) if held else ("highest", field.url("game")))
    assert ("edge: no edge of this LAN has the package; trying the next address" in words) == (not held)


@pytest.mark.parametrize("fields, says", [
    ({"levels": {"lowest": {"urls": "edge"}}}, 'profile.query: is missing: "edge" needs the URL that says where'),
    ({"levels": {"lowest": {"urls": "elsewhere"}}}, 'profile.levels.lowest.urls: must be an array of URLs, or "edge"'),
    ({"levels": {"lowest": {"urls": ["ftp://x/"]}}}, "profile.levels.lowest.urls: number 0 is not an http or https URL"),
    ({"sources": {"lan": ["http://x/"]}}, "profile.sources.lan: "),
    ({"query": "https://x/query"}, "profile.query: must name the package")])
def test_a5_bad_addresses_are_refused(fields: dict[str, Any], says: str, field: Field) -> None:
    assert says in field.publish(check=False, **fields)
