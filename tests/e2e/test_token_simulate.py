"""pakhus simulate token: numbers, the picture, the refusals."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from conftest import RunPakhus

SMALL = ("simulate", "token", "--nodes", "20", "--views", "20", "--span", "1h", "--changes", "10")


def test_a_fleet(run_pakhus: RunPakhus, tmp_path: Path) -> None:
    done = run_pakhus("simulate", "token", "--page-life", "30s", "--json", "--svg", "out.svg")
    ways = {way["way"]: way for way in json.loads(done.stdout)["ways"]}
    tokens, names, everything = ways["tokens"], ways["hashed names"], ways["purge everything"]
    assert 0 < tokens["last_median"] <= tokens["last_most"] <= 30 < everything["last_median"]
    assert tokens["origin_for_changes"] * 20 < everything["origin_for_changes"]
    assert ways["purge one URL"]["origin_for_changes"] < tokens["origin_for_changes"]  # pages are sent again, too
    assert tokens["old_to_links"] < names["old_to_links"] and tokens["left_over"] < names["left_over"]
    assert tokens["share"] == sorted(tokens["share"]) and tokens["share"][-1] == 1
    drawn = ElementTree.parse(tmp_path / "out.svg").getroot()
    assert "How 100 nodes come to serve what was changed" in [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]


def test_a_fast_purge_is_faster(run_pakhus: RunPakhus) -> None:
    ways = {way["way"]: way for way in json.loads(run_pakhus(*SMALL, "--purge", "2s", "--json").stdout)["ways"]}
    assert ways["purge one URL"]["last_median"] < ways["tokens"]["last_most"]


def test_the_same_seed(run_pakhus: RunPakhus) -> None:
    one, same, other = (run_pakhus(*SMALL, "--seed", seed).stdout for seed in ("5", "5", "6"))
    assert one == same != other
    assert [line.split("  ")[0].strip() for line in one.splitlines()[3:]] == ["nothing changes", "purge everything", "purge one URL",
                                                                             "hashed names", "tokens"]


@pytest.mark.parametrize("arguments, says", [
    (("--nodes", "0"), "--nodes must be a number from 1"), (("--span", "10s"), "--span is too short"),
    (("--views", "100000", "--span", "30d"), "hundred million"), (("--page-life", "0s"), "--page-life"), (("--seed", "x"), "--seed")])
def test_what_is_wrong_is_said(arguments: tuple[str, ...], says: str, run_pakhus: RunPakhus) -> None:
    done = run_pakhus("simulate", "token", *arguments, check=False)
    assert done.returncode == 1 and says in done.stderr
