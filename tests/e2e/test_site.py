"""`make docs`: the site has every page, its links and anchors lead somewhere, and it asks no other host."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.cache import ROOT

PAGES = sorted(path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md"))


def make(root: Path, site: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, root / "scripts/docs", site], capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = make(ROOT, folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    for page in PAGES:
        html = page.with_name("index.html") if page.name == "README.md" else page.with_suffix(".html")
        assert (site / html).is_file(), page
    assert (site / "index.html").is_file() and (site / "docs/openapi.json").is_file()


def test_the_contents_are_the_menu(site: Path) -> None:
    text = (site / "index.html").read_text()
    for title in re.findall(r"^\| \[([^\]]+)\]\([^)]+\.md\)", (ROOT / "docs/README.md").read_text(), re.M):
        assert f">{title}</a>" in text, title


def test_no_other_host_is_asked(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert re.findall(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"(?:https?:)?//[^>]*>", page.read_text()) == [], page


@pytest.mark.parametrize("link", ["nowhere.md", "api.md#nowhere", "../nowhere.md", "#nowhere"])
def test_a_link_that_leads_nowhere_is_an_error(link: str, tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    shutil.copytree(ROOT, root, ignore=lambda folder, names: [name for name in names if name.startswith(("build", ".git", "pakhus-data")) or name in ("tests", "findings")])
    with (root / "docs/limits.md").open("a") as file:
        file.write(f"\n[a link]({link})\n")
    done = make(root, tmp_path / "site")
    assert done.returncode != 0 and "limits.md" in done.stderr, done.stderr
