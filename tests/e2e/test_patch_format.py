"""The format in another language, both ways, and what `zstd` itself makes of it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import patch_format
from support import apksigner, shop, signing_block

Run = Callable[..., "subprocess.CompletedProcess[str]"]
INFO = json.dumps({"channel": "huawei", "campaign": "été 2026"}, ensure_ascii=False)
PAIRS = [("older-v1", "v1"), ("older-v2", "v2"), ("older-v3", "v2+v3"), ("older-v1", "v3"), ("older-v2", "v1")]
SCHEMES = {"v1": 1, "v2": 2, "v3": 4}


def base_of(name: str) -> patch_format.Base:
    """From what is in the file, not from what we say."""
    package = shop.base(name).read_bytes()
    directory = signing_block.read_zip(shop.base(name)).directory
    schemes = sum(SCHEMES[scheme] for scheme in apksigner.schemes(shop.base(name)))
    offset = len(package) - 4096 if schemes == 1 else directory - 24 - 4096
    return patch_format.base_of(package, offset, 4096, schemes)


def made(run: Run, old: str, new: str, folder: Path) -> bytes:
    run("diff", shop.base(old), shop.base(new), "-o", folder / "x.diff")
    return (folder / "x.diff").read_bytes()


@pytest.mark.parametrize("old, new", PAIRS)
def test_what_we_make_another_language_applies(old: str, new: str, run_pakhus: Run, tmp_path: Path) -> None:
    patch = made(run_pakhus, old, new, tmp_path)
    assert patch_format.read_header(patch) == (base_of(old), base_of(new))
    assert patch_format.apply(shop.base(old).read_bytes(), patch) == shop.base(new).read_bytes()
    for formats in ("walle", "vasdolly", "packer-ng"):
        installed, wanted = (shop.offline(name, INFO, formats).read_bytes() for name in (old, new))
        assert patch_format.apply(installed, patch) == wanted


@pytest.mark.parametrize("old, new", PAIRS)
@pytest.mark.parametrize("part", [patch_format.MOST, 1000003])
def test_what_another_language_makes_we_apply(old: str, new: str, part: int, run_pakhus: Run, tmp_path: Path) -> None:
    patch = patch_format.make(shop.base(old).read_bytes(), shop.base(new).read_bytes(), base_of(old), base_of(new), part)
    (tmp_path / "x.diff").write_bytes(patch)
    run_pakhus("patch", shop.offline(old, INFO), "x.diff", "-o", "new.apk")
    assert (tmp_path / "new.apk").read_bytes() == shop.offline(new, INFO).read_bytes()


def test_several_formats_in_one_region(run_pakhus: Run, tmp_path: Path) -> None:
    patch = made(run_pakhus, "older-v2", "v2", tmp_path)
    installed, wanted = (shop.offline(name, INFO, shop.ALL_FORMATS).read_bytes() for name in ("older-v2", "v2"))
    assert patch_format.apply(installed, patch) == wanted


@pytest.mark.parametrize("left", range(14))
def test_regions_with_no_room_for_a_filler(left: int, run_pakhus: Run, tmp_path: Path) -> None:
    patch = made(run_pakhus, "older-v2", "v2", tmp_path)
    around = json.dumps({"channel": "a", "x": "_"}, separators=(",", ":"))
    info = around.replace("_", "x" * (4096 - 12 - left - len(around) + 1))
    assert 12 + len(info) + left == 4096
    installed, wanted = (shop.offline(name, info).read_bytes() for name in ("older-v2", "v2"))
    assert patch_format.apply(installed, patch) == wanted
    (tmp_path / "installed.apk").write_bytes(installed)
    run_pakhus("patch", "installed.apk", "x.diff", "-o", "new.apk")
    assert (tmp_path / "new.apk").read_bytes() == wanted


def test_zstd_restores_the_base(run_pakhus: Run, tmp_path: Path) -> None:
    """The line that FORMAT.md shows."""
    frame = made(run_pakhus, "older-v1+v2+v3", "v1+v2+v3", tmp_path)[148:]
    command = ["zstd", "-d", "--long=31", f"--patch-from={shop.base('older-v1+v2+v3')}"]
    done = subprocess.run(command, input=frame, capture_output=True, check=True)
    assert done.stdout == shop.base("v1+v2+v3").read_bytes()
