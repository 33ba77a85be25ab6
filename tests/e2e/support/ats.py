"""Apache Traffic Server with the configuration that we ship, in a folder of its own."""

import re
import shutil
from pathlib import Path

import pytest

from support.cache import ROOT
from support.servers import Program, Servers, accepts, free_port

_SYSTEM = Path("/etc/trafficserver")
_LAYOUT = """prefix: {folder}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/bin
sysconfdir: {folder}/etc
datadir: {folder}/share
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {folder}
runtimedir: {folder}/run
logdir: {folder}/log
mandir: /usr/share/man
cachedir: {folder}/cache
"""


def start(servers: Servers, folder: Path, upstream: str) -> Program:
    if not shutil.which("traffic_server"):
        pytest.skip("Traffic Server is not installed: this system has no package trafficserver")
    port = free_port()
    values = {"UPSTREAM": upstream, "PORT": f"{port}:ip-in=127.0.0.1", "CACHE": str(folder / "cache"), "CACHE_SIZE": "128M"}
    for name in ("etc", "log", "cache", "run", "share"):
        (folder / name).mkdir(parents=True)
    for name in ("remap.config", "records.config", "storage.config"):
        template = (ROOT / "cdn/ats" / f"{name}.template").read_text()
        (folder / "etc" / name).write_text(re.sub(r"\$\{PAKHUS_ATS_(\w+)\}", lambda found: values[found[1]], template))
    shutil.copy(ROOT / "cdn/ats/range.config", folder / "etc")
    for name in ("ip_allow.yaml", "sni.yaml", "logging.yaml", "plugin.config", "ssl_multicert.config", "hosting.config"):
        shutil.copy(_SYSTEM / name, folder / "etc")
    # It would change to a user of its own, who may not write here; and log into a file.
    with open(folder / "etc/records.config", "a") as records:
        records.write("CONFIG proxy.config.admin.user_id STRING #-1\nCONFIG proxy.config.crash_log_helper STRING NULL\n"
                      "CONFIG proxy.config.diags.output.error STRING E\n")
    (folder / "runroot.yaml").write_text(_LAYOUT.format(folder=folder))
    return servers.start("traffic-server", ["traffic_server", f"--run-root={folder}/runroot.yaml"], lambda: accepts(port),
                         f"http://127.0.0.1:{port}", cwd=folder)
