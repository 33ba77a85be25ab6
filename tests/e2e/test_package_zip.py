"""The zip files of `make package`: what is in them, how large they are, and that they are the same wherever they are made."""

import json
import os
import random
import re
import shutil
import stat
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from support.cache import ROOT
from support.packages import ARCHITECTURES, FUNCTIONS, make, packages, segments

MOST = {"3.0": 3_200_000, "3.5": 4_200_000}  # bytes, by the version of OpenSSL: Debian 12's, Debian 13's
MACHINES = {"x86_64": 62, "arm64": 183}  # e_machine
EXECUTABLE, DYNAMIC, INTERPRETER = 2, 2, 3  # e_type; p_type


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_there_is_one_for_each_function(architecture: str) -> None:
    assert sorted(path.name for path in packages(architecture).iterdir()) == [f"{name}.zip" for name in FUNCTIONS]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_it_holds_one_static_program(function: str, architecture: str) -> None:
    path = packages(architecture) / f"{function}.zip"
    with zipfile.ZipFile(path) as archive:
        [openssl] = [part["versionInfo"] for part in json.loads(archive.read("sbom.spdx.json"))["packages"] if part["name"] == "openssl"]
        assert path.stat().st_size <= MOST[".".join(openssl.split(".")[:2])]
        entries = {entry.filename: entry for entry in archive.infolist()}
        program = archive.read("bootstrap")
    assert list(entries) == ["bootstrap", "copyright", "licences", "sbom.spdx.json"]
    for entry in entries.values():
        assert entry.external_attr >> 16 == stat.S_IFREG | (0o755 if entry.filename == "bootstrap" else 0o644)
        assert entry.create_system == 3  # Unix, without which the mode means nothing
        assert (entry.date_time, entry.extra, entry.comment) == ((1980, 1, 1, 0, 0, 0), b"", b"")
    kind, machine = struct.unpack_from("<HH", program, 16)
    assert program[:5] == b"\x7fELF\x02" and (kind, machine) == (EXECUTABLE, MACHINES[architecture])
    assert not {DYNAMIC, INTERPRETER} & set(segments(program))
    for place in (str(ROOT), os.path.expanduser("~/")):
        assert place.encode() not in program


def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    """In another folder, another time zone, with another mask, at another time, and not for the first time."""
    elsewhere = tmp_path / "a folder of another name"
    shutil.copytree(ROOT, elsewhere, ignore=shutil.ignore_patterns("build", ".git", "pakhus-data", "__pycache__"))
    mask = os.umask(0o077)
    try:
        made = make("x86_64", elsewhere, TZ="Asia/Shanghai")
    finally:
        os.umask(mask)
    for function in FUNCTIONS:
        assert (made / f"{function}.zip").read_bytes() == (packages("x86_64") / f"{function}.zip").read_bytes(), function


@pytest.mark.parametrize("openssl, size, made", [("3.0.22", 3_100_000, True), ("3.0.22", 3_300_000, False), ("3.4.9", 3_300_000, False),
                                                 ("3.5.9", 4_100_000, True), ("3.5.9", 4_300_000, False)])
def test_none_is_larger_than_it_may(openssl: str, size: int, made: bool, tmp_path: Path) -> None:
    for name in ("copyright", "licences"):
        (tmp_path / name).touch()
    bill = {"packages": [{"SPDXID": "SPDXRef-openssl", "name": "openssl", "versionInfo": openssl}]}
    (tmp_path / "sbom.spdx.json").write_text(json.dumps(bill, separators=(",", ":")))
    (tmp_path / "bootstrap").write_bytes(random.Random(1).randbytes(size))
    done = subprocess.run([ROOT / "scripts/package", tmp_path / "bootstrap", tmp_path, tmp_path / "a.zip"], capture_output=True, text=True)
    assert ((done.returncode == 0), (tmp_path / "a.zip").exists()) == (made, made)
    assert made or re.search(r"a\.zip would have \d+ bytes, more than [34]200000$", done.stderr.strip())
