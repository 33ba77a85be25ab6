"""gather on AWS Lambda, Function Compute and a port: the same bootstrap, which is its own worker."""

import base64
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import RunPakhus
from support import gathered
from support.fake_runtime import FakeRuntime
from support.fc import FunctionCompute
from support.function_url import FunctionUrl, event, unwrapped
from support.gateway import Answer
from support.gathered import Gathered, resources
from support.servers import Minio, Program, Servers, bootstrap
from support.subsystem import Subsystem, body_of

RESPONSE = "POST */invocation/{}/response"


@pytest.fixture
def publish(run_pakhus: RunPakhus, file_store: str, tmp_path: Path) -> Callable[..., None]:
    return lambda *arguments, **fields: gathered.publish(run_pakhus, file_store, tmp_path, *arguments, **fields)


@pytest.mark.parametrize("host", ["port", "fc", "lambda"])
def test_every_host_gathers(host: str, publish: Callable[..., None], servers: Servers, file_store: str, subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/ok/1", b="/bytes/100000/2", c="/close", d="/silent"), deadline="1s")
    env = {"PAKHUS_STORE": file_store, "PAKHUS_GATHER_ALLOW": "127.0.0.1"}
    if host == "port":
        ask_everything(servers.function("gather", env).url, subsystem)
    elif host == "fc":
        with FunctionCompute(servers.function("gather", env, "fc").url) as platform:
            platform.initialize()
            ask_everything(platform.url, subsystem)
    else:
        with FunctionUrl(servers.emulator(bootstrap("gather"), env).url) as platform:
            ask_everything(platform.url, subsystem)


def ask_everything(url: str, subsystem: Subsystem) -> None:
    for accept in ("multipart/mixed", "application/json"):
        answer = gathered.ask(url, "home", accept=accept)
        assert answer.bodies() == {"a": b"1", "b": body_of(100000, 2)}
        assert answer.reasons() == {"c": "unreachable", "d": "timeout"}
        rest = {"resources": resources(subsystem.url, d="/ok/later"), "retry_of": answer.id}
        again = gathered.read(gathered.post(url, rest, accept=accept))
        assert again.bodies() == {"d": b"later"}
    assert gathered.post(url, {"resources": []}).status == 400


# --- AWS in detail


def invocation(target: str, **headers: str) -> dict[str, Any]:
    return event("GET", target, list(headers.items()), b"", "192.0.2.1")


def start(servers: Servers, runtime: FakeRuntime, store: str, **env: str) -> Program:
    return servers.start("gather", [bootstrap("gather")], lambda: True, env={**runtime.environment(), "PAKHUS_STORE": store, **env})


def answer_to(runtime: FakeRuntime, id: str) -> Gathered:
    [answer] = runtime.wait_for(RESPONSE.format(id))
    return gathered.read(unwrapped(answer.json()))


def test_the_platforms_deadline_is_kept(publish: Callable[..., None], servers: Servers, file_store: str, subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/ok/1", b="/silent"), deadline="1m")
    with FakeRuntime() as runtime:
        start(servers, runtime, file_store)
        runtime.wait_until(runtime.idle)
        began = time.monotonic()
        runtime.send_event(invocation("/gather?scene=home"), id="1", deadline_ms=4000)
        answer = answer_to(runtime, "1")
        assert time.monotonic() - began < 4  # of the minute that the scene has
        assert (answer.bodies(), answer.reasons()) == ({"a": b"1"}, {"b": "timeout"})


@pytest.mark.parametrize("accept", ["multipart/mixed", "application/json"])
def test_what_the_host_cannot_send_is_asked_for_again(accept: str, publish: Callable[..., None], servers: Servers, file_store: str,
                                                      subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/bytes/2000000/1", b="/bytes/1100000/2", c="/bytes/2000000/3"), deadline="10s")
    with FakeRuntime() as runtime:
        start(servers, runtime, file_store)
        runtime.send_event(invocation("/gather?scene=home", accept=accept), id="1")
        first = answer_to(runtime, "1")
        assert set(first.reasons().values()) == {"too-large"} and len(first.bodies()) >= 1
        rest = ",".join(first.reasons())
        runtime.send_event(invocation(f"/gather?scene=home&retry_of={first.id}&resources={rest}", accept=accept), id="2")
        bodies = {**first.bodies(), **answer_to(runtime, "2").bodies()}
        assert bodies == {"a": body_of(2000000, 1), "b": body_of(1100000, 2), "c": body_of(2000000, 3)}


def test_a_streaming_function_sends_all_of_it(publish: Callable[..., None], servers: Servers, file_store: str,
                                              subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, **{f"r{i}": f"/bytes/2000000/{i}" for i in range(6)}), deadline="10s")
    with FakeRuntime() as runtime:
        start(servers, runtime, file_store, PAKHUS_RESPONSE_MODE="streaming")
        runtime.send_event(invocation("/gather?scene=home"), id="1")
        [sent] = runtime.wait_for(RESPONSE.format("1"))
        prelude, _, body = sent.body.partition(b"\0" * 8)
        made = json.loads(prelude)
        answer = gathered.read(Answer(made["statusCode"], list(made["headers"].items()), body))
        assert answer.bodies() == {f"r{i}": body_of(2000000, i) for i in range(6)}


def test_invocations_at_once_do_not_mix(publish: Callable[..., None], servers: Servers, file_store: str, subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/late/1500/1", b="/ok/2"), deadline="20s")
    with FakeRuntime() as runtime:
        start(servers, runtime, file_store, AWS_LAMBDA_MAX_CONCURRENCY="8", AWS_LAMBDA_INITIALIZATION_TYPE="lambda-managed-instances")
        runtime.wait_until(lambda: runtime.waiting == 8)
        for number in range(8):
            runtime.send_event(invocation("/gather?scene=home"), id=str(number))
        answers = [answer_to(runtime, str(number)) for number in range(8)]
        ends = [each.at for each in runtime.seen(RESPONSE.format("*"))]
        assert max(ends) - min(ends) < 7 * 1.5  # one after the other, the last would come so long after the first
        assert all(answer.bodies() == {"a": b"1", "b": b"2"} for answer in answers)
        assert len({answer.id for answer in answers}) == 8


def test_a_sandbox_that_is_frozen_and_thawed(publish: Callable[..., None], servers: Servers, file_store: str) -> None:
    """Between two invocations all processes stand still, and the connections that they keep are closed."""
    with Subsystem() as subsystem, FakeRuntime() as runtime:
        publish(resources(subsystem.url, a="/ok/1", b="/ok/2"), deadline="3s")
        program = start(servers, runtime, file_store)
        for number in range(3):
            runtime.send_event(invocation("/gather?scene=home"), id=str(number))
            assert answer_to(runtime, str(number)).complete
            runtime.wait_until(runtime.idle)
            everyone = [program.process.pid, *gathered.workers(program)]
            assert len(everyone) > 2
            freeze(everyone, signal.SIGSTOP)
            subsystem.drop_connections()
            time.sleep(0.7)
            freeze(everyone, signal.SIGCONT)
        assert "hangs" not in program.output()


def freeze(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def test_nothing_is_made_before_it_asks_for_work(servers: Servers, file_store: str) -> None:
    """Start-up does not wait for workers."""
    with FakeRuntime() as runtime:
        program = start(servers, runtime, file_store)
        runtime.wait_until(runtime.idle)
        end = time.monotonic() + 30
        while len(gathered.workers(program)) < 8:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert not [line for line in program.output().splitlines() if "error" in line]


# --- Function Compute in detail


def test_lent_credentials_reach_the_store(s3_store: str, bucket: str, minio: Minio, run_pakhus: RunPakhus, tmp_path: Path,
                                          servers: Servers) -> None:
    minio.client().put_object(Bucket=bucket, Key="texts/a", Body=b"first")
    minio.client().put_object(Bucket=bucket, Key="texts/b", Body=b"second")
    base = f"s3://{bucket}/texts/"
    gathered.publish(run_pakhus, s3_store, tmp_path, resources(base, a="a", b="b"), prefixes=[base], env=minio.credentials())
    program = servers.function("gather", {"PAKHUS_STORE": s3_store}, "fc")
    lent = {"id": minio.access_key, "secret": minio.secret_key}
    with FunctionCompute(program.url, lent) as platform:
        assert gathered.ask(platform.url, "home").bodies() == {"a": b"first", "b": b"second"}
    with FunctionCompute(program.url, {"id": minio.access_key, "secret": "wrong"}) as platform:
        answer = gathered.ask(platform.url, "home")
        assert answer.reasons() == {"a": "status", "b": "status"} and answer.parts["a"].status == 403


def test_binary_survives_the_wrapping(publish: Callable[..., None], servers: Servers, file_store: str, subsystem: Subsystem) -> None:
    publish(resources(subsystem.url, a="/bytes/1000/200", b="/ok/2"))
    with FakeRuntime() as runtime:
        start(servers, runtime, file_store)
        runtime.send_event(invocation("/gather?scene=home"), id="1")
        [sent] = runtime.wait_for(RESPONSE.format("1"))
        made = sent.json()
        assert made["isBase64Encoded"] and body_of(1000, 200) in base64.b64decode(made["body"])
