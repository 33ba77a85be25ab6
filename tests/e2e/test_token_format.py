"""The format in another language, both ways, and the token commands."""

import base64
import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from token_format import Token, cache_key, seal, unseal

Run = Callable[..., Any]
SECRET = hashlib.sha512(b"a test's key").digest()
KEYS = {"PAKHUS_TOKEN_KEYS": f"k1:{base64.b64encode(SECRET).decode()}", "PAKHUS_TOKEN_BUSINESS": "shop"}
URLS = ["https://cdn.example/a.css", "https://CDN.Example.:8443/a%20b/%7euser?x=1&y=%2f&&z", "http://[::1]/?q=a|b#part",
        "https://h", "https://h/b\u00fccher?pktx=1&PKT=2&%70kt=3", "https://h/a?pkt=k1.old&b=2", "https://h/" + "a" * 8000]
TIME = "2026-08-20T10:00:00Z"
MILLISECONDS = 1787220000000


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("any_host", [False, True])
def test_what_we_sign_another_language_reads(run_pakhus: Run, url: str, any_host: bool) -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    signed = run_pakhus("token", "sign", url, "--modified", TIME, "--size", "7", "--type", "text/css", "--sha256", digest,
                        "--due-after", "2d", *(["--any-host"] if any_host else []), env=KEYS).stdout.strip()
    token = unseal(signed.split("pkt=")[-1].split("#")[0], SECRET)
    assert token.key == cache_key(url, "shop", any_host)
    assert (token.due, token.modified, token.size) == (MILLISECONDS + 2 * 86400000, MILLISECONDS, 7)
    assert (token.business, token.type, token.digest) == (b"shop", b"text/css", bytes.fromhex(digest))
    assert bool(token.host) != any_host


@pytest.mark.parametrize("url", URLS)
def test_what_another_language_signs_we_verify(run_pakhus: Run, url: str) -> None:
    plain = url.replace("pkt=k1.old&", "").split("#")[0]
    host = url.split("/")[2].lower().split(":8")[0].rstrip(".")
    text = seal("k1", SECRET, Token(MILLISECONDS, MILLISECONDS, cache_key(url, "shop"), b"shop", host.encode()))
    whole = f"{plain}{'&' if '?' in plain else '?'}pkt={text}"
    for now, action in (("2026-08-20T09:59:59Z", "serve"), (TIME, "update")):
        said = json.loads(run_pakhus("token", "verify", whole, "--now", now, "--json", env=KEYS).stdout)
        assert said["action"] == action
        assert said["cache-key"] == cache_key(url, "shop").hex()


def test_what_another_language_alters_we_refuse(run_pakhus: Run) -> None:
    url = URLS[0]
    good = Token(MILLISECONDS, MILLISECONDS, cache_key(url, "shop"), b"shop", b"cdn.example")
    text = seal("k1", SECRET, good)
    body = bytearray(base64.urlsafe_b64decode(text[3:] + "=" * (-len(text[3:]) % 4)))
    body[random.Random(5).randrange(len(body))] ^= 4
    altered = "k1." + base64.urlsafe_b64encode(body).decode().rstrip("=")
    other = seal("k1", hashlib.sha512(b"another").digest(), good)
    for bad, reason in ((altered, "forged"), (other, "forged"), (text.replace("k1.", "k9."), "unknown-key"), (text + "AAAA", "forged"),
                        (text[:-1], "malformed|forged"), (seal("k1", SECRET, Token(0, 0, bytes(32), b"shop", b"cdn.example")), "url")):
        done = run_pakhus("token", "verify", f"{url}?pkt={bad}", "--json", env=KEYS, check=False)
        assert done.returncode == 1
        assert json.loads(done.stdout)["reason"] in reason


def test_documents(run_pakhus: Run, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "f").mkdir(parents=True)
    for name in ("a.css", "b.png", "c d.apk"):
        (site / "f" / name.replace(" ", "_")).write_text(name)
    page = tmp_path / "page.html"
    page.write_text('<!-- a.css --><link href="f/a.css"><img srcset="/f/b.png 2x" alt="f/b.png"><a href="f/gone">x</a>')
    page.chmod(0o640)
    command = ["token", "sign", page, "--base", "https://cdn.example/", "--store", f"file://{site}"]
    printed = run_pakhus(*command, env=KEYS).stdout
    assert printed.count("pkt=k1.") == 2 and "<!-- a.css -->" in printed and 'alt="f/b.png"' in printed and '"f/gone"' in printed
    done = run_pakhus(*command, "--in-place", env=KEYS)
    assert "2 references" in done.stderr and done.stdout == ""
    assert page.read_text() == printed
    assert run_pakhus(*command, env=KEYS).stdout == printed
    assert sorted(os.listdir(tmp_path)) == ["page.html", "site"]
    assert run_pakhus("token", "sign", page, "--store", f"file://{site}", env=KEYS, check=False).returncode == 1
    page.write_text('<a href="HTTPS://CDN.example/f/a.css">')
    for under in ((), ("--under", "https://cdn.EXAMPLE")):
        assert '"HTTPS://CDN.example/f/a.css?pkt=k1.' in run_pakhus(*command, *under, env=KEYS).stdout
    url = run_pakhus("token", "sign", "https://CDN.example/f/a.css", "--store", f"file://{site}", env=KEYS).stdout
    assert url.startswith("https://CDN.example/f/a.css?pkt=k1.")


def test_what_is_wrong_is_said(run_pakhus: Run) -> None:
    for arguments, words in ((["sign", "https://h/a"], "store"), (["sign", "https://h/a", "--modified", TIME, "--sha256", "x"], "64"),
                             (["sign", "https://h/a", "--modified", TIME, "--due", TIME, "--due-after", "1d"], "either"),
                             (["sign", "https://h/a", "--modified", TIME, "--param", "a b"], "--param"), (["show", "https://h/a"], "no token"),
                             (["show", "k1.AAAA"], "not one"), (["stale", "--node", "../x"], "--node")):
        done = run_pakhus("token", *arguments, env=KEYS, check=False)
        assert done.returncode == 1 and words in done.stderr, (arguments, done.stderr)
    assert run_pakhus("token", "sign", "https://h/a", check=False).returncode == 1
    assert len(base64.b64decode(run_pakhus("token", "keygen").stdout.strip().split(":")[1])) == 64
