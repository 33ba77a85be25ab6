"""docs/spec: every rule that the code or a test names has its heading there, and no id stands for two rules."""

import re
from pathlib import Path

import pytest

from support.cache import ROOT

PAGES = {"P": "placement", "S": "splice", "A": "admission", "T": "cache-tokens", "G": "gather"}
FOLDERS = ("base", "cdn", "cli", "functions", "lib", "runtime", "tests/unit", "tests/e2e")
SOURCES = sorted(path for folder in FOLDERS for ending in ("*.c", "*.h", "*.py") for path in (ROOT / folder).rglob(ending) if path.name != "test_spec.py")
# "T00:00" and "10T06" are times, "S1" in quotes is data.
RULE = re.compile(r"(?<![\w\"'./%-])([PSATG])([1-9]\d?)([a-c]?)(?![\w\"'/(=-])")


def headings(page: str) -> list[str]:
    return re.findall(r"^### (\w+)$", (ROOT / f"docs/spec/{page}.md").read_text(), re.M)


@pytest.mark.parametrize("letter", PAGES)
def test_rules_are_numbered_without_a_gap(letter: str) -> None:
    found = headings(PAGES[letter])
    assert all(rule.startswith(letter) for rule in found) and len(set(found)) == len(found)
    numbers = [int(rule[1:]) for rule in found if rule[1:].isdigit()]
    assert numbers == list(range(1, len(numbers) + 1))


def comments(path: Path) -> str:
    text = path.read_text()
    return "\n".join(re.findall(r"/\*.*?\*/|//[^\n]*", text, re.S)) if path.suffix in (".c", ".h") else "\n".join(re.findall(r'""".*?"""|#[^\n]*', text, re.S))


def test_every_rule_that_is_named_is_there() -> None:
    known = {rule for page in PAGES.values() for rule in headings(page)}
    named = {"".join(found): path for path in SOURCES for found in RULE.findall(comments(path))}
    assert {rule: str(path.relative_to(ROOT)) for rule, path in named.items() if rule not in known} == {}
    assert {"P9", "S8a", "A4", "T8", "G5"} <= set(named)


def test_no_rule_is_outside_of_the_pages() -> None:
    """A reading such as "(Readings)" leads to a part of a page."""
    assert all("## Readings" in (ROOT / f"docs/spec/{page}.md").read_text() for page in PAGES.values())
