"""P6: a patch that nobody made, asked for in a LAN without an edge: made at the nearest edge that holds the version, else at the origin."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from support import apks, client, placed, shop
from support.servers import Program, Servers
from support.shop import Shop
from test_query import Field, ask

LONE = {"app": "APP1", "from": "1.0", "ip": "10.7.0.9", "mask": "24"}
PATCH = "APP1/1.0..2.0"


@pytest.fixture
def field(tmp_path: Path) -> Field:
    """Two versions, and three edges: the nearest one lacks the version, the next one holds it, a further one does too."""
    (tmp_path / "store").mkdir()
    field = Field(Shop(f"file://{tmp_path}/store"), tmp_path / "store")
    field.shop.publish(apks.made("older-v2"), "APP1", "1.0")
    field.shop.publish(apks.made("v2"), "APP1", "2.0")
    field.put("lans/LONE.json", {"code": "LONE", "network": "10.7.0.0/24", "location": [31.2, 121.5]})
    return field


def policy(field: Field, trigger: str, missing: str = "generate") -> None:
    field.policy(trigger=trigger, missing_patch=missing, place={"t1": 5000, "t2": 1000, "m": 3, "window": {"last": "1d"}})


def edges(field: Field, tmp_path: Path, **held: list[str]) -> None:
    """By what they hold; the further a name stands, the further the edge is."""
    size = json.loads((field.folder / "packages/APP1/2.0/package.json").read_text())["size"]
    for number, (edge, packages) in enumerate(held.items()):
        (tmp_path / edge).mkdir()
        lans = [] if edge == "node" else [f"192.168.{number}.0/24"]
        field.edge(edge, lans, store=f"file://{tmp_path / edge}", location=[31.3 + number, 121.5])
        items = {package: {"since": "2026-08-20T10:00:00Z", "size": size} for package in packages}
        field.put(f"held/{edge}/{10**16 - 1}", {"edge": edge, "packages": items})
        wanted = {package: {"since": "2026-08-20T10:00:00Z", "reason": "t1", "state": "wanted", "size": size} for package in packages}
        field.put(f"wanted/{edge}/{10**16 - 1}", {"edge": edge, "packages": wanted})
        for package in packages:
            (tmp_path / edge / f"{package.replace('/', '_')}.apk").write_bytes(shop.base("v2").read_bytes())


def held(field: Field, edge: str) -> dict[str, Any]:
    row = min((field.folder / "held" / edge).iterdir())
    packages: dict[str, Any] = json.loads(row.read_text())["packages"]
    return packages


def check(body: bytes, tmp_path: Path) -> None:
    """It makes the new version."""
    (tmp_path / "x.diff").write_bytes(body)
    shop.run("patch", shop.base("older-v2"), tmp_path / "x.diff", "-o", tmp_path / "new.apk")
    assert (tmp_path / "new.apk").read_bytes() == shop.base("v2").read_bytes()


def copied(field: Field, server: Program, answer: dict[str, Any], **wish: str) -> dict[str, Any]:
    """Where this machine took so long to make the patch that no time was left to copy it, the copy comes with the next reconcile."""
    if answer["source"] == "nearby":
        return answer
    assert (answer["kind"], answer["source"]) == ("patch", "origin")
    field.shop.run("reconcile")
    later: dict[str, Any] = ask(server, **wish)[1]
    return later


@pytest.fixture
def server(field: Field, servers: Servers) -> Program:
    return field.shop.program(servers, "--flush", "sync")


def test_p6_at_the_origin_where_no_edge_holds_the_version(field: Field, server: Program, tmp_path: Path) -> None:
    policy(field, "immediate")
    edges(field, tmp_path, near=[])
    first = ask(server, **LONE)[1]
    assert (first["kind"], first["source"], first["package"]) == ("patch", "origin", PATCH)
    body = client.request(first["url"], follow=True).body
    assert (len(body), hashlib.sha256(body).hexdigest()) == (first["size"], first["sha256"])
    check(body, tmp_path)
    assert held(field, "near") == {} and not (field.folder / "decisions").exists()
    assert field.counts() == {("10.7.0.0/24", PATCH): (0, 1)}  # a miss


@pytest.mark.parametrize("how", ["http", "command"])
def test_p6_at_the_nearest_edge_that_holds_the_version(how: str, field: Field, server: Program, tmp_path: Path) -> None:
    policy(field, "immediate")
    edges(field, tmp_path, nearest=["APP1/1.0"], node=["APP1/2.0"], far=["APP1/2.0"])
    options = [word for name, value in LONE.items() for word in (f"--{name}", value)]
    first = ask(server, **LONE)[1] if how == "http" else json.loads(field.shop.run("query", *options, "--json").stdout)
    first = copied(field, server, first, **LONE)
    assert (first["kind"], first["source"], first["address"]) == ("patch", "nearby", "node.lan/data/share/APP1_1.0_2.0.diff")
    body = (tmp_path / "node/APP1_1.0_2.0.diff").read_bytes()
    assert (len(body), hashlib.sha256(body).hexdigest()) == (first["size"], first["sha256"])
    check(body, tmp_path)
    assert [sorted(held(field, edge)) for edge in ("nearest", "node", "far")] == [["APP1/1.0"], [PATCH, "APP1/2.0"], ["APP1/2.0"]]
    (line,) = [json.loads(line) for path in (field.folder / "decisions").rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert (line["edge"], line["package"], line["decision"], line["rule"]) == ("node", PATCH, "place", "trigger")
    assert placed.states(field.shop, "node") == {PATCH: "held", "APP1/2.0": "held"}
    assert ask(server, **LONE)[1]["source"] == "nearby"


@pytest.mark.parametrize("trigger", ["background", "pending"])
def test_p6_else_the_full_package_and_the_next_evaluation_makes_it(trigger: str, field: Field, server: Program, tmp_path: Path) -> None:
    policy(field, trigger)
    edges(field, tmp_path, nearest=[], shop=["APP1/2.0"])
    first = ask(server, **LONE)[1]
    assert (first["kind"], first["source"]) == ("full", "nearby")
    dry = json.loads(field.shop.run("evaluate", "--json", "--dry-run").stdout.splitlines()[-1])
    assert dry["patches"] == 0 and not (field.folder / "patches").exists()
    done = json.loads(field.shop.run("evaluate", "--json").stdout.splitlines()[-1])
    assert (done["patches"], done["copied"], done["failed"]) == (1, 1, 0)
    check((tmp_path / "shop/APP1_1.0_2.0.diff").read_bytes(), tmp_path)
    again = json.loads(field.shop.run("evaluate", "--json").stdout.splitlines()[-1])
    assert (again["patches"], again["copied"]) == (0, 0)
    server.stop()


def test_p6_most_missed_first_and_each_once(field: Field, server: Program) -> None:
    """Where no edge is near, all of them are at the origin; what is not published is passed by."""
    policy(field, "background")
    field.shop.publish(apks.made("older-v2+v3"), "APP1", "0.9")
    for wish in (LONE, LONE, LONE, {**LONE, "from": "0.9"}, {**LONE, "ip": "10.9.0.9", "from": "0.9"}, {**LONE, "from": "0.1"}):
        assert ask(server, **wish)[1]["kind"] == "full"
    run = field.shop.run("evaluate", "--json", env={"PAKHUS_LOG": "info"})
    done = json.loads(run.stdout.splitlines()[-1])
    assert (done["patches"], done["copied"], done["failed"]) == (2, 0, 0)
    assert run.stderr.index("1.0..2.0 made") < run.stderr.index("0.9..2.0 made")
    assert sorted(path.name for path in (field.folder / "patches/APP1").glob("*.json")) == ["0.9..2.0.json", "1.0..2.0.json"]


def test_p6_a_policy_that_makes_no_patches(field: Field, server: Program) -> None:
    policy(field, "immediate", "full")
    assert ask(server, **LONE)[1]["kind"] == "full"
    assert json.loads(field.shop.run("evaluate", "--json").stdout.splitlines()[-1])["patches"] == 0
    assert not (field.folder / "patches").exists()


def test_p6_what_cannot_be_made_costs_no_answer(field: Field, server: Program) -> None:
    policy(field, "immediate")
    (field.folder / "patches").write_text("in the way")
    for _ in range(2):
        status, answer = ask(server, **LONE)
        assert (status, answer["kind"], answer["source"]) == (200, "full", "origin")
    assert server.output().count("no query makes one for 60 s") == 1


def test_p6_an_edge_without_room_gets_none(field: Field, server: Program, tmp_path: Path) -> None:
    policy(field, "immediate")
    edges(field, tmp_path, shop=["APP1/2.0"])
    field.edge("shop", ["192.168.0.0/24"], store=f"file://{tmp_path}/shop", location=[31.3, 121.5], quota=1000)
    assert (ask(server, **LONE)[1]["source"], sorted(held(field, "shop"))) == ("origin", ["APP1/2.0"])


def test_p6_the_region_of_the_query_tells_what_is_near(field: Field, server: Program, tmp_path: Path) -> None:
    policy(field, "immediate")
    edges(field, tmp_path, east=["APP1/2.0"])
    field.edge("east", ["192.168.0.0/24"], store=f"file://{tmp_path}/east", region="east")
    unregistered = {**LONE, "ip": "10.99.0.9"}
    first = copied(field, server, ask(server, **unregistered, region="east")[1], **unregistered, region="east")
    assert first["address"] == "east.lan/data/share/APP1_1.0_2.0.diff"
    assert ask(server, **unregistered)[1]["source"] == "origin"
