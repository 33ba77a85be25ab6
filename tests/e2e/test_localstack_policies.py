"""What each function of template.yaml may touch: its role's policy, as it was deployed, before a MinIO, which enforces it; LocalStack does
not."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.client
import pytest
from botocore.exceptions import ClientError

from support import apks, client, samples, uploads
from support.cache import ROOT
from support.deployed import Deployed
from support.function_url import FunctionUrl, unwrapped
from support.gateway import Answer
from support.servers import REGION, Minio, Servers, bootstrap
from support.shop import Shop, minio_shop
from support.uploads import Listener

TEMPLATE = (ROOT / "template.yaml").read_text()
FUNCTIONS = sorted(set(re.findall(r"arm64/([a-z-]+)\.zip", TEMPLATE)))
# The design's table of objects: who writes what. Operators write the rest, with keys of their own.
WRITERS: dict[str, set[str]] = {
    "packages/GAME/2.0/base.apk": {"prepare-upload"},
    "uploads/GAME/2.0.report.json": {"prepare-upload"},
    "patches/GAME/1.0..2.0.diff": {"reconcile", "evaluate-cron", "evict-cron", "query"},
    "wanted/shop-1/1": {"evaluate-cron", "evict-cron", "query"},
    "held/shop-1/1": {"reconcile", "evaluate-cron", "evict-cron", "query"},
    "demand/live/d/h/p/i": {"query", "evaluate-cron", "evict-cron"},
    "demand/days/d/p": {"evaluate-cron", "evict-cron"},
    "decisions/d/x": {"evaluate-cron", "evict-cron", "query"},
    "alerts/d/x": {"evaluate-cron", "evict-cron"},
    "lookup/keys/0/s/1": {"reconcile", "evaluate-cron", "evict-cron"},
    "policy/1": {"calibrate-cron"},
    "samples/d/h/i": {"query", "evaluate-cron"},
    "tokens/edge-1/1": {"cache-token-verify"},
    **{key: set() for key in ("releases/GAME/1", "channels/GAME/1", "edges/shop-1.json", "lans/x.json", "profiles/game-2.0/1", "scenes/x/1",
                              "x")}}
READERS_OF_PACKAGES = {"channel-range-splice", "query", "evaluate-cron", "evict-cron", "calibrate-cron", "reconcile", "prepare-upload"}


@dataclass(frozen=True)
class Enforced:
    """A store that lets each function do what its role allows, and nothing else."""

    minio: Minio
    bucket: str
    store: Shop
    policies: Mapping[str, str]

    def credentials(self, function: str) -> dict[str, str]:
        sts = boto3.client("sts", endpoint_url=self.minio.url, region_name=REGION, aws_access_key_id=self.minio.access_key,
                           aws_secret_access_key=self.minio.secret_key)
        role = f"arn:aws:iam::000000000000:role/{function}"
        given = sts.assume_role(RoleArn=role, RoleSessionName=function, Policy=self.policies[function])["Credentials"]
        return {"AWS_ACCESS_KEY_ID": given["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
                "AWS_SESSION_TOKEN": given["SessionToken"], "AWS_REGION": REGION}

    def client(self, function: str) -> Any:
        keys = self.credentials(function)
        config = botocore.client.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
        return boto3.client("s3", endpoint_url=self.minio.url, region_name=REGION, aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
                            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"], aws_session_token=keys["AWS_SESSION_TOKEN"], config=config)


@pytest.fixture(scope="module")
def enforced(stacks: dict[str, Deployed], minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> Enforced:
    deployed = stacks["s3"]
    bucket = minio.bucket(urlsplit(deployed.store.store).netloc)  # the one that the policies name
    store = minio_shop(minio, bucket)
    samples.fill(store, tmp_path_factory.mktemp("samples"))
    for key, text in samples.placement(minio.store(minio.bucket("edge-enforced"))).items():
        minio.client().put_object(Bucket=bucket, Key=key, Body=text.encode())
    return Enforced(minio, bucket, store, {function: policy(deployed, function) for function in FUNCTIONS})


def policy(deployed: Deployed, function: str) -> str:
    """What the function's role may do with S3."""
    configuration = deployed.client("lambda").get_function_configuration(FunctionName=deployed.stack.functions[function])
    role = configuration["Role"].rsplit("/", 1)[1]
    iam = deployed.client("iam")
    statements = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        statements += iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_policy_is_enough(function: str, enforced: Enforced, servers: Servers) -> None:
    edges = {"EDGES_ACCESS_KEY_ID": enforced.minio.access_key, "EDGES_SECRET_ACCESS_KEY": enforced.minio.secret_key}
    env = {"PAKHUS_STORE": enforced.store.store, "PAKHUS_FLUSH": "sync", **edges, **samples.TOKENS, **enforced.credentials(function)}
    platform = next(one for one in ("url", "schedule", "s3") if samples.path(function, one).exists())
    with FunctionUrl(servers.emulator(bootstrap(function), env).url) as front:
        told: Any = front.invoke(samples.load(function, platform))
    if platform == "url":
        samples.check(function, followed(unwrapped(told), samples.load(function, "url")["headers"].get("range")))
    else:
        assert not (isinstance(told, dict) and "errorType" in told), told
        assert told.get("failed") in (None, 0, []), told
    if function == "evaluate-cron":
        assert (told["placed"], told["copied"]) == (2, 2)


def test_the_policy_is_enough_to_prepare_an_upload(enforced: Enforced, servers: Servers) -> None:
    """And to report of one that cannot be prepared; what the sample tells of is not there."""
    place = uploads.of_minio(enforced.minio, enforced.bucket)
    place.put(apks.made("v1+v2"), "uploads/GAME/2.1.apk")
    place.put(apks.made("unsigned"))
    listener = Listener(servers, replace(place, env=enforced.credentials("prepare-upload")))
    told = listener.tell(uploads.s3(uploads.s3_record("uploads/GAME/2.1.apk"), uploads.s3_record()))
    assert ([one["version"] for one in told["prepared"]], [one["version"] for one in told["failed"]]) == (["2.1"], ["2.0"]), told
    assert place.report()["state"] == "failed"
    assert place.get("uploads/GAME/2.1.report.json") is None


def followed(answer: Answer, range: str | None) -> Answer:
    """A presigned URL is as good as the role that signed it."""
    return client.get(answer.header("location") or "", range) if answer.status == 302 else answer


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_its_own_objects_are_written(function: str, enforced: Enforced) -> None:
    s3 = enforced.client(function)
    for key, writers in WRITERS.items():
        if function in writers:
            continue  # the function itself tells, above
        for act, body in ((s3.put_object, {"Body": b"x"}), (s3.delete_object, {})):
            with pytest.raises(ClientError) as refused:
                act(Bucket=enforced.bucket, Key=key, **body)
            assert refused.value.response["Error"]["Code"] == "AccessDenied", (function, key)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_packages_are_read_by_those_who_need_them(function: str, enforced: Enforced) -> None:
    def read() -> bytes:
        body: bytes = enforced.client(function).get_object(Bucket=enforced.bucket, Key="packages/GAME/2.0/package.json")["Body"].read()
        return body

    if function in READERS_OF_PACKAGES:
        assert b"sha256" in read()
    else:
        with pytest.raises(ClientError):
            read()


def test_a_missing_package_is_a_404(enforced: Enforced, servers: Servers) -> None:
    """Not a fault of the store's: that is what s3:ListBucket is for."""
    function = "channel-range-splice"
    env = {"PAKHUS_STORE": enforced.store.store, **enforced.credentials(function)}
    url = servers.function(function, env).url
    assert client.get(f"{url}/packages/GAME/9.9/huawei.apk").status == 404
    assert client.get(f"{url}/packages/OTHER/9.9.apk").status == 404
