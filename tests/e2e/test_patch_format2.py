"""Format 2: in another language, both ways; on real APKs, and on packages as other tools make them; wrong old packages, and bombs."""

import ctypes
import ctypes.util
import json
import shutil
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import patch_format
import patch_format2
from support import apks, shop

Run = Callable[..., "subprocess.CompletedProcess[str]"]
INFO = json.dumps({"channel": "huawei", "campaign": "été 2026"}, ensure_ascii=False)
REGION = 64
TEXT = b"".join(b"%d: %x\n" % (i, i * 2654435761 % 2**32) for i in range(20000))
OTHER = TEXT.replace(b"77: ", b"78; ")


def small(run: Run, old: Path, new: Path, *options: str) -> bytes:
    run("diff", old, new, "--patch", "1,2", *options, "-o", "x.diff")
    return (Path(old).parent / "x.diff").read_bytes()


@pytest.fixture
def round_trip(run_pakhus: Run, tmp_path: Path) -> Callable[[Path, Path], dict[str, int]]:
    """Makes a patch, applies it here and in the other language; what --json says of it."""

    def run(old: Path, new: Path) -> dict[str, int]:
        made: dict[str, int] = json.loads(run_pakhus("diff", old, new, "--patch", "1,2", "--json", "-o", "x.diff").stdout)
        patch = (tmp_path / "x.diff").read_bytes()
        assert made["size"] == len(patch) and made["format"] == patch[8]
        run_pakhus("patch", old, "x.diff", "-o", "new.apk")
        assert (tmp_path / "new.apk").read_bytes() == new.read_bytes()
        language = patch_format if made["format"] == 1 else patch_format2
        assert language.apply(old.read_bytes(), patch) == new.read_bytes()
        return made

    return run


# --- real packages


@pytest.mark.parametrize("name, most", [("settings", 1600), ("uiautomator2", 10700)])
def test_as_their_developers_published_them(name: str, most: int, run_pakhus: Run, round_trip: Callable[..., dict[str, int]],
                                            tmp_path: Path) -> None:
    for side in ("older-", ""):
        run_pakhus("prepare", apks.original(side + name), "-o", f"{side}base.apk")
        run_pakhus("splice", f"{side}base.apk", "--info", INFO, "-o", f"{side}channel.apk")
    assert round_trip(tmp_path / "older-base.apk", tmp_path / "base.apk")["size"] <= most
    run_pakhus("patch", "older-channel.apk", "x.diff", "-o", "new.apk")
    assert (tmp_path / "new.apk").read_bytes() == (tmp_path / "channel.apk").read_bytes()


@pytest.mark.parametrize("old, new", [("older-v1", "v1"), ("older-v2", "v2"), ("older-v1", "v2"), ("older-v2+v3", "v2+v3"), ("v2", "older-v1")])
def test_every_scheme(old: str, new: str, round_trip: Callable[..., dict[str, int]]) -> None:
    assert round_trip(shop.base(old), shop.base(new))["format"] == 2


def test_the_same_patch_each_time(run_pakhus: Run, tmp_path: Path) -> None:
    made = [run_pakhus("diff", shop.base("older-v2"), shop.base("v2"), "--patch", "1,2", "-o", f"{i}.diff") for i in range(2)]
    assert made[0].stdout.replace("0.diff", "1.diff") == made[1].stdout
    assert (tmp_path / "0.diff").read_bytes() == (tmp_path / "1.diff").read_bytes()


# --- packages as other tools make them

Item = tuple[str, bytes, bytes | None]  # name, content, how it is deflated; None: stored


def deflated(content: bytes, level: int = 9) -> bytes:
    encoder = zlib.compressobj(level, zlib.DEFLATED, -15)
    return encoder.compress(content) + encoder.flush()


def packed(name: str, content: bytes, level: int = 9) -> Item:
    return name, content, deflated(content, level)


def base(path: Path, items: Iterable[Item], descriptors: bool = False, align: int = 1) -> Path:
    """A base of v1, whose signature nobody verifies."""
    out, directory, count = bytearray(), bytearray(), 0
    for name, content, raw in [("META-INF/C.SF", b"sf", None), ("META-INF/C.RSA", b"rsa", None), *items]:
        encoded, data = name.encode(), content if raw is None else raw
        sizes = struct.pack("<III", zlib.crc32(content), len(data), len(content))
        extra = bytes(-(len(out) + 30 + len(encoded)) % align)
        flags, method = 8 if descriptors else 0, 0 if raw is None else 8
        directory += struct.pack("<IHHHHHH", 0x02014B50, 20, 20, flags, method, 0, 0x21) + sizes + struct.pack(
            "<HHHHHII", len(encoded), 0, 0, 0, 0, 0, len(out)) + encoded
        out += struct.pack("<IHHHHH", 0x04034B50, 20, flags, method, 0, 0x21) + (bytes(12) if descriptors else sizes)
        out += struct.pack("<HH", len(encoded), len(extra)) + encoded + extra + data
        if descriptors:
            out += b"PK\7\x08" + sizes
        count += 1
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), len(out), REGION)
    path.write_bytes(out + directory + end + bytes(REGION))
    assert zipfile.ZipFile(path).testzip() is None
    return path


@pytest.mark.parametrize("descriptors", [False, True])
@pytest.mark.parametrize("align", [1, 4, 16384])
def test_descriptors_and_alignment(descriptors: bool, align: int, round_trip: Callable[..., dict[str, int]], tmp_path: Path) -> None:
    library = bytes(range(256)) * 400
    old = base(tmp_path / "old.apk", [packed("classes.dex", TEXT), ("lib/a.so", library, None), packed("same", TEXT[:999])], descriptors, align)
    new = base(tmp_path / "new-base.apk", [packed("b", b"b"), packed("classes.dex", OTHER), ("lib/a.so", library[5:], None),
                                           packed("same", TEXT[:999])], descriptors, align)
    assert round_trip(old, new)["size"] < 2000


def test_renamed_reordered_and_many(round_trip: Callable[..., dict[str, int]], tmp_path: Path) -> None:
    items: list[Item] = [(f"assets/{i}", b"%d\n" % i, None) for i in range(65000)]
    old = base(tmp_path / "old.apk", [packed("classes.dex", TEXT), *items])
    new = base(tmp_path / "new-base.apk", [*items[1000:], packed("assets/0", b"changed" * 9), *items[1:1000], packed("classes2.dex", OTHER)])
    assert round_trip(old, new)["size"] < 60000


def test_what_explain_lists(run_pakhus: Run, tmp_path: Path) -> None:
    odd = TEXT[:5] + TEXT
    old = base(tmp_path / "old.apk", [packed("a", TEXT), packed("b", b"b" * 99), packed("c", b"c" * 99), ("d", TEXT, deflated(TEXT, 0))])
    new = base(tmp_path / "new.apk", [packed("a", OTHER), packed("b", b"b" * 99), packed("c2", b"c" * 99), ("d", odd, deflated(odd, 0)),
                                      packed("e", b"e" * 50)])
    said = run_pakhus("diff", old, new, "--patch", "1,2", "--explain", "-o", "x.diff").stdout.splitlines()
    rows = {line.split("bytes  ")[1]: (line.split()[0], int(line.split()[1])) for line in said if " of " in line and "bytes  " in line}
    assert {name: state for name, (state, _) in rows.items()} == {
        "META-INF/C.SF": "unchanged", "META-INF/C.RSA": "unchanged", "a": "patched", "b": "unchanged", "c2": "moved",
        "d  (compared deflated: zlib does not reproduce it)": "patched", "e": "new"}
    assert rows["b"] == ("unchanged", 0) and 0 < rows["a"][1] < 4 * OTHER.count(b"78; ")


# --- other deflaters


def zopfli(path: Path, target: Path) -> bool:
    return subprocess.run(["zipalign", "-z", "-f", "4", path, target], capture_output=True).returncode == 0


def seven_zip(content: bytes, folder: Path) -> bytes | None:
    command = shutil.which("7z") or shutil.which("7zz")
    if not command:
        return None
    (folder / "content").write_bytes(content)
    subprocess.run([command, "a", "-tzip", "-mx=9", "-bd", "-y", "7.zip", "content"], cwd=folder, check=True, capture_output=True)
    return raw_entry(folder / "7.zip")


def raw_entry(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        [info] = archive.infolist()
        whole = path.read_bytes()
        name, extra = struct.unpack_from("<HH", whole, info.header_offset + 26)
        start = info.header_offset + 30 + name + extra
        return whole[start : start + info.compress_size]


def libdeflate(content: bytes) -> bytes | None:
    found = ctypes.util.find_library("deflate")
    if not found:
        return None
    library = ctypes.CDLL(found)
    library.libdeflate_alloc_compressor.restype = ctypes.c_void_p
    library.libdeflate_deflate_compress.restype = ctypes.c_size_t
    compressor = ctypes.c_void_p(library.libdeflate_alloc_compressor(9))
    out = ctypes.create_string_buffer(len(content) + 1000)
    length = library.libdeflate_deflate_compress(compressor, content, ctypes.c_size_t(len(content)), out, ctypes.c_size_t(len(out)))
    library.libdeflate_free_compressor(compressor)
    return out.raw[:length]


@pytest.mark.parametrize("name", ["7-zip", "libdeflate"])
def test_other_deflaters(name: str, run_pakhus: Run, round_trip: Callable[..., dict[str, int]], tmp_path: Path) -> None:
    sides = [seven_zip(content, tmp_path) if name == "7-zip" else libdeflate(content) for content in (TEXT, OTHER)]
    if sides[0] is None or sides[1] is None:
        pytest.skip(f"there is no {name} on this machine")
    old = base(tmp_path / "old.apk", [("a", TEXT, sides[0]), packed("b", TEXT)])
    new = base(tmp_path / "new-base.apk", [("a", OTHER, sides[1]), packed("b", OTHER)])
    round_trip(old, new)
    assert "a  (compared deflated" in run_pakhus("diff", old, new, "--patch", "1,2", "--explain", "-o", "y.diff").stdout


def test_zopfli(run_pakhus: Run, round_trip: Callable[..., dict[str, int]], tmp_path: Path) -> None:
    sides = []
    for i, content in enumerate((TEXT[:20000], OTHER[:20000])):
        with zipfile.ZipFile(tmp_path / f"{i}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a", content)
        if not zopfli(tmp_path / f"{i}.zip", tmp_path / f"z{i}.zip"):
            pytest.skip("this zipalign has no zopfli")
        sides.append(base(tmp_path / f"{i}.apk", [("a", content, raw_entry(tmp_path / f"z{i}.zip")), packed("b", TEXT + content)]))
    round_trip(sides[0], sides[1])


# --- the wrong old package, and patches made to harm


def test_another_old_package_of_the_same_length(run_pakhus: Run, tmp_path: Path) -> None:
    old = base(tmp_path / "old.apk", [packed("a", TEXT)])
    small(run_pakhus, old, base(tmp_path / "new.apk", [packed("a", OTHER)]))
    changed = bytearray(old.read_bytes())
    changed[5000] ^= 1
    (tmp_path / "changed.apk").write_bytes(changed)
    done = run_pakhus("patch", "changed.apk", "x.diff", "-o", "out.apk", check=False)
    assert (done.returncode, done.stdout) == (1, "") and "it is not the package that the patch leads from: its base has the SHA-256" in done.stderr
    assert not (tmp_path / "out.apk").exists()


def made_base(path: Path) -> patch_format.Base:
    content = path.read_bytes()
    return patch_format.base_of(content, len(content) - REGION, REGION, 1)


def test_what_another_language_makes_we_apply(run_pakhus: Run, tmp_path: Path) -> None:
    """An entry is inflated, changed by a difference, and deflated again."""
    old, new = base(tmp_path / "old.apk", [packed("a", b"ab" * 50)]), base(tmp_path / "new.apk", [packed("a", b"ac" * 50)])
    one, other = old.read_bytes().index(deflated(b"ab" * 50)), new.read_bytes().index(deflated(b"ac" * 50))
    length, second = len(deflated(b"ab" * 50)), len(deflated(b"ac" * 50))
    rest = new.read_bytes()[other + second :]
    streams = [patch_format2.numbers(1, one, length, 100, 1, other, second, 100, 9), patch_format2.numbers(0, 100),
               patch_format2.numbers(other, len(rest)), patch_format2.numbers(0, 2 * one), patch_format2.numbers(100, 0), b"\0\1" * 50, new.read_bytes()[:other] + rest]
    for packing in (False, True):
        patch = patch_format2.make(made_base(old), made_base(new), streams, packing)
        assert patch_format2.apply(old.read_bytes(), patch) == new.read_bytes()
        (tmp_path / "x.diff").write_bytes(patch)
        run_pakhus("patch", old, "x.diff", "-o", "out.apk")
        assert (tmp_path / "out.apk").read_bytes() == new.read_bytes()


@pytest.mark.parametrize("bomb, words", [(64 << 20, "a stream has 67108864 bytes, for a package that inflates to"), (300, "its last command makes too much")])
def test_a_bomb(bomb: int, words: str, run_pakhus: Run, tmp_path: Path) -> None:
    """Differences of 64 MiB in a few KB of LZMA2 for a package of some hundred bytes: refused before anything is unpacked. Of a run that is
    longer than the package, at the first byte too much."""
    old = base(tmp_path / "old.apk", [packed("a", b"a" * 50)])
    size = old.stat().st_size
    streams = [patch_format2.numbers(0, 0), patch_format2.numbers(size), patch_format2.numbers(0), patch_format2.numbers(0),
               patch_format2.numbers(64 << 20, 0), b"\0" * max(size, bomb), b""]
    (tmp_path / "x.diff").write_bytes(patch_format2.make(made_base(old), made_base(old), streams))
    assert (tmp_path / "x.diff").stat().st_size < 20000
    done = run_pakhus("patch", old, "x.diff", "-o", "out.apk", check=False)
    assert done.returncode == 1 and words in done.stderr and not (tmp_path / "out.apk").exists()


def test_a_region_at_another_place_is_noticed(run_pakhus: Run, tmp_path: Path) -> None:
    """The header's CRC is right, and so is the digest."""
    old, new = base(tmp_path / "old.apk", [packed("a", TEXT)]), base(tmp_path / "new.apk", [packed("a", OTHER)])
    for options in ([], ["--patch", "1,2"]):
        run_pakhus("diff", old, new, *options, "-o", "x.diff")
        patch = bytearray((tmp_path / "x.diff").read_bytes())
        struct.pack_into("<Q", patch, 72 + 8, 1000)
        struct.pack_into("<I", patch, 12, zlib.crc32(patch[:12] + bytes(4) + patch[16:128]))
        (tmp_path / "x.diff").write_bytes(patch)
        done = run_pakhus("patch", old, "x.diff", "-o", "out.apk", check=False)
        assert done.returncode == 1 and "channel region, at 1000, the new package has other bytes" in done.stderr
        assert not (tmp_path / "out.apk").exists()
