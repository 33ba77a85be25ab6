"""Ceph with its S3 server, the RADOS Gateway: one monitor, and one daemon that keeps the objects in memory. For `make stores` only."""

import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

from support.cache import ROOT
from support.ports import free_port
from support.servers import Program, Servers, accepts, answers, clean_environment

_CONF = """
[global]
fsid = {fsid}
mon initial members = a
mon host = {monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
osd objectstore = memstore
memstore device bytes = {bytes}
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
pid file = {folder}/$name.pid
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
"""

_MEMORY = 4 << 30  # bytes; taken as objects come
_BOTH = "[v2:127.0.0.1:{}/0,v1:127.0.0.1:{}/0]"


class _Cluster:
    def __init__(self, servers: Servers, folder: Path):
        self.servers, self.folder, self.conf = servers, folder, folder / "ceph.conf"
        self.fsid, self.port = str(uuid.uuid4()), free_port()
        self.monitor = free_port(), free_port()  # of both versions of the protocol
        for name in ("mon", "osd", "rgw"):
            (folder / name).mkdir()
        values = {"fsid": self.fsid, "monitor": _BOTH.format(*self.monitor), "bytes": _MEMORY, "folder": folder, "port": self.port}
        self.conf.write_text(_CONF.format(**values))

    def run(self, program: str, *options: str | Path) -> None:
        done = subprocess.run([program, "-c", self.conf, *options], env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stdout[-3000:]}")

    def daemon(self, program: str, *options: str, ready: Callable[[], bool]) -> Program:
        return self.servers.start(program, [program, "-c", self.conf, "-f", *options], ready, f"http://127.0.0.1:{self.port}", seconds=300)

    def start_monitor(self) -> None:
        monitors = self.folder / "monmap"
        self.run("monmaptool", "--create", "--addv", "a", _BOTH.format(*self.monitor), "--fsid", self.fsid, monitors)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors)
        self.daemon("ceph-mon", "-i", "a", ready=lambda: accepts(self.monitor[0]))

    def start_objects(self) -> None:
        name = str(uuid.uuid4())
        self.run("ceph", "osd", "new", name, "0")
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", name)
        self.daemon("ceph-osd", "-i", "0", ready=(self.folder / "osd.0.asok").exists)

    def start_gateway(self, key: str, secret: str) -> Program:
        """Without the mode "crc" it waits for ever where nobody authenticates."""
        gateway = self.daemon("radosgw", "-n", "client.admin", "--ms_mon_client_mode=crc", ready=lambda: answers(f"http://127.0.0.1:{self.port}"))
        self.run("radosgw-admin", "user", "create", "--uid=t", "--display-name=t", f"--access-key={key}", f"--secret-key={secret}")
        return gateway


def start(servers: Servers, folder: Path, key: str, secret: str) -> Program:
    subprocess.run([ROOT / "scripts/install", "ceph"], check=True)
    cluster = _Cluster(servers, folder)
    cluster.start_monitor()
    cluster.start_objects()
    return cluster.start_gateway(key, secret)
