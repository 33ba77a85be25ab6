"""cache-token-verify: what nodes ask, what they report, and what outlives an instance."""

import concurrent.futures
import http.client
import json
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support import client
from support.servers import ADMIN, Minio, Program, Servers

Run = Callable[..., Any]
URL = "https://cdn.example/app/a.css"
MODIFIED = "2026-08-20T10:00:00Z"


@pytest.fixture
def env(run_pakhus: Run) -> dict[str, str]:
    keys = run_pakhus("token", "keygen").stdout.strip()
    return {"PAKHUS_TOKEN_KEYS": keys, "PAKHUS_TOKEN_BUSINESS": "shop"}


def sign(run_pakhus: Run, env: dict[str, str], url: str = URL, *options: str) -> str:
    where = options if "--modified" in options else ("--modified", MODIFIED, *options)
    signed: str = run_pakhus("token", "sign", url, *where, env=env).stdout.strip()
    return signed.removeprefix("https://cdn.example")


def ask(server: Program, uri: str, node: str = "edge-1", path: str = "/token/verify", method: str = "GET", body: str | None = None,
        **headers: str) -> tuple[int, str, str, bytes]:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {"X-Original-URI": uri, "X-Original-Host": "cdn.example", "Pakhus-Node": node, **named})
    response = connection.getresponse()
    answer = (response.status, response.headers.get("Pakhus-Action", ""), response.headers.get("Pakhus-Reason", ""), response.read())
    connection.close()
    return answer


def report(server: Program, uri: str, outcome: str = "succeeded", node: str = "edge-1", **headers: str) -> str:
    status, _, reason, _ = ask(server, uri, node, "/token/result", "POST", Pakhus_Outcome=outcome, **headers)
    assert status == 204
    return reason


def test_answers(servers: Servers, file_store: str, run_pakhus: Run, env: dict[str, str]) -> None:
    server = servers.pakhus(file_store, env=env)
    later = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    due, early = sign(run_pakhus, env), sign(run_pakhus, env, URL, "--due", later)
    assert ask(server, "/app/a.css") == (204, "serve", "no-token", b"")
    assert ask(server, early) == (204, "serve", "not-due", b"")
    assert ask(server, due) == (204, "update", "due", b"")
    assert ask(server, due) == (204, "update", "processing", b"")
    assert ask(server, due, "edge-2")[2] == "due"
    assert ask(server, due, X_Original_Host="CDN.example:8443")[1] == "update"
    for uri, reason, headers in ((due[:-30] + ("A" if due[-30] != "A" else "B") + due[-29:], "forged", {}), (due + "&pkt=1", "twice", {}), (due.replace("a.css", "b.css"), "url", {}),
                                 (due, "host", {"X_Original_Host": "h"}), (due, "business", {"Pakhus_Business": "bank"}),
                                 (due.replace("k1.", "k2."), "unknown-key", {}), ("/" + "a" * 5000 + "?pkt=" + "b" * 1300, "too-long", {})):
        status, action, said, body = ask(server, uri, **headers)
        assert (status, action, said) == (403, "refuse", reason)
        assert json.loads(body)["type"] == f"token-{reason}"
    assert ask(server, "/a", node="../x")[0] == 400
    assert ask(server, due, method="POST")[0] == 405
    assert ask(server, due, path="/token/else")[0] == 404
    whole = urllib.request.urlopen(f"{server.url}/token/verify?uri=https%3A%2F%2Fcdn.example%2Fapp%2Fa.css%3F{due.split('?')[1]}")
    assert whole.status == 204 and whole.headers["Pakhus-Action"] == "update"
    assert "k2" in server.output()


def test_results(servers: Servers, file_store: str, run_pakhus: Run, env: dict[str, str]) -> None:
    server = servers.pakhus(file_store, env={**env, "PAKHUS_TOKEN_WINDOW": "1h"})
    uri = sign(run_pakhus, env, URL, "--size", "7", "--type", "text/css", "--sha256", "ab" * 32)
    assert ask(server, uri)[2] == "due"
    assert report(server, uri, Pakhus_Size="8") == "size"
    assert ask(server, uri)[2] == "failed"
    time.sleep(1.1)
    assert ask(server, uri)[2] == "retry"
    assert report(server, uri, "failed") == "failed"
    time.sleep(2.1)
    assert ask(server, uri)[2] == "retry"
    assert report(server, uri, Pakhus_Modified="Thu, 20 Aug 2026 10:00:01 GMT") == "modified"
    assert report(server, uri, Pakhus_Digest="cd" * 32) == "digest"
    body = json.dumps({"outcome": "succeeded", "uri": uri, "host": "cdn.example", "size": 7, "type": "text/css; charset=utf-8",
                       "modified": MODIFIED, "sha256": "ab" * 32})
    assert ask(server, "", path="/token/result", method="POST", body=body)[0::2][:2] == (204, "succeeded")
    assert ask(server, uri)[2] == "succeeded"
    assert ask(server, sign(run_pakhus, env, URL, "--modified", "2026-08-19T10:00:00Z"))[2] == "older"
    assert ask(server, uri, path="/token/result", method="POST", Pakhus_Outcome="perhaps")[0] == 400
    assert ask(server, uri + "x", path="/token/result", method="POST", Pakhus_Outcome="failed")[0] == 403
    assert ask(server, "", path="/token/result", method="POST", body=body + " " * 65536)[0] == 413


def test_without_a_report(servers: Servers, file_store: str, run_pakhus: Run, env: dict[str, str]) -> None:
    server = servers.pakhus(file_store, env={**env, "PAKHUS_TOKEN_WINDOW": "800ms"})
    uri = sign(run_pakhus, env)
    assert ask(server, uri)[1] == "update"
    time.sleep(1)
    assert ask(server, uri)[2] == "succeeded"


def test_the_secret_of_nodes(servers: Servers, file_store: str, run_pakhus: Run, env: dict[str, str]) -> None:
    server = servers.pakhus(file_store, env={**env, "PAKHUS_NODE_SECRET": "s3cret"})
    assert ask(server, "/a")[0] == 403
    assert ask(server, "/a", Pakhus_Node_Secret="s3cres")[0] == 403
    assert ask(server, "/a", Pakhus_Node_Secret="s3cret")[0] == 204


def test_what_outlives_an_instance(servers: Servers, minio: Minio, s3_store: str, run_pakhus: Run, env: dict[str, str]) -> None:
    env = {**env, **minio.credentials()}
    one, other = servers.pakhus(s3_store, env=env), servers.pakhus(s3_store, env=env)
    urls = [sign(run_pakhus, env, f"https://cdn.example/{number}") for number in range(3)]
    assert ask(one, urls[0])[2] == "due"
    report(one, urls[0])
    assert ask(other, urls[0])[2] == "succeeded"  # read when the node is first seen
    ask(one, urls[1])
    report(one, urls[1])
    one.kill()
    third = servers.pakhus(s3_store, env=env)
    assert [ask(third, url)[2] for url in urls] == ["succeeded", "succeeded", "due"]
    time.sleep(0.3)
    report(third, urls[2])
    third.stop()
    fourth = servers.pakhus(s3_store, env=env)
    assert [ask(fourth, url)[2] for url in urls] == ["succeeded"] * 3
    assert ask(fourth, urls[0], "edge-2")[2] == "due"


def test_the_table_of_one_that_lives_stays_whatever_clock_is_followed(servers: Servers, file_store: str, run_pakhus: Run, env: dict[str, str],
                                                                     tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("2099-12-31T23:59:59Z")
    one = servers.pakhus(file_store, "--flush", "sync", env=env)
    other = servers.pakhus(file_store, "--flush", "sync", "--clock", str(tmp_path / "clock"), env=env)
    for server, number in (one, 0), (other, 1):
        url = sign(run_pakhus, env, f"https://cdn.example/{number}")
        assert ask(server, url)[2] == "due"
        report(server, url)
    assert len(list((Path(file_store.removeprefix("file://")) / "tokens/edge-1").iterdir())) == 2


def purged(server: Program, uri: str) -> list[str]:
    """The cache keys that the answer names."""
    answer = client.request(f"{server.url}/token/verify", headers={"X-Original-URI": uri, "X-Original-Host": "cdn.example", "Pakhus-Node": "edge-1"})
    named = answer.header("pakhus-purge") or ""
    return named.split(",") if named else []


@pytest.mark.parametrize("on_evict", ["keep", "purge"])
def test_t7_a_full_table_names_what_it_forgets(on_evict: str, servers: Servers, file_store: str, run_pakhus: Run, env: dict[str, str]) -> None:
    """Two entries a resource: with the ninth, the first is forgotten. Nobody is told unless the setting says so."""
    server = servers.pakhus(file_store, env={**env, "PAKHUS_TOKEN_ENTRIES": "16", "PAKHUS_TOKEN_ON_EVICT": on_evict})
    keys, told = [], [""]
    for number in range(9):
        uri = sign(run_pakhus, env, f"https://cdn.example/{number}")
        headers = {"X-Original-URI": uri, "X-Original-Host": "cdn.example", "Pakhus-Node": "edge-1"}
        answer = client.request(f"{server.url}/token/verify", headers=headers)
        keys.append(answer.header("pakhus-cache-key") or "")
        told = (answer.header("pakhus-purge") or "").split(",")
        report(server, uri)
    assert told == ([keys[0]] if on_evict == "purge" else [""])
    assert purged(server, "/no-token") == []
    assert purged(server, sign(run_pakhus, env, "https://cdn.example/9")) == ([keys[1]] if on_evict == "purge" else [])


def test_many_at_once(servers: Servers, file_store: str, run_pakhus: Run, env: dict[str, str]) -> None:
    server = servers.pakhus(file_store, env={**env, "PAKHUS_TOKEN_ENTRIES": "16"})
    urls = [sign(run_pakhus, env, f"https://cdn.example/{number}") for number in range(12)]

    def work(number: int) -> str:
        uri, node = urls[number % len(urls)], f"node-{number % (530 if number < 600 else 30)}"
        action = ask(server, uri, node)[1]
        if action == "update":
            report(server, uri, "succeeded" if number % 3 else "failed", node)
        return action

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        actions = list(pool.map(work, range(1500)))
    assert set(actions) == {"serve", "update"}
    metrics = client.request(f"{server.url}/metrics", headers=ADMIN).body.decode()
    assert 'pakhus_token_answers_total{action="update",reason="due"}' in metrics and "pakhus_token_nodes 512" in metrics
    assert server.stop() == 0


def test_the_store_is_lost(servers: Servers, run_pakhus: Run, env: dict[str, str]) -> None:
    env = {**env, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    server = servers.pakhus("s3://gone?endpoint=http://127.0.0.1:1&region=us-east-1&path-style=1", env=env)
    assert ask(server, "/a")[2] == "no-token"


def test_stale_resources(servers: Servers, minio: Minio, s3_store: str, run_pakhus: Run, env: dict[str, str],
                         function_bootstrap: Callable[[str], Path]) -> None:
    env = {**env, **minio.credentials()}
    server = servers.pakhus(s3_store, env=env)
    uri = sign(run_pakhus, env)
    ask(server, uri)
    report(server, uri)
    server.stop()
    command = ["token", "stale", "--node", "edge-1", "--store", s3_store]
    assert run_pakhus(*command, env=env).stdout == ""
    key = json.loads(run_pakhus("token", "verify", f"https://cdn.example{uri}", "--json", env=env).stdout)["cache-key"]
    assert run_pakhus(*command, "--now", "2027-06-01T00:00:00Z", env=env).stdout.split() == [key]
    emulator = servers.emulator(function_bootstrap("cache-token-verify"), env={**env, "PAKHUS_STORE": s3_store})

    def event(value: object) -> Any:
        return json.loads(urllib.request.urlopen(urllib.request.Request(emulator.url, json.dumps(value).encode())).read())

    assert event({"pakhus": "stale"}) == {"nodes": [{"node": "edge-1", "stale": []}]}
    listed = event({"pakhus": "stale", "node": "edge-1", "least": 1e8, "forget": True})
    assert [stale["key"] for stale in listed["nodes"][0]["stale"]] == [key]
    timer = {"triggerTime": "2026-11-22T15:00:00Z", "triggerName": "t", "payload": json.dumps({"pakhus": "stale", "least": 1e8})}
    assert event(timer) == {"nodes": [{"node": "edge-1", "stale": []}]}
    assert "errorType" in event({"pakhus": "evaluate"})
