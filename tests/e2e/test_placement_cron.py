"""Demand in the store → evaluate, evict, reconcile: packages come to edges whose store is reachable, and leave them."""

import hashlib
import json
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support import apks
from support.demand import counted, lan_part
from support.servers import Minio, Servers, clean_environment, pakhus_binary
from support.shop import Shop, minio_shop, offline, run

DAY = "2026-08-25"
NOON = f"{DAY}T12:00:00Z"
POLICY = {"place": {"t1": 10, "t2": 2, "m": 3, "of": 5, "window": {"last": "1d"}},
          "evict": {"t3": 3, "n": 3, "of": 5, "window": {"last": "1d"}}}
INFO = '{"channel":"huawei"}'


@dataclass
class Store:
    """What an operator and devices would have written, put there by hand."""

    shop: Shop
    minio: Minio | None
    place: str  # a folder, or a bucket

    def put(self, key: str, text: str) -> None:
        if self.minio:
            self.minio.client().put_object(Bucket=self.place, Key=key, Body=text.encode())
            return
        path = Path(self.place) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def keys(self, prefix: str) -> list[str]:
        if self.minio:
            found = self.minio.client().list_objects_v2(Bucket=self.place, Prefix=prefix).get("Contents", [])
            return [item["Key"] for item in found]
        names = (str(path.relative_to(self.place)) for path in Path(self.place).rglob("*") if path.is_file())
        return sorted(name for name in names if name.startswith(prefix))

    def get(self, key: str) -> bytes:
        if self.minio:
            body: bytes = self.minio.client().get_object(Bucket=self.place, Key=key)["Body"].read()
            return body
        return (Path(self.place) / key).read_bytes()

    def newest(self, row: str) -> Any:
        keys = sorted(self.keys(f"{row}/"))
        return json.loads(self.get(keys[0])) if keys else None

    def demand(self, lan: str, package: str, hits: int, misses: int, day: str = DAY) -> None:
        self.put(*counted(lan, package, hits, misses, day))

    def policy(self, policy: dict[str, Any] = POLICY) -> None:
        self.put("policy/9999999999999999", json.dumps(policy))

    def edge(self, edge: str, store: str, lan: str = "192.168.0.0/24", **fields: Any) -> None:
        self.put(f"edges/{edge}.json", json.dumps({"edge": edge, "address": "192.168.0.5", "directory": "/data/share", "lans": [lan],
                                                   "store": store, **fields}))

    def run(self, command: str, *options: str, check: bool = True, env: dict[str, str] | None = None) -> dict[str, Any]:
        """The sums that its last line says."""
        done = self.shop.run(command, "--json", *options, check=check, env=env)
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result


@pytest.fixture(params=["file", "minio"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "file":
        (tmp_path / "origin").mkdir()
        yield Store(Shop(f"file://{tmp_path}/origin"), None, str(tmp_path / "origin"))
    else:
        minio: Minio = request.getfixturevalue("minio")
        bucket = minio.bucket(f"origin-{uuid.uuid4().hex[:12]}")
        yield Store(minio_shop(minio, bucket), minio, bucket)


@pytest.fixture
def edge(store: Store, tmp_path: Path) -> tuple[str, Store]:
    """The URL of an edge's store, and the store."""
    if store.minio:
        bucket = store.minio.bucket(f"edge-{uuid.uuid4().hex[:12]}")
        return store.minio.store(bucket), Store(minio_shop(store.minio, bucket), store.minio, bucket)
    (tmp_path / "edge").mkdir()
    return f"file://{tmp_path}/edge", Store(Shop(f"file://{tmp_path}/edge"), None, str(tmp_path / "edge"))


def test_a_package_comes_to_an_edge_and_leaves_it(store: Store, edge: tuple[str, Store]) -> None:
    """A base and a channel package; what is at the edge is what offline splicing makes."""
    url, shelf = edge
    store.policy()
    store.edge("shop-1", url)
    store.shop.publish(apks.made("v2"), "APP1", "2.0")
    store.shop.channel("APP1", "huawei", json.loads(INFO))
    store.demand("192.168.0.0/24", "APP1/2.0", 0, 11)
    store.demand("192.168.0.0/24", "APP1/2.0/huawei", 0, 6)
    store.demand("192.168.0.0/24", "APP1/2.0/huawei", 0, 5)
    store.demand("192.168.0.0/24", "APP2/1.0", 0, 900)  # not published
    dry = store.run("evaluate", "--now", NOON, "--dry-run")
    assert (dry["placed"], store.newest("wanted/shop-1")) == (2, None)
    first = store.run("evaluate", "--now", NOON)
    assert (first["placed"], first["copied"], first["failed"]) == (2, 2, 0)
    assert sorted(shelf.keys("APP1")) == ["APP1_2.0.apk", "APP1_2.0_huawei.apk"]
    assert shelf.get("APP1_2.0_huawei.apk") == offline("v2", INFO).read_bytes()
    held = store.newest("held/shop-1")["packages"]
    assert held["APP1/2.0"]["sha256"] == hashlib.sha256(shelf.get("APP1_2.0.apk")).hexdigest()
    again = store.run("evaluate", "--now", NOON)
    assert (again["placed"], again["kept"], again["copied"]) == (0, 2, 0)

    later = "2026-08-29T12:00:00Z"
    for day in range(26, 30):
        store.demand("192.168.0.0/24", "APP1/2.0", 3, 0, f"2026-08-{day}")
    gone = store.run("evict", "--now", later, "--grace", "5m")
    assert (gone["evicted"], gone["deleted"]) == (1, 0)
    assert "APP1_2.0_huawei.apk" in shelf.keys("APP1")  # downloads that began go on
    assert store.run("reconcile", "--now", "2026-08-29T12:05:00Z")["deleted"] == 1
    assert shelf.keys("APP1") == ["APP1_2.0.apk"]
    assert list(store.newest("held/shop-1")["packages"]) == ["APP1/2.0"]
    lines = [json.loads(line) for key in store.keys("decisions/") for line in store.get(key).splitlines()]
    placed = next(line for line in lines if line["decision"] == "place" and line["package"] == "APP1/2.0")
    assert (placed["rule"], placed["rule_name"], placed["misses"][0], placed["lan"]) == ("t1", "place threshold", 11, "192.168.0.0/24")
    evicted = next(line for line in lines if line["decision"] == "evict")
    assert (evicted["package"], evicted["rule"], evicted["rule_name"], evicted["hits"]) == ("APP1/2.0/huawei", "m-of-M", "evict threshold", [0, 0, 0, 0, 0])


def test_an_edge_that_splices_serves_every_channel_of_one_copy(store: Store, edge: tuple[str, Store], servers: Servers) -> None:
    url, shelf = edge
    store.policy()
    store.edge("shop-1", url, splices=True)
    store.shop.publish(apks.made("v2"), "APP1", "2.0")
    for channel in ("huawei", "xiaomi"):
        store.shop.channel("APP1", channel, {"channel": channel})
        store.demand("192.168.0.0/24", f"APP1/2.0/{channel}", 0, 6)
    assert store.run("evaluate", "--now", NOON)["copied"] == 1
    served = shelf.shop.serve(servers, "--redirect", "never")
    for channel in ("huawei", "xiaomi"):
        got = subprocess.run(["curl", "-sS", f"{served}/packages/APP1/2.0/{channel}.apk"], capture_output=True, check=True).stdout
        assert got == offline("v2", json.dumps({"channel": channel}, separators=(",", ":"))).read_bytes()
    store.shop.channel("APP1", "oppo", {"channel": "oppo"})
    store.run("reconcile", "--now", NOON)
    assert "oppo" in shelf.shop.run("channel", "list", "APP1").stdout


@pytest.mark.parametrize("splices", [False, True])
def test_p13_a_patch_that_nobody_made_is_made_first(splices: bool, store: Store, edge: tuple[str, Store], tmp_path: Path) -> None:
    url, shelf = edge
    store.policy()
    store.edge("shop-1", url, splices=splices)
    store.shop.publish(apks.made("older-v2"), "APP1", "1.0")
    store.shop.publish(apks.made("v2"), "APP1", "2.0")
    store.demand("192.168.0.0/24", "APP1/1.0..2.0", 0, 11)
    done = store.run("evaluate", "--now", NOON)
    assert (done["placed"], done["copied"], done["failed"]) == (1, 1, 0)
    record = json.loads(store.get("patches/APP1/1.0..2.0.json"))
    patch = shelf.get("patches/APP1/1.0..2.0.diff" if splices else "APP1_1.0_2.0.diff")
    held = store.newest("held/shop-1")["packages"]["APP1/1.0..2.0"]
    assert (record["size"], record["sha256"]) == (held["size"], held["sha256"]) == (len(patch), hashlib.sha256(patch).hexdigest())
    (tmp_path / "x.diff").write_bytes(patch)
    run("patch", offline("older-v2", INFO), tmp_path / "x.diff", "-o", tmp_path / "new.apk")
    assert (tmp_path / "new.apk").read_bytes() == offline("v2", INFO).read_bytes()


def test_a_lan_without_an_edge_raises_one_alert_a_day(store: Store) -> None:
    store.policy()
    store.shop.publish(apks.made("v2"), "APP1", "2.0")
    store.demand("10.0.0.0/8", "APP1/2.0", 0, 11)
    for _ in range(2):
        assert store.run("evaluate", "--now", NOON)["alerts"] == 1
    (key,) = store.keys("alerts/")
    alert = json.loads(store.get(key))
    assert (alert["lan"], alert["package"], alert["decision"], alert["misses"][0]) == ("10.0.0.0/8", "APP1/2.0", "alert", 11)


def test_counts_beyond_what_json_readers_take_are_told(store: Store) -> None:
    store.policy()
    store.shop.publish(apks.made("v2"), "APP1", "2.0")
    store.demand("10.0.0.0/8", "APP1/2.0", 7, 2**63 + 5)
    told = store.shop.run("evaluate", "--now", NOON, "--dry-run").stdout
    [words] = [line.split() for line in told.splitlines()]
    assert words[:6] == ["alert", "APP1/2.0", "place", "threshold", "misses", str(2**63 + 5)] and words[words.index("hits") + 1] == "7"
    assert words[-1] == "10.0.0.0/8"


def test_an_edge_that_is_down_is_said_and_the_others_go_on(store: Store, edge: tuple[str, Store]) -> None:
    url, shelf = edge
    store.policy()
    store.edge("shop-0", "s3://share?endpoint=http://127.0.0.1:9&region=x&path-style=1", "10.0.0.0/8")
    store.edge("shop-1", url)
    store.shop.publish(apks.made("v2"), "APP1", "2.0")
    store.demand("10.0.0.0/8", "APP1/2.0", 0, 11)
    store.demand("192.168.0.0/24", "APP1/2.0", 0, 11)
    done = store.run("evaluate", "--now", NOON, check=False)
    assert (done["placed"], done["copied"], done["failed"], done["unfinished"]) == (2, 1, 1, False)
    assert shelf.keys("APP1") == ["APP1_2.0.apk"]


def test_several_evaluations_at_once_end_as_one(store: Store, edge: tuple[str, Store]) -> None:
    url, shelf = edge
    store.policy()
    store.edge("shop-1", url)
    store.shop.publish(apks.made("v2"), "APP1", "2.0")
    store.shop.publish(apks.made("v1"), "APP2", "1.0")
    for app in ("APP1/2.0", "APP2/1.0"):
        store.demand("192.168.0.0/24", app, 0, 11)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: store.shop.run("evaluate", "--now", NOON, "--json"), range(4)))
    assert all(result.returncode == 0 for result in results)
    assert list(store.newest("wanted/shop-1")["packages"]) == ["APP1/2.0", "APP2/1.0"]
    held = store.newest("held/shop-1")["packages"]
    assert {name: item.get("state", "held") for name, item in held.items()} == {"APP1/2.0": "held", "APP2/1.0": "held"}
    for name, item in held.items():
        assert hashlib.sha256(shelf.get(f"{name.replace('/', '_')}.apk")).hexdigest() == item["sha256"]


def test_an_evaluation_that_is_killed_anywhere_is_finished_by_the_next(store: Store, edge: tuple[str, Store]) -> None:
    url, shelf = edge
    store.policy()
    store.edge("shop-1", url)
    for version in range(1, 5):
        store.shop.publish(apks.made("v2"), "APP1", f"{version}.0")
        store.demand("192.168.0.0/24", f"APP1/{version}.0", 0, 11)
    for delay in (0.01, 0.03, 0.06, 0.1, 0.15):
        running = subprocess.Popen([pakhus_binary(), "evaluate", "--store", store.shop.store, "--now", NOON],
                                   env={**clean_environment(), **store.shop.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        running.send_signal(signal.SIGKILL)
        running.wait()
        held = store.newest("held/shop-1")
        for name, item in (held["packages"] if held else {}).items():
            if item.get("state", "held") == "held":  # what shows is whole
                assert hashlib.sha256(shelf.get(f"{name.replace('/', '_')}.apk")).hexdigest() == item["sha256"]
    assert store.run("evaluate", "--now", NOON)["failed"] == 0
    assert len(store.newest("wanted/shop-1")["packages"]) == 4
    assert shelf.keys("APP1") == [f"APP1_{version}.0.apk" for version in range(1, 5)]


def test_days_are_folded_and_count_on(store: Store) -> None:
    store.policy()
    store.edge("shop-1", "pull")
    store.shop.publish(apks.made("v2"), "APP1", "2.0")
    for day in (22, 23, 24):
        for _ in range(3):
            store.demand("192.168.0.0/24", "APP1/2.0", 0, 1, f"2026-08-{day}")
    store.run("evaluate", "--now", NOON, "--part", str(lan_part("192.168.0.0/24")))
    assert store.keys("demand/live/") == []
    assert len(store.keys("demand/days/")) == 3
    assert store.newest("wanted/shop-1")["packages"]["APP1/2.0"]["reason"] == "m-of-M"
    assert store.run("evaluate", "--now", NOON, "--dry-run")["kept"] == 1


@pytest.mark.parametrize("options, words", [
    (["--edge", "nobody"], "there is no edge 'nobody'"),
    (["--part", "16"], "--part must be a number from 0 to 15"),
    (["--now", "noon"], "--now wants a time"),
])
def test_options_that_make_no_sense_are_told(options: list[str], words: str, tmp_path: Path) -> None:
    done = run("evaluate", "--store", f"file://{tmp_path}", *options, check=False)
    assert done.returncode in (1, 2)
    assert words in done.stderr
