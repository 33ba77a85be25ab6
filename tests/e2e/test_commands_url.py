"""url keygen and url sign. What signed URLs do is in test_splice_url_info.py."""

import base64
import json
import re
import time
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from support import links, shop


def sign(*options: str, check: bool = True, keys: str = links.KEYS) -> str:
    done = shop.run("url", "sign", "APP", "1.0", "huawei", *options, env={"PAKHUS_URL_KEYS": keys}, check=check)
    return done.stdout.strip() if check else done.stderr


def test_keygen_makes_a_key_that_signs() -> None:
    made = {shop.run("url", "keygen", "--kid", "2026a").stdout.strip() for _ in range(3)}
    assert len(made) == 3
    for key in made:
        kid, secret = key.split(":")
        assert kid == "2026a" and len(base64.b64decode(secret)) == 32
        assert "sig=2026a." in sign(keys=key)


@pytest.mark.parametrize("kid", ["", "a:b", "a,b", "a b", "a.b" * 50])
def test_key_ids_that_are_none(kid: str) -> None:
    done = shop.run("url", "keygen", "--kid", kid, check=False)
    assert done.returncode == 1
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1


def test_the_url_says_what_was_asked() -> None:
    url = sign("--info", '{"click":"8f3a"}', "--filename", "my game.apk", "--public-url", "https://dl.example.com/", "--expires", "2d")
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "dl.example.com", "/packages/APP/1.0/huawei.apk")
    query = {name: value for name, [value] in parse_qs(parts.query).items()}
    assert json.loads(base64.urlsafe_b64decode(query["info"] + "==")) == {"click": "8f3a"}
    assert query["filename"] == "my game.apk"
    left = datetime.fromisoformat(query["exp"]).timestamp() - time.time()
    assert abs(left - 2 * 86400) < 5
    assert re.fullmatch(r"k1\.[A-Za-z0-9_-]{43}", query["sig"])


def test_times_are_taken_as_they_are() -> None:
    assert "exp=2030-01-02T03%3A04%3A05Z" in sign("--expires", "2030-01-02T03:04:05Z")
    assert "exp=2030-01-02T03%3A04%3A05Z" in sign("--expires", "2030-01-02T11:04:05+08:00")


@pytest.mark.parametrize("options, word", [
    (["--info", "x"], "info"), (["--info", '{"channel":"other"}'], "channel"), (["--info", '{"a":1}'], "info"),
    (["--filename", "a.exe"], "--filename"), (["--filename", "../a.apk"], "--filename"), (["--filename", "a\r\nb.apk"], "--filename"),
    (["--expires", "soon"], "--expires"), (["--expires", "-1d"], "--expires"), (["--info", json.dumps({"a": "x" * 9000})], "info")])
def test_what_no_server_would_take_is_not_signed(options: list[str], word: str) -> None:
    message = sign(*options, check=False)
    assert message.startswith("pakhus url sign: ") and word in message and len(message.splitlines()) == 1


@pytest.mark.parametrize("keys", ["", "k1", "k1:", "k1:!!!", ":AAAA", "k1:AAAA,k1:AAAA", "k1:AAAA,"])
def test_keys_that_are_none(keys: str) -> None:
    message = sign(keys=keys, check=False)
    assert "PAKHUS_URL_KEYS" in message and len(message.splitlines()) == 1


def test_a_secret_is_never_repeated() -> None:
    for keys in ("k1:" + "c2VjcmV0" * 4 + "!", "k1:c2VjcmV0,k1:c2VjcmV0"):
        assert "c2VjcmV0" not in sign(keys=keys, check=False)
