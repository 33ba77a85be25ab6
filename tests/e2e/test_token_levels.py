"""Two levels of caches in front of MinIO, with the function, the module and Varnish: an updated URL replaces the copy in every node
that sees it, at its due time, with one origin fetch, and nothing else is touched."""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from support.cache import ROOT
from support.servers import Command
from support.token_levels import Clock, Levels, ask, filled, in_an_hour


def test_an_update_at_its_due_time(levels: Levels, clock: Clock) -> None:
    old = filled(levels)
    url = levels.sign("a.txt", "--due", in_an_hour())
    for node in levels.nodes:
        answer = ask(node, url)
        assert (answer.body, answer.cache, answer.action, answer.reason) == (b"one", "HIT", "serve", "not-due")
    assert levels.fetched() == []

    clock.move(7200)
    time.sleep(1.1)  # nginx looks at the clock when something happens
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda number: ask(levels.nodes[number % 2], url), range(200)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"two!")}
    assert levels.fetched() == ["/a.txt"]

    for node in levels.nodes:
        for target in (url, "/a.txt"):
            answer = ask(node, target)
            assert (answer.body, answer.cache, answer.action) == (b"two!", "HIT", "serve"), target
        assert ask(node, url).reason == "succeeded"
        assert (ask(node, old).body, ask(node, old).reason) == (b"two!", "older")
        assert ask(node, "/b.txt").cache == "HIT"
    assert levels.fetched() == []


def test_t9_one_level_is_the_second_level_alone(levels: Levels) -> None:
    node = levels.second
    levels.put("a.txt", b"one")
    assert [ask(node, "/a.txt").cache for _ in range(2)] == ["MISS", "HIT"]
    time.sleep(1.1)
    levels.put("a.txt", b"two!")
    url, hexadecimal = levels.sign("a.txt"), levels.sign("a.txt", "--hex")
    assert levels.fetched() == ["/a.txt"]
    assert ask(node, url[:-8]).status == 403
    assert ask(node, "/a.txt").body == b"one"
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(node, url), range(60)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"two!")}
    assert levels.fetched() == ["/a.txt"]
    time.sleep(0.5)
    for target in url, hexadecimal, "/a.txt":
        answer = ask(node, target)
        assert (answer.body, answer.cache, answer.action) == (b"two!", "HIT", "serve"), target
    assert levels.fetched() == []


def test_forged_tokens_cost_nothing(levels: Levels) -> None:
    filled(levels)
    url = levels.sign("a.txt")
    at = url.index("pkt=k1.") + 7
    other = "B" if url[at] == "A" else "A"
    for target, reason in ((url[:at] + other + url[at + 1:], "forged"), (url.replace("a.txt", "b.txt"), "url"),
                           (url.replace("k1.", "k2."), "unknown-key"), (url[:-1], "forged|malformed"), (f"{url}&{url[7:]}", "twice")):
        answer = ask(levels.nodes[0], target)
        assert answer.status == 403 and re.fullmatch(reason, answer.reason), (target, answer)
        assert json.loads(answer.body)["type"] == f"token-{answer.reason}"
    assert ask(levels.nodes[0], url, host="other.example").reason == "host"
    answer = ask(levels.nodes[0], "/forbidden.txt")
    assert (answer.status, answer.action) == (403, "serve") and b"token" not in answer.body  # the origin's own word
    assert levels.fetched() == ["/forbidden.txt"]
    assert ask(levels.nodes[0], "/a.txt").body == b"one"
    assert levels.fetched() == []


def test_a_copy_that_is_not_the_one_meant(levels: Levels) -> None:
    """The page was published before the object: the old copy stays, and the update comes when the object has."""
    filled(levels)
    time.sleep(1.1)
    levels.put("a.txt", b"three")
    url = levels.sign("a.txt")
    time.sleep(1.1)
    levels.put("a.txt", b"two!")  # back again, at another time
    node = levels.nodes[0]
    answer = ask(node, url)
    assert (answer.action, answer.body) == (("serve", b"one") if levels.how == "varnish" else ("update", b"two!"))
    assert ask(node, "/a.txt").body == b"one"
    time.sleep(0.3)
    assert ask(node, url).reason == "failed"
    assert len(levels.fetched()) == 1


@pytest.mark.parametrize("wrong", [("--type", "text/css"), ("--sha256", hashlib.sha256(b"else").hexdigest())])
def test_a_copy_of_another_type_or_digest(levels: Levels, wrong: tuple[str, str]) -> None:
    right = {"--type": "text/plain", "--sha256": hashlib.sha256(b"two!").hexdigest()}[wrong[0]]
    node = levels.nodes[0]
    levels.put("digest.txt", b"one!")
    assert ask(node, "/digest.txt").body == b"one!"
    time.sleep(1.1)
    levels.put("digest.txt", b"two!")
    url = levels.sign("digest.txt", *wrong)
    assert ask(node, url).status == 200
    time.sleep(0.3)
    assert ask(node, url).reason == "failed"
    assert (ask(node, "/digest.txt").body, ask(node, "/digest.txt").cache) == (b"one!", "HIT")
    assert ask(node, levels.sign("digest.txt", wrong[0], right)).body == b"two!"
    time.sleep(0.3)  # nginx stores it after the last byte has gone out
    assert (ask(node, "/digest.txt").body, ask(node, "/digest.txt").cache) == (b"two!", "HIT")


def test_the_second_level_is_lost(levels: Levels) -> None:
    filled(levels)
    url = levels.sign("a.txt")
    levels.second.stop()
    node = levels.nodes[0]
    answer = ask(node, url)
    assert (answer.status, answer.body) == (200, b"one")
    assert (ask(node, "/a.txt").body, ask(node, "/a.txt").cache) == (b"one", "HIT")
    assert ask(node, "/missing.txt").status == 502
    assert ask(node, "/a.txt?pkt=x").status == 403


def test_a_restart_and_a_reload(levels: Levels) -> None:
    filled(levels)
    url = levels.sign("a.txt")
    node = levels.nodes[0]
    assert ask(node, url).body == b"two!"
    time.sleep(0.3)
    node.reload()
    time.sleep(0.5)
    answer = ask(node, url)
    assert (answer.body, answer.cache, answer.reason) == (b"two!", "HIT", "succeeded")
    assert levels.fetched() == ["/a.txt"]
    if levels.how == "function":
        assert levels.function
        levels.function.kill()
        for target in (url, "/a.txt", "/b.txt"):
            answer = ask(node, target)
            assert (answer.status, answer.cache) == (200, "HIT"), target
        assert levels.fetched() == []


def test_t8_clean_up_deletes_once(levels: Levels, pakhus: Path, file_store: str) -> None:
    filled(levels)
    url = levels.sign("a.txt")
    node = levels.nodes[0]
    assert ask(node, url).body == b"two!"
    time.sleep(0.5)
    kind, where = ("varnish", "token-inner.sock") if levels.how == "varnish" else ("nginx", "first")
    whose = str(node.prefix / "token-first-table.sock") if levels.how == "module" else "edge-1"
    command: Command = [ROOT / f"cdn/{kind}/token-clean-up", node.prefix / where, whose, "--now"]
    env = {**os.environ, "PAKHUS_BIN": str(pakhus), "PAKHUS_STORE": file_store}
    for now, cache in ((in_an_hour(), "HIT"), ("2036-01-01T00:00:00Z", "MISS"), ("2036-01-02T00:00:00Z", "HIT")):
        subprocess.run([*command, now], check=True, env=env)
        assert ask(node, "/b.txt").cache == "HIT"
        answer = ask(node, "/a.txt")
        assert (answer.cache, answer.body) == (cache, b"two!")
