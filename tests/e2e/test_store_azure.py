"""Azure Blob Storage, as Azurite speaks it."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from support import apks, azurite, client, shop
from support.azurite import Azurite
from support.gateway import Answer
from support.servers import Servers
from support.shop import Shop
from test_store_conformance import SUITES, run_suite
from test_store_servers import check

INFO = '{"channel":"huawei"}'
FOLLOWS = {"Pakhus-Follow": "1"}
BIG = "v1+v2+v3"  # 18 MB: three blocks
P = "/packages/APP/1.0/huawei.apk"


def location(answer: Answer) -> str:
    return answer.header("location") or ""


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    with Servers(tmp_path_factory.mktemp("azurite") / "logs") as running:
        yield azurite.start(running)


@pytest.fixture
def store(azure: Azurite) -> Shop:
    return Shop(azure.store(azure.bucket(f"test-{uuid.uuid4().hex[:12]}"), "pre/fix"), azure.credentials())


@pytest.mark.parametrize("suite", SUITES)
def test_azurite_passes_the_suites(suite: str, azure: Azurite) -> None:
    name = suite.replace("_", "-")
    beside = azure.store(azure.bucket(f"{name}-beside"))
    run_suite(suite, azure.store(azure.bucket(name), "pre/fix"), azure.credentials(), beside)


def test_it_is_fit(store: Shop) -> None:
    found = check(store)
    verdicts = found["verdicts"]
    assert found["verdict"] == "good" and verdicts.pop("presigned ranges") == "skipped"
    assert set(verdicts.values()) == {"good"} and len(verdicts) == 9


def test_a_package_is_published_served_and_found(store: Shop, servers: Servers) -> None:
    store.publish(apks.made(BIG))
    store.channel("APP", "huawei")
    wanted = shop.offline(BIG, INFO).read_bytes()
    direct = store.serve(servers, "--redirect", "never")
    assert client.request(direct + P).body == wanted
    redirecting = store.serve(servers, "--public-url", "https://apps.example")
    seen = set()
    got = b""
    for at in range(0, len(wanted), shop.SLICE):
        range_ = f"bytes={at}-{min(at + shop.SLICE, len(wanted)) - 1}"
        answer = client.request(redirecting + P, headers=FOLLOWS, range=range_)
        seen.add(answer.status)
        got += client.request(location(answer), range=range_).body if answer.status == 302 else answer.body
    assert got == wanted and seen == {302, 206}
    found = json.loads(client.request(redirecting + "/query?app=APP&ip=192.0.2.1&mask=255.255.255.0").body)
    assert "/packages/APP/1.0" in json.dumps(found)
    store.run("unpublish", "APP", "1.0")
    assert client.request(direct + P).status == 404


def test_who_is_redirected(store: Shop, servers: Servers) -> None:
    """A SAS holds for every range, and Azure knows no range that counts from the end."""
    store.publish(apks.made("v2+v3"))
    store.channel("APP", "huawei")
    url = store.serve(servers, "--probe-max", "0") + P
    ahead = "bytes=0-99999"
    assert client.request(url, range=ahead).status == 206
    answer = client.request(url, headers=FOLLOWS, range=ahead)
    query = parse_qs(urlsplit(location(answer)).query)
    assert answer.status == 302 and query["sp"] == ["r"] and query["sr"] == ["b"]
    assert client.request(url, headers=FOLLOWS, range="bytes=-20").status == 206  # behind the region
    assert client.request(location(answer).replace("sp=r", "sp=rw"), range=ahead).status == 403
    assert client.request(location(answer).split("?")[0], range=ahead).status >= 400


def test_of_two_publishers_one_wins(store: Shop, servers: Servers) -> None:
    def publish(region: str) -> int:
        return store.run("publish", apks.made(BIG), "--app", "APP", "--version", "1.0", "--region", region, check=False).returncode

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(publish, ["4096", "8192"])) == [0, 1]
    answer = client.request(store.serve(servers, "--redirect", "never") + "/packages/APP/1.0.apk")
    assert answer.status == 200 and len(answer.body) > 16 << 20


@pytest.mark.parametrize("change, words", [
    ({"AZURE_STORAGE_KEY": "YW5vdGhlciBrZXk="}, "check AZURE_STORAGE_KEY"),
    ({"AZURE_STORAGE_KEY": ""}, "no credentials: set AZURE_STORAGE_KEY"),
    ({"AZURE_STORAGE_KEY": "not*base64"}, "AZURE_STORAGE_KEY is not a storage account's key"),
])
def test_wrong_credentials_are_told(change: dict[str, str], words: str, store: Shop) -> None:
    done = Shop(store.store, {**store.env, **change}).run("channel", "list", "APP", check=False)
    assert done.returncode == 1 and words in done.stderr
    assert not change["AZURE_STORAGE_KEY"] or change["AZURE_STORAGE_KEY"] not in done.stderr


def test_a_named_key_is_used(store: Shop) -> None:
    named = Shop(store.store + "&credentials=shop-1", {"SHOP_1_STORAGE_KEY": store.env["AZURE_STORAGE_KEY"]})
    assert named.run("channel", "list", "APP", check=False).stderr.find("credentials") < 0


def test_a_missing_container_is_told(azure: Azurite) -> None:
    done = Shop(azure.store("no-such-container"), azure.credentials()).run("channel", "list", "APP", check=False)
    assert done.returncode == 1 and "there is no such container" in done.stderr and "no-such-container" in done.stderr
