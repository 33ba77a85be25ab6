"""Old packages that are others, patches that are damaged, cut short or made to harm: one line that says so, and nothing written."""

import json
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import patch_format
from support import apks, shop
from support.servers import Command

Run = Callable[..., "subprocess.CompletedProcess[str]"]
INFO = json.dumps({"channel": "huawei"})


@pytest.fixture
def patch(run_pakhus: Run, tmp_path: Path) -> bytes:
    run_pakhus("diff", shop.base("older-v2"), shop.base("v2"), "-o", "x.diff")
    return (tmp_path / "x.diff").read_bytes()


@pytest.fixture
def refused(run_pakhus: Run, tmp_path: Path) -> Callable[..., str]:
    """refused("patch", …): what it says. A result that was there stays, and nothing comes beside it."""

    def run(command: str, *arguments: str | Path) -> str:
        (tmp_path / "out").write_text("older")
        before = sorted(path.name for path in tmp_path.iterdir())
        done = run_pakhus(command, *arguments, "-o", "out", check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert sorted(path.name for path in tmp_path.iterdir()) == before and (tmp_path / "out").read_text() == "older"
        [line] = done.stderr.splitlines()
        assert line.startswith(f"pakhus {command}: ")
        return line.removeprefix(f"pakhus {command}: ")

    return run


def test_another_old_package(patch: bytes, refused: Callable[..., str], tmp_path: Path) -> None:
    new = shop.base("v2")
    assert refused("patch", new, "x.diff").startswith(f"{new}: it is not the package that the patch leads from: ")
    changed = bytearray(shop.base("older-v2").read_bytes())
    changed[100000] ^= 1
    (tmp_path / "changed.apk").write_bytes(changed)
    assert "its base has the SHA-256" in refused("patch", "changed.apk", "x.diff")
    (tmp_path / "changed.apk").write_bytes(shop.offline("older-v2", INFO).read_bytes() + b"x")
    assert "it has" in refused("patch", "changed.apk", "x.diff")
    (tmp_path / "empty.apk").write_bytes(b"")
    assert "it has 0 bytes" in refused("patch", "empty.apk", "x.diff")
    assert "leads from" in refused("patch", apks.made("older-v2"), "x.diff")  # not prepared


def test_info_that_is_none(patch: bytes, refused: Callable[..., str], tmp_path: Path) -> None:
    installed = bytearray(shop.offline("older-v2", INFO).read_bytes())
    at = installed.index(INFO.replace(" ", "").encode())
    installed[at - 4] ^= 1  # its pair's id
    (tmp_path / "installed.apk").write_bytes(installed)
    words = "installed.apk: its region holds something else than channel info, which cannot be carried over"
    assert refused("patch", "installed.apk", "x.diff") == words


def test_info_that_does_not_fit(run_pakhus: Run, refused: Callable[..., str]) -> None:
    run_pakhus("prepare", apks.made("v1"), "--region", "100", "-o", "narrow.apk")
    run_pakhus("diff", shop.base("older-v1"), "narrow.apk", "-o", "x.diff")
    run_pakhus("patch", shop.offline("older-v1", INFO), "x.diff", "-o", "fits.apk")
    long = shop.offline("older-v1", json.dumps({"channel": "x" * 100}))
    assert "cannot be carried over: channel info has 114 bytes, 100 bytes fit" in refused("patch", long, "x.diff")


@pytest.mark.parametrize("length", [0, 1, 8, 127, 128, 140, 148, 150, 1000, -1000, -1])
def test_cut_short(length: int, patch: bytes, refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "x.diff").write_bytes(patch[:length])
    assert "patch" in refused("patch", shop.base("older-v2"), "x.diff")


def test_damaged(patch: bytes, refused: Callable[..., str], tmp_path: Path) -> None:
    for at in [*range(0, 200, 9), *range(200, len(patch), len(patch) // 20)]:
        damaged = bytearray(patch)
        damaged[at] ^= 0x10
        (tmp_path / "x.diff").write_bytes(damaged)
        assert "patch" in refused("patch", shop.base("older-v2"), "x.diff")
    (tmp_path / "x.diff").write_bytes(patch + b"\n")
    assert "the patch is damaged: there are bytes behind its end" in refused("patch", shop.base("older-v2"), "x.diff")


def test_what_is_no_patch(refused: Callable[..., str], tmp_path: Path) -> None:
    assert refused("patch", shop.base("older-v2"), shop.base("v2")) == f"{shop.base('v2')}: this is no patch"
    assert refused("patch", shop.base("older-v2"), "none.diff") == "none.diff: No such file or directory"
    assert refused("patch", shop.base("older-v2"), tmp_path) == f"{tmp_path}: not a regular file"
    assert refused("patch", "/dev/zero", shop.base("v2"))


def header(old: patch_format.Base, new: patch_format.Base) -> bytes:
    return patch_format.make(b"", b"", old, new)


def test_bombs(tmp_path: Path, patch: bytes) -> None:
    """Sizes and windows out of all proportion, in 400 MiB of address space: refused before memory or disk is taken."""
    old, new = patch_format.read_header(patch)
    part = struct.pack("<QQI", 0, old.size, min(new.size, patch_format.MOST))
    endless = struct.pack("<IBB", 0xFD2FB528, 0, (31 - 10) << 3)  # a window of 2 GiB, a content of any length
    run = b"\x02\x00\x00\x00"  # not its last block: 0 bytes, repeated
    huge = patch_format.Base(2**32 - 1, 0, 4096, 2, new.sha256)
    bombs = [
        header(old, new) + part + endless + run * 1000,
        header(old, new) + part + struct.pack("<IBQ", 0xFD2FB528, 0xE0, 2**63) + run * 1000,
        header(old, huge) + struct.pack("<QQI", 0, old.size, 2**32 - 1) + endless,
        header(old, huge) + struct.pack("<QQIIBI", 0, old.size, patch_format.MOST, 0xFD2FB528, 0xA0, patch_format.MOST) + b"\x03",
        header(old, huge) + struct.pack("<QQI", 2**63, 2**63, 10) + endless,
        header(patch_format.Base(2**32, 0, 4096, 2, old.sha256), new) + part,
        header(old, patch_format.Base(1 << 20, 1, 1 << 20, 2, new.sha256)) + part,
    ]
    for number, bomb in enumerate(bombs):
        (tmp_path / "x.diff").write_bytes(bomb)
        limited: Command = ["prlimit", f"--as={400 << 20}", f"--fsize={16 << 20}", shop.pakhus_binary()]
        command: Command = [*limited, "patch", shop.base("older-v2"), "x.diff", "-o", "out"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20)
        assert (done.returncode, done.stdout) == (1, ""), number
        assert "patch" in done.stderr and len(done.stderr.splitlines()) == 1, number
        assert not (tmp_path / "out").exists()


def test_versions_to_come(patch: bytes, refused: Callable[..., str], tmp_path: Path) -> None:
    changed = patch[:8] + struct.pack("<II", 3, 0) + patch[16:]
    (tmp_path / "x.diff").write_bytes(changed[:12] + struct.pack("<I", zlib.crc32(changed[:128])) + changed[16:])
    assert refused("patch", shop.base("older-v2"), "x.diff") == "x.diff: unsupported patch format version 3"


def test_packages_that_have_no_patch(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "no.apk").write_bytes(b"no APK")
    base = shop.base("v2")
    assert refused("diff", base, apks.made("v2")) == f"{apks.made('v2')}: no region is reserved in it: run `pakhus prepare` first"
    assert refused("diff", apks.made("older-v2"), base).startswith(f"{apks.made('older-v2')}: no region")
    assert refused("diff", base, "no.apk").startswith("no.apk: ")
    assert refused("diff", "none.apk", base) == "none.apk: No such file or directory"
    assert refused("diff", tmp_path, base) == f"{tmp_path}: not a regular file"


def test_results_that_cannot_be_written(run_pakhus: Run, patch: bytes) -> None:
    for command in (["diff", shop.base("older-v2"), shop.base("v2")], ["patch", shop.base("older-v2"), "x.diff"]):
        done = run_pakhus(*command, "-o", "no-such-folder/x", check=False)
        assert (done.returncode, done.stderr) == (1, f"pakhus {command[0]}: no-such-folder/x: No such file or directory\n")


@pytest.mark.parametrize("arguments, words", [
    ([], "say FROM.apk, TO.apk and -o OUT.diff, or --app"), (["a.apk", "b.apk"], "-o OUT.diff"), (["a.apk", "-o", "x"], "TO.apk"),
    (["a.apk", "b.apk", "-o", "x", "--from", "1.0"], "--from and --to go with --app"),
    (["--app", "APP", "--from", "1.0"], "--to VERSION"),
    (["--app", "APP", "--from", "1.0", "--to", "2.0", "a.apk", "b.apk"], "name no packages, no -o"),
    (["--app", "APP", "--from", "1.0", "--to", "2.0", "-o", "x"], "name no packages, no -o"),
    (["--app", "APP", "--from", "1.0", "--to", "2.0", "--patch", "1,2", "--explain"], "no --explain"),
    (["--app", "APP", "--from", "1..0", "--to", "2.0"], "neither with '..' in it"),
    (["--app", "A/B", "--from", "1.0", "--to", "2.0"], "'A/B'")])
def test_ways_to_ask_that_make_no_sense(arguments: list[str], words: str, run_pakhus: Run) -> None:
    done = run_pakhus("diff", *arguments, env={"PAKHUS_STORE": "file:///nowhere"}, check=False)
    assert done.returncode == 1 and words in done.stderr
