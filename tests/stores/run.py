"""`make stores [SERVER=NAME]`: the store's own suites, two publishers at once, and a package published and served, on each S3 server that starts
here without Docker. Prints the table that stands in docs/stores.md."""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from support import apks, client, shop
from support.servers import Minio, Servers, clean_environment, pakhus_binary
from support.shop import Shop
from support.stores import KINDS

BIG = "v1+v2+v3"  # 18 MB: three parts
INFO = '{"channel":"huawei"}'
ROUNDS = 3


def suite(name: str, minio: Minio) -> str:
    """How many of the program's tests passed, of how many that are for S3."""
    bucket, beside = minio.bucket(name.replace("_", "-")), minio.bucket(f"{name.replace('_', '-')}-beside")
    stores = {"PAKHUS_TEST_STORE": minio.store(bucket), "PAKHUS_TEST_BESIDE": minio.store(beside)}
    program = pakhus_binary().parents[1] / "tests" / name
    try:
        done = subprocess.run([program], env={**clean_environment(), **minio.credentials(), **stores}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return "cut off after 10 minutes"
    print(done.stdout, file=sys.stderr)
    passed, failed = re.search(r"PASSED  \] (\d+)", done.stdout), re.search(r"(\d+) FAILED TEST", done.stdout)
    if not passed:
        return f"ended by {done.returncode}"
    return f"{passed[1]}/{int(passed[1]) + (int(failed[1]) if failed else 0)}"


def belongs_together(minio: Minio, bucket: str) -> bool:
    """The record, and the base that it names."""
    objects = minio.client()
    record: Any = json.loads(objects.get_object(Bucket=bucket, Key="packages/APP/1.0/package.json")["Body"].read())
    base = objects.get_object(Bucket=bucket, Key=f"packages/APP/1.0/{record['base']}")
    return hashlib.sha256(base["Body"].read()).hexdigest() == record["sha256"] and base["ETag"] == record["etag"]


def two_at_once(minio: Minio) -> str:
    """Two publishers of one version with other bytes each: how often one of them won, and what is stored is its own."""
    good = 0
    for number in range(ROUNDS):
        bucket = minio.bucket(f"race-{number}")
        store = shop.minio_shop(minio, bucket)

        def publish(region: str, store: Shop = store) -> int:
            return store.run("publish", apks.made(BIG), "--app", "APP", "--version", "1.0", "--region", region, check=False).returncode

        with ThreadPoolExecutor(2) as pool:
            codes = sorted(pool.map(publish, ["4096", "8192"]))
        good += codes == [0, 1] and belongs_together(minio, bucket)
    return f"{good}/{ROUNDS}"


def publish_and_serve(minio: Minio, servers: Servers) -> str:
    bucket = minio.bucket("shop")
    store = shop.minio_shop(minio, bucket)
    store.publish(apks.made(BIG))
    store.channel("APP", "huawei")
    wanted = shop.offline(BIG, INFO).read_bytes()
    direct = store.serve(servers, "--redirect", "never") + "/packages/APP/1.0/huawei.apk"
    if client.request(direct).body != wanted:
        return "other bytes"
    redirected = store.serve(servers) + "/packages/APP/1.0/huawei.apk"
    pieces = b"".join(client.request(redirected, range=f"bytes={at}-{min(at + shop.SLICE, len(wanted)) - 1}", follow=True).body
                      for at in range(0, len(wanted), shop.SLICE))
    if pieces != wanted:
        return "other bytes by redirects"
    store.run("unpublish", "APP", "1.0")
    return "good"


@dataclass
class Row:
    title: str
    suites: str = "-"
    race: str = "-"
    shop: str = "-"
    verdict: str = "works"


def probed(minio: Minio) -> str:
    """What `publish` says of the store; empty: nothing."""
    store = shop.minio_shop(minio, minio.bucket("probed"))
    done = store.run("publish", apks.made("v2"), "--app", "APP", "--version", "1.0", check=False)
    return "" if done.returncode == 0 else done.stderr.strip().removeprefix("pakhus publish: ")


def row(name: str, servers: Servers, folder: Path) -> Row:
    folder.mkdir()
    minio = KINDS[name].start(servers, folder)
    refusal = probed(minio)
    if refusal:
        return Row(KINDS[name].title, verdict=f"refused: {refusal}")
    found = Row(KINDS[name].title, f"{suite('test_store_conformance', minio)}, {suite('test_generation', minio)}")
    found.race = two_at_once(minio)
    found.shop = publish_and_serve(minio, servers)
    passed = all(one.split("/")[0] == one.split("/")[-1] for one in [*found.suites.split(", "), found.race]) and found.shop == "good"
    found.verdict = "works" if passed else "see below"
    return found


def main(names: list[str]) -> None:
    print("| server | suites | two publishers at once | publish and serve | verdict |\n| --- | --- | --- | --- | --- |")
    for name in names or KINDS:
        with tempfile.TemporaryDirectory() as work, Servers(Path(work) / "logs") as servers:
            found = row(name, servers, Path(work) / "data")
            print(f"| {found.title} | {found.suites} | {found.race} | {found.shop} | {found.verdict} |", flush=True)


main(sys.argv[1:])
