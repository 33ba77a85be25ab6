"""G2: what befalls a worker costs at most its own resource, and nothing is left behind. 100 requests are in flight."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import RunPakhus
from support import gathered
from support.cache import ROOT
from support.gathered import Gathered, descriptors, memory, resources, workers
from support.ports import free_port
from support.servers import Program, Servers, accepts, pakhus_binary
from support.subsystem import Subsystem, body_of
from support.wire_client import until

READY = 8
IN_FLIGHT = 100
EACH = 4


@pytest.fixture
def server(servers: Servers, file_store: str) -> Program:
    return servers.pakhus(file_store, env={"PAKHUS_LOG": "warn"})


@pytest.fixture
def scenes(run_pakhus: RunPakhus, file_store: str, tmp_path: Path, subsystem: Subsystem) -> list[str]:
    """Ten, whose bodies tell whose they are; some take their time."""
    for scene in range(10):
        paths = {f"r{i}": f"/bytes/{20000 + 10 * scene + i}/{10 * scene + i}" for i in range(EACH - 1)}
        asked = resources(subsystem.url, **paths, late=f"/late/150/{scene}")
        gathered.publish(run_pakhus, file_store, tmp_path, asked, f"s{scene}", deadline="8s")
    return [f"s{scene}" for scene in range(10)]


def ask_crowd(server: Program, scenes: list[str], strike: Callable[[], object]) -> Counter[str]:
    """100 requests at once, and `strike` meanwhile. Every body must be its own; the reasons of what is missing are counted."""
    with ThreadPoolExecutor(IN_FLIGHT) as many:
        asked = [many.submit(gathered.ask, server.url, scenes[number % len(scenes)]) for number in range(IN_FLIGHT)]
        time.sleep(0.05)
        strike()
        answers = [one.result() for one in asked]
    assert len({answer.id for answer in answers}) == IN_FLIGHT
    for number, answer in enumerate(answers):
        check(answer, number % len(scenes))
    return Counter(reason for answer in answers for reason in answer.reasons().values())


def check(answer: Gathered, scene: int) -> None:
    wanted = {f"r{i}": body_of(20000 + 10 * scene + i, 10 * scene + i) for i in range(EACH - 1)} | {"late": str(scene).encode()}
    assert set(answer.parts) == set(wanted)
    for id, body in answer.bodies().items():
        assert body == wanted[id]


def settled(server: Program, ready: int = READY) -> None:
    """As many workers as are kept, and no other child, dead or alive."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if len(workers(server)) >= ready and len(gathered.children(server.process.pid)) == len(workers(server)):
            return
        time.sleep(0.05)
    raise AssertionError(f"{gathered.children(server.process.pid)}, of which workers: {workers(server)}")


@pytest.mark.skipif(os.geteuid() != 0, reason="hides /proc, which takes root")
def test_without_proc_the_log_says_what_is_missing(servers: Servers, file_store: str, run_pakhus: RunPakhus, tmp_path: Path, subsystem: Subsystem) -> None:
    gathered.publish(run_pakhus, file_store, tmp_path, resources(subsystem.url, a="/bytes/10/1", b="/bytes/10/2"), deadline="1s")
    port = free_port()
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    server = servers.start("pakhus", [*hidden, pakhus_binary(), "serve", "--store", file_store, "--listen", f"127.0.0.1:{port}"],
                           lambda: accepts(port), f"http://127.0.0.1:{port}")
    answer = gathered.ask(server.url, "home")
    assert not answer.complete and set(answer.reasons()) == {"a", "b"}
    assert "a worker cannot be started: No such file or directory; gather needs /proc: mount -t proc proc /proc" in server.output()


def test_without_a_strike_nothing_is_missing(server: Program, scenes: list[str]) -> None:
    assert not ask_crowd(server, scenes, lambda: None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE], ids=lambda number: number.name)
def test_workers_that_are_killed(number: signal.Signals, server: Program, scenes: list[str]) -> None:
    settled(server)
    struck: set[int] = set()

    def strike() -> None:
        for _ in range(10):
            victim = random.choice(workers(server))
            struck.add(victim)
            signal_one(victim, number)
            time.sleep(0.02)

    missing = ask_crowd(server, scenes, strike)
    assert set(missing) <= {"crashed"} and missing.total() <= len(struck)
    settled(server)
    assert not ask_crowd(server, scenes, lambda: None)


def has_ended(pid: int) -> bool:
    """It is a zombie, whose descriptors are closed."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_g2_what_a_crashed_worker_had_is_fetched_again(server: Program, run_pakhus: RunPakhus, file_store: str, tmp_path: Path,
                                                       subsystem: Subsystem) -> None:
    gathered.publish(run_pakhus, file_store, tmp_path, resources(subsystem.url, a="/late/1000/a", b="/late/1000/b"), deadline="20s")
    settled(server)
    with ThreadPoolExecutor(1) as one:
        asked = one.submit(gathered.ask, server.url, "home")
        until(lambda: len(subsystem.seen("/late/1000/")) == 2, server)
        signal_one(server.process.pid, signal.SIGSTOP)  # or it might give what one had to another that is not quite dead
        victims = workers(server)
        for victim in victims:
            signal_one(victim, signal.SIGKILL)
        until(lambda: all(has_ended(victim) for victim in victims), server)
        signal_one(server.process.pid, signal.SIGCONT)
        assert asked.result().bodies() == {"a": b"a", "b": b"b"}


def test_g2_what_kills_each_worker_is_given_up(server: Program, run_pakhus: RunPakhus, file_store: str, tmp_path: Path,
                                               subsystem: Subsystem) -> None:
    gathered.publish(run_pakhus, file_store, tmp_path, resources(subsystem.url, a="/hang?a", b="/hang?b"), deadline="60s")
    settled(server)
    with ThreadPoolExecutor(1) as one:
        asked = one.submit(gathered.ask, server.url, "home")
        while not asked.done():
            time.sleep(0.2)
            for victim in workers(server):
                signal_one(victim, signal.SIGKILL)
        assert asked.result().reasons() == {"a": "crashed", "b": "crashed"}


def test_workers_that_hang(server: Program, scenes: list[str]) -> None:
    settled(server)
    victims = workers(server)[:3]
    missing = ask_crowd(server, scenes, lambda: signal_all(victims, signal.SIGSTOP))
    assert set(missing) <= {"timeout", "incomplete"} and missing.total() <= len(victims)
    for _ in range(3):  # one that was stopped while it was idle is found out by the next that it is given
        missing += ask_crowd(server, scenes, lambda: None)
    time.sleep(1)
    settled(server)
    assert missing.total() <= len(victims)
    assert not set(victims) & set(workers(server)) or missing.total() < len(victims)


def test_workers_that_eat_memory(servers: Servers, file_store: str, scenes: list[str], tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", ROOT / "tests/e2e/support/bomb.c", "-o", bomb], check=True)
    server = servers.pakhus(file_store, env={"PAKHUS_LOG": "warn", "LD_PRELOAD": str(bomb)})
    settled(server)
    largest = 0

    def strike() -> None:
        nonlocal largest
        for victim in workers(server)[:5]:
            signal_one(victim, signal.SIGUSR1)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            largest = max([largest, *(size_of(pid) for pid in workers(server))])

    missing = ask_crowd(server, scenes, strike)
    assert set(missing) <= {"crashed"} and missing.total() <= 5
    assert 8 << 20 < largest < 128 << 20
    settled(server)
    assert not ask_crowd(server, scenes, lambda: None)


def test_a_service_that_is_told_to_stop_finishes_its_answers(server: Program, run_pakhus: RunPakhus, file_store: str, tmp_path: Path,
                                                             subsystem: Subsystem) -> None:
    gathered.publish(run_pakhus, file_store, tmp_path, resources(subsystem.url, a="/late/800/a", b="/ok/b"), deadline="5s")
    with ThreadPoolExecutor(1) as one:
        asked = one.submit(gathered.ask, server.url, "home")
        until(lambda: bool(subsystem.seen("/late/800/a")), server)
        everyone = [server.process.pid, *workers(server)]
        for pid in everyone[1:]:  # a terminal's Ctrl-C, or a service manager, tells the workers too
            signal_one(pid, signal.SIGINT)
        for pid in everyone:
            signal_one(pid, signal.SIGTERM)
        assert asked.result().bodies() == {"a": b"a", "b": b"b"}
    assert server.process.wait(10) == 0
    assert_gone(everyone)


def test_workers_die_with_the_front(server: Program, scenes: list[str]) -> None:
    settled(server)
    everyone = workers(server)
    signal_one(everyone[0], signal.SIGSTOP)
    server.process.kill()
    assert_gone(everyone)


def test_nothing_piles_up(servers: Servers, file_store: str, scenes: list[str]) -> None:
    server = servers.pakhus(file_store, env={"PAKHUS_LOG": "warn", "PAKHUS_GATHER_WORKERS": "2"})

    def state() -> tuple[int, int]:
        settled(server, 2)
        return memory(server.process.pid), descriptors(server.process.pid)

    def ask(number: int) -> bool:
        return gathered.ask(server.url, scenes[number % 10], "&resources=r0,r1,r2").complete

    def ask_many(count: int) -> None:
        with ThreadPoolExecutor(8) as many:
            assert all(many.map(ask, range(count)))

    ask_many(300)
    first = state()
    pids = set(workers(server))
    ask_many(3000)
    last = state()
    assert last[0] - first[0] < 2 << 20
    assert last[1] <= first[1] + 8  # connections that are kept
    assert pids - set(workers(server))  # they are replaced at their age


def signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        signal_one(pid, number)


def signal_one(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def size_of(pid: int) -> int:
    try:
        return memory(pid)
    except (OSError, ValueError):
        return 0


def assert_gone(pids: list[int]) -> None:
    end = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end, pids
        time.sleep(0.02)
