"""APKs that cannot be prepared: each with a clear error, and nothing written."""

import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support import signing_block

Apk = Callable[[str], Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


class Broken:
    """The bytes of a good package, with its offsets at hand."""

    def __init__(self, path: Path) -> None:
        zip, block = signing_block.read_zip(path), signing_block.read_block(path)
        self.bytes = bytearray(path.read_bytes())
        self.directory, self.end, self.block = zip.directory, zip.end, block.offset if block else 0

    def put(self, at: int, form: str, *values: int) -> "Broken":
        struct.pack_into(form, self.bytes, at, *values)
        return self


@pytest.fixture
def refused(run_pakhus: Run, tmp_path: Path) -> Callable[[bytes, str], None]:
    """refused(bytes, "what is wrong"): both commands that read an APK say so, and write nothing."""

    def check(content: bytes, words: str) -> None:
        (tmp_path / "in.apk").write_bytes(content)
        for command in (["prepare", "in.apk", "-o", "out.apk"], ["splice", "in.apk", "--info", '{"channel":"x"}', "-o", "out.apk"]):
            done = run_pakhus(*command, check=False)
            assert (done.returncode, done.stdout, done.stderr) == (1, "", f"pakhus {command[0]}: in.apk: {words}\n")
            assert os.listdir(tmp_path) == ["in.apk"]

    return check


Refused = Callable[[bytes, str], None]


def test_truncated(apk: Apk, refused: Refused) -> None:
    good = Broken(apk("v2+v3"))
    for length in (good.end, good.directory, good.block + 100, 1000):
        refused(good.bytes[:length], "there is no ZIP end of central directory record: not an APK, or cut short")
    refused(b"", "0 bytes are too few for an APK")


def test_the_beginning_is_missing(apk: Apk, refused: Refused) -> None:
    good = Broken(apk("v2"))
    refused(good.bytes[4096:], f"the central directory, {good.end - good.directory} bytes at {good.directory}, does not end where "
                               f"its end record begins, at {good.end - 4096}")


def test_not_a_zip(refused: Refused) -> None:
    refused(os.urandom(1 << 20).replace(b"PK\5\6", b"...."), "there is no ZIP end of central directory record: not an APK, or cut short")


def test_a_comment_that_lies_about_its_length(apk: Apk, refused: Refused) -> None:
    good = Broken(apk("v1"))
    refused(good.bytes + b"more", "the ZIP comment's length is wrong: the end record says 0 bytes, and 4 follow")
    refused(good.put(good.end + 20, "<H", 9).bytes, "the ZIP comment's length is wrong: the end record says 9 bytes, and 0 follow")


def test_block_size_fields_that_differ(apk: Apk, refused: Refused) -> None:
    good = Broken(apk("v2+v3"))
    size = struct.unpack_from("<Q", good.bytes, good.block)[0]
    refused(good.put(good.block, "<Q", size + 8).bytes, f"the APK Signing Block's two size fields differ: {size + 8} and {size}")


def test_a_pair_that_overruns(apk: Apk, refused: Refused) -> None:
    good = Broken(apk("v2+v3"))
    at, room = good.block + 8, good.directory - 24 - good.block - 16
    refused(good.put(at, "<Q", room + 1).bytes, f"the pair at {at} in the APK Signing Block overruns it: its length is {room + 1}, and "
                                                f"{room} bytes follow")
    refused(good.put(at, "<Q", room - 5).bytes, f"5 stray bytes at {good.directory - 29}, behind the APK Signing Block's last pair")


def test_a_directory_beyond_the_file(apk: Apk, refused: Refused) -> None:
    good = Broken(apk("v2"))
    refused(good.put(good.end + 16, "<I", 0xF0000000).bytes,
            f"the central directory's offset, 4026531840, is beyond its end record at {good.end}")


def test_wrong_counts(apk: Apk, refused: Refused) -> None:
    good = Broken(apk("v2"))
    count = struct.unpack_from("<H", good.bytes, good.end + 10)[0]
    refused(good.put(good.end + 8, "<HH", count + 1, count + 1).bytes,
            f"the central directory has {count} entries, its end record says {count + 1}")


def test_zip64(apk: Apk, refused: Refused) -> None:
    good = Broken(apk("v2"))
    refused(good.put(good.end + 16, "<I", 0xFFFFFFFF).bytes, "this is a ZIP64 file, which APK signing does not know")
    good = Broken(apk("v2"))
    locator = b"PK\6\7" + bytes(16)
    refused(good.bytes[: good.end] + locator + good.bytes[good.end :], "this is a ZIP64 file, which APK signing does not know")


# --- what only prepare refuses


@pytest.fixture
def unpreparable(run_pakhus: Run, tmp_path: Path) -> Callable[..., None]:
    def check(source: Path, words: str, *options: str) -> None:
        before = sorted(os.listdir(tmp_path))
        done = run_pakhus("prepare", source, "-o", "out.apk", *options, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"pakhus prepare: {source}: {words}\n")
        assert sorted(os.listdir(tmp_path)) == before

    return check


def test_unsigned(apk: Apk, unpreparable: Callable[..., None]) -> None:
    unpreparable(apk("unsigned"), "the package is not signed (neither v1, v2 nor v3): sign it first, then prepare it")


@pytest.mark.parametrize("region", ["0", "1", "4097", "2M"])
def test_regions_that_no_block_can_have(region: str, apk: Apk, unpreparable: Callable[..., None]) -> None:
    number = 2 << 20 if region == "2M" else int(region)
    unpreparable(apk("v2"), f"the region of a v2 or later package is a multiple of 4096 bytes, up to 1048576, not {number}",
                 "--region", region)


@pytest.mark.parametrize("region", ["0", "64K"])
def test_regions_that_no_comment_can_have(region: str, apk: Apk, unpreparable: Callable[..., None]) -> None:
    number = 65536 if region == "64K" else 0
    unpreparable(apk("v1"), f"the region of a v1 package is its ZIP comment: 1 to 65535 bytes, not {number}", "--region", region)


def test_a_file_that_would_pass_four_gibibytes(run_pakhus: Run, tmp_path: Path) -> None:
    """Sparse: one entry over all the file, and a JAR signature's names, which --force takes for a signature."""
    path, size = tmp_path / "in.apk", 0xFFFFFFFF - 100
    names = [b"AndroidManifest.xml", b"META-INF/A.SF", b"META-INF/A.RSA"]
    directory = b"".join(b"PK\1\2" + bytes(24) + struct.pack("<H", len(name)) + bytes(16) + name for name in names)
    start = size - 22 - len(directory)
    with open(path, "wb") as file:
        file.seek(start)
        file.write(directory + b"PK\5\6" + bytes(4) + struct.pack("<HHIIH", 3, 3, len(directory), start, 0))
    done = run_pakhus("prepare", path, "-o", "out.apk", "--force", check=False)
    warning, error = done.stderr.splitlines()
    assert warning == ("warning: its v1 signature does not verify: there is no META-INF/MANIFEST.MF; take the APK as it was signed, or sign it "
                       "again")
    assert error == (f"pakhus prepare: {path}: with the region the package would have {size + 4096} bytes (now {size}): over 4 GiB - 1 it "
                     "would be ZIP64, which APK signing does not know")
    assert done.returncode == 1 and os.listdir(tmp_path) == ["in.apk"]


def test_files_that_cannot_be_read(unpreparable: Callable[..., None], tmp_path: Path) -> None:
    unpreparable(Path("missing.apk"), "No such file or directory")
    unpreparable(Path("."), "not a regular file")


def test_usage(run_pakhus: Run) -> None:
    for arguments in (["prepare"], ["prepare", "in.apk"], ["splice", "in.apk", "-o", "out.apk"], ["inspect"], ["inspect", "a", "b"],
                      ["prepare", "in.apk", "-o", "out.apk", "--region", "many"], ["inspect", "a", "--xml"]):
        done = run_pakhus(*arguments, check=False)
        assert done.returncode == 2 and "--help" in done.stderr
