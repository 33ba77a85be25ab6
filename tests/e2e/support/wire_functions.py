"""The little functions in tests/wire/functions, built by runtime/Makefile: what the runtime's tests talk to."""

import functools
import os
import subprocess
from pathlib import Path

from support.cache import ROOT


@functools.cache
def wire_function(name: str) -> Path:
    """The path of the built program; with SANITIZE in the environment, of one that is built so."""
    own = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS")}  # an outer make's are not for us
    made = subprocess.run(["make", "-s", "-j2", "--no-print-directory", "-C", ROOT / "runtime", "wire-functions", "print-build"],
                          check=True, stdout=subprocess.PIPE, text=True, env=own)
    return Path(made.stdout.strip()) / "functions" / name
