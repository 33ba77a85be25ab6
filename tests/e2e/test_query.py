"""GET /query on a real server: P1 to P7."""

import hashlib
import json
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from support import apks, client
from support.client import raw
from support.demand import cells
from support.servers import ADMIN, Minio, Program, Servers
from support.shop import Shop, minio_shop

HOME = {"ip": "192.168.0.7", "mask": "255.255.255.0"}


@dataclass
class Field:
    """A store with an app, and what edges hold, as operators and copiers would have written."""

    shop: Shop
    folder: Path

    def put(self, key: str, value: Any) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".new").write_text(json.dumps(value))
        path.with_suffix(".new").rename(path)

    def edge(self, edge: str, lans: list[str], **fields: Any) -> None:
        self.put(f"edges/{edge}.json", {"edge": edge, "address": f"{edge}.lan", "directory": "/data/share", "lans": lans, "store": "pull", **fields})

    def holds(self, edge: str, *packages: str, state: str = "held", generation: int = 1) -> None:
        items = {package: {"since": "2026-08-01T00:00:00Z", "size": 5, "state": state, "until": "2026-08-01T00:00:00Z"} for package in packages}
        self.put(f"held/{edge}/{10**16 - generation:016}", {"edge": edge, "packages": items})

    def policy(self, **fields: Any) -> None:
        self.put("policy/9999999999999999", {"place": {"t1": 2, "t2": 1, "m": 5, "window": {"last": "1d"}}, **fields})

    def counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(LAN, package) → hits, misses."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for path in (self.folder / "demand").rglob("*"):
            for lan, package, _, hits, misses in cells(path.read_text()) if path.is_file() else []:
                before = found.get((lan, package), (0, 0))
                found[lan, package] = (before[0] + hits, before[1] + misses)
        return found


@pytest.fixture
def field(tmp_path: Path) -> Field:
    (tmp_path / "store").mkdir()
    field = Field(Shop(f"file://{tmp_path}/store"), tmp_path / "store")
    field.shop.publish(apks.made("v2"), "APP1", "2.0")
    field.policy()
    return field


@pytest.fixture
def server(field: Field, servers: Servers) -> Program:
    return field.shop.program(servers, "--public-url", "https://apps.example", "--flush", "sync")


def ask(server: Program, headers: dict[str, str] | None = None, /, **arguments: str) -> tuple[int, Any]:
    request = urllib.request.Request(f"{server.url}/query?{urlencode(arguments)}", headers=headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_p4_a_hit_is_the_first_address(field: Field, server: Program) -> None:
    field.edge("shop-1", ["192.168.0.0/24"])
    field.holds("shop-1", "APP1/2.0")
    status, answer = ask(server, app="APP1", **HOME)
    assert status == 200
    assert (answer["address"], answer["url"]) == ("shop-1.lan/data/share/APP1_2.0.apk", "http://shop-1.lan/data/share/APP1_2.0.apk")
    assert (answer["source"], answer["package"], answer["kind"]) == ("edge", "APP1/2.0", "full")
    left = datetime.fromisoformat(answer["expires"]) - datetime.now(UTC)
    assert timedelta(minutes=1) < left < timedelta(minutes=10)  # less than what is to go stays for
    assert field.counts() == {("192.168.0.0/24", "APP1/2.0"): (1, 0)}


def test_p3_an_unknown_parameter_is_refused(field: Field, server: Program) -> None:
    """Not answered as if it had not been given: `current=1.0` would get the full package."""
    status, problem = ask(server, app="APP1", current="1.0", **HOME)
    assert (status, problem["type"]) == (400, "unknown-parameter")
    assert problem["detail"].startswith("unknown parameter 'current'; use app, version, from, ")
    assert ask(server, app="APP1", auth_key="1724630400-0-0-aaaa", utm_source="mail", **HOME)[0] == 200  # a CDN's, and a campaign's
    assert field.counts() == {("192.168.0.0/24", "APP1/2.0"): (0, 1)}


def test_p5_a_miss_is_the_origin_and_counted(field: Field, server: Program) -> None:
    field.edge("shop-1", ["192.168.0.0/24"])
    status, answer = ask(server, app="APP1", **HOME)
    assert (status, answer["source"], answer["url"]) == (200, "origin", "https://apps.example/packages/APP1/2.0.apk")
    assert answer["address"] == "apps.example/packages/APP1/2.0.apk"
    package = json.loads((field.folder / "packages/APP1/2.0/package.json").read_text())
    assert (answer["size"], answer["sha256"]) == (package["size"], package["sha256"])
    ask(server, app="APP1", ip="10.1.2.3", mask="8")  # a LAN without an edge
    assert field.counts() == {("192.168.0.0/24", "APP1/2.0"): (0, 1), ("10.0.0.0/8", "APP1/2.0"): (0, 1)}


def test_p1_lans_are_told_apart_by_site_code_and_egress(field: Field, servers: Servers) -> None:
    field.edge("shop-1", ["192.168.0.0/24"], site="one")
    field.edge("shop-2", ["192.168.0.0/24"], egress=["203.0.113.0/24"])
    field.put("lans/ONE.json", {"code": "ONE", "site": "one", "network": "192.168.0.0/24"})
    field.holds("shop-1", "APP1/2.0")
    field.holds("shop-2", "APP1/2.0")
    server = field.shop.program(servers, "--trusted-proxies", "127.0.0.0/8")
    assert ask(server, app="APP1", site="one", **HOME)[1]["address"].startswith("shop-1.lan")
    assert ask(server, app="APP1", lan="ONE")[1]["address"].startswith("shop-1.lan")
    through = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9, 127.0.0.5"}
    assert ask(server, through, app="APP1", **HOME)[1]["address"].startswith("shop-2.lan")
    lines = raw(server.url, b"GET /query?app=APP1&ip=192.168.0.7&mask=24 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.77\r\n\r\n")  # the client's line, and the proxy's own
    assert json.loads(lines.body)["source"] == "origin"
    untrusting = field.shop.program(servers)
    field.edge("shop-3", ["192.168.0.0/24"], egress=["198.51.100.0/24"])
    field.holds("shop-3", "APP1/2.0")
    assert ask(untrusting, through, app="APP1", **HOME)[1]["source"] == "origin"  # a bare header moves nobody


def test_p1_a_query_without_an_address_is_placed_by_its_caller(field: Field, server: Program) -> None:
    assert ask(server, app="APP1")[1]["source"] == "origin"
    assert field.counts() == {("127.0.0.1/32", "APP1/2.0"): (0, 1)}
    field.edge("shop-1", ["192.168.0.0/24"], egress=["127.0.0.0/8"])
    field.holds("shop-1", "APP1/2.0")
    assert ask(server, app="APP1")[1]["address"].startswith("shop-1.lan")
    assert ask(server, app="APP1", mask="24")[1]["source"] == "origin"  # another LAN of that shop's
    assert field.counts()["127.0.0.0/8@192.168.0.0/24", "APP1/2.0"] == (1, 0)
    assert field.counts()["127.0.0.0/8@127.0.0.0/24", "APP1/2.0"] == (0, 1)


def test_p3_what_is_newest_is_said_by_the_release_or_by_the_version_code(field: Field, server: Program) -> None:
    field.shop.publish(apks.made("v2+v3"), "APP1", "10.0")
    newest = ask(server, app="APP1")[1]["package"]
    assert newest in ("APP1/2.0", "APP1/10.0")
    field.shop.run("release", "APP1", "2.0")
    assert ask(server, app="APP1")[1]["package"] == "APP1/2.0"
    field.shop.run("release", "APP1", "10.0", "--share", "30%")
    asked = [ask(server, app="APP1", device=f"device-{i}")[1]["package"] for i in range(200)]
    assert 30 < asked.count("APP1/10.0") < 90
    assert asked == [ask(server, app="APP1", device=f"device-{i}")[1]["package"] for i in range(200)]
    assert ask(server, app="APP1")[1]["package"] == "APP1/2.0"
    assert ask(server, app="APP1", version="10.0")[1]["package"] == "APP1/10.0"


def test_p3_a_channel_restricts_the_package(field: Field, server: Program) -> None:
    field.shop.channel("APP1", "huawei", {"channel": "huawei"})
    field.edge("shop-1", ["192.168.0.0/24"])
    field.holds("shop-1", "APP1/2.0/huawei")
    answer = ask(server, app="APP1", channel="huawei", **HOME)[1]
    assert (answer["address"], answer["package"]) == ("shop-1.lan/data/share/APP1_2.0_huawei.apk", "APP1/2.0/huawei")
    assert ask(server, app="APP1", **HOME)[1]["source"] == "origin"
    field.edge("shop-1", ["192.168.0.0/24"], splices=True)
    field.holds("shop-1", "APP1/2.0", generation=2)
    answer = ask(server, app="APP1", channel="huawei", **HOME)[1]
    assert (answer["address"], answer["sha256"]) == ("shop-1.lan/packages/APP1/2.0/huawei.apk", None)


def test_p6_the_nearest_edge_that_holds_it_is_the_second_address(field: Field, server: Program) -> None:
    field.edge("shop-1", ["192.168.0.0/24"], location=[31.2, 121.5])
    field.edge("far", [], location=[39.9, 116.4])
    field.edge("near", [], location=[31.3, 120.6])
    field.holds("far", "APP1/2.0")
    assert ask(server, app="APP1", **HOME)[1]["address"].startswith("far.lan")
    field.holds("near", "APP1/2.0", state="copying")
    assert ask(server, app="APP1", **HOME)[1]["address"].startswith("far.lan")
    field.holds("near", "APP1/2.0", generation=2)
    answer = ask(server, app="APP1", **HOME)[1]
    assert (answer["source"], answer["address"]) == ("nearby", "near.lan/data/share/APP1_2.0.apk")
    field.holds("near", "APP1/2.0", state="leaving", generation=3)
    assert ask(server, app="APP1", **HOME)[1]["address"].startswith("far.lan")


def test_p6_edges_that_hold_nothing_are_passed_by(field: Field, server: Program) -> None:
    field.edge("shop-1", ["192.168.0.0/24"], location=[10, 0])
    for number in range(30):
        field.edge(f"empty-{number}", [], location=[10, number])
    field.edge("full", [], location=[10, 179])
    field.holds("full", "APP1/2.0")
    answer = ask(server, app="APP1", **HOME)[1]
    assert (answer["source"], answer["address"]) == ("nearby", "full.lan/data/share/APP1_2.0.apk")


def test_p6_without_a_patch_the_full_package_is_answered(field: Field, server: Program) -> None:
    field.shop.publish(apks.made("v2+v3"), "APP1", "3.0")
    field.shop.run("release", "APP1", "3.0")
    answer = ask(server, **{"app": "APP1", "from": "2.0"}, **HOME)[1]
    assert (answer["kind"], answer["package"]) == ("full", "APP1/3.0")
    assert field.counts() == {("192.168.0.0/24", "APP1/2.0..3.0"): (0, 1)}  # what is wanted is the patch
    assert ask(server, **{"app": "APP1", "from": "0.1"})[1]["package"] == "APP1/3.0"  # older than the catalogue
    assert ask(server, **{"app": "APP1", "from": "3.0"}) == (204, None)


def test_who_has_a_newer_version_is_offered_no_older_one(field: Field, server: Program) -> None:
    field.shop.publish(apks.made("older-v2"), "APP1", "1.9")
    assert ask(server, **{"app": "APP1", "from": "1.9"})[1]["package"] == "APP1/2.0"
    field.shop.run("release", "APP1", "1.9")  # 2.0 was withdrawn
    assert ask(server, **{"app": "APP1", "from": "2.0"}) == (204, None)
    assert ask(server, **{"app": "APP1", "from": "2.0", "version": "1.9"})[1]["package"] == "APP1/1.9"  # who says so gets it
    assert ask(server, **{"app": "APP1", "from": "0.9"})[1]["package"] == "APP1/1.9"


def test_a_head_is_answered_and_not_counted(field: Field, server: Program) -> None:
    field.edge("shop-1", ["192.168.0.0/24"])
    field.policy(place={"t1": 0, "t2": 0, "m": 5, "window": {"last": "1d"}})
    request = urllib.request.Request(f"{server.url}/query?{urlencode({'app': 'APP1', **HOME})}", method="HEAD")
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert field.counts() == {}
    assert not (field.folder / "wanted").exists()


@pytest.mark.parametrize("trigger, sources", [
    ("immediate", ["origin", "origin", "edge", "edge"]),
    ("background", ["origin", "origin", "origin", "origin"]),
    ("pending", ["origin", "origin", "origin", "edge"]),
])
def test_p7_a_miss_past_t1_triggers(trigger: str, sources: list[str], field: Field, server: Program, tmp_path: Path) -> None:
    (tmp_path / "edge").mkdir()
    field.policy(trigger=trigger)
    field.edge("shop-1", ["192.168.0.0/24"], store=f"file://{tmp_path}/edge")
    states = []
    asked = []
    for _ in range(4):
        asked.append(ask(server, app="APP1", **HOME)[1]["source"])
        rows = sorted((field.folder / "wanted/shop-1").glob("*")) if (field.folder / "wanted/shop-1").exists() else []
        states.append(json.loads(rows[0].read_text())["packages"]["APP1/2.0"]["state"] if rows else None)
    assert asked == sources
    wanted = {"immediate": [None, None, "wanted", "wanted"], "background": [None, None, "wanted", "wanted"],
              "pending": [None, None, "pending", "wanted"]}
    assert states == wanted[trigger]
    assert (tmp_path / "edge/APP1_2.0.apk").exists() == (trigger != "background")
    field.shop.run("reconcile")
    assert ask(server, app="APP1", **HOME)[1]["source"] == "edge"


@pytest.mark.parametrize("trigger, sources", [("immediate", ["origin"] * 2 + ["edge"] * 6), ("background", ["origin"] * 8), ("pending", ["origin"] * 3 + ["edge"] * 5)])
@pytest.mark.parametrize("flush", ["sync", "1h"])
def test_p7_a_burst_past_t1_triggers_on_minio(trigger: str, sources: list[str], flush: str, minio: Minio, bucket: str, servers: Servers) -> None:
    shop = minio_shop(minio, bucket)
    shop.publish(apks.made("v2"), "APP1", "2.0")
    client, store = minio.client(), minio.store(minio.bucket(f"{bucket}-edge"))
    edge = {"edge": "shop-1", "address": "shop-1.lan", "directory": "/data", "lans": ["192.168.0.0/24"], "store": store}
    policy = {"place": {"t1": 2, "t2": 1, "m": 5, "window": {"last": "1d"}}, "trigger": trigger}
    client.put_object(Bucket=bucket, Key="edges/shop-1.json", Body=json.dumps(edge).encode())
    client.put_object(Bucket=bucket, Key="policy/9999999999999999", Body=json.dumps(policy).encode())
    server = shop.program(servers, "--public-url", "https://apps.example", "--flush", flush)
    assert [ask(server, app="APP1", **HOME)[1]["source"] for _ in sources] == sources
    rows = sorted(item["Key"] for item in client.list_objects_v2(Bucket=bucket, Prefix="wanted/shop-1/")["Contents"])
    wanted = json.loads(client.get_object(Bucket=bucket, Key=rows[0])["Body"].read())
    assert wanted["packages"]["APP1/2.0"]["state"] == "wanted"


def test_what_cannot_be_written_costs_no_answer(field: Field, server: Program) -> None:
    field.edge("shop-1", ["192.168.0.0/24"])
    for key in ("decisions", "wanted"):
        (field.folder / key).write_text("in the way")
    answers = [ask(server, app="APP1", **HOME) for _ in range(5)]
    assert [(status, answer["source"]) for status, answer in answers] == [(200, "origin")] * 5
    assert field.counts() == {("192.168.0.0/24", "APP1/2.0"): (0, 5)}
    (field.folder / "demand").rename(field.folder / "demand-before")
    (field.folder / "demand").write_text("in the way")
    assert ask(server, app="APP1", **HOME)[0] == 200
    (field.folder / "demand").unlink()
    server.process.terminate()
    server.process.wait(20)
    assert field.counts()["192.168.0.0/24", "APP1/2.0"] == (0, 6)  # what was not written waited


def test_an_edge_that_loses_its_lans_while_it_is_asked_about_costs_no_answer(field: Field, server: Program) -> None:
    field.policy(place={"t1": 0, "t2": 0, "m": 5, "window": {"last": "1d"}})
    lans = [f"10.{number}.0.0/16" for number in range(50)]
    ended = threading.Event()

    def toggle() -> None:
        while not ended.is_set():
            for listed in (lans, []):
                field.edge("shop-1", listed)

    toggling = threading.Thread(target=toggle)
    toggling.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            statuses = set(pool.map(lambda number: ask(server, app="APP1", ip=f"10.{number % 50}.0.1", mask="16")[0], range(400)))
    finally:
        ended.set()
        toggling.join()
    assert statuses == {200}


@pytest.mark.parametrize("spoilt", ["shop-1", "near"])
def test_an_edge_whose_row_is_spoilt_is_passed_by(spoilt: str, field: Field, server: Program) -> None:
    field.edge("shop-1", ["192.168.0.0/24"], location=[31.2, 121.5])
    field.edge("near", [], location=[31.3, 120.6])
    field.edge("far", [], location=[39.9, 116.4])
    field.holds("far", "APP1/2.0")
    (field.folder / f"held/{spoilt}").mkdir(parents=True)
    (field.folder / f"held/{spoilt}/9999999999999999").write_text("{")
    status, answer = ask(server, app="APP1", **HOME)
    assert (status, answer["address"]) == (200, "far.lan/data/share/APP1_2.0.apk")


def test_p6_a_patch_that_nobody_made_is_missed_where_the_full_package_stands_in(field: Field, server: Program, tmp_path: Path) -> None:
    (tmp_path / "edge").mkdir()
    field.shop.publish(apks.made("older-v2"), "APP1", "1.0")
    field.policy(place={"t1": 1, "t2": 0, "m": 5, "window": {"last": "1d"}}, trigger="immediate")
    field.edge("shop-1", ["192.168.0.0/24"], store=f"file://{tmp_path}/edge")
    field.holds("shop-1", "APP1/2.0")
    question = {"app": "APP1", "from": "1.0", **HOME}
    first = ask(server, **question)[1]
    assert (first["source"], first["package"]) == ("edge", "APP1/2.0")
    assert field.counts() == {("192.168.0.0/24", "APP1/1.0..2.0"): (0, 1)}
    second = ask(server, **question)[1]  # past T1: made, placed, and answered
    assert (second["source"], second["package"], second["kind"]) == ("edge", "APP1/1.0..2.0", "patch")
    patch = (tmp_path / "edge/APP1_1.0_2.0.diff").read_bytes()
    assert (second["size"], second["sha256"]) == (len(patch), hashlib.sha256(patch).hexdigest())


def test_counts_are_what_was_asked_also_after_a_kill(field: Field, server: Program) -> None:
    field.edge("shop-1", ["192.168.0.0/24"])
    field.policy(place={"t1": 100000, "t2": 1000, "m": 5})
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ask(server, app="APP1", **HOME)[0], range(200)))
    assert statuses == [200] * 200
    server.process.kill()
    assert field.counts() == {("192.168.0.0/24", "APP1/2.0"): (0, 200)}


def test_counts_are_written_on_time_and_at_the_end(field: Field, servers: Servers) -> None:
    server = field.shop.program(servers, "--flush", "1s")
    ask(server, app="APP1", **HOME)
    deadline = time.monotonic() + 30
    while not field.counts() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert field.counts() == {("192.168.0.0/24", "APP1/2.0"): (0, 1)}
    slow = field.shop.program(servers, "--flush", "1h")
    ask(slow, app="APP1", **HOME)
    slow.process.terminate()
    slow.process.wait(20)
    assert field.counts() == {("192.168.0.0/24", "APP1/2.0"): (0, 2)}


def test_junk_takes_no_memory(field: Field, servers: Servers) -> None:
    server = field.shop.program(servers, "--flush", "1h")

    def memory() -> int:
        return int(next(line for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if line.startswith("VmRSS")).split()[1])

    for i in range(500):
        ask(server, app=f"NONE-{i}", ip=f"10.{i % 256}.1.1", mask="24")
    before = memory()
    with ThreadPoolExecutor(8) as pool:
        asked = pool.map(lambda i: ask(server, app="APP1", ip=f"10.{i % 256}.{i // 256}.1", mask="24")[0], range(4500))
        assert set(asked) == {200}
    assert memory() - before < 16 * 1024
    metrics = client.request(f"{server.url}/metrics", headers=ADMIN).body.decode()
    assert "pakhus_demand_pairs 4096" in metrics


@pytest.mark.parametrize("arguments, status, words", [
    ({}, 400, "'app' is missing"),
    ({"app": "../x"}, 400, "'app' must be"),
    ({"app": "NONE"}, 404, "there is no app 'NONE'"),
    ({"app": "APP1", "version": "9"}, 404, "APP1/9"),
    ({"app": "APP1", "channel": "nobody"}, 404, "no channel nobody"),
    ({"app": "APP1", "ip": "192.168.0.7"}, 400, "needs 'mask'"),
    ({"app": "APP1", "ip": "192.168.0.7", "mask": "255.0.255.0"}, 400, "holes"),
    ({"app": "APP1", "ip": "192.168.0", "mask": "24"}, 400, "'ip' must be"),
    ({"app": "APP1", "lan": "NOWHERE"}, 400, "no LAN with the code"),
    ({"app": "A" * 300}, 400, "longer than 256"),
])
def test_bad_questions_are_told(arguments: dict[str, str], status: int, words: str, server: Program) -> None:
    got, problem = ask(server, **arguments)
    assert got == status
    assert words in problem["detail"]


def test_on_minio_a_warm_query_asks_the_store_nothing(minio: Minio, bucket: str, servers: Servers) -> None:
    shop = minio_shop(minio, bucket)
    shop.publish(apks.made("v2"), "APP1", "2.0")
    server = shop.program(servers, "--public-url", "https://apps.example", "--flush", "1h")
    for _ in range(3):
        assert ask(server, app="APP1", **HOME)[0] == 200

    def requests() -> int:
        text = client.request(f"{server.url}/metrics", headers=ADMIN).body.decode()
        return int(next(line for line in text.splitlines() if line.startswith("pakhus_store_requests_total")).split()[1])

    before = requests()
    for _ in range(100):
        assert ask(server, app="APP1", **HOME)[0] == 200
    assert requests() - before <= 8  # what is some seconds old is asked about again


# --- the command


@pytest.mark.parametrize("env, options, host", [
    ({}, [], "127.0.0.1:8080"), ({"PAKHUS_LISTEN": "127.0.0.1:9000"}, [], "127.0.0.1:9000"), ({"PAKHUS_LISTEN": ":9000"}, [], "127.0.0.1:9000"),
    ({"PAKHUS_LISTEN": "[::]:9000"}, [], "127.0.0.1:9000"), ({"PAKHUS_PUBLIC_URL": "https://packages.example"}, [], "packages.example"),
    ({"PAKHUS_LISTEN": ":9000"}, ["--public-url", "https://packages.example"], "packages.example")])
def test_the_command_names_the_server_of_its_settings(env: dict[str, str], options: list[str], host: str, directory: Shop) -> None:
    directory.publish(apks.made("v2"))
    assert directory.run("query", "--app", "APP", *options, env=env).stdout.startswith(f"{host}/packages/APP/1.0.apk\t")
