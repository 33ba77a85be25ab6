"""P3: the installed channel and the wanted one differ. The patch is the same; the region is the wanted channel's."""

import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from support import apks, apksigner, client, readers, shop
from support.servers import Minio, Program, Servers
from support.shop import Shop, minio_shop

OLD, NEW = "older-v2", "v2"
B, C = {"channel": "B"}, {"channel": "C", "campaign": "2026"}


@pytest.fixture(params=["file", "minio"])
def stock(request: pytest.FixtureRequest) -> Shop:
    """Versions 1.0 and 2.0, the patch between them, and the channels B and C."""
    if request.param == "file":
        store = Shop(request.getfixturevalue("file_store"))
    else:
        minio: Minio = request.getfixturevalue("minio")
        store = minio_shop(minio, request.getfixturevalue("bucket"))
    store.publish(apks.made(OLD))
    store.publish(apks.made(NEW), version="2.0")
    store.run("diff", "--app", "APP", "--from", "1.0", "--to", "2.0")
    store.channel("APP", "B", B)
    store.channel("APP", "C", C)
    return store


def ask(server: Program, **wish: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.url}/query?{urlencode({'app': 'APP', 'from': '1.0', **wish})}") as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


def update(answer: dict[str, Any], installed: Path, folder: Path, check: bool = True) -> Path:
    """As a device does it, by the command."""
    assert (answer["kind"], answer["package"]) == ("patch", "APP/1.0..2.0")
    (folder / "x.diff").write_bytes(client.request(answer["url"], follow=True).body)
    region = ["--region", answer["region"]["url"]] if "region" in answer else []
    shop.run("patch", installed, folder / "x.diff", *region, "-o", folder / "new.apk", check=check)
    return folder / "new.apk"


def test_p3_a_device_with_b_that_asks_for_c_ends_with_c(stock: Shop, servers: Servers, tmp_path: Path) -> None:
    server = stock.program(servers)
    answer = ask(server, channel="C", from_channel="B")
    made = update(answer, shop.offline(OLD, json.dumps(B)), tmp_path)
    assert made.read_bytes() == shop.offline(NEW, json.dumps(C)).read_bytes()
    assert readers.channels(made)["walle"] == C and apksigner.schemes(made) == {"v2"}
    assert made.read_bytes() == client.request(f"{server.url}/packages/APP/2.0/C.apk", follow=True).body


def test_p3_the_region_can_be_filled_by_any_client(stock: Shop, servers: Servers, tmp_path: Path) -> None:
    """Offset and length are in the answer: a ranged GET, and a write. The function answers it, not the store."""
    region = ask(stock.program(servers), channel="C")["region"]
    wanted = shop.offline(NEW, json.dumps(C)).read_bytes()
    first, length = region["offset"], region["length"]
    part = client.get(region["url"], f"bytes={first}-{first + length - 1}")
    assert (part.status, part.body) == (206, wanted[first:first + length])
    assert wanted[:first] == shop.base(NEW).read_bytes()[:first] and length == 4096


def test_p3_present_info_is_filled_in(stock: Shop, servers: Servers, tmp_path: Path) -> None:
    """C's info changed since the patch was made."""
    stock.channel("APP", "C", {"channel": "C", "campaign": "2027"})
    answer = ask(stock.program(servers), channel="C", from_channel="B")
    assert readers.channels(update(answer, shop.offline(OLD, json.dumps(B)), tmp_path))["walle"] == {"channel": "C", "campaign": "2027"}


def test_p3_the_same_channel_moves_along_with_info_of_its_own(stock: Shop, servers: Servers, tmp_path: Path) -> None:
    server, own = stock.program(servers), {"channel": "B", "click": "7"}  # of a signed URL
    for wish in ({"channel": "B", "from_channel": "B"}, {}):
        answer = ask(server, **wish)
        assert "region" not in answer
        assert readers.channels(update(answer, shop.offline(OLD, json.dumps(own)), tmp_path))["walle"] == own


def test_p3_a_device_that_wants_no_channel_any_more(stock: Shop, servers: Servers, tmp_path: Path) -> None:
    answer = ask(stock.program(servers), from_channel="B")
    assert update(answer, shop.offline(OLD, json.dumps(B)), tmp_path).read_bytes() == shop.base(NEW).read_bytes()


def test_p3_another_channel_of_the_installed_version(stock: Shop, servers: Servers) -> None:
    """There is no patch for that, and the device does not have it yet."""
    server = stock.program(servers)
    query = f"{server.url}/query?app=APP&from=2.0&channel=C"
    full = json.loads(client.request(query + "&from_channel=B").body)
    assert (full["package"], full["kind"]) == ("APP/2.0/C", "full") and "region" not in full
    assert client.request(query).status == client.request(query + "&from_channel=C").status == 204
    assert client.request(f"{server.url}/query?app=APP&from=2.0&from_channel=B").status == 204


def test_p3_the_command_asks_with_both(file_store: str) -> None:
    store = Shop(file_store)
    store.publish(apks.made(OLD))
    store.publish(apks.made(NEW), version="2.0")
    store.run("diff", "--app", "APP", "--from", "1.0", "--to", "2.0")
    store.channel("APP", "C", C)
    wish = ["query", "--app", "APP", "--from", "1.0", "--channel", "C", "--json"]
    told = json.loads(store.run(*wish, "--from-channel", "B").stdout)
    assert told["region"]["url"] == "http://127.0.0.1:8080/packages/APP/2.0/C.apk"
    assert "region" not in json.loads(store.run(*wish, "--from-channel", "C").stdout)


def test_a_region_of_something_else_is_refused(stock: Shop, servers: Servers, tmp_path: Path) -> None:
    server = stock.program(servers)
    answer = ask(server, channel="C")
    installed = shop.offline(OLD, json.dumps(B))
    update(answer, installed, tmp_path)
    stock.publish(apks.made("v1"), version="0.5")
    for url, words in ((f"{server.url}/packages/APP/0.5/C.apk", "this is not the package that the patch makes"),
                       (f"{server.url}/packages/APP/2.0/D.apk", "404"), (f"{server.url}/healthz", "ignored the range"),
                       ("http://127.0.0.1:9/C.apk", "127.0.0.1")):
        done = shop.run("patch", installed, tmp_path / "x.diff", "--region", url, "-o", tmp_path / "other.apk", check=False)
        assert (done.returncode, done.stdout) == (1, "") and words in done.stderr and "--region" in done.stderr
        assert not (tmp_path / "other.apk").exists()
