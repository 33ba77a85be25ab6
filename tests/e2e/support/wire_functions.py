"""The little functions in tests/wire/functions, built by runtime/Makefile: what the runtime's tests talk to."""

import functools
import subprocess
from pathlib import Path

from support.cache import ROOT


@functools.cache
def wire_function(name: str) -> Path:
    """The path of the built program; with SANITIZE in the environment, of one that is built so."""
    made = subprocess.run(["make", "-s", "-j2", "-C", ROOT / "runtime", "wire-functions", "print-build"], check=True,
                          capture_output=True, text=True)
    return Path(made.stdout.strip().splitlines()[-1]) / "functions" / name
