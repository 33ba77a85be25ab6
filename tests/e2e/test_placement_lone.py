"""P1, P12: LANs that no edge serves, by command and over HTTP. Every shop uses 192.168.0.0/24."""

import json
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from support import apks, placed
from support.demand import cells, counted
from support.servers import ADMIN, Program, Servers
from support.shop import Shop

HOME = {"ip": "192.168.0.7", "mask": "255.255.255.0"}
ONE, OTHER = "203.0.113.5", "198.51.100.7"  # shops, as others see them
POLICY: dict[str, Any] = {"place": {"t1": 5000, "t2": 1000, "m": 3, "of": 5, "window": {"last": "1d"}},
                          "evict": {"t3": 300, "n": 3, "of": 5, "window": {"last": "1d"}}}


@pytest.fixture
def store(directory: Shop, tmp_path: Path) -> Shop:
    directory.publish(apks.made("v2"), "APP", "1.0")
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(POLICY))
    directory.run("policy", "set", path)
    return directory


@pytest.fixture
def server(store: Shop, servers: Servers) -> Program:
    return store.program(servers, "--trusted-proxies", "127.0.0.0/8", "--flush", "sync")


def misses(store: Shop, lan: str, count: int, package: str = "APP/1.0") -> None:
    """In the current window of now."""
    at = datetime.now(UTC) - timedelta(hours=2)
    placed.put(store, *counted(lan, package, 0, count, f"{at:%Y-%m-%d}", at.hour))


def ask(server: Program, caller: str, **arguments: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{server.url}/query?{urlencode({'app': 'APP', **arguments})}", headers={"X-Forwarded-For": caller})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def by_command(store: Shop, caller: str, **arguments: str) -> None:
    store.run("query", "--app", "APP", "--caller", caller, *(f"--{name}={value}" for name, value in arguments.items()))


def asked(store: Shop) -> dict[str, int]:
    """LAN → misses."""
    found: dict[str, int] = {}
    for path in Path(store.store.removeprefix("file://"), "demand/live").rglob("*"):
        for lan, _, _, _, count in cells(path.read_text()) if path.is_file() else []:
            found[lan] = found.get(lan, 0) + count
    return found


def evaluate(store: Shop, server: Program | None = None) -> list[dict[str, Any]]:
    """Decisions that were written: by the event where there is a server, else by the command."""
    if server:
        question = urllib.request.Request(f"{server.url}/2015-03-31/functions/evaluate-cron/invocations", b'{"pakhus":"evaluate"}', ADMIN, method="POST")
        urllib.request.urlopen(question).read()
    else:
        store.run("evaluate")
    folder = Path(store.store.removeprefix("file://"))
    return [json.loads(line) for path in sorted(folder.glob("decisions/*/*")) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("over_http", [False, True])
def test_p1_two_shops_without_an_edge_are_two_lans(over_http: bool, store: Shop, server: Program) -> None:
    """And the alert says which one needs an edge (P12): 5,001 misses, and 5,000."""
    for shop, before in ((ONE, 5000), (OTHER, 4999)):
        misses(store, f"{shop}/32@192.168.0.0/24", before)
        if over_http:
            assert ask(server, shop, **HOME)["source"] == "origin"
        else:
            by_command(store, shop, **HOME)
    assert asked(store) == {f"{ONE}/32@192.168.0.0/24": 5001, f"{OTHER}/32@192.168.0.0/24": 5000}
    (alert,) = evaluate(store, server if over_http else None)
    assert (alert["decision"], alert["rule"], alert["misses"][0]) == ("alert", "t1", 5001)
    assert (alert["lan"], alert["egress"]) == (f"{ONE}/32@192.168.0.0/24", f"{ONE}/32")
    files = list(Path(store.store.removeprefix("file://"), "alerts").rglob("*.json"))
    assert [json.loads(path.read_text())["egress"] for path in files] == [f"{ONE}/32"]


def test_p12_without_a_policy_a_second_request_is_no_reason_for_an_edge(tmp_path: Path) -> None:
    """A store without a policy places at the second request ("auto"), and alerts at the published 5,001st."""
    (tmp_path / "bare").mkdir()
    bare = Shop(f"file://{tmp_path / 'bare'}")
    bare.publish(apks.made("v2"), "APP", "1.0")
    placed.register(bare, tmp_path)
    for lan, count in (("192.168.0.0/24", 2), ("10.0.1.0/24", 5000), ("10.0.2.0/24", 5001)):
        misses(bare, lan, count)
    lines = sorted((line["decision"], line["lan"], line["rule"]) for line in evaluate(bare))
    assert lines == [("alert", "10.0.2.0/24", "t1"), ("place", "192.168.0.0/24", "t1")]
    alerts = [json.loads(bare.run("query", "--app", "APP", "--ip", f"10.0.{lan}.9", "--mask", "24", "--alert", "--json").stdout)["alert"]
              for lan in (3, 2)]
    assert alerts == [None, {"lan": "10.0.2.0/24", "misses": 5002, "threshold": 5000}]


@pytest.mark.parametrize("over_http", [False, True])
def test_p1_an_edge_registered_later_gets_what_was_counted_there(over_http: bool, store: Shop, server: Program, tmp_path: Path) -> None:
    """P12: what is wanted is placed on it. Both shops asked equally often; one gets an edge."""
    for shop in (ONE, OTHER):
        misses(store, f"{shop}/32@192.168.0.0/24", 5000)
    placed.register(store, tmp_path, edge="shop-5", egress=["203.0.113.0/28"], lans=["192.168.0.0/24"])
    if over_http:
        assert ask(server, ONE, **HOME)["source"] == "origin"
    else:
        by_command(store, ONE, **HOME)
    (line,) = evaluate(store, server if over_http else None)
    assert (line["edge"], line["decision"], line["rule"], line["misses"][0]) == ("shop-5", "place", "t1", 5001)
    assert line["lan"] == "203.0.113.0/28@192.168.0.0/24"
    assert list(placed.shown(store, "shop-5")["wanted"]["packages"]) == ["APP/1.0"]


def test_p1_a_site_that_is_registered_with_the_egress_gets_it_too(store: Shop, tmp_path: Path) -> None:
    misses(store, f"{ONE}/32@192.168.0.0/24", 2500)
    misses(store, f"{ONE}/32", 2500)  # queries that gave no address
    placed.register(store, tmp_path, edge="mall", site="mall", egress=["203.0.113.0/24"])
    misses(store, "mall@192.168.0.0/24", 1)
    (line,) = evaluate(store)
    assert (line["edge"], line["lan"], line["misses"][0]) == ("mall", "mall@192.168.0.0/24", 5001)


@pytest.mark.parametrize("over_http", [False, True])
def test_p2_a_node_without_lans_holds_what_lans_without_an_edge_ask_for(
        over_http: bool, store: Shop, server: Program, tmp_path: Path) -> None:
    """The method's fourth server: misses of the LANs that it is nearest to are summed, 5,000 and then one more of another LAN."""
    (tmp_path / "node").mkdir()
    for edge, region, files in (("node-1", "east", f"file://{tmp_path}/node"), ("node-2", "west", "pull")):
        placed.register(store, tmp_path, edge=edge, address=f"{edge}.example", lans=None, directory="", region=region, store=files)
    misses(store, "~node-1", 5000)
    evaluate(store)
    assert placed.states(store, "node-1") == {}
    if over_http:
        ask(server, OTHER, region="east", **HOME)
        ask(server, ONE, region="west", **HOME)
    else:
        by_command(store, OTHER, region="east", **HOME)
        by_command(store, ONE, region="west", **HOME)
    assert asked(store) == {"~node-1": 5001, f"{OTHER}/32@192.168.0.0/24": 1, "~node-2": 1, f"{ONE}/32@192.168.0.0/24": 1}
    lines = [line for line in evaluate(store, server if over_http else None) if line["decision"] == "place"]
    assert [(line["edge"], line["lan"], line["rule"], line["misses"][0]) for line in lines] == [("node-1", "~node-1", "t1", 5001)]
    store.run("reconcile")
    answer = ask(server, ONE, region="east", **HOME)
    assert (answer["source"], answer["address"]) == ("nearby", "node-1.example/APP_1.0.apk")
    assert (tmp_path / "node/APP_1.0.apk").stat().st_size == answer["size"]
    assert ask(server, ONE, region="west", **HOME)["source"] == ask(server, ONE, **HOME)["source"] == "origin"


def test_p7_a_miss_of_a_lan_without_an_edge_triggers_at_its_node(store: Shop, server: Program, tmp_path: Path) -> None:
    """Immediate: copied there while the device waits, and answered."""
    (tmp_path / "node").mkdir()
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({**POLICY, "trigger": "immediate"}))
    store.run("policy", "set", path)
    placed.register(store, tmp_path, edge="node-1", address="node-1.example", lans=None, region="east", store=f"file://{tmp_path}/node")
    misses(store, "~node-1", 4999)
    answers = [ask(server, shop, region="east", **HOME)["source"] for shop in (ONE, OTHER, ONE)]
    assert answers == ["origin", "nearby", "nearby"]
    assert json.loads(store.run("edge", "show", "node-1", "--json").stdout)["held"]["packages"].keys() == {"APP/1.0"}


def test_p14_a_node_drops_what_its_lans_ask_for_no_more(store: Shop, server: Program, tmp_path: Path) -> None:
    """What the node answers is its hits: 299 a day are too few, 300 are not."""
    placed.register(store, tmp_path, edge="node-1", lans=None, region="east")
    store.publish(apks.made("v3"), "APP", "2.0")
    placed.want(store, {"APP/1.0": {"size": 1}, "APP/2.0": {"size": 1}}, edge="node-1")
    for version, count in (("1.0", 299), ("2.0", 300)):
        for day in range(1, 6):
            at = datetime.now(UTC) - timedelta(days=day, hours=2)
            placed.put(store, *counted("~node-1", f"APP/{version}", count, 0, f"{at:%Y-%m-%d}", at.hour))
    store.run("evict")
    assert list(placed.shown(store, "node-1")["wanted"]["packages"]) == ["APP/2.0"]


def test_p12_an_operator_who_asks_is_told_that_an_edge_is_missing(store: Shop, server: Program, tmp_path: Path) -> None:
    """With the query's own answer, at the 5,001st miss and not before, and for this LAN alone."""
    lan = f"{ONE}/32@192.168.0.0/24"
    misses(store, lan, 4998)
    assert [ask(server, ONE, alert="1", **HOME)["alert"] for _ in range(2)] == [None, None]
    assert "alert" not in ask(server, "192.0.2.9", **HOME)
    assert ask(server, ONE, alert="1", **HOME)["alert"] == {"lan": lan, "misses": 5001, "threshold": 5000}
    assert ask(server, OTHER, alert="1", **HOME)["alert"] is None
    done = store.run("query", "--app", "APP", "--caller", ONE, "--ip", "192.168.0.9", "--mask", "24", "--alert")
    assert done.stderr == f"an edge is missing: the LAN {lan} has none, and missed this package 5002 times; the place threshold is 5000\n"
    placed.register(store, tmp_path, egress=[f"{ONE}/32"])
    assert ask(server, ONE, alert="1", **HOME)["alert"] is None


@pytest.mark.parametrize("over_http", [False, True])
def test_p1_an_edge_that_says_nothing_of_its_callers_serves_all_and_is_warned_about(
        over_http: bool, store: Shop, servers: Servers, tmp_path: Path) -> None:
    """P1 as published: the network alone is the LAN."""
    placed.register(store, tmp_path)
    server = store.program(servers, "--trusted-proxies", "127.0.0.0/8", "--flush", "1s")
    for shop in (ONE, "10.0.0.9", ONE):  # a private address says nothing
        ask(server, shop, **HOME) if over_http else by_command(store, shop, **HOME)
    time.sleep(2.5 if over_http else 0)
    assert store.run("edge", "list").stderr == ""
    ask(server, OTHER, **HOME) if over_http else by_command(store, OTHER, **HOME)
    deadline = time.monotonic() + 20
    while not (said := store.run("edge", "list").stderr) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert said.startswith("warning: edge shop-1 has neither site nor egress, and callers with more than one public address use it: ")
    assert f"{ONE}/32 " in said and f"{OTHER}/32 " in said
    assert not over_http or f"edge=shop-1 has neither site nor egress, and callers with more than one public address use it, {OTHER}/32" in server.output()
    assert not over_http or set(asked(store)) == {"192.168.0.0/24"}
    placed.register(store, tmp_path, egress=[f"{ONE}/32", f"{OTHER}/32"])  # one shop with two lines
    assert store.run("edge", "list").stderr == ""


def test_p12_a_node_that_was_removed_is_no_lan(store: Shop, tmp_path: Path) -> None:
    """What was counted for it belongs to no shop: the LANs that asked have rows of their own."""
    placed.register(store, tmp_path, edge="node-1", lans=None, region="east")
    misses(store, "~node-1", 6000)
    store.run("edge", "remove", "node-1")
    assert evaluate(store) == []


def test_p1_a_node_makes_no_lan_of_the_shops_behind_its_egress(store: Shop, tmp_path: Path) -> None:
    placed.register(store, tmp_path, edge="node-1", lans=None, egress=["203.0.0.0/16"])
    for shop in (ONE, "203.0.77.9"):
        by_command(store, shop, **HOME)
    assert {lan for lan in asked(store) if not lan.startswith("~")} == {f"{ONE}/32@192.168.0.0/24", "203.0.77.9/32@192.168.0.0/24"}


def test_p1_callers_with_public_addresses_of_their_own_are_no_sign_of_several_shops(store: Shop, tmp_path: Path) -> None:
    placed.register(store, tmp_path, lans=["198.51.100.0/24"])
    for caller in ("198.51.100.7", "198.51.100.8"):
        by_command(store, caller)
    assert store.run("edge", "list").stderr == ""


def test_p8_a_date_that_is_still_to_come_places_nothing(store: Shop, server: Program, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    at = datetime.now(UTC) + timedelta(days=10)
    path.write_text(json.dumps({"place": {"t1": 0, "t2": 0, "window": {"since": f"{at:%Y-%m-%d}"}}, "trigger": "immediate"}))
    store.run("policy", "set", path)
    (tmp_path / "edge").mkdir()
    placed.register(store, tmp_path, store=f"file://{tmp_path}/edge")
    for _ in range(2):
        assert ask(server, ONE, **HOME)["source"] == "origin"
    assert list((tmp_path / "edge").iterdir()) == []
