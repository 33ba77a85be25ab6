"""What runs the tests: it counts them rightly, goes on after a failure, and keeps workers apart."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.cache import ROOT
from support.ports import free_port

OLD = "[==========] Running 2 test(s).\n[       OK ] one\n[       OK ] two\n[  PASSED  ] 2 test(s).\n"
NEW = "[==========] tests: Running 2 test(s).\n[       OK ] one\n[       OK ] two\n[  PASSED  ] 2 test(s).\n"
FAILED = "[==========] tests: Running 3 test(s).\n[       OK ] one\n[  FAILED  ] two\n[  SKIPPED ] three\n[  SKIPPED ] tests: 1 test(s), listed below:\n"


def program(folder: Path, name: str, output: str, end: str = "exit 0") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{output}END\n{end}\n")
    path.chmod(0o755)
    return path


def run(script: str, *arguments: str | Path, **env: str) -> tuple[int, list[str], str]:
    """The exit status, the lines of standard output, standard error."""
    clean = {name: value for name, value in os.environ.items() if name != "PAKHUS_TEST_RESULTS"}
    done = subprocess.run([ROOT / "scripts" / script, *arguments], env={**clean, **env}, text=True, capture_output=True)
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.mark.parametrize("outputs, status, line", [
    ([(OLD, "exit 0")], 0, "2 passed, 0 failed"),
    ([(NEW, "exit 0"), (OLD, "exit 0")], 0, "4 passed, 0 failed"),
    ([(NEW, "exit 0"), (FAILED, "exit 1")], 1, "3 passed, 1 failed, 1 skipped"),
    ([(NEW, "exit 1")], 1, "2 passed, 1 failed"),  # such as a leak
    ([("[==========] tests: Running 2 test(s).\n[       OK ] one\n", "kill -SEGV $$")], 1, "1 passed, 1 failed"),
    ([("", "exit 0")], 1, "0 passed, 1 failed")])
@pytest.mark.parametrize("workers", ["0", "1", "4"])
def test_unit_tests_are_counted(outputs: list[tuple[str, str]], status: int, line: str, workers: str, tmp_path: Path) -> None:
    programs = [program(tmp_path, f"test_{number}", *each) for number, each in enumerate(outputs)]
    code, out, _ = run("run-unit-tests", *programs, PAKHUS_TEST_WORKERS=workers)
    assert (code, out) == (status, [line])


def test_the_output_of_a_failed_program_is_shown_and_no_other(tmp_path: Path) -> None:
    code, _, err = run("run-unit-tests", program(tmp_path, "test_good", NEW), program(tmp_path, "test_bad", FAILED, "exit 1"))
    assert code == 1
    assert "test_bad (exit status 1)" in err and "[  FAILED  ] two" in err
    assert "test_good" not in err


MAKE = """#!/bin/sh
echo "$1" >> made
case $1 in
unit) echo "3 1 2" > $PAKHUS_TEST_RESULTS; exit 1 ;;
broken) exit 2 ;;
e2e) echo "10 0 1" > $PAKHUS_TEST_RESULTS ;;
esac
"""


@pytest.mark.parametrize("parts, status, line", [
    (["e2e"], 0, "10 passed, 0 failed, 1 skipped"),
    (["unit", "e2e"], 1, "13 passed, 1 failed, 3 skipped"),
    (["broken", "unit", "e2e"], 1, "13 passed, 2 failed, 3 skipped")])
def test_all_parts_are_made_whatever_fails(parts: list[str], status: int, line: str, tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text(MAKE.replace(">> made", f">> {tmp_path}/made"))
    make.chmod(0o755)
    code, out, _ = run("run-tests", *parts, MAKE=str(make))
    assert (tmp_path / "made").read_text().split() == parts
    assert (code, out[-1]) == (status, line)
    assert [words.split()[0] for words in out[:-1]] == parts


TESTS = """
import os, pytest

@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize("group", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in "ab"])
def test_it(group, number):
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(f"{group}{os.environ['PYTEST_XDIST_WORKER']} ")
"""


def test_a_group_stays_in_one_worker(tmp_path: Path) -> None:
    """pytest 9.2 with pytest-xdist 3.8 takes no notice of groups, without a word."""
    (tmp_path / "test_groups.py").write_text(TESTS)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PAKHUS_TEST_RESULTS"))}
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder", "-p", "no:cacheprovider", tmp_path],
                   env={**env, "SEEN": str(tmp_path / "seen")}, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    seen = (tmp_path / "seen").read_text().split()
    assert len(seen) == 24
    assert len(set(seen)) == 2


def test_no_two_processes_are_given_the_same_port() -> None:
    code = "import sys; from support.ports import free_port; print([free_port() for _ in range(100)]); sys.stdout.flush(); sys.stdin.read()"
    others = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT / "tests/e2e", text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
              for _ in range(3)]
    ports = [free_port() for _ in range(100)]
    for other in others:
        assert other.stdout
        ports += json.loads(other.stdout.readline())
    for other in others:  # as long as one lives, its ports are its own
        other.communicate()
    assert len(set(ports)) == 400
