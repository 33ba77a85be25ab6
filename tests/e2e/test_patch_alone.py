"""The applier for devices: libpakhus-patch.a and pakhus-patch, built alone; in C and in C++, on real packages, with sanitizers, on arm64."""

import ctypes
import json
import os
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from support import apks, shop
from support.building import make
from support.cache import ROOT

Run = Callable[..., "subprocess.CompletedProcess[str]"]
HEADER = ROOT / "lib/patch/alone/pakhus_patch.h"
B, C = json.dumps({"channel": "B"}), json.dumps({"channel": "C", "campaign": "été 2026"}, ensure_ascii=False)
DECLARED = set(re.findall(r"^(?:const )?(?:enum )?\w+ \**(pakhus_\w+)\(", HEADER.read_text(), re.M))
NOT_APPLICABLE, DAMAGED, UNSUPPORTED, SYSTEM = 2, 3, 4, 5


def built(**variables: str) -> Path:
    words = [f"{name}={value}" for name, value in variables.items()]
    made = make("-j2", "--no-print-directory", "-C", ROOT / "lib/patch", "all", "print-build", "WERROR=1", *words, without=("SANITIZE",))
    return Path(made.splitlines()[-1])


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("patch") / "prefix"
    make("-j2", "-C", ROOT / "lib/patch", "install", f"PREFIX={prefix}", without=("SANITIZE",))
    return prefix


@pytest.fixture(scope="module")
def library(prefix: Path) -> ctypes.CDLL:
    """The archive as an app has it: in a shared library."""
    shared = prefix / "updater.so"
    subprocess.run(["cc", "-shared", "-Wl,--no-undefined", "-Wl,-z,text", "-Wl,--whole-archive", prefix / "lib/libpakhus-patch.a",
                    "-Wl,--no-whole-archive", "-o", shared], check=True)
    return ctypes.CDLL(str(shared))


@pytest.fixture(params=["1", "1,2"])
def patch(request: pytest.FixtureRequest, run_pakhus: Run, tmp_path: Path) -> Path:
    run_pakhus("diff", shop.base("older-v2"), shop.base("v2"), "--patch", request.param, "-o", "x.diff")
    made = tmp_path / "x.diff"
    assert made.read_bytes()[8] == int(request.param[-1])
    return made


def apply(program: Path, *files: str | Path, before: tuple[str | Path, ...] = ()) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*before, program, *files], text=True, capture_output=True, cwd=Path(files[2]).parent)


def test_every_channel_by_one_patch(prefix: Path, patch: Path, tmp_path: Path) -> None:
    program, new = prefix / "bin/pakhus-patch", tmp_path / "new.apk"
    for info, formats in ((B, "walle"), (C, "vasdolly"), (C, shop.ALL_FORMATS)):
        done = apply(program, shop.offline("older-v2", info, formats), patch, new)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert new.read_bytes() == shop.offline("v2", info, formats).read_bytes()
        new.unlink()


def test_another_channel(prefix: Path, patch: Path, tmp_path: Path) -> None:
    wanted = shop.offline("v2", C).read_bytes()
    at, length = struct.unpack_from("<QI", patch.read_bytes(), 72 + 8)
    (tmp_path / "region").write_bytes(wanted[at:at + length])
    files = (shop.offline("older-v2", B), patch, tmp_path / "new.apk", tmp_path / "region")
    assert apply(prefix / "bin/pakhus-patch", *files).returncode == 0
    assert (tmp_path / "new.apk").read_bytes() == wanted
    (tmp_path / "new.apk").unlink()
    (tmp_path / "region").write_bytes(b"x" * length)
    done = apply(prefix / "bin/pakhus-patch", *files)
    assert done.returncode == 3 and "are not channel info" in done.stderr and not (tmp_path / "new.apk").exists()


def test_a_wrong_package_and_damaged_patches(prefix: Path, patch: Path, tmp_path: Path) -> None:
    program, new, cut = prefix / "bin/pakhus-patch", tmp_path / "new.apk", tmp_path / "cut.diff"
    old, whole = shop.base("older-v2"), patch.read_bytes()
    other = bytearray(old.read_bytes())
    other[1000] ^= 1
    (tmp_path / "other.apk").write_bytes(other)
    done = apply(program, tmp_path / "other.apk", patch, new)
    assert done.returncode == 3 and "not the package that the patch leads from" in done.stderr and not new.exists()
    for length in (0, 100, 128, 140, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:length])
        done = apply(program, old, cut, new)
        assert done.returncode == 1 and done.stderr.startswith("pakhus-patch: ") and not new.exists()
    newer = bytearray(whole)
    newer[8] = 3
    struct.pack_into("<I", newer, 12, zlib.crc32(newer[:12] + bytes(4) + newer[16:128]))
    cut.write_bytes(newer)
    done = apply(program, old, cut, new)
    assert done.returncode == 3 and "unsupported patch format version 3" in done.stderr


def test_real_packages_as_the_product_does(prefix: Path, run_pakhus: Run, tmp_path: Path) -> None:
    for side in ("older-", ""):
        run_pakhus("prepare", apks.original(f"{side}uiautomator2"), "-o", f"{side}base.apk")
        run_pakhus("splice", f"{side}base.apk", "--info", C, "-o", f"{side}channel.apk")
    run_pakhus("diff", "older-base.apk", "base.apk", "--patch", "1,2", "-o", "x.diff")
    assert apply(prefix / "bin/pakhus-patch", tmp_path / "older-channel.apk", tmp_path / "x.diff", tmp_path / "new.apk").returncode == 0
    assert (tmp_path / "new.apk").read_bytes() == (tmp_path / "channel.apk").read_bytes()


# --- what is linked


def test_the_archive_exports_what_the_header_declares(prefix: Path) -> None:
    printed = subprocess.run(["nm", "-g", "--defined-only", prefix / "lib/libpakhus-patch.a"], check=True, capture_output=True, text=True)
    assert {line.split()[-1] for line in printed.stdout.splitlines() if re.search(r" [A-Z] ", line)} == DECLARED
    assert sorted(DECLARED) == ["pakhus_patch_apply", "pakhus_patch_read", "pakhus_patch_version"]


def test_it_needs_the_c_library_alone_and_is_small(prefix: Path) -> None:
    program = prefix / "bin/pakhus-patch"
    dynamic = subprocess.run(["readelf", "-d", program], check=True, capture_output=True, text=True).stdout
    assert re.findall(r"NEEDED.*\[(.*)\]", dynamic) == ["libc.so.6"]
    assert program.stat().st_size < 400_000
    assert {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()} - {"updater.so"} == {
        "bin/pakhus-patch", "include/pakhus_patch.h", "lib/libpakhus-patch.a"}


def test_its_zlib_is_stock(prefix: Path) -> None:
    printed = subprocess.run([prefix / "bin/pakhus-patch", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"zlib ([0-9.]+),", printed)
    assert found and found.group(1) in ("1.2.12", "1.2.13", "1.3", "1.3.1")


@pytest.mark.parametrize("language", ["c", "c++"])
def test_the_documented_program(language: str, prefix: Path, patch: Path, tmp_path: Path) -> None:
    source = re.search(r"```c\n(#include <fcntl.h>.*?)```", (ROOT / "docs/channels.md").read_text(), re.S)
    assert source
    standard = {"c": "-std=c99", "c++": "-std=c++20"}[language]
    (tmp_path / "update").with_suffix(".c").write_text(source.group(1))
    subprocess.run(["cc", "-x", language, standard, "-D_GNU_SOURCE", "-Wall", "-Werror", f"-I{prefix}/include", "update.c",
                    "-x", "none", f"-L{prefix}/lib", "-lpakhus-patch", "-o", "update"], check=True, cwd=tmp_path)
    assert apply(tmp_path / "update", shop.offline("older-v2", B), patch, tmp_path / "new.apk").returncode == 0
    assert (tmp_path / "new.apk").read_bytes() == shop.offline("v2", B).read_bytes()


# --- the function itself


class Order(ctypes.Structure):
    PROGRESS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
    _fields_ = [("old_fd", ctypes.c_int), ("patch_fd", ctypes.c_int), ("new_fd", ctypes.c_int), ("spool_folder", ctypes.c_char_p),
                ("region", ctypes.c_char_p), ("region_length", ctypes.c_size_t), ("progress", PROGRESS), ("context", ctypes.c_void_p)]


@pytest.fixture
def order(patch: Path, tmp_path: Path) -> Order:
    new = os.open(tmp_path / "new.apk", os.O_RDWR | os.O_CREAT)
    os.write(new, b"older")
    return Order(os.open(shop.base("older-v2"), os.O_RDONLY), os.open(patch, os.O_RDONLY), new, str(tmp_path).encode())


def call(library: ctypes.CDLL, order: Order) -> tuple[int, str]:
    message = ctypes.create_string_buffer(b"stale", 480)
    return library.pakhus_patch_apply(ctypes.byref(order), message), message.value.decode()


def test_progress_and_stopping(library: ctypes.CDLL, order: Order, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def note(_: object, done: int, total: int) -> int:
        seen.append((done, total))
        return 0

    order.progress = Order.PROGRESS(note)
    assert call(library, order) == (0, "")
    total = shop.base("older-v2").stat().st_size + shop.base("v2").stat().st_size
    assert seen == sorted(seen) and seen[-1] == (total, total) and {one[1] for one in seen} == {total}
    assert (tmp_path / "new.apk").read_bytes() == shop.base("v2").read_bytes()
    order.progress = Order.PROGRESS(lambda *_: 1)
    assert call(library, order) == (1, "stopped")
    assert (tmp_path / "new.apk").read_bytes() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.apk", "x.diff"]


def test_what_the_system_refuses(library: ctypes.CDLL, order: Order, tmp_path: Path) -> None:
    order.new_fd, new = order.old_fd, order.new_fd
    assert call(library, order) == (SYSTEM, "the new package would be written over what it is made of")
    order.new_fd, order.patch_fd = new, 999
    assert call(library, order) == (SYSTEM, "reading the patch: Bad file descriptor")
    assert (tmp_path / "new.apk").read_bytes() == b""


def test_the_spool_folder(library: ctypes.CDLL, run_pakhus: Run, order: Order, patch: Path) -> None:
    order.spool_folder = b"/nonexistent"
    expected = (0, "") if patch.read_bytes()[8] == 1 else (SYSTEM, "/nonexistent: No such file or directory")
    assert call(library, order) == expected


def test_a_patchs_header(library: ctypes.CDLL, patch: Path) -> None:
    class Info(ctypes.Structure):
        _fields_ = [("format", ctypes.c_uint), ("old_size", ctypes.c_uint64), ("new_size", ctypes.c_uint64),
                    ("old_sha256", ctypes.c_char * 65), ("new_sha256", ctypes.c_char * 65),
                    ("region_offset", ctypes.c_uint64), ("region_length", ctypes.c_uint64)]

    info, header = Info(), patch.read_bytes()
    assert library.pakhus_patch_read(os.open(patch, os.O_RDONLY), ctypes.byref(info), None) == 0
    assert (info.format, info.old_size, info.new_size) == (header[8], *(shop.base(name).stat().st_size for name in ("older-v2", "v2")))
    assert (info.region_offset, info.region_length) == struct.unpack_from("<QI", header, 72 + 8)
    assert (info.old_sha256.decode(), info.new_sha256.decode()) == (header[40:72].hex(), header[96:128].hex())
    assert library.pakhus_patch_read(os.open(shop.base("v2"), os.O_RDONLY), ctypes.byref(info), None) == DAMAGED


def test_memory_that_runs_out_ends_nothing(prefix: Path, patch: Path, tmp_path: Path) -> None:
    """With every limit of address space the command ends by itself, and what it makes is right or not there."""
    codes, new = set(), tmp_path / "new.apk"
    for kilobytes in range(3000, 20000, 700):
        words = ["sh", "-c", f'ulimit -v {kilobytes}; exec "$@"', "sh"]
        done = apply(prefix / "bin/pakhus-patch", shop.base("older-v2"), patch, new, before=tuple(words))
        if done.returncode not in (0, 1):
            assert done.returncode in (127, -9, -11) and not done.stderr.startswith("pakhus"), done  # the loader's own limit
            assert kilobytes < 4500, done
            continue
        codes.add(done.returncode)
        if done.returncode == 0:
            assert new.read_bytes() == shop.base("v2").read_bytes()
            new.unlink()
        else:
            assert "memory" in done.stderr and not new.exists(), done.stderr
    assert codes == {0, 1}


# --- other builds


@pytest.mark.parametrize("sanitizers", ["address,undefined"])
def test_with_sanitizers(sanitizers: str, patch: Path, tmp_path: Path) -> None:
    program = built(SANITIZE=sanitizers) / "pakhus-patch"
    for info in (B, C):
        done = apply(program, shop.offline("older-v2", info), patch, tmp_path / "new.apk")
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / "new.apk").read_bytes() == shop.offline("v2", info).read_bytes()
        (tmp_path / "new.apk").unlink()
    whole, cut = patch.read_bytes(), tmp_path / "cut.diff"
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        cut.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1:])
        done = apply(program, shop.base("older-v2"), cut, tmp_path / "new.apk")
        assert done.returncode in (1, 3) and done.stderr.startswith("pakhus-patch: "), done


MACHINES = {"aarch64": "aarch64-linux-gnu", "arm": "arm-linux-gnueabihf"}


@pytest.mark.parametrize("machine", MACHINES)
def test_on_another_machine(machine: str, patch: Path, tmp_path: Path) -> None:
    triple, emulator = MACHINES[machine], shutil.which(f"qemu-{machine}-static")
    static = os.environ.get(f"PAKHUS_PATCH_STATIC_{machine}", "")
    if not static and machine == "aarch64":
        static = subprocess.run([ROOT / "scripts/static-libs", "--where", "aarch64"], check=True, capture_output=True, text=True).stdout.strip()
    if not shutil.which(f"{triple}-gcc") or not emulator:
        pytest.skip(f"no {triple}-gcc or no qemu-{machine}-static here")
    if not Path(static, "lib/libz.a").exists() or not static:
        pytest.skip(f"no static zlib, zstd, liblzma and jansson for {machine}: PAKHUS_PATCH_STATIC_{machine} says where they are")
    program = built(CROSS=f"{triple}-", STATIC=static) / "pakhus-patch"
    emulated = (emulator, "-L", f"/usr/{triple}")
    assert apply(program, shop.offline("older-v2", C), patch, tmp_path / "new.apk", before=emulated).returncode == 0
    assert (tmp_path / "new.apk").read_bytes() == shop.offline("v2", C).read_bytes()
