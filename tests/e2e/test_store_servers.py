"""Two S3 servers beside MinIO that start quickly: one that Pakhus works with, and one that it must refuse. `make stores` runs more of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import apks, client, shop, stores
from support.servers import Minio, Servers
from test_store_conformance import SUITES, run_suite

INFO = '{"channel":"huawei"}'


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    folder = tmp_path_factory.mktemp("moto")
    with Servers(folder / "logs") as running:
        yield stores.moto(running, folder)


def unbound(moto: Minio, bucket: str) -> str:
    """A bucket in a server that gives a presigned URL's bearer any range."""
    return moto.store(moto.bucket(bucket)) + "&bind-range=no"


@pytest.mark.parametrize("suite", SUITES)
def test_moto_passes_the_suites(suite: str, moto: Minio) -> None:
    """It ignores conditions on copies, closes every connection, reads bodies that are called forms, and checks no signature."""
    name = suite.replace("_", "-")
    run_suite(suite, unbound(moto, name), moto.credentials(), unbound(moto, f"{name}-beside"))


def test_a_package_is_published_to_moto_and_served(moto: Minio, servers: Servers) -> None:
    store = shop.Shop(unbound(moto, "shop"), moto.credentials())
    store.publish(apks.made("v1+v2+v3"))
    store.channel("APP", "huawei")
    url = store.serve(servers, "--redirect", "never") + "/packages/APP/1.0/huawei.apk"
    assert client.request(url).body == shop.offline("v1+v2+v3", INFO).read_bytes()


def test_a_store_that_lets_several_writers_win_is_refused(servers: Servers, tmp_path: Path) -> None:
    """s3proxy looks whether the key is there, and then writes. It lets one alone win now and then."""
    (tmp_path / "data").mkdir()
    proxy = stores.s3proxy(servers, tmp_path / "data")
    store = shop.minio_shop(proxy, proxy.bucket("shop"))
    done = [store.run("publish", apks.made("v2"), "--app", "APP", "--version", str(number), check=False) for number in range(6)]
    refused = [one for one in done if one.returncode == 1]
    assert refused and all("of 8 writers win that put one key if absent at the same time" in one.stderr for one in refused)
