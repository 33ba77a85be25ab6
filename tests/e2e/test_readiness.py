"""A store that is not there: serve says so at its start, GET /healthz?ready at any time, and no answer about it may be cached."""

import json
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import apks, client, shop
from support.client import Answer
from support.relay import Relay
from support.servers import Minio, Program, Servers, accepts, free_port, pakhus_binary
from support.shop import Shop, minio_shop


def ready(server: Program) -> Answer:
    return client.request(f"{server.url}/healthz?ready")


def becomes(server: Program, status: int) -> Answer:
    """An answer counts for some seconds."""
    end = time.monotonic() + 20
    while (answer := ready(server)).status != status and time.monotonic() < end:
        time.sleep(0.2)
    assert answer.status == status
    return answer


def is_never_cached(answer: Answer) -> bool:
    return answer.status in (502, 503) and answer.header("Cache-Control") == "no-store"


def refused(store: str, env: dict[str, str] | None = None) -> str:
    done = shop.run("serve", "--store", store, "--listen", "127.0.0.1:0", env=env, check=False, timeout=30)
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert f"cannot serve the store file://{tmp_path}/typo: the directory {tmp_path}/typo: No such file" in refused(f"file://{tmp_path}/typo")


def test_a_bucket_that_is_not_there_is_refused(minio: Minio) -> None:
    assert "no-such-bucket" in refused(minio.store("no-such-bucket"), minio.credentials())


@pytest.mark.parametrize("keys, says", [({}, "no credentials"), ({"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "x" * 20}, "InvalidAccessKeyId"),
                                        ({"AWS_ACCESS_KEY_ID": "pakhus-test", "AWS_SECRET_ACCESS_KEY": "x" * 20}, "SignatureDoesNotMatch")])
def test_credentials_that_do_not_work_are_refused(keys: dict[str, str], says: str, minio: Minio, bucket: str) -> None:
    assert says in refused(minio.store(bucket), {"AWS_EC2_METADATA_DISABLED": "true", **keys})


def test_a_directory_that_goes_and_comes_back(tmp_path: Path, servers: Servers) -> None:
    place = Shop(f"file://{tmp_path}/store")
    place.publish(apks.made("v2"))
    server = place.program(servers)
    assert (ready(server).status, ready(server).body) == (200, b"ready\n")
    shutil.move(tmp_path / "store", tmp_path / "away")
    answer = becomes(server, 503)
    problem = json.loads(answer.body)
    assert answer.header("Cache-Control") == "no-store"
    assert problem["status"] == 503 and "channel-range-splice: " in problem["detail"] and f"{tmp_path}/store" in problem["detail"]
    assert client.request(f"{server.url}/healthz").status == 200  # the process is well
    for path in ("/packages/APP/1.0.apk", "/packages/OTHER/1.0.apk", "/patches/APP/1.0..2.0.diff", "/query?app=OTHER&ip=10.0.0.7&mask=24"):
        assert is_never_cached(client.request(server.url + path)), path
    shutil.move(tmp_path / "away", tmp_path / "store")
    becomes(server, 200)
    assert client.request(f"{server.url}/packages/OTHER/1.0.apk").status == 404


class Gate(Relay):
    """Holds requests back while it is shut, and counts those that came."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self.open, self.held, self.requests = threading.Event(), threading.Event(), 0
        self.open.set()

    def transfer(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        while data := source.recv(65536):
            self.requests += 0 if answers else data.count(b" HTTP/1.1\r\n")
            if not answers and not self.open.is_set():
                self.held.set()
                self.open.wait()
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_many_who_ask_are_one_question_to_the_store(minio: Minio, bucket: str, servers: Servers) -> None:
    with Gate(minio.url) as gate, ThreadPoolExecutor(16) as pool:
        server = minio_shop(minio, bucket, endpoint=gate.url).program(servers, "--threads", "2")
        began, before = time.monotonic(), gate.requests
        assert set(pool.map(lambda _: ready(server).status, range(200))) == {200}
        assert gate.requests - before <= 1 + (time.monotonic() - began) / 5  # an answer counts for five seconds
        gate.open.clear()
        asker = pool.submit(lambda: [ready(server) for _ in iter(gate.held.is_set, True)])
        assert gate.held.wait(60)  # the store is asked, and silent
        assert ready(server).status == 200  # nobody else waits: its last answer still counts
        gate.open.set()
        asker.result()


def test_a_bucket_that_goes(minio: Minio, bucket: str, servers: Servers) -> None:
    place = minio_shop(minio, bucket)
    server = place.program(servers)
    assert ready(server).status == 200
    minio.client().delete_bucket(Bucket=bucket)
    assert bucket in json.loads(becomes(server, 503).body)["detail"]
    assert is_never_cached(client.request(f"{server.url}/packages/APP/1.0.apk"))


def test_a_store_that_comes_later(servers: Servers) -> None:
    port, away = free_port(), free_port()
    env = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
    store = f"s3://bucket?endpoint=http://127.0.0.1:{away}&path-style=1"
    server = servers.start("pakhus", [pakhus_binary(), "serve", "--store", store, "--listen", f"127.0.0.1:{port}"], lambda: accepts(port),
                           f"http://127.0.0.1:{port}", env, seconds=60)
    assert "does not answer yet" in server.output() and "/healthz?ready" in server.output()
    assert is_never_cached(ready(server))
    assert is_never_cached(client.request(f"{server.url}/packages/APP/1.0.apk"))
