"""template.yaml as the tests have it in LocalStack, with what the samples are about in its store."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support import localstack, samples
from support.localstack import LocalStack, Stack
from support.servers import Minio
from support.shop import Shop

ORIGIN_SECRET = "only-the-cdn"


@dataclass(frozen=True)
class Deployed:
    stack: Stack
    store: Shop
    size: int  # of GAME 2.0
    kind: str  # of the store: "s3" or "minio"
    objects: Any  # boto3's client of the store
    shelf: str  # the bucket of the edge shop-1, there
    calls: Counter[str] = field(default_factory=Counter)  # of functions by event: ours

    @property
    def bucket(self) -> str:
        """Of the store."""
        return urlsplit(self.store.store).netloc

    def invoke(self, function: str, platform: str) -> Any:
        """Directly, with a sample; an error is a failure."""
        self.calls[function] += 1
        told = self.stack.invoke(function, samples.load(function, platform))
        assert not (isinstance(told, dict) and "errorType" in told), told
        return told

    def events(self, function: str) -> int:
        """How many the function has taken, by its log."""
        return self.log(function).count("method=EVENT")

    def newest(self, row: str) -> Any:
        """The newest of a row of generations."""
        first = self.objects.list_objects_v2(Bucket=self.bucket, Prefix=f"{row}/", MaxKeys=1)["Contents"][0]["Key"]
        return json.loads(self.objects.get_object(Bucket=self.bucket, Key=first)["Body"].read())

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


def deploy(kind: str, running: LocalStack, folder: Path, minio: Minio) -> Deployed:
    name, shelf = f"pakhus-{kind}", f"edge-{kind}"
    if kind == "s3":
        objects, where, edge = running.client("s3"), localstack.own_store(running, name), localstack.own_store(running, shelf, bucket=shelf)
    else:
        objects, where, edge = minio.client(), localstack.minio_store(minio, minio.bucket(name)), localstack.minio_store(minio, shelf)
    objects.create_bucket(Bucket=shelf)
    every_minute = {f"{job}Every": "rate(1 minute)" for job in ("Evict", "Calibrate", "Reconcile")}
    stack = localstack.deploy(running, folder, name, {
        **where.parameters, **every_minute, "TokenKeys": samples.TOKENS["PAKHUS_TOKEN_KEYS"],
        "TokenBusiness": samples.TOKENS["PAKHUS_TOKEN_BUSINESS"], "OriginSecret": ORIGIN_SECRET, "Flush": "sync",
        "EdgeBuckets": f"arn:aws:s3:::{shelf}", "EdgeAccessKeyId": edge.credentials["AWS_ACCESS_KEY_ID"],
        "EdgeSecretAccessKey": edge.credentials["AWS_SECRET_ACCESS_KEY"]})
    store = Shop(where.url, where.credentials)
    deployed = Deployed(stack, store, samples.fill(store, folder), kind, objects, shelf)
    for key, text in samples.placement(edge.url).items():
        objects.put_object(Bucket=deployed.bucket, Key=key, Body=text.encode())
    return deployed
