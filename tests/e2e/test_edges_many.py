"""Many edges: what a cold instance reads, what a change writes, and a fleet whose document is missing, or behind."""

import json
from pathlib import Path

import pytest

from support import apks, client, placed, shop
from support.servers import Minio, Servers

MANY = 3_000
TRUSTED = ("--trusted-proxies", "127.0.0.1/32", "--public-url", "https://apps.example")


def edge(number: int) -> dict[str, object]:
    """Every shop has the same network; it is known by its egress."""
    return {"edge": f"shop-{number:05d}", "address": f"edge-{number}.example", "directory": "/data", "lans": ["192.168.0.0/24"],
            "egress": [f"20.0.{number // 256}.{number % 256}/32"], "location": [round(31 + number % 50 / 40, 3), round(121 + number // 50 / 40, 3)],
            "region": "east", "store": "pull"}


def ask(url: str, number: int) -> str:
    """The address that a device in the shop of that number is sent to."""
    caller = {"X-Forwarded-For": f"20.0.{number // 256}.{number % 256}"}
    answer = client.request(f"{url}/query?app=APP&ip=192.168.0.9&mask=24", headers=caller)
    assert answer.status == 200, answer
    found: str = json.loads(answer.body)["address"]
    return found


@pytest.fixture(scope="module")
def fleet(minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Shops 7, 8 and 2,999 hold the package."""
    bucket = minio.bucket("many-edges")
    store = shop.minio_shop(minio, bucket)
    package = store.publish(apks.made("v2"))
    lines = tmp_path_factory.mktemp("edges") / "edges.jsonl"
    lines.write_text("".join(json.dumps(edge(number)) + "\n" for number in range(MANY)))
    store.run("edge", "add", "--from", lines)
    for number in (7, 8, 2_999):
        row = {"edge": f"shop-{number:05d}", "packages": {"APP/1.0": {"since": "2026-08-20T10:00:00Z", **placed.facts(package)}}}
        placed.put(store, f"held/shop-{number:05d}/{placed.LAST}", json.dumps(row), minio)
    return bucket


def test_a_cold_instance_reads_what_one_query_needs(fleet: str, minio: Minio, servers: Servers) -> None:
    """The settings of the document, one of its shards, the edge, what it holds, and the package: six objects, under 64 KiB."""
    recorder = servers.recorder(minio.url)
    url = shop.minio_shop(minio, fleet, endpoint=recorder.url).serve(servers, "--probe-max", "0", *TRUSTED)
    recorder.forget()
    assert ask(url, 7) == "edge-7.example/data/APP_1.0.apk"
    seen = recorder.requests()
    objects = [one for one in seen if "list-type" not in one.uri]
    assert len(objects) <= 6, [one.uri for one in objects]
    assert sum(one.bytes_sent for one in seen) < 64 * 1024
    assert not [one.uri for one in seen if "prefix=edges" in one.uri or "/summary/" in one.uri]


def test_the_nearest_edge_is_found(fleet: str, minio: Minio, servers: Servers) -> None:
    url = shop.minio_shop(minio, fleet).serve(servers, *TRUSTED)
    assert ask(url, 9) == "edge-8.example/data/APP_1.0.apk"
    assert ask(url, 2_998) == "edge-2999.example/data/APP_1.0.apk"


def test_changing_one_edge_writes_four_objects(fleet: str, minio: Minio, servers: Servers, tmp_path: Path) -> None:
    recorder = servers.recorder(minio.url)
    store = shop.minio_shop(minio, fleet, endpoint=recorder.url)
    path = tmp_path / "edge.json"
    path.write_text(json.dumps({**edge(MANY), "egress": ["20.0.99.1/32"]}))
    store.run("edge", "add", path)
    writes = [one.uri for one in recorder.requests() if one.method == "PUT"]
    assert len(writes) <= 4, writes


def test_a_document_that_is_missing_or_behind_is_made(tmp_path: Path, servers: Servers) -> None:
    store = shop.Shop(f"file://{tmp_path}/store")
    package = store.publish(apks.made("v2"))
    for number in range(300):
        placed.put(store, f"edges/shop-{number:05d}.json", json.dumps(edge(number)))
    row = {"edge": "shop-00007", "packages": {"APP/1.0": {"since": "2026-08-20T10:00:00Z", **placed.facts(package)}}}
    placed.put(store, f"held/shop-00007/{placed.LAST}", json.dumps(row))
    url = store.serve(servers, *TRUSTED)
    assert ask(url, 7) == "edge-7.example/data/APP_1.0.apk"
    for made in (True, False):
        assert ("look-up document of edges: 0 " in store.run("store", "upgrade").stderr) != made
        assert ask(url, 7) == "edge-7.example/data/APP_1.0.apk"
    store.run("edge", "remove", "shop-00007")
    assert ask(url, 7) == "apps.example/packages/APP/1.0.apk"
    placed.put(store, "edges/by-hand.json", json.dumps({**edge(301), "edge": "by-hand", "address": "by-hand.example"}))
    placed.put(store, f"held/by-hand/{placed.LAST}", json.dumps({**row, "edge": "by-hand"}))
    assert ask(url, 301) == "apps.example/packages/APP/1.0.apk"
    assert "the look-up document was repaired" in store.run("evict").stderr
    assert ask(url, 301) == "by-hand.example/data/APP_1.0.apk"
