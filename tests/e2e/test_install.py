"""Packages are installed by one apt-get at a time, before what needs them, for every target and under any -j."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.bare_machine import Machine, bare_machine, fill_cache
from support.cache import ROOT

# Those that need a network, a terminal, or nothing at all.
LEFT_OUT = {"clean", "help", "fresh", "FORCE"}
OPTIONAL = ["trafficserver", "trafficserver-experimental-plugins", "libclang-rt-dev"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="scripts/apt-install takes its lock as root")


def targets() -> list[str]:
    text = "".join((ROOT / name).read_text() for name in ("Makefile", "packaging/packaging.mk"))
    names = {name for line in re.findall(r"^\.PHONY:(.*)", text, re.M) for name in line.split()} - LEFT_OUT
    return sorted(name for name in names if not name.startswith("deps"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fetched")
    fill_cache(bare_machine(folder, folder / "cache"))
    return folder / "cache"


@pytest.fixture
def machine(tmp_path: Path, cache: Path) -> Machine:
    return bare_machine(tmp_path, cache)


@pytest.fixture(scope="module")
def after_run(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Machine:
    """To be copied."""
    machine = bare_machine(tmp_path_factory.mktemp("after-run"), cache)
    make(machine, "run", 8)
    return machine


def make(machine: Machine, target: str, jobs: int) -> None:
    fetched = machine.cached()
    done = machine.make(f"-j{jobs}", target, f"DESTDIR={machine.folder / 'root'}")
    assert machine.lines("faults") == [], done.stdout[-3000:]
    assert done.returncode == 0, done.stdout[-3000:]
    assert machine.cached() == fetched, done.stdout[-3000:]


@pytest.mark.parametrize("target", targets())
def test_a_bare_machine(machine: Machine, target: str) -> None:
    make(machine, target, 8)
    assert len(machine.lines("installations")) > 0


@pytest.mark.parametrize("target", targets())
def test_after_make_run(after_run: Machine, tmp_path: Path, target: str) -> None:
    machine = after_run.copy(tmp_path)
    installed = machine.lines("installations")
    make(machine, target, 8)
    assert machine.lines("installations")[:len(installed)] == installed


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("target", ["test", "unit", "package", "check"])
def test_fewer_jobs(machine: Machine, target: str, jobs: int) -> None:
    make(machine, target, jobs)


def test_nothing_is_installed_twice(machine: Machine) -> None:
    make(machine, "test", 8)
    installed = [name for line in machine.lines("installations") for name in line.split() if not name.startswith("-")]
    assert len(installed) == len(set(installed))
    make(machine, "test", 8)
    assert installed == [name for line in machine.lines("installations") for name in line.split() if not name.startswith("-")]


def test_two_builds_at_once_wait_for_each_other(machine: Machine) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda target: make(machine, target, 2), ["deps-test", "deps-check", "deps-unit", "deps-run"]))


def test_what_is_not_offered_is_left_out(machine: Machine) -> None:
    machine.not_offered(*OPTIONAL)
    done = machine.make("-j8", "deps-test", "deps-check")
    assert done.returncode == 0 and machine.lines("faults") == []
    assert machine.has("varnish") and machine.has("clang") and not machine.has("trafficserver")
    assert "not available on this system, so tests that need them are skipped: trafficserver" in done.stdout
    assert "E: " not in done.stdout  # no words of apt's before a way that works


@pytest.mark.parametrize("target", ["all", "test", "unit", "run", "package", "nginx-module", "check", "deps-test"])
def test_the_last_line_says_why(machine: Machine, target: str) -> None:
    machine.cut_network()
    done = machine.make("-j8", target)
    last = done.stdout.splitlines()[-1]
    assert done.returncode != 0
    assert "packages could not be installed: Failed to fetch the lists: Temporary failure resolving 'mirror'" in last
    assert "gcc" in last and done.stdout.count("could not be installed") == 1


def test_a_package_that_nobody_offers_is_named(machine: Machine) -> None:
    machine.not_offered("libcmocka-dev")
    done = machine.make("unit")
    assert done.returncode != 0
    assert "Unable to locate package libcmocka-dev" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("flag", ["-n", "-q", "-t", "-npq"])
def test_make_that_only_looks_installs_nothing(machine: Machine, flag: str) -> None:
    machine.make(flag, "unit")
    assert machine.lines("installations") == []


def test_services_are_not_started_and_the_policy_goes(machine: Machine) -> None:
    there = Path("/usr/sbin/policy-rc.d").exists()
    make(machine, "deps-test", 8)
    assert Path("/usr/sbin/policy-rc.d").exists() == there
