"""Apps with many channels: what a cold instance reads, pages of the list, a run that was killed, and the layout of version 0.1."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from support import apks, client, shop
from support.servers import Minio, Servers, clean_environment, pakhus_binary
from support.shop import Shop
from support.stall import Stall

MANY = 20_000
OLD_KEY = "channels/APP/9999999999999999"
OLD = {"formats": ["walle"], "validator": "package", "url_info": "signed", "filename": "{app}-{version}-{channel}.apk",
       "channels": {"huawei": {"channel": "huawei", "campaign": "x"}, "oppo": {"channel": "oppo"}},
       "changed": {"2026-09-01T10:00:00Z": ["huawei"], "2026-10-01T10:00:00Z": ["oppo"]}}
LATER_KEY = "channels/APP/9999999999999998"
LATER = {**OLD, "channels": {**OLD["channels"], "vivo": {"channel": "vivo"}},  # type: ignore[dict-item]
         "changed": {**OLD["changed"], "2026-11-01T10:00:00Z": ["vivo"]}}  # type: ignore[dict-item]


def table(folder: Path, count: int) -> Path:
    path = folder / "channels.csv"
    path.write_text("".join(f"channel-{number:05d}\n" for number in range(count)))
    return path


def put(store: Shop, request: pytest.FixtureRequest, key: str, document: object) -> None:
    body = json.dumps(document).encode()
    if not store.store.startswith("file://"):
        request.getfixturevalue("minio").client().put_object(Bucket=request.getfixturevalue("bucket"), Key=key, Body=body)
        return
    path = Path(store.store.removeprefix("file://")) / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def body_of(store: Shop, request: pytest.FixtureRequest, key: str) -> bytes:
    if store.store.startswith("file://"):
        return (Path(store.store.removeprefix("file://")) / key).read_bytes()
    found = request.getfixturevalue("minio").client().get_object(Bucket=request.getfixturevalue("bucket"), Key=key)
    body: bytes = found["Body"].read()
    return body


@pytest.fixture(scope="module")
def stocked_bucket(minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its channels' ids stay as they are."""
    bucket = minio.bucket("many-channels")
    store = shop.minio_shop(minio, bucket)
    store.publish(apks.made("v2"))
    store.run("channel", "set", "APP", "--from", table(tmp_path_factory.mktemp("table"), MANY))
    return bucket


def test_a_cold_instance_reads_one_shard(stocked_bucket: str, minio: Minio, servers: Servers) -> None:
    """A listing and an object each for the settings and the shard, and package.json: under 64 KiB."""
    recorder = servers.recorder(minio.url)
    url = shop.minio_shop(minio, stocked_bucket, endpoint=recorder.url).serve(servers, "--probe-max", "0")
    recorder.forget()
    assert client.request(f"{url}/packages/APP/1.0/channel-12345.apk", range="bytes=0-0").status == 302
    seen = recorder.requests()
    objects = [one for one in seen if "list-type" not in one.uri]
    assert (len(seen), len(objects)) == (5, 3), seen
    assert sum(one.bytes_sent for one in seen) < 64 * 1024


def test_setting_one_writes_one_shard(stocked_bucket: str, minio: Minio, servers: Servers) -> None:
    recorder = servers.recorder(minio.url)
    shop.minio_shop(minio, stocked_bucket, endpoint=recorder.url).channel("APP", "channel-00777", {"campaign": "x"})
    writes = [one for one in recorder.requests() if one.method == "PUT"]
    assert len(writes) == 1 and "/shards-" in writes[0].uri, writes


def test_pages_of_the_list(stocked_bucket: str, minio: Minio) -> None:
    store = shop.minio_shop(minio, stocked_bucket)

    def ids(*options: str) -> list[str]:
        return [line["channel"] for line in store.channel_lines("APP", *options)]

    wanted = [f"channel-{number:05d}" for number in range(MANY)]
    assert ids() == wanted
    assert ids("--prefix", "channel-0123") == wanted[1230:1240]
    assert ids("--limit", "3") == wanted[:3]
    assert ids("--limit", "3", "--after", wanted[2]) == wanted[3:6]
    assert ids("--prefix", "channel-1999", "--after", "channel-19997", "--limit", "5") == wanted[19998:]
    assert store.run("channel", "list", "APP", "--limit", "1").stdout == 'channel-00000\t{"channel":"channel-00000"}\n'


def test_a_run_that_was_killed_is_repeated(minio: Minio, bucket: str, tmp_path: Path) -> None:
    """Of 1 MB of shards so many bytes are through: what was there before stays, and the next run writes the rest."""
    store = shop.minio_shop(minio, bucket)
    store.channel("APP", "before", {"campaign": "x"})
    path = table(tmp_path, MANY)
    with Stall(minio.url, 500_000) as stall:
        dying = shop.minio_shop(minio, bucket, endpoint=stall.url)
        running = subprocess.Popen([pakhus_binary(), "channel", "set", "--store", dying.store, "APP", "--from", path],
                                   env={**clean_environment(), **dying.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert stall.stalled.wait(60)
        running.send_signal(signal.SIGKILL)
        running.wait()
    some = store.channels("APP")
    assert some["before"] == {"channel": "before", "campaign": "x"}
    assert 1 < len(some) < MANY + 1
    done = store.run("channel", "set", "APP", "--from", path)
    assert f"{MANY} set, {MANY + 1 - len(some)} of them new or changed" in done.stderr
    assert len(store.channels("APP")) == MANY + 1


# --- version 0.1


def served(url: str, channel: str) -> tuple[int, bytes, str | None, str | None]:
    answer = client.request(f"{url}/packages/APP/1.0/{channel}.apk")
    return answer.status, answer.body, answer.header("etag"), answer.header("last-modified")


def test_the_old_layout_is_served_and_moved(store: Shop, servers: Servers, request: pytest.FixtureRequest) -> None:
    """Bytes and validators are the same before and after, for instances of both kinds; and what the old ones read is not touched."""
    store.run("publish", apks.made("v2"), "--app", "APP", "--version", "1.0")
    put(store, request, OLD_KEY, OLD)
    url = store.serve(servers, "--redirect", "never")
    before = {channel: served(url, channel) for channel in ("huawei", "oppo", "vivo")}
    assert [before[channel][0] for channel in ("huawei", "oppo", "vivo")] == [200, 200, 404]
    old = body_of(store, request, OLD_KEY)
    for _ in range(2):
        store.run("store", "upgrade")
        assert body_of(store, request, OLD_KEY) == old
        for program in (url, store.serve(servers, "--redirect", "never")):
            assert {channel: served(program, channel) for channel in ("huawei", "oppo")} == {channel: before[channel] for channel in ("huawei", "oppo")}
    assert store.channels("APP") == OLD["channels"]
    assert [line["changed"] for line in store.channel_lines("APP")] == ["2026-09-01T10:00:00Z", "2026-10-01T10:00:00Z"]


def test_the_next_writer_moves_the_old_layout(store: Shop, request: pytest.FixtureRequest) -> None:
    put(store, request, OLD_KEY, OLD)
    store.channel("APP", "xiaomi")
    assert set(store.channels("APP")) == {"huawei", "oppo", "xiaomi"}
    put(store, request, LATER_KEY, LATER)  # by an older writer
    assert "version 0.1 has changed the channels of APP after they were moved" in store.run("store", "upgrade").stderr
    assert set(store.channels("APP")) == {"huawei", "oppo", "xiaomi"}
    store.run("channel", "remove", "APP", "huawei")
    assert set(store.channels("APP")) == {"oppo", "xiaomi"}


def test_an_app_with_many_versions_is_read_as_one_with_one(minio: Minio, bucket: str, servers: Servers) -> None:
    store = shop.minio_shop(minio, bucket)
    package = store.publish(apks.made("v2"), "APP", "1.0")
    for number in range(50):
        record = {**package, "version": f"0.{number}", "version_code": 0}
        minio.client().put_object(Bucket=bucket, Key=f"packages/APP/0.{number}/package.json", Body=json.dumps(record).encode())
    recorder = servers.recorder(minio.url)
    url = shop.minio_shop(minio, bucket, endpoint=recorder.url).serve(servers, "--public-url", "https://apps.example")
    recorder.forget()
    answer = client.request(f"{url}/query?app=APP&ip=10.1.2.3&mask=8")
    assert (answer.status, json.loads(answer.body)["package"]) == (200, "APP/1.0")
    records = [one.uri for one in recorder.requests() if "package.json" in one.uri and "list-type" not in one.uri]
    assert len(records) == 1, records
