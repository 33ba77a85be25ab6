"""publish and unpublish: whole packages or none, whatever happens on the way."""

import hashlib
import json
import os
import re
import signal
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import apks, client, odd_apks, shop
from support.servers import Minio, Servers, clean_environment, pakhus_binary
from support.shop import Shop
from support.stall import Stall


def published(store: Shop, servers: Servers, app: str = "APP", version: str = "1.0") -> bytes | None:
    """The base as a client gets it; None where there is none."""
    url = f"{store.serve(servers)}/packages/{app}/{version}.apk"
    answer = client.request(url, follow=True)
    assert answer.status in (200, 404), answer.body
    return answer.body if answer.status == 200 else None


def publish(store: Shop, apk: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return store.run("publish", apk, "--app", "APP", "--version", "1.0", *options, check=False)


def objects(store: Shop, minio: Minio | None = None) -> list[str]:
    """Every file of a directory that is a store."""
    folder = Path(store.store.removeprefix("file://"))
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_package_json_says_what_is_there(store: Shop, servers: Servers) -> None:
    before = time.time()
    package = store.publish(apks.made("v2+v3"))
    body = published(store, servers)
    assert body == shop.base("v2+v3").read_bytes()
    assert (package["app"], package["version"], package["size"]) == ("APP", "1.0", len(body))
    assert package["sha256"] == hashlib.sha256(body).hexdigest()
    assert package["scheme"] == "v2+v3"
    assert {**package["region"], "filled": False} == json.loads(shop.run("inspect", shop.base("v2+v3"), "--json").stdout)["region"]
    assert package["package"] == "io.appium.settings" and package["version_code"] > 0
    assert package["published"] >= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(before - 1))


def test_words_for_people(store: Shop) -> None:
    done = publish(store, apks.made("v2"))
    assert done.returncode == 0
    assert "APP/1.0" in done.stdout and "v2" in done.stdout
    assert done.stderr == ""  # no bar where there is no terminal


def test_the_same_again_is_fine(store: Shop) -> None:
    first = store.publish(apks.made("v2"))
    assert store.publish(apks.made("v2")) == first
    assert store.publish(shop.base("v2")) == first  # prepared by hand: the same bytes


def test_a_published_version_never_changes(store: Shop, servers: Servers) -> None:
    store.publish(apks.made("v2"))
    done = publish(store, apks.made("v2+v3"))
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert "APP/1.0 is published with other bytes" in line and "version" in line
    assert published(store, servers) == shop.base("v2").read_bytes()
    store.publish(apks.made("v2+v3"), "APP", "1.1")


def test_a_version_that_reads_as_a_patch_is_refused(store: Shop) -> None:
    done = store.run("publish", apks.made("v2"), "--app", "APP", "--version", "1..2", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the version '1..2' has '..' in it" in done.stderr
    store.publish(apks.made("v2"), "APP", "1.2.")


def test_another_application_is_refused(store: Shop, tmp_path: Path) -> None:
    """By its package name, or by its signer; the same signer's next version, and one that rotated its key, are not."""
    def refused(apk: Path, version: str = "2.0") -> str:
        done = store.run("publish", apk, "--app", "APP", "--version", version, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr

    store.publish(apks.made("older-v2"))
    assert refused(apks.made("v1+v2+v3")) == (
        "pakhus publish: this is another application: its package name is io.appium.uiautomator2.server, and that of APP/1.0 is "
        "io.appium.settings (`pakhus publish --force` publishes it all the same)\n")
    other = odd_apks.signed_by(tmp_path, "other", "EC")
    words = refused(other)
    assert words.startswith("pakhus publish: it is signed by another key than APP/1.0, so devices that have that do not install it as an update")
    certificates = re.findall(r"[0-9a-f]{64}", words)
    assert len(set(certificates)) == 2
    for one, apk in zip(certificates, (other, apks.made("v2"))):
        printed = subprocess.run(["apksigner", "verify", "--print-certs", apk], capture_output=True, text=True, check=True).stdout
        assert f"SHA-256 digest: {one}" in printed
    store.publish(apks.made("v2"), "APP", "2.0")
    store.publish(apks.made("v3.1"), "APP", "3.0")
    forced = store.run("publish", other, "--app", "APP", "--version", "4.0", "--force")
    assert forced.stderr.startswith("warning: it is signed by another key than APP/3.0")
    assert "signed by another key than APP/4.0" in refused(apks.made("v2"), "5.0")
    store.publish(apks.made("v2"), "APP", "2.0")  # again the same bytes


def test_signers_of_v1_packages_are_compared(directory: Shop) -> None:
    directory.publish(apks.made("older-v1"))
    directory.publish(apks.made("v1"), "APP", "1.1")
    directory.publish(apks.made("v2+v3"), "APP", "2.0")
    done = directory.run("publish", apks.original(), "--app", "APP", "--version", "3.0", check=False)
    assert done.returncode == 1 and "signed by another key than APP/2.0" in done.stderr


def test_versions_with_a_plus(store: Shop, servers: Servers) -> None:
    """As semantic versions have build numbers: through the store, the URLs, patches and commands."""
    old, new = "1.2.2+44", "1.2.3+45"
    store.publish(apks.made("older-v2"), "APP", old)
    store.publish(apks.made("v2"), "APP", new)
    assert json.loads(store.run("release", "APP", new, "--json").stdout)["current"] == new
    store.channel("APP", "huawei")
    url = store.serve(servers)
    for plus in ("+", "%2B"):
        spelt = new.replace("+", plus)
        answer = client.request(f"{url}/packages/APP/{spelt}/huawei.apk", follow=True)
        assert answer.status == 200 and answer.body == shop.offline("v2", '{"channel":"huawei"}').read_bytes()
        assert client.request(f"{url}/packages/APP/{spelt}.apk", follow=True).body == shop.base("v2").read_bytes()
        found = json.loads(client.request(f"{url}/query?app=APP&from={old.replace('+', plus)}&version={spelt}").body)
        assert found["package"] == f"APP/{new}" and (found["url"] == f"{url}/packages/APP/{new}.apk" or "%2B45/" in found["url"])  # signed, of a bucket
    assert f'filename="APP-{new}-huawei.apk"' in (client.request(f"{url}/packages/APP/{new}/huawei.apk", range="bytes=0-0").header("content-disposition") or "")
    store.run("diff", "--app", "APP", "--from", old, "--to", new)
    url = store.serve(servers)  # the first one remembers for some seconds that there was none
    for spelt in (f"{old}..{new}", f"{old}..{new}".replace("+", "%2B")):
        assert client.request(f"{url}/patches/APP/{spelt}.diff", follow=True).status == 200
    store.run("unpublish", "APP", old)
    assert published(store, servers, version=old) is None and published(store, servers, version=new) is not None
    refused = store.run("publish", apks.made("v2"), "--app", "A+B", "--version", "1", check=False)
    assert refused.returncode == 1 and "--app" in refused.stderr


def test_unpublish(store: Shop, servers: Servers) -> None:
    store.publish(apks.made("v2"))
    store.publish(apks.made("v2"), "APP", "2.0")
    done = store.run("unpublish", "APP", "1.0")
    assert done.returncode == 0
    assert published(store, servers) is None
    assert published(store, servers, version="2.0") is not None
    again = store.run("unpublish", "APP", "1.0", check=False)
    assert (again.returncode, again.stdout) == (1, "")
    assert "APP/1.0" in again.stderr and "not published" in again.stderr
    store.publish(apks.made("v2+v3"))  # the name is free
    assert published(store, servers) == shop.base("v2+v3").read_bytes()


def truncated(path: Path) -> bytes:
    return path.read_bytes()[:100_000]


def not_zip(path: Path) -> bytes:
    return b"x" * 100_000


def sizes_differ(path: Path) -> bytes:
    whole = bytearray(path.read_bytes())
    at = whole.rindex(b"APK Sig Block 42") - 8
    struct.pack_into("<Q", whole, at, struct.unpack_from("<Q", whole, at)[0] + 8)
    return bytes(whole)


@pytest.mark.parametrize("damage", [truncated, not_zip, sizes_differ, lambda path: b"", lambda path: apks.made("unsigned").read_bytes()])
def test_what_is_no_signed_apk_is_refused(damage: object, file_store: str, tmp_path: Path) -> None:
    store = Shop(file_store)
    bad = tmp_path / "bad.apk"
    assert callable(damage)
    bad.write_bytes(damage(apks.made("v2")))
    done = publish(store, bad)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("pakhus publish: ") and "bad.apk" in line
    assert objects(store) == []


@pytest.mark.parametrize("options, word", [
    (["--app", "../x", "--version", "1"], "--app"), (["--app", ".x", "--version", "1"], "--app"), (["--app", "", "--version", "1"], "--app"),
    (["--app", "A", "--version", "1/2"], "--version"), (["--app", "A", "--version", "x" * 129], "--version"),
    (["--app", "A\n", "--version", "1"], "--app"), (["--app", "\u00e9", "--version", "1"], "--app")])
def test_names_that_are_no_ids(options: list[str], word: str, file_store: str) -> None:
    done = Shop(file_store).run("publish", apks.made("v2"), *options, check=False)
    assert done.returncode == 1
    assert word in done.stderr and len(done.stderr.splitlines()) == 1
    assert objects(Shop(file_store)) == []


def test_a_larger_region(file_store: str) -> None:
    package = Shop(file_store).publish(apks.made("v2"), "APP", "1.0", "--region", "8192")
    assert package["region"]["length"] == 8192


@pytest.mark.parametrize("name, region", [("v2", "4095"), ("v2", "5000"), ("v2", "0"), ("v1", "70000"), ("v1", "512"), ("v2", "x"), ("v2", "-1")])
def test_regions_that_cannot_be(name: str, region: str, file_store: str) -> None:
    """Also one that is smaller than what channel info is checked against."""
    done = publish(Shop(file_store), apks.made(name), "--region", region)
    assert done.returncode == (1 if region.isdigit() else 2)
    assert "region" in done.stderr
    assert objects(Shop(file_store)) == []


def test_an_idsig_beside_it_is_a_warning(file_store: str, tmp_path: Path) -> None:
    path = tmp_path / "game.apk"
    path.write_bytes(apks.made("v2").read_bytes())
    (tmp_path / "game.apk.idsig").write_bytes(b"x")
    done = publish(Shop(file_store), path)
    assert done.returncode == 0
    assert "idsig" in done.stderr


def test_v4_and_old_channels_are_told(file_store: str) -> None:
    done = publish(Shop(file_store), apks.made("old-walle"))
    assert done.returncode == 0
    assert "channel" in done.stderr


def start(store: Shop, apk: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([pakhus_binary(), "publish", apk, "--store", store.store, "--app", "APP", "--version", "1.0"],
                            env={**clean_environment(), **store.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("limit", [300_000, 6 << 20, 15 << 20])
def test_killed_in_mid_upload_to_minio(limit: int, minio: Minio, bucket: str, servers: Servers) -> None:
    """18 MB, of which so many are through: nothing shows, and the next run makes it whole."""
    with Stall(minio.url, limit) as stall:
        running = start(shop.minio_shop(minio, bucket, endpoint=stall.url), apks.made("v1+v2+v3"))
        assert stall.stalled.wait(20)
        running.send_signal(signal.SIGKILL)
        running.wait()
    store = shop.minio_shop(minio, bucket)
    assert published(store, servers) is None
    listed = minio.client().list_objects_v2(Bucket=bucket).get("Contents", [])
    assert [one["Key"] for one in listed if "package.json" in one["Key"]] == []
    store.publish(apks.made("v1+v2+v3"))
    assert published(store, servers) == shop.base("v1+v2+v3").read_bytes()


def test_killed_in_mid_copy_to_a_directory(file_store: str, servers: Servers) -> None:
    store = Shop(file_store)
    folder = Path(file_store.removeprefix("file://"))
    running = start(store, apks.made("1-gib"))
    while not any(path.stat().st_size > 20_000_000 for path in folder.rglob("*") if path.is_file()):
        assert running.poll() is None
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert published(store, servers) is None
    store.publish(apks.made("v2"))  # other bytes, even: nothing had been published
    assert published(store, servers) == shop.base("v2").read_bytes()


def test_killed_between_base_and_package_json(store: Shop, servers: Servers, request: pytest.FixtureRequest) -> None:
    """The base stands there without its record: it is no publication, and goes with the next."""
    for name in ("v2", "v2+v3", "v2+v3"):
        store.publish(apks.made(name))
        assert published(store, servers) == shop.base(name).read_bytes()
        assert len(stored(store, request)) == 2
        remove_package_json(store, request)
        assert published(store, servers) is None
    store.run("unpublish", "APP", "1.0")
    assert stored(store, request) == []


def stored(store: Shop, request: pytest.FixtureRequest) -> list[str]:
    """Packages, without the documents of what the store is worth and of the newest version."""
    if store.store.startswith("file://"):
        keys = objects(store)
    else:
        listed = request.getfixturevalue("minio").client().list_objects_v2(Bucket=request.getfixturevalue("bucket"))
        keys = [one["Key"] for one in listed.get("Contents", [])]
    return [key for key in keys if key != "probe/checked.json" and "/.newest/" not in key]


def remove_package_json(store: Shop, request: pytest.FixtureRequest) -> None:
    key = "packages/APP/1.0/package.json"
    if store.store.startswith("file://"):
        os.unlink(Path(store.store.removeprefix("file://")) / key)
    else:
        request.getfixturevalue("minio").client().delete_object(Bucket=request.getfixturevalue("bucket"), Key=key)


def test_publishers_at_once_with_the_same_bytes(store: Shop, servers: Servers) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: publish(store, apks.made("v2"), "--json"), range(4)))
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 4
    assert published(store, servers) == shop.base("v2").read_bytes()
    assert len({json.loads(one.stdout)["sha256"] for one in done}) == 1


def test_publishers_at_once_with_other_bytes(store: Shop, servers: Servers) -> None:
    """One of them wins, and it is whole."""
    names = ["v2", "v2+v3"] * 3
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda name: publish(store, apks.made(name)), names))
    won = {name for name, one in zip(names, done) if one.returncode == 0}
    assert len(won) == 1, [(one.returncode, one.stderr) for one in done]
    [winner] = won
    assert published(store, servers) == shop.base(winner).read_bytes()
    for name, one in zip(names, done):
        assert one.returncode == (0 if name == winner else 1)
        assert name == winner or len(one.stderr.splitlines()) == 1


def test_two_v1_forms_and_a_v1_package(file_store: str) -> None:
    store = Shop(file_store)
    store.config("APP", "--formats", shop.ALL_FORMATS)
    done = publish(store, apks.made("v1"))
    assert done.returncode == 1
    assert "v1" in done.stderr
    assert publish(store, apks.made("v2")).returncode == 0
    store.publish(apks.made("v1"), "OLD")
    refused = store.run("channel", "config", "OLD", "--formats", shop.ALL_FORMATS, check=False)
    assert refused.returncode == 1 and "v1" in refused.stderr
    store.config("OLD", "--formats", "walle,vasdolly")
