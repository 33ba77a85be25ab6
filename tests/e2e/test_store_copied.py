"""A directory that was copied, restored from a backup, or damaged: what is in it serves if it is what was published, and else says so."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support import apks, client, shop
from support.servers import Servers
from support.shop import Region, Shop

P = "/packages/APP/1.0/huawei.apk"
INFO = '{"channel":"huawei"}'


@pytest.fixture
def original(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    store = Shop(f"file://{tmp_path}/a")
    store.publish(apks.made("v2"))
    store.publish(apks.made("older-v2"), version="0.9")
    store.run("diff", "--app", "APP", "--from", "0.9", "--to", "1.0")
    store.channel("APP", "huawei")
    return tmp_path / "a"


def as_it_is(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)


def without_times(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=shutil.copyfile)


def by_tar(source: Path, target: Path) -> None:
    target.mkdir()
    archive = subprocess.run(["tar", "-C", source, "-cf", "-", "."], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-C", target, "-xf", "-"], input=archive, check=True)


@pytest.mark.parametrize("copy", [as_it_is, without_times, by_tar])
def test_a_copy_just_works(copy: Callable[[Path, Path], None], original: Path, tmp_path: Path, servers: Servers) -> None:
    wanted = shop.offline("v2", INFO).read_bytes()
    copy(original, tmp_path / "b")
    url = Shop(f"file://{tmp_path}/b").serve(servers)
    for _ in range(2):
        assert client.request(url + P).body == wanted
        assert client.request(url + P, range="bytes=0-99").body == wanted[:100]
    patch = client.request(url + "/patches/APP/0.9..1.0.diff")
    assert (patch.status, patch.body) == (200, (original / "patches/APP/0.9..1.0.diff").read_bytes())


def spoil(base: Path) -> None:
    body = bytearray(base.read_bytes())
    body[5000] ^= 0xFF
    base.write_bytes(body)


@pytest.mark.parametrize("damage", [spoil, Path.unlink, lambda base: base.write_bytes(b"short")])
def test_what_is_not_what_was_published_says_so_and_is_mended(damage: Callable[[Path], None], original: Path, servers: Servers) -> None:
    wanted = shop.offline("v2", INFO).read_bytes()
    store = Shop(f"file://{original}")
    program = store.program(servers)
    assert client.request(program.url + P).body == wanted
    damage(shop.base_file(original))
    for _ in range(2):
        answer = client.request(program.url + P, range="bytes=4900-5100")
        assert (answer.status, json.loads(answer.body)["type"]) == (503, "stored-object-changed")
        assert "publish the package again" in json.loads(answer.body)["detail"]
    assert "is not the object that was published" in program.output()
    store.publish(apks.made("v2"))
    assert client.request(program.url + P).body == wanted
    assert len(list((original / "packages/APP/1.0").iterdir())) == 2


def test_a_record_of_version_0_1_is_read(original: Path, servers: Servers) -> None:
    base = shop.base_file(original)
    record = base.parent / "package.json"
    package = json.loads(record.read_text())
    del package["base"]
    record.write_text(json.dumps(package))
    base.rename(base.parent / "base.apk")
    url = Shop(f"file://{original}").serve(servers)
    assert client.request(url + P).body == shop.offline("v2", INFO).read_bytes()


def test_what_killed_publishers_left_goes_with_the_next(file_store: str) -> None:
    folder, store = Path(file_store.removeprefix("file://")), Shop(file_store)
    arguments = [shop.pakhus_binary(), "publish", apks.made("v1+v2+v3"), "--store", file_store, "--app", "APP", "--version", "1.0"]
    for number in range(8):
        running = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.004 * number)
        running.kill()
        running.wait()
    (folder / "~new").mkdir(exist_ok=True)
    (folder / "~new/1-0123456789abcdef").write_bytes(b"of one that was killed")
    store.publish(apks.made("v1+v2+v3"))
    assert not list((folder / "~new").iterdir())
    assert sorted(file.name for file in (folder / "packages/APP/1.0").iterdir()) == [shop.base_file(folder).name, "package.json"]
    assert shop.base_file(folder).read_bytes() == shop.base("v1+v2+v3").read_bytes()
