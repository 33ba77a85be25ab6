"""What is Varnish's own: its rounds, its socket, what clients may not send."""

import time

import pytest

from support.servers import Varnish
from support.token_levels import Levels, ask, send

pytestmark = pytest.mark.parametrize("levels", ["varnish"], indirect=True)


def changed(levels: Levels, key: str = "a.txt") -> Varnish:
    """The first node, with a copy of what the origin has replaced since."""
    node = levels.nodes[0]
    assert isinstance(node, Varnish)
    levels.put(key, b"one")
    assert ask(node, f"/{key}").body == b"one"
    time.sleep(1.1)
    levels.put(key, b"two!")
    levels.fetched()
    return node


def test_very_long_urls(levels: Levels) -> None:
    node = changed(levels)
    query = "x=" + "y" * 7000
    assert ask(node, f"/a.txt?{query}").body == b"two!"
    time.sleep(1.1)
    levels.put("a.txt", b"three")
    url = levels.sign(f"a.txt?{query}")
    answer = ask(node, url)
    assert (answer.status, answer.body, answer.action) == (200, b"three", "update")
    assert ask(node, url).reason == "succeeded"
    assert levels.fetched() == [f"/a.txt?{query}"] * 2


def test_an_update_asked_for_by_head_or_in_parts(levels: Levels) -> None:
    node = changed(levels)
    url = levels.sign("a.txt")
    status, body, headers = send(node, "HEAD", url)
    assert (status, body, headers["content-length"], headers["pakhus-action"]) == (200, b"", "4", "update")
    assert send(node, "GET", "/a.txt", Range="bytes=1-2")[:2] == (206, b"wo")
    time.sleep(1.1)
    levels.put("a.txt", b"three")
    url = levels.sign("a.txt")
    status, body, headers = send(node, "GET", url, Range="bytes=2-", If_Modified_Since="Fri, 01 Jan 2010 00:00:00 GMT")
    assert (status, body, headers["pakhus-action"]) == (206, b"ree", "update")
    since = send(node, "GET", "/a.txt")[2]["last-modified"]
    assert send(node, "GET", url, If_Modified_Since=since)[0] == 304
    assert levels.fetched() == ["/a.txt"] * 2


def test_what_clients_may_not_do(levels: Levels) -> None:
    node = changed(levels)
    url = levels.sign("a.txt")
    for method in ("POST", "PURGE", "DELETE"):
        status, _, headers = send(node, method, "/a.txt")
        assert (status, headers["allow"]) == (405, "GET, HEAD")
    key = "0" * 64
    for smuggled in ({"Pakhus_Round": "inner"}, {"Pakhus_Cache_Key": key, "Pakhus_Action": "serve", "Pakhus_Round": "copy"},
                     {"Pakhus_Outcome": "succeeded", "Pakhus_Round": "report"}, {"Pakhus_Plain": "/b.txt", "Pakhus_URL": "/b.txt"}):
        assert send(node, "GET", "/a.txt", **smuggled)[:2] == (200, b"one")
        assert send(node, "GET", f"{url[:-8]}AAAAAAAA", **smuggled)[0] == 403
    assert levels.fetched() == []
    assert send(node, "GET", url, b'{"outcome":"failed"}', Cookie="a=b", Authorization="Basic eDp5")[:2] == (200, b"two!")
    assert ask(node, url).reason == "succeeded"
    assert levels.fetched() == ["/a.txt"]


def test_two_tokens_without_the_function(levels: Levels) -> None:
    node = changed(levels)
    assert levels.function
    levels.function.kill()
    for target in ("/c.txt?pkt=1&pkt=2", "/c.txt?pkt&a=1&pkt=2"):
        assert ask(node, target).status == 403
    assert levels.fetched() == []
