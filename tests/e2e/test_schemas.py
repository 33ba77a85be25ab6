"""docs/schemas/*.json and the code agree: what a schema takes the code takes, and the reverse. Rules that no schema can express are listed here, and named in the schema."""

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest

from support.cache import ROOT
from support.servers import clean_environment, pakhus_binary
from support.shop import Shop

NAMES = sorted(path.stem for path in (ROOT / "docs/schemas").glob("*.json"))
SCHEMAS: dict[str, Any] = {name: json.loads((ROOT / f"docs/schemas/{name}.json").read_text()) for name in NAMES}
SPAN = "1h"
STRATEGY = {"source": "cdn", "urls": ["https://cdn.example/a.apk"], "speed": 1000}

# Each field once.
FULL: dict[str, dict[str, Any]] = {
    "policy": {
        "place": {"t1": 5000, "t2": 1000, "small": {"size": 65536, "t1": 0}, "room": {"t1": 0}, "displace": 1, "m": 3, "of": 5, "confidence": 0.5, "include_current": True, "window": {"last": "24h"}},
        "evict": {"t3": 300, "n": 3, "of": 5, "confidence": 0.5, "include_current": True, "grace": SPAN, "window": {"slot": "06:00-24:00"}},
        "trigger": "background", "missing_patch": "generate", "timezone": "+08:00", "meaning": {"place.threshold": "T1: …"}},
    "edge": {
        "edge": "shop-1", "address": "192.168.0.5:8080", "directory": "/data/share", "lans": ["192.168.0.0/24", "mall"], "site": "s", "region": "r", "location": [31.2, 121.5],
        "egress": ["203.0.113.0/24"], "quota": 64000000000, "store": "s3://edge", "credentials": "SHOP1", "splices": False},
    "profile": {
        "resource": "game-2.0", "urls": ["https://cdn.example/a.apk"], "size": 7, "sha256": "ab" * 32, "release": "2026-08-20T10:00:00Z", "deadline": "2026-08-30T10:00:00Z", "lead": "24h",
        "mode": "sticky", "threshold": 0.3, "interval": "5m", "timezone": "+08:00", "slots": [{"from": "18:00", "to": "24:00", "coefficient": 0.5}],
        "pacing": [{"from": "01:00", "to": "02:00", "coefficient": 2}],
        "account": {"initial_coefficient": 0.5, "cap": 0.05, "cap_total": 1, "frequent": {"logins_per_week": 7}, "gap": [{"from": "5d", "add": 0.01}], "credit": [{"from": 100, "add": 0.01}],
                    "points": [{"from": 100, "add": 0.01}], "membership": {"gold": 0.05}},
        "levels": {"r1": 0.6, "r2": 0.4, "lead": SPAN, "lowest": STRATEGY, "normal": {}, "highest": {}},
        "query": "https://cdn.example/query?app=GAME", "sources": {"cdn": ["https://cdn.example/a.apk"], "peer": ["https://peer.example/a.apk"]},
        "audience": {"share": 0.5, "regions": ["r"]}, "ask": ["unmetered"]},
    "scene": {
        "scene": "home", "resources": [{"id": "a", "address": "https://a.example/x", "length": 5, "sha256": "ab" * 32, "end": "}"}, {"id": "b", "address": "s3://texts/home.json"}],
        "deadline": "800ms", "hedge": True, "allow": ["10.0.0.0/8"], "prefixes": ["s3://texts/"], "resource_limit": 1000, "total_limit": 1000},
    "channels": {
        "formats": ["walle", "vasdolly"], "validator": "package", "url_info": "signed", "filename": "{app}-{channel}.apk", "shards": "shards-1", "depth": 0, "formats_serial": 1,
        "formats_changed": "2026-08-20T10:00:00Z", "moved": 1},
    "release": {"app": "APP", "current": "2.0", "staged": [{"version": "2.1", "share": 0.1}]},
}
# Fields that do not go together with those.
MORE_FULL: dict[str, list[dict[str, Any]]] = {
    "policy": [{"place": {"threshold": 5000, "repeat_threshold": 1000, "small": {"size": 65536, "threshold": 0}, "room": {"threshold": 0}}, "evict": {"threshold": 300}},
               {"auto": {"placed_byte": 0.2, "goal": "bytes", "link": 1000000, "since": "2026-08-20T10:00:00Z", "why": "x"}, "trigger": "pending"}],
    "profile": [{"resource": "r", "release": "2026-08-20T10:00:00Z", "deadline": "2026-08-30T10:00:00Z", "lead": "1h", "mode": "steps", "before": 0.1, "after": 0.9, "threshold": 0.5}],
}
SMALLEST: dict[str, dict[str, Any]] = {
    "policy": {}, "channels": {"shards": "s"}, "release": {"app": "APP"}, "edge": {"edge": "e", "address": "a.example", "store": "pull"},
    "profile": {"resource": "r", "release": "2026-08-20T10:00:00Z", "deadline": "2026-08-30T10:00:00Z", "lead": "0s", "mode": "paced"},
    "scene": {"scene": "s", "resources": [{"id": "a", "address": "https://a.example/"}, {"id": "b", "address": "https://b.example/"}]},
}
# Put in the place of every field.
VALUES: list[Any] = [None, "", "x", -1, 0, 1.5, 1e300, True, [], {}]

# More values of single fields, by document and path.
MORE: list[tuple[str, str, list[Any]]] = [
    ("policy", "place/window", [{"since": "06:00"}, {"since": "2026-08-21"}, {"since": "2026-08-21T06:00"}, {"since": "06:03"}, {"slots": ["06:00-12:00", "12:00-18:00"]}, {"slots": []},
                                {"slot": "06:00-06:07"}, {"slot": "22:00-02:00"}, {"last": "24h", "since": "06:00"}, {"last": "1 day"}]),
    ("policy", "place/confidence", [1e-7, 1e-6, 1, 1.01]), ("policy", "place/of", [3, 64, 65]), ("policy", "place/t1", [1 << 53, (1 << 53) + 1]),
    ("policy", "timezone", ["Z", "+24:00", "-05:30", "08:00"]),
    ("edge", "address", ["a.example", "[2001:db8::1]:80", "a b", "a/b", "a" * 256]), ("edge", "directory", ["/a/../b", "/a b", "a" * 513]), ("edge", "store", ["pull", "push", "file:///a", "https://a"]),
    ("edge", "location", [[90, 180], [90.1, 0], [0], [0, 0, 0], ["0", "0"]]), ("edge", "lans", [["10.0.0.0/8"], ["a b"], [1], ["2001:db8::/64"]]), ("edge", "site", ["a b", ".x", "a" * 129]),
    ("profile", "timezone_offsets", [[{"from": "2026-08-20T10:00:00Z", "offset": "+08:00"}]]),
    ("profile", "release", ["2026-08-20", "2026-08-20T10:00:00", "2026-08-20 10:00:00+08:00", "1969-01-01T00:00:00Z"]), ("profile", "lead", ["24", "24H", "1.5h", "90s"]),
    ("profile", "mode", ["fixed", "random", "paced", "fast"]), ("profile", "slots/0/from", ["24:00", "23:59", "7:00"]), ("profile", "urls", ["edge", ["edge"], ["ftp://a/b"], ["https://a/b"] * 17]),
    ("profile", "sha256", ["AB" * 32, "ab" * 31]), ("profile", "ask", [["a b"], ["a"] * 17]), ("profile", "levels/lowest/source", ["peer", "any", "none"]),
    ("scene", "resources/0/address", ["http://a.example/", "ftp://a/", "https://a.example/#x", "//a"]), ("scene", "deadline", ["1ms", "15m", "1"]), ("scene", "prefixes", [["s3://texts"], ["s3://texts/"]]),
    ("scene", "allow", [["a.example"], ["a,b"], [""]]), ("scene", "total_limit", [256 << 20, (256 << 20) + 1]),
    ("channels", "formats", [["walle"], ["nonsense"], ["raw"], ["packer-ng"]]), ("channels", "filename", ["x.apk", "x.exe"]),
    # rules that the schemas describe in words
    ("policy", "place/m", [6]), ("policy", "evict/window", [{"since": "2026-08-21"}]), ("policy", "place/window/last", ["1m", "32d"]), ("policy", "place/t2", [5000]),
    ("policy", "place/threshold", [1]), ("policy", "evict/threshold", [1]), ("policy", "place/repeat_threshold", [1]),
    ("edge", "egress", [["300.0.0.0/8"], ["10.0.0.0/33"]]), ("profile", "deadline", ["2026-08-20T10:00:00Z"]), ("profile", "interval", ["1ms", "2d"]),
    ("profile", "slots", [[{"from": "18:00", "to": "24:00", "coefficient": 1}, {"from": "20:00", "to": "22:00", "coefficient": 1}]]), ("scene", "deadline", ["16m"]),
    ("scene", "resources/1/id", ["a"]), ("channels", "formats", [["packer-ng", "raw"]]), ("channels", "filename", ["{x}.apk"]),
    ("release", "current", ["2.0+1", ".1", "a b"]), ("release", "staged/0/share", [1, 1.01]), ("release", "staged", [[{"version": "2.1", "share": 0}] * 17]),
]
# What the schema takes and the code does not: by document, the paths where a value breaks a rule that the schema's description names.
BEYOND: dict[str, list[str]] = {
    "policy": ["place/t1", "place/threshold", "place/repeat_threshold", "evict/threshold", "place/t2", "place/m", "evict/window", "place/window/last"],
    "edge": ["egress"],
    "profile": ["deadline", "interval", "slots", "levels/r1", "after", "timezone_offsets"],
    "scene": ["prefixes", "prefixes/0", "deadline", "resources/1/id"],
    "channels": ["formats", "filename", "shards"],
}


class Case(NamedTuple):
    path: str
    document: Any


def paths(node: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Of every field and item."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*before, str(key))
        yield from paths(value, (*before, str(key)))


def changed(document: Any, path: tuple[str, ...], change: Callable[[Any, Any], None]) -> Any:
    """`change` gets the object or array that holds the field, and its name or index."""
    document = copy.deepcopy(document)
    holder = document
    for part in path[:-1]:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    change(holder, int(path[-1]) if isinstance(holder, list) else path[-1])
    return document


def put(value: Any) -> Callable[[Any, Any], None]:
    def change(holder: Any, name: Any) -> None:
        holder[name] = value
    return change


def remove(holder: Any, name: Any) -> None:
    del holder[name]


def cases_of(full: Any) -> Iterator[Case]:
    yield Case("", full)
    for path in paths(full):
        where = "/".join(path)
        yield Case(where, changed(full, path, remove))
        yield from (Case(where, changed(full, path, put(value))) for value in VALUES)
        if path[-1].isalpha():
            yield Case(where, changed(full, (*path[:-1], "unknown"), put(None)))


def cases(name: str) -> Iterator[Case]:
    full = FULL[name]
    yield Case("", SMALLEST[name])
    for one in [full, *MORE_FULL.get(name, [])]:
        yield from cases_of(one)
    for document, where, values in MORE:
        if document == name:
            yield from (Case(where, changed(full, tuple(where.split("/")), put(value))) for value in values)


# --- what the code takes


def edge(shop: Shop, text: str) -> bool:
    """Without the edges of before: one may be in the way of another one."""
    shutil.rmtree(shop.store.removeprefix("file://") + "/edges", ignore_errors=True)
    return command(shop, "edge", "add", text=text)


def command(shop: Shop, *words: str, text: str) -> bool:
    done = subprocess.run([pakhus_binary(), *words, "-", "--store", shop.store], input=text, text=True, capture_output=True, env=clean_environment())
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def stored(shop: Shop, row: str, *words: str, text: str) -> bool:
    """Documents that commands write and people read: as they stand in the store."""
    file = Path(shop.store.removeprefix("file://")) / row / "9999999999999999"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    done = subprocess.run([pakhus_binary(), *words, "--store", shop.store], text=True, capture_output=True, env=clean_environment())
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


TAKERS: dict[str, Callable[[Shop, str], bool]] = {
    "policy": lambda shop, text: command(shop, "policy", "set", text=text),
    "edge": edge,
    "profile": lambda shop, text: command(shop, "admission", "profile", "set", text=text),
    "scene": lambda shop, text: command(shop, "scene", "set", text=text.replace("s3://texts/", f"{shop.store}/texts/")),
    "channels": lambda shop, text: stored(shop, "channels/APP/settings", "channel", "config", "APP", "--json", text=text),
    "release": lambda shop, text: stored(shop, "releases/APP", "release", "APP", text=text),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


def properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema["properties"] if isinstance(schema.get("properties"), dict) else ()
        for part in schema.values():
            yield from properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part)


# Where the code reads each document, and what else it reads there.
READERS: dict[str, tuple[list[str], set[str]]] = {
    "policy": (["lib/policy/policy.c", "lib/policy/window_text.c"], set()), "edge": (["lib/edges/edge.c"], {"code", "network"}),
    "profile": (["lib/admission/profile.c", "lib/admission/profile_sources.c", "lib/admission/profile_zone.c"], set()), "scene": (["lib/gather/scene.c"], {"retry_of"}),
    "channels": (["lib/catalog/channels_settings.c"], set()), "release": (["lib/catalog/release.c"], set()),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_field_that_the_code_reads_is_in_the_schema(name: str) -> None:
    files, others = READERS[name]
    source = "".join((ROOT / file).read_text() for file in files)
    read = set(re.findall(r'\(&?\w+, "([a-z][a-z0-9_]*)",', source)) - others
    known = set(properties(SCHEMAS[name]))
    assert read - known == set() and len(read & known) > 2, read - known


@pytest.mark.parametrize("name", NAMES)
def test_each_field_of_the_schema_is_tried(name: str) -> None:
    tried = {part for document in [FULL[name], *MORE_FULL.get(name, [])] for path in paths(document) for part in path}
    tried |= {part for document, path, values in MORE if document == name for value in values for found in paths(value) for part in [*path.split("/"), *found]}
    assert set(properties(SCHEMAS[name])) - tried == set()


@pytest.mark.parametrize("name", NAMES)
def test_schema_and_code_agree(name: str, directory: Shop) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMAS[name])
    wrong: list[tuple[str, str, str]] = []
    beyond: set[str] = set()
    for case in cases(name):
        text = json.dumps(case.document)
        by_schema, by_code = validator.is_valid(case.document), TAKERS[name](directory, text)
        if by_schema == by_code:
            continue
        if by_schema and case.path in BEYOND.get(name, []):
            beyond.add(case.path)
        else:
            wrong.append((case.path, "the schema takes it" if by_schema else "the code takes it", text))
    assert wrong == []
    assert beyond == set(BEYOND.get(name, []))
