"""APKs that few people have, and files that are taken for APKs: made when they are asked for, since each takes a second or two."""

import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

from support import apks, signing_block
from support.apksigner import apk_tool
from support.signing_block import V3, V31, Pair


def signed_by(folder: Path, kind: str, *key: str) -> Path:
    """The settings app, v2+v3, signed by a new key: signed_by(folder, "rsa-4096", "RSA", "-keysize", "4096")."""
    keys, target = folder / f"{kind}.p12", folder / f"{kind}.apk"
    subprocess.run(["keytool", "-genkeypair", "-keystore", keys, "-storetype", "PKCS12", "-storepass", apks.PASSWORD, "-alias", "original",
                    "-dname", f"CN={kind}", "-validity", "10000", "-keyalg", *key], check=True, capture_output=True)
    apks.sign(apks.made("unsigned"), target, "v2+v3", "--ks", str(keys), "--ks-pass", f"pass:{apks.PASSWORD}", "--ks-key-alias", "original")
    return target


def with_signed_comment(folder: Path) -> Path:
    """What `apksigner sign --align-file-size` makes: a ZIP comment that the signature covers."""
    target = folder / "aligned-size.apk"
    apk_tool("sign-aligned", apks.made("unsigned"), target, apks.keystore(), apks.PASSWORD, "original")
    return target


def with_late_comment(folder: Path, source: Path, comment: bytes = b"made with huawei") -> Path:
    target = folder / "commented.apk"
    target.write_bytes(source.read_bytes()[:-2] + struct.pack("<H", len(comment)) + comment)
    return target


def without_block(folder: Path, source: Path) -> Path:
    """The signing block cut out, as zipalign does when it is run after signing."""
    target, data = folder / "stripped.apk", source.read_bytes()
    block, zip = signing_block.read_block(source), signing_block.read_zip(source)
    assert block
    target.write_bytes(data[: block.offset] + data[zip.directory : zip.end + 16] + struct.pack("<I", block.offset) + data[zip.end + 20 :])
    return target


def without_pair(folder: Path, source: Path, pair: int) -> Path:
    target = folder / f"without-{pair:08x}.apk"
    signing_block.rewrite(source, target, lambda pairs: [one for one in pairs if one.id != pair])
    return target


def without_v3(folder: Path) -> Path:
    return without_pair(folder, apks.made("v2+v3"), V3)


def without_v31(folder: Path) -> Path:
    return without_pair(folder, apks.made("v3.1"), V31)


def v1_alone(folder: Path, target_sdk: int) -> Path:
    unsigned, target = folder / "unsigned.apk", folder / f"v1-{target_sdk}.apk"
    apks.stripped(apks.original(), unsigned, target_sdk=target_sdk)
    apks.sign(unsigned, target, "v1")
    return target


def signed_by_jarsigner(folder: Path) -> Path:
    """v1 alone, as jarsigner makes it."""
    target = folder / "jarsigner.apk"
    apks.stripped(apks.original(), target, target_sdk=29)
    subprocess.run(["jarsigner", "-keystore", apks.keystore(), "-storepass", apks.PASSWORD, target, "original"], check=True,
                   capture_output=True)
    return target


Edit = Callable[[str, bytes], bytes | None]


def edited(folder: Path, source: Path, edit: Edit, added: dict[str, bytes] | None = None) -> Path:
    """The same entries, each as `edit` gives it, None taking it out; then those that are added. Nothing is signed again."""
    target = folder / "edited.apk"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = edit(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
        for name, data in (added or {}).items():
            new.writestr(name, data)
    return target


def changed_pair(folder: Path, source: Path, id: int, change: Callable[[bytearray], None]) -> Path:
    """One pair of the signing block changed in place."""
    def edit(pairs: list[Pair]) -> list[Pair]:
        changed = []
        for pair in pairs:
            value = bytearray(pair.value)
            if pair.id == id:
                change(value)
            changed.append(Pair(pair.id, bytes(value)))
        return changed

    target = folder / "changed.apk"
    signing_block.rewrite(source, target, edit)
    return target


def flipped(folder: Path, source: Path, offset: int) -> Path:
    target, data = folder / f"flipped-{offset}.apk", bytearray(source.read_bytes())
    data[offset] ^= 1
    target.write_bytes(data)
    return target


# --- what is no APK


def _jar(target: Path, entries: dict[str, bytes]) -> Path:
    """A ZIP file with a JAR signature, as Gradle and jarsigner leave bundles and libraries."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    subprocess.run(["jarsigner", "-keystore", apks.keystore(), "-storepass", apks.PASSWORD, target, "original"], check=True,
                   capture_output=True)
    return target


def bundle(folder: Path) -> Path:
    return _jar(folder / "game.aab", {"BundleConfig.pb": b"\n\2\n\0", "base/manifest/AndroidManifest.xml": b"\n\1x",
                                      "base/dex/classes.dex": b"dex\n035\0"})


def set_of_apks(folder: Path) -> Path:
    return _jar(folder / "game.apks", {"toc.pb": b"\n\2\n\0", "universal.apk": apks.made("v2").read_bytes()})


def jar(folder: Path) -> Path:
    return _jar(folder / "library.jar", {"a/B.class": b"\xca\xfe\xba\xbe"})


NO_APKS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "bundle": (bundle, ("this is an Android App Bundle (.aab), which devices do not install: make an APK of it with `bundletool build-apks "
                       "--mode=universal`, and take universal.apk out of the set that it writes")),
    "set": (set_of_apks, ("this is a set of APKs, which devices do not install as it is: take out universal.apk, which `bundletool "
                         "build-apks --mode=universal` puts into the set")),
    "jar": (jar, "there is no AndroidManifest.xml: this is a JAR or another ZIP file, not an APK"),
}
