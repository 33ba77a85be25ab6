"""pakhus fetch against a real server of admissions and real origins: what is asked for is counted in the origins' logs."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import RunPakhus
from support import apks, shop
from support.servers import Minio, Nginx, Program, Servers, clean_environment
from support.shop import Shop

ORIGIN = """
server {
    listen 127.0.0.1:{{port}};
    root {{prefix}}/www;
    location /slow/ { alias {{prefix}}/www/; limit_rate 1m; }
    location /plain/ { alias {{prefix}}/www/; max_ranges 0; }
    location /moved/ { rewrite ^/moved/(.*)$ /$1 redirect; }
    location /broken/ { return 503; }
}
"""
SIZE = 6_000_000


def moment(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


class Origin:
    """nginx with one file, which it serves in several ways."""

    def __init__(self, servers: Servers):
        self.nginx: Nginx = servers.nginx(ORIGIN)
        self.www = self.nginx.prefix / "www"
        self.www.mkdir()
        self.put(os.urandom(SIZE))

    def put(self, content: bytes) -> None:
        (self.www / "new").write_bytes(content)
        os.replace(self.www / "new", self.www / "game.apk")
        self.content, self.sha256 = content, hashlib.sha256(content).hexdigest()

    def url(self, how: str = "") -> str:
        return f"{self.nginx.url}/{how}{'/' if how else ''}game.apk"

    def sent(self) -> int:
        return sum(seen.bytes_sent for seen in self.nginx.requests() if seen.status in (200, 206))


class Fetching:
    """A store with a profile, the server that answers by it, and commands that fetch."""

    def __init__(self, servers: Servers, run_pakhus: RunPakhus, pakhus: Path, store: str, folder: Path):
        self.run_pakhus, self.pakhus, self.store, self.folder = run_pakhus, pakhus, store, folder
        self.server: Program = servers.pakhus(store)
        self.running: list[subprocess.Popen[str]] = []
        self.file = folder / "out.apk"

    def publish(self, origin: Origin, **fields: Any) -> None:
        profile = {"resource": "game", "urls": [origin.url()], "size": SIZE, "sha256": origin.sha256, "release": moment(-3600),
                   "deadline": moment(-1), "lead": "0s", "mode": "fixed", "threshold": 0.5, "interval": "1s", **fields}
        (self.folder / "profile.json").write_text(json.dumps({key: value for key, value in profile.items() if value is not None}))
        self.run_pakhus("admission", "profile", "set", "--store", self.store, self.folder / "profile.json")

    def arguments(self, *more: str) -> list[str]:
        return ["fetch", "--resource", "game", "--admission", f"{self.server.url}/admission", "--client", "c", "-o", str(self.file), *more]

    def fetch(self, *more: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return self.run_pakhus(*self.arguments(*more), check=check)

    def start(self, *more: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen([self.pakhus, *self.arguments(*more)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                   env=clean_environment())
        self.running.append(process)
        return process

    def part(self) -> int:
        path = Path(f"{self.file}.part")
        return path.stat().st_size if path.exists() else 0

    def wait_for_part(self, size: int) -> None:
        end = time.monotonic() + 20
        while self.part() < size:
            assert time.monotonic() < end, "nothing comes"
            time.sleep(0.005)

    def is_whole(self, origin: Origin) -> bool:
        return self.file.read_bytes() == origin.content and not list(self.folder.glob("out.apk.*"))


@pytest.fixture
def origin(servers: Servers) -> Origin:
    return Origin(servers)


@pytest.fixture
def fetching(servers: Servers, run_pakhus: RunPakhus, pakhus: Path, file_store: str, tmp_path: Path) -> Iterator[Fetching]:
    made = Fetching(servers, run_pakhus, pakhus, file_store, tmp_path)
    yield made
    for process in made.running:
        process.kill()
        process.communicate()


def test_all_of_it_once_and_not_again(origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin)
    done = fetching.fetch("--json")
    assert json.loads(done.stdout) == {"resource": "game", "size": SIZE, "fetched": SIZE, "verified": True, "level": "highest", "url": origin.url()}
    assert f"the last bytes came from {origin.url()} (level highest)" in done.stderr
    assert fetching.is_whole(origin)
    assert origin.sent() == SIZE
    assert "is there already" in fetching.fetch().stderr
    assert origin.sent() == SIZE


@pytest.mark.parametrize("how, levels", [("slow", None), ("", {"lowest": {"speed": 1_500_000}, "normal": {"speed": 1_500_000},
                                                              "highest": {"speed": 1_500_000}})])
def test_killed_five_times_no_byte_comes_twice(how: str, levels: Any, origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin, urls=[origin.url(how)], levels=levels)
    for kill in range(1, 6):
        process = fetching.start()
        fetching.wait_for_part(kill * SIZE // 8)
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = fetching.part()
    done = fetching.fetch("--json")
    assert fetching.is_whole(origin)
    assert json.loads(done.stdout)["fetched"] == SIZE - kept
    ranges = [tuple(map(int, seen.range.removeprefix("bytes=").split("-"))) for seen in origin.nginx.requests()]
    starts = [first for first, _ in ranges]
    assert starts == sorted(starts)
    # what was on its way when the process died is all that may be sent again
    assert SIZE <= origin.sent() <= SIZE * 1.1


def test_the_speed_limit_holds(origin: Origin, fetching: Fetching) -> None:
    limit = {"speed": 2_000_000}
    fetching.publish(origin, levels={"lowest": limit, "normal": limit, "highest": limit})
    began = time.monotonic()
    fetching.fetch()
    assert time.monotonic() - began >= 2.6
    assert fetching.is_whole(origin)


@pytest.mark.parametrize("how", [[], ["--poll"]])
def test_waits_for_its_moment(how: list[str], origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin, mode="paced", release=moment(6), deadline=moment(8), lead="1s")
    process = fetching.start(*how)
    time.sleep(3)
    assert origin.sent() == 0
    _, words = process.communicate(timeout=20)
    assert process.returncode == 0
    assert words.startswith("not yet: probability 0.0 %") and "starts at" in words
    assert fetching.is_whole(origin)


def test_pauses_and_resumes(origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin, urls=[origin.url("slow")], deadline=moment(86400), threshold=0)
    process = fetching.start("--poll")
    fetching.wait_for_part(SIZE // 6)
    fetching.publish(origin, urls=[origin.url("slow")], deadline=moment(86400), threshold=0.9)
    time.sleep(3)
    kept = fetching.part()
    time.sleep(2)
    assert fetching.part() == kept < SIZE
    fetching.publish(origin, urls=[origin.url("slow")], deadline=moment(86400), threshold=0)
    _, words = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "paused: probability" in words and "resumed" in words
    assert fetching.is_whole(origin)
    assert origin.sent() == SIZE


@pytest.mark.parametrize("how", [[], ["--poll"]])
def test_an_admission_that_is_gone_stops_nothing(how: list[str], origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin, urls=[origin.url("slow")])
    process = fetching.start(*how)
    fetching.wait_for_part(SIZE // 6)
    fetching.server.kill()
    _, words = process.communicate(timeout=30)
    assert (process.returncode, "going on as before" in words) == (0, "--poll" in how)
    assert fetching.is_whole(origin)


@pytest.mark.parametrize("first", ["broken/game.apk", "missing.apk"])
def test_another_source_where_one_fails(first: str, origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin, urls=["http://127.0.0.1:1/x", f"{origin.nginx.url}/{first}", origin.url()])
    fetching.fetch()
    assert fetching.is_whole(origin)


def test_a_source_that_dies_is_replaced_by_one_with_another_validator(origin: Origin, fetching: Fetching, servers: Servers) -> None:
    other = Origin(servers)
    other.put(origin.content)
    os.utime(other.www / "game.apk", (1, 1))
    fetching.publish(origin, urls=[origin.url("slow"), other.url()])
    process = fetching.start()
    fetching.wait_for_part(SIZE // 3)
    origin.nginx.kill()
    assert process.wait(30) == 0
    assert fetching.is_whole(origin)
    assert other.sent() < SIZE * 3 // 4


@pytest.mark.parametrize("modified", [None, 1])
def test_without_a_digest_sources_are_not_mixed(modified: float | None, origin: Origin, fetching: Fetching, servers: Servers) -> None:
    """Not even where both have the same validator, which nginx makes of time and size."""
    other = Origin(servers)
    same = modified is None
    os.utime(other.www / "game.apk", (0, (origin.www / "game.apk").stat().st_mtime if same else 1))
    fetching.publish(origin, urls=[origin.url("slow"), other.url()], sha256=None)
    process = fetching.start()
    fetching.wait_for_part(SIZE // 3)
    origin.nginx.kill()
    assert process.wait(30) == 0
    assert fetching.is_whole(other)


@pytest.mark.parametrize("size", [SIZE, SIZE // 4])
def test_what_changes_on_the_way_is_begun_again(size: int, origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin, urls=[origin.url("slow")], size=None, sha256=None)
    process = fetching.start()
    fetching.wait_for_part(SIZE // 3)
    origin.put(os.urandom(size))
    assert process.wait(30) == 0
    assert fetching.is_whole(origin)


def test_a_wrong_digest_is_never_a_file(origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin, sha256="00" * 32)
    failed = fetching.fetch(check=False)
    assert failed.returncode == 1
    assert "has not the SHA-256 0000" in failed.stderr
    assert not fetching.file.exists() and fetching.part() == 0


def test_a_source_with_other_bytes_is_found_out(origin: Origin, fetching: Fetching, servers: Servers) -> None:
    forged = Origin(servers)
    fetching.publish(origin, urls=[forged.url(), origin.url()])
    fetching.fetch()
    assert fetching.is_whole(origin)


def test_a_source_without_ranges(origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin, urls=[origin.url("plain")], size=None)
    fetching.fetch()
    assert fetching.is_whole(origin)
    assert origin.sent() == SIZE


def test_redirects_are_followed(origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin, urls=[origin.url("moved")])
    fetching.fetch()
    assert fetching.is_whole(origin)


@pytest.mark.parametrize("binding", ["", "&bind-range=no"])
def test_a_channel_package_of_redirects_and_spliced_ranges(binding: str, minio: Minio, s3_store: str, origin: Origin, fetching: Fetching,
                                                           servers: Servers) -> None:
    """Its base comes from the storage, its region from the function: their validators differ, and it is one package all the same. What follows
    each redirect for its own range is redirected also where the target would give any other."""
    store = Shop(s3_store + binding, minio.credentials())
    store.publish(apks.made("v2"))
    store.channel("APP", "huawei")
    program = store.program(servers)
    url = program.url + "/packages/APP/1.0/huawei.apk"
    fetching.publish(origin, urls=[url], size=None, sha256=None,
                     levels={level: {"speed": 1_000_000} for level in ("lowest", "normal", "highest")})
    fetching.fetch()
    assert fetching.file.read_bytes() == shop.offline("v2", json.dumps({"channel": "huawei"})).read_bytes()
    assert "status=302" in program.output()


def test_two_at_once_do_not_meet(origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin, urls=[origin.url("slow")])
    first = fetching.start()
    fetching.wait_for_part(1)
    second = fetching.fetch(check=False)
    assert (second.returncode, "another process is loading it" in second.stderr) == (1, True)
    assert first.wait(30) == 0
    assert fetching.is_whole(origin)


@pytest.mark.parametrize("change, says", [
    (["--resource", "other"], "the server answers 404"),
    (["--resource", "../x"], "--resource must be"),
    (["--admission", "ftp://x/"], "--admission must be an http or https URL"),
    (["--credit", "much"], "--credit must be a whole number")])
def test_what_is_wrong_is_said(change: list[str], says: str, origin: Origin, fetching: Fetching) -> None:
    fetching.publish(origin)
    failed = fetching.fetch(*change, check=False)
    assert failed.returncode == 1
    assert says in failed.stderr
