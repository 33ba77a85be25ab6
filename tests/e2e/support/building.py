"""What tests build: by make, in one process at a time, since several workers may want the same."""

import os
import subprocess
from pathlib import Path

from support.cache import ROOT, locked

_OUTER = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")  # of the make that runs the tests: not for this one


def make(*arguments: str | Path, folder: Path = ROOT, without: tuple[str, ...] = (), **env: str) -> str:
    """Runs make in a checkout; returns what it printed. `without`: variables that it must not see."""
    inherited = {name: value for name, value in os.environ.items() if name not in (*_OUTER, *without)}
    with locked(folder / "build/.lock-make"):
        done = subprocess.run(["make", "-s", *arguments], cwd=folder, env={**inherited, **env}, text=True, capture_output=True)
    assert done.returncode == 0, f"make {arguments}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
