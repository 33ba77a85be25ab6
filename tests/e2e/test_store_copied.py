"""A directory or a bucket that was copied, restored from a backup, or damaged: what is in it serves if it is what was published, and else says so."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support import apks, client, shop
from support.servers import Command, Minio, Servers
from support.shop import Shop

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
    assert (patch.status, patch.body) == (200, shop.diff_file(original, "0.9..1.0").read_bytes())


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
    arguments: Command = [shop.pakhus_binary(), "publish", apks.made("v1+v2+v3"), "--store", file_store, "--app", "APP", "--version", "1.0"]
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


# --- buckets

LARGE = "v1+v2+v3"  # sent in parts: its ETag tells how

@pytest.fixture(scope="module")
def sent_in_parts(minio: Minio) -> str:
    bucket = minio.bucket("copied-from")
    store = shop.minio_shop(minio, bucket)
    store.publish(apks.made(LARGE), "APP", "1.0", "--force")
    store.channel("APP", "huawei")
    return bucket


def copied(minio: Minio, source: str, old: bool, spoilt: bool = False) -> tuple[str, str]:
    """The bucket's objects in another one, sent whole: those in parts get other ETags. `old`: what was published a day ago. Returns
    that bucket, and the base's new ETag."""
    s3, target, etag = minio.client(), minio.bucket("copied-to"), ""
    for key in [one["Key"] for one in s3.list_objects_v2(Bucket=source)["Contents"]]:
        body = s3.get_object(Bucket=source, Key=key)["Body"].read()
        if key.endswith("package.json") and old:
            body = json.dumps({**json.loads(body), "modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z"}).encode()
        if shop.is_base(key) and spoilt:
            body = body[:5000] + bytes([body[5000] ^ 0xFF]) + body[5001:]
        answer = s3.put_object(Bucket=target, Key=key, Body=body)
        etag = answer["ETag"] if shop.is_base(key) else etag
    return target, etag


@pytest.mark.parametrize("old", [True, False])
def test_a_copied_bucket_just_works(old: bool, sent_in_parts: str, minio: Minio, servers: Servers) -> None:
    wanted = shop.offline(LARGE, INFO).read_bytes()
    bucket, _ = copied(minio, sent_in_parts, old)
    recorder = servers.recorder(minio.url)
    url = shop.minio_shop(minio, bucket, endpoint=recorder.url).serve(servers, "--redirect", "never")
    for first in (0, 500_000):
        answer = client.request(url + P, range=f"bytes={first}-{first + 99_999}")
        assert (answer.status, answer.body) == (206, wanted[first : first + 100_000])
    assert client.request(url + P).body == wanted
    whole = [one for one in recorder.requests() if shop.is_base(urlsplit(one.uri).path) and one.bytes_sent >= len(wanted)]
    assert len(whole) == 2  # one to know it, one for the client


def test_redirects_of_a_copied_bucket_name_its_own_object(sent_in_parts: str, minio: Minio, servers: Servers) -> None:
    bucket, etag = copied(minio, sent_in_parts, old=True)
    answer = client.request(shop.minio_shop(minio, bucket).serve(servers) + P, range="bytes=0-99999")
    assert (answer.status, answer.header("pakhus-base-etag")) == (302, etag)


def test_a_bucket_that_was_copied_with_a_fault_is_read_once(sent_in_parts: str, minio: Minio, servers: Servers) -> None:
    size = shop.base(LARGE).stat().st_size
    bucket, _ = copied(minio, sent_in_parts, old=True, spoilt=True)
    recorder = servers.recorder(minio.url)
    url = shop.minio_shop(minio, bucket, endpoint=recorder.url).serve(servers, "--redirect", "never")
    for _ in range(5):
        answer = client.request(url + P, range="bytes=4900-5100")
        assert (answer.status, json.loads(answer.body)["type"]) == (503, "stored-object-changed")
    assert len([one for one in recorder.requests() if one.bytes_sent >= size]) == 1
    shop.minio_shop(minio, bucket).publish(apks.made(LARGE), "APP", "1.0", "--force")
    assert client.request(url + P, range="bytes=4900-5100").body == shop.offline(LARGE, INFO).read_bytes()[4900:5101]
