"""Every setting of docs/settings.md: `pakhus serve` has it as an option, and the templates set what their functions read. tests/unit/test_settings.c
holds that table against the code's."""

import re
from typing import NamedTuple

import pytest

from support import shop
from support.cache import ROOT

FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("functions/*/main.c"))
SECRETS = {"PAKHUS_URL_KEYS", "PAKHUS_ORIGIN_SECRET", "PAKHUS_NODE_SECRET", "PAKHUS_TOKEN_KEYS"}


class Setting(NamedTuple):
    variable: str
    option: str
    help: str
    otherwise: str
    readers: frozenset[str]


def rows() -> list[Setting]:
    table = (ROOT / "docs/settings.md").read_text().split("| variable | option |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in table]
    return [Setting(variable, option, text, otherwise, frozenset(FUNCTIONS if readers == "all" else readers.split(", ")))
            for variable, option, text, otherwise, readers in cells]


TABLE = rows()


def blocks(template: str) -> dict[str, str]:
    """What stands in a template from a function's zip to the next one's."""
    parts = re.split(r"/([a-z-]+)\.zip\n", (ROOT / template).read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_readers_are_functions() -> None:
    assert all(setting.readers <= set(FUNCTIONS) for setting in TABLE)


def test_serve_has_each_as_an_option() -> None:
    text = shop.run("serve", "--help").stdout
    found = re.findall(r"^  (?:-\w,)? +(--\S+ \S+)", text, re.M)
    assert found == [setting.option for setting in TABLE]


@pytest.mark.parametrize("template", ["template.yaml", "s.yaml"])
def test_a_function_is_given_what_it_reads_only(template: str) -> None:
    """What nobody reads is a word misspelt, or a secret in one place too many."""
    for function, block in blocks(template).items():
        given = set(re.findall(r"^ +(PAKHUS_[A-Z_]+): ", block, re.M))
        read = {setting.variable for setting in TABLE if function in setting.readers}
        assert given <= read, function
        assert given & SECRETS == read & SECRETS, function


def test_documents_name_settings_that_exist() -> None:
    others = [ROOT / "Makefile", ROOT / "s.yaml", *ROOT.glob("scripts/[a-z]*"), *ROOT.glob("packaging/**/*")]
    scripts = "".join(path.read_text(errors="replace") for path in others if path.is_file())
    names = {setting.variable for setting in TABLE} | set(re.findall(r"PAKHUS_[A-Z_]+", scripts))
    for document in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        assert set(re.findall(r"`(PAKHUS_[A-Z_]+)`", document.read_text())) <= names, document
