"""Folders that programs run in as if these were the whole machine."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from support.servers import Program, Servers, accepts, free_port

Done = subprocess.CompletedProcess[str]


def _enter() -> list[str]:
    tools = [shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") or name for name in ("chroot", "unshare")]
    return tools[:1] if os.geteuid() == 0 else [tools[1], "--map-root-user", tools[0]]


@cache
def impossible() -> str:
    """Why no chroot is possible here; "" where it is."""
    done = subprocess.run([*_enter(), "/", "/bin/true"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"no chroot is possible here: {done.stderr.strip()}"


class Root:
    """Commands are named by their paths inside. They see no variable but those that are given."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None, user: str = ""):
        self.folder = folder
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})}
        self._options = [f"--userspec={user}"] if user else []

    def command(self, *words: str) -> list[str]:
        variables = [f"{name}={value}" for name, value in self.env.items()]
        return ["env", "-i", *variables, *_enter(), *self._options, str(self.folder), *words]

    def run(self, *words: str, check: bool = True, timeout: float = 120) -> Done:
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=timeout)
        assert not check or done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def serve(self, servers: Servers, *words: str) -> Program:
        """`words` and an address to listen on."""
        port = free_port()
        address = f"127.0.0.1:{port}"
        return servers.start("chroot", self.command(*words, address), lambda: accepts(port), f"http://{address}")
