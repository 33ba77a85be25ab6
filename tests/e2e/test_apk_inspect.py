"""pakhus inspect: what is in real APKs, as independent readers see it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from apk_info import APK

from support import apksigner, signing_block

Apk = Callable[[str], Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("name", ["v1", "v1+v2", "v2", "v2+v3", "v1+v2+v3", "v3.1", "stamp", "verity", "old-walle"])
def test_schemes_and_manifest_are_those_that_others_see(name: str, apk: Apk, run_pakhus: Run) -> None:
    seen = json.loads(run_pakhus("inspect", apk(name), "--json").stdout)
    verified = apksigner.verify_newest(apk(name))
    signed = set(seen["schemes"]) - ({"v1"} if "v1" in seen["schemes"] and not verified["v1"] else set())
    assert signed == {scheme for scheme in ("v1", "v2", "v3", "v3.1") if verified[scheme]}
    other = APK(str(apk(name)))
    assert seen["manifest"]["package"] == other.get_package_name()
    assert seen["manifest"]["version_name"] == other.get_version_name()
    assert str(seen["manifest"]["version_code"]) == str(other.get_version_code())


@pytest.mark.parametrize("name", ["v2", "v2+v3", "v3.1", "stamp", "exact-block", "old-walle", "1-gib"])
def test_every_pair_of_the_block_is_listed(name: str, apk: Apk, run_pakhus: Run) -> None:
    seen = json.loads(run_pakhus("inspect", apk(name), "--json").stdout)
    block, zip = signing_block.read_block(apk(name)), signing_block.read_zip(apk(name))
    assert block
    assert (seen["size"], seen["zip"]["directory"]) == (zip.size, zip.directory)
    assert (seen["block"]["offset"], seen["block"]["size"]) == (block.offset, block.size)
    assert [(pair["id"], pair["offset"], pair["size"]) for pair in seen["block"]["pairs"]] == [
        (f"0x{pair.id:08x}", pair.offset, 12 + len(pair.value)) for pair in block.pairs]


def test_the_channel_of_each_reader_is_shown(apk: Apk, run_pakhus: Run) -> None:
    run_pakhus("prepare", apk("v2+v3"), "-o", "base.apk")
    run_pakhus("splice", "base.apk", "--info", '{"channel":"huawei","a":"b"}', "--formats", "walle,packer-ng", "-o", "channel.apk")
    base, channel = (json.loads(run_pakhus("inspect", name, "--json").stdout) for name in ("base.apk", "channel.apk"))
    assert base["channels"] == {"raw": None, "walle": None, "vasdolly": None, "packer-ng": None}
    assert channel["channels"] == {"raw": None, "walle": {"channel": "huawei", "a": "b"}, "vasdolly": None, "packer-ng": "huawei"}
    assert base["region"] == {**channel["region"], "filled": False}
    assert channel["region"]["filled"] and channel["region"]["length"] == 4096
    assert [pair["name"] for pair in channel["block"]["pairs"][-3:]] == ["Walle channel", "packer-ng channel", "reserved region"]


def test_a_v1_package_is_shown_with_its_comment(apk: Apk, run_pakhus: Run) -> None:
    run_pakhus("prepare", apk("v1"), "-o", "base.apk")
    run_pakhus("splice", "base.apk", "--info", '{"channel":"huawei"}', "-o", "channel.apk")
    seen = json.loads(run_pakhus("inspect", "channel.apk", "--json").stdout)
    assert (seen["schemes"], seen["block"], seen["zip"]["comment"]) == (["v1"], None, 4096)
    assert seen["channels"]["raw"] == {"channel": "huawei"}
    assert seen["region"] == {"offset": seen["size"] - 4096, "length": 4096, "filled": True}


def test_text_is_for_people(apk: Apk, run_pakhus: Run) -> None:
    run_pakhus("prepare", apk("v2+v3"), "-o", "base.apk")
    run_pakhus("splice", "base.apk", "--info", '{"channel":"huawei"}', "-o", "channel.apk")
    lines = run_pakhus("inspect", "channel.apk").stdout.splitlines()
    seen = json.loads(run_pakhus("inspect", "channel.apk", "--json").stdout)
    manifest, block, region = seen["manifest"], seen["block"], seen["region"]
    assert lines[0] == f"channel.apk: {seen['size']} bytes"
    assert f"package     {manifest['package']} {manifest['version_name']}, version code {manifest['version_code']}" in lines
    assert "signed      v2+v3" in lines
    assert any(line.startswith(f"block       {block['size']} bytes at {block['offset']}") for line in lines)
    assert f"region      4096 bytes at {region['offset']}, filled" in lines
    assert 'channel     Walle      {"channel":"huawei"}' in lines
    assert "            VasDolly   nothing" in lines


def test_what_is_in_a_package_gives_no_orders_to_the_terminal(apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    pair = signing_block.Pair(signing_block.VASDOLLY, b"a\x1b[31mb")
    signing_block.rewrite(apk("v2"), tmp_path / "evil.apk", lambda pairs: [*pairs, pair])
    assert "VasDolly   a?[31mb" in run_pakhus("inspect", "evil.apk").stdout


def test_an_unsigned_package_is_shown_as_such(apk: Apk, run_pakhus: Run) -> None:
    seen = json.loads(run_pakhus("inspect", apk("unsigned"), "--json").stdout)
    assert (seen["schemes"], seen["block"], seen["region"]) == ([], None, None)
    assert "signed      no" in run_pakhus("inspect", apk("unsigned")).stdout.splitlines()


def test_a_zip_without_a_manifest_says_so(run_pakhus: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.zip").write_bytes(b"PK\5\6" + bytes(18))
    assert "package     unknown: there is no AndroidManifest.xml" in run_pakhus("inspect", "empty.zip").stdout.splitlines()
    assert json.loads(run_pakhus("inspect", "empty.zip", "--json").stdout)["manifest"] is None
