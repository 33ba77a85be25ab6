"""pakhus splice on real APKs (S5, S6): channel packages that verify, and whose channel independent readers see."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support import apksigner, readers, signing_block

Apk = Callable[[str], Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]

INFO = {"channel": "huawei", "campaign": "été 2026"}
ALL = "walle,vasdolly,packer-ng"
BLOCKS = ["v1+v2", "v2", "v3", "v2+v3", "v1+v2+v3", "v3.1", "stamp", "verity", "exact-block", "no-padding", "old-walle"]


@pytest.fixture
def spliced(apk: Apk, run_pakhus: Run, tmp_path: Path) -> Callable[..., Path]:
    """spliced("v2+v3", info, "walle"): a channel package beside its base.apk."""

    def make(name: str, info: dict[str, str], formats: str = "") -> Path:
        run_pakhus("prepare", apk(name), "-o", "base.apk")
        run_pakhus("splice", "base.apk", "--info", json.dumps(info, ensure_ascii=False), *(["--formats", formats] if formats else []),
                   "-o", "channel.apk")
        return tmp_path / "channel.apk"

    return make


def differing(one: bytes, other: bytes) -> tuple[int, int]:
    """The first and the last offset at which they differ."""
    assert len(one) == len(other)
    at = [index for index in range(0, len(one), 4096) if one[index : index + 4096] != other[index : index + 4096]]
    low = next(index for index in range(at[0], len(one)) if one[index] != other[index])
    high = next(index for index in range(min(at[-1] + 4096, len(one)) - 1, -1, -1) if one[index] != other[index])
    return low, high


@pytest.mark.parametrize("name", BLOCKS)
def test_channel_packages_verify_and_are_read(name: str, apk: Apk, spliced: Callable[..., Path]) -> None:
    path = spliced(name, INFO, ALL)
    assert apksigner.verify_newest(path) == apksigner.verify_newest(apk(name))
    assert apksigner.schemes(path) == apksigner.schemes(apk(name)) != set()
    assert readers.channels(path) == {"walle": INFO, "vasdolly": "huawei", "packer-ng": "huawei"}
    seen = readers.by_apk_info(path)
    assert json.loads(seen.pop("walle")) == INFO
    assert seen == {"vasdolly": "huawei", "packer-ng": "huawei"}
    assert readers.by_packer_ng(path) == "huawei"


def test_only_the_region_differs_from_the_base(spliced: Callable[..., Path], tmp_path: Path) -> None:
    path = spliced("v2+v3", INFO, ALL)
    low, high = differing((tmp_path / "base.apk").read_bytes(), path.read_bytes())
    directory = signing_block.read_zip(path).directory
    assert directory - 24 - 4096 <= low and high < directory - 24


@pytest.mark.parametrize("formats, expected", [
    ("", {"walle": INFO}), ("walle", {"walle": INFO}), ("vasdolly", {"vasdolly": "huawei"}), ("packer-ng", {"packer-ng": "huawei"}),
    ("packer-ng,walle", {"walle": INFO, "packer-ng": "huawei"})])
def test_formats_are_chosen(formats: str, expected: dict[str, object], spliced: Callable[..., Path]) -> None:
    assert readers.channels(spliced("v2+v3", INFO, formats)) == expected


@pytest.mark.parametrize("formats, expected", [
    ("vasdolly", {"vasdolly-v1": "huawei"}), ("walle,packer-ng", {"packer-ng-v1": "huawei"})])
def test_v1_packages_carry_one_format(formats: str, expected: dict[str, object], spliced: Callable[..., Path]) -> None:
    path = spliced("v1", INFO, formats)
    assert readers.channels(path) == expected
    assert apksigner.schemes(path) == {"v1"}


def test_s5_raw_info_at_the_start_of_the_comment(spliced: Callable[..., Path]) -> None:
    path = spliced("v1", INFO)
    text = json.dumps(INFO, ensure_ascii=False, separators=(",", ":")).encode()
    assert signing_block.read_zip(path).comment == text + bytes(4096 - len(text))
    assert apksigner.schemes(path) == {"v1"}


@pytest.mark.parametrize("formats", ["walle", "walle,packer-ng", ALL])
def test_s6_info_that_leaves_no_room_for_a_filler(formats: str, spliced: Callable[..., Path], run_pakhus: Run, tmp_path: Path) -> None:
    """Whatever is left of the region, 0 to 13 bytes, every reader sees its channel."""
    spliced("v2", INFO)
    own = {"walle": 12, "vasdolly": 12 + 6, "packer-ng": 12 + 24 + 19}
    room = 4096 - sum(own[name] for name in formats.split(","))
    bare = len(json.dumps({"channel": "huawei", "x": ""}, separators=(",", ":")))
    for left in range(14):
        info = {"channel": "huawei", "x": "x" * (room - left - bare)}
        run_pakhus("splice", "base.apk", "--info", json.dumps(info), "--formats", formats, "-o", "channel.apk")
        seen = readers.by_apk_info(tmp_path / "channel.apk")
        assert json.loads(seen["walle"]) == info
        assert seen.get("packer-ng", "huawei") == "huawei" and seen.get("vasdolly", "huawei") == "huawei"
        assert set(seen) == set(formats.split(","))
    assert apksigner.schemes(tmp_path / "channel.apk") == {"v2"}


@pytest.mark.parametrize("format, own", [("vasdolly", 12), ("packer-ng", 12 + 24 + 13)])
def test_s6_names_that_leave_no_room_for_a_filler(format: str, own: int, spliced: Callable[..., Path], run_pakhus: Run,
                                                  tmp_path: Path) -> None:
    spliced("v2", INFO)
    for left in (0, 1, 11, 12):
        name = "n" * (4096 - own - left)
        run_pakhus("splice", "base.apk", "--info", json.dumps({"channel": name}), "--formats", format, "-o", "channel.apk")
        assert readers.channels(tmp_path / "channel.apk") == {format: name}
        assert format != "packer-ng" or readers.by_packer_ng(tmp_path / "channel.apk") == name


def test_a_channel_package_can_be_spliced_anew_and_made_a_base_again(spliced: Callable[..., Path], run_pakhus: Run, tmp_path: Path) -> None:
    spliced("v2+v3", INFO, ALL)
    run_pakhus("splice", "channel.apk", "--info", '{"channel":"b"}', "-o", "other.apk")
    assert readers.channels(tmp_path / "other.apk") == {"walle": {"channel": "b"}}
    done = run_pakhus("prepare", "channel.apk", "-o", "again.apk")
    assert (tmp_path / "again.apk").read_bytes() == (tmp_path / "base.apk").read_bytes()
    assert done.stderr.count("that it held was taken out") == 3


@pytest.mark.parametrize("arguments, words", [
    (["--info", json.dumps({"channel": "x", "y": "y" * 4100})], "channel info has 4122 bytes, 4084 bytes fit"),
    (["--info", '{"channel":"' + "x" * 4100 + '"}', "--formats", "vasdolly"], "the channel name has 4100 bytes, 4084 bytes fit"),
    (["--info", '{"campaign":"x"}'], "channel info must have a 'channel' that is not empty"),
    (["--info", '{"channel":7}'], 'channel info: the value of "channel" must be a string'),
    (["--info", '["x"]'], "channel info must be a JSON object of strings"),
    (["--info", '{"channel":"x"}', "--formats", "raw"], "the format raw is for v1 packages only: choose walle, vasdolly or packer-ng too"),
    (["--info", '{"channel":"x"}', "--formats", "wally"], "'wally' is not a channel format: raw, walle, vasdolly or packer-ng")])
def test_what_does_not_fit_is_refused(arguments: list[str], words: str, apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    run_pakhus("prepare", apk("v2"), "-o", "base.apk")
    done = run_pakhus("splice", "base.apk", *arguments, "-o", "channel.apk", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"pakhus splice: {words}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["base.apk"]


def test_two_v1_formats_are_refused(apk: Apk, run_pakhus: Run) -> None:
    run_pakhus("prepare", apk("v1"), "-o", "base.apk")
    done = run_pakhus("splice", "base.apk", "--info", '{"channel":"x"}', "--formats", ALL, "-o", "channel.apk", check=False)
    assert done.returncode == 1
    assert done.stderr == "pakhus splice: a v1 package carries one channel format: choose one of raw, vasdolly and packer-ng\n"


@pytest.mark.parametrize("name", ["v1", "v2+v3", "old-walle", "unsigned"])
def test_a_package_without_a_region_is_refused(name: str, apk: Apk, run_pakhus: Run, tmp_path: Path) -> None:
    done = run_pakhus("splice", apk(name), "--info", '{"channel":"x"}', "-o", "channel.apk", check=False)
    assert (done.returncode, done.stderr) == (1, f"pakhus splice: {apk(name)}: no region is reserved in it: run `pakhus prepare` first\n")
    assert list(tmp_path.iterdir()) == []
