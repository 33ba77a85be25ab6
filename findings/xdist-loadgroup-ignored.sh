#!/usr/bin/env bash
# pytest-xdist 3.8.0 ignores the marks of `--dist loadgroup` when it runs under pytest 9.2.0.
#
# Software: pytest 9.2.0 and 9.1.1, each with pytest-xdist 3.8.0, from PyPI.
# Behaviour: eight tests carry the same xdist_group mark, so one worker should run all of them. Under pytest 9.1.1 one
#   worker does. Under 9.2.0 both workers get four tests each. No warning is printed, and every test passes.
# Why it matters: tests that share a database or a port begin to run at the same time after an update of pytest alone.
# Output seen:
#   pytest 9.1.1: 1 worker ran the group
#   pytest 9.2.0: 2 workers ran the group
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

cat >test_group.py <<'PYTHON'
import pathlib

import pytest


@pytest.mark.xdist_group("one-database")
@pytest.mark.parametrize("number", range(8))
def test_uses_the_database(number: int, worker_id: str) -> None:
    pathlib.Path(f"ran-by-{worker_id}").touch()
PYTHON

workers() { # PYTEST_VERSION: prints how many workers ran a test of the group
    venv/bin/pip -q --disable-pip-version-check install "pytest==$1" pytest-xdist==3.8.0 >&2
    rm -f ran-by-*
    venv/bin/python -m pytest -q -n 2 --dist loadgroup test_group.py >"pytest-$1.log" ||
        { cat "pytest-$1.log" >&2; return 1; }
    find . -maxdepth 1 -name 'ran-by-*' | wc -l
}

expect() { # PYTEST_VERSION WORKERS
    local seen
    seen=$(workers "$1")
    echo "pytest $1: $seen worker$([ "$seen" = 1 ] || echo s) ran the group"
    [ "$seen" = "$2" ] || { echo "changed: pytest $1 used $seen workers for one group, expected $2" >&2; exit 1; }
}

python3 -m venv venv
expect 9.1.1 1
expect 9.2.0 2
