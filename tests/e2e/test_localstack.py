"""template.yaml in a real LocalStack, as `sam deploy` brings it there: every function by URL, by direct invoke, by schedule and by the storage's
notifications, with packages in LocalStack's S3 and in a MinIO. What is not built yet is skipped, by name."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support import apks, client, samples, shop
from support import localstack as localstacks
from support.gateway import Answer
from support.localstack import LocalStack, Stack
from support.servers import Minio
from support.shop import Shop

PARTS = 16
SCHEDULED = ["evict-cron", "calibrate-cron", "reconcile"]


@dataclass(frozen=True)
class Deployed:
    stack: Stack
    store: Shop
    size: int  # of GAME 2.0
    kind: str  # of the store: "s3" or "minio"
    objects: Any  # boto3's client of the store
    calls: Counter[str] = field(default_factory=Counter)  # of functions by event: ours

    def needs(self, *functions: str) -> None:
        missing = [function for function in functions if not self.stack.built(function)]
        if missing:
            pytest.skip(f"not built: {', '.join(missing)}")

    def invoke(self, function: str, platform: str) -> Any:
        """Directly, with a sample; an error is a failure."""
        self.calls[function] += 1
        told = self.stack.invoke(function, samples.load(function, platform))
        assert not (isinstance(told, dict) and "errorType" in told), told
        return told

    def events(self, function: str) -> int:
        """How many the function has taken, by its log."""
        return self.log(function).count("method=EVENT")

    def client(self, service: str) -> Any:
        return self.stack.localstack.client(service)

    def log(self, function: str) -> str:
        """What a function wrote, all of its instances together."""
        logs = self.client("logs")
        group = f"/aws/lambda/{self.stack.functions[function]}"
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return ""
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return "\n".join(event["message"] for page in pages for event in page["events"])


@pytest.fixture(scope="module")
def stacks(localstack: LocalStack, minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployed]:
    """Both at once, so that their clocks run while the tests do other things."""
    return {kind: deploy(kind, localstack, tmp_path_factory.mktemp("deploy"), minio) for kind in ("s3", "minio")}


@pytest.fixture(params=["s3", "minio"])
def deployed(request: pytest.FixtureRequest, stacks: dict[str, Deployed]) -> Deployed:
    return stacks[request.param]


def deploy(kind: str, running: LocalStack, folder: Path, minio: Minio) -> Deployed:
    name = f"pakhus-{kind}"
    if kind == "s3":
        objects, where = running.client("s3"), localstacks.own_store(running, name)
    else:
        objects, where = minio.client(), localstacks.minio_store(minio, minio.bucket(name))
    every_minute = {f"{job}Every": "rate(1 minute)" for job in ("Evict", "Calibrate", "Reconcile")}
    stack = localstacks.deploy(running, folder, name, {
        **where.parameters, **every_minute, "TokenKeys": samples.TOKENS["PAKHUS_TOKEN_KEYS"],
        "TokenBusiness": samples.TOKENS["PAKHUS_TOKEN_BUSINESS"], "OriginSecret": "only-the-cdn", "Flush": "sync"})
    store = Shop(where.url, where.credentials)
    return Deployed(stack, store, samples.fill(store, folder), kind, objects)


def until(what: Callable[[], bool], seconds: float, name: str) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"{name}: not within {seconds} s"
        time.sleep(0.3)


def ask(deployed: Deployed, target: str, range: str | None = None, **headers: str) -> Answer:
    """The splice function, as the CDN would."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return deployed.stack.http("channel-range-splice", target, headers={"Pakhus-Origin-Secret": "only-the-cdn", **given}, range=range)


def test_a_channel_package_is_downloaded(deployed: Deployed) -> None:
    deployed.needs("channel-range-splice")
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
    deployed.needs("channel-range-splice")
    answer = deployed.stack.http("channel-range-splice", "/packages/GAME/2.0/huawei.apk", range="bytes=0-0")
    assert answer.status == 403


@pytest.mark.parametrize("function", ["query", "admission", "cache-token-verify", "gather"])
def test_a_function_answers_by_its_url(function: str, deployed: Deployed) -> None:
    deployed.needs(function)
    method, target, headers = samples.http(function)
    samples.check(function, deployed.stack.http(function, target, method, {**dict(headers), "Pakhus-Origin-Secret": "only-the-cdn"}))


def test_hit_tables_outlive_the_instance(deployed: Deployed) -> None:
    """What a node reported at the function's URL is in the store."""
    deployed.needs("cache-token-verify")
    method, target, headers = samples.http("cache-token-verify")
    deployed.stack.http("cache-token-verify", target, method, dict(headers))
    reported = deployed.stack.http("cache-token-verify", "/token/result", "POST", {**dict(headers), "Pakhus-Outcome": "succeeded"})
    assert reported.status == 204
    told = deployed.invoke("cache-token-verify", "schedule")
    assert [node["node"] for node in told["nodes"]] == ["edge-1"]


@pytest.mark.parametrize("function", ["evaluate-cron", *SCHEDULED])
def test_a_direct_invoke_does_the_job(function: str, deployed: Deployed) -> None:
    deployed.needs(function)
    deployed.invoke(function, "schedule")


def test_an_upload_becomes_a_package(deployed: Deployed) -> None:
    """By the bucket's own notification; a MinIO does not know Lambda, so there its event is sent."""
    deployed.needs("prepare-upload", "channel-range-splice")
    bucket, key = urlsplit(deployed.store.store).netloc, "uploads/GAME/2.1.apk"
    deployed.objects.put_object(Bucket=bucket, Key=key, Body=apks.made("v1+v2").read_bytes())
    if deployed.kind == "minio":
        deployed.invoke("prepare-upload", "s3")
    until(lambda: ask(deployed, "/packages/GAME/2.1/huawei.apk", "bytes=0-0").status in (206, 302), 60, "package.json")


def test_evaluation_is_a_map_over_parts(deployed: Deployed) -> None:
    deployed.needs("evaluate-cron", "reconcile")
    machine = deployed.stack.outputs["EvaluateStateMachine"]
    states = deployed.client("stepfunctions")
    run = states.start_execution(stateMachineArn=machine)["executionArn"]
    until(lambda: states.describe_execution(executionArn=run)["status"] != "RUNNING", 120, "the state machine")
    done = states.describe_execution(executionArn=run)
    assert done["status"] == "SUCCEEDED", done
    until(lambda: deployed.events("evaluate-cron") >= PARTS, 30, "a line in the log for each part")
    deployed.calls["reconcile"] += 1


def test_what_a_function_does_not_take_is_an_error(deployed: Deployed) -> None:
    deployed.needs("admission")
    assert deployed.stack.invoke("admission", {"pakhus": "evaluate"})["errorType"] == "Function.Unsupported"


@pytest.mark.parametrize("function", SCHEDULED)
def test_the_clock_calls(function: str, deployed: Deployed) -> None:
    """Every full minute; last of all, when most of one is over."""
    deployed.needs(function)
    until(lambda: deployed.events(function) > deployed.calls[function], 100, f"{function}'s schedule")
