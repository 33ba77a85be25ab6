"""LocalStack as a process of this machine, without Docker, and template.yaml deployed into it as `sam deploy` does it for users."""

import json
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.client

from support.cache import ROOT, fetched
from support.client import request
from support.gateway import Answer
from support.packages import packages
from support.servers import REGION, Command, Minio, Servers, answers, clean_environment, free_port

SERVICES = "s3,lambda,events,cloudformation,iam,sts,logs,stepfunctions,sqs"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
ACCOUNT = "000000000000"
ARTIFACTS = "artifacts"
ARCHITECTURE = platform.machine().replace("aarch64", "arm64")
_PACKAGE = re.compile(r"build/package/arm64/([a-z-]+)\.zip")


@dataclass(frozen=True)
class LocalStack:
    url: str

    def client(self, service: str) -> Any:
        config = botocore.client.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, read_timeout=120)
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test",
                            aws_secret_access_key="test", config=config)


def start(servers: Servers, folder: Path, port: int = 0) -> LocalStack:
    """Lambda functions run as processes: localstack/executor. Ready in about ten seconds; what it writes is in `folder`."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    folder.mkdir(parents=True, exist_ok=True)
    env = {"GATEWAY_LISTEN": f"127.0.0.1:{port}", "SERVICES": SERVICES, "EAGER_SERVICE_LOADING": "0", "LAMBDA_RUNTIME_EXECUTOR": "process",
           "PYTHONPATH": str(ROOT / "localstack/executor"), "PAKHUS_EMULATOR": str(fetched("rie")), "TMPDIR": str(folder),
           "LAMBDA_KEEPALIVE_MS": "60000", "DNS_ADDRESS": "0", "DISABLE_EVENTS": "1", "SKIP_SSL_CERT_DOWNLOAD": "1"}
    command: list[str | Path] = [fetched("localstack"), "-m", "localstack.runtime.main"]
    servers.start("localstack", command, lambda: answers(f"{url}/_localstack/health", 200), url, env, seconds=90, cwd=folder)
    return LocalStack(url)


class DockerMissing(Exception):
    """Why there can be no LocalStack in a container here."""


@contextmanager
def composed(port: int, minio_port: int) -> Iterator[LocalStack]:
    """LocalStack and a MinIO in containers: localstack/compose.yaml."""
    env = {**clean_environment(), "LOCALSTACK_PORT": str(port), "MINIO_PORT": str(minio_port)}

    def compose(*words: str) -> "subprocess.CompletedProcess[str]":
        command: Command = ["docker", "compose", "-f", ROOT / "localstack/compose.yaml", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)

    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True, timeout=60).returncode != 0:
        raise DockerMissing("no Docker daemon runs here")
    if compose("pull", "--quiet").returncode != 0:
        raise DockerMissing("Docker runs, but the images can't be pulled")
    try:
        done = compose("up", "--detach", "--wait")
        assert done.returncode == 0, done.stderr
        yield LocalStack(f"http://127.0.0.1:{port}")
    finally:
        compose("down", "--volumes", "--timeout", "5")


@dataclass(frozen=True)
class Store:
    """Where a stack keeps its packages: for the commands, and as parameters of the template."""

    url: str
    credentials: Mapping[str, str]
    parameters: Mapping[str, str]


def own_store(localstack: LocalStack, stack: str, inside: str = "", bucket: str = "") -> Store:
    """The bucket that the stack makes, or another one; only its endpoint is not the usual one. `inside`: LocalStack's URL as functions in
    containers reach it. It gives any range for a presigned URL: no signature is checked."""
    name = bucket or f"{stack}-{ACCOUNT}-{REGION}"
    outer, inner = (f"s3://{name}/?endpoint={url}&region={REGION}&path-style=1&bind-range=no" for url in (localstack.url, inside or localstack.url))
    return Store(outer, CREDENTIALS, {"StoreUrl": inner})


def minio_store(minio: Minio, bucket: str) -> Store:
    given = minio.credentials()
    return Store(minio.store(bucket), given, {
        "StoreUrl": minio.store(bucket) + "&credentials=STORE", "StoreAccessKeyId": given["AWS_ACCESS_KEY_ID"],
        "StoreSecretAccessKey": given["AWS_SECRET_ACCESS_KEY"]})


@dataclass(frozen=True)
class Stack:
    """What `sam deploy` made."""

    localstack: LocalStack
    name: str
    outputs: Mapping[str, str]
    functions: Mapping[str, str]  # "query" → the function's name

    def url(self, function: str) -> str:
        """Of a Function URL; its name leads to LocalStack, see `http`."""
        return self.outputs["".join(part.title() for part in function.split("-")) + "Url"].rstrip("/")

    def http(self, function: str, target: str, method: str = "GET", headers: Mapping[str, str] | None = None,
             range: str | None = None) -> Answer:
        """Over the function's URL: its host by name, LocalStack's by address."""
        return request(f"{self.localstack.url}{target}", method, {"Host": urlsplit(self.url(function)).netloc, **(headers or {})}, range)

    def invoke(self, function: str, event: Any) -> Any:
        """A direct invoke: what the function answered, parsed; its error where it failed."""
        answer = self.localstack.client("lambda").invoke(FunctionName=self.functions[function], Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read())


def package(into: Path) -> None:
    """The zips of `make package` for this machine."""
    for name in set(_PACKAGE.findall((ROOT / "template.yaml").read_text())):
        shutil.copy(packages(ARCHITECTURE) / f"{name}.zip", into)


def deploy(localstack: LocalStack, folder: Path, name: str, parameters: Mapping[str, str]) -> Stack:
    """`folder` is for what is uploaded. Parameters that a machine needs are set: buffered answers, since LocalStack can't stream bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    package(folder)
    template = folder / "template.yaml"
    template.write_text(_PACKAGE.sub(r"\1.zip", (ROOT / "template.yaml").read_text()))
    localstack.client("s3").create_bucket(Bucket=ARTIFACTS)
    given = {"ResponseMode": "buffered", "Architecture": ARCHITECTURE, **parameters}
    command: Command = [fetched("sam") / "sam", "deploy", "--template-file", template, "--stack-name", name, "--s3-bucket", ARTIFACTS,
               "--capabilities", "CAPABILITY_IAM", "--region", REGION, "--no-progressbar", "--on-failure", "DELETE",
               "--parameter-overrides", *[f'ParameterKey={key},ParameterValue="{value}"' for key, value in given.items()]]
    env = {**clean_environment(), **CREDENTIALS, "AWS_ENDPOINT_URL": localstack.url, "SAM_CLI_TELEMETRY": "0",
           "SAM_CLI_POLL_DELAY": "1", "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=420)
    assert done.returncode == 0, f"sam deploy: exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return described(localstack, name)


def described(localstack: LocalStack, name: str) -> Stack:
    cloudformation = localstack.client("cloudformation")
    outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    resources = [item for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
                 for item in page["StackResourceSummaries"]]
    functions = {_dashed(item["LogicalResourceId"]): item["PhysicalResourceId"] for item in resources
                 if item["ResourceType"] == "AWS::Lambda::Function"}
    return Stack(localstack, name, {one["OutputKey"]: one["OutputValue"] for one in outputs}, functions)


def _dashed(logical: str) -> str:
    """ChannelRangeSplice → channel-range-splice"""
    return re.sub(r"(?<!^)([A-Z])", r"-\1", logical).lower()
