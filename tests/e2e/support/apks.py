"""Real APKs, signed anew in every way that matters, with a key that is thrown away. Made once, kept in the cache."""

import hashlib
import io
import json
import re
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from support import cache, signing_block
from support.apksigner import apk_tool
from support.signing_block import PADDING, WALLE, Pair

MIB, GIB = 1 << 20, 1 << 30
PASSWORD = "throw-away"
_CHUNK = 256 * 1024
_SIGNATURE_FILE = re.compile(r"META-INF/(MANIFEST\.MF|[^/]*\.(SF|RSA|DSA|EC)|stamp-cert-sha256)$|stamp-cert-sha256$")
_PRIVATE_PAIR = 0x50414B48


def original(name: str = "settings") -> Path:
    """A real APK as its developers published it: "settings" (3 MB, v2) or "uiautomator2" (18 MB, v1+v2+v3); "older-settings" and
    "older-uiautomator2" are the versions before."""
    folder = "older/" if name.startswith("older-") else ""
    pattern = {"settings": "settings_apk-*.apk", "uiautomator2": "appium-uiautomator2-server-v*.apk"}[name.removeprefix("older-")]
    return next(cache.fetched("apks").glob(folder + pattern))


def made(name: str) -> Path:
    """One of MAKERS, from the cache."""
    recipe = Path(__file__).read_bytes() + Path(signing_block.__file__).read_bytes()
    folder = f"apks-made/{hashlib.sha256(recipe).hexdigest()[:12]}"
    return cache.kept(f"{folder}/{name}.apk", MAKERS[name])


def keystore() -> Path:
    """Aliases: original (RSA), rotated (EC), stamp (RSA); PASSWORD opens it."""
    return cache.kept("apks-made/keys.p12", _make_keys)


def _make_keys(target: Path) -> None:
    for alias, kind in (("original", ["RSA", "-keysize", "2048"]), ("rotated", ["EC"]), ("stamp", ["RSA", "-keysize", "2048"])):
        subprocess.run(["keytool", "-genkeypair", "-keystore", target, "-storetype", "PKCS12", "-storepass", PASSWORD,
                        "-alias", alias, "-dname", f"CN={alias}", "-validity", "10000", "-keyalg", *kind],
                       check=True, capture_output=True)


def sign(source: Path, target: Path, schemes: str, *options: str) -> None:
    """Signs with exactly the schemes named in `schemes`, such as "v2+v3"."""
    wanted = schemes.split("+")
    switches = [f"--{scheme}-signing-enabled={str(scheme in wanted).lower()}" for scheme in ("v1", "v2", "v3", "v4")]
    lowest = "21" if "v1" in wanted else "28" if wanted == ["v3"] else "24"
    _run("apksigner", "sign", "--ks", keystore(), "--ks-pass", f"pass:{PASSWORD}", "--ks-key-alias", "original",
         "--min-sdk-version", lowest, *switches, *options, "--in", source, "--out", target)


def stripped(source: Path, target: Path, big: int = 0, target_sdk: int | None = None, page_aligned: bool = False) -> None:
    """The entries of `source` without its signature, aligned; with `big` bytes more that are hardly there on disk."""
    loose = target.with_suffix(".loose")
    # ZIP itself reaches to 4 GiB, Python would turn to ZIP64 at two
    with mock.patch("zipfile.ZIP64_LIMIT", 0xFFFFFFFF), zipfile.ZipFile(source) as old, _Sparse(loose, "w+") as file, \
            zipfile.ZipFile(file, "w") as new:
        for entry in old.infolist():
            if not _SIGNATURE_FILE.fullmatch(entry.filename):
                data = old.read(entry)
                if target_sdk and entry.filename == "AndroidManifest.xml":
                    data = with_target_sdk(data, target_sdk)
                new.writestr(_plain(entry), data)
        if big:
            _write_big(new, big)
    if big:
        loose.rename(target)  # zipalign would write every zero; apksigner aligns too
    else:
        _run("zipalign", "-f", *(["-p"] if page_aligned else []), "4", loose, target)
        loose.unlink()


def _plain(entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    plain = zipfile.ZipInfo(entry.filename, (2020, 1, 1, 0, 0, 0))
    plain.compress_type = entry.compress_type
    plain.external_attr = entry.external_attr
    return plain


def _write_big(archive: zipfile.ZipFile, size: int) -> None:
    """Stored zeros with a number every 256 KiB, so that bytes in a wrong place are seen to be."""
    entry = zipfile.ZipInfo("assets/big.bin", (2020, 1, 1, 0, 0, 0))
    with archive.open(entry, "w") as out:
        for at in range(0, size, _CHUNK):
            out.write((struct.pack("<Q", at) + bytes(_CHUNK - 8))[: size - at])


_ZEROS = bytes(_CHUNK - 8)


class _Sparse(io.FileIO):
    """A file in which the chunks above leave holes."""

    def write(self, data: Any) -> int:
        if len(data) == _CHUNK and data[8:] == _ZEROS:
            super().write(data[:8])
            self.seek(_CHUNK - 8, io.SEEK_CUR)
            return _CHUNK
        return super().write(data)


def with_target_sdk(manifest: bytes, version: int) -> bytes:
    """A binary manifest whose targetSdkVersion is another: from 30 on, Android refuses an APK with v1 only."""
    resources = manifest.index(struct.pack("<HH", 0x0180, 8))
    count = struct.unpack_from("<I", manifest, resources + 4)[0] // 4 - 2
    ids = struct.unpack_from(f"<{count}I", manifest, resources + 8)
    # attribute: namespace, name (index into ids), raw value, size 8, 0, type 0x10 (integer), value
    wanted = re.compile(
        re.escape(struct.pack("<I", ids.index(0x01010270))) + b"\\xff\\xff\\xff\\xff\\x08\\0\\0\\x10(....)", re.S)
    match = wanted.search(manifest, resources)
    if not match:
        raise ValueError("no targetSdkVersion in the manifest")
    return manifest[: match.start(1)] + struct.pack("<I", version) + manifest[match.end(1) :]


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")


def _signed(schemes: str, *options: str, big: int = 0, target_sdk: int | None = None, source: str = "settings",
            page_aligned: bool = False) -> Callable[[Path], None]:
    def make(target: Path) -> None:
        unsigned = target.with_suffix(".unsigned")
        stripped(original(source), unsigned, big, target_sdk, page_aligned)
        sign(unsigned, target, schemes, *options)
        unsigned.unlink()
        if big:
            _run("fallocate", "--dig-holes", target)
    return make


def _unsigned(target: Path) -> None:
    stripped(original(), target)


def _stamped(target: Path) -> None:
    _signed("v1+v2+v3", "--stamp-signer", "--ks", str(keystore()), "--ks-pass", f"pass:{PASSWORD}", "--ks-key-alias", "stamp")(target)


def _rotated(target: Path) -> None:
    unsigned = target.with_suffix(".unsigned")
    stripped(original(), unsigned)
    apk_tool("sign-v31", unsigned, target, keystore(), PASSWORD, "original", "rotated")


def _rewritten(edit: Callable[[list[Pair]], list[Pair]]) -> Callable[[Path], None]:
    return lambda target: signing_block.rewrite(made("v2+v3"), target, edit)


def _exact_block(pairs: list[Pair]) -> list[Pair]:
    """A multiple of 4096 without a padding pair: another pair happens to fill it."""
    pairs = [pair for pair in pairs if pair.id != PADDING]
    missing = -len(signing_block.pack_block(pairs)) % 4096 or 4096
    return [*pairs, Pair(_PRIVATE_PAIR, b"x" * (missing - 12 + (4096 if missing < 12 else 0)))]


def _old_walle(pairs: list[Pair]) -> list[Pair]:
    return signing_block.padded([*pairs, Pair(WALLE, json.dumps({"channel": "old"}).encode())])


MAKERS: dict[str, Callable[[Path], None]] = {
    "unsigned": _unsigned,
    "v1": _signed("v1", target_sdk=29),
    "v1+v2": _signed("v1+v2"),
    "v2": _signed("v2"),
    "v3": _signed("v3"),
    "v2+v3": _signed("v2+v3"),
    "v1+v2+v3": _signed("v1+v2+v3", source="uiautomator2"),
    "v3.1": _rotated,
    "stamp": _stamped,
    "page-aligned": _signed("v2+v3", page_aligned=True, source="uiautomator2"),
    "verity": _signed("v2+v3", "--verity-enabled"),
    "exact-block": _rewritten(_exact_block),
    "no-padding": _rewritten(lambda pairs: [pair for pair in pairs if pair.id != PADDING]),
    "old-walle": _rewritten(_old_walle),
    **{f"older-{schemes}": _signed(schemes, source="older-settings") for schemes in ("v2", "v3", "v2+v3")},
    "older-v1": _signed("v1", target_sdk=29, source="older-settings"),
    "older-v1+v2+v3": _signed("v1+v2+v3", source="older-uiautomator2"),
    "1-gib": _signed("v2", big=GIB),
    "2-gib": _signed("v2", big=2 * GIB + 100 * MIB),
    "2-gib-v1": _signed("v1", big=2 * GIB + 100 * MIB, target_sdk=29),
    "4-gib": _signed("v2", big=4 * GIB - 16 * MIB),
}
