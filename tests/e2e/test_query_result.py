"""POST /query/result, the samples that it fills, and `pakhus query`."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from support import apks
from support.servers import Program, Servers
from support.shop import Shop

HOME = {"ip": "192.168.0.7", "mask": "255.255.255.0"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    (tmp_path / "store").mkdir()
    shop = Shop(f"file://{tmp_path}/store")
    shop.publish(apks.made("v2"), "APP1", "2.0")
    return shop


def put(tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "store" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def ask(server: Program, **arguments: str) -> tuple[Any, str]:
    with urllib.request.urlopen(f"{server.url}/query?{urlencode(arguments)}") as answer:
        return json.loads(answer.read()), answer.headers["Pakhus-Query"]


def tell(server: Program, body: bytes, method: str = "POST", **headers: str) -> tuple[int, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{server.url}/query/result", body, named, method=method)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def samples(tmp_path: Path) -> list[str]:
    paths = [path for path in (tmp_path / "store/samples").rglob("*") if path.is_file()]
    return [line for path in paths for line in path.read_text().splitlines()]


def test_a_query_and_its_result_are_sampled(tmp_path: Path, shop: Shop, servers: Servers) -> None:
    edge = {"edge": "shop-1", "address": "192.168.0.5", "directory": "/data/share", "lans": ["192.168.0.0/24"], "store": "pull"}
    put(tmp_path, "edges/shop-1.json", edge)
    server = shop.program(servers)
    miss, miss_id = ask(server, app="APP1", **HOME)
    assert miss["source"] == "origin"
    put(tmp_path, "held/shop-1/9999999999999999",
        {"edge": "shop-1", "packages": {"APP1/2.0": {"since": "2026-08-01T00:00:00Z", "size": miss["size"], "sha256": miss["sha256"]}}})
    hit, hit_id = ask(server, app="APP1", **HOME)
    assert (hit["source"], hit["address"]) == ("edge", "192.168.0.5/data/share/APP1_2.0.apk")
    _, elsewhere = ask(server, app="APP1", ip="10.1.2.3", mask="8")
    assert len({miss_id, hit_id, elsewhere}) == 3
    assert tell(server, json.dumps({"query": hit_id, "source": "edge", "package": "APP1/2.0"}).encode()) == (204, b"")
    assert tell(server, json.dumps({"query": miss_id, "source": "origin"}).encode()) == (204, b"")
    assert server.stop() == 0
    lines = [line.split() for line in samples(tmp_path)]
    queries = {words[1]: words[3:] for words in lines if words[0] == "q"}
    assert queries == {miss_id: ["N", "192.168.0.0/24", "APP1/2.0"], hit_id: ["Y", "192.168.0.0/24", "APP1/2.0"],
                       elsewhere: ["n", "10.0.0.0/8", "APP1/2.0"]}
    assert {words[1]: words[3:] for words in lines if words[0] == "r"} == {hit_id: ["edge", "APP1/2.0"], miss_id: ["origin"]}


@pytest.mark.parametrize("body, status, says", [
    (b"", 400, "result"),
    (b"[]", 400, "result"),
    (b'{"source":"edge"}', 400, "result.query: is missing"),
    (b'{"query":"../x","source":"edge"}', 400, "result.query"),
    (b'{"query":"' + b"a" * 100 + b'","source":"edge"}', 400, "result.query"),
    (b'{"query":"a"}', 400, "result.source: is missing"),
    (b'{"query":"a","source":"moon"}', 400, "result.source: must be one of edge, nearby, origin, other"),
    (b'{"query":"a","source":"edge","package":"a b"}', 400, "result.package"),
    (b'{"query":"a","source":"edge","bytes":1}', 400, "result.bytes: unknown field"),
    (b'{"query":"a","source":"edge"}' + b" " * 5000, 413, "larger than this route takes")])
def test_bad_results_are_refused(body: bytes, status: int, says: str, tmp_path: Path, shop: Shop, module_servers: Servers) -> None:
    server = shop.program(module_servers)
    got, problem = tell(server, body)
    assert got == status and says in json.loads(problem)["detail"]
    server.stop()
    assert not samples(tmp_path)


def test_a_flood_of_results_is_bounded(tmp_path: Path, shop: Shop, servers: Servers) -> None:
    server = shop.program(servers)
    for number in range(1500):
        assert tell(server, json.dumps({"query": f"junk-{number}", "source": "other"}).encode())[0] == 204
    server.stop()
    assert len([line for line in samples(tmp_path) if line.startswith("r ")]) == 512


def test_the_command_asks_as_a_device_does(tmp_path: Path, shop: Shop) -> None:
    env = {"PAKHUS_PUBLIC_URL": "https://apps.example"}
    size = json.loads((tmp_path / "store/packages/APP1/2.0/package.json").read_text())["size"]
    line = shop.run("query", "--app", "APP1", "--ip", "192.168.0.7", "--mask", "255.255.255.0", env=env).stdout
    assert line == f"apps.example/packages/APP1/2.0.apk\torigin\tAPP1/2.0\t{size}\n"
    answer = json.loads(shop.run("query", "--app", "APP1", "--json", "--now", "2026-08-25T10:00:00Z", env=env).stdout)
    assert (answer["url"], answer["kind"], answer["size"]) == ("https://apps.example/packages/APP1/2.0.apk", "full", size)
    assert [path for path in (tmp_path / "store/demand/live").rglob("*") if path.is_file()]
    current = shop.run("query", "--app", "APP1", "--from", "2.0")
    assert (current.stdout, current.stderr) == ("", "the device has what it asks for\n")
    missing = shop.run("query", "--app", "APP9", check=False)
    assert (missing.returncode, missing.stdout) == (1, "") and "APP9" in missing.stderr
    holes = shop.run("query", "--app", "APP1", "--ip", "192.168.0.7", "--mask", "255.0.255.0", check=False)
    assert holes.returncode == 1 and "holes" in holes.stderr
