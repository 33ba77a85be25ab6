"""pakhus diff --app: a patch between published versions, in the store; whole or not there, whatever happens on the way."""

import hashlib
import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support import apks, shop
from support.servers import Minio, clean_environment, pakhus_binary
from support.shop import Shop

INFO = json.dumps({"channel": "huawei"})
OLD, NEW = "older-v2", "v2"


@pytest.fixture
def store(store: Shop) -> Shop:
    store.publish(apks.made(OLD))
    store.publish(apks.made(NEW), version="2.0")
    return store


@pytest.fixture
def directory(file_store: str) -> Shop:
    made = Shop(file_store)
    made.publish(apks.made(OLD))
    made.publish(apks.made(NEW), version="2.0")
    return made


def command(store: Shop) -> list[str | Path]:
    return [pakhus_binary(), "diff", "--app", "APP", "--from", "1.0", "--to", "2.0", "--store", store.store]


def diff(store: Shop, *options: str, check: bool = True, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return store.run("diff", "--app", "APP", "--from", "1.0", "--to", "2.0", *options, check=check, env=env)


def told(store: Shop) -> dict[str, Any]:
    patch: dict[str, Any] = json.loads(diff(store, "--json").stdout)
    return patch


def folder(store: Shop) -> Path:
    return Path(store.store.removeprefix("file://")) / "patches/APP"


def patch_file(store: Shop) -> Path:
    return shop.diff_file(folder(store).parent.parent)


def assert_whole(store: Shop, tmp_path: Path) -> None:
    """What the record speaks of is there, and makes the new channel package of the old one."""
    record = json.loads((folder(store) / "1.0..2.0.json").read_text())
    patch = patch_file(store).read_bytes()
    assert (record["size"], record["sha256"]) == (len(patch), hashlib.sha256(patch).hexdigest())
    shop.run("patch", shop.offline(OLD, INFO), patch_file(store), "-o", tmp_path / "new.apk")
    assert (tmp_path / "new.apk").read_bytes() == shop.offline(NEW, INFO).read_bytes()


def test_the_record_says_what_is_there(store: Shop) -> None:
    patch = told(store)
    assert (patch["app"], patch["from"], patch["to"]) == ("APP", "1.0", "2.0")
    assert patch["from_sha256"] == hashlib.sha256(shop.base(OLD).read_bytes()).hexdigest()
    assert patch["to_sha256"] == hashlib.sha256(shop.base(NEW).read_bytes()).hexdigest()
    assert patch["published"] >= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 600))
    assert told(store) == patch  # it is there: nothing is written again
    words = diff(store)
    assert (words.stdout, words.stderr) == (f"APP/1.0..2.0: {patch['size']} bytes, sha256 {patch['sha256']}\n", "")


def test_it_is_what_is_made_between_files(directory: Shop, tmp_path: Path) -> None:
    diff(directory)
    shop.run("diff", shop.base(OLD), shop.base(NEW), "-o", tmp_path / "x.diff")
    assert patch_file(directory).read_bytes() == (tmp_path / "x.diff").read_bytes()
    assert_whole(directory, tmp_path)


def test_versions_that_are_not_published(store: Shop) -> None:
    for words, versions in (("the package APP/3.0 is not published", ["1.0", "3.0"]),
                            ("the package APP/0.9 is not published", ["0.9", "1.0"]),
                            ("a patch leads from one version to another, not from 1.0 to itself", ["1.0", "1.0"])):
        done = store.run("diff", "--app", "APP", "--from", versions[0], "--to", versions[1], check=False)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"pakhus diff: {words}\n")


def test_unpublishing_takes_patches_along(directory: Shop) -> None:
    directory.publish(apks.made("v3"), version="3.0")
    for one, other in (("1.0", "2.0"), ("2.0", "3.0"), ("1.0", "3.0")):
        directory.run("diff", "--app", "APP", "--from", one, "--to", other)
    directory.run("unpublish", "APP", "2.0")
    left = sorted(path.name for path in folder(directory).iterdir())
    assert left == ["1.0..3.0.json", shop.diff_file(folder(directory).parent.parent, "1.0..3.0").name]


def test_a_version_published_anew_gets_another_patch(directory: Shop, tmp_path: Path) -> None:
    first = told(directory)
    directory.run("unpublish", "APP", "2.0")
    directory.publish(apks.made("v2+v3"), version="2.0")
    second = told(directory)
    assert second["to_sha256"] == hashlib.sha256(shop.base("v2+v3").read_bytes()).hexdigest() != first["to_sha256"]


def test_killed_anywhere(directory: Shop, tmp_path: Path) -> None:
    """And run again: it is there, as it would have been."""
    done = 0
    for attempt in range(24):
        run = subprocess.Popen(command(directory), env={**clean_environment(), "TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL)
        time.sleep(0.02 * attempt)
        run.send_signal(signal.SIGKILL)
        done += run.wait() == 0
        if (folder(directory) / "1.0..2.0.json").exists():
            assert_whole(directory, tmp_path)
            if attempt % 2:
                patch_file(directory).write_bytes(b"")
            (folder(directory) / "1.0..2.0.json").unlink()  # as if it had been killed just before
    diff(directory)
    assert_whole(directory, tmp_path)
    assert {path.name for path in folder(directory).iterdir()} == {"1.0..2.0.json", patch_file(directory).name}  # what others left is gone
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("pakhus-")] == []  # temporary files have no names


def test_several_at_once(store: Shop) -> None:
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: diff(store, "--json", check=False), range(4)))
    assert [run.returncode for run in runs] == [0] * 4, [run.stderr for run in runs]
    assert {run.stdout for run in runs} == {diff(store, "--json").stdout}


def test_what_is_in_the_way_is_replaced(directory: Shop, tmp_path: Path) -> None:
    diff(directory)
    for name, content in ((patch_file(directory).name, b"rot"), ("1.0..2.0.json", b"{}"), ("1.0..2.0.json", b"")):
        (folder(directory) / name).write_bytes(content)
        diff(directory)
        assert_whole(directory, tmp_path)


def test_a_base_that_rotted(directory: Shop) -> None:
    path = shop.base_file(Path(directory.store.removeprefix("file://")))
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"rot")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = diff(directory, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"pakhus diff: packages/APP/1.0/{path.name} is not what was published: its SHA-256 differs\n"
    assert not folder(directory).exists()


def test_no_room_for_temporary_files(directory: Shop) -> None:
    done = diff(directory, check=False, env={"TMPDIR": "/proc/nowhere"})
    assert done.returncode == 1 and "/proc/nowhere (TMPDIR says where)" in done.stderr
    limited = subprocess.run(["prlimit", f"--fsize={1 << 20}", *command(directory)], env=clean_environment(), capture_output=True,
                             text=True, restore_signals=False)  # SIGXFSZ stays ignored
    assert limited.returncode == 1 and "TMPDIR says where" in limited.stderr and "File too large" in limited.stderr


def test_a_store_that_is_cut_off(minio: Minio, bucket: str) -> None:
    store = shop.minio_shop(minio, bucket, endpoint="http://127.0.0.1:9")
    done = diff(store, check=False)
    assert done.returncode == 1 and "127.0.0.1:9" in done.stderr
