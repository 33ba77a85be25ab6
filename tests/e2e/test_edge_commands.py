"""edge add, list, show, remove and lan: what is registered, and which word is wrong."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support import placed, shop
from support.placed import EDGE
from support.shop import Shop


def given(store: Shop, folder: Path, *command: str, text: str) -> "subprocess.CompletedProcess[str]":
    path = folder / "given.json"
    path.write_text(text)
    return store.run("edge", *command, path, check=False)


def edges(store: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(store.run("edge", "list", "--json").stdout)
    return found


def test_an_edge_is_added_listed_changed_and_removed(store: Shop, tmp_path: Path) -> None:
    assert edges(store) == [] and store.run("edge", "list").stdout == ""
    wanted = placed.register(store, tmp_path, location=[31.2, 121.5], egress=["203.0.113.0/24"])
    [known] = edges(store)
    assert {name: known[name] for name in wanted} == wanted
    assert store.run("edge", "list").stdout == "shop-1\t192.168.0.5/data/share\t203.0.113.0/24@192.168.0.0/24\n"
    placed.register(store, tmp_path, address="192.168.0.6")
    assert [edge["address"] for edge in edges(store)] == ["192.168.0.6"]
    store.run("edge", "remove", "shop-1")
    assert edges(store) == []
    again = store.run("edge", "remove", "shop-1", check=False)
    assert again.returncode == 1 and "there is no edge 'shop-1'" in again.stderr


def test_standard_input_is_read(directory: Shop) -> None:
    done = subprocess.run([shop.pakhus_binary(), "edge", "add", "-", "--store", directory.store], input=json.dumps(EDGE), text=True,
                          capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "shop-1: 1 LAN\n")
    assert [edge["edge"] for edge in edges(directory)] == ["shop-1"]


@pytest.mark.parametrize("field, value", [
    ("edge", "../x"), ("edge", None), ("address", "192.168.0.5/x"), ("address", None), ("directory", "/data/../etc"), ("lans", ["192.168.0.300/24"]),
    ("lans", [7]), ("egress", ["everywhere"]), ("quota", -1), ("quota", "1 GB"), ("store", "http://x"), ("store", None), ("location", [91, 0]),
    ("location", [1]), ("splices", "yes"), ("credentials", "a b"), ("colour", "red")])
def test_the_field_that_is_wrong_is_named(field: str, value: Any, directory: Shop, tmp_path: Path) -> None:
    edge = {name: item for name, item in {**EDGE, field: value}.items() if item is not None}
    done = given(directory, tmp_path, "add", text=json.dumps(edge))
    assert done.returncode == 1 and f"edge.{field}" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert edges(directory) == []


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"edge":"a","edge":"b"}', "\0"])
def test_what_is_no_edge_is_refused(text: str, directory: Shop, tmp_path: Path) -> None:
    done = given(directory, tmp_path, "add", text=text)
    assert done.returncode == 1 and done.stderr.startswith("pakhus edge add: "), done.stderr


def test_two_edges_of_one_lan_are_told_apart_or_refused(directory: Shop, tmp_path: Path) -> None:
    placed.register(directory, tmp_path)
    second = {**EDGE, "edge": "shop-2"}
    done = given(directory, tmp_path, "add", text=json.dumps(second))
    assert done.returncode == 1 and "shop-1" in done.stderr and "192.168.0.0/24" in done.stderr
    placed.register(directory, tmp_path, edge="shop-2", site="second")
    assert [edge["edge"] for edge in edges(directory)] == ["shop-1", "shop-2"]


def test_show_tells_what_is_there_and_what_is_on_its_way(directory: Shop, tmp_path: Path) -> None:
    placed.register(directory, tmp_path)
    unknown = directory.run("edge", "show", "nowhere", check=False)
    assert unknown.returncode == 1 and "there is no edge 'nowhere'" in unknown.stderr
    assert placed.states(directory) == {}
    placed.want(directory, {"A/1": {"size": 5}, "B/1": {"size": 7}, "C/1": {"size": 11}, "D/1": {"size": 13, "state": "pending"}})
    since = "2026-08-20T10:00:00Z"
    held = {"A/1": {"since": since, "size": 5}, "B/1": {"since": since, "size": 7, "state": "copying"},
            "Z/1": {"since": since, "size": 17, "state": "leaving", "until": "2026-08-20T11:00:00Z"}}
    placed.put(directory, f"held/shop-1/{placed.LAST}", json.dumps({"edge": "shop-1", "packages": held}))
    assert placed.states(directory) == {"A/1": "held", "B/1": "copying", "C/1": "wanted", "D/1": "pending", "Z/1": "leaving"}
    lines = directory.run("edge", "show", "shop-1").stdout.splitlines()
    assert lines[:3] == ["shop-1\t192.168.0.5/data/share\t192.168.0.0/24", "29 bytes of 64000000000; it pulls", f"A/1\theld\t5\t{since}"]
    shown = placed.shown(directory)
    assert (shown["edge"]["edge"], shown["used"], shown["held"]["packages"]) == ("shop-1", 29, held)
    assert list(shown["wanted"]["packages"]) == ["A/1", "B/1", "C/1", "D/1"]


def test_lans_have_codes(store: Shop, tmp_path: Path) -> None:
    assert store.run("edge", "lan", "list").stdout == ""
    for entry in {"code": "SHOP-7", "site": "shop-7", "network": "10.1.2.3/16", "location": [31.2, 121.5]}, {"code": "MALL"}, {"code": "BARE"}:
        assert given(store, tmp_path, "lan", "set", text=json.dumps(entry)).returncode == 0
    placed.register(store, tmp_path, lans=["MALL"])
    placed.register(store, tmp_path, edge="shop-7", site="shop-7", lans=["10.1.0.0/16"])
    assert store.run("edge", "lan", "list").stdout.splitlines() == ["BARE\t@BARE\t-", "MALL\t@MALL\tshop-1", "SHOP-7\tshop-7@10.1.0.0/16\tshop-7"]
    store.run("edge", "lan", "remove", "BARE")
    assert len(store.run("edge", "lan", "list").stdout.splitlines()) == 2
    again = store.run("edge", "lan", "remove", "BARE", check=False)
    assert again.returncode == 1 and "there is no LAN 'BARE'" in again.stderr


@pytest.mark.parametrize("entry, field", [
    ({"network": "10.0.0.0/8"}, "code"), ({"code": "a/b"}, "code"), ({"code": "A", "network": "10.0.0.0/33"}, "network"),
    ({"code": "A", "network": 7}, "network"), ({"code": "A", "site": ".."}, "site"), ({"code": "A", "lat": 1}, "lat")])
def test_the_field_of_a_lan_that_is_wrong_is_named(entry: dict[str, Any], field: str, directory: Shop, tmp_path: Path) -> None:
    done = given(directory, tmp_path, "lan", "set", text=json.dumps(entry))
    assert done.returncode == 1 and f"lan.{field}: " in done.stderr, done.stderr


def test_one_edge_that_was_spoilt_stops_nobody(directory: Shop, tmp_path: Path) -> None:
    placed.register(directory, tmp_path)
    placed.put(directory, "edges/broken.json", "{")
    assert [edge["edge"] for edge in edges(directory)] == ["shop-1"]
    done = directory.run("edge", "show", "broken", check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
