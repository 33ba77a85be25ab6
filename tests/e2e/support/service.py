"""An origin and an edge's bucket in one MinIO, reached by whatever endpoint a test puts in front of it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import apks, placed, shop
from support.servers import Minio
from support.shop import Shop

BIG = "v1+v2+v3"  # 18 MB: three parts
INFO = '{"channel":"huawei"}'


@dataclass
class Service:
    minio: Minio
    origin: str
    edge: str
    folder: Path
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    wanted: int = 0

    def store(self, endpoint: str) -> Shop:
        return shop.minio_shop(self.minio, self.origin, endpoint=endpoint)

    def publish(self, name: str, version: str, app: str = "APP") -> None:
        self.packages[f"{app}/{version}"] = self.store(self.minio.url).publish(apks.made(name), app, version, "--force")

    def register(self, endpoint: str, **fields: Any) -> None:
        """shop-1, whose bucket is reached there."""
        url = self.minio.store(self.edge, endpoint=endpoint)
        placed.register(self.store(self.minio.url), self.folder, **{"store": url, **fields})

    def want(self, *names: str, edge: str = "shop-1") -> None:
        self.wanted += 1
        items = {name: placed.facts(self.packages["/".join(name.split("/")[:2])], name.count("/") > 1) for name in names}
        placed.want(self.store(self.minio.url), items, self.wanted, edge, self.minio)

    def reconcile(self, endpoint: str, *options: str, code: int = 0) -> tuple[dict[str, Any], str]:
        """What it did, and what it said."""
        done = self.store(endpoint).run("reconcile", "--json", *options, check=False)
        assert done.returncode == code, done.stderr
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result, done.stderr

    def body(self, key: str) -> bytes:
        body: bytes = self.minio.client().get_object(Bucket=self.edge, Key=key)["Body"].read()
        return body

    def base(self, version: str) -> bytes:
        """Of an edge that splices."""
        return self.body(f"packages/APP/{version}/{json.loads(self.body(f'packages/APP/{version}/package.json'))['base']}")

    def held(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = placed.shown(self.store(self.minio.url))["held"]["packages"]
        return found


def furnished(minio: Minio, bucket: str, folder: Path) -> Service:
    """APP/1.0, large, and APP/2.0, smaller than a part."""
    made = Service(minio, bucket, minio.bucket(f"edge-{bucket}"), folder)
    made.publish(BIG, "1.0")
    made.publish("v2", "2.0")
    made.store(minio.url).channel("APP", "huawei", json.loads(INFO))
    return made
