"""Two levels of caches while something goes: the function, nginx itself, its hit table, the keys."""

import re
import time
from pathlib import Path

import pytest

from support.servers import Nginx
from support.token_levels import Levels, ask, filled, in_an_hour

with_function = pytest.mark.parametrize("levels", ["function", "varnish"], indirect=True)
with_module = pytest.mark.parametrize("levels", ["module"], indirect=True)


@with_function
def test_the_function_goes_and_comes_back(levels: Levels) -> None:
    old = filled(levels)
    url = levels.sign("a.txt")
    assert levels.function
    port = int(levels.function.url.rsplit(":", 1)[1])
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

    levels.start_function(port)
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
