"""Cache tokens by the letter of the method: the spec's ids are in the names."""

import base64
import hashlib
import json
import os
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.servers import ADMIN, Minio, Servers
from test_token_verify import ask, report
from token_format import seal, unseal

Run = Callable[..., Any]
URL = "https://cdn.example/app.css"
SECOND = 1787220000  # 2026-08-20T10:00:00Z


@pytest.fixture
def env(run_pakhus: Run) -> dict[str, str]:
    return {"PAKHUS_TOKEN_KEYS": run_pakhus("token", "keygen").stdout.strip(), "PAKHUS_TOKEN_BUSINESS": "shop"}


def show(run_pakhus: Run, env: dict[str, str], url: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(run_pakhus("token", "show", url, "--json", env=env).stdout)
    return shown


# --- signing (T2)


@pytest.mark.parametrize("option", [("--sha256", "ab" * 32), ("--type", "text/css"), ("--size", "7"), ("--modified", "2026-08-20T10:00:00Z")],
                         ids=lambda option: option[0])
def test_t2_one_resources_attributes_go_into_no_document(option: tuple[str, str], run_pakhus: Run, env: dict[str, str], file_store: str,
                                                         tmp_path: Path) -> None:
    (Path(file_store.removeprefix("file://")) / "a.css").write_text("a")
    page = tmp_path / "page.html"
    page.write_text('<link href="a.css">')
    done = run_pakhus("token", "sign", page, "--base", "https://cdn.example/", "--store", file_store, "--in-place", *option, env=env,
                      check=False)
    assert done.returncode == 1 and f"{option[0]} describes one resource" in done.stderr
    assert done.stdout == "" and page.read_text() == '<link href="a.css">'


def test_t2_two_changes_within_a_second_are_two_tokens(servers: Servers, run_pakhus: Run, env: dict[str, str], file_store: str) -> None:
    file = Path(file_store.removeprefix("file://")) / "app.css"
    signed = []
    for content, millisecond in ("one", 250), ("two", 750):
        file.write_text(content)
        os.utime(file, ns=(0, SECOND * 10**9 + millisecond * 10**6))
        signed.append(run_pakhus("token", "sign", URL, "--store", file_store, env=env).stdout.strip())
    assert [show(run_pakhus, env, url)["modified"] for url in signed] == ["2026-08-20T10:00:00.250Z", "2026-08-20T10:00:00.750Z"]
    server = servers.pakhus(file_store, env=env)
    first, second = (url.removeprefix("https://cdn.example") for url in signed)
    for uri in first, second:
        assert ask(server, uri)[1:3] == ("update", "due")
        assert report(server, uri, Pakhus_Size="3", Pakhus_Modified="Thu, 20 Aug 2026 10:00:00 GMT") == "succeeded"
    assert ask(server, first)[2] == "older"


def test_t2_the_digest_is_read_where_it_is_asked_for(run_pakhus: Run, env: dict[str, str], file_store: str) -> None:
    file = Path(file_store.removeprefix("file://")) / "app.css"
    signed = []
    for content in b"one", b"two":
        file.write_bytes(content)
        os.utime(file, ns=(0, SECOND * 10**9))
        assert show(run_pakhus, env, run_pakhus("token", "sign", URL, "--store", file_store, env=env).stdout.strip())["sha256"] is None
        signed.append(run_pakhus("token", "sign", URL, "--store", file_store, "--digest", env=env).stdout.strip())
        assert show(run_pakhus, env, signed[-1])["sha256"] == hashlib.sha256(content).hexdigest()
    assert signed[0] != signed[1]


def test_t2_a_bucket_tells_type_and_digest(run_pakhus: Run, env: dict[str, str], minio: Minio, bucket: str, s3_store: str) -> None:
    env = {**env, **minio.credentials()}
    s3 = minio.client()
    s3.put_object(Bucket=bucket, Key="app.css", Body=b"body{}", ContentType="text/css; charset=utf-8", ChecksumAlgorithm="SHA256")
    s3.put_object(Bucket=bucket, Key="plain", Body=b"plain")
    said = show(run_pakhus, env, run_pakhus("token", "sign", URL, "--store", s3_store, env=env).stdout.strip())
    assert (said["size"], said["type"], said["sha256"]) == (6, "text/css", hashlib.sha256(b"body{}").hexdigest())
    plain = ["token", "sign", "https://cdn.example/plain", "--store", s3_store]
    said = show(run_pakhus, env, run_pakhus(*plain, env=env).stdout.strip())
    assert (said["size"], said["type"], said["sha256"]) == (5, None, None)
    said = show(run_pakhus, env, run_pakhus(*plain, "--digest", "--type", "text/plain", env=env).stdout.strip())
    assert (said["type"], said["sha256"]) == ("text/plain", hashlib.sha256(b"plain").hexdigest())


def test_t2_hex_tokens_beside_base64url(servers: Servers, run_pakhus: Run, env: dict[str, str], file_store: str) -> None:
    kid, _, key = env["PAKHUS_TOKEN_KEYS"].partition(":")
    secret, modified = base64.b64decode(key), "2026-08-20T10:00:00Z"
    spelt = sign_at(run_pakhus, env, "/app.css", modified, "--hex")
    other = sign_at(run_pakhus, env, "/app.css", modified)
    text = spelt.split("pkt=")[1]
    assert re.fullmatch(rf"{kid}\.hex\.([0-9a-f][0-9a-f])+", text)
    token = unseal(text, secret)
    assert token == unseal(other.split("pkt=")[1], secret)
    assert seal(kid, secret, token, hex=True) == text
    server = servers.pakhus(file_store, env=env)
    assert ask(server, spelt)[1:3] == ("update", "due")
    assert report(server, spelt) == "succeeded"
    assert ask(server, other)[1:3] == ("serve", "succeeded")  # one token, whichever way it is spelt
    for bad in text.upper().replace(f"{kid}.HEX.".upper(), f"{kid}.hex."), text[:-1], text + "0g":
        assert ask(server, f"/app.css?pkt={bad}")[::2] == (403, "malformed"), bad
        assert run_pakhus("token", "verify", f"{URL}?pkt={bad}", env=env, check=False).returncode == 1
    said = json.loads(run_pakhus("token", "verify", f"https://cdn.example{spelt}", "--json", env=env).stdout)
    assert (said["action"], said["reason"]) == ("update", "due")


# --- clean-up (T8)


def sign_at(run_pakhus: Run, env: dict[str, str], path: str, modified: str, *options: str) -> str:
    signed: str = run_pakhus("token", "sign", f"https://cdn.example{path}", "--modified", modified, *options, env=env).stdout.strip()
    return signed.removeprefix("https://cdn.example")


class Node:
    """A server whose clock is set, and the command that reads its tables."""

    def __init__(self, servers: Servers, run_pakhus: Run, env: dict[str, str], store: str, folder: Path) -> None:
        self.clock, self.cleaned, self.run, self.env, self.store = folder / "clock", folder / "cleaned", run_pakhus, env, store
        self.set("2026-08-01T00:00:00Z")
        self.server = servers.pakhus(store, "--clock", str(self.clock), "--flush", "sync", env=env)

    def set(self, time: str) -> None:
        self.clock.write_text(time)

    def update(self, time: str, path: str = "/app.css", *options: str) -> str:
        self.set(time)
        uri = sign_at(self.run, self.env, path, time, *options)
        assert ask(self.server, uri)[1] == "update"
        assert report(self.server, uri) == "succeeded"
        return uri

    def key(self, path: str) -> str:
        done = self.run("token", "verify", f"https://cdn.example{path}", "--json", env=self.env)
        key: str = json.loads(done.stdout)["cache-key"]
        return key

    def stale(self, time: str, *options: str) -> list[str]:
        listed: str = self.run("token", "stale", "--node", "edge-1", "--store", self.store, "--now", time, *options, env=self.env).stdout
        return listed.split()

    def event(self, time: str, **fields: object) -> list[str]:
        self.set(time)
        body = json.dumps({"pakhus": "stale", "node": "edge-1", **fields}).encode()
        address = f"{self.server.url}/2015-03-31/functions/cache-token-verify/invocations"
        with urllib.request.urlopen(urllib.request.Request(address, body, ADMIN, method="POST")) as answer:
            return [stale["key"] for stale in json.load(answer)["nodes"][0]["stale"]]


@pytest.fixture
def node(servers: Servers, run_pakhus: Run, env: dict[str, str], file_store: str, tmp_path: Path) -> Node:
    return Node(servers, run_pakhus, env, file_store, tmp_path)


def test_t8_updated_on_2_to_5_august_is_stale_from_5_september(node: Node) -> None:
    for day in range(2, 6):
        node.update(f"2026-08-0{day}T10:00:00Z")
    key = node.key("/app.css")
    for time, stale in ("2026-08-31T00:00:00Z", []), ("2026-09-04T10:00:00Z", []), ("2026-09-05T00:00:00Z", [key]), ("2026-12-01T00:00:00Z", [key]):
        assert node.stale(time) == stale, time
        assert node.event(time) == stale, time


def test_t8_thresholds_and_periods(node: Node) -> None:
    node.update("2026-08-02T10:00:00Z")
    node.update("2026-08-05T10:00:00Z", "/img/logo", "--type", "image/png")
    css, logo = node.key("/app.css"), node.key("/img/logo")
    time = "2026-08-20T00:00:00Z"
    for least, period, rules, wanted in ((1, "30d", None, set()), (1.5, "30d", None, {css, logo}), (1, "15d", None, {css}),
                                         (0.5, "30d", "/img/=2", {logo}), (2, "30d", "image/png=1", {css}), (2, "30d", "/img/=1", {css}),
                                         (0.5, "8d", None, {css})):
        given, options = ({}, []) if rules is None else ({"rules": rules}, ["--rules", rules])
        assert set(node.stale(time, "--least", str(least), "--period", period, *options)) == wanted
        assert set(node.event(time, least=least, period=period, **given)) == wanted


@pytest.mark.parametrize("through", ["command", "event"])
def test_t8_what_was_cleaned_is_cleaned_again_only_when_it_is_stale_anew(node: Node, through: str) -> None:
    first = node.update("2026-08-02T10:00:00Z")

    def clean(time: str) -> list[str]:
        return node.stale(time, "--cleaned", str(node.cleaned)) if through == "command" else node.event(time, forget=True)

    key = node.key("/app.css")
    assert clean("2026-08-20T00:00:00Z") == []
    assert clean("2026-09-02T00:00:00Z") == [key]
    assert [clean(f"2026-09-0{day}T00:00:00Z") for day in range(3, 6)] == [[]] * 3
    assert ask(node.server, sign_at(node.run, node.env, "/app.css", "2026-08-01T10:00:00Z"))[2] == "older"
    assert ask(node.server, first)[2] == "succeeded"
    node.update("2026-09-10T10:00:00Z")
    assert clean("2026-10-01T00:00:00Z") == []
    assert clean("2026-10-11T00:00:00Z") == [key]
    assert clean("2026-10-12T00:00:00Z") == []


def test_t8_bad_rules_are_said(node: Node) -> None:
    node.update("2026-08-02T10:00:00Z")
    for option, value, says in ("--least", "x", "--least"), ("--least", "-1", "--least"), ("--rules", "/img=2", "'/img'"), ("--period", "0s", "--period"):
        done = node.run("token", "stale", "--node", "edge-1", "--store", node.store, option, value, check=False)
        assert done.returncode != 0 and says in done.stderr, done.stderr
