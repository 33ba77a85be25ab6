"""edge sync: the edge's own side of placement, against origins in a directory and in MinIO, and nginx on what it fills."""

import contextlib
import http.client
import json
import os
import pty
import signal
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support import apks, client, placed, shop
from support.disk import small_disk
from support.servers import Command, Minio, Nginx, Servers, clean_environment, pakhus_binary
from support.shop import Shop

BIG = "v1+v2+v3"  # 18 MB
INFO = '{"channel":"huawei","campaign":"x"}'


@dataclass
class Site:
    """An origin, an edge of it, and the folder that the edge fills."""

    store: Shop
    folder: Path
    minio: Minio | None
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    wanted: int = 0

    def __post_init__(self) -> None:
        placed.register(self.store, self.folder.parent)

    def publish(self, name: str, version: str = "1.0", app: str = "APP") -> None:
        self.packages[f"{app}/{version}"] = self.store.publish(apks.made(name), app, version, "--force")  # two applications under one name

    def want(self, *names: str) -> None:
        """From now on these and no others."""
        self.wanted += 1
        items = {}
        for name in names:
            app, version, *channel = name.split("/")
            items[name] = placed.facts(self.packages[f"{app}/{version}"], bool(channel))
        placed.want(self.store, items, self.wanted, minio=self.minio)

    def sync(self, *options: str, code: int = 0, store: Shop | None = None, folder: Path | None = None) -> dict[str, Any]:
        """What it did."""
        done = (store or self.store).run("edge", "sync", "--edge", "shop-1", "--dir", folder or self.folder, "--json", *options, check=False)
        assert done.returncode == code, done.stderr
        result: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"error": done.stderr}
        return result

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def start(self, store: Shop, size: int) -> tuple["subprocess.Popen[bytes]", int]:
        """One that runs; so much of a package has come by it, or a little more, which is returned."""
        command: list[str | Path] = [pakhus_binary(), "edge", "sync", "--edge", "shop-1", "--store", store.store, "--dir", self.folder]
        running = subprocess.Popen(command, env={**clean_environment(), **store.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while time.monotonic() < end and running.poll() is None:
            there = max((part.stat().st_size for part in self.folder.glob("*.part")), default=0)
            if there >= size:
                return running, there
            time.sleep(0.02)
        running.kill()
        running.wait()
        raise AssertionError("it never came so far")

    def kill(self, store: Shop, size: int) -> int:
        running, there = self.start(store, size)
        running.send_signal(signal.SIGKILL)
        running.wait()
        return there


@pytest.fixture(params=["file", "minio"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """With APP/1.0, and its channel huawei."""
    minio = request.getfixturevalue("minio") if request.param == "minio" else None
    store = shop.minio_shop(minio, request.getfixturevalue("bucket")) if minio else Shop(request.getfixturevalue("file_store"))
    return furnished(Site(store, tmp_path / "share", minio))


@pytest.fixture
def local(file_store: str, tmp_path: Path) -> Site:
    return furnished(Site(Shop(file_store), tmp_path / "share", None))


@pytest.fixture
def remote(minio: Minio, bucket: str, tmp_path: Path) -> Site:
    return furnished(Site(shop.minio_shop(minio, bucket), tmp_path / "share", minio))


def furnished(site: Site) -> Site:
    site.publish("v2")
    site.store.channel("APP", "huawei", json.loads(INFO))
    return site


def slowly(servers: Servers, minio: Minio, bucket: str, rate: str) -> Shop:
    """The origin behind a line of so many bytes a second."""
    line = ("server {{ listen 127.0.0.1:{{{{port}}}}; location / {{ proxy_pass {url}; proxy_http_version 1.1; proxy_set_header Host $http_host;"
            " proxy_set_header Connection ''; proxy_request_buffering off; limit_rate {rate}; }} }}")
    return shop.minio_shop(minio, bucket, endpoint=servers.nginx(line.format(url=minio.url, rate=rate)).url)


def later(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat(timespec="milliseconds")


def stored_base(name: str) -> bytes:
    return shop.base(name).read_bytes()


def test_a_base_and_a_channel_package_arrive_whole(site: Site) -> None:
    site.want("APP/1.0", "APP/1.0/huawei")
    size = site.packages["APP/1.0"]["size"]
    assert site.sync() == {"edge": "shop-1", "copied": 2, "deleted": 0, "failed": 0, "waiting": 0, "bytes": 2 * size}
    assert site.files() == ["APP_1.0.apk", "APP_1.0_huawei.apk"]
    assert (site.folder / "APP_1.0.apk").read_bytes() == stored_base("v2")
    assert (site.folder / "APP_1.0_huawei.apk").read_bytes() == shop.offline("v2", INFO).read_bytes()
    assert placed.states(site.store) == {"APP/1.0": "held", "APP/1.0/huawei": "held"}
    assert placed.shown(site.store)["used"] == 2 * size
    assert site.sync()["copied"] == 0


def test_nothing_wanted_is_nothing_done(site: Site) -> None:
    assert site.sync() == {"edge": "shop-1", "copied": 0, "deleted": 0, "failed": 0, "waiting": 0, "bytes": 0}
    assert site.files() == []


def test_what_is_wanted_no_longer_goes_after_its_grace(site: Site) -> None:
    site.want("APP/1.0")
    site.sync()
    site.want()
    assert site.sync("--grace", "1h")["deleted"] == 0
    assert placed.states(site.store) == {"APP/1.0": "leaving"} and site.files() == ["APP_1.0.apk"]
    assert site.sync("--grace", "1h", "--now", later(minutes=50))["deleted"] == 0
    assert site.sync("--grace", "1h", "--now", later(minutes=61))["deleted"] == 1
    assert placed.states(site.store) == {} and site.files() == []


def test_the_usual_grace_is_ten_minutes(local: Site) -> None:
    local.want("APP/1.0")
    local.sync()
    local.want()
    local.sync()
    assert local.sync("--now", later(minutes=9))["deleted"] == 0
    assert local.sync("--now", later(minutes=11))["deleted"] == 1


def test_what_is_wanted_again_in_time_stays(local: Site) -> None:
    local.want("APP/1.0")
    local.sync()
    local.want()
    local.sync()
    local.want("APP/1.0")
    assert local.sync("--now", later(hours=1)) == {"edge": "shop-1", "copied": 0, "deleted": 0, "failed": 0, "waiting": 0, "bytes": 0}
    assert placed.states(local.store) == {"APP/1.0": "held"} and local.files() == ["APP_1.0.apk"]


def test_pending_is_not_copied(local: Site) -> None:
    placed.want(local.store, {"APP/1.0": {**placed.facts(local.packages["APP/1.0"]), "state": "pending"}})
    assert local.sync()["copied"] == 0
    assert placed.states(local.store) == {"APP/1.0": "pending"}


def test_verify_finds_what_rotted(site: Site) -> None:
    site.want("APP/1.0", "APP/1.0/huawei")
    site.sync()
    for name in site.files():
        with open(site.folder / name, "r+b") as file:
            file.seek(4321)
            file.write(b"\xff\x00\xff")
    assert site.sync()["copied"] == 0
    assert site.sync("--verify")["copied"] == 2
    assert (site.folder / "APP_1.0.apk").read_bytes() == stored_base("v2")
    assert (site.folder / "APP_1.0_huawei.apk").read_bytes() == shop.offline("v2", INFO).read_bytes()
    assert site.sync("--verify")["copied"] == 0


@pytest.mark.parametrize("harm", ["gone", "short"])
def test_what_is_gone_or_cut_off_is_fetched_again(harm: str, local: Site) -> None:
    local.want("APP/1.0")
    local.sync()
    file = local.folder / "APP_1.0.apk"
    if harm == "gone":
        file.unlink()
    else:
        os.truncate(file, 1000)
    assert local.sync()["copied"] == 1
    assert file.read_bytes() == stored_base("v2")


def test_a_channel_that_changed_is_made_anew(site: Site) -> None:
    site.want("APP/1.0", "APP/1.0/huawei")
    site.sync()
    site.store.channel("APP", "huawei", {"channel": "huawei", "campaign": "y"})
    assert site.sync()["copied"] == 1
    assert (site.folder / "APP_1.0_huawei.apk").read_bytes() == shop.offline("v2", '{"channel":"huawei","campaign":"y"}').read_bytes()


def test_one_that_fails_stops_nobody(local: Site) -> None:
    local.publish("v3", "2.0")
    local.want("APP/1.0", "APP/2.0")
    local.store.run("unpublish", "APP", "1.0")
    result = local.sync(code=1)
    assert (result["copied"], result["failed"]) == (1, 1)
    assert local.files() == ["APP_2.0.apk"] and placed.states(local.store)["APP/2.0"] == "held"
    assert placed.states(local.store)["APP/1.0"] == "wanted"


def test_a_digest_that_is_another_is_no_copy(local: Site) -> None:
    """What the origin has was spoilt: it is never held."""
    base = shop.base_file(Path(local.store.store.removeprefix("file://")))
    body = bytearray(base.read_bytes())
    stamp = base.stat()
    body[5000] ^= 0xFF
    with open(base, "r+b") as file:
        file.write(body)
    os.utime(base, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    local.want("APP/1.0")
    assert local.sync(code=1)["failed"] == 1
    assert "APP_1.0.apk" not in local.files() and placed.states(local.store) in ({"APP/1.0": "copying"}, {"APP/1.0": "wanted"})


def base_bytes(seen: Nginx) -> int:
    return sum(one.bytes_sent for one in seen.requests() if shop.is_base(one.uri.split("?")[0]))


def test_a_copy_that_was_killed_goes_on(remote: Site, servers: Servers, minio: Minio, bucket: str) -> None:
    remote.publish(BIG, "2.0")
    size = remote.packages["APP/2.0"]["size"]
    remote.want("APP/2.0")
    slow = slowly(servers, minio, bucket, "2m")
    for enough in size // 4, size // 2:
        there = remote.kill(slow, enough)
        assert placed.states(remote.store) == {"APP/2.0": "copying"} and "APP_2.0.apk" not in remote.files()
    seen = servers.recorder(minio.url)
    result = remote.sync(store=shop.minio_shop(minio, bucket, endpoint=seen.url))
    assert (result["copied"], result["failed"]) == (1, 0)
    assert (remote.folder / "APP_2.0.apk").read_bytes() == stored_base(BIG)
    assert remote.files() == ["APP_2.0.apk"]
    assert 0 < base_bytes(seen) <= size - there


def test_what_came_of_another_package_is_not_used(remote: Site, servers: Servers, minio: Minio, bucket: str) -> None:
    """Between the two runs the version was taken back and published anew, with other bytes."""
    remote.publish(BIG, "2.0")
    remote.want("APP/2.0")
    slow = slowly(servers, minio, bucket, "2m")
    remote.kill(slow, 1 << 20)
    remote.store.run("unpublish", "APP", "2.0")
    remote.publish("page-aligned", "2.0")
    remote.want("APP/2.0")
    assert remote.sync()["copied"] == 1
    assert (remote.folder / "APP_2.0.apk").read_bytes() == stored_base("page-aligned")


def test_a_person_sees_it_come(remote: Site, servers: Servers, minio: Minio, bucket: str) -> None:
    remote.publish(BIG, "2.0")
    remote.want("APP/2.0")
    slow = slowly(servers, minio, bucket, "6m")
    master, terminal = pty.openpty()
    command: list[str | Path] = [pakhus_binary(), "edge", "sync", "--edge", "shop-1", "--store", slow.store, "--dir", remote.folder]
    running = subprocess.Popen(command, env={**clean_environment(), **slow.env}, stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while more := os.read(master, 4096):
            shown += more
    os.close(master)
    assert running.wait(60) == 0
    assert b"APP_2.0.apk" in shown and b"%" in shown and b"[" in shown
    assert b"shop-1: 1 copied" in shown


def test_two_at_once_do_not_mix(remote: Site, servers: Servers, minio: Minio, bucket: str) -> None:
    remote.publish(BIG, "2.0")
    remote.want("APP/2.0")
    slow = slowly(servers, minio, bucket, "4m")
    running, _ = remote.start(slow, 1 << 20)
    done = remote.store.run("edge", "sync", "--edge", "shop-1", "--dir", remote.folder, check=False)
    assert done.returncode == 1 and "another process" in done.stderr
    assert running.wait(60) == 0
    assert (remote.folder / "APP_2.0.apk").read_bytes() == stored_base(BIG)


def test_a_full_disk_takes_what_fits(local: Site, tmp_path: Path) -> None:
    local.publish(BIG, "0.9")
    local.want("APP/0.9", "APP/1.0")  # the large one is first in order
    with small_disk(tmp_path / "disk", 8 << 20) as disk:
        result = local.sync(code=1, folder=disk)
        assert (result["copied"], result["failed"]) == (1, 1)
        assert (disk / "APP_1.0.apk").read_bytes() == stored_base("v2")
        assert placed.states(local.store) == {"APP/0.9": "copying", "APP/1.0": "held"}
        local.want("APP/1.0")
        assert local.sync(folder=disk)["deleted"] == 1
        assert [path.name for path in disk.iterdir()] == ["APP_1.0.apk"]


def test_a_file_that_may_not_grow_is_said_like_a_full_disk(local: Site) -> None:
    local.publish(BIG, "0.9")
    local.want("APP/0.9", "APP/1.0")
    sync: Command = [pakhus_binary(), "edge", "sync", "--edge", "shop-1", "--store", local.store.store, "--dir", local.folder]
    done = subprocess.run(["prlimit", f"--fsize={8 << 20}", *sync], env=clean_environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "APP_0.9.apk.part: no file may be so large here" in done.stderr
    assert placed.states(local.store) == {"APP/0.9": "copying", "APP/1.0": "held"}


@pytest.mark.parametrize("kind, words", [("link", "is a symbolic link, and is not followed"), ("pipe", "is no regular file")])
def test_what_is_no_file_is_not_written_to(kind: str, words: str, local: Site, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"mine")
    local.folder.mkdir()
    part = local.folder / "APP_1.0.apk.part"
    part.symlink_to(tmp_path / "other") if kind == "link" else os.mkfifo(part)
    local.want("APP/1.0")
    done = local.store.run("edge", "sync", "--edge", "shop-1", "--dir", local.folder, check=False)
    assert done.returncode == 1 and f"APP_1.0.apk.part {words}" in done.stderr
    assert (tmp_path / "other").read_bytes() == b"mine"
    part.unlink()
    assert local.sync()["copied"] == 1


def test_what_came_whole_does_not_come_again(remote: Site, servers: Servers, minio: Minio, bucket: str) -> None:
    """Killed after the file was there and before that was said."""
    remote.want("APP/1.0")
    remote.sync()
    placed.put(remote.store, f"held/shop-1/{placed.LAST - 9}", '{"edge":"shop-1","packages":{}}', minio)
    seen = servers.recorder(minio.url)
    assert remote.sync(store=shop.minio_shop(minio, bucket, endpoint=seen.url))["copied"] == 1
    assert placed.states(remote.store) == {"APP/1.0": "held"} and remote.files() == ["APP_1.0.apk"]
    assert not base_bytes(seen)


def test_what_makes_no_sense_is_said(local: Site, tmp_path: Path) -> None:
    unknown = local.store.run("edge", "sync", "--edge", "nowhere", "--dir", tmp_path / "x", check=False)
    assert unknown.returncode == 1 and "there is no edge 'nowhere'" in unknown.stderr and not (tmp_path / "x").exists()
    for folder in "", str(tmp_path / "no/such/place"), str(tmp_path / "edge.json"):
        done = local.store.run("edge", "sync", "--edge", "shop-1", "--dir", folder, check=False)
        assert done.returncode == 1 and done.stderr, folder


def test_a_relative_directory(local: Site, tmp_path: Path) -> None:
    local.want("APP/1.0")
    for splices, name in (False, "plain"), (True, "100% splices"):
        placed.register(local.store, tmp_path, splices=splices)
        placed.put(local.store, f"held/shop-1/{placed.LAST - 99 - splices}", '{"edge":"shop-1","packages":{}}')
        done = subprocess.run([pakhus_binary(), "edge", "sync", "--edge", "shop-1", "--store", local.store.store, "--dir", name], cwd=tmp_path,
                              capture_output=True, text=True, timeout=60, env=clean_environment())
        assert done.returncode == 0, done.stderr
        file = shop.base_file(tmp_path / name) if splices else tmp_path / name / "APP_1.0.apk"
        assert file.read_bytes() == stored_base("v2")


# --- an edge that splices


def test_an_edge_that_splices_serves_every_channel(site: Site, servers: Servers, tmp_path: Path) -> None:
    placed.register(site.store, tmp_path, splices=True)
    channels = {f"channel-{number}": f'{{"channel":"channel-{number}","campaign":"c{number}"}}' for number in range(5)}
    for channel, info in channels.items():
        site.store.channel("APP", channel, json.loads(info))
    site.want("APP/1.0")
    assert site.sync()["copied"] == 1
    url = Shop(f"file://{site.folder}").serve(servers)
    assert client.get(f"{url}/packages/APP/1.0.apk").body == stored_base("v2")
    for channel, info in channels.items():
        assert client.get(f"{url}/packages/APP/1.0/{channel}.apk").body == shop.offline("v2", info).read_bytes()
    site.store.channel("APP", "huawei", {"channel": "huawei", "campaign": "z"})
    assert site.sync("--verify")["copied"] == 0
    fresh = client.get(f"{url}/packages/APP/1.0/huawei.apk").body
    assert fresh == shop.offline("v2", '{"channel":"huawei","campaign":"z"}').read_bytes()
    site.want()
    site.sync()
    assert site.sync("--now", later(minutes=11))["deleted"] == 1
    assert client.get(f"{url}/packages/APP/1.0.apk").status == 404
    assert not list(site.folder.rglob("*.apk")) and not list(site.folder.rglob("*.part"))


def test_verify_finds_what_rotted_where_it_splices(local: Site, tmp_path: Path) -> None:
    placed.register(local.store, tmp_path, splices=True)
    local.want("APP/1.0")
    local.sync()
    base = shop.base_file(local.folder)
    with open(base, "r+b") as file:
        file.seek(4321)
        file.write(b"\xff\x00\xff")
    assert local.sync("--verify")["copied"] == 1
    assert shop.base_file(local.folder).read_bytes() == stored_base("v2")


def test_a_version_that_was_published_anew_replaces_the_old_one_where_it_splices(local: Site, tmp_path: Path) -> None:
    placed.register(local.store, tmp_path, splices=True)
    local.want("APP/1.0")
    local.sync()
    local.store.run("unpublish", "APP", "1.0")
    local.publish("v3")
    local.want("APP/1.0")
    assert local.sync()["copied"] == 1
    assert shop.base_file(local.folder).read_bytes() == stored_base("v3")


def test_a_full_disk_where_it_splices(remote: Site, servers: Servers, minio: Minio, bucket: str, tmp_path: Path) -> None:
    """What came and has no room to be installed waits there, and is not fetched again and again."""
    placed.register(remote.store, tmp_path, splices=True)
    remote.publish(BIG, "2.0")
    remote.want("APP/2.0")
    seen = servers.recorder(minio.url)
    through = shop.minio_shop(minio, bucket, endpoint=seen.url)
    with small_disk(tmp_path / "disk", 24 << 20) as disk:
        assert remote.sync(code=1, folder=disk, store=through)["failed"] == 1
        assert base_bytes(seen) == remote.packages["APP/2.0"]["size"]
        assert remote.sync(code=1, folder=disk, store=through)["failed"] == 1
        subprocess.run(["mount", "-o", f"remount,size={64 << 20}", disk], check=True)
        assert remote.sync(folder=disk, store=through)["copied"] == 1
        assert base_bytes(seen) == remote.packages["APP/2.0"]["size"]
        assert shop.base_file(disk, version="2.0").read_bytes() == stored_base(BIG)
        assert not list(disk.glob("*.apk*"))


# --- what serves it


def test_nginx_serves_what_came(local: Site, servers: Servers) -> None:
    local.want("APP/1.0", "APP/1.0/huawei")
    local.sync()
    (local.folder / "APP_2.0.apk.part").write_bytes(b"half")
    (local.folder / "APP_2.0.apk.part.json").write_text("{}")
    (local.folder / ".hidden.apk").write_bytes(b"x")
    url = f"{servers.edge('/data/share', local.folder).url}/data/share"
    whole = client.get(f"{url}/APP_1.0_huawei.apk")
    assert whole.body == shop.offline("v2", INFO).read_bytes()
    assert (whole.status, whole.header("content-type"), whole.header("accept-ranges")) == (200, "application/vnd.android.package-archive", "bytes")
    etag = whole.header("etag")
    assert etag
    part = client.get(f"{url}/APP_1.0_huawei.apk", "bytes=1000-1999", if_range=etag)
    assert (part.status, part.body) == (206, whole.body[1000:2000])
    assert client.get(f"{url}/APP_1.0_huawei.apk", if_none_match=etag).status == 304
    for path in "APP_2.0.apk", "APP_2.0.apk.part", "APP_2.0.apk.part.json", ".hidden.apk", "", "APP_2.0.apk%2Epart", "../share/APP_2.0.apk.part":
        assert client.get(f"{url}/{path}").status == 404, path
    assert client.get(f"{url.removesuffix('/data/share')}/APP_1.0.apk").status == 404


def test_a_download_goes_on_while_its_file_is_replaced(local: Site, servers: Servers) -> None:
    local.publish(BIG, "2.0")
    local.want("APP/2.0/huawei")
    local.sync()
    served = servers.edge("", local.folder)
    old = (local.folder / "APP_2.0_huawei.apk").read_bytes()
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=30)
    connection.request("GET", "/APP_2.0_huawei.apk")
    answer = connection.getresponse()
    first = answer.read(1000)
    local.store.channel("APP", "huawei", {"channel": "huawei", "campaign": "new"})
    assert local.sync()["copied"] == 1
    new = (local.folder / "APP_2.0_huawei.apk").read_bytes()
    assert first + answer.read() == old and old != new
    connection.close()
    assert client.get(f"{served.url}/APP_2.0_huawei.apk").body == new
