"""Messages, help and documents are in plain English: the forms that readers stumbled over do not come back."""

import re
from pathlib import Path

import pytest

from support.cache import ROOT

BANNED = ["unless said", r"\banew\b", "not to be had", r"\bjust so\b", "more than nothing", "passed over", "whereabouts", "hopeless",
          r"is none that", r"\(default: ", "of which nothing is known", "it stands so"]
CODE = sorted(path for folder in ("base", "cli", "functions", "lib", "runtime") for path in (ROOT / folder).rglob("*.c"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("cdn/**/*.template")])


def texts(path: Path) -> str:
    """What a person reads of a file: of code, its strings."""
    text = path.read_text()
    return "\n".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)) if path.suffix == ".c" else text


@pytest.mark.parametrize("path", [*CODE, *DOCUMENTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_plain_words(path: Path) -> None:
    for form in BANNED:
        assert not (found := re.search(f".*{form}.*", texts(path))), found[0]


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_fit_a_screen(path: Path) -> None:
    """Apart from tables, code, and lines that a long piece of code makes longer."""
    prose = re.sub(r"^ *```.*?^ *```$", "", path.read_text(), flags=re.M | re.S)
    wide = [line for line in prose.splitlines() if len(line) > 120 and not line.startswith("|") and len(re.sub(r"`[^`]{60,}`", "", line)) > 90]
    assert wide == []
