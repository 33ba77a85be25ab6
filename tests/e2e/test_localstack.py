"""template.yaml in a real LocalStack, as `sam deploy` brings it there: every function by URL, by direct invoke, by schedule and by the
storage's notifications, with packages in LocalStack's S3 and in a MinIO."""

import hashlib
import json
import time
from collections.abc import Callable

import pytest

from support import apks, client, samples, shop
from support.deployed import ORIGIN_SECRET, Deployed
from support.gateway import Answer

PARTS = 16
SCHEDULED = ["evict-cron", "calibrate-cron", "reconcile"]


@pytest.fixture(params=["s3", "minio"])
def deployed(request: pytest.FixtureRequest, stacks: dict[str, Deployed]) -> Deployed:
    return stacks[request.param]


def until(what: Callable[[], bool], seconds: float, name: str) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"{name}: not within {seconds} s"
        time.sleep(0.3)


def ask(deployed: Deployed, target: str, range: str | None = None, **headers: str) -> Answer:
    """The splice function, as the CDN would."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return deployed.stack.http("channel-range-splice", target, headers={"Pakhus-Origin-Secret": ORIGIN_SECRET, "Pakhus-Follow": "1", **given}, range=range)


def test_a_channel_package_is_downloaded(deployed: Deployed) -> None:
    got, statuses = [], []
    for one in client.slices(deployed.size, shop.SLICE):
        answer = ask(deployed, "/packages/GAME/2.0/huawei.apk", one)
        statuses.append(answer.status)
        if answer.status == 302:
            answer = client.get(answer.header("location") or "", one)
        assert answer.status == 206, answer.body[:300]
        got.append(answer.body)
    assert b"".join(got) == shop.offline(samples.KIND, json.dumps({"channel": "huawei"})).read_bytes()
    assert sorted(set(statuses)) == [206, 302] and statuses.count(206) <= 2


def test_the_function_is_the_cdns_alone(deployed: Deployed) -> None:
    answer = deployed.stack.http("channel-range-splice", "/packages/GAME/2.0/huawei.apk", range="bytes=0-0")
    assert answer.status == 403


@pytest.mark.parametrize("function", ["query", "admission", "cache-token-verify", "gather"])
def test_a_function_answers_by_its_url(function: str, deployed: Deployed) -> None:
    method, target, headers = samples.http(function)
    samples.check(function, deployed.stack.http(function, target, method, {**dict(headers), "Pakhus-Origin-Secret": ORIGIN_SECRET}))


def test_hit_tables_outlive_the_instance(deployed: Deployed) -> None:
    """What a node reported at the function's URL is in the store."""
    method, target, headers = samples.http("cache-token-verify")
    deployed.stack.http("cache-token-verify", target, method, dict(headers))
    reported = deployed.stack.http("cache-token-verify", "/token/result", "POST", {**dict(headers), "Pakhus-Outcome": "succeeded"})
    assert reported.status == 204
    told = deployed.invoke("cache-token-verify", "schedule")
    assert [node["node"] for node in told["nodes"]] == ["edge-1"]


@pytest.mark.parametrize("function", ["evaluate-cron", *SCHEDULED])
def test_a_direct_invoke_does_the_job(function: str, deployed: Deployed) -> None:
    deployed.invoke(function, "schedule")


def test_demand_brings_packages_to_an_edge(deployed: Deployed) -> None:
    """As they are, and filled for a channel; whoever came first, the clock or we."""
    deployed.invoke("evaluate-cron", "schedule")
    deployed.invoke("reconcile", "schedule")
    held = deployed.newest("held/shop-1")["packages"]
    assert set(held) == set(samples.PLACED)
    for name, file in samples.PLACED.items():
        body = deployed.objects.get_object(Bucket=deployed.shelf, Key=file)["Body"].read()
        assert hashlib.sha256(body).hexdigest() == held[name]["sha256"]
    channel = deployed.objects.get_object(Bucket=deployed.shelf, Key=samples.PLACED["GAME/2.0/huawei"])["Body"].read()
    assert channel == shop.offline(samples.KIND, json.dumps({"channel": "huawei"})).read_bytes()


def test_an_upload_becomes_a_package(deployed: Deployed) -> None:
    """By the bucket's own notification; a MinIO does not know Lambda, so there its event is sent."""
    deployed.objects.put_object(Bucket=deployed.bucket, Key="uploads/GAME/2.1.apk", Body=apks.made("v1+v2").read_bytes())
    if deployed.kind == "minio":
        deployed.invoke("prepare-upload", "s3")
    until(lambda: ask(deployed, "/packages/GAME/2.1/huawei.apk", "bytes=0-0").status in (206, 302), 60, "package.json")


def test_evaluation_is_a_map_over_parts(deployed: Deployed) -> None:
    machine = deployed.stack.outputs["EvaluateStateMachine"]
    states = deployed.client("stepfunctions")
    run = states.start_execution(stateMachineArn=machine)["executionArn"]
    until(lambda: states.describe_execution(executionArn=run)["status"] != "RUNNING", 120, "the state machine")
    done = states.describe_execution(executionArn=run)
    assert done["status"] == "SUCCEEDED", done
    until(lambda: deployed.events("evaluate-cron") >= PARTS, 30, "a line in the log for each part")
    deployed.calls["reconcile"] += 1


def test_what_a_function_does_not_take_is_an_error(deployed: Deployed) -> None:
    assert deployed.stack.invoke("admission", {"pakhus": "evaluate"})["errorType"] == "Function.Unsupported"


@pytest.mark.parametrize("function", SCHEDULED)
def test_the_clock_calls(function: str, deployed: Deployed) -> None:
    """Every full minute; last of all, when most of one is over."""
    until(lambda: deployed.events(function) > deployed.calls[function], 100, f"{function}'s schedule")
