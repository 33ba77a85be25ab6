"""`make run` on its first start: a demo that is published, and lines that are true."""

import re
import shutil
import subprocess
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from conftest import RunPakhus
from support import apksigner
from support.cache import ROOT
from support.servers import clean_environment, free_port, pakhus_binary

DEMO = ROOT / "demo/demo.apk"


@pytest.fixture(params=["checkout", "a folder, with 100 % of é"])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "demo", tmp_path / request.param / "demo")
    return tmp_path / request.param


@contextmanager
def running(checkout: Path, **env: str) -> Iterator[tuple[str, str]]:
    """Its address, and what it printed before it listened."""
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen([checkout / "demo/run", pakhus_binary(), address], env={**clean_environment(), **env}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout and process.stderr
        lines: list[str] = []
        while not (line := process.stdout.readline()).startswith("listening on "):
            assert line, process.stderr.read()
            lines.append(line)
        yield address, "".join(lines)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def tree(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_first_start_shows_the_main_job(checkout: Path, run_pakhus: RunPakhus, tmp_path: Path) -> None:
    with running(checkout) as (address, words):
        urls = re.findall(rf"^    (http://{re.escape(address)}/packages/DEMO/1\.0/(\w+)\.apk)$", words, re.M)
        assert [channel for _, channel in urls] == ["huawei", "oppo"]
        for url, channel in urls:
            urllib.request.urlretrieve(url, tmp_path / f"{channel}.apk")
            assert {"v2", "v3"} <= apksigner.schemes(tmp_path / f"{channel}.apk")
        shown = run_pakhus("inspect", "huawei.apk").stdout
        assert '{"channel":"huawei","campaign":"launch"}' in shown
        assert "".join(f"    {line}\n" for line in shown.splitlines()) in words
        assert "inspect huawei.apk` shows:" in words
        assert "oppo" in run_pakhus("inspect", "oppo.apk").stdout
        [store] = re.findall(r"export PAKHUS_STORE=(\S+)$", words, re.M)
        assert unquote(urlsplit(store).path) == str(checkout / "pakhus-data")
        run_pakhus("publish", DEMO, "--app", "GAME", "--version", "2.0", env={"PAKHUS_STORE": store})
        assert urllib.request.urlopen(f"http://{address}/packages/GAME/2.0.apk").status == 200
    assert not (checkout / "pakhus-data.making").exists()


def test_a_store_that_has_something_is_not_touched(checkout: Path) -> None:
    with running(checkout):
        pass
    data = checkout / "pakhus-data"
    shutil.rmtree(data / "channels")
    before = tree(data)
    with running(checkout) as (_, words):
        assert words == ""
        assert tree(data) == before


def test_it_can_be_left_out(checkout: Path) -> None:
    with running(checkout, DEMO="0") as (_, words):
        assert (words, tree(checkout / "pakhus-data")) == ("", {})
    with running(checkout) as (_, words):  # an empty store is a first start
        assert "/packages/DEMO/1.0/huawei.apk" in words


def test_another_store_is_not_touched(checkout: Path, file_store: str) -> None:
    with running(checkout, PAKHUS_STORE=file_store) as (_, words):
        assert (words, tree(Path(urlsplit(file_store).path))) == ("", {})
    assert not (checkout / "pakhus-data").exists()


def test_a_start_that_was_broken_off_leaves_nothing_half(checkout: Path) -> None:
    (checkout / "pakhus-data.making/packages/DEMO/1.0").mkdir(parents=True)
    (checkout / "pakhus-data.making/packages/DEMO/1.0/base.apk").write_text("half")
    with running(checkout) as (address, _):
        assert urllib.request.urlopen(f"http://{address}/packages/DEMO/1.0/huawei.apk").status == 200
    shutil.rmtree(checkout / "pakhus-data")
    (checkout / "demo/demo.apk").write_bytes(DEMO.read_bytes()[:4000])
    done = subprocess.run([checkout / "demo/run", pakhus_binary(), "127.0.0.1:0"], capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 1 and "DEMO=0 leaves it out" in done.stderr and "pakhus publish: " in done.stderr
    assert [path.name for path in checkout.iterdir()] == ["demo"]


def test_the_demo_is_what_its_script_packs() -> None:
    """It is committed as it was made; the script that makes it needs a 45 MB framework, which the tests do without."""
    assert DEMO.stat().st_size < 20_000
    assert apksigner.schemes(DEMO) == {"v2", "v3"}
    with zipfile.ZipFile(DEMO) as archive:
        assert archive.read("assets/about.txt") == (ROOT / "demo/assets/about.txt").read_bytes()
        manifest = archive.read("AndroidManifest.xml")
    for text in re.findall(r'(?:package|label|versionName)="([^"]+)"', (ROOT / "demo/AndroidManifest.xml").read_text()):
        assert text.encode("utf-16-le") in manifest or text.encode() in manifest, text
