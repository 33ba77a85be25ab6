"""One version: where a person, a monitor and another server see it."""

import re
from pathlib import Path
from typing import Any

from conftest import RunPakhus
from support import client, gathered
from support.cache import ROOT
from support.gathered import resources
from support.servers import Servers
from support.subsystem import Subsystem

[VERSION] = re.findall(r'#define PAKHUS_VERSION "(.+)"', (ROOT / "base/version.h").read_text())
AGENT = f"pakhus/{VERSION}"


def test_health_and_metrics_report_the_version(file_store: str, servers: Servers) -> None:
    server = servers.pakhus(file_store)
    assert client.request(f"{server.url}/healthz").body.decode() == f"ok {VERSION}\n"
    metrics = client.request(f"{server.url}/metrics").body.decode().splitlines()
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
    run_pakhus("fetch", "--resource", "game", "--admission", admission, "-o", tmp_path / "game.apk", check=False)
    assert agents(subsystem, "/status/404") == {AGENT}


def test_gathering_names_the_version(subsystem: Subsystem, run_pakhus: RunPakhus, file_store: str, servers: Servers, tmp_path: Path) -> None:
    parts: Any = resources(subsystem.url, a="/ok/gathered-a", b="/ok/gathered-b")
    gathered.publish(run_pakhus, file_store, tmp_path, parts)
    server = servers.pakhus(file_store)
    assert client.request(f"{server.url}/gather?scene=home").header("pakhus-complete") == "1"
    assert agents(subsystem, "/ok/gathered") == {AGENT}
