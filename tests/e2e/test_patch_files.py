"""pakhus diff and pakhus patch on real APKs: the new version with the installed one's channel, byte for byte, and it verifies."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support import apks, apksigner, cache, readers, shop

Run = Callable[..., "subprocess.CompletedProcess[str]"]
INFO = {"channel": "huawei", "campaign": "été 2026"}
OTHER = {"channel": "xiaomi"}
UPDATES = [("older-v1", "v1"), ("older-v2", "v2"), ("older-v3", "v3"), ("older-v2+v3", "v2+v3"), ("older-v1+v2+v3", "v1+v2+v3"),
           ("older-v1", "v2"), ("older-v2", "v1+v2"), ("older-v2", "v3"), ("older-v3", "v3.1"), ("older-v2+v3", "stamp"),
           ("older-v2+v3", "verity"), ("older-v2+v3", "no-padding"), ("older-v2+v3", "exact-block")]
FORMATS = ["walle", "vasdolly", "packer-ng"]


def text(info: dict[str, str]) -> str:
    return json.dumps(info, ensure_ascii=False)


@pytest.fixture
def diff(run_pakhus: Run, tmp_path: Path) -> Callable[..., Path]:
    """diff(one, other): the path of the patch between two files."""

    def make(one: Path, other: Path) -> Path:
        run_pakhus("diff", one, other, "-o", "x.diff")
        return tmp_path / "x.diff"

    return make


@pytest.fixture
def patched(run_pakhus: Run, tmp_path: Path) -> Callable[..., Path]:
    def make(old: Path, patch: Path) -> Path:
        run_pakhus("patch", old, patch, "-o", "new.apk")
        return tmp_path / "new.apk"

    return make


@pytest.mark.parametrize("old, new", UPDATES)
def test_every_channel_by_one_patch(old: str, new: str, diff: Callable[..., Path], patched: Callable[..., Path]) -> None:
    patch = diff(shop.base(old), shop.base(new))
    assert patch.stat().st_size < shop.base(new).stat().st_size / 2
    assert patched(shop.base(old), patch).read_bytes() == shop.base(new).read_bytes()
    for info in (INFO, OTHER):
        for formats in FORMATS:
            result = patched(shop.offline(old, text(info), formats), patch)
            assert result.read_bytes() == shop.offline(new, text(info), formats).read_bytes()
    assert apksigner.schemes(result) == apksigner.schemes(apks.made(new)) != set()
    assert apksigner.verify_newest(result) == apksigner.verify_newest(apks.made(new))


def test_all_formats_at_once(diff: Callable[..., Path], patched: Callable[..., Path]) -> None:
    result = patched(shop.offline("older-v2+v3", text(INFO), shop.ALL_FORMATS), diff(shop.base("older-v2+v3"), shop.base("v2+v3")))
    assert result.read_bytes() == shop.offline("v2+v3", text(INFO), shop.ALL_FORMATS).read_bytes()
    assert readers.channels(result) == {"walle": INFO, "vasdolly": "huawei", "packer-ng": "huawei"}
    assert apksigner.schemes(result) == {"v2", "v3"}


@pytest.mark.parametrize("name", ["settings", "uiautomator2"])
def test_as_their_developers_published_them(name: str, run_pakhus: Run, diff: Callable[..., Path], patched: Callable[..., Path],
                                            tmp_path: Path) -> None:
    for side in ("older-", ""):
        run_pakhus("prepare", apks.original(side + name), "-o", f"{side}base.apk")
        run_pakhus("splice", f"{side}base.apk", "--info", text(INFO), "-o", f"{side}channel.apk")
    patch = diff(tmp_path / "older-base.apk", tmp_path / "base.apk")
    assert patch.stat().st_size < (tmp_path / "base.apk").stat().st_size / 30
    result = patched(tmp_path / "older-channel.apk", patch)
    assert result.read_bytes() == (tmp_path / "channel.apk").read_bytes()
    assert apksigner.schemes(result) == apksigner.schemes(apks.original(name)) != set()


@pytest.mark.parametrize("old, new", [("older-v1", "v1"), ("older-v2", "v2"), ("older-v1", "v2")])
@pytest.mark.parametrize("regions", [(4096, 8192), (8192, 4096)])
def test_regions_of_other_sizes(old: str, new: str, regions: tuple[int, int], run_pakhus: Run, diff: Callable[..., Path],
                                patched: Callable[..., Path], tmp_path: Path) -> None:
    for name, region in ((old, regions[0]), (new, regions[1])):
        run_pakhus("prepare", apks.made(name), "--region", str(region), "-o", f"{name}-base.apk")
        run_pakhus("splice", f"{name}-base.apk", "--info", text(INFO), "-o", f"{name}-channel.apk")
    result = patched(tmp_path / f"{old}-channel.apk", diff(tmp_path / f"{old}-base.apk", tmp_path / f"{new}-base.apk"))
    assert result.read_bytes() == (tmp_path / f"{new}-channel.apk").read_bytes()
    assert apksigner.schemes(result) == apksigner.schemes(apks.made(new))


def test_it_is_the_same_between_channel_packages(diff: Callable[..., Path]) -> None:
    between_bases = diff(shop.base("older-v2"), shop.base("v2")).read_bytes()
    assert diff(shop.offline("older-v2", text(INFO)), shop.offline("v2", text(OTHER))).read_bytes() == between_bases


def test_what_is_said_of_it(run_pakhus: Run, tmp_path: Path) -> None:
    old, new = shop.base("older-v2"), shop.base("v2")
    told = json.loads(run_pakhus("diff", old, new, "-o", "x.diff", "--json").stdout)
    sides = {name: {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
             for name, path in (("from", old), ("to", new))}
    assert told == {"size": (tmp_path / "x.diff").stat().st_size, **sides}
    words = run_pakhus("diff", old, new, "-o", "x.diff")
    assert words.stdout.startswith(f"x.diff: {told['size']} bytes, ") and words.stderr == ""
    words = run_pakhus("patch", old, "x.diff", "-o", "new.apk")
    assert (words.stdout, words.stderr) == (f"new.apk: {new.stat().st_size} bytes, signed with v2\n", "")


def test_results_replace_what_was_there_as_a_whole(run_pakhus: Run, tmp_path: Path) -> None:
    for name in ("x.diff", "new.apk"):
        (tmp_path / name).write_text("older")
        os.link(tmp_path / name, tmp_path / f"kept-{name}")
    run_pakhus("diff", shop.base("older-v2"), shop.base("v2"), "-o", "x.diff")
    run_pakhus("patch", shop.base("older-v2"), "x.diff", "-o", "new.apk")
    assert (tmp_path / "new.apk").read_bytes() == shop.base("v2").read_bytes()
    assert {path.name: path.read_text() for path in tmp_path.glob("kept-*")} == {"kept-x.diff": "older", "kept-new.apk": "older"}


def test_the_new_version_may_take_the_old_ones_place(run_pakhus: Run, tmp_path: Path) -> None:
    run_pakhus("diff", shop.base("older-v2"), shop.base("v2"), "-o", "x.diff")
    (tmp_path / "game.apk").write_bytes(shop.offline("older-v2", text(INFO)).read_bytes())
    run_pakhus("patch", "game.apk", "x.diff", "-o", "game.apk")
    assert (tmp_path / "game.apk").read_bytes() == shop.offline("v2", text(INFO)).read_bytes()


def middling() -> Path:
    """Two segments of a patch."""
    def make(target: Path) -> None:
        unsigned = target.with_suffix(".unsigned")
        apks.stripped(apks.original(), unsigned, 300 * apks.MIB)
        apks.sign(unsigned, target, "v2")
        unsigned.unlink()

    return cache.kept("apks-made/300-mib.apk", make)


# Each segment of a patch indexes all of the old package that it can refer to, which takes seconds. So only one side at a time is large.


def test_from_a_package_of_which_a_segment_refers_to_a_part(run_pakhus: Run, tmp_path: Path) -> None:
    run_pakhus("prepare", middling(), "-o", "new-base.apk")
    run_pakhus("splice", "new-base.apk", "--info", text(INFO), "-o", "wanted.apk")
    check_giants(shop.base("2-gib-v1"), shop.offline("2-gib-v1", text(INFO)), tmp_path / "new-base.apk", tmp_path / "wanted.apk", tmp_path)


def test_to_a_package_past_two_gib(tmp_path: Path) -> None:
    check_giants(shop.base("v1"), shop.offline("v1", text(INFO)), shop.base("2-gib"), shop.offline("2-gib", text(INFO)), tmp_path)


def check_giants(old: Path, installed: Path, new: Path, wanted: Path, folder: Path) -> None:
    """In as much memory as the header of lib/patch says."""
    assert peak("diff", old, new, "-o", folder / "x.diff") < 512
    assert (folder / "x.diff").stat().st_size < 2 << 20
    assert peak("patch", installed, folder / "x.diff", "-o", folder / "new.apk") < 350
    assert subprocess.run(["cmp", folder / "new.apk", wanted]).returncode == 0


def peak(*command: str | Path) -> int:
    """Anonymous memory that the command took at most, in MiB: mapped files are not its own."""
    program = subprocess.Popen([os.environ["PAKHUS_BIN"], *command])
    most = 0
    while True:
        try:
            program.wait(0.02)
            break
        except subprocess.TimeoutExpired:
            most = max(most, anonymous(program.pid))
    assert program.returncode == 0 and most > 0
    return most


def anonymous(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except ProcessLookupError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("RssAnon:")), 0)
