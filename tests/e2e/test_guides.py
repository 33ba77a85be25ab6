"""The guides in docs/: a reader with an empty store types each block of commands (```sh) word for word, in the order of the pages."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support import apks
from support.cache import ROOT
from support.servers import ADMIN_SECRET, Servers, clean_environment, pakhus_binary
from support.shop import Shop

GUIDES = ["channels", "placement", "gather", "cache-tokens", "operating"]
ADDRESS = "127.0.0.1:8080"  # as the pages have it
WORDS = 900


def blocks(page: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (ROOT / f"docs/{page}.md").read_text(), re.S)


def test_a_reader_types_the_guides(servers: Servers, tmp_path: Path) -> None:
    store = Shop(f"file://{tmp_path}/pakhus-data")
    (tmp_path / "pakhus-data").mkdir()
    shutil.copy(apks.made("v1+v2+v3"), tmp_path / "game.apk")
    server = store.serve(servers).removeprefix("http://")
    env = {**clean_environment(), "PAKHUS_STORE": store.store, "PAKHUS_ADMIN_SECRET": ADMIN_SECRET, "PATH": f"{pakhus_binary().parent}:/usr/bin:/bin"}
    seen = ""
    for page in GUIDES:
        assert blocks(page), page
        script = "".join(blocks(page)).replace(ADDRESS, server)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=env, text=True, capture_output=True, timeout=120)
        assert done.returncode == 0, f"{page}: {done.stderr}"
        seen += done.stdout
    for words in '"campaign":"launch"', '"id":"texts"', '"complete":true', "logo.png?pkt=", "GAME/2.0", "pakhus_build_info", "2026b":
        assert words in seen, f"{words} is not in {seen}"


def test_the_readme_is_for_a_newcomer() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) <= WORDS
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 120


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_every_page_is_in_the_contents(page: str) -> None:
    assert page == "README.md" or f"]({page})" in (ROOT / "docs/README.md").read_text()
