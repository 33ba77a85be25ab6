"""pakhus simulate admission: the wanted numbers on a million clients, the picture, the refusals."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from conftest import RunPakhus

TEN_DAYS: dict[str, Any] = {
    "resource": "game-2.0", "size": 1_000_000_000, "release": "2026-08-20T10:00:00+08:00", "deadline": "2026-08-30T10:00:00+08:00",
    "lead": "24h", "mode": "paced", "threshold": 0.3, "interval": "5m", "timezone": "+08:00"}
ONE_DAY = {**TEN_DAYS, "deadline": "2026-08-21T10:00:00+08:00", "lead": "1h", "size": 200_000_000}


@pytest.mark.parametrize("profile", [TEN_DAYS, ONE_DAY])
def test_a_million_clients(profile: dict[str, Any], run_pakhus: RunPakhus, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(profile))
    done = run_pakhus("simulate", "admission", "--profile", "p.json", "--clients", "1000000", "--json", "--svg", "out.svg", timeout=280)
    result = json.loads(done.stdout)
    modes = {mode["mode"]: mode for mode in result["modes"]}
    assert modes["paced"]["peak_over_bound"] <= 1.05
    assert modes["paced"]["complete"] == 1
    assert modes["random"]["peak"] > 4 * modes["paced"]["peak"]
    assert "Mode random does not spread" in done.stderr
    drawn = ElementTree.parse(tmp_path / "out.svg").getroot()
    assert "paced: peak 1.2× mean" in [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]


def test_the_measured_pacing_goes_into_a_profile(run_pakhus: RunPakhus, tmp_path: Path, file_store: str) -> None:
    (tmp_path / "p.json").write_text(json.dumps(TEN_DAYS))
    pacing = json.loads(run_pakhus("simulate", "admission", "--profile", "p.json", "--clients", "20000", "--json").stdout)["pacing"]
    (tmp_path / "q.json").write_text(json.dumps({**TEN_DAYS, "pacing": pacing}))
    run_pakhus("admission", "profile", "set", "--store", file_store, "q.json")
    starts = [json.loads(run_pakhus("admission", "ask", "--store", file_store, "game-2.0", "--client", f"c{i}", "--hours", "18-23",
                                    "--now", "2026-08-20T00:00:00Z").stdout)["start_at"] for i in range(20)]
    assert all(start[11:13] in ("10", "11", "12", "13", "14") for start in starts)


def test_a6_a_million_clients_that_decide_by_themselves_ask_nothing(run_pakhus: RunPakhus, tmp_path: Path) -> None:
    """At five minutes each: 3,333 requests a second in fixed and random mode, and in steps mode."""
    for mode in ("paced", "steps"):
        steps = {"before": 0.1, "after": 1} if mode == "steps" else {}
        (tmp_path / "p.json").write_text(json.dumps({**TEN_DAYS, "mode": mode, **steps}))
        done = run_pakhus("simulate", "admission", "--profile", "p.json", "--clients", "10000", "--json")
        modes = {one["mode"]: one for one in json.loads(done.stdout)["modes"]}
        assert all(one["requests"]["profile"] == 0 for one in modes.values())
        polled = {name: round(one["requests"]["polled"] * 100, 1) for name, one in modes.items()}  # a hundred times as many clients
        wanted = {"at once": 0, "fixed": 3333.3, "random": 3333.3, "sticky": 2.3, "paced": 2.3}
        assert polled == (wanted if mode == "paced" else {**wanted, "steps": 3333.3})
    table = run_pakhus("simulate", "admission", "--profile", "p.json", "--clients", "10000")
    assert "requests/s polled  with profile" in table.stdout.splitlines()[0]
    assert "send it 33 requests a second at the release; clients that decide from the profile send none" in table.stderr


def test_a_population_of_ones_own_and_the_same_seed(run_pakhus: RunPakhus, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(TEN_DAYS))
    (tmp_path / "who.json").write_text(json.dumps({
        "classes": [{"share": 1, "hours": "0-24"}], "bandwidth": [{"share": 1, "rate": 1e7}], "sizes": [{"share": 1, "part": 1}]}))
    command = ("simulate", "admission", "--profile", "p.json", "--population", "who.json", "--clients", "1000", "--json")
    one, same, other = (json.loads(run_pakhus(*command, "--seed", seed).stdout) for seed in ("5", "5", "6"))
    assert one == same != other
    assert one["bound"] == round(1e9 * 1000 / (9 * 86400))


@pytest.mark.parametrize("arguments, code, says", [
    ((), 2, "--profile is needed"),
    (("--profile", "missing.json"), 1, "missing.json: No such file"),
    (("--profile", "p.json", "--size", "0"), 2, "--size must be greater than 0"),
    (("--profile", "p.json", "--clients", "0"), 1, "--clients must be a number from 1"),
    (("--profile", "p.json", "--population", "p.json"), 1, "population.classes: is missing")])
def test_what_is_wrong_is_said(arguments: tuple[str, ...], code: int, says: str, run_pakhus: RunPakhus, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(TEN_DAYS))
    done = run_pakhus("simulate", "admission", *arguments, check=False)
    assert done.returncode == code
    assert says in done.stderr
