"""edge add, list, show, remove and lan: what is registered, and which word is wrong."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from support import apks, client, placed, shop
from support.placed import EDGE
from support.servers import Command, Minio, Servers, clean_environment, pakhus_binary
from support.shop import Shop


def given(store: Shop, folder: Path, *command: str, text: str) -> "subprocess.CompletedProcess[str]":
    path = folder / "given.json"
    path.write_text(text)
    return store.run("edge", *command, path, check=False)


def edges(store: Shop, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in store.run("edge", "list", "--json", *words).stdout.splitlines()]


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


SINCE = "2026-08-20T10:00:00Z"


def furnish(store: Shop, folder: Path, minio: Minio, first: int = 1) -> None:
    """shop-1, which holds A/1 and wants B/1, and a namesake by half that does so too."""
    for edge in ("shop-1", "shop-10"):
        placed.register(store, folder, edge=edge, site=edge)
        placed.put(store, f"held/{edge}/{placed.LAST + 1 - first}", json.dumps({"edge": edge, "packages": {"A/1": {"since": SINCE, "size": 5}}}), minio)
        placed.want(store, {"B/1": {"size": 7}}, first, edge, minio)


def left_of(minio: Minio, bucket: str, edge: str) -> list[str]:
    """What speaks of the edge, by the first part of its key: rows, where there is anything in them."""
    client, left = minio.client(), []
    for prefix in (f"edges/{edge}.json", f"held/{edge}/", f"wanted/{edge}/"):
        found = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        newest = json.loads(client.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read()) if found else {}
        left += [prefix.split("/")[0]] if newest.get("packages", newest) else []
    return left


@pytest.mark.parametrize("breaks_at, left", [
    ("DELETE /{bucket}/edges/shop-1.json", ["edges", "held", "wanted"]),
    (f"PUT /{{bucket}}/held/shop-1/{placed.LAST - 1}", ["held", "wanted"]),
    (f"PUT /{{bucket}}/wanted/shop-1/{placed.LAST - 1}", ["wanted"])])
def test_an_edge_that_was_removed_by_half_is_removed_by_the_next_try(breaks_at: str, left: list[str], minio: Minio, bucket: str, servers: Servers,
                                                                     tmp_path: Path) -> None:
    store = shop.minio_shop(minio, bucket)
    furnish(store, tmp_path, minio)
    asked = breaks_at.replace("{bucket}", bucket)
    broken = servers.recorder(minio.url, f'set $asked "$request_method $request_uri"; if ($asked = "{asked}") {{ return 403; }}')
    done = shop.minio_shop(minio, bucket, endpoint=broken.url).run("edge", "remove", "shop-1", check=False)
    assert done.returncode == 1 and asked.split("/", 2)[2] in done.stderr
    assert left_of(minio, bucket, "shop-1") == left
    assert ("shop-1" in [edge["edge"] for edge in edges(store)]) == ("edges" in left)
    assert store.run("edge", "remove", "shop-1").stderr == "shop-1: removed\n"
    assert left_of(minio, bucket, "shop-1") == []
    again = store.run("edge", "remove", "shop-1", check=False)
    assert again.returncode == 1 and "there is no edge 'shop-1'" in again.stderr
    assert placed.states(store, "shop-10") == {"A/1": "held", "B/1": "wanted"}
    placed.register(store, tmp_path)
    assert placed.states(store) == {}


def test_a_removal_that_is_killed_anywhere_is_ended_by_the_next(minio: Minio, bucket: str, tmp_path: Path) -> None:
    store = shop.minio_shop(minio, bucket)
    command: Command = [pakhus_binary(), "edge", "remove", "shop-1", "--store", store.store]
    for number, delay in enumerate((0.005, 0.01, 0.015, 0.02, 0.03)):
        furnish(store, tmp_path, minio, 1 + 2 * number)
        running = subprocess.Popen(command, env={**clean_environment(), **store.env}, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        running.kill()
        running.wait()
        seen = left_of(minio, bucket, "shop-1")
        assert store.run("edge", "remove", "shop-1", check=bool(seen)).returncode == (0 if seen else 1)
        assert left_of(minio, bucket, "shop-1") == []


def test_a_server_that_knew_an_edge_does_not_take_its_namesake_for_it(directory: Shop, servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "edge").mkdir()
    directory.publish(apks.made("v2"), "A", "1")
    directory.publish(apks.made("v3"), "A", "2")
    url = directory.serve(servers) + "/query?app=A&ip=192.168.0.7&mask=24&version="
    asked = []
    for version in ("1", "2"):
        placed.register(directory, tmp_path, store=f"file://{tmp_path}/edge")
        rows = len(list((Path(directory.store.removeprefix("file://")) / "wanted").glob("shop-1/*"))) if version == "2" else 0
        placed.want(directory, {f"A/{version}": {"size": apks.made("v2").stat().st_size}}, rows + 1)
        directory.run("reconcile")
        asked.append([json.loads(client.request(url + one).body)["source"] for one in ("1", "2")])
        directory.run("edge", "remove", "shop-1")
    assert asked == [["edge", "origin"], ["origin", "edge"]]


def test_what_a_run_at_work_said_of_a_removed_edge_is_not_believed(directory: Shop, tmp_path: Path) -> None:
    placed.register(directory, tmp_path)
    directory.run("edge", "remove", "shop-1")
    placed.put(directory, f"held/shop-1/{placed.LAST}", json.dumps({"edge": "shop-1", "packages": {"A/1": {"since": SINCE, "size": 5}}}))
    placed.register(directory, tmp_path)
    assert placed.states(directory) == {}
    placed.put(directory, f"held/shop-1/{placed.LAST - 2}", json.dumps({"edge": "shop-1", "packages": {"A/1": {"since": SINCE, "size": 5}}}))
    placed.register(directory, tmp_path, address="192.168.0.6")  # a change is no new edge
    assert placed.states(directory) == {"A/1": "held"}


def test_lans_have_codes(store: Shop, tmp_path: Path) -> None:
    assert store.run("edge", "lan", "list").stdout == "" and store.run("edge", "lan", "list", "--json").stdout == ""
    for entry in {"code": "SHOP-7", "site": "shop-7", "network": "10.1.2.3/16", "location": [31.2304163, 121.4737009]}, {"code": "MALL"}, {"code": "BARE"}:
        assert given(store, tmp_path, "lan", "set", text=json.dumps(entry)).returncode == 0
    placed.register(store, tmp_path, lans=["MALL"])
    placed.register(store, tmp_path, edge="shop-7", site="shop-7", lans=["10.1.0.0/16"])
    assert store.run("edge", "lan", "list").stdout.splitlines() == ["BARE\t@BARE\t-", "MALL\t@MALL\tshop-1", "SHOP-7\tshop-7@10.1.0.0/16\tshop-7"]
    assert [json.loads(line) for line in store.run("edge", "lan", "list", "--json").stdout.splitlines()] == [
        {"code": "BARE", "lan": "@BARE", "region": "", "edge": None}, {"code": "MALL", "lan": "@MALL", "region": "", "edge": "shop-1"},
        {"code": "SHOP-7", "lan": "shop-7@10.1.0.0/16", "region": "", "location": [31.2304163, 121.4737009], "edge": "shop-7"}]
    assert store.run("edge", "lan", "list", "--after", "BARE", "--limit", "1").stdout == "MALL\t@MALL\tshop-1\n"
    assert store.run("edge", "lan", "list", "--prefix", "S").stdout == "SHOP-7\tshop-7@10.1.0.0/16\tshop-7\n"
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


# --- many at once


def many(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"edge": f"shop-{i:02}", "address": f"10.{i}.0.5", "lans": [f"10.{i}.0.0/16"], "store": "pull", **fields} for i in range(count)]


def added(store: Shop, folder: Path, rows: list[dict[str, Any]], check: bool = True) -> "subprocess.CompletedProcess[str]":
    path = folder / "rows.jsonl"
    path.write_text("\n\n".join(json.dumps(row) for row in rows))
    return store.run("edge", "add", "--from", path, check=check)


def test_many_edges_are_added_and_listed_by_pages(store: Shop, tmp_path: Path) -> None:
    assert added(store, tmp_path, many(30)).stderr == "30 edges, of which 30 were written\n"
    assert [edge["edge"] for edge in edges(store)] == [f"shop-{i:02}" for i in range(30)]
    assert [edge["edge"] for edge in edges(store, "--prefix", "shop-1", "--limit", "3")] == ["shop-10", "shop-11", "shop-12"]
    assert [edge["edge"] for edge in edges(store, "--after", "shop-12", "--limit", "2")] == ["shop-13", "shop-14"]
    assert edges(store, "--after", "shop-29") == edges(store, "--prefix", "x") == []
    rows = edges(store)
    rows[7]["address"] = "10.7.0.6"
    assert added(store, tmp_path, rows).stderr == "30 edges, of which 1 was written\n"
    assert edges(store) == rows


def test_a_page_is_by_id_where_keys_are_not(directory: Shop, tmp_path: Path) -> None:
    added(directory, tmp_path, [dict(edge, edge=name) for edge, name in zip(many(3), ("a", "a-b", "a.c"))])
    assert [edge["edge"] for edge in edges(directory, "--limit", "2")] == ["a", "a-b"]
    assert [edge["edge"] for edge in edges(directory, "--after", "a-b")] == ["a.c"]


@pytest.mark.parametrize("wrong, words", [
    ([{"edge": "shop-02", "address": "a", "store": "pull"}], "edge shop-02 is there twice"),
    ([{"edge": "x", "address": "a", "store": "pull", "lans": ["10.2.3.0/24"]}], "edge shop-02 and edge x overlap"),
    ([{"edge": "x", "address": "a", "store": "pull", "lans": ["10.99.3.0/24"]}], "edge x and edge known overlap"),
    ([{"edge": "x", "address": "a", "store": "pull", "lans": ["MALL"]}], "edge x and edge known both list the LAN @MALL"),
    ([{"edge": "x", "address": "a", "store": "s3://b?colour=red"}], "colour"),
    ([{"edge": "x", "address": "a"}], "rows.jsonl: line 11: edge.store")])
def test_where_one_is_wrong_none_is_added(wrong: list[dict[str, Any]], words: str, directory: Shop, tmp_path: Path) -> None:
    placed.register(directory, tmp_path, edge="known", lans=["10.99.0.0/16", "MALL"])
    before = edges(directory)
    done = added(directory, tmp_path, many(5) + wrong, check=False)
    assert done.returncode == 1 and words in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert edges(directory) == before


def test_many_that_were_cut_off_go_on(minio: Minio, bucket: str, servers: Servers, tmp_path: Path) -> None:
    store = shop.minio_shop(minio, bucket)
    broken = servers.recorder(minio.url, f'if ($request_uri = "/{bucket}/edges/shop-20.json") {{ return 403; }}')
    done = added(shop.minio_shop(minio, bucket, endpoint=broken.url), tmp_path, many(40), check=False)
    assert done.returncode == 1 and "edges/shop-20.json" in done.stderr, done.stderr
    left = len(edges(store))
    assert left < 40
    assert added(store, tmp_path, many(40)).stderr == f"40 edges, of which {40 - left} were written\n"
    assert len(edges(store)) == 40


def test_new_edges_among_many_hold_nothing_of_their_namesakes(directory: Shop, tmp_path: Path) -> None:
    rows = many(4)
    added(directory, tmp_path, rows[:1])
    for edge in ("shop-00", "shop-02"):
        placed.put(directory, f"held/{edge}/{placed.LAST}", json.dumps({"edge": edge, "packages": {"A/1": {"since": SINCE, "size": 5}}}))
    added(directory, tmp_path, rows)
    assert [placed.states(directory, edge) for edge in ("shop-00", "shop-02")] == [{"A/1": "held"}, {}]


# --- by hand (P2)


NEVER = {"place": {"t1": 10**9, "t2": 10**8, "m": 1, "of": 1}, "evict": {"t3": 300, "n": 1, "of": 1, "grace": "1m", "window": {"last": "1d"}}}


def decisions(store: Shop) -> list[tuple[str, str, str]]:
    folder = Path(store.store.removeprefix("file://"))
    lines = [json.loads(line) for path in folder.glob("decisions/*/*") for line in path.read_text().splitlines()]
    return [(line["decision"], line["rule"], line["package"]) for line in sorted(lines, key=lambda line: line["time"])]


def test_p2_a_package_placed_by_hand_stays_until_a_person_drops_it(directory: Shop, tmp_path: Path, servers: Servers) -> None:
    """On a node without LANs, that nobody asks for: kept by every eviction, answered by /query, gone when it is dropped."""
    size = directory.publish(apks.made("v2"), "APP", "1.0")["size"]
    (tmp_path / "policy.json").write_text(json.dumps(NEVER))
    directory.run("policy", "set", tmp_path / "policy.json")
    (tmp_path / "node").mkdir()
    placed.register(directory, tmp_path, edge="node-1", address="node-1.example", lans=[], directory="", region="east",
                    store=f"file://{tmp_path}/node")
    at = "2026-08-01T00:00:00Z"
    done = directory.run("edge", "place", "node-1", "APP/1.0", "--now", at)
    assert done.stderr == f"node-1: APP/1.0 is placed by hand, {size} bytes; `pakhus reconcile` copies it\n"
    assert directory.run("edge", "show", "node-1").stdout.splitlines()[2] == f"APP/1.0\twanted\t{size}\t{at}\tby hand"
    directory.run("reconcile")
    url = directory.serve(servers)
    question = f"{url}/query?app=APP&ip=192.168.0.7&mask=24&region=east"
    assert json.loads(client.request(question).body)["address"] == "node-1.example/APP_1.0.apk"
    for command in ("evict", "evaluate", "evict"):
        directory.run(command)
    assert directory.run("edge", "show", "node-1").stdout.splitlines()[2].endswith("\tby hand")
    directory.run("edge", "place", "node-1", "APP/1.0")  # again: no change
    assert decisions(directory)[0] == ("place", "hand", "APP/1.0") and ("keep", "hand", "APP/1.0") in decisions(directory)
    assert not any(decision == "evict" for decision, _, _ in decisions(directory))
    assert placed.shown(directory, "node-1")["wanted"]["packages"]["APP/1.0"]["reason"] == "hand"
    done = directory.run("edge", "drop", "node-1", "APP/1.0")
    assert done.stderr == "node-1: APP/1.0 is dropped; `pakhus reconcile` deletes it\n"
    assert ("evict", "hand", "APP/1.0") in decisions(directory)
    directory.run("reconcile", "--grace", "0s")
    directory.run("reconcile", "--grace", "0s", "--now", "2027-01-01T00:00:00Z")
    assert list((tmp_path / "node").glob("*.apk")) == []
    again = directory.run("edge", "drop", "node-1", "APP/1.0", check=False)
    assert (again.returncode, again.stderr) == (1, "pakhus edge drop: edge node-1: APP/1.0 is not wanted there\n")


def test_p2_what_cannot_be_placed_by_hand_is_refused(directory: Shop, tmp_path: Path) -> None:
    size = directory.publish(apks.made("v2"), "APP", "1.0")["size"]
    directory.publish(apks.made("v3"), "APP", "2.0")
    placed.register(directory, tmp_path, quota=size)

    def refusal(*arguments: str) -> str:
        done = directory.run("edge", "place", *arguments, check=False)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr

    assert "there is no edge 'shop-9'" in refusal("shop-9", "APP/1.0")
    assert "'APP' is no package" in refusal("shop-1", "APP")
    assert "APP" in refusal("shop-1", "APP/9.0")
    assert "APP" in refusal("shop-1", "APP/1.0/nobody")
    directory.run("edge", "place", "shop-1", "APP/1.0")
    assert f"its quota is {size}, and what was placed by hand takes {size}; drop one of these, or raise the quota" in refusal("shop-1", "APP/2.0")
    assert list(placed.shown(directory)["wanted"]["packages"]) == ["APP/1.0"]


def test_p2_what_a_rule_placed_is_kept_once_a_person_places_it_too(directory: Shop, tmp_path: Path) -> None:
    package = directory.publish(apks.made("v2"), "APP", "1.0")
    (tmp_path / "policy.json").write_text(json.dumps(NEVER))
    directory.run("policy", "set", tmp_path / "policy.json")
    placed.register(directory, tmp_path, splices=True)
    directory.channel("APP", "huawei", {"channel": "huawei"})
    placed.want(directory, {"APP/1.0": placed.facts(package)})
    directory.run("edge", "place", "shop-1", "APP/1.0/huawei", "--now", "2026-08-21T10:00:00Z")  # on an edge that splices: its base
    directory.run("evict")
    assert placed.shown(directory)["wanted"]["packages"].keys() == {"APP/1.0"}
    directory.run("edge", "drop", "shop-1", "APP/1.0")
    assert placed.shown(directory)["wanted"]["packages"] == {}
