"""GET /admission on a real server, and the commands that publish what it answers by."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from conftest import RunPakhus
from support.servers import Servers

VECTOR: dict[str, Any] = {
    "resource": "game-2.0", "urls": ["https://cdn.example/game.apk"], "size": 7436979, "sha256": "ab" * 32,
    "release": "2026-08-20T10:00:00Z", "deadline": "2026-08-30T10:00:00Z", "lead": "24h", "mode": "fixed", "threshold": 0.3}


def moment(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


@pytest.fixture
def publish(run_pakhus: RunPakhus, file_store: str, tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """publish(mode="paced"): the specification's profile with fields of one's own; None takes a field out."""

    def run(check: bool = True, **fields: Any) -> "subprocess.CompletedProcess[str]":
        path = tmp_path / "profile.json"
        path.write_text(json.dumps({key: value for key, value in {**VECTOR, **fields}.items() if value is not None}))
        return run_pakhus("admission", "profile", "set", "--store", file_store, path, check=check)

    return run


def ask(url: str, **arguments: str) -> tuple[int, Message, Any]:
    try:
        with urllib.request.urlopen(f"{url}/admission?{urlencode(arguments)}") as answer:
            return answer.status, answer.headers, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read())


def test_profiles_are_set_shown_and_listed(publish: Callable[..., object], run_pakhus: RunPakhus, file_store: str) -> None:
    publish()
    publish(resource="app-1", mode="paced")
    publish(mode="sticky")
    shown = json.loads(run_pakhus("admission", "profile", "show", "--store", file_store, "game-2.0").stdout)
    assert shown == {**VECTOR, "mode": "sticky"}
    listed = run_pakhus("admission", "profile", "list", "--store", file_store).stdout
    assert listed == ("app-1\tpaced\t2026-08-20T10:00:00Z\t2026-08-30T10:00:00Z\n"
                      "game-2.0\tsticky\t2026-08-20T10:00:00Z\t2026-08-30T10:00:00Z\n")
    assert json.loads(run_pakhus("admission", "profile", "list", "--store", file_store, "--json").stdout) == ["app-1", "game-2.0"]
    missing = run_pakhus("admission", "profile", "show", "--store", file_store, "other", check=False)
    assert (missing.returncode, missing.stderr) == (1, "pakhus admission profile show: there is no profile for 'other'\n")


@pytest.mark.parametrize("fields, says", [
    ({"deadline": VECTOR["release"]}, "profile.deadline: must be after the release"),
    ({"mode": "smooth"}, "profile.mode: must be one of fixed, random, sticky, paced"),
    ({"slots": [{"from": "00:00", "to": "02:00", "coefficient": -1}]}, "profile.slots[0].coefficient: must be"),
    ({"levels": {"r1": 0.4, "r2": 0.6}}, "profile.levels.r2: must be below r1"),
    ({"lead": None}, "profile.lead: is missing"),
    ({"deadlin": "x"}, "profile.deadlin: unknown field")])
def test_bad_profiles_are_refused_by_name(fields: dict[str, Any], says: str, publish: Callable[..., Any], run_pakhus: RunPakhus,
                                          file_store: str) -> None:
    refused = publish(check=False, **fields)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"pakhus admission profile set: {says}")
    assert run_pakhus("admission", "profile", "list", "--store", file_store).stdout == ""


@pytest.mark.parametrize("now, probability, admit", [("2026-08-21T10:00:00Z", 0.1, False), ("2026-08-29T12:00:00Z", 1, True)])
def test_a2_by_command(now: str, probability: float, admit: bool, publish: Callable[..., object], run_pakhus: RunPakhus,
                       file_store: str) -> None:
    publish()
    answer = json.loads(run_pakhus("admission", "ask", "--store", file_store, "game-2.0", "--client", "c", "--now", now).stdout)
    assert (answer["probability"], answer["threshold"], answer["admit"]) == (probability, 0.3, admit)


def test_the_answer_has_its_shape(publish: Callable[..., object], servers: Servers, file_store: str) -> None:
    publish(release=moment(-86400), deadline=moment(9 * 86400), ask=["unmetered"],
            levels={"lowest": {"source": "peer", "speed": 262144}})
    status, headers, answer = ask(servers.pakhus(file_store).url, resource="game-2.0", client="device 1/ü")
    assert status == 200
    assert answer.pop("probability") == pytest.approx(0.1, abs=1e-4)
    assert answer == {"admit": False, "threshold": 0.3, "level": "lowest", "source": "peer", "speed_limit": 262144, "start_at": None,
                      "retry_after": 300, "urls": VECTOR["urls"], "size": 7436979, "sha256": "ab" * 32, "ask": ["unmetered"]}
    assert (headers["Retry-After"], headers["Cache-Control"], headers["Content-Type"]) == ("300", "no-store", "application/json")


@pytest.mark.parametrize("mode", ["sticky", "paced"])
def test_who_asks_once_and_sleeps_is_admitted_then(mode: str, publish: Callable[..., object], servers: Servers, file_store: str) -> None:
    publish(release=moment(-1), deadline=moment(4), lead="1s", mode=mode)
    url = servers.pakhus(file_store).url
    waiting = [f"device-{i}" for i in range(60)]
    starts = {}
    for client in waiting:
        _, headers, answer = ask(url, resource="game-2.0", client=client)
        left = datetime.fromisoformat(answer["start_at"]).timestamp() - time.time()
        assert answer["admit"] == (answer["probability"] > answer["threshold"])
        assert int(headers["Retry-After"]) == answer["retry_after"] >= (1 if answer["admit"] else left)
        starts[client] = (datetime.fromisoformat(answer["start_at"]).timestamp(), answer["start_at"])
    assert len({text for _, text in starts.values()}) > 50
    for client, (start, text) in sorted(starts.items(), key=lambda item: item[1]):
        time.sleep(max(0, start - time.time()))
        _, _, answer = ask(url, resource="game-2.0", client=client)
        assert answer["admit"] and answer["start_at"] == text


def test_account_and_region_count(publish: Callable[..., object], servers: Servers, file_store: str) -> None:
    publish(release=moment(-86400), deadline=moment(9 * 86400), audience={"regions": ["north"]},
            account={"initial_coefficient": 0.5, "gap": [{"from": "5d", "add": 0.01}], "membership": {"gold": 0.03}})
    url = servers.pakhus(file_store).url
    known = {"resource": "game-2.0", "client": "c", "region": "north"}

    def probability(**more: str) -> float:
        return round(ask(url, **known, **more)[2]["probability"], 4)

    assert probability() == 0.1
    assert probability(membership="gold") == 0.13
    assert probability(**{"last-login": moment(-6 * 86400)}) == 0.11
    assert probability(**{"last-login": moment(-4 * 86400)}) == 0.1
    outside = ask(url, resource="game-2.0", client="c", region="south")[2]
    assert (outside["admit"], outside["probability"], outside["retry_after"]) == (False, 0, 3600)


@pytest.mark.parametrize("arguments, status, says", [
    ({"resource": "other", "client": "c"}, 404, "there is no profile for 'other'"),
    ({"client": "c"}, 400, "'resource' is missing"),
    ({"resource": "../x", "client": "c"}, 400, "'resource' must be"),
    ({"resource": "game-2.0"}, 400, "'client' is missing"),
    ({"resource": "game-2.0", "client": "x" * 257}, 400, "'client' is longer"),
    ({"resource": "game-2.0", "client": "c", "credit": "-1"}, 400, "'credit' must be a whole number"),
    ({"resource": "game-2.0", "client": "c", "points": "99999999999999999999"}, 400, "'points' must be a whole number"),
    ({"resource": "game-2.0", "client": "c", "last-login": "today"}, 400, "'last-login' must be a time"),
    ({"resource": "game-2.0", "client": "c", "hours": "25"}, 400, "'hours' must be ranges")])
def test_bad_questions(arguments: dict[str, str], status: int, says: str, publish: Callable[..., object], servers: Servers,
                       file_store: str) -> None:
    publish()
    got, headers, problem = ask(servers.pakhus(file_store).url, **arguments)
    assert (got, headers["Content-Type"]) == (status, "application/problem+json")
    assert says in problem["detail"]


def test_a_new_generation_is_seen(publish: Callable[..., object], servers: Servers, file_store: str) -> None:
    publish(threshold=0.3)
    url = servers.pakhus(file_store).url
    assert ask(url, resource="game-2.0", client="c")[2]["threshold"] == 0.3
    publish(threshold=0.4)
    assert ask(url, resource="game-2.0", client="c")[2]["threshold"] == 0.4
