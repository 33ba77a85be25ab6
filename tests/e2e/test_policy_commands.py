"""policy show and set: what holds, what is as usual, and which field is wrong."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support import placed
from support.shop import Shop


def publish(store: Shop, folder: Path, policy: Any) -> "subprocess.CompletedProcess[str]":
    path = folder / "policy.json"
    path.write_text(policy if isinstance(policy, str) else json.dumps(policy))
    return store.run("policy", "set", path, check=False)


def shown(store: Shop) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.run("policy", "show", "--json").stdout)
    return found


def without_plain_names(policy: dict[str, Any]) -> dict[str, Any]:
    """As the store has it; each plain name has the value of the short one, and each field of the text its meaning."""
    meaning = policy.pop("meaning")
    assert meaning["place.repeat_threshold"].startswith("T2: A package missed more often")
    for part, short, plain in (policy["place"], "t1", "threshold"), (policy["place"], "t2", "repeat_threshold"), (policy["evict"], "t3", "threshold"):
        assert part[short] == part.pop(plain)
    for part in (policy["place"].get(name) for name in ("small", "room")):
        assert not part or part["t1"] == part.pop("threshold")
    return policy


def test_without_one_all_is_as_usual(directory: Shop) -> None:
    head, *lines = directory.run("policy", "show").stdout.splitlines()
    assert "no policy published" in head
    assert lines[0] == "auto: a byte placed costs 0.2 of a byte served; goal: bytes; link: copying takes no time"
    assert lines[1] == "in force: threshold 1, displace 1; from the start: calibrate has not moved it yet"
    fields = [line for line in lines[2:] if not line.startswith(" ")]
    assert len(fields) > 10 and all(line.endswith("  (default)") for line in fields)
    policy = shown(directory)
    assert policy["auto"] == {"placed_byte": 0.2, "goal": "bytes", "link": 0} and policy["trigger"] == "background"
    assert (policy["place"]["threshold"], policy["place"]["repeat_threshold"], policy["evict"]["threshold"]) == (1, 0, 1)


def test_a_policy_without_auto_has_fixed_numbers(directory: Shop, tmp_path: Path) -> None:
    """Also one that says nothing: documents keep their meaning, whatever a store without one does."""
    assert publish(directory, tmp_path, {}).returncode == 0
    policy = shown(directory)
    assert "auto" not in policy
    assert (policy["place"]["t1"], policy["place"]["t2"], policy["evict"]["t3"], policy["trigger"]) == (5000, 1000, 300, "background")


def test_auto_is_shown_with_its_reason(store: Shop, tmp_path: Path) -> None:
    auto = {"placed_byte": 0.5, "goal": "requests", "link": 1250000, "since": "2026-11-29T20:30:00Z", "why": "value 0.3 in the replay"}
    assert publish(store, tmp_path, {"auto": auto}).returncode == 0
    policy = shown(store)
    assert policy["auto"] == auto and policy["place"]["t1"] == 1
    text = store.run("policy", "show").stdout
    assert "costs 0.5 of a byte served; goal: requests; link: 1250000 bytes a second" in text
    assert "in force: threshold 1, displace 1; since 2026-11-29T20:30:00Z: value 0.3 in the replay" in text
    assert publish(store, tmp_path, policy).stderr == "generation 1\n"  # what is shown can be set


def test_what_was_set_is_shown(store: Shop, tmp_path: Path) -> None:
    policy = {"place": {"t1": 50, "t2": 10, "m": 2, "of": 7, "confidence": 0.8, "include_current": False, "window": {"since": "00:00"},
                        "small": {"size": 65536, "t1": 0}, "room": {"t1": 5}, "displace": 1.5},
              "evict": {"t3": 3, "n": 4, "of": 6, "confidence": None, "include_current": False, "window": {"slot": "22:00-02:00"}, "grace": "2h"},
              "trigger": "pending", "missing_patch": "full", "timezone": "+08:00"}
    done = publish(store, tmp_path, policy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "generation 1\n")
    assert without_plain_names(shown(store)) == policy
    head, *lines = store.run("policy", "show").stdout.splitlines()
    assert head == "generation 1; times are in +08:00"
    assert [line.split()[0] for line in lines if line.endswith("(default)")] == ["evict.confidence"]
    text = "\n".join(lines)
    for word in "50", "0.8 of 7", "4 of 6", "since 00:00", "22:00-02:00 each day", "up to 65536 bytes", "2h", "at the next query":
        assert word in text


@pytest.mark.parametrize("window, words", [
    ({"since": "2026-08-21T06:00"}, "since 2026-08-21T06:00"),
    ({"slots": ["06:00-12:00", "12:00-18:00", "18:00-24:00"]}, "06:00-12:00, 12:00-18:00, 18:00-24:00 each day")])
def test_a_date_and_several_slots_a_day(window: dict[str, Any], words: str, directory: Shop, tmp_path: Path) -> None:
    assert publish(directory, tmp_path, {"place": {"window": window}}).returncode == 0
    assert shown(directory)["place"]["window"] == window
    assert words in directory.run("policy", "show").stdout


def test_a_rule_that_makes_t1_moot_is_warned_about(directory: Shop, tmp_path: Path) -> None:
    done = publish(directory, tmp_path, {"place": {"t1": 50, "t2": 10, "m": 1, "of": 1}})
    assert done.returncode == 0 and "warning: with m 1 of 1, repeat_threshold (10) alone decides" in done.stderr


def test_what_is_shown_can_be_set(directory: Shop, tmp_path: Path) -> None:
    assert publish(directory, tmp_path, {"place": {"t1": 7}, "timezone": "-03:30"}).returncode == 0
    printed = directory.run("policy", "show", "--json").stdout
    same = publish(directory, tmp_path, printed)
    assert (same.returncode, same.stderr) == (0, "generation 1\n")
    assert publish(directory, tmp_path, {"place": {"t1": 8}}).stderr == "generation 2\n"
    stored = (Path(directory.store.removeprefix("file://")) / "policy").iterdir()
    assert all("threshold" not in row.read_text() for row in stored)  # older instances read the short names alone
    [marked] = [line for line in directory.run("policy", "show").stdout.splitlines() if line.startswith("place.threshold (T1)")]
    assert " 8" in marked and "default" not in marked


@pytest.mark.parametrize("policy, field", [
    ({"place": {"t1": 10, "t2": 10}}, "place.t2"), ({"place": {"m": 6}}, "place.m"), ({"place": {"of": 65}}, "place.of"),
    ({"place": {"t1": -1}}, "place.t1"), ({"place": {"confidence": 1.1}}, "place.confidence"), ({"place": {"window": {}}}, "place.window"),
    ({"place": {"window": {"last": "7m"}}}, "place.window.last"), ({"place": {"window": {"last": "32d"}}}, "place.window.last"),
    ({"place": {"window": {"last": "24h", "since": "00:00"}}}, "place.window"), ({"place": {"small": {"size": 1}}}, "place.small.threshold"),
    ({"evict": {"window": {"slot": "06:00-06:00"}}}, "evict.window.slot"), ({"evict": {"t3": 1.5}}, "evict.t3"), ({"evict": {"n": 0}}, "evict.n"),
    ({"evict": {"window": {"since": "2026-08-21"}}}, "evict.window"), ({"evict": {"n": 5, "window": {"since": "00:00"}}}, "evict.n"),
    ({"evict": {"n": 5, "window": {"slot": "00:00-24:00"}}}, "evict.n"), ({"evict": {"confidence": 0.9, "window": {"since": "00:00"}}}, "evict.confidence"),
    ({"evict": {"window": {"slots": ["06:00-12:00", "12:00-17:00"]}}}, "evict.window.slots"),
    ({"evict": {"grace": "soon"}}, "evict.grace"), ({"trigger": "now"}, "trigger"), ({"missing_patch": True}, "missing_patch"),
    ({"auto": True}, "auto"), ({"auto": {"placed_byte": -1}}, "auto.placed_byte"), ({"auto": {"goal": "hits"}}, "auto.goal"),
    ({"auto": {"link": -1}}, "auto.link"), ({"auto": {"since": "today"}}, "auto.since"), ({"auto": {"why": "x" * 200}}, "auto.why"),
    ({"auto": {"money": 1}}, "auto.money"), ({"auto": {}, "place": {"t1": 4}}, "place"), ({"auto": {}, "evict": {"t3": 9}}, "place"),
    ({"timezone": "CET"}, "timezone"), ({"places": {}}, "places")])
def test_the_field_that_is_wrong_is_named(policy: dict[str, Any], field: str, directory: Shop, tmp_path: Path) -> None:
    done = publish(directory, tmp_path, policy)
    assert done.returncode == 1 and f"policy.{field}: " in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert "no policy published" in directory.run("policy", "show").stdout


@pytest.mark.parametrize("text", ["", "[]", "{", "7"])
def test_what_is_no_policy_is_refused(text: str, directory: Shop, tmp_path: Path) -> None:
    done = publish(directory, tmp_path, text)
    assert done.returncode == 1 and done.stderr.startswith("pakhus policy set: "), done.stderr


def test_a_row_that_was_spoilt_is_said(directory: Shop) -> None:
    placed.put(directory, f"policy/{placed.LAST}", '{"place":{"t1":"many"}}')
    done = directory.run("policy", "show", check=False)
    assert done.returncode == 1 and f"policy/{placed.LAST}" in done.stderr and "t1" in done.stderr
