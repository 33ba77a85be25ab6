"""Two levels of caches while something goes: the function, nginx itself, its hit table, the keys."""

import concurrent.futures
import contextlib
import http.client
import math
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from support.cache import ROOT
from support.servers import Nginx, Program, port_of
from support.token_levels import HOST, Levels, ask, filled, send

with_function = pytest.mark.parametrize("levels", ["function", "varnish"], indirect=True)
with_module = pytest.mark.parametrize("levels", ["module"], indirect=True)


@with_function
def test_the_function_goes_and_comes_back(levels: Levels) -> None:
    old = filled(levels)
    url = levels.sign("a.txt")
    assert levels.function
    levels.function.kill()
    for node in levels.nodes:
        for target in (url, old, "/a.txt"):
            answer = ask(node, target)
            assert (answer.status, answer.body, answer.cache) == (200, b"one", "HIT"), target
    node = levels.nodes[0]
    assert ask(node, url[:-4] + "AAAA").body == b"one"  # nobody can tell, and it costs nothing
    assert levels.fetched() == []
    levels.put("c.txt", b"new")
    assert ask(node, "/c.txt?pkt=k1.AAAA").body == b"new"
    assert ask(node, "/c.txt").body == b"new"
    assert ask(node, "/c.txt?pkt=1&pkt=2").status == ask(node, "/c.txt?pkt=1&x=1&pkt").status == 403
    assert set(levels.fetched()) == {"/c.txt"}

    levels.start_function(port_of(levels.function.url), {})
    time.sleep(0.6)  # a failure is kept that long
    for node in levels.nodes:
        answer = ask(node, url)
        assert (answer.body, answer.action) == (b"two!", "update")
    assert levels.fetched() == ["/a.txt"]
    time.sleep(0.3)
    for node in levels.nodes:
        assert (ask(node, url).reason, ask(node, "/a.txt").body) == ("succeeded", b"two!")
        assert ask(node, url[:-4] + "AAAA").status == 403
    assert levels.fetched() == []


def test_nodes_restart(levels: Levels) -> None:
    """What a node knows of updates is in the function, or gone with nginx's memory: then the next one costs a fetch, and no more."""
    old = filled(levels)
    url = levels.sign("a.txt")
    node, other = levels.nodes
    assert ask(node, url).body == ask(other, url).body == b"two!"
    time.sleep(0.3)
    assert levels.fetched() == ["/a.txt"]
    node = levels.servers.restart(node)
    kept = "HIT" if isinstance(node, Nginx) else "MISS"  # Varnish's copies are in its memory
    assert (ask(node, "/a.txt").body, ask(node, "/b.txt").cache) == (b"two!", kept)
    assert ask(node, url).reason == ("due" if levels.how == "module" else "succeeded")
    time.sleep(0.3)
    for target in (url, "/a.txt", "/b.txt"):
        assert ask(node, target).cache == "HIT"
    assert ask(node, old).body == b"two!"
    assert levels.fetched() == []  # all that was missing, the second level had
    levels.servers.restart(levels.second)
    assert ask(node, url).reason == ask(other, url).reason == "succeeded"
    assert ask(other, old).body == ask(other, "/a.txt").body == b"two!"
    assert levels.fetched() == []


@with_module
def test_reloads(levels: Levels) -> None:
    """The hit table stays over any number of them, and the keys are read again."""
    filled(levels)
    url = levels.sign("a.txt")
    node = levels.nodes[0]
    assert isinstance(node, Nginx)
    assert ask(node, url).body == b"two!"
    time.sleep(0.3)
    for _ in range(3):
        reload(node)
        assert ask(node, url).reason == "succeeded"
    assert levels.fetched() == ["/a.txt"]

    newer: str = levels.run_pakhus("token", "keygen", "--kid", "k2").stdout.strip()
    older = levels.keys.read_text().split("\n")[1]
    url2 = sign(levels, newer, "b.txt")
    assert ask(node, url2).reason == "unknown-key"
    levels.keys.write_text(f"{newer}\n{older}\n")
    for one in (levels.second, node):
        reload(one)
    assert ask(node, url).reason == "succeeded"
    assert ask(node, url2).reason != "unknown-key"
    levels.keys.write_text(f"{newer},\n")
    reload(node)
    assert ask(node, url).reason == "unknown-key"

    levels.keys.write_text("nonsense")  # nginx goes on with what it has
    reload(node)
    assert ask(node, url).reason == "unknown-key" and ask(node, "/a.txt").body == b"two!"
    assert "must be written as kid:base64" in node.output()


def reload(node: object) -> None:
    assert isinstance(node, Nginx)
    before = node.output().count("reconfiguring")
    node.reload()
    while node.output().count("reconfiguring") == before:
        time.sleep(0.05)
    time.sleep(0.5)  # the old workers leave


def sign(levels: Levels, keys: str, key: str, modified: str = "2026-08-20T10:00:00Z") -> str:
    done = levels.run_pakhus("token", "sign", f"https://{HOST}/{key}", "--modified", modified, env={**levels.env, "PAKHUS_TOKEN_KEYS": keys})
    url: str = done.stdout.strip()
    return url.removeprefix(f"https://{HOST}")


@pytest.mark.parametrize("on_evict", ["keep", "purge"])
def test_t7_what_a_full_hit_table_forgets_leaves_the_cache_where_it_shall(levels: Levels, on_evict: str, pakhus: Path, file_store: str) -> None:
    if levels.function:
        levels.function.stop()
        levels.start_function(port_of(levels.function.url), {"PAKHUS_TOKEN_ENTRIES": "16", "PAKHUS_TOKEN_ON_EVICT": on_evict})
    node = levels.start_node("edge-3", "32k", on_evict)
    count = 180 if levels.how == "module" else 14  # two entries each; the module's table has what fits into 32k, some 240
    for number in range(count):
        levels.put(f"{number}.txt", b"now")
        assert ask(node, levels.sign(f"{number}.txt")).body == b"now"
    time.sleep(0.3)
    for _ in range(8):  # the function names four at a time
        levels.put("last.txt", os.urandom(8))
        ask(node, sign(levels, levels.env["PAKHUS_TOKEN_KEYS"], "last.txt", f"2026-08-20T10:00:0{_}Z"))
    if levels.how == "function":
        named = node.prefix / "first.evicted"
        assert (named.exists() and named.stat().st_size > 0) == (on_evict == "purge")
        subprocess.run([ROOT / "cdn/nginx/token-clean-up", node.prefix / "first", "edge-3"], check=True,
                       env={**os.environ, "PAKHUS_BIN": str(pakhus), "PAKHUS_STORE": file_store})
        assert not named.exists() or named.stat().st_size == 0
    for number, cache in ((0, "MISS" if on_evict == "purge" else "HIT"), (1, "MISS" if on_evict == "purge" else "HIT"), (count - 1, "HIT")):
        answer = ask(node, f"/{number}.txt")
        assert (answer.status, answer.body, answer.cache) == (200, b"now", cache), number
        assert ask(node, f"/{number}.txt").cache == "HIT"


def test_a_full_hit_table(levels: Levels) -> None:
    """What failed is forgotten first; what is forgotten is asked for again, and served all the same."""
    small = 240 if levels.how == "module" else 16  # entries; the module's are what fits into 32k, and some more
    if levels.function:
        levels.function.stop()
        levels.start_function(port_of(levels.function.url), {"PAKHUS_TOKEN_ENTRIES": "16"})
    node = levels.start_node("edge-3", "32k")
    for number in range(5):
        levels.put(f"{number}.txt", b"now")
    good = [levels.sign(f"{number}.txt") for number in range(5)]
    assert [ask(node, url).body for url in good] == [b"now"] * 5
    time.sleep(0.3)
    assert len(levels.fetched()) == 5
    for number in range(small * 2):
        bad = sign(levels, levels.env["PAKHUS_TOKEN_KEYS"], "4.txt", f"2025-01-01T0{number // 3600}:{number // 60 % 60:02}:{number % 60:02}Z")
        assert (ask(node, bad).status, ask(node, bad).body) == (200, b"now")
    levels.fetched()
    time.sleep(0.3)
    assert [ask(node, url).reason for url in good] == ["succeeded"] * 5
    more = small * 3 // 4
    for number in range(5, 5 + more):
        levels.put(f"{number}.txt", b"now")
        assert ask(node, levels.sign(f"{number}.txt")).body == b"now"
    levels.fetched()
    time.sleep(0.3)
    answer = ask(node, good[0])
    assert (answer.body, answer.reason) == (b"now", "due")
    time.sleep(0.3)
    # Varnish still holds what it fetched for it a minute ago: then nobody fetches, and nobody reports.
    assert ask(node, good[0]).reason == ("processing" if levels.how == "varnish" else "succeeded")


def test_what_clients_cannot_spoil(levels: Levels) -> None:
    """Other methods, headers of our own, a client that goes away: the update is made all the same."""
    filled(levels)
    url = levels.sign("a.txt")
    node = levels.nodes[0]
    for method in ("POST", "PUT", "DELETE"):
        status, _, headers = send(node, method, url, b"x")
        assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert levels.fetched() == []
    leave(node, url)
    end = time.monotonic() + 60
    while ask(node, "/a.txt").body != b"two!" and time.monotonic() < end:
        time.sleep(0.05)
    assert ask(node, "/a.txt").body == b"two!"
    time.sleep(1.1)
    levels.put("a.txt", b"three")
    url = levels.sign("a.txt")
    spoilt = {"Pakhus_Outcome": "failed", "Pakhus_Size": "9", "Pakhus_Digest": "00" * 32, "Pakhus_Modified": "Thu, 20 Aug 2026 10:00:00 GMT",
              "Pakhus_Node": "edge-2", "Pakhus_Business": "bank", "Pakhus_Node_Secret": "x", "X_Original_URI": "/b.txt", "Range": "bytes=0-0",
              "If_None_Match": "*", "Pakhus_Retry": "1"}
    send(node, "GET", url, **spoilt)
    time.sleep(0.3)
    answer = ask(node, url)
    assert (answer.body, answer.reason, answer.cache) == (b"three", "succeeded", "HIT")
    assert levels.fetched() == ["/a.txt"] * 2


def leave(node: Program, target: str) -> None:
    with socket.create_connection(("127.0.0.1", port_of(node.url))) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())


def test_an_update_that_is_cut_short(levels: Levels) -> None:
    """The old copy stays, and the update is made when the origin is well again."""
    node = levels.nodes[0]
    levels.put("cut.txt", b"one")
    assert ask(node, "/cut.txt").body == b"one"
    time.sleep(1.1)
    levels.put("cut.txt", b"two" * 1000000)
    url = levels.sign("cut.txt")
    levels.cut.on = True
    broken(node, url)
    assert (ask(node, "/cut.txt").body, ask(node, "/cut.txt").cache) == (b"one", "HIT")
    levels.cut.on = False
    end = time.monotonic() + 20
    while ask(node, url).action != "update" and time.monotonic() < end:
        time.sleep(0.3)
    time.sleep(0.3)
    assert (ask(node, "/cut.txt").body, ask(node, "/cut.txt").cache) == (b"two" * 1000000, "HIT")
    assert ask(node, url).reason == "succeeded"


def broken(node: Program, target: str) -> None:
    with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
        ask(node, target)


def tries(seconds: float) -> int:
    """How often it may be tried in that time: the back-off of a second doubles, and one more may be under way."""
    return max(3, 2 + int(math.log2(1 + seconds)))


def test_many_ask_for_what_is_not_there(levels: Levels) -> None:
    """The update fails for all of them, by one fetch, and counts as one failure: it is tried again after a second, not after an hour."""
    filled(levels)
    url = levels.sign("a.txt")
    levels.minio.client().delete_object(Bucket=levels.bucket, Key="a.txt")
    node, begun = levels.nodes[0], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda number: ask(node, url), range(60)))
    assert {answer.status for answer in answers} <= {200, 404}
    assert len(levels.fetched()) <= tries(time.monotonic() - begun)
    assert ask(node, "/a.txt").body == b"one"
    end = time.monotonic() + 60
    while ask(node, url).reason != "retry" and time.monotonic() < end:
        time.sleep(0.2)
    assert 1 <= len(levels.fetched()) <= tries(time.monotonic() - begun)
