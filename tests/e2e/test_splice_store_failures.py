"""The store down, slow, refusing or gone: a problem with a stable type for the client, a line for the operator that says what
to do, and no secret in either."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from support import apks, client, shop
from support.client import Truncated
from support.cut import Cut
from support.gateway import Answer
from support.servers import Minio, Program, Servers, free_port
from support.shop import Region, Shop
from support.slow import Slow

P = "/packages/APP/1.0/huawei.apk"
AHEAD = "bytes=0-99999"  # of the region, and longer than a probe
P_LARGE = "/packages/APP/2.0/huawei.apk"
LARGE = "v1+v2+v3"  # 18 MB
INFO = '{"channel":"huawei"}'


@pytest.fixture(scope="module")
def stocked(minio: Minio) -> str:
    """A bucket with a package in it, and another one that does not fit into a buffer."""
    bucket = minio.bucket("failures")
    store = shop.minio_shop(minio, bucket)
    store.publish(apks.made("v2"))
    store.publish(apks.made(LARGE), "APP", "2.0", "--force")
    store.channel("APP", "huawei")
    return bucket


@pytest.fixture(scope="module")
def region(minio: Minio, stocked: str) -> Region:
    return shop.region(shop.minio_shop(minio, stocked).publish(apks.made("v2")))


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.header("content-type") == "application/problem+json", answer.body
    assert answer.header("cache-control") == "no-store"
    found = json.loads(answer.body)
    assert found["status"] == answer.status and found["detail"]
    return answer.status, found["type"]


def no_secret(program: Program, minio: Minio, *answers: Answer) -> None:
    for text in [program.output(), *(answer.body.decode() for answer in answers)]:
        assert minio.secret_key not in text
        assert "X-Amz-Signature" not in text and "Signature=" not in text


def complaint(program: Program) -> str:
    """The operator's line."""
    lines = [line for line in program.output().splitlines() if " error " in line]
    assert lines, program.output()
    return lines[-1]


def test_store_down(minio: Minio, stocked: str, servers: Servers) -> None:
    port = free_port()
    program = shop.minio_shop(minio, stocked, endpoint=f"http://127.0.0.1:{port}").program(servers)
    answer = client.request(program.url + P, range="bytes=0-9", timeout=60)  # as long as a CDN waits
    assert problem(answer) == (503, "store-unavailable")
    assert answer.header("retry-after") == "1"
    assert f"127.0.0.1:{port}" in complaint(program)
    no_secret(program, minio, answer)


def test_store_down_after_the_facts_are_known(minio: Minio, stocked: str, region: Region, servers: Servers) -> None:
    recorder = servers.recorder(minio.url)
    program = shop.minio_shop(minio, stocked, endpoint=recorder.url).program(servers)
    assert client.request(program.url + P, range=AHEAD).status == 302
    recorder.stop()
    time.sleep(5.2)  # the channels are asked for again
    nobody = client.request(f"{program.url}/packages/APP/1.0/nobody.apk", range="bytes=0-9")
    assert nobody.status in (404, 503)  # and what is known does not get lost over it
    for _ in range(2):
        assert client.request(program.url + P, range=AHEAD).status == 302
        assert client.request(program.url + P, range=f"bytes={region.start}-{region.end}").status == 206
    across = client.request(program.url + P, range=f"bytes={region.start - 1}-{region.end}")
    assert problem(across) == (503, "store-unavailable")
    no_secret(program, minio, across)


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        taken: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    taken.append(listening.accept()[0])
            except OSError:
                pass

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        for one in taken:
            one.close()


def test_silent_store_is_a_504_and_stalls_nobody_else(minio: Minio, stocked: str, servers: Servers) -> None:
    with silent() as endpoint:
        program = shop.minio_shop(minio, stocked, endpoint=endpoint).program(servers)
        answers: list[Answer] = []
        waiting = threading.Thread(target=lambda: answers.append(client.request(program.url + P, range="bytes=0-9", timeout=90)))
        waiting.start()
        time.sleep(0.3)
        assert client.request(f"{program.url}/healthz").status == 200
        assert waiting.is_alive()
        waiting.join(80)
    assert problem(answers[0]) == (504, "store-timeout")
    assert "timeout" in complaint(program)
    no_secret(program, minio, answers[0])


def test_slow_store_does_not_hold_redirects_up(minio: Minio, stocked: str, region: Region, servers: Servers) -> None:
    """40 overlays that crawl take the workers; redirects are made on the loop all the same."""
    across = f"bytes={region.start - 200_000}-{region.end}"
    with Slow(minio.url, 20_000) as slow, ThreadPoolExecutor(40) as pool:
        program = shop.minio_shop(minio, stocked, endpoint=slow.url).program(servers)
        assert client.request(program.url + P, range=AHEAD).status == 302
        slow.on = True
        crawling = [pool.submit(client.request, program.url + P, range=across, timeout=60) for _ in range(40)]
        time.sleep(0.5)
        for _ in range(20):
            assert client.request(program.url + P, range=AHEAD).status == 302
        assert not any(one.done() for one in crawling), "or nothing was in the way"
        slow.on = False
        assert {one.result().status for one in crawling} == {206}


def function(store: Shop, servers: Servers) -> Program:
    """As on a platform, where nothing is tried at the start; `pakhus serve` refuses to start on such a store."""
    return servers.function("channel-range-splice", {**store.env, "PAKHUS_STORE": store.store})


@pytest.mark.parametrize("wrong", ["secret", "key"])
def test_wrong_credentials(wrong: str, minio: Minio, stocked: str, servers: Servers) -> None:
    name = {"secret": "AWS_SECRET_ACCESS_KEY", "key": "AWS_ACCESS_KEY_ID"}[wrong]
    good = shop.minio_shop(minio, stocked)
    program = function(Shop(good.store, {**good.env, name: "wrong-credential"}), servers)
    answer = client.request(program.url + P, range="bytes=0-9")
    assert problem(answer) == (502, "store-denied")
    line = complaint(program)
    assert {"secret": "SignatureDoesNotMatch", "key": "InvalidAccessKeyId"}[wrong] in line
    assert "wrong-credential" not in program.output() or wrong == "key"
    no_secret(program, minio, answer)


def test_no_credentials(minio: Minio, stocked: str, servers: Servers) -> None:
    program = function(Shop(minio.store(stocked), {}), servers)
    answer = client.request(program.url + P, range="bytes=0-9")
    assert answer.status in (502, 503)
    problem(answer)
    assert "AWS_ACCESS_KEY_ID" in complaint(program) or "credential" in complaint(program)


def test_no_bucket_is_not_an_unknown_package(minio: Minio, servers: Servers) -> None:
    program = function(shop.minio_shop(minio, "no-such-bucket"), servers)
    answer = client.request(program.url + P, range="bytes=0-9")
    assert answer.status in (502, 503), "a 404 would be kept by caches"
    problem(answer)
    assert "no-such-bucket" in complaint(program)


def test_base_gone_or_replaced(minio: Minio, bucket: str, servers: Servers) -> None:
    store = shop.minio_shop(minio, bucket)
    package = store.publish(apks.made("v2"))
    region, key = shop.region(package), f"packages/APP/1.0/{package['base']}"
    store.channel("APP", "huawei")
    program = store.program(servers, "--redirect", "never")
    across = f"bytes={region.start - 100}-{region.end}"
    assert client.request(program.url + P, range=across).status == 206
    minio.client().put_object(Bucket=bucket, Key=key, Body=b"x" * region.size)
    answer = client.request(program.url + P, range=across)
    assert problem(answer) == (503, "stored-object-changed")
    assert key in complaint(program)
    whole = client.request(program.url + P)
    assert problem(whole) == (503, "stored-object-changed")
    assert store.publish(apks.made("v2"))["base"] != package["base"]  # the same package mends it
    assert client.request(program.url + P, range=across).status == 206
    [key] = [one["Key"] for one in minio.client().list_objects_v2(Bucket=bucket, Prefix="packages/APP/1.0/base-")["Contents"]]
    minio.client().delete_object(Bucket=bucket, Key=key)
    assert problem(client.request(program.url + P, range=across)) == (503, "stored-object-changed")
    store.run("unpublish", "APP", "1.0")
    end = time.monotonic() + 60
    while client.request(program.url + P, range=across).status != 404:
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"app":"APP"}', b"x" * 100_000, None])
def test_damaged_package_json(damage: bytes | None, minio: Minio, bucket: str, servers: Servers) -> None:
    store = shop.minio_shop(minio, bucket)
    package = store.publish(apks.made("v2"))
    if damage is None:  # of another package
        damage = json.dumps({**package, "version": "2.0"}).encode()
    minio.client().put_object(Bucket=bucket, Key="packages/APP/1.0/package.json", Body=damage)
    program = store.program(servers)
    answer = client.request(f"{program.url}/packages/APP/1.0.apk", range="bytes=0-9")
    assert answer.status in (500, 502)
    problem(answer)
    assert "package.json" in complaint(program)


@pytest.mark.parametrize("damaged, body, words", [
    ("settings/", b'{"formats":5}', "formats"), ("shards-", b'{"channels":{"huawei":5}}', "damaged"),
    ("shards-", b"shard 1 0 30 0000000000000000\nhuawei\t{}\n", "damaged")])
def test_damaged_channels(damaged: str, body: bytes, words: str, minio: Minio, bucket: str, servers: Servers) -> None:
    store = shop.minio_shop(minio, bucket)
    store.publish(apks.made("v2"))
    store.channel("APP", "huawei")
    keys = [one["Key"] for one in minio.client().list_objects_v2(Bucket=bucket, Prefix="channels/APP/")["Contents"]]
    [newest] = [key for key in keys if key.startswith("channels/APP/" + damaged)]
    minio.client().put_object(Bucket=bucket, Key=newest, Body=body)
    program = store.program(servers)
    answer = client.request(program.url + P, range="bytes=0-9")
    assert answer.status in (500, 502)
    problem(answer)
    assert words in complaint(program)


def test_a_stream_that_breaks_is_mended(minio: Minio, stocked: str, servers: Servers) -> None:
    """Connections to the store break off again and again in mid-download: nobody sees it."""
    wanted = shop.offline(LARGE, INFO).read_bytes()
    with Cut(minio.url, len(wanted) // 4) as cut:
        program = shop.minio_shop(minio, stocked, endpoint=cut.url).program(servers, "--redirect", "never")
        assert client.request(program.url + P_LARGE, "HEAD").status == 200
        cut.on = True
        assert client.request(program.url + P_LARGE, timeout=90).body == wanted
        assert cut.count >= 3
    no_secret(program, minio)


def test_a_stream_that_ends_is_seen_to_be_cut_off(minio: Minio, stocked: str, servers: Servers) -> None:
    """The store goes away in mid-download and does not come back: what came is right, and that its end is missing is seen."""
    wanted = shop.offline(LARGE, INFO).read_bytes()
    with Slow(minio.url, len(wanted) // 4) as slow:
        program = shop.minio_shop(minio, stocked, endpoint=slow.url).program(servers, "--redirect", "never")
        assert client.request(program.url + P_LARGE, "HEAD").status == 200
        slow.on = True
        threading.Timer(1.5, slow.stop).start()
        with pytest.raises(Truncated) as seen:
            client.request(program.url + P_LARGE, timeout=90)
    assert 0 < len(seen.value.body) < len(wanted) and seen.value.body == wanted[: len(seen.value.body)]
    no_secret(program, minio)


def test_settings_that_make_no_sense_stop_the_start(minio: Minio, stocked: str) -> None:
    store = shop.minio_shop(minio, stocked)
    for wrong, word in ({"PAKHUS_URL_KEYS": "k1"}, "PAKHUS_URL_KEYS"), ({"PAKHUS_REDIRECT": "maybe"}, "PAKHUS_REDIRECT"), (
            {"PAKHUS_THREADS": "many"}, "THREADS"), ({"PAKHUS_STORE": "ftp://x"}, "ftp"):
        env = {**store.env, "PAKHUS_STORE": store.store, **wrong}
        done = shop.run("serve", "--listen", "127.0.0.1:0", env=env, check=False, timeout=20)
        assert done.returncode == 1, wrong
        assert word in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
