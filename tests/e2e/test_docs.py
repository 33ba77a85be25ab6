"""What the documents say, where it can be checked: links, names, and the arithmetic of the costs."""

import re
from pathlib import Path

import pytest

from support import apks, client, store_results
from support.cache import ROOT
from support.servers import Minio, Servers
from support.shop import minio_shop
from support.stores import KINDS

NAMED = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "events/README.md", "localstack/README.md"]
DOCUMENTS = sorted([*ROOT.glob("docs/**/*.md"), *(ROOT / name for name in NAMED)])
COSTS = (ROOT / "docs/costs.md").read_text()
REDIRECT_BYTES = 2000  # at most, as assumed there
DEPLOY = (ROOT / "docs/deploy.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        assert target.startswith("http") or (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_are_there(document: Path) -> None:
    for name in re.findall(r"`((?:cdn|tests|localstack|events|docs|scripts|functions|lib)/[\w./*-]+)`", document.read_text()):
        assert list(ROOT.glob(name)) or list(document.parent.glob(name)), name


def test_each_how_to_changes_three_files_of_the_product_at_most() -> None:
    how_tos = re.split(r"^## ", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.M)[1:]
    assert [how_to.splitlines()[0].split()[-1] for how_to in how_tos] == ["format", "backend", "route", "field", "slice"]
    for how_to in how_tos:
        steps = re.search(r"^Product[^\n]*:\n\n(.*?)\n\n(?=[A-Z])", how_to, re.M | re.S)
        assert steps, how_to
        numbers = re.findall(r"^(\d)\. ", steps[1], re.M)
        assert 1 <= len(numbers) <= 3 and len(re.findall(r"`(?:lib|functions)/", steps[1])) >= len(numbers), how_to
        assert re.search(r"`tests/", how_to), how_to


def test_problems_of_nodes_are_listed() -> None:
    templates = "".join(path.read_text() for path in (ROOT / "cdn").glob("*/*.template"))
    made = set(re.findall(r'"type":"([a-z-]+)"', templates)) | set(re.findall(r"\$pakhus_problem \{ default (\w+);", templates))
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/problems.md").read_text(), re.M))
    assert made >= {"refused", "store-refused", "gone", "method"} and made <= listed


def test_the_table_of_stores_is_what_make_stores_found() -> None:
    page, results = store_results.PAGE.read_text(), store_results.kept()
    assert store_results.with_table(page, results) == page, "make stores writes the table"
    assert [result.server for result in results] == list(KINDS)
    below = page.split(store_results.END)[1]
    for result in results:
        assert "see below" not in result.verdict or f"**{result.title.rpartition(' ')[0]}**" in below, result.server


def test_a_row_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("[]")
    rows = [store_results.Result(server, server.upper(), "by hand", "good", seen=seen) for server, seen in [("b", "1"), ("a", "1"), ("b", "2")]]
    for row in rows:
        store_results.keep(row, ["a", "b", "c"], path)
    assert store_results.kept(path) == rows[1:]
    page = store_results.with_table(f"before\n{store_results.BEGIN}old\n{store_results.END}after\n", rows[1:])
    assert page.startswith("before\n") and page.endswith("after\n") and "old" not in page and "| B | by hand | good | - |" in page


def test_parameters_are_the_templates() -> None:
    table = DEPLOY.split("| parameter | |")[1].split("\n\n")[0]
    named = {name for row in table.strip().splitlines() for name in re.findall(r"`([A-Z][A-Za-z]+)`", row.split("|")[1])}
    declared = set(re.findall(r"^  (\w+):\n    Type: (?:String|Number|CommaDelimitedList)", (ROOT / "template.yaml").read_text(), re.M))
    assert named == declared


def test_variables_are_those_of_s_yaml() -> None:
    section = DEPLOY.split("## Alibaba Cloud")[1].split("## One machine")[0]
    named = set(re.findall(r"PAKHUS_[A-Z_]+[A-Z]", section)) - {"PAKHUS_STORE"}
    assert named == set(re.findall(r"env\('(PAKHUS_\w+)'", (ROOT / "s.yaml").read_text())) - {"PAKHUS_ACCESS"}


def test_costs_follow_from_what_the_code_does() -> None:
    source = (ROOT / "functions/channel-range-splice/package.c").read_text()
    found = re.search(r"CHANNEL_LIFE = (\d+)", source)
    assert found
    life = int(found[1])
    slice, package, channels, times = 512 * 1024, 2_000_000_000, 500, 24 * 3600 // life
    slices = -(-package // slice)
    once = (slices, channels * slices, channels * (slices - 1))
    for number in (*once, channels * slices * times, channels * (slices - 1) * times, channels * times):
        assert f"{number:,}" in COSTS, f"{number:,}"
    for asked, packages, together in ((1, 0.65, 0.99), (times, 120.66, 219.52)):
        overlaid, redirects = channels * asked, channels * (slices - 1) * asked
        requests = (overlaid + redirects) * 0.20 / 1e6
        time = (redirects * 0.001 + overlaid * 0.05) * 0.5 * 0.0000133334
        storage = (overlaid + slices) * 0.0004 / 1000 + 2 * 0.023
        out = (overlaid * slice / 1e9 + 2) * 0.09
        of_redirects = redirects * REDIRECT_BYTES / 1e9 * 0.09
        assert round(requests + time + storage + out, 2) == packages
        assert round(requests + time + storage + out + of_redirects, 2) == together
        for dollars in requests, time, out, of_redirects, together, requests + time + storage:
            assert f"| {dollars:.2f} |" in COSTS, dollars
        assert f"| {redirects * REDIRECT_BYTES / 1e9:,.1f} GB |" in COSTS


@pytest.mark.parametrize("redirect, most", [("presigned", 1000), ("https://bucket.example/", 600)])
def test_redirects_are_no_larger_than_the_costs_say(redirect: str, most: int, minio: Minio, bucket: str, servers: Servers) -> None:
    """The token of a role adds some thousand bytes to a presigned one."""
    assert f"{REDIRECT_BYTES:,} bytes" in COSTS and "some 700 bytes" in COSTS and "under 600 bytes" in COSTS
    store = minio_shop(minio, bucket)
    store.publish(apks.made("v2"))
    server = store.serve(servers, env={"PAKHUS_REDIRECT": redirect, "PAKHUS_FOLLOWERS": "all"})
    answer = client.get(f"{server}/packages/APP/1.0.apk", "bytes=0-524287")
    assert answer.status == 302
    size = len("HTTP/1.1 302 Found\r\n\r\n") + len(answer.body) + sum(len(name) + len(value) + len(": \r\n") for name, value in answer.headers)
    assert size < most, size
