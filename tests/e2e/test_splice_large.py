"""Gigabytes: almost none of the bytes pass the function, memory stays bounded, and offsets past 2 GiB are right."""

import hashlib
import http.client
import json
import os
import random
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support import apks, client, edge, shop
from support.apks import GIB
from support.servers import Minio, Servers
from support.shop import Shop

INFO = json.dumps({"channel": "huawei"})
P = "/packages/APP/1.0/huawei.apk"


def pull(url: str) -> Iterator[bytes]:
    """The body of a GET, as it comes."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    connection.request("GET", parts.path)
    response = connection.getresponse()
    assert response.status == 200
    while chunk := response.read(1 << 20):
        yield chunk
    connection.close()


def digest(chunks: Iterator[bytes]) -> str:
    hash = hashlib.sha256()
    for chunk in chunks:
        hash.update(chunk)
    return hash.hexdigest()


def read(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def offline(name: str, folder: Path) -> Path:
    """In the test's folder, to be given back with it."""
    shop.run("prepare", apks.made(name), "-o", folder / "base.apk")
    shop.run("splice", folder / "base.apk", "--info", INFO, "-o", folder / "channel.apk")
    (folder / "base.apk").unlink()
    return folder / "channel.apk"


def offline_v1(name: str, folder: Path) -> Path:
    """By hand (S1, S5), in place of the original's copy: the comment's length, the info, and zeros."""
    path = folder / "channel.apk"
    subprocess.run(["cp", "--sparse=always", apks.made(name), path], check=True)
    with open(path, "r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(struct.pack("<H", 4096) + INFO.replace(" ", "").encode().ljust(4096, b"\0"))
    return path


def test_under_a_thousandth_passes_the_function(minio: Minio, bucket: str, servers: Servers, tmp_path: Path) -> None:
    with ExitStack() as stack:
        chain = edge.edge(minio, bucket, servers, stack)
        package = chain.store.publish(apks.made("1-gib"))
        chain.store.channel("APP", "huawei")
        chain.forget()
        wanted = digest(read(offline("1-gib", tmp_path)))
        assert digest(pull(chain.cdn.url + P)) == wanted
        asked = chain.asked()
        assert len(asked) == -(-package["size"] // shop.SLICE)
        assert package["size"] > GIB
        assert sum(one.bytes_sent for one in asked) < package["size"] / 1000
        chain.store.channel("APP", "xiaomi")
        chain.forget()
        at = shop.region(package).start
        assert b"xiaomi" in chain.ask(P.replace("huawei", "xiaomi"), range=f"bytes={at}-{at + 99}").body
        [server] = [one for one in servers.running if one.name == "pakhus"]
        assert server.peak() < 64 << 20
        # the same store without redirects: every byte passes, none is kept
        proxy = chain.store.program(servers, "--redirect", "never")
        assert digest(pull(proxy.url + P)) == wanted
        assert proxy.peak() < 96 << 20


@pytest.mark.parametrize("name", ["2-gib", "2-gib-v1"])
def test_past_two_gib(name: str, file_store: str, servers: Servers, tmp_path: Path) -> None:
    store = Shop(file_store)
    region = shop.region(store.publish(apks.made(name)))
    assert region.size > 2 * GIB
    store.channel("APP", "huawei")
    program = store.program(servers)
    url = program.url + P
    if name == "2-gib-v1":
        path = offline_v1(name, tmp_path)
    else:
        path = tmp_path / "channel.apk"
        shop.run("splice", shop.base_file(Path(file_store.removeprefix("file://"))), "--info", INFO, "-o", path)
    dice = random.Random(name)
    with open(path, "rb") as file:
        def check(first: int, last: int) -> None:
            last = min(last, region.size - 1)
            file.seek(first)
            answer = client.request(url, range=f"bytes={first}-{last}")
            assert (answer.status, answer.header("content-range")) == (206, f"bytes {first}-{last}/{region.size}")
            assert answer.body == file.read(last - first + 1), (first, last)

        for at in (2**31 - 1, 2**31, 2**31 - 100, region.start - 1, region.start, region.end, region.size - 1):
            check(at, at)
            check(at, at + 1000)
        for _ in range(40):
            at = dice.randrange(region.size)
            check(at, at + dice.choice([0, 4096, shop.SLICE, 6 << 20]))
        first = region.start // shop.SLICE * shop.SLICE
        check(first, first + shop.SLICE - 1)
    assert client.request(url, "HEAD").header("content-length") == str(region.size)
    assert client.request(url, range="bytes=-5").header("content-range") == f"bytes {region.size - 5}-{region.size - 1}/{region.size}"
    if name == "2-gib":
        assert digest(pull(url)) == digest(read(path))
    assert program.peak() < 64 << 20
