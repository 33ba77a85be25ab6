"""Patches of two formats between the same versions: who gets which, and that they are counted, placed and served each for itself."""

import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from support import apks, client, placed, shop
from support.servers import Program, Servers
from support.shop import Shop
from test_query import HOME, Field, ask

OLD, NEW = "older-v2", "v2"
FIRST, SECOND = "APP1/1.0..2.0", "APP1/1.0..2.0@2"
PATHS = {1: "/patches/APP1/1.0..2.0.diff", 2: "/patches/APP1/1.0..2.0@2.diff"}
FILES = {1: "APP1_1.0_2.0.diff", 2: "APP1_1.0_2.0@2.diff"}
WISH = {"app": "APP1", "from": "1.0"}
BOTH = {**WISH, "patch": "1,2"}
LAN = "192.168.0.0/24"


@pytest.fixture
def field(tmp_path: Path) -> Field:
    """Versions 1.0 and 2.0, and no patch yet."""
    (tmp_path / "store").mkdir()
    field = Field(Shop(f"file://{tmp_path}/store"), tmp_path / "store")
    field.shop.publish(apks.made(OLD), "APP1", "1.0")
    field.shop.publish(apks.made(NEW), "APP1", "2.0")
    policy(field, "background")
    return field


@pytest.fixture
def server(field: Field, servers: Servers) -> Program:
    return field.shop.program(servers, "--flush", "sync")


def policy(field: Field, trigger: str, missing: str = "generate") -> None:
    field.policy(trigger=trigger, missing_patch=missing)


def make(field: Field, *formats: int) -> None:
    """Publishes these, and no others."""
    field.shop.run("diff", "--app", "APP1", "--from", "1.0", "--to", "2.0", *(["--patch", "1,2"] if 2 in formats else []))
    if 1 not in formats:
        for path in field.folder.glob("patches/APP1/1.0..2.0.json"):
            path.unlink()


def format_of(patch: bytes) -> int:
    """What the header says."""
    assert patch[:8] == b"\x89PKD\r\n\x1a\n"
    return int(struct.unpack_from("<I", patch, 8)[0])


def check(patch: bytes, expected: int, tmp_path: Path) -> None:
    """It is of that format, and makes the new version."""
    assert format_of(patch) == expected
    (tmp_path / "x.diff").write_bytes(patch)
    shop.run("patch", shop.base(OLD), tmp_path / "x.diff", "-o", tmp_path / "new.apk")
    assert (tmp_path / "new.apk").read_bytes() == shop.base(NEW).read_bytes()


def fetched(answer: dict[str, Any], expected: int, tmp_path: Path) -> None:
    """What the answer says of the patch is what is at its URL."""
    body = client.request(answer["url"], follow=True).body
    assert (answer["kind"], answer["format"], answer["package"]) == ("patch", expected, FIRST if expected == 1 else SECOND)
    assert answer["url"].endswith(PATHS[expected])
    assert (answer["size"], answer["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    check(body, expected, tmp_path)


# --- what a device says


@pytest.mark.parametrize("formats, expected", [(None, 1), ("", 1), ("1", 1), ("1,2", 2), ("2,1", 2), ("1,2,3", 2), ("1,255", 1)])
def test_a_device_gets_a_format_that_it_applies(formats: str | None, expected: int, field: Field, server: Program, tmp_path: Path) -> None:
    make(field, 1, 2)
    wish = WISH if formats is None else {**WISH, "patch": formats}
    fetched(ask(server, **wish)[1], expected, tmp_path)


@pytest.mark.parametrize("formats", ["2", "0", "1,", ",1", "1,,2", "1;2", "1 2", "x", "1,x", "-1", "1,256", "1,99999999999999999999"])
def test_nonsense_is_refused(formats: str, field: Field, server: Program) -> None:
    make(field, 1, 2)
    status, problem = ask(server, **{**WISH, "patch": formats})
    assert status == 400 and problem["detail"].startswith("'patch' must list the formats of patches")
    assert field.counts() == {}


def test_an_answer_without_a_patch_has_no_format(field: Field, server: Program) -> None:
    answer = ask(server, app="APP1", patch="1,2")[1]
    assert answer["kind"] == "full" and "format" not in answer


def test_the_command_asks_with_it(field: Field) -> None:
    make(field, 1, 2)
    for options, package in (([], FIRST), (["--patch", "1,2"], SECOND)):
        answer = json.loads(field.shop.run("query", "--app", "APP1", "--from", "1.0", *options, "--json").stdout)
        assert answer["package"] == package


# --- what there is


def test_where_only_the_first_format_exists_the_second_is_missed(field: Field, server: Program, tmp_path: Path) -> None:
    make(field, 1)
    fetched(ask(server, **BOTH, **HOME)[1], 1, tmp_path)
    assert field.counts() == {(LAN, SECOND): (0, 1)}
    fetched(ask(server, **WISH, **HOME)[1], 1, tmp_path)
    assert field.counts() == {(LAN, SECOND): (0, 1), (LAN, FIRST): (0, 1)}


def test_where_only_the_second_format_exists_an_old_device_gets_the_whole(field: Field, server: Program, tmp_path: Path) -> None:
    make(field, 2)
    assert client.request(server.url + PATHS[1]).status == 404
    fetched(ask(server, **BOTH, **HOME)[1], 2, tmp_path)
    answer = ask(server, **WISH, **HOME)[1]
    assert (answer["kind"], answer["package"]) == ("full", "APP1/2.0")
    assert field.counts() == {(LAN, SECOND): (0, 1), (LAN, FIRST): (0, 1)}


def test_where_neither_exists_each_is_missed_for_itself(field: Field, server: Program) -> None:
    for wish in (WISH, BOTH, BOTH):
        assert ask(server, **wish, **HOME)[1]["kind"] == "full"
    assert field.counts() == {(LAN, FIRST): (0, 1), (LAN, SECOND): (0, 2)}


def test_the_smaller_one_is_answered(field: Field, server: Program, tmp_path: Path) -> None:
    """As is said of it: the record of the second one is written anew with a larger patch."""
    make(field, 1, 2)
    record = field.folder / "patches/APP1/1.0..2.0@2.json"
    first = json.loads((field.folder / "patches/APP1/1.0..2.0.json").read_text())["size"]
    record.write_text(json.dumps({**json.loads(record.read_text()), "size": first + 1}))
    fetched(ask(server, **BOTH)[1], 1, tmp_path)


def test_a_policy_that_makes_no_patches_counts_what_is_answered(field: Field, server: Program) -> None:
    policy(field, "background", "full")
    make(field, 1)
    assert ask(server, **BOTH, **HOME)[1]["package"] == FIRST
    assert field.counts() == {(LAN, FIRST): (0, 1)}


# --- what edges hold


@pytest.mark.parametrize("splices", [False, True])
@pytest.mark.parametrize("held, old, new", [([FIRST], 1, 1), ([SECOND], None, 2), ([FIRST, SECOND], 1, 2), ([], None, None)])
def test_p4_an_edge_that_holds(held: list[str], old: int | None, new: int | None, splices: bool, field: Field, server: Program) -> None:
    """A hit is what the device can apply, in whichever format; of what is not there the miss is counted in the device's own format."""
    make(field, 1, 2)
    field.edge("shop", [LAN], **({"splices": True} if splices else {}))
    field.holds("shop", *held)
    expected: dict[tuple[str, str], tuple[int, int]] = {}
    for wish, format, other in ((WISH, old, FIRST), (BOTH, new, SECOND)):
        answer = ask(server, **wish, **HOME)[1]
        package = {1: FIRST, 2: SECOND}[format] if format else other
        hits, misses = expected.get((LAN, package), (0, 0))
        expected[LAN, package] = (hits + 1, misses) if format else (hits, misses + 1)
        assert (answer["package"], answer["source"]) == (package, "edge" if format else "origin")
        assert answer["format"] == (1 if package == FIRST else 2)
        if format:
            assert answer["address"] == "shop.lan" + (PATHS[format] if splices else f"/data/share/{FILES[format]}")
    assert field.counts() == expected


@pytest.mark.parametrize("held, old, new", [(FIRST, "nearby", FIRST), (SECOND, "origin", SECOND)])
def test_p6_an_edge_near_by_that_holds(held: str, old: str, new: str, field: Field, server: Program) -> None:
    make(field, 1, 2)
    field.edge("near", ["10.0.0.0/24"], location=[31.2, 121.5])
    field.holds("near", held)
    field.put("lans/LONE.json", {"code": "LONE", "network": "10.7.0.0/24", "location": [31.3, 121.5]})
    for _ in range(2):  # the second time what was found is remembered
        answer = ask(server, **BOTH, lan="LONE")[1]
        assert (answer["source"], answer["package"]) == ("nearby", new)
        answer = ask(server, **WISH, lan="LONE")[1]
        assert (answer["source"], answer["package"]) == (old, FIRST)
    assert field.counts() == {("10.7.0.0/24", FIRST): (0, 2), ("10.7.0.0/24", SECOND): (0, 2)}


# --- placement


def test_p9_each_format_passes_the_threshold_for_itself(field: Field, server: Program, tmp_path: Path) -> None:
    """Two misses of each are four of none: the threshold is two. One more of one places that one."""
    (tmp_path / "shop").mkdir()
    field.edge("shop", [LAN], store=f"file://{tmp_path}/shop")
    for wish in (WISH, BOTH, WISH, BOTH):
        ask(server, **wish, **HOME)
    done = json.loads(field.shop.run("evaluate", "--json").stdout.splitlines()[-1])
    assert done["copied"] == 0 and list((tmp_path / "shop").iterdir()) == []
    ask(server, **BOTH, **HOME)
    field.shop.run("evaluate")
    assert placed.states(field.shop, "shop") == {SECOND: "held"}
    assert [path.name for path in (tmp_path / "shop").glob("*.*")] == [FILES[2]]
    check((tmp_path / "shop" / FILES[2]).read_bytes(), 2, tmp_path)
    ask(server, **WISH, **HOME)
    field.shop.run("evaluate")
    assert placed.states(field.shop, "shop") == {FIRST: "held", SECOND: "held"}
    check((tmp_path / "shop" / FILES[1]).read_bytes(), 1, tmp_path)
    check((tmp_path / "shop" / FILES[2]).read_bytes(), 2, tmp_path)


def test_p13_on_an_edge_that_splices_both_are_served(field: Field, servers: Servers, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    field.edge("shop", [LAN], store=f"file://{tmp_path}/shop", splices=True)
    at = Shop(f"file://{tmp_path}/shop").serve(servers)
    field.shop.run("edge", "place", "shop", SECOND)
    field.shop.run("reconcile")
    check(client.request(at + PATHS[2]).body, 2, tmp_path)
    check(client.request(at + PATHS[2].replace("@", "%40")).body, 2, tmp_path)
    assert client.request(at + PATHS[1]).status == 404
    field.shop.run("edge", "place", "shop", FIRST)
    field.shop.run("reconcile")
    check(client.request(at + PATHS[1]).body, 1, tmp_path)
    field.shop.run("edge", "drop", "shop", SECOND)
    field.shop.run("reconcile", "--grace", "0s")
    field.shop.run("reconcile", "--grace", "0s", "--now", "2099-01-01T00:00:00Z")
    assert sorted(path.name for path in (tmp_path / "shop/patches/APP1").iterdir()) == ["1.0..2.0.diff", "1.0..2.0.json"]


def test_p6_each_is_made_for_who_asks(field: Field, server: Program, tmp_path: Path) -> None:
    policy(field, "immediate")
    lone = {"ip": "10.7.0.9", "mask": "24"}
    fetched(ask(server, **BOTH, **lone)[1], 2, tmp_path)
    assert sorted(path.suffix for path in field.folder.glob("patches/APP1/*")) == [".diff", ".json"]
    fetched(ask(server, **WISH, **lone)[1], 1, tmp_path)
    fetched(ask(server, **BOTH, **lone)[1], 2, tmp_path)
    assert sorted(path.name for path in field.folder.glob("patches/APP1/*.json")) == ["1.0..2.0.json", "1.0..2.0@2.json"]


# --- publishing


def publish(field: Field, file: Path, *options: str) -> tuple[int, str]:
    done = field.shop.run("diff", "--app", "APP1", "--from", "1.0", "--to", "2.0", file, *options, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("format, package", [("1", FIRST), ("1,2", SECOND)])
def test_a_patch_that_was_made_elsewhere(format: str, package: str, field: Field, server: Program, tmp_path: Path) -> None:
    """Its header says where it belongs."""
    made = tmp_path / "made.diff"
    shop.run("diff", shop.base(OLD), shop.base(NEW), "--patch", format, "-o", made)
    status, words = publish(field, made)
    assert (status, words) == (0, f"{package}: {made.stat().st_size} bytes, sha256 {hashlib.sha256(made.read_bytes()).hexdigest()}\n")
    assert publish(field, made) == (0, words)
    assert client.request(server.url + PATHS[format_of(made.read_bytes())]).body == made.read_bytes()
    assert client.request(server.url + PATHS[3 - format_of(made.read_bytes())]).status == 404


def with_format(patch: bytes, format: int) -> bytes:
    """The header says another one, and its CRC is right."""
    header = patch[:8] + struct.pack("<II", format, 0) + patch[16:128]
    return header[:12] + struct.pack("<I", zlib.crc32(header)) + header[16:] + patch[128:]


def test_a_patch_that_is_another_is_refused(field: Field, tmp_path: Path) -> None:
    made, other = tmp_path / "made.diff", tmp_path / "other.diff"
    shop.run("diff", shop.base(OLD), shop.base(NEW), "--patch", "1,2", "-o", made)
    shop.run("diff", shop.base(NEW), shop.base(OLD), "-o", other)
    assert with_format(made.read_bytes(), 2) == made.read_bytes()
    relabelled = tmp_path / "relabelled.diff"
    relabelled.write_bytes(with_format(made.read_bytes(), 1))
    future = tmp_path / "future.diff"
    future.write_bytes(with_format(made.read_bytes(), 3))
    for file, options, words in ((made, ["--patch", "1"], "the patch has format 2, not 1"), (other, [], "the patch is one between other packages"),
                                 (relabelled, [], "the patch refers to what lies beyond the old package"), (future, [], "unsupported patch format version 3"),
                                 (shop.base(OLD), [], "this is no patch")):
        status, said = publish(field, file, *options)
        assert status == 1 and words in said, said
    assert not (field.folder / "patches").exists()


def test_another_one_is_published_already(field: Field, tmp_path: Path) -> None:
    made, other = tmp_path / "made.diff", tmp_path / "other.diff"
    shop.run("diff", shop.base(OLD), shop.base(NEW), "-o", made)
    other.write_bytes(otherwise(made.read_bytes()))
    assert publish(field, made)[0] == 0
    status, said = publish(field, other)
    assert status == 1 and "another patch from APP1/1.0 to 2.0 in format 1 is published already" in said
    field.shop.run("unpublish", "APP1", "1.0")
    field.shop.publish(apks.made(OLD), "APP1", "1.0")
    assert publish(field, other)[0] == 0


def otherwise(patch: bytes) -> bytes:
    """The same package of format 1, made without the old one: one stored block after another."""
    new = shop.base(NEW).read_bytes()
    out = bytearray(patch[:128] + struct.pack("<QQI", 0, 0, len(new)))
    out += struct.pack("<IB", 0xFD2FB528, 0xA0) + struct.pack("<I", len(new))  # a single segment with 4 bytes of content size
    for at in range(0, len(new), 1 << 17):
        part = new[at:at + (1 << 17)]
        out += struct.pack("<I", len(part) << 3 | (at + len(part) == len(new)))[:3] + part
    return bytes(out)


def test_both_are_published_and_withdrawn(field: Field) -> None:
    done = field.shop.run("diff", "--app", "APP1", "--from", "1.0", "--to", "2.0", "--patch", "1,2", "--json")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert "format" not in first and second["format"] == 2
    files = {path.name for path in field.folder.glob("patches/APP1/*")}
    assert files == {"1.0..2.0.json", "1.0..2.0@2.json", first["diff"], second["diff"]} and second["diff"].startswith("1.0..2.0@2@")
    assert field.shop.run("diff", "--app", "APP1", "--from", "1.0", "--to", "2.0", "--patch", "1,2", "--json").stdout == done.stdout
    assert {path.name for path in field.folder.glob("patches/APP1/*")} == files  # neither takes the other for a stray
    field.shop.run("unpublish", "APP1", "1.0")
    assert list(field.folder.glob("patches/APP1/*")) == []


def test_a_record_that_says_the_other_format_is_none(field: Field, server: Program) -> None:
    """By hand: a record under the name of the first format that names the second."""
    make(field, 1, 2)
    folder = field.folder / "patches/APP1"
    (folder / "1.0..2.0.json").write_text((folder / "1.0..2.0@2.json").read_text())
    assert client.request(server.url + PATHS[1]).status == 502
    assert ask(server, **WISH)[0] == 502
