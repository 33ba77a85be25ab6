"""One version: where a person, a monitor and another server see it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conftest import RunPakhus
from support import client, gathered
from support.cache import ROOT
from support.gathered import resources
from support.servers import ADMIN, Servers
from support.subsystem import Subsystem

[VERSION] = re.findall(r'#define PAKHUS_VERSION "(.+)"', (ROOT / "base/version.h").read_text())
AGENT = f"pakhus/{VERSION}"


def test_health_and_metrics_report_the_version(file_store: str, servers: Servers) -> None:
    server = servers.pakhus(file_store)
    assert client.request(f"{server.url}/healthz").body.decode() == f"ok {VERSION}\n"
    metrics = client.request(f"{server.url}/metrics", headers=ADMIN).body.decode().splitlines()
    assert metrics.count(f'pakhus_build_info{{version="{VERSION}"}} 1') == 1
    assert metrics.count("# TYPE pakhus_build_info gauge") == 1


def agents(subsystem: Subsystem, target: str) -> set[str | None]:
    seen = subsystem.seen(target)
    assert seen, f"nobody asked for {target}"
    return {question.headers.get("user-agent") for question in seen}


def test_requests_to_a_store_name_the_version(subsystem: Subsystem, run_pakhus: RunPakhus) -> None:
    store = f"s3://typed?endpoint={subsystem.url}&region=us-east-1&path-style=1"
    run_pakhus("release", "--store", store, "APP", check=False, env={"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"})
    assert agents(subsystem, "/typed") == {AGENT}


def test_downloads_name_the_version(subsystem: Subsystem, run_pakhus: RunPakhus, tmp_path: Path) -> None:
    admission = f"{subsystem.url}/status/404"
    run_pakhus("fetch", "--client", "device", "--resource", "game", "--admission", admission, "-o", tmp_path / "game.apk", check=False)
    assert agents(subsystem, "/status/404") == {AGENT}


def test_gathering_names_the_version(subsystem: Subsystem, run_pakhus: RunPakhus, file_store: str, servers: Servers, tmp_path: Path) -> None:
    parts: Any = resources(subsystem.url, a="/ok/gathered-a", b="/ok/gathered-b")
    gathered.publish(run_pakhus, file_store, tmp_path, parts)
    server = servers.pakhus(file_store)
    assert client.request(f"{server.url}/gather?scene=home").header("pakhus-complete") == "1"
    assert agents(subsystem, "/ok/gathered") == {AGENT}


# --- the command


def commit() -> str | None:
    done = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or None if (ROOT / ".git").exists() else None


def test_the_command_names_version_and_commit(run_pakhus: RunPakhus) -> None:
    made = json.loads(run_pakhus("version", "--json").stdout)
    assert made["version"] == VERSION
    assert made.get("commit") == commit()
    assert "https" in made["features"] and {"static", "dynamic"} & set(made["features"])
    assert {"libcurl", "openssl", "jansson", "libmicrohttpd", "zlib", "zstd"} <= set(made["libraries"])
    assert all(re.match(r"\d+\.\d+", version) for version in made["libraries"].values())
    line = f"pakhus {VERSION}" + (f" (commit {commit()})" if commit() else "")
    assert run_pakhus("version").stdout.splitlines()[0] == line
    assert run_pakhus("--version").stdout == run_pakhus("-V").stdout == f"{line}\n"


@pytest.mark.parametrize("command", [["publish"], ["channel"], ["edge", "lan", "set"]], ids=" ".join)
def test_help_of_a_command(command: list[str], run_pakhus: RunPakhus) -> None:
    assert run_pakhus("help", *command).stdout == run_pakhus(*command, "--help").stdout


def test_a_slip_is_answered_with_what_was_meant(run_pakhus: RunPakhus) -> None:
    done = run_pakhus("pubilsh", "x.apk", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pakhus: there is no command 'pubilsh'; did you mean 'pakhus publish'?\nTry: pakhus --help\n"
    done = run_pakhus("publish", "x.apk", "--vesion", "1", check=False)
    assert done.stderr.startswith("pakhus publish: there is no option --vesion; did you mean --version?\n")
