"""Publish, set a channel, serve, download by slices: what comes out is what `pakhus splice` makes offline, its signatures
hold and the readers in apps read the channel. For every kind of APK, from a directory and from a private bucket."""

import hashlib
import json
import re
import urllib.request
from pathlib import Path

import pytest

from support import apks, apksigner, client, readers, shop
from support.servers import Minio, Servers
from support.shop import Shop

INFO = {"channel": "huawei", "campaign": "spring-24", "note": "\u6d4b\u8bd5"}
KINDS = ["v1", "v1+v2", "v2", "v3", "v2+v3", "v1+v2+v3", "v3.1", "stamp", "verity", "exact-block", "no-padding", "old-walle",
         "page-aligned"]


def formats_of(name: str) -> str:
    """A comment has room for one form, a signing block for all."""
    return "walle,vasdolly" if name == "v1" else shop.ALL_FORMATS


def app_of(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "-", name)


@pytest.fixture(scope="module", params=["file", "minio"])
def served(request: pytest.FixtureRequest, module_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, str]:
    """A store of each kind, and the server in front of it."""
    if request.param == "file":
        made = Shop(f"file://{tmp_path_factory.mktemp('store')}")
    else:
        minio: Minio = request.getfixturevalue("minio")
        made = shop.minio_shop(minio, minio.bucket("thread"))
    return made, made.serve(module_servers)


def offline(name: str) -> Path:
    return shop.offline(name, json.dumps(INFO), formats_of(name))


@pytest.mark.parametrize("name", KINDS)
def test_served_package_is_the_offline_one(name: str, served: tuple[Shop, str]) -> None:
    store, url = served
    app = app_of(name)
    package = store.publish(apks.made(name), app)
    store.run("channel", "set", app, "huawei", "--formats", formats_of(name), "--info", json.dumps(INFO))
    wanted = offline(name).read_bytes()
    assert package["size"] == len(wanted)
    joined = client.download(f"{url}/packages/{app}/1.0/huawei.apk", package["size"])
    assert hashlib.sha256(joined).digest() == hashlib.sha256(wanted).digest()
    base = client.download(f"{url}/packages/{app}/1.0.apk", package["size"])
    assert base == shop.base(name).read_bytes()
    assert hashlib.sha256(base).hexdigest() == package["sha256"]


@pytest.mark.parametrize("name", KINDS)
def test_signatures_hold(name: str) -> None:
    verify = apksigner.verify_newest if name in ("v3.1", "stamp") else apksigner.verify
    before = verify(apks.made(name))
    assert before["verified"]
    assert verify(offline(name)) == before


@pytest.mark.parametrize("name", KINDS)
def test_readers_read_the_channel(name: str) -> None:
    found = readers.channels(offline(name))
    if name == "v1":
        assert found == {"vasdolly-v1": "huawei"}
    else:
        assert found == {"walle": INFO, "vasdolly": "huawei", "packer-ng": "huawei"}
        seen = readers.by_apk_info(offline(name))
        assert json.loads(seen["walle"]) == INFO
        assert (seen["vasdolly"], seen["packer-ng"]) == ("huawei", "huawei")


@pytest.mark.parametrize("formats, reads", [
    ("walle", {"walle": INFO}), ("vasdolly", {"vasdolly": "huawei"}), ("packer-ng", {"packer-ng": "huawei"}),
    ("walle,packer-ng", {"walle": INFO, "packer-ng": "huawei"})])
def test_an_app_has_the_formats_it_chose(formats: str, reads: dict[str, object], served: tuple[Shop, str], tmp_path: Path) -> None:
    store, url = served
    app = formats.replace(",", "-")
    package = store.publish(apks.made("v2+v3"), app)
    store.run("channel", "set", app, "huawei", "--formats", formats, "--info", json.dumps(INFO))
    path = tmp_path / "served.apk"
    path.write_bytes(client.download(f"{url}/packages/{app}/1.0/huawei.apk", package["size"]))
    assert readers.channels(path) == reads
    assert readers.by_packer_ng(path) == ("huawei" if "packer-ng" in formats else "null")


def test_v1_raw_info_stands_at_the_start_of_the_comment(served: tuple[Shop, str], tmp_path: Path) -> None:
    """S5: the info, and zeros after it."""
    store, url = served
    package = store.publish(apks.made("v1"), "raw")
    store.channel("raw", "huawei", INFO)
    region = shop.region(package)
    filled = client.request(f"{url}/packages/raw/1.0/huawei.apk", range=f"bytes={region.start}-{region.end}", follow=True).body
    text = filled.rstrip(b"\0")
    assert json.loads(text) == INFO
    assert len(filled) == 4096


def test_a_prepared_base_is_published_as_it_is(served: tuple[Shop, str]) -> None:
    store, _ = served
    package = store.publish(shop.base("v2"), "prepared")
    assert package["sha256"] == hashlib.sha256(shop.base("v2").read_bytes()).hexdigest()


def test_plain_client_gets_the_whole_file(served: tuple[Shop, str]) -> None:
    """Without slices at all, as a browser asks."""
    store, url = served
    store.publish(apks.made("v2"), "plain")
    store.run("channel", "set", "plain", "huawei", "--formats", shop.ALL_FORMATS, "--info", json.dumps(INFO))
    with urllib.request.urlopen(f"{url}/packages/plain/1.0/huawei.apk") as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/vnd.android.package-archive"
        assert response.read() == offline("v2").read_bytes()
