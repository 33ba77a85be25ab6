"""docs/operating.md: its metrics are those of the server, its alerts are all explained, and its nginx configuration is one. tests/e2e/test_guides.py types its commands."""

import json
import re
import subprocess
from pathlib import Path

import yaml

from support import client
from support.cache import ROOT
from support.servers import ADMIN, Servers
from support.shop import Shop

PAGE = (ROOT / "docs/operating.md").read_text()
ALERTS = ROOT / "docs/monitoring/alerts.yaml"
DASHBOARD = ROOT / "docs/monitoring/grafana.json"


def metrics(text: str) -> set[str]:
    return set(re.findall(r"\b(?:lc|pakhus)_[a-z_]+", text))


def test_metrics_that_are_named_are_there(directory: Shop, servers: Servers) -> None:
    answer = client.get(f"{directory.serve(servers)}/metrics", **ADMIN).body.decode()
    there = {re.split(r"[{ ]", line)[0] for line in answer.splitlines() if not line.startswith("#")}
    for file in ALERTS, DASHBOARD:
        assert metrics(file.read_text()) <= there
    assert len(metrics(DASHBOARD.read_text())) > 10


def test_labels_that_are_named_are_there(directory: Shop, servers: Servers) -> None:
    answer = client.get(f"{directory.serve(servers)}/metrics", **ADMIN).body.decode()
    for metric, label, value in re.findall(r'(\w+)\{(\w+)=\\?"([\w-]+)\\?"\}', ALERTS.read_text() + DASHBOARD.read_text()):
        assert metric == "up" or re.search(rf'^{metric}\{{[^}}]*{label}="{value}"', answer, re.M), (metric, label, value)


def test_alerts_are_explained() -> None:
    names = [rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert names == re.findall(r"^\| (Pakhus\w+) \|", PAGE, re.M)


def test_the_dashboard_has_a_query_in_each_panel() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert all(target["expr"] for panel in panels for target in panel["targets"]) and len({panel["id"] for panel in panels}) == len(panels)


def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    [block] = re.findall(r"```nginx\n(.*?)```", PAGE, re.S)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=packages.example", "-keyout", "packages.key", "-out", "packages.pem"],
                   cwd=tmp_path, check=True, capture_output=True)
    block = block.replace("/etc/ssl/certs", str(tmp_path)).replace("/etc/ssl/private", str(tmp_path))
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\nhttp {{\naccess_log off;\n{block}}}\n")
    done = subprocess.run(["nginx", "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "log")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_table_of_the_store_has_every_folder() -> None:
    """Keys that the code writes, by the first part of their names."""
    sources = "".join(path.read_text() for folder in ("lib", "functions") for path in (ROOT / folder).rglob("*.c"))
    written = set(re.findall(r'S?\("?"?((?:packages|releases|channels|edges|lans|policy|profiles|scenes|patches|wanted|held|demand|samples|decisions|alerts|tokens|uploads|probe)/)', sources))
    listed = set(re.findall(r"`([a-z~]+/)`", PAGE.split("## What is in the store")[1].split("\n## ")[0]))
    assert written <= listed
