"""pakhus simulate placement: the trace that it writes for other simulators, and what they made of it beside ours."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from conftest import RunPakhus

POLICY = {"place": {"t1": 2}, "evict": {"window": {"last": "6h"}, "t3": 1, "n": 2, "of": 2}}
WEEK = ("--requests", "5000", "--lans", "3", "--seed", "7")
ROW = {"policy": "S3-FIFO", "hit_ratio": 0.5, "byte_hit_ratio": 0.25, "bytes_placed": 10**9, "storage": 1234}


@pytest.fixture
def simulate(run_pakhus: RunPakhus, tmp_path: Path) -> Any:
    (tmp_path / "p.json").write_text(json.dumps(POLICY))

    def run(*arguments: str | Path) -> Any:
        return json.loads(run_pakhus("simulate", "placement", *arguments, "--policy", "p.json", "--json").stdout)

    return run


@pytest.mark.parametrize("unit", ["1s", "1ms"])
def test_a_written_week_is_the_same_week(unit: str, simulate: Any, tmp_path: Path) -> None:
    made = simulate(*WEEK, "--unit", unit, "--write", "week.csv")
    lines = (tmp_path / "week.csv").read_text().splitlines()
    assert lines[0] == "time,id,size,lan" and len(lines) == 5001
    assert {line.split(",")[3] for line in lines[1:]} == {"0", "1", "2"}
    assert simulate("week.csv", "--unit", unit) == made
    assert 0 < made[0]["byte_hit_ratio"] < 1 and made[0]["evicted"] > 0
    simulate("week.csv", "--unit", unit, "--write", "again.csv")
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "week.csv").read_text()


def test_rows_of_others_stand_with_ours(simulate: Any, run_pakhus: RunPakhus, tmp_path: Path) -> None:
    ours = simulate(*WEEK)
    (tmp_path / "rows.json").write_text(json.dumps([ROW, *ours]))
    both = simulate(*WEEK, "--beside", "rows.json")
    assert both == [*ours, {**ROW, "bytes": ours[0]["bytes"], "evicted": 0}, *ours]
    table = run_pakhus("simulate", "placement", *WEEK, "--beside", "rows.json").stdout
    shown = [line.split() for line in table.splitlines() if line.startswith("S3-FIFO")]
    assert shown == [["S3-FIFO", "50.00", "%", "25.00", "%", "1.000", "GB", f"{100e9 / ours[0]['bytes']:.2f}", "%", "0.000", "GB"]]


def test_the_picture_has_others_as_dots(simulate: Any, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(json.dumps([ROW, {**ROW, "policy": "a < b", "byte_hit_ratio": 0.5}]))
    simulate("--requests", "400", "--lans", "2", "--sweep", "--beside", "rows.json", "--svg", "front.svg")
    drawn = ElementTree.parse(tmp_path / "front.svg").getroot()
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"S3-FIFO", "a < b", "others", "pakhus"} <= set(texts)
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in drawn.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(dots) == 2 and dots[0][0] == dots[1][0] and dots[0][1] > dots[1][1]
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == 2


@pytest.mark.parametrize("rows, says", [
    ("{}", "rows.json: rows: must be a JSON array"),
    ("[7]", "rows.json: rows[0]: must be an object"),
    (json.dumps([ROW, {**ROW, "hit_ratio": 1.01}]), "rows.json: rows[1].hit_ratio: must be a number from 0 to 1"),
    (json.dumps([{**ROW, "byte_hit_ratio": "0.5"}]), "rows[0].byte_hit_ratio: must be a number"),
    (json.dumps([{**ROW, "bytes_placed": -1}]), "rows[0].bytes_placed: must be a whole number from 0"),
    (json.dumps([{**ROW, "storage": 2**53 + 1}]), "rows[0].storage: must be a whole number from 0"),
    (json.dumps([{**ROW, "policy": "two\nlines"}]), "rows[0].policy: must be a name of 1 to 64 bytes"),
    (json.dumps([{**ROW, "bytes": 5}]), "rows[0].bytes: is not the "),
    (json.dumps([{**ROW, "hits": 5}]), "rows[0].hits: unknown field"),
    (json.dumps([{name: value for name, value in ROW.items() if name != "storage"}]), "rows[0].storage: is missing"),
    (json.dumps([ROW] * 65), "rows.json: rows: more than 64")])
def test_rows_that_are_none_are_refused(rows: str, says: str, run_pakhus: RunPakhus, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(rows)
    done = run_pakhus("simulate", "placement", *WEEK, "--beside", "rows.json", check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert says in done.stderr


@pytest.mark.parametrize("arguments, says", [
    (("--write", "missing/week.csv"), "missing/week.csv: No such file"),
    (("--write", "/dev/full"), "/dev/full: "),
    (("--write", "week.csv", "--unit", "7m"), "week.csv: the trace's times are no whole numbers"),
    (("--beside", "missing.json"), "missing.json: No such file")])
def test_what_is_wrong_is_said(arguments: tuple[str, ...], says: str, run_pakhus: RunPakhus) -> None:
    done = run_pakhus("simulate", "placement", *WEEK, *arguments, check=False)
    assert done.returncode == 1
    assert says in done.stderr


def test_a_week_is_sampled_and_says_so(simulate: Any, run_pakhus: RunPakhus) -> None:
    """Whole LANs; by default at most 70,000 requests, since "auto" replays many settings."""
    small = run_pakhus("simulate", "placement", *WEEK, "--sample", "3500", "--json")
    assert re.search(r"^sampled: 2 of 3 LANs, with 6\d\.\d+ % of the requests; --sample takes more$", small.stderr, re.MULTILINE)
    whole = run_pakhus("simulate", "placement", *WEEK, "--json")
    assert "sampled" not in whole.stderr
    assert 0.5 < json.loads(small.stdout)[0]["bytes"] / json.loads(whole.stdout)[0]["bytes"] < 0.8
    usual = run_pakhus("simulate", "placement", "--requests", "80000", "--lans", "4", "--policy", "p.json", "--json")
    assert "sampled: 3 of 4 LANs, with " in usual.stderr


@pytest.mark.parametrize("option", [("--unit", "0s"), ("--every", "0s"), ("--link", "0")])
def test_what_must_be_more_than_nothing_is(option: tuple[str, str], run_pakhus: RunPakhus, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("1,a,1\n")
    done = run_pakhus("simulate", "placement", "one.csv", *option, check=False)
    assert done.returncode == 2
    assert f"{option[0]} must be greater than 0" in done.stderr
