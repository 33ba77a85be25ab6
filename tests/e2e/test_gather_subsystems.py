"""What bad subsystems do to an answer: nothing but leave their own resource out. And what is never asked (the spec's Readings)."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conftest import RunPakhus
from support import client, gathered
from support.gathered import resources
from support.servers import Program, Servers
from support.subsystem import Subsystem, bomb, certificate

Gather = Callable[..., gathered.Gathered]


@pytest.fixture
def server(servers: Servers, file_store: str) -> Program:
    nobody = "http://127.0.0.1:1"
    return servers.pakhus(file_store, env={"http_proxy": nobody, "HTTPS_PROXY": nobody, "ALL_PROXY": nobody})


@pytest.fixture
def gather(server: Program, run_pakhus: RunPakhus, file_store: str, tmp_path: Path) -> Gather:
    """gather([…], deadline="1s"): a scene, published and asked for."""

    def run(asked: list[dict[str, Any]], accept: str = "*/*", **fields: Any) -> gathered.Gathered:
        gathered.publish(run_pakhus, file_store, tmp_path, asked, **fields)
        return gathered.ask(server.url, "home", accept=accept)

    return run


@pytest.mark.parametrize("path, reason", [
    ("/status/404", "status"), ("/status/500", "status"), ("/status/304", "status"), ("/status/206", "incomplete"),
    ("/loop", "redirect"), ("/round/6", "redirect"), ("/to/ftp://127.0.0.1/", "redirect"), ("/to/http://", "redirect"),
    ("/to/file:///etc/passwd", "redirect"), ("/to/http://u:p@127.0.0.1/", "redirect"),
    ("/long-announced", "incomplete"), ("/no-length", "incomplete"), ("/cut-chunks", "incomplete"), ("/bad-chunks", "incomplete"),
    ("/drip", "incomplete"), ("/hang", "incomplete"), ("/silent", "timeout"), ("/endless", "too-large"), ("/endless-chunks", "too-large"),
    ("/endless-head", "malformed"), ("/garbage", "malformed"), ("/reset", "unreachable"), ("/close", "unreachable")])
def test_each_costs_its_own_resource(path: str, reason: str, gather: Gather, subsystem: Subsystem) -> None:
    answer = gather(resources(subsystem.url, bad=path, a="/ok/1", b="/bytes/1000/2"), deadline="1500ms" if path in ("/drip", "/hang", "/silent") else "20s")
    assert answer.reasons() == {"bad": reason}
    assert answer.bodies().keys() == {"a", "b"}


@pytest.mark.parametrize("accept", ["multipart/mixed", "application/json"])
@pytest.mark.parametrize("stopped", [False, True], ids=["worker-says", "worker-hangs"])
def test_g5_what_was_half_received_at_the_deadline_says_so(accept: str, stopped: bool, gather: Gather, subsystem: Subsystem,
                                                           server: Program) -> None:
    """Whether the worker reports in time, or hangs and the pool finds out: the same words."""
    asked = resources(subsystem.url, half="/hang", none="/silent", a="/ok/1")
    with ThreadPoolExecutor(1) as one:
        answer = one.submit(gather, asked, accept, deadline="2s")
        if stopped:
            time.sleep(1.2)
            for pid in gathered.workers(server):
                os.kill(pid, signal.SIGSTOP)
        parts = answer.result().parts
    assert (parts["half"].reason, parts["half"].status, parts["half"].received) == ("incomplete", 200, 5)
    assert (parts["none"].reason, parts["none"].status, parts["none"].received) == ("timeout", 0, None)
    assert (parts["a"].reason, parts["a"].body) == ("", b"1")


def test_all_of_them_at_once(gather: Gather, subsystem: Subsystem) -> None:
    bad = ["drip", "hang", "silent", "endless", "endless-chunks", "endless-head", "garbage", "reset", "close", "cut-chunks", "loop"]
    good = {f"good-{i}": f"/bytes/5000/{i}" for i in range(20)}
    answer = gather(resources(subsystem.url, **{f"bad-{name}": f"/{name}" for name in bad}, **good), deadline="4s")
    assert answer.reasons().keys() == {f"bad-{name}" for name in bad}
    assert answer.bodies().keys() == good.keys()


def test_what_comes_behind_a_length_is_nobodys(gather: Gather, subsystem: Subsystem) -> None:
    for _ in range(5):
        answer = gather(resources(subsystem.url, **{f"r{i}": f"/short-announced?{i}" for i in range(8)}, good="/ok/fine"))
        assert set(answer.bodies().values()) <= {b"hello", b"fine"}, answer.bodies()


def test_two_lengths_are_not_believed(gather: Gather, subsystem: Subsystem) -> None:
    """RFC 9112 section 6.3: of lengths that differ none says where the body ends, also if the last one fits."""
    asked = resources(subsystem.url, longer="/lengths/5/7", shorter="/lengths/7/5", listed="/lengths/5,%207", none="/lengths/x",
                      same="/lengths/5/5", good="/ok/1")
    answer = gather(asked)
    assert answer.bodies() == {"same": b"hello", "good": b"1"}
    assert answer.reasons() == dict.fromkeys(("longer", "shorter", "listed", "none"), "malformed")


@pytest.mark.parametrize("accept", ["multipart/mixed", "application/json"])
def test_a_gzip_bomb_is_not_unpacked(accept: str, gather: Gather, subsystem: Subsystem, server: Program) -> None:
    answer = gather(resources(subsystem.url, bomb="/bomb", good="/ok/1"), accept)
    assert answer.bodies() == {"bomb": bomb(), "good": b"1"}
    if accept == "multipart/mixed":
        assert answer.parts["bomb"].headers["Content-Encoding"] == "gzip"
    assert subsystem.seen("/bomb")[-1].headers["accept-encoding"] == "identity"
    assert max(gathered.memory(pid) for pid in [server.process.pid, *gathered.workers(server)]) < 40 << 20


def test_limits(gather: Gather, subsystem: Subsystem) -> None:
    asked = resources(subsystem.url, fits="/bytes/1000/1", not_quite="/bytes/1001/1", chunked=f"/chunks/{'x' * 1001}")
    answer = gather(asked, resource_limit=1000)
    assert answer.bodies().keys() == {"fits"}
    assert answer.reasons() == {"not_quite": "too-large", "chunked": "too-large"}
    answer = gather(resources(subsystem.url, **{f"r{i}": f"/bytes/1000/{i}" for i in range(5)}), total_limit=3500)
    assert len(answer.bodies()) == 3 and set(answer.reasons().values()) == {"too-large"}


def test_what_is_unreachable(gather: Gather, subsystem: Subsystem) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = nobody.getsockname()[1]
    answer = gather([*resources(subsystem.url, good="/ok/1"), {"id": "closed", "address": f"http://127.0.0.1:{closed}/"},
                     {"id": "no-name", "address": "http://no-such-host.invalid/"},
                     {"id": "no-tls", "address": f"https://127.0.0.1:{subsystem.port}/"}])
    assert answer.reasons() == {"closed": "unreachable", "no-name": "unreachable", "no-tls": "unreachable"}


def test_tls(servers: Servers, file_store: str, run_pakhus: RunPakhus, tmp_path: Path) -> None:
    trusted, context = certificate(tmp_path)
    with Subsystem(context) as secure, Subsystem() as plain:
        asked = [*resources(secure.url, a="/ok/1", b=f"/to/{plain.url}/ok/b"), *resources(plain.url, c="/ok/2")]
        gathered.publish(run_pakhus, file_store, tmp_path, asked)
        knows = servers.pakhus(file_store, env={"PAKHUS_CA_BUNDLE": str(trusted)}).url
        assert gathered.ask(knows, "home").bodies() == {"a": b"1", "b": b"b", "c": b"2"}
        for _ in range(20):
            assert gathered.ask(knows, "home").complete
        assert secure.connections < 20
        answer = gathered.ask(servers.pakhus(file_store).url, "home")
        assert (answer.bodies(), answer.reasons()) == ({"c": b"2"}, {"a": "unreachable", "b": "unreachable"})


def test_nothing_is_told_to_subsystems(servers: Servers, file_store: str, run_pakhus: RunPakhus, tmp_path: Path,
                                       subsystem: Subsystem) -> None:
    gathered.publish(run_pakhus, file_store, tmp_path, resources(subsystem.url, a="/ok/told", b="/to//ok/told-again"))
    url = servers.pakhus(file_store, env={"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}).url
    gathered.ask(url, "home", authorization="Bearer x", cookie="a=1", referer="http://page.example/", **{"x-forwarded-for": "1.2.3.4"})
    for question in subsystem.seen("/ok/told"):
        assert set(question.headers) == {"host", "user-agent", "accept", "accept-encoding"}


def test_connections_are_used_again(gather: Gather, subsystem: Subsystem, server: Program) -> None:
    gather(resources(subsystem.url, a="/ok/1", b="/ok/2"))
    before = subsystem.connections
    for _ in range(50):
        assert gathered.ask(server.url, "home").complete
    assert subsystem.connections - before <= 8


# --- addresses


@pytest.mark.parametrize("address", [
    "http://127.0.0.1:{port}/ok/1", "http://localhost:{port}/ok/1", "http://127.1:{port}/ok/1", "http://2130706433:{port}/ok/1",
    "http://0x7f000001:{port}/ok/1", "http://0:{port}/ok/1", "http://[::1]:{port}/ok/1", "http://[::ffff:127.0.0.1]:{port}/ok/1",
    "http://169.254.169.254/latest/meta-data/", "http://169.254.170.2/v2/credentials", "http://100.100.100.200/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/", "http://10.0.0.1/", "http://192.168.0.1/", "http://172.16.0.1/",
    "http://[64:ff9b::a9fe:a9fe]/"])
def test_addresses_that_are_not_public_are_refused(address: str, gather: Gather, subsystem: Subsystem) -> None:
    asked = len(subsystem.questions)
    other = f"http://127.0.0.2:{subsystem.port}/"
    answer = gather([{"id": "a", "address": address.format(port=subsystem.port)}, {"id": "b", "address": other}], allow=[])
    assert answer.reasons() == {"a": "refused", "b": "refused"}
    assert len(subsystem.questions) == asked


@pytest.mark.parametrize("target", [
    "http://169.254.169.254/latest/meta-data/", "http://127.0.0.2:{port}/ok/1", "http://%5b::1%5d:{port}/ok/1",
    "http://2130706434:{port}/ok/1"])
def test_redirects_are_held_to_the_same_rules(target: str, gather: Gather, subsystem: Subsystem) -> None:
    answer = gather(resources(subsystem.url, a="/to/" + target.format(port=subsystem.port), b="/ok/1"))
    assert (answer.bodies(), answer.reasons()) == ({"b": b"1"}, {"a": "refused"})


def test_a_connection_is_not_used_past_other_rules(server: Program, run_pakhus: RunPakhus, file_store: str, tmp_path: Path,
                                                   subsystem: Subsystem) -> None:
    """The connections that one scene may have are not there for another, which may not."""
    asked = resources(subsystem.url, a="/ok/1", b="/ok/2")
    gathered.publish(run_pakhus, file_store, tmp_path, asked, "may")
    gathered.publish(run_pakhus, file_store, tmp_path, asked, "may-not", allow=["127.0.0.1:1"])
    for _ in range(10):
        assert gathered.ask(server.url, "may").complete
        asked_before = len(subsystem.questions)
        assert gathered.ask(server.url, "may-not").reasons() == {"a": "refused", "b": "refused"}
        assert len(subsystem.questions) == asked_before


@pytest.mark.parametrize("allow, reasons", [
    ("*", {"a": "refused", "b": "refused"}), ("localhost", {}), ("127.0.0.1,[::1]", {}), ("127.0.0.0/8", {}), ("127.0.0.1:{port}", {}),
    ("127.0.0.1:1", {"a": "refused", "b": "refused"}), ("*.example.com", {"a": "refused", "b": "refused"}),
    ("other.test", {"a": "refused", "b": "refused"})])
def test_what_lists_may_ask(allow: str, reasons: dict[str, str], servers: Servers, file_store: str, subsystem: Subsystem) -> None:
    url = servers.pakhus(file_store, "--gather-allow", allow.format(port=subsystem.port)).url
    asked = [{"id": "a", "address": f"{subsystem.url}/ok/1"}, {"id": "b", "address": f"http://localhost:{subsystem.port}/ok/1"}]
    answer = gathered.read(gathered.post(url, {"resources": asked}))
    assert answer.reasons() == reasons


def test_lists_are_not_led_astray(servers: Servers, file_store: str, subsystem: Subsystem) -> None:
    """Nor may a list's redirect lead to a host that the list could not have named, public or not."""
    url = servers.pakhus(file_store, "--gather-allow", f"127.0.0.1:{subsystem.port}").url
    asked = resources(subsystem.url, a="/to/http://127.0.0.1:1/", b="/to/http://1.1.1.1/", c="/ok/1")
    assert gathered.read(gathered.post(url, {"resources": asked})).reasons() == {"a": "refused", "b": "refused"}


def test_clients_that_leave_do_no_harm(server: Program, gather: Gather, subsystem: Subsystem) -> None:
    gather(resources(subsystem.url, a="/late/300/1", b="/ok/2"))

    def leave() -> None:
        with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as connection:
            connection.sendall(b"GET /gather?scene=home HTTP/1.1\r\nHost: x\r\n\r\n")

    leaving = [threading.Thread(target=leave) for _ in range(50)]
    for thread in leaving:
        thread.start()
    for thread in leaving:
        thread.join()
    assert gathered.ask(server.url, "home").complete
    assert client.request(f"{server.url}/healthz").status == 200
