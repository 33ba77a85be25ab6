"""Packages that devices would refuse (S3): prepare and publish say why, and --force insists; those that are odd and right are taken.

The verdicts are those of the newest published verifier."""

import filecmp
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support import apks, apksigner, odd_apks, readers, signing_block
from support.shop import Shop
from support.signing_block import V2, V3

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def refused(run_pakhus: Run, directory: Shop, tmp_path: Path) -> Callable[[Path, str], None]:
    """Both commands refuse the file with these words, and write nothing."""

    def check(path: Path, words: str) -> None:
        done = run_pakhus("prepare", path, "-o", "base.apk", check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"pakhus prepare: {path}: {words} (--force prepares it all the same)\n"
        assert not (tmp_path / "base.apk").exists()
        done = directory.run("publish", path, "--app", "APP", "--version", "1", check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"pakhus publish: {path}: {words} (`pakhus publish --force` publishes it all the same)\n"
        assert os.listdir(tmp_path / "store") == []

    return check


Refused = Callable[[Path, str], None]

# --- odd, and right


@pytest.mark.parametrize("kind, key", [("rsa-2048", ["RSA", "-keysize", "2048"]), ("rsa-4096", ["RSA", "-keysize", "4096"]),
                                       ("ec-256", ["EC", "-groupname", "secp256r1"]), ("ec-521", ["EC", "-groupname", "secp521r1"]),
                                       ("dsa", ["DSA", "-keysize", "2048"])])
def test_keys_of_every_kind(kind: str, key: list[str], run_pakhus: Run, tmp_path: Path) -> None:
    source = odd_apks.signed_by(tmp_path, kind, *key)
    assert apksigner.verify_newest(source)["verified"]
    run_pakhus("prepare", source, "-o", "base.apk")
    assert apksigner.verify_newest(tmp_path / "base.apk") == apksigner.verify_newest(source)


def test_a_comment_that_was_signed_stays(run_pakhus: Run, tmp_path: Path) -> None:
    source = odd_apks.with_signed_comment(tmp_path)
    comment = signing_block.read_zip(source).comment
    assert comment and source.stat().st_size % 4096 == 0
    done = run_pakhus("prepare", source, "-o", "base.apk")
    assert done.stderr == ""
    assert signing_block.read_zip(tmp_path / "base.apk").comment == comment
    run_pakhus("prepare", "base.apk", "-o", "again.apk")
    assert filecmp.cmp(tmp_path / "base.apk", tmp_path / "again.apk", shallow=False)
    run_pakhus("splice", "base.apk", "--info", '{"channel":"huawei"}', "--formats", "walle,vasdolly", "-o", "channel.apk")
    for name in ("base.apk", "channel.apk"):
        assert apksigner.verify_newest(tmp_path / name) == apksigner.verify_newest(source)
    assert apksigner.verify_newest(source)["v2"] and apksigner.verify_newest(source)["v3"]
    assert readers.channels(tmp_path / "channel.apk") == {"walle": {"channel": "huawei"}, "vasdolly": "huawei"}


def test_a_published_package_with_a_signed_comment_is_served(run_pakhus: Run, directory: Shop, tmp_path: Path) -> None:
    source = odd_apks.with_signed_comment(tmp_path)
    package = directory.publish(source)
    assert package["region"]["offset"] + package["region"]["length"] == package["size"] - (
        source.stat().st_size - signing_block.read_zip(source).directory) - 24


def test_v1_alone_for_older_devices(run_pakhus: Run, tmp_path: Path) -> None:
    source = odd_apks.v1_alone(tmp_path, 29)
    assert apksigner.verify_newest(source)["verified"]
    run_pakhus("prepare", source, "-o", "base.apk")
    assert apksigner.verify_newest(tmp_path / "base.apk")["verified"]


def test_v1_of_jarsigner(run_pakhus: Run, tmp_path: Path) -> None:
    source = odd_apks.signed_by_jarsigner(tmp_path)
    assert apksigner.verify_newest(source)["v1"]
    run_pakhus("prepare", source, "-o", "base.apk")
    assert apksigner.verify_newest(tmp_path / "base.apk")["verified"]


def test_v1_of_entries_that_are_packed_otherwise(run_pakhus: Run, tmp_path: Path) -> None:
    """v1 is about what is in the entries, not about how it is compressed; files in META-INF are not covered."""
    source = odd_apks.edited(tmp_path, odd_apks.v1_alone(tmp_path, 29), lambda name, data: data, {"META-INF/channel_x": b""})
    assert apksigner.verify_newest(source)["verified"]
    run_pakhus("prepare", source, "-o", "base.apk")


# --- refused


def test_a_stripped_block(refused: Refused, run_pakhus: Run, directory: Shop, tmp_path: Path) -> None:
    source = odd_apks.without_block(tmp_path, apks.made("v1+v2+v3"))
    assert not apksigner.verify_newest(source)["verified"]
    words = ("the v2 signature was stripped (META-INF/ORIGINAL.SF names it): sign the package again, and run zipalign before signing, not "
             "after it")
    refused(source, words)
    done = run_pakhus("prepare", source, "-o", "base.apk", "--force")
    assert done.stderr == f"warning: {words}\n"
    assert (tmp_path / "base.apk").read_bytes() == source.read_bytes()[:-2] + b"\0\x10" + bytes(4096)
    done = directory.run("publish", source, "--app", "APP", "--version", "1", "--force")
    assert done.stderr == f"warning: {words}\n" and "scheme v1" in done.stdout


def test_zipalign_after_signing(refused: Refused, tmp_path: Path) -> None:
    """What strips signatures in the field."""
    subprocess.run(["zipalign", "-f", "4", apks.made("v1+v2+v3"), tmp_path / "aligned.apk"], check=True)
    assert signing_block.read_block(tmp_path / "aligned.apk") is None
    refused(tmp_path / "aligned.apk", "the v2 signature was stripped (META-INF/ORIGINAL.SF names it): sign the package again, and run "
                                      "zipalign before signing, not after it")


@pytest.mark.parametrize("make, scheme, witness", [(odd_apks.without_v3, "v3", "v2's signature"), (odd_apks.without_v31, "v3.1", "v3's signature")])
def test_a_stripped_scheme(make: Callable[[Path], Path], scheme: str, witness: str, refused: Refused, tmp_path: Path) -> None:
    source = make(tmp_path)
    assert not apksigner.verify_newest(source)["verified"]
    refused(source, f"the {scheme} signature was stripped ({witness} names it): sign the package again, and run zipalign before signing, "
                    "not after it")


def test_v1_alone_for_newer_devices(refused: Refused, run_pakhus: Run, tmp_path: Path) -> None:
    source = odd_apks.v1_alone(tmp_path, 30)
    assert not apksigner.verify_newest(source)["verified"]
    words = ("it is signed with v1 alone and its targetSdkVersion is 30: devices with Android 11 and later refuse that from 30 on; sign it "
             "with v2 too")
    refused(source, words)
    assert run_pakhus("prepare", source, "-o", "base.apk", "--force").stderr == f"warning: {words}\n"


V1 = "its v1 signature does not verify: {}; take the APK as it was signed, or sign it again"
CHANGES: dict[str, tuple[odd_apks.Edit, dict[str, bytes], str]] = {
    "changed": (lambda name, data: data + b"x" if name == "classes.dex" else data, {},
                "classes.dex: it is not what was signed: it was changed afterwards, or is damaged"),
    "added": (lambda name, data: data, {"assets/new": b"x"},
              "assets/new: it is not listed in META-INF/MANIFEST.MF: it was added after the package was signed"),
    "removed": (lambda name, data: None if name == "classes.dex" else data, {},
                "classes.dex is listed in META-INF/MANIFEST.MF, and not in the package"),
    "manifest": (lambda name, data: data.replace(b"Name: classes.dex", b"Name: classes.dex\r\nX: y") if name.endswith(".MF") else data, {},
                 "the section of META-INF/MANIFEST.MF for classes.dex is not what was signed"),
    "signature file": (lambda name, data: data + b"\r\n" if name.endswith(".SF") else data, {},
                       "META-INF/ORIGINAL.RSA: it does not sign its signature file"),
    "block": (lambda name, data: data[:-1] + bytes([data[-1] ^ 1]) if name.endswith(".RSA") else data, {},
              "META-INF/ORIGINAL.RSA: it does not sign its signature file"),
}


def test_v1_of_something_else(refused: Refused, run_pakhus: Run, tmp_path: Path) -> None:
    signed = odd_apks.v1_alone(tmp_path, 29)
    for edit, added, words in CHANGES.values():
        source = odd_apks.edited(tmp_path, signed, edit, added)
        assert not apksigner.verify_newest(source)["verified"]
        refused(source, V1.format(words))
    done = run_pakhus("prepare", source, "-o", "base.apk", "--force")
    assert done.stderr == f"warning: {V1.format(words)}\n"


def test_a_comment_that_was_added_later(refused: Refused, tmp_path: Path) -> None:
    for name in ("v1+v2", "v2+v3"):
        source = odd_apks.with_late_comment(tmp_path, apks.made(name))
        assert not apksigner.verify_newest(source)["verified"]
        refused(source, "its ZIP comment of 16 bytes was added after it was signed, which breaks its signature: take the APK as it was signed")


def test_a_signed_comment_that_was_changed(refused: Refused, tmp_path: Path) -> None:
    source = odd_apks.with_signed_comment(tmp_path)
    refused(odd_apks.flipped(tmp_path, source, source.stat().st_size - 1),
            "its contents are not what was signed: it was changed afterwards, or is damaged")


def test_any_damaged_byte(refused: Refused, tmp_path: Path) -> None:
    """In the first chunk, in a later one, the last one of the entries; in the directory; in the end record."""
    source = apks.made("v2+v3")
    block, zip = signing_block.read_block(source), signing_block.read_zip(source)
    assert block
    for offset in (30, 1 << 20, block.offset - 1, zip.directory + 12, zip.end - 1):
        damaged = odd_apks.flipped(tmp_path, source, offset)
        assert not apksigner.verify_newest(damaged)["verified"], offset
        refused(damaged, "its contents are not what was signed: it was changed afterwards, or is damaged")


@pytest.mark.parametrize("pair, scheme", [(V2, "v2"), (V3, "v3")])
@pytest.mark.parametrize("place", ["digest", "certificate", "signature", "key"])
def test_a_damaged_signature(pair: int, scheme: str, place: str, refused: Refused, tmp_path: Path) -> None:
    def change(value: bytearray) -> None:
        at = {"digest": 4 + 4 + 4 + 4 + 4 + 4 + 4 + 10, "certificate": len(value) // 3, "signature": len(value) - 294 - 4 - 20,
              "key": len(value) - 40}[place]
        value[at] ^= 1

    source = odd_apks.changed_pair(tmp_path, apks.made("v2+v3"), pair, change)
    assert not apksigner.verify_newest(source)["verified"]
    refused(source, f"its {scheme} signature does not verify")


@pytest.mark.parametrize("name", odd_apks.NO_APKS)
@pytest.mark.parametrize("options", [[], ["--force"]])
def test_what_is_no_apk(name: str, options: list[str], run_pakhus: Run, directory: Shop, tmp_path: Path) -> None:
    make, words = odd_apks.NO_APKS[name]
    path = make(tmp_path)
    done = run_pakhus("prepare", path, "-o", "base.apk", *options, check=False)
    assert (done.returncode, done.stderr) == (1, f"pakhus prepare: {path}: {words}\n")
    done = directory.run("publish", path, "--app", "APP", "--version", "1", *options, check=False)
    assert (done.returncode, done.stderr) == (1, f"pakhus publish: {path}: {words}\n")
    assert not (tmp_path / "base.apk").exists() and os.listdir(tmp_path / "store") == []
