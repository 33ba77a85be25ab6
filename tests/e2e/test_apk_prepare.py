"""pakhus prepare on real APKs (S1–S3): the same package, its signatures intact, with a region reserved."""

import filecmp
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support import apks, apksigner, readers, signing_block
from support.signing_block import PACKER_NG, PADDING, VASDOLLY, WALLE, Pair

REGION = 0x706B6872
CHANNELS = {WALLE, VASDOLLY, PACKER_NG, REGION}
SIGNED = ["v1", "v1+v2", "v2", "v3", "v2+v3", "v1+v2+v3", "v3.1", "stamp", "page-aligned", "verity", "exact-block", "no-padding",
          "old-walle"]

Apk = Callable[[str], Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def region_of(text: str) -> tuple[int, int]:
    found = re.search(r"region of (\d+) bytes at (\d+)$", text.strip())
    assert found, text
    return int(found[2]), int(found[1])


def other_pairs(path: Path) -> list[tuple[int, bytes]]:
    block = signing_block.read_block(path)
    assert block
    return [(pair.id, pair.value) for pair in block.pairs if pair.id not in CHANNELS | {PADDING}]


def part(path: Path, start: int, end: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(end - start)


@pytest.mark.parametrize("name", SIGNED)
def test_signatures_stay_as_they_were(name: str, apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    run_pakhus("prepare", apk(name), "-o", "base.apk")
    before, after = apksigner.verify_newest(apk(name)), apksigner.verify_newest(tmp_path / "base.apk")
    assert before["verified"] and after == before
    assert apksigner.schemes(tmp_path / "base.apk") == apksigner.schemes(apk(name))


@pytest.mark.parametrize("name", [name for name in SIGNED if name != "v1"])
def test_only_the_block_grows(name: str, apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    source, base = apk(name), tmp_path / "base.apk"
    start, length = region_of(run_pakhus("prepare", source, "-o", base).stdout)
    old_zip, new_zip = signing_block.read_zip(source), signing_block.read_zip(base)
    old, new = signing_block.read_block(source), signing_block.read_block(base)
    assert old and new
    assert part(base, 0, new.offset) == part(source, 0, old.offset)
    assert part(base, new_zip.directory, new_zip.end) == part(source, old_zip.directory, old_zip.end)
    assert part(base, new_zip.end, new_zip.end + 16) == part(source, old_zip.end, old_zip.end + 16)
    assert other_pairs(base) == other_pairs(source)
    last = new.pairs[-1]
    assert (last.id, last.offset, last.value) == (REGION, start, bytes(length - 12))
    assert start + length == new_zip.directory - 24


@pytest.mark.parametrize("name", ["v2+v3", "v3", "verity", "exact-block", "no-padding", "old-walle", "v3.1"])
def test_the_block_of_a_v3_package_is_whole_pages(name: str, apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    run_pakhus("prepare", apk(name), "-o", "base.apk")
    block = signing_block.read_block(tmp_path / "base.apk")
    assert block and block.size % 4096 == 0


def test_a_verity_package_keeps_its_alignment(apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    run_pakhus("prepare", apk("verity"), "-o", "base.apk", "--region", "64K")
    block = signing_block.read_block(tmp_path / "base.apk")
    assert block and block.offset % 4096 == 0 and block.size % 4096 == 0
    assert apksigner.schemes(tmp_path / "base.apk") == {"v2", "v3"}


@pytest.mark.parametrize("size", [16, 4096, 65535])
def test_s1_a_v1_package_gets_a_comment_of_zeros(size: int, apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    source = apk("v1").read_bytes()
    done = run_pakhus("prepare", apk("v1"), "-o", "base.apk", "--region", str(size))
    assert (tmp_path / "base.apk").read_bytes() == source[:-2] + size.to_bytes(2, "little") + bytes(size)
    assert region_of(done.stdout) == (len(source), size)
    assert apksigner.schemes(tmp_path / "base.apk") == {"v1"}


@pytest.mark.parametrize("name", ["v1", "v1+v2", "v2+v3", "exact-block", "old-walle"])
def test_a_base_package_is_its_own_base_package(name: str, apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    run_pakhus("prepare", apk(name), "-o", "base.apk")
    again = run_pakhus("prepare", "base.apk", "-o", "again.apk")
    assert filecmp.cmp(tmp_path / "base.apk", tmp_path / "again.apk", shallow=False)
    assert again.stderr == ""


def test_it_may_be_written_over_itself(apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    shutil.copyfile(apk("v2+v3"), tmp_path / "game.apk")
    run_pakhus("prepare", "game.apk", "-o", "game.apk")
    run_pakhus("prepare", apk("v2+v3"), "-o", "base.apk")
    assert filecmp.cmp(tmp_path / "game.apk", tmp_path / "base.apk", shallow=False)


def test_an_old_walle_channel_is_taken_out_and_said_so(apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    done = run_pakhus("prepare", apk("old-walle"), "-o", "base.apk")
    assert done.stderr == 'note: the Walle channel that it held was taken out: {"channel": "old"}\n'
    assert readers.channels(tmp_path / "base.apk") == {}
    run_pakhus("prepare", apk("v2+v3"), "-o", "clean.apk")
    assert filecmp.cmp(tmp_path / "base.apk", tmp_path / "clean.apk", shallow=False)


def test_old_channels_of_others_are_taken_out(apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    old = [Pair(VASDOLLY, b"huawei"), Pair(PACKER_NG, b"damaged")]
    signing_block.rewrite(apk("v2"), tmp_path / "old.apk", lambda pairs: [*old, *pairs])
    done = run_pakhus("prepare", "old.apk", "-o", "base.apk")
    assert done.stderr == ("note: the VasDolly channel that it held was taken out: huawei\n"
                           "note: the packer-ng channel that it held was taken out: it was damaged\n")
    assert readers.channels(tmp_path / "base.apk") == {}


def test_an_old_comment_of_a_v1_package_is_dropped_and_said_so(apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    (tmp_path / "old.apk").write_bytes(apk("v1").read_bytes()[:-2] + b"\x17\0made with huawei\x06\0!ZXK!")
    done = run_pakhus("prepare", "old.apk", "-o", "base.apk")
    assert done.stderr == ("note: the packer-ng channel that it held was taken out: huawei\n"
                           "note: its ZIP comment of 23 bytes was dropped\n")
    run_pakhus("prepare", apk("v1"), "-o", "clean.apk")
    assert filecmp.cmp(tmp_path / "base.apk", tmp_path / "clean.apk", shallow=False)


def test_an_idsig_beside_it_is_warned_of(apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    shutil.copyfile(apk("v2+v3"), tmp_path / "game.apk")
    (tmp_path / "game.apk.idsig").write_bytes(b"v4")
    done = run_pakhus("prepare", "game.apk", "-o", "base.apk")
    assert done.stderr.startswith("warning: game.apk.idsig is a v4 signature of exactly this file")
    assert apksigner.schemes(tmp_path / "base.apk") == {"v2", "v3"}


def test_what_was_there_is_replaced_and_links_are_followed(apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    (tmp_path / "real.apk").write_text("old")
    (tmp_path / "link.apk").symlink_to("real.apk")
    run_pakhus("prepare", apk("v2"), "-o", "link.apk")
    assert (tmp_path / "link.apk").is_symlink()
    assert apksigner.schemes(tmp_path / "real.apk") == {"v2"}


def test_a_package_over_two_gigabytes(apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    run_pakhus("prepare", apk("2-gib"), "-o", "base.apk")
    run_pakhus("splice", "base.apk", "--info", '{"channel":"huawei"}', "--formats", "walle,vasdolly,packer-ng", "-o", "channel.apk")
    assert (tmp_path / "channel.apk").stat().st_size > 2 * apks.GIB
    assert apksigner.schemes(tmp_path / "channel.apk") == {"v2"}
    expected = {"walle": {"channel": "huawei"}, "vasdolly": "huawei", "packer-ng": "huawei"}
    assert readers.channels(tmp_path / "channel.apk") == expected
    run_pakhus("prepare", "channel.apk", "-o", "again.apk")
    assert filecmp.cmp(tmp_path / "base.apk", tmp_path / "again.apk", shallow=False)


# --- whole or not at all


def limited(pakhus: Path, folder: Path, source: Path) -> "subprocess.CompletedProcess[str]":
    """Runs prepare with files limited to 1 MiB."""
    return subprocess.run([pakhus, "prepare", source, "-o", "base.apk"], capture_output=True, text=True, cwd=folder,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))


def test_nothing_half_written_is_left(apk: Apk, pakhus: Path, tmp_path: Path) -> None:
    done = limited(pakhus, tmp_path, apk("v2"))
    assert (done.returncode, done.stderr) == (1, "pakhus prepare: base.apk: copying: File too large\n")
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_written_is_left_by_who_is_killed(apk: Apk, pakhus: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.apk"
    subprocess.run([pakhus, "prepare", apk("v2"), "-o", whole], check=True, capture_output=True)
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        running = subprocess.Popen([pakhus, "prepare", apk("v2"), "-o", "base.apk"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(number / 1000)
        running.kill()
        running.wait()
        assert all(path.name == "base.apk" and filecmp.cmp(path, whole, shallow=False) for path in folder.iterdir())


def test_what_was_there_stays_where_writing_fails(apk: Apk, pakhus: Path, tmp_path: Path) -> None:
    (tmp_path / "base.apk").write_text("old")
    assert limited(pakhus, tmp_path, apk("v2")).returncode == 1
    assert (tmp_path / "base.apk").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["base.apk"]


@pytest.mark.parametrize("output, words", [
    ("missing/base.apk", "missing/base.apk: No such file or directory"), (".", ".: not a regular file"),
    ("/dev/null", "/dev/null: not a regular file")])
def test_outputs_that_cannot_be(output: str, words: str, apk: Apk, run_pakhus: Run) -> None:
    done = run_pakhus("prepare", apk("v2"), "-o", output, check=False)
    assert (done.returncode, done.stderr) == (1, f"pakhus prepare: {words}\n")
    assert Path("/dev/null").is_char_device()
