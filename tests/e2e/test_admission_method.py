"""The published method's vectors (A4 to A7), each by the command and over HTTP at the same time of the clock: both give the same answer."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from support import shop
from support.servers import Program, Servers

VECTOR: dict[str, Any] = {"resource": "game-2.0", "urls": ["https://cdn.example/game.apk"], "release": "2026-08-20T10:00:00Z",
                          "deadline": "2026-08-30T10:00:00Z", "lead": "24h", "mode": "fixed", "threshold": 0.3}
GAP = {"initial_coefficient": 0.5, "gap": [{"from": "5d", "add": 0.01}, {"from": "15d", "add": 0.02}, {"from": "30d", "add": 0.03},
                                           {"from": "90d", "add": 0.04}], "cap": 0.05}


class Admissions:
    """A store with one profile, and a server whose clock the test sets."""

    def __init__(self, servers: Servers, store: str, folder: Path):
        self.store, self.folder, self.clock = store, folder, folder / "clock"
        self.set_clock("2026-08-20T10:00:00Z")
        self.server: Program = servers.pakhus(store, "--clock", str(self.clock))

    def set_clock(self, now: str) -> None:
        (self.folder / "clock.new").write_text(now)
        os.replace(self.folder / "clock.new", self.clock)

    def publish(self, check: bool = True, **fields: Any) -> "subprocess.CompletedProcess[str]":
        """The specification's profile with fields of one's own; None takes a field out."""
        path = self.folder / "profile.json"
        path.write_text(json.dumps({name: value for name, value in {**VECTOR, **fields}.items() if value is not None}))
        return shop.run("admission", "profile", "set", "--store", self.store, path, check=check)

    def ask(self, now: str, client: str = "c", **said: str) -> dict[str, Any]:
        """Asks both; asked_since="…" is the option --asked-since and the parameter asked-since."""
        given = {name.replace("_", "-"): value for name, value in said.items()}
        options = [word for name, value in given.items() for word in (f"--{name}", value)]
        printed = shop.run("admission", "ask", "--store", self.store, "game-2.0", "--client", client, "--now", now, *options).stdout
        self.set_clock(now)
        with urllib.request.urlopen(f"{self.server.url}/admission?{urlencode({'resource': 'game-2.0', 'client': client, **given})}") as answer:
            assert json.loads(answer.read()) == json.loads(printed)
        told: dict[str, Any] = json.loads(printed)
        return told


@pytest.fixture
def admissions(servers: Servers, file_store: str, tmp_path: Path) -> Admissions:
    return Admissions(servers, file_store, tmp_path)


@pytest.mark.parametrize("last_login, add", [
    ("2026-08-17T10:00:00Z", 0), ("2026-08-16T10:00:00Z", 0.01), ("2026-08-06T10:00:01Z", 0.01), ("2026-08-06T10:00:00Z", 0.02),
    ("2026-07-22T10:00:00Z", 0.03), ("2026-05-23T10:00:00Z", 0.04), ("2020-01-01T00:00:00Z", 0.04)])
def test_a4_the_gap_is_this_login_minus_the_previous_one(last_login: str, add: float, admissions: Admissions) -> None:
    admissions.publish(account=GAP)
    for now, share in ("2026-08-21T10:00:00Z", 0.1), ("2026-08-28T10:00:00Z", 0.8):  # an account that waits earns nothing
        told = admissions.ask(now, login="2026-08-21T10:00:00Z", last_login=last_login)
        assert told["probability"] == pytest.approx(share + add)
        assert "asked_since" not in told


@pytest.mark.parametrize("mode", ["sticky", "paced"])
def test_a4_start_times_stay_when_asked_since_comes_back(mode: str, admissions: Admissions) -> None:
    admissions.publish(mode=mode, account=GAP)
    first = admissions.ask("2026-08-20T10:00:00Z", last_login="2026-08-06T10:00:01Z")  # 14 days: 1 %, and a second later 2 %
    assert first["asked_since"] == "2026-08-20T10:00:00Z"
    later = admissions.ask("2026-08-23T10:00:00Z", last_login="2026-08-06T10:00:01Z", asked_since=first["asked_since"])
    assert (later["start_at"], later["asked_since"]) == (first["start_at"], first["asked_since"])
    same = admissions.ask("2026-08-23T10:00:00Z", last_login="2026-08-06T10:00:01Z", login="2026-08-20T10:00:00Z")
    assert same["start_at"] == first["start_at"]


def test_a4_the_cap_is_the_gaps_and_all_have_cap_total(admissions: Admissions) -> None:
    account = {"gap": [{"from": "5d", "add": 0.2}], "membership": {"gold": 0.1}, "credit": [{"from": 100, "add": 0.3}]}
    said = {"login": "2026-08-21T10:00:00Z", "last_login": "2026-08-01T10:00:00Z", "membership": "gold", "credit": "100"}
    admissions.publish(account=account)
    assert admissions.ask("2026-08-21T10:00:00Z", **said)["probability"] == pytest.approx(0.1 + 0.05 + 0.1 + 0.3)
    admissions.publish(account={**account, "cap_total": 0.25})
    assert admissions.ask("2026-08-21T10:00:00Z", **said)["probability"] == pytest.approx(0.1 + 0.25)


def test_a4_bands_in_which_a_longer_gap_adds_less_are_refused(admissions: Admissions) -> None:
    refused = admissions.publish(check=False, account={"gap": [{"from": "5d", "add": 0.02}, {"from": "15d", "add": 0.01}]})
    assert refused.returncode == 1
    assert "profile.account.gap[1].add: must not be below the band before (0.02)" in refused.stderr


def test_a4_such_bands_of_a_profile_published_earlier_are_still_read(admissions: Admissions) -> None:
    old = {**VECTOR, "account": {"gap": [{"from": "5d", "add": 0.02}, {"from": "15d", "add": 0.01}]}}
    folder = Path(admissions.store.removeprefix("file://")) / "profiles/game-2.0"
    folder.mkdir(parents=True)
    (folder / "9999999999999999").write_text(json.dumps(old))
    told = admissions.ask("2026-08-21T10:00:00Z", login="2026-08-20T10:00:00Z", last_login="2026-08-01T10:00:00Z")
    assert told["probability"] == pytest.approx(0.11)


@pytest.mark.parametrize("mode", ["fixed", "sticky", "paced"])
def test_a4_frequent_users_start_at_the_release(mode: str, admissions: Admissions) -> None:
    admissions.publish(mode=mode, account={"frequent": {"logins_per_week": 5}})
    assert not admissions.ask("2026-08-20T10:00:00Z", logins_per_week="4")["admit"]
    assert not admissions.ask("2026-08-20T09:59:59Z", logins_per_week="5")["admit"]
    told = admissions.ask("2026-08-20T10:00:00Z", logins_per_week="5")
    assert (told["admit"], told["probability"]) == (True, 1)
    assert told["start_at"] == (None if mode == "fixed" else "2026-08-20T10:00:00Z")


def test_a5_the_levels_first_span_is_the_profiles(admissions: Admissions) -> None:
    """Lead 24 h, 20 h left: all are admitted, so the level is the highest."""
    levels: dict[str, Any] = {"r1": 0.06, "r2": 0.04, "lowest": {"source": "peer", "speed": 1000}}
    admissions.publish(levels=levels)
    told = admissions.ask("2026-08-29T14:00:00Z")
    assert (told["admit"], told["level"], told["source"], told["speed_limit"]) == (True, "highest", "cdn", None)
    admissions.publish(levels={**levels, "lead": "1h"})
    assert admissions.ask("2026-08-29T14:00:00Z")["level"] == "lowest"


@pytest.mark.parametrize("now, probability, admit", [
    ("2026-08-20T09:59:59Z", 0, False), ("2026-08-20T10:00:00Z", 0.2, False), ("2026-08-29T09:59:59Z", 0.2, False),
    ("2026-08-29T10:00:00Z", 0.9, True), ("2026-09-30T10:00:00Z", 0.9, True)])
def test_a6_two_fixed_probabilities(now: str, probability: float, admit: bool, admissions: Admissions) -> None:
    admissions.publish(mode="steps", before=0.2, after=0.9)
    told = admissions.ask(now)
    assert (told["probability"], told["admit"]) == (probability, admit)


def test_a6_two_fixed_probabilities_that_nobody_would_pass_are_refused(admissions: Admissions) -> None:
    refused = admissions.publish(check=False, mode="steps", before=0.1, after=0.2)
    assert "profile.after: must be above the threshold (0.3), or nobody ever downloads" in refused.stderr


def test_a7_conditions_are_free_names_passed_on_and_matched(admissions: Admissions) -> None:
    admissions.publish(ask=["on-release", "live-room"])
    told = admissions.ask("2026-08-29T10:00:00Z")
    assert (told["admit"], told["ask"]) == (True, ["on-release", "live-room"])
    told = admissions.ask("2026-08-29T10:00:00Z", conditions="unmetered,login")
    assert (told["admit"], told["probability"], told["retry_after"]) == (False, 0, 300)
    assert admissions.ask("2026-08-29T10:00:00Z", conditions="unmetered,live-room")["admit"]


AUTUMN: dict[str, Any] = {"release": "2026-10-20T00:00:00Z", "deadline": "2026-10-30T00:00:00Z", "lead": "1h", "timezone": "Europe/Berlin",
          "slots": [{"from": "20:00", "to": "21:00", "coefficient": 0.5}]}


@pytest.mark.parametrize("now, probability", [
    ("2026-10-24T18:00:00Z", 0.2375), ("2026-10-24T19:12:00Z", 0.48), ("2026-10-25T18:00:00Z", 0.575), ("2026-10-25T19:12:00Z", 0.29)])
def test_a3_slots_follow_the_zones_clocks(now: str, probability: float, admissions: Admissions) -> None:
    """20:00 in Berlin is 18:00 UTC until 25 October, and 19:00 from then on."""
    admissions.publish(**AUTUMN)
    assert admissions.ask(now)["probability"] == pytest.approx(probability)


def test_a3_who_answers_needs_no_time_zone_data(admissions: Admissions) -> None:
    """Publishing writes the offsets into the profile. What is shown can be published again."""
    admissions.publish(**AUTUMN)
    shown = shop.run("admission", "profile", "show", "--store", admissions.store, "game-2.0").stdout
    offsets = json.loads(shown)["timezone_offsets"]
    assert offsets == [{"from": "2026-10-20T00:00:00Z", "offset": "+02:00"}, {"from": "2026-10-25T01:00:00Z", "offset": "+01:00"}]
    assert "generation 1" in admissions.publish(**AUTUMN, timezone_offsets=None).stderr
    stale = admissions.publish(check=False, **{**AUTUMN, "deadline": "2026-10-24T00:00:00Z"}, timezone_offsets=offsets)
    assert "profile.timezone_offsets: these are not the offsets of Europe/Berlin from release to deadline; leave the field out" in stale.stderr


@pytest.mark.parametrize("timezone, says", [
    ("Europe/Atlantis", "profile.timezone: there is no time zone 'Europe/Atlantis' in /usr/share/zoneinfo; give a name such as Asia/Shanghai"),
    ("+8", "profile.timezone: must be an offset such as +08:00, a name such as Asia/Shanghai, or device")])
def test_a3_an_unknown_zone_is_refused(timezone: str, says: str, admissions: Admissions) -> None:
    refused = admissions.publish(check=False, timezone=timezone)
    assert (refused.returncode, says in refused.stderr) == (1, True)


def test_a3_slots_follow_the_devices_clock(admissions: Admissions) -> None:
    admissions.publish(timezone="device", slots=[{"from": "18:00", "to": "20:00", "coefficient": 0.5}])
    assert admissions.ask("2026-08-26T10:00:00Z", timezone="+08:00")["probability"] == pytest.approx(0.3)
    assert admissions.ask("2026-08-26T10:00:00Z", timezone="Z")["probability"] == pytest.approx(0.6)
    silent = shop.run("admission", "ask", "--store", admissions.store, "game-2.0", "--client", "c", check=False)
    assert "give its offset from UTC as 'timezone', such as +08:00" in silent.stderr
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{admissions.server.url}/admission?resource=game-2.0&client=c")
    assert (refused.value.code, "as 'timezone'" in json.loads(refused.value.read())["detail"]) == (400, True)
