"""report: one page, and the same data as JSON."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support import apks, client
from support.servers import ADMIN, Servers
from support.shop import Shop

NOW = datetime.now(UTC).replace(microsecond=0)
Put = Callable[[str, Any], Path]


def moment(**ago: float) -> str:
    return (NOW - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def shop(file_store: str) -> Shop:
    return Shop(file_store)


@pytest.fixture
def put(file_store: str) -> Put:
    """Puts an object as whoever writes past the commands would: text, or JSON."""

    def write(key: str, value: Any) -> Path:
        path = Path(urlsplit(file_store).path) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode())
        return path
    return write


def edge(name: str, number: int, **more: Any) -> dict[str, Any]:
    return {"edge": name, "address": f"10.0.{number}.2", "lans": [f"10.0.{number}.0/24"], "store": "pull", **more}


def rows(**packages: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "/"): {"since": moment(days=2), "size": 100, **more} for name, more in packages.items()}


def wanted(name: str, **packages: dict[str, Any]) -> dict[str, Any]:
    return {"edge": name, "packages": rows(**{package: {"reason": "t1", "state": "wanted", **more} for package, more in packages.items()})}


def data_of(shop: Shop) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(shop.run("report", "--json").stdout)
    return data


def test_the_page_has_what_json_prints(store: Shop, tmp_path: Path) -> None:
    size = store.publish(apks.made("v2"), "APP", "1.0")["size"]
    store.publish(apks.made("v2"), "OTHER", "1.0")
    store.run("release", "APP", "1.0")
    data = data_of(store)
    assert data["apps"] == {"count": 2, "shown": [
        {"app": "APP", "versions": 1, "bytes": size, "release": {"app": "APP", "current": "1.0", "staged": []}}, {"app": "OTHER", "versions": 1, "bytes": size}]}
    assert (data["edges"]["count"], data["decisions"], data["alerts"], len(data["demand"]["days"])) == (0, [], [], 7)
    page = tmp_path / "report.html"
    assert store.run("report", "-o", str(page)).stdout == ""
    text = page.read_text()
    shown = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert {**shown, "made": data["made"]} == data
    assert "default-src 'none'" in text
    for outside in ("src=", "@import", "url("):
        assert outside not in text, outside
    assert text.count('href="') == text.count('href="#') > 0


def test_edges_have_the_status_that_their_rows_tell(shop: Shop, put: Put) -> None:
    for number, (name, quota) in enumerate([("holds", None), ("waits", 10_000), ("full", 210), ("silent", None), ("empty", None), ("unread", None), ("marked", None)]):
        put(f"edges/{name}.json", edge(name, number, quota=quota, location=[number, 10 * number]))
    put("wanted/holds/9999999999999999", wanted("holds", A_1={}))
    for name, packages in ("holds", ["A_1"]), ("waits", ["A_1"]), ("full", ["A_1"]), ("silent", ["A_1"]):
        put(f"held/{name}/9999999999999998", {"edge": name, "packages": rows(**{package: {} for package in packages})})
        put(f"held/{name}/9999999999999999", "an older generation")
    for name in "waits", "full", "silent":
        put(f"wanted/{name}/9999999999999999", wanted(name, A_1={}, A_2={}))
    put("wanted/marked/9999999999999999", wanted("marked", A_1={"state": "pending"}))
    put("wanted/unread/9999999999999999", "no JSON")
    put("held/gone/9999999999999999", {"edge": "gone", "packages": {}})  # registered no more
    long_ago = (NOW - timedelta(days=2)).timestamp()
    os.utime(put("held/silent/9999999999999998", {"edge": "silent", "packages": rows(A_1={})}), (long_ago, long_ago))
    edges = data_of(shop)["edges"]
    assert edges["statuses"] == {"silent": 1, "full": 1, "waiting": 1, "holding": 1, "empty": 2, "unread": 1}
    assert (edges["count"], edges["held"], edges["held_bytes"], edges["waiting"], edges["waiting_bytes"]) == (7, 4, 400, 3, 300)
    found = {one["edge"]: one for one in edges["shown"]}
    assert [one["status"] for one in edges["shown"]] == ["silent", "full", "waiting", "holding", "empty", "empty", "unread"]
    assert found["silent"] == {"edge": "silent", "status": "silent", "held": 1, "held_bytes": 100, "waiting": 1, "waiting_bytes": 100, "quota": None, "heard": moment(days=2)}
    assert (found["full"]["quota"], found["empty"]["heard"], found["unread"]["heard"], "held" in found["unread"]) == (210, None, None, False)
    spots = {spot["edge"]: {key for key in spot if key in edges["statuses"]} for spot in edges["map"]}
    assert spots == {"holds": set(), "waits": {"waiting"}, "full": {"full"}, "silent": {"silent"}, "empty": set(), "unread": set(), "marked": set()}


def test_demand_is_counted_in_bytes_and_by_channel(shop: Shop, put: Put) -> None:
    size = shop.publish(apks.made("v2"), "APP", "1.0")["size"]
    put("edges/e.json", edge("e", 0, site="s"))
    put("patches/APP/0.9..1.0@" + "a" * 32 + ".diff", b"d" * 50)
    day = (NOW - timedelta(days=1)).strftime("%Y-%m-%d")
    put(f"demand/days/{day}/00", "pakhus-demand 1\nL s@10.0.0.0/24\nP APP/1.0 3:2+1\nP APP/1.0/huawei 4:5+\nP APP/0.9..1.0 5:+4\nP GONE/1.0 5:+9\n")
    put("tokens/node-1/a", b"x" * (8 + 3 * 96))
    put("tokens/node-1/b", b"x" * (8 + 2 * 96))
    put("tokens/node-2/a", b"x" * 8)
    data = data_of(shop)
    counted = {"hits": 7, "misses": 14, "hit_bytes": 7 * size, "miss_bytes": size + 4 * 50}
    assert data["demand"]["days"][5] == {"day": day, "kept": True, **counted}
    assert data["demand"]["lans"] == [{"lan": "s@10.0.0.0/24", "edge": "e", **counted}]
    assert data["demand"]["channels"] == [
        {"app": "GONE", "channel": None, "hits": 0, "misses": 9, "hit_bytes": 0, "miss_bytes": 0},
        {"app": "APP", "channel": None, "hits": 2, "misses": 5, "hit_bytes": 2 * size, "miss_bytes": size + 200},
        {"app": "APP", "channel": "huawei", "hits": 5, "misses": 0, "hit_bytes": 5 * size, "miss_bytes": 0}]
    nodes = {node["node"]: (node["instances"], node["entries"]) for node in data["nodes"]["shown"]}
    assert nodes == {"node-1": (2, 5), "node-2": (1, 0)}
    assert data["nodes"]["count"] == 2


def test_days_that_evaluate_dropped_are_told_from_quiet_ones(shop: Shop, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"place": {"threshold": 10, "repeat_threshold": 5, "m": 2, "of": 2, "window": {"last": "24h"}},
                                  "evict": {"threshold": 2, "n": 2, "of": 2, "window": {"last": "24h"}}}))
    shop.run("policy", "set", str(policy))
    assert [day["kept"] for day in data_of(shop)["demand"]["days"]] == [False] * 4 + [True] * 3


def test_the_console_is_the_same_page_for_operators(shop: Shop, put: Put, servers: Servers) -> None:
    put("edges/e.json", edge("e", 0))
    program = shop.program(servers)
    answer = client.request(program.url + "/console", "GET", ADMIN)
    assert (answer.status, answer.header("content-type"), answer.header("cache-control")) == (200, "text/html; charset=utf-8", "no-store")
    page = bytes(answer.body).decode()
    assert json.loads(page.partition('id="data">')[2].partition("</script>")[0])["edges"]["count"] == 1
    policy = str(answer.header("content-security-policy"))
    assert policy.startswith("default-src 'none'") and policy.endswith("; frame-ancestors 'none'")
    assert policy.removesuffix("; frame-ancestors 'none'") in page
    put("edges/f.json", edge("f", 1))
    assert bytes(client.request(program.url + "/console", "GET", ADMIN).body).decode() == page, "the store is read once a minute"
    assert client.request(program.url + "/console", "HEAD", ADMIN).status == 200
    for path in "/console/", "/console/x":
        assert client.request(program.url + path, "GET", ADMIN).status == 404, path
    assert client.get(program.url + "/console").status == 403
