"""`make run` and `pakhus demo`: a folder that is filled with a demo, lines that are true, and nothing of anybody else that is touched."""

import hashlib
import json
import re
import shutil
import subprocess
import urllib.request
import zipfile
from collections import Counter
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
    (checkout / "pakhus-data/probe/empty").mkdir(parents=True)  # an empty store is a first start
    with running(checkout) as (address, words):
        urls = re.findall(rf"^    curl -O (http://{re.escape(address)}/packages/DEMO/1\.0/(\w+)\.apk)\b", words, re.M)
        assert [channel for _, channel in urls] == ["huawei", "oppo"]
        for url, channel in urls:
            urllib.request.urlretrieve(url, tmp_path / f"{channel}.apk")
            assert {"v2", "v3"} <= apksigner.schemes(tmp_path / f"{channel}.apk")
        assert '{"channel":"huawei","campaign":"launch"}' in run_pakhus("inspect", "huawei.apk").stdout
        assert "oppo" in run_pakhus("inspect", "oppo.apk").stdout
        [store] = re.findall(r"export PAKHUS_STORE=(\S+)$", words, re.M)
        assert unquote(urlsplit(store).path) == str(checkout / "pakhus-data")
        run_pakhus("publish", DEMO, "--app", "GAME", "--version", "2.0", env={"PAKHUS_STORE": store})
        assert urllib.request.urlopen(f"http://{address}/packages/GAME/2.0.apk").status == 200


def test_a_store_that_has_something_is_not_touched(checkout: Path, file_store: str) -> None:
    data = checkout / "pakhus-data"
    shutil.copytree(Path(urlsplit(file_store).path), data, dirs_exist_ok=True)
    (data / "packages").mkdir(exist_ok=True)
    (data / "packages/mine").write_text("mine")
    before = tree(data)
    with running(checkout) as (_, words):
        assert words == ""
        assert tree(data) == before


def test_it_can_be_left_out(checkout: Path) -> None:
    with running(checkout, DEMO="0") as (_, words):
        assert (words, tree(checkout / "pakhus-data")) == ("", {})


def test_another_store_is_not_touched(checkout: Path, file_store: str) -> None:
    with running(checkout, PAKHUS_STORE=file_store) as (_, words):
        assert (words, tree(Path(urlsplit(file_store).path))) == ("", {})
    assert not (checkout / "pakhus-data").exists()


# --- pakhus demo


@contextmanager
def demo(folder: Path, address: str) -> Iterator[tuple[str, str]]:
    """What it printed before it listened, and the steps on stderr."""
    steps = folder.with_name(folder.name + ".steps")
    with steps.open("w") as stderr:
        process = subprocess.Popen([pakhus_binary(), "demo", folder, "--listen", address], env=clean_environment(), text=True, stdout=subprocess.PIPE,
                                   stderr=stderr)
        try:
            assert process.stdout
            lines: list[str] = []
            while not (line := process.stdout.readline()).startswith("listening on "):
                assert line, steps.read_text()
                lines.append(line)
            yield "".join(lines), steps.read_text()
        finally:
            process.terminate()
            process.communicate(timeout=20)


def asked(address: str, question: str) -> dict[str, str]:
    with urllib.request.urlopen(f"http://{address}/query?{question}") as answer:
        found: dict[str, str] = json.loads(answer.read())
        return found


def test_a_demo_has_a_week_behind_it(tmp_path: Path, run_pakhus: RunPakhus) -> None:
    folder, address = tmp_path / "a demo, 100 %", f"127.0.0.1:{free_port()}"
    with demo(folder, address) as (words, steps):
        assert "pakhus publish demo.apk --app DEMO --version 1.0\n" in steps and "day 7 of 7" in steps and "\r" not in steps
        near = asked(address, "app=DEMO&ip=10.1.0.7&mask=255.255.255.0")
        assert near["source"] == "edge" and address in near["url"]
        assert hashlib.sha256(urllib.request.urlopen(near["url"]).read()).hexdigest() == near["sha256"]
        assert asked(address, "app=MAIL&ip=10.1.0.7&mask=255.255.255.0")["source"] == "origin"  # nobody asks for it any more
        assert asked(address, "app=DEMO&ip=10.4.0.7&mask=255.255.255.0")["source"] != "edge"  # a LAN without an edge
    decisions = [json.loads(line) for file in (folder / "decisions").rglob("*.jsonl") for line in file.read_text().splitlines()]
    kinds = Counter((line["decision"], line["rule_name"]) for line in decisions)
    assert kinds["place", "place threshold"] > 5 and kinds["evict", "evict threshold"] > 0 and kinds["alert", "place threshold"] > 5
    assert {line["lan"] for line in decisions if line["decision"] == "alert"} == {"203.0.113.9/32@10.4.0.0/24"}
    assert len({line["time"][:10] for line in decisions}) == 7
    listed = run_pakhus("edge", "list", env={"PAKHUS_STORE": store_in(words)}).stdout
    assert [line.split("\t")[:2] for line in listed.splitlines()] == [[f"shop-{name}", address] for name in ("hangzhou", "sao-paulo", "utrecht")]


def store_in(words: str) -> str:
    [store] = re.findall(r"export PAKHUS_STORE=(\S+)$", words, re.M)
    return store


def test_a_second_start_goes_on(tmp_path: Path) -> None:
    folder, first, second = tmp_path / "demo", f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with demo(folder, first):
        pass
    before = tree(folder / "decisions") | tree(folder / "demand")
    with demo(folder, second) as (words, steps):
        assert tree(folder / "decisions") | tree(folder / "demand") == before and "publish" not in steps
        assert f"http://{second}/packages/DEMO/1.0/huawei.apk" in words
        assert second in asked(second, "app=DEMO&ip=10.1.0.7&mask=24")["url"]  # edges follow the server
    state = folder / "demo/state"  # one that was cut off is filled again
    state.write_text(state.read_text().replace("ready", "filling"))
    counted = tree(folder / "demand/live")
    with demo(folder, first) as (_, steps):
        assert "day 7 of 7" in steps
    assert state.read_text().startswith("ready 20")
    assert tree(folder / "demand/live").keys() <= counted.keys()  # no hour is counted twice


@pytest.mark.parametrize("content", [{"notes.txt": "mine"}, {"demo/state": "my own words"}, {"demo/state": "ready soon\n"}, {"packages/A/1.0/base.apk": "x"}])
def test_a_folder_that_is_not_a_demo_is_never_touched(content: dict[str, str], tmp_path: Path, run_pakhus: RunPakhus) -> None:
    folder = tmp_path / "mine"
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    before = tree(folder)
    done = run_pakhus("demo", folder, check=False)
    assert done.returncode == 1 and done.stderr == f"pakhus demo: {folder} is not empty and is not a demo; nothing was changed. Give another FOLDER\n"
    assert tree(folder) == before and not any(path.is_dir() for path in folder.iterdir() if path.name not in {name.split("/")[0] for name in content})


def test_a_step_that_fails_is_shown(tmp_path: Path, run_pakhus: RunPakhus) -> None:
    done = run_pakhus("demo", tmp_path / "demo", "--listen", "no address", check=False)
    assert done.returncode == 1 and "edge add: " in done.stderr and "the demo is not complete: 'pakhus edge add" in done.stderr
    assert "address" in done.stderr and not (tmp_path / "demo/decisions").exists()


def test_help_fills_nothing(tmp_path: Path, run_pakhus: RunPakhus) -> None:
    assert "usage: pakhus demo [FOLDER]" in run_pakhus("demo", "--listen", "127.0.0.1:1", "--help").stdout
    assert not (tmp_path / "pakhus-demo").exists()


def test_the_demo_is_what_its_script_packs() -> None:
    """It is committed as it was made; the script that makes it needs a 45 MB framework, which the tests do without."""
    assert DEMO.stat().st_size < 20_000
    assert apksigner.schemes(DEMO) == {"v2", "v3"}
    with zipfile.ZipFile(DEMO) as archive:
        assert archive.read("assets/about.txt") == (ROOT / "demo/assets/about.txt").read_bytes()
        manifest = archive.read("AndroidManifest.xml")
    for text in re.findall(r'(?:package|label|versionName)="([^"]+)"', (ROOT / "demo/AndroidManifest.xml").read_text()):
        assert text.encode("utf-16-le") in manifest or text.encode() in manifest, text
