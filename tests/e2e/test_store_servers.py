"""Two S3 servers beside MinIO that start quickly: one that Pakhus works with, and one that it must refuse. `make stores` runs more of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import apks, client, shop, stores
from support.servers import Minio, Servers
from support.slow import Slow
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


def check(store: shop.Shop) -> dict[str, Any]:
    done = store.run("store", "check", "--json", check=False)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if found["verdict"] == "refused" else 0), done.stderr
    found["verdicts"] = {trial["name"]: trial["verdict"] for trial in found["trials"]}
    return found


def test_minio_is_checked_and_publish_asks_no_more(minio: Minio, servers: Servers) -> None:
    recorder = servers.recorder(minio.url)
    store = shop.Shop(minio.store(minio.bucket("checked"), endpoint=recorder.url), minio.credentials())
    found = check(store)
    assert found["verdict"] == "good" and set(found["verdicts"].values()) == {"good"}
    assert len(found["verdicts"]) == 10
    before = len(recorder.requests())
    store.publish(apks.made("v2"))
    probes = [seen for seen in recorder.requests()[before:] if "/probe/" in seen.uri]
    assert [(seen.method, seen.uri) for seen in probes] == [("GET", "/checked/probe/checked.json")]


def test_what_is_weak_is_told_and_what_is_bad_is_refused(moto: Minio) -> None:
    """moto ignores conditions on copies, and gives a presigned URL's bearer any range."""
    found = check(shop.Shop(unbound(moto, "weak"), moto.credentials()))
    assert found["verdict"] == "weak" and found["verdicts"]["copies the version named"] == "weak"
    assert found["verdicts"]["presigned ranges"] == "skipped"
    bound = shop.Shop(moto.store(moto.bucket("bound")), moto.credentials())
    found = check(bound)
    assert found["verdict"] == "refused" and found["verdicts"]["presigned ranges"] == "refused"
    done = bound.run("publish", apks.made("v2"), "--app", "APP", "--version", "1.0", check=False)
    assert done.returncode == 1 and "pakhus store check" in done.stderr and "bind-range=no" in done.stderr


def test_a_store_that_lets_several_writers_win_is_refused(servers: Servers, tmp_path: Path) -> None:
    """s3proxy looks whether the key is there, and then writes. It lets one alone win now and then, but hardly ten times."""
    (tmp_path / "data").mkdir()
    proxy = stores.s3proxy(servers, tmp_path / "data")
    store = shop.minio_shop(proxy, proxy.bucket("shop"))
    found = check(store)
    assert found["verdicts"]["put if absent, at once"] == "refused"
    done = store.run("publish", apks.made("v2"), "--app", "APP", "--version", "1.0", check=False)
    assert done.returncode == 1 and "of 8 writers win that put one key if absent at the same time" in done.stderr
    again = shop.minio_shop(proxy, proxy.bucket("other"))
    done = again.run("publish", apks.made("v2"), "--app", "APP", "--version", "1.0", check=False)
    assert done.returncode == 1 and "of 8 writers win that put one key if absent at the same time" in done.stderr


def test_a_server_that_is_slow_is_raced_less_often(minio: Minio) -> None:
    """SeaweedFS's writers of one key wait for each other by the second: ten races took half a minute, and `publish` gave up."""
    with Slow(minio.url, 1300) as slow:
        slow.on = True
        store = shop.Shop(minio.store(minio.bucket("slow"), endpoint=slow.url), minio.credentials())
        trials = json.loads(store.run("store", "check", "--json").stdout)["trials"]
    race = next(trial for trial in trials if trial["name"] == "put if absent, at once")
    found = re.fullmatch("([0-9]+) races of 8 writers: one won each", race["seen"])
    assert found is not None and 4 <= int(found[1]) < 10


def test_a_directory_is_checked_and_nothing_is_kept_but_the_record(tmp_path: Path) -> None:
    store = shop.Shop(f"file://{tmp_path}/store")
    found = check(store)
    assert found["verdict"] == "good" and found["verdicts"]["presigned ranges"] == "skipped"
    assert [path.name for path in (tmp_path / "store" / "probe").iterdir()] == ["checked.json"]
    table = store.run("store", "check").stdout
    assert table.splitlines()[-1] == "fit for Pakhus" and table.count("good ") == 9


def test_a_store_that_is_not_there_is_no_verdict() -> None:
    done = shop.Shop("s3://bucket?endpoint=http://127.0.0.1:9", {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}).run("store", "check", check=False)
    assert done.returncode == 1 and done.stdout == "" and "127.0.0.1:9" in done.stderr
