"""Packages put into a store to be prepared there, the events that tell of them, and the function that hears of it."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from support.fc import FunctionCompute
from support.servers import Minio, Program, Servers
from support.shop import Shop

KEY = "uploads/GAME/2.0.apk"
REPORT = "uploads/GAME/2.0.report.json"


@dataclass(frozen=True)
class Place:
    """Where a store's objects can be laid and looked at without us: a folder, or a bucket of MinIO's."""

    store: str
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    minio: Minio | None = None
    bucket: str = ""
    prefix: str = ""

    @property
    def shop(self) -> Shop:
        return Shop(self.store, self.env)

    def put(self, apk: Path, key: str = KEY) -> None:
        if self.folder:
            (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(apk, self.folder / f"{key}~")
            (self.folder / f"{key}~").rename(self.folder / key)
        else:
            self._client().upload_file(str(apk), self.bucket, self.prefix + key)

    def get(self, key: str) -> bytes | None:
        if self.folder:
            return (self.folder / key).read_bytes() if (self.folder / key).exists() else None
        client = self._client()
        try:
            body: bytes = client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()
            return body
        except client.exceptions.NoSuchKey:
            return None

    def remove(self, key: str) -> None:
        if self.folder:
            (self.folder / key).unlink()
        else:
            self._client().delete_object(Bucket=self.bucket, Key=self.prefix + key)

    def report(self) -> Any:
        text = self.get(REPORT)
        return None if text is None else json.loads(text)

    def package(self) -> Any:
        text = self.get("packages/GAME/2.0/package.json")
        return None if text is None else json.loads(text)

    def base(self, version: str = "2.0") -> bytes | None:
        """What package.json names."""
        text = self.get(f"packages/GAME/{version}/package.json")
        return None if text is None else self.get(f"packages/GAME/{version}/{json.loads(text)['base']}")

    def keys(self, start: str) -> list[str]:
        if self.folder:
            return sorted(key for file in self.folder.rglob("*") if file.is_file() and (key := str(file.relative_to(self.folder))).startswith(start))
        found = self._client().list_objects_v2(Bucket=self.bucket, Prefix=self.prefix + start).get("Contents", [])
        return [one["Key"].removeprefix(self.prefix) for one in found]

    def _client(self) -> Any:
        assert self.minio
        return self.minio.client()


def of_minio(minio: Minio, bucket: str, prefix: str = "") -> Place:
    return Place(minio.store(bucket, prefix.rstrip("/")), minio.credentials(), minio=minio, bucket=bucket, prefix=prefix)


class Listener:
    """The function on Function Compute, which takes many events at once."""

    def __init__(self, servers: Servers, place: Place, timeout: int = 60):
        self.program: Program = servers.function("prepare-upload", {"PAKHUS_STORE": place.store, **place.env}, host="fc")
        self._platform = FunctionCompute(self.program.url, timeout=timeout)

    def tell(self, event: object) -> Any:
        """What it answered; {"errorMessage": …} where that was an error."""
        text = event if isinstance(event, bytes) else json.dumps(event).encode()
        answer = self._platform.invoke(text)
        assert answer.header("x-fc-status") == ("200" if answer.status == 200 else "404")
        return json.loads(answer.body)


# --- events, as the platforms write them


def s3_record(key: str = KEY, name: str = "ObjectCreated:Put", bucket: str = "packages") -> dict[str, Any]:
    return {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": "2026-11-22T10:00:00.000Z", "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDA"}, "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "uploads",
               "bucket": {"name": bucket, "ownerIdentity": {"principalId": "A3NL"}, "arn": f"arn:aws:s3:::{bucket}"},
               "object": {"key": quote_plus(key, safe="/"), "size": 2811800, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0055AED6"}}}


def s3(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records or [s3_record()])}


def minio(key: str = KEY) -> dict[str, Any]:
    record = s3_record(key, "s3:ObjectCreated:CompleteMultipartUpload")
    record["eventSource"] = "minio:s3"
    record["s3"]["object"]["key"] = quote_plus(key)  # its slashes too
    return {"EventName": "s3:ObjectCreated:CompleteMultipartUpload", "Key": f"packages/{key}", "Records": [record]}


def eventbridge(key: str = KEY, kind: str = "Object Created") -> dict[str, Any]:
    return {
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": kind, "source": "aws.s3", "account": "111122223333",
        "time": "2026-11-22T10:00:00Z", "region": "us-east-1", "resources": ["arn:aws:s3:::packages"],
        "detail": {"version": "0", "bucket": {"name": "packages"}, "object": {"key": key, "size": 5, "etag": "b57f", "sequencer": "0061"},
                   "request-id": "C3D13FE58DE4C810", "requester": "111122223333", "source-ip-address": "192.0.2.1", "reason": "PutObject"}}


def oss(key: str = KEY, name: str = "ObjectCreated:PutObject") -> dict[str, Any]:
    return {"events": [{
        "eventName": name, "eventSource": "acs:oss", "eventTime": "2026-11-22T10:00:00.000Z", "eventVersion": "1.0",
        "oss": {"bucket": {"arn": "acs:oss:cn-hangzhou:1:packages", "name": "packages", "ownerIdentity": "1", "virtualBucket": ""},
                "object": {"deltaSize": 5, "eTag": "688A7BF4", "key": key, "size": 5}, "ossSchemaVersion": "1.0", "ruleId": "9adac8e2"},
        "region": "cn-hangzhou", "requestParameters": {"sourceIPAddress": "192.0.2.1"}, "responseElements": {"requestId": "58F9"},
        "userIdentity": {"principalId": "262561392693583141"}}]}


def order(app: str = "GAME", version: str = "2.0") -> dict[str, str]:
    return {"pakhus": "prepare-upload", "app": app, "version": version}
