"""serve: where it listens, what it says, how it ends."""

import json
import signal
import socket
import subprocess
import threading
import time

import pytest

from support import apks, client, shop
from support.servers import ADMIN, Servers, clean_environment, free_port, pakhus_binary, port_of
from support.shop import Shop


def start(*options: str, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen([pakhus_binary(), "serve", *options], env={**clean_environment(), **(env or {})}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_it_says_where_it_listens(file_store: str) -> None:
    running = start("--store", file_store, "--listen", "127.0.0.1:0")
    assert running.stdout
    line = running.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:")
    url = line.split()[-1]
    assert client.request(f"{url}/healthz").status == 200
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_downloads_end_first(number: int, file_store: str) -> None:
    store = Shop(file_store)
    package = store.publish(apks.made("v1+v2+v3"))
    port = free_port()
    running = start("--store", file_store, "--listen", f"127.0.0.1:{port}")
    assert running.stdout and running.stdout.readline()
    bodies: list[bytes] = []
    slow = threading.Thread(target=lambda: bodies.append(client.request(f"http://127.0.0.1:{port}/packages/APP/1.0.apk").body))
    slow.start()
    time.sleep(0.02)
    running.send_signal(number)
    slow.join(20)
    assert running.wait(15) == 0
    assert [len(body) for body in bodies] == [package["size"]]


def test_settings_come_from_options_or_the_environment(file_store: str, servers: Servers) -> None:
    Shop(file_store).publish(apks.made("v2"))
    port = free_port()
    for options, env in (["--origin-secret", "x"], {}), ([], {"PAKHUS_ORIGIN_SECRET": "x"}), (["--origin-secret", "x"], {"PAKHUS_ORIGIN_SECRET": "y"}):
        running = start("--store", file_store, "--listen", f"127.0.0.1:{port}", *options, env=env)
        assert running.stdout and running.stdout.readline()
        url = f"http://127.0.0.1:{port}/packages/APP/1.0.apk"
        assert client.request(url, "HEAD").status == 403
        assert client.request(url, "HEAD", {"Pakhus-Origin-Secret": "x"}).status == 200
        running.terminate()
        running.wait(10)


@pytest.mark.parametrize("options, word", [
    (["--listen", "nowhere"], "nowhere"), (["--listen", "127.0.0.1:99999"], "99999"), (["--listen", "192.0.2.1:80"], "192.0.2.1"),
    (["--threads", "0"], "--threads is '0'"), (["--redirect", "ftp://x"], "--redirect"), (["--redirect", "presigned"], "--redirect"),
    (["--url-keys", "nonsense"], "--url-keys"), (["--flush", "3x"], "--flush is '3x'"),
    (["--token-window", "soon"], "--token-window is 'soon'"), (["--token-entries", "1"], "--token-entries is '1'"),
    (["--token-on-evict", "drop"], "--token-on-evict is 'drop', not keep or purge"), (["--trusted-proxies", "x"], "--trusted-proxies"),
    (["--gather-workers", "257"], "--gather-workers is '257', not a whole number from 1 to 256"), (["--gather-allow", "*x"], "--gather-allow"), (["--clock", "/no/such/file"], "/no/such/file")])
def test_what_makes_no_sense_stops_the_start(options: list[str], word: str, file_store: str) -> None:
    done = shop.run("serve", "--store", file_store, "--listen", "127.0.0.1:0", *options, check=False, timeout=20)
    assert done.returncode == 1
    assert word in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_an_address_in_use_is_said(file_store: str, servers: Servers) -> None:
    taken = servers.pakhus(file_store).url.removeprefix("http://")
    done = shop.run("serve", "--store", file_store, "--listen", taken, check=False, timeout=20)
    assert done.returncode == 1
    assert taken in done.stderr and "in use" in done.stderr


def test_metrics_count_what_was_done(file_store: str, servers: Servers) -> None:
    store = Shop(file_store)
    store.publish(apks.made("v2"))
    url = store.serve(servers)
    for _ in range(3):
        client.request(f"{url}/packages/APP/1.0.apk", range="bytes=0-0")
    text = client.request(f"{url}/metrics", headers=ADMIN).body.decode()
    assert 'pakhus_cache_misses_total{cache="packages"}' in text
    assert "pakhus_store_requests_total" in text
    assert all(line.startswith("#") or len(line.rsplit(" ", 1)) == 2 for line in text.splitlines())


def test_access_log_has_a_line_a_request_with_its_id(file_store: str, servers: Servers) -> None:
    store = Shop(file_store)
    store.publish(apks.made("v2"))
    program = store.program(servers)
    client.request(f"{program.url}/packages/APP/1.0.apk?info=secret", range="bytes=0-9")
    failed = client.request(f"{program.url}/packages/APP/9.apk")
    time.sleep(0.2)
    lines = [line for line in program.output().splitlines() if " request=" in line]
    assert len(lines) == 2
    assert "status=400" in lines[0] and "secret" not in lines[0]
    assert "status=404" in lines[1]
    assert f"request={json.loads(failed.body)['instance']} " in lines[1]


def test_nothing_else_is_served(file_store: str, servers: Servers) -> None:
    url = Shop(file_store).serve(servers)
    for path in ("/", "/packagesx", "/etc/passwd", "/../etc/passwd"):
        assert client.request(url + path).status == 404


def test_a_304_keeps_the_connection(file_store: str, servers: Servers) -> None:
    store = Shop(file_store)
    package = store.publish(apks.made("v2"))
    url = store.serve(servers)
    etag = client.request(f"{url}/packages/APP/1.0.apk", "HEAD").header("ETag")
    asked = f"GET /packages/APP/1.0.apk HTTP/1.1\r\nHost: x\r\nIf-None-Match: {etag}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port_of(url)), 20) as connection:
        for _ in range(2):
            connection.sendall(asked)
            answer = connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 304 ") and answer.endswith(b"\r\n\r\n")
            assert f"\r\nContent-Length: {package['size']}\r\n".encode() in answer and b"close" not in answer
