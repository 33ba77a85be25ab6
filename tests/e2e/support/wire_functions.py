"""The little functions in tests/wire/functions, built by runtime/Makefile: what the runtime's tests talk to."""

import functools
from pathlib import Path

from support.building import make
from support.cache import ROOT


@functools.cache
def wire_function(name: str) -> Path:
    """The path of the built program; with SANITIZE in the environment, of one that is built so."""
    made = make("-j2", "--no-print-directory", "-C", ROOT / "runtime", "wire-functions", "print-build")
    return Path(made.strip().splitlines()[-1]) / "functions" / name
