"""GET and POST /gather on a real server, and the commands that publish scenes (G1, G3 to G7)."""

import json
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conftest import RunPakhus
from support import client, gathered
from support.gathered import resources
from support.servers import ADMIN, Minio, Program, Servers
from support.subsystem import Subsystem, body_of

Publish = Callable[..., None]
JSON = {"accept": "application/json"}


@pytest.fixture
def publish(run_pakhus: RunPakhus, file_store: str, tmp_path: Path) -> Publish:
    return lambda *arguments, **fields: gathered.publish(run_pakhus, file_store, tmp_path, *arguments, **fields)


@pytest.fixture
def serve(servers: Servers, file_store: str) -> Callable[..., Program]:
    return lambda *options, **env: servers.pakhus(file_store, *options, env=env)


# --- scenes by command


def test_scenes_are_set_shown_and_listed(publish: Publish, run_pakhus: RunPakhus, file_store: str) -> None:
    publish(resources("http://a.example", a="/1", b="/2"), allow=[], deadline="800ms")
    publish(resources("http://a.example", a="/1", b="/2", c="/3"), "app.1", allow=["10.0.0.0/8"])
    publish(resources("http://a.example", a="/1", b="/3"), allow=[], deadline="800ms")
    shown = json.loads(run_pakhus("scene", "show", "--store", file_store, "home").stdout)
    assert shown == {"scene": "home", "resources": resources("http://a.example", a="/1", b="/3"), "allow": [], "deadline": "800ms"}
    assert run_pakhus("scene", "list", "--store", file_store).stdout == "app.1\t3\t20s\nhome\t2\t800ms\n"
    assert json.loads(run_pakhus("scene", "list", "--store", file_store, "--json").stdout) == ["app.1", "home"]
    missing = run_pakhus("scene", "show", "--store", file_store, "other", check=False)
    assert (missing.returncode, missing.stderr) == (1, "pakhus scene show: there is no scene 'other'\n")


GOOD = resources("https://a.example", a="/1", b="/2")


@pytest.mark.parametrize("fields, says", [
    ({"resources": GOOD[:1]}, "scene.resources: fewer than 2"),
    ({"resources": []}, "scene.resources: fewer than 2"),
    ({"resources": None}, "scene.resources: is missing"),
    ({"resources": [{"id": f"r{i}", "address": f"http://a.example/{i}"} for i in range(65)]}, "scene.resources: more than 64"),
    ({"resources": [GOOD[0], {**GOOD[1], "id": "a"}]}, "scene.resources[1].id: resource 0 has it already"),
    ({"resources": [GOOD[0], {**GOOD[0], "id": "b"}]}, "scene.resources[1].address: resource 0 has it already"),
    ({"resources": [GOOD[0], {"id": "b", "address": "ftp://a.example/"}]}, "scene.resources[1].address: must be of http, https or a store: s3:"),
    ({"resources": [GOOD[0], {"id": "b", "address": "/etc/passwd"}]}, "scene.resources[1].address: the URL has no scheme"),
    ({"resources": [GOOD[0], {"id": "b", "address": "http://u:p@a.example/"}]}, "scene.resources[1].address: a URL must not carry a user"),
    ({"resources": [GOOD[0], {"id": "b", "address": "http://a.example/#x"}]}, "scene.resources[1].address: a '#'"),
    ({"resources": [GOOD[0], {**GOOD[1], "sha256": "00"}]}, "scene.resources[1].sha256: must be 64"),
    ({"resources": [GOOD[0], {**GOOD[1], "length": -1}]}, "scene.resources[1].length: must be a whole number"),
    ({"resources": [GOOD[0], {**GOOD[1], "size": 1}]}, "scene.resources[1].size: unknown field"),
    ({"resources": [GOOD[0], {"id": "b", "address": "file:///etc/passwd"}]}, "scene.prefixes: none of them is of resource 'b'"),
    ({"resources": [GOOD[0], {"id": "b", "address": "file:///x/b"}], "prefixes": ["file:///x/"]},
     "scene.resources[1].address: 'file:///x/b'"),
    ({"prefixes": ["texts/"]}, "scene.prefixes: number 0"), ({"prefixes": ["s3://bucket/a"]}, "scene.prefixes: number 0"),
    ({"deadline": "0s"}, "scene.deadline: must be from 1ms to 15m"), ({"deadline": 800}, "scene.deadline: must be a string"),
    ({"allow": ["10.0.0.0/33"]}, "scene.allow: '10.0.0.0/33' is no host"), ({"allow": ["a,b"]}, "scene.allow: number 0 is not one host"),
    ({"total_limit": 1 << 40}, "scene.total_limit: must be"), ({"scene": "../x"}, "scene.scene: must be"),
    ({"hedges": True}, "scene.hedges")])
def test_bad_scenes_are_refused_by_name(fields: dict[str, Any], says: str, run_pakhus: RunPakhus, file_store: str, tmp_path: Path) -> None:
    scene = {"scene": "home", "resources": GOOD, **fields}
    (tmp_path / "scene.json").write_text(json.dumps({name: value for name, value in scene.items() if value is not None}))
    refused = run_pakhus("scene", "set", "--store", file_store, tmp_path / "scene.json", check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"pakhus scene set: {says}"), refused.stderr
    assert run_pakhus("scene", "list", "--store", file_store).stdout == ""


# --- answers


def test_all_resources_come_in_one_answer(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/typed/hello", b="/chunks/world", c="/empty", d="/bytes/300000/7", e="/round/3"))
    answer = gathered.ask(serve().url, "home")
    assert list(answer.bodies()) == ["a", "b", "c", "d", "e"]
    assert answer.bodies() == {"a": b"hello", "b": b"world", "c": b"", "d": body_of(300000, 7), "e": b"there"}
    part = answer.parts["a"]
    assert (part.address, part.status, part.headers["Content-Type"]) == (f"{subsystem.url}/typed/hello", 200, "text/html; charset=utf-8")
    assert answer.parts["b"].headers["Content-Type"] == "application/octet-stream"
    assert "Set-Cookie" not in part.headers


@pytest.mark.parametrize("accept, kind", [
    ("application/json", "application/json"), ("application/json, text/plain, */*", "application/json"), ("*/*", "multipart/mixed"),
    ("multipart/mixed", "multipart/mixed"), ("multipart/mixed, application/json;q=0.5", "multipart/mixed"),
    ("text/html", "multipart/mixed"), ("application/json;q=0, */*", "multipart/mixed"), ("application/*", "application/json")])
def test_the_form_is_the_clients_choice(accept: str, kind: str, publish: Publish, serve: Callable[..., Program],
                                        subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/ok/1", b="/bytes/3000/2"))
    answer = client.request(f"{serve().url}/gather?scene=home", headers={"Accept": accept})
    assert (answer.header("content-type") or "").partition(";")[0] == kind
    assert gathered.read(answer).bodies() == {"a": b"1", "b": body_of(3000, 2)}
    assert (answer.header("cache-control"), answer.header("vary")) == ("no-store", "Accept")


def test_the_json_has_its_shape(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/typed/hello", b="/status/503"))
    answer = client.request(f"{serve().url}/gather?scene=home", headers=JSON)
    made = json.loads(answer.body)
    assert made.pop("id") == answer.header("pakhus-gather-id")
    assert made == {
        "complete": False,
        "resources": [{"id": "a", "address": f"{subsystem.url}/typed/hello", "status": 200, "content_type": "text/html; charset=utf-8",
                       "length": 5, "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "body": "aGVsbG8="}],
        "missing": [{"id": "b", "address": f"{subsystem.url}/status/503", "reason": "status", "status": 503}]}


@pytest.mark.parametrize("accept", ["multipart/mixed", "application/json"])
def test_large_answers_are_streamed(accept: str, publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, **{f"r{i}": f"/bytes/{1_000_000 + i}/{i}" for i in range(8)}))
    answer = gathered.ask(serve().url, "home", accept=accept)
    assert answer.bodies() == {f"r{i}": body_of(1_000_000 + i, i) for i in range(8)}


def test_head_tells_the_length(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/ok/1", b="/ok/2"))
    url = f"{serve().url}/gather?scene=home"
    head, whole = client.request(url, "HEAD"), client.request(url)
    assert (head.status, head.body, head.header("content-length")) == (200, b"", str(len(whole.body)))


def test_at_the_deadline_what_is_there_is_sent(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/ok/1", b="/late/30000/2", c="/ok/3", d="/silent"), deadline="1500ms")
    url = serve().url
    began = time.monotonic()
    answer = gathered.ask(url, "home")
    assert time.monotonic() - began > 1.4
    assert (answer.bodies(), answer.reasons()) == ({"a": b"1", "c": b"3"}, {"b": "timeout", "d": "timeout"})
    assert list(answer.parts) == ["a", "b", "c", "d"]


def test_the_client_may_give_less_time(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/ok/1", b="/late/30000/2"), deadline="4s")
    url = serve().url

    def ask(deadline: str) -> float:
        began = time.monotonic()
        assert gathered.ask(url, "home", f"&deadline={deadline}").reasons() == {"b": "timeout"}
        return time.monotonic() - began

    with ThreadPoolExecutor(1) as other:
        longer = other.submit(ask, "1h")
        assert ask("600ms") > 0.5
        assert not longer.done()
        assert longer.result() > 3.9


def test_only_what_is_missing_is_asked_again(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/ok/only-once", b="/sometimes/100/3000/2", c="/ok/3"), deadline="500ms")
    url = serve().url
    first = gathered.ask(url, "home")
    assert first.reasons() == {"b": "timeout"}
    again = gathered.ask(url, "home", f"&retry_of={first.id}&resources=b")
    assert (again.complete, again.bodies()) == (True, {"b": b"2"})
    assert again.id != first.id
    assert len(subsystem.seen("/ok/only-once")) == 1
    assert gathered.ask(url, "home", "&resources=c,a").bodies() == {"c": b"3", "a": b"only-once"}


def test_completeness(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # of "hello"

    def told(id: str, path: str, **fields: Any) -> dict[str, Any]:
        return {"id": id, "address": f"{subsystem.url}{path}?{id}", **fields}

    publish([told("length", "/ok/hello", length=5), told("longer", "/ok/hello", length=4), told("shorter", "/ok/hello", length=6),
             told("digest", "/chunks/hello", sha256=digest), told("other", "/chunks/world", sha256=digest),
             told("both", "/ok/hello", sha256=digest, length=5), told("end", "/no-length", end="</html>"),
             told("no-end", "/ok/hello", end="</html>"), told("cut", "/cut-chunks"), told("right", "/cut-chunks", sha256=digest)])
    answer = gathered.ask(serve().url, "home")
    assert set(answer.bodies()) == {"length", "digest", "both", "end", "right"}
    assert set(answer.reasons().items()) == {(id, "incomplete") for id in ("longer", "shorter", "other", "no-end", "cut")}


def test_many_requests_do_not_mix(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    for scene in range(10):
        publish(resources(subsystem.url, **{f"r{i}": f"/bytes/{2000 + 10 * scene + i}/{10 * scene + i}" for i in range(4)}), f"s{scene}")
    url = serve().url
    with ThreadPoolExecutor(50) as many:
        answers = list(many.map(lambda number: gathered.ask(url, f"s{number % 10}", "", accept="application/json" if number % 3 else "*/*"),
                                range(300)))
    assert len({answer.id for answer in answers}) == 300
    for number, answer in enumerate(answers):
        first = 10 * (number % 10)
        assert answer.bodies() == {f"r{i}": body_of(2000 + first + i, first + i) for i in range(4)}


def test_what_takes_longer_than_usual_is_asked_for_twice(publish: Publish, serve: Callable[..., Program]) -> None:
    with Subsystem() as subsystem:
        publish(resources(subsystem.url, a="/sometimes/40/4000/a", b="/ok/b"), hedge=True)
        url = serve(PAKHUS_GATHER_WORKERS="8").url
        times = []
        for _ in range(120):
            began = time.monotonic()
            assert gathered.ask(url, "home").bodies() == {"a": b"a", "b": b"b"}
            times.append(time.monotonic() - began)
        assert times[0] > 3.5  # nothing is usual yet
        assert len(subsystem.seen("/sometimes")) > 120
        assert max(times[1:]) < times[0]  # none was waited for as the first one was
        metrics = client.request(f"{url}/metrics", headers=ADMIN).body.decode().splitlines()
        lines = dict(line.rsplit(" ", 1) for line in metrics if not line.startswith("#"))
        assert 1 <= int(lines["pakhus_gather_hedges_total"]) <= 56  # a tenth, and what was saved up
        # who is not waited for any more is free again
        assert (lines["pakhus_gather_hangs_total"], lines["pakhus_gather_crashes_total"]) == ("0", "0")


def test_a_new_generation_is_seen(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/ok/1", b="/ok/2"))
    url = serve().url
    assert gathered.ask(url, "home").bodies() == {"a": b"1", "b": b"2"}
    publish(resources(subsystem.url, a="/ok/3", b="/ok/2"))
    assert gathered.ask(url, "home").bodies() == {"a": b"3", "b": b"2"}


# --- lists in requests


def test_lists_are_off_unless_switched_on(serve: Callable[..., Program], subsystem: Subsystem) -> None:
    answer = gathered.post(serve().url, {"resources": resources(subsystem.url, a="/ok/1", b="/ok/2")})
    assert (answer.status, json.loads(answer.body)["type"]) == (403, "lists-off")
    assert subsystem.seen("/ok/1?") == []


def test_a_list_is_gathered(serve: Callable[..., Program], subsystem: Subsystem) -> None:
    url = serve("--gather-allow", "127.0.0.1").url
    asked = [*resources(subsystem.url, a="/ok/1", b="/ok/2"), {"id": "c", "address": subsystem.url + "/ok/3", "length": 2}]
    first = gathered.read(gathered.post(url, {"resources": asked, "deadline": "5s", "retry_of": None}))
    assert (first.bodies(), first.reasons()) == ({"a": b"1", "b": b"2"}, {"c": "incomplete"})
    rest = {"resources": resources(subsystem.url, c="/ok/3"), "retry_of": first.id}
    again = gathered.read(gathered.post(url, rest, accept="application/json"))
    assert (again.complete, again.bodies()) == (True, {"c": b"3"})


@pytest.mark.parametrize("question, says", [
    ({"resources": GOOD[:1]}, "request.resources: fewer than 2"), ({"resources": []}, "request.resources: fewer than 2"),
    ({"resources": [], "retry_of": "0" * 32}, "request.resources: fewer than 1"),
    ({"resources": GOOD[:1], "retry_of": "x"}, "request.retry_of: must be the id"), ({}, "request.resources: is missing"),
    ({"resources": [GOOD[0], GOOD[0]]}, "request.resources[1].id: resource 0"), (b"[]", "request: must be a JSON object"),
    ({"resources": [GOOD[0], {**GOOD[0], "id": "b"}]}, "request.resources[1].address: resource 0"), (b"{", "request: not JSON"),
    ({"resources": [GOOD[0], {"id": "b", "address": "s3://bucket/key"}]}, "request.resources[1].address: must be of http or https"),
    ({"resources": [GOOD[0], {"id": "b", "address": "file:///etc/passwd"}]}, "request.resources[1].address: must be of http or https"),
    ({"resources": [GOOD[0], {"id": "b"}]}, "request.resources[1].address: is missing"), (b"", "request: not JSON"),
    ({"resources": [GOOD[0], "b"]}, "request.resources[1]: must be an object"), ({"resources": GOOD, "allow": ["*"]}, "request.allow"),
    ({"resources": GOOD, "deadline": "soon"}, "request.deadline: must be a duration"), (b"\x00\xff" * 1000, "request: not JSON"),
    (b'{"resources":' + b"[" * 100000, "request: not JSON")])
def test_bad_lists(question: Any, says: str, serve: Callable[..., Program]) -> None:
    answer = gathered.post(serve("--gather-allow", "*").url, question)
    problem = json.loads(answer.body)
    assert (answer.status, answer.header("content-type"), problem["type"]) == (400, "application/problem+json", "bad-request")
    assert problem["detail"].startswith(says), problem


@pytest.mark.parametrize("query, status, type, says", [
    ("", 400, "bad-request", "'scene' must be"), ("scene=", 400, "bad-request", "'scene' must be"),
    ("scene=../x", 400, "bad-request", "'scene' must be"), ("scene=other", 404, "not-found", "there is no scene 'other'"),
    ("scene=home&resources=a", 400, "bad-request", "'resources' names fewer than 2"),
    ("scene=home&resources=a,a", 400, "bad-request", "'resources' names 'a' twice"),
    ("scene=home&resources=a,x", 400, "bad-request", "'resources': the scene has no resource 'x'"),
    ("scene=home&resources=a&retry_of=0123456789abcdef0123456789abcdef", 400, "bad-request", "'retry_of': no answer had the id"),
    ("scene=home&retry_of=1", 400, "bad-request", "'retry_of' must be the id"),
    ("scene=home&deadline=1", 400, "bad-request", "'deadline' must be a duration"),
    ("scene=home&scene=home", 400, "bad-request", "the parameter 'scene' is given twice")])
def test_bad_questions(query: str, status: int, type: str, says: str, publish: Publish, serve: Callable[..., Program]) -> None:
    publish(GOOD)
    answer = client.request(f"{serve().url}/gather?{query}")
    problem = json.loads(answer.body)
    assert (answer.status, problem["type"], answer.header("content-type")) == (status, type, "application/problem+json")
    assert problem["detail"].startswith(says), problem


def test_other_methods(serve: Callable[..., Program]) -> None:
    answer = client.request(f"{serve().url}/gather?scene=home", "DELETE")
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize("variable, value, says", [
    ("PAKHUS_GATHER_ALLOW", "http://a", "gather: PAKHUS_GATHER_ALLOW: 'http://a' is no host"),
    ("PAKHUS_GATHER_WORKERS", "0", "PAKHUS_GATHER_WORKERS is '0', not a whole number from 1 to 256")])
def test_settings_that_are_wrong(variable: str, value: str, says: str, run_pakhus: RunPakhus, file_store: str) -> None:
    failed = run_pakhus("serve", "--store", file_store, "--listen", "127.0.0.1:0", env={variable: value}, check=False)
    assert failed.returncode == 1 and says in failed.stderr


# --- the store


def test_a_scene_reads_the_store_within_its_prefixes(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem,
                                                     file_store: str) -> None:
    folder = Path(file_store.removeprefix("file://")) / "texts"
    folder.mkdir()
    (folder / "a.json").write_bytes(b'{"a":1}')
    (folder / "large").write_bytes(body_of(3_000_000, 1))
    base = f"{file_store}/texts/"
    publish(resources(base, a="a.json", large="large", none="none") + resources(subsystem.url, web="/ok/1"), prefixes=[base])
    answer = gathered.ask(serve().url, "home")
    assert answer.bodies() == {"a": b'{"a":1}', "large": body_of(3_000_000, 1), "web": b"1"}
    assert (answer.reasons(), answer.parts["none"].status) == ({"none": "status"}, 404)


def test_a_scene_reads_s3(s3_store: str, bucket: str, minio: Minio, run_pakhus: RunPakhus, tmp_path: Path, servers: Servers) -> None:
    for key, body in [("texts/a", b"first"), ("texts/b", body_of(2_000_000, 3)), ("secret", b"no")]:
        minio.client().put_object(Bucket=bucket, Key=key, Body=body)
    base = f"s3://{bucket}/texts/"
    gathered.publish(run_pakhus, s3_store, tmp_path, resources(base, a="a", b="b", c="none"), prefixes=[base], env=minio.credentials())
    answer = gathered.ask(servers.pakhus(s3_store, env=minio.credentials()).url, "home")
    assert answer.bodies() == {"a": b"first", "b": body_of(2_000_000, 3)}
    assert answer.reasons() == {"c": "status"}


def test_a_scene_cannot_leave_its_prefix(run_pakhus: RunPakhus, file_store: str, tmp_path: Path) -> None:
    base = f"{file_store}/texts/"
    for path in ("../secret", "a/../../secret", "%2e%2e/secret", "."):
        scene = {"scene": "home", "resources": resources(base, a="a", b=path), "prefixes": [base]}
        (tmp_path / "scene.json").write_text(json.dumps(scene))
        refused: subprocess.CompletedProcess[str] = run_pakhus("scene", "set", "--store", file_store, tmp_path / "scene.json", check=False)
        assert refused.returncode == 1 and "is not a key" in refused.stderr, refused.stderr


def test_metrics(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/ok/1", b="/ok/2"))
    url = serve().url
    gathered.ask(url, "home")
    lines = client.request(f"{url}/metrics", headers=ADMIN).body.decode().splitlines()
    assert {"pakhus_gather_requests_total 1", "pakhus_gather_fetches_total 2", "pakhus_gather_crashes_total 0"} <= set(lines)


def test_g1_retry_of_is_an_id_that_was_given(publish: Publish, serve: Callable[..., Program], subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/ok/1", b="/ok/2"))
    first, other = serve(), serve()
    id = gathered.ask(first.url, "home").id
    for server in first, other:  # whichever instance the client gets to
        assert gathered.ask(server.url, "home", f"&retry_of={id}&resources=b").bodies() == {"b": b"2"}
        for wrong in id[:-1] + ("0" if id[-1] != "0" else "1"), ("0" if id[0] != "0" else "1") + id[1:], "0" * 32:
            answer = client.request(f"{server.url}/gather?scene=home&retry_of={wrong}&resources=b")
            assert answer.status == 400 and b"no answer had the id" in answer.body
