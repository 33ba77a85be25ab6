"""Stores that speak S3 with an accent: Alibaba's OSS and Tencent's COS, as they are on the wire."""

import dataclasses
import json
from collections.abc import Iterator

import pytest

from support import apks, client, shop
from support.fc import FunctionCompute
from support.oss import COS, OSS, Dialect, Oss
from support.servers import Minio, Servers
from support.shop import Shop
from test_store_conformance import SUITES, run_suite


@pytest.fixture
def oss(minio: Minio) -> Iterator[Oss]:
    with Oss(minio) as running:
        yield running


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("dialect", [OSS, COS], ids=lambda dialect: dialect.name)
def test_conformance(suite: str, dialect: Dialect, minio: Minio, bucket: str) -> None:
    with Oss(minio, dialect) as running:
        run_suite(suite, running.store(bucket, "pre/fix"), minio.credentials())


@pytest.mark.parametrize("behaviour", ["refused", "ignored"])
def test_without_its_own_condition_the_store_is_refused(behaviour: str, minio: Minio, bucket: str) -> None:
    with Oss(minio, dataclasses.replace(OSS, standard_condition=behaviour)) as running:
        store = Shop(running.store(bucket, options="&if-absent=standard"), minio.credentials())
        done = store.run("publish", apks.made("v2"), "--app", "APP", "--version", "1.0", check=False)
    assert done.returncode == 1
    assert "if-absent=oss" in done.stderr and bucket in done.stderr


def test_a_bucket_in_the_path_is_told(minio: Minio, bucket: str) -> None:
    with Oss(minio) as running:
        done = Shop(running.store(bucket) + "&path-style=1", minio.credentials()).run("release", "APP", check=False)
    assert done.returncode == 1 and "SecondLevelDomainForbidden" in done.stderr


def test_channel_packages_on_function_compute(oss: Oss, minio: Minio, bucket: str, servers: Servers) -> None:
    """Published by commands with keys of their own, served with the keys that the platform lends; the client reads as a CDN does that
    follows by itself: slices of 512 KiB, the last one not clamped."""
    store = Shop(oss.store(bucket), minio.credentials())
    package = store.publish(apks.made("v2+v3"))
    store.channel("APP", "huawei")
    function = servers.function("channel-range-splice", {"PAKHUS_STORE": store.store}, host="fc")
    lent = {"id": minio.access_key, "secret": minio.secret_key}
    with FunctionCompute(function.url, lent) as platform:
        got = client.download(f"{platform.url}/packages/APP/1.0/huawei.apk", package["size"])
    assert got == shop.offline("v2+v3", json.dumps({"channel": "huawei"})).read_bytes()


def test_lent_keys_come_with_a_token(minio: Minio, bucket: str, servers: Servers) -> None:
    shop.minio_shop(minio, bucket).publish(apks.made("v2"))
    with Oss(minio, token="lent-token") as running:
        function = servers.function("channel-range-splice", {"PAKHUS_STORE": running.store(bucket)}, host="fc")
        lent = {"id": minio.access_key, "secret": minio.secret_key, "token": "lent-token"}
        with FunctionCompute(function.url, lent) as platform:
            answer = client.request(f"{platform.url}/packages/APP/1.0.apk", range="bytes=0-99999", follow=True)
    assert (answer.status, len(answer.body)) == (206, 100_000)
