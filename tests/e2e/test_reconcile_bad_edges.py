"""reconcile where an edge is down, silent, full, or goes away in the middle: it fails by itself, and the others get what they want."""

import socket
import subprocess
import time
from pathlib import Path

import pytest

from support import placed, shop
from support.disk import small_disk
from support.servers import Minio, Servers, clean_environment, free_port, pakhus_binary
from support.service import BIG, Service, furnished
from support.stall import Stall


@pytest.fixture
def service(minio: Minio, bucket: str, tmp_path: Path) -> Service:
    return furnished(minio, bucket, tmp_path)


@pytest.mark.parametrize("how", ["down", "silent"])
def test_an_edge_that_does_not_answer_takes_nobody_elses_time(how: str, service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1] if how == "silent" else free_port()
        away = service.minio.store("share", endpoint=f"http://127.0.0.1:{port}")
        service.register("", edge="shop-0", site="shop-0", store=away)
        service.register(service.minio.url)
        service.want("APP/1.0", "APP/2.0", edge="shop-0")
        service.want("APP/2.0")
        done, said = service.reconcile(service.minio.url, code=1)
    assert (done["copied"], done["failed"]) == (1, 1) and "edge=shop-0 its store does not answer" in said
    assert service.body("APP_2.0.apk") == shop.base("v2").read_bytes()
    assert placed.states(service.store(service.minio.url), "shop-0") == {"APP/1.0": "wanted", "APP/2.0": "wanted"}


def test_an_edge_that_fails_and_answers_is_not_given_up(service: Service, servers: Servers) -> None:
    full = servers.recorder(service.minio.url, "if ($request_method = PUT) { return 507; }")
    service.register(full.url)
    service.want("APP/1.0", "APP/2.0")
    done, said = service.reconcile(service.minio.url, code=1)
    assert (done["copied"], done["failed"]) == (0, 2) and said.count("disks are full") == 2
    assert placed.states(service.store(service.minio.url)) == {"APP/1.0": "copying", "APP/2.0": "copying"}


def test_what_cannot_be_said_to_leave_stays(service: Service, servers: Servers) -> None:
    service.register(service.minio.url)
    service.want("APP/2.0")
    service.reconcile(service.minio.url)
    service.want()
    reading = servers.recorder(service.minio.url, "if ($request_method = PUT) { return 403; }")
    done, _ = service.reconcile(reading.url, "--grace", "0s", code=1)
    assert (done["deleted"], done["failed"]) == (0, 1)
    assert service.body("APP_2.0.apk") == shop.base("v2").read_bytes()
    done, _ = service.reconcile(service.minio.url, "--grace", "0s")
    assert done["deleted"] == 1 and service.held() == {}


def test_a_full_disk_takes_what_fits(service: Service, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8 << 20) as disk:
        service.register("", store=f"file://{disk}")
        service.want("APP/1.0", "APP/2.0")
        done, said = service.reconcile(service.minio.url, code=1)
        assert (done["copied"], done["failed"]) == (1, 1) and "No space left" in said
        assert (disk / "APP_2.0.apk").read_bytes() == shop.base("v2").read_bytes()
        assert placed.states(service.store(service.minio.url)) == {"APP/1.0": "copying", "APP/2.0": "held"}
        assert not list((disk / "~new").iterdir())


@pytest.mark.parametrize("code", ["XMinioAdminBucketQuotaExceeded", "XMinioStorageFull", "QuotaExceeded"])
def test_a_full_bucket_takes_what_fits(code: str, service: Service, servers: Servers) -> None:
    """What does not fit when the service copies it does not fit when it is sent either."""
    full = servers.recorder(service.minio.url, f'set $asked "$request_method $uri"; if ($asked ~ "^PUT .*APP_1.0.apk$") {{ return 400 '
                                               f'"<Error><Code>{code}</Code><Message>full</Message></Error>"; }}')
    service.register(full.url)
    service.want("APP/1.0", "APP/2.0")
    done, said = service.reconcile(full.url, code=1)
    assert (done["copied"], done["failed"]) == (1, 1), said
    assert ("used up" in said or "disks are full" in said) and "passes through here" not in said
    assert service.body("APP_2.0.apk") == shop.base("v2").read_bytes()


def test_a_push_that_was_cut_off_in_mid_part_goes_on(service: Service, servers: Servers) -> None:
    with Stall(service.minio.url, 17_000_000) as stall:  # of 17.4 MB: two parts of 8 MiB come whole, however they take turns
        service.register(stall.url)
        service.want("APP/1.0")
        store = service.store(service.minio.url)
        running = subprocess.Popen([pakhus_binary(), "reconcile", "--store", store.store], env={**clean_environment(), **store.env},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert stall.stalled.wait(60)
        time.sleep(0.5)
        running.kill()
        running.wait()
    assert placed.states(service.store(service.minio.url)) == {"APP/1.0": "copying"}
    seen = servers.recorder(service.minio.url)
    service.register(seen.url)
    assert service.reconcile(service.minio.url)[0]["copied"] == 1
    sent = [one for one in seen.requests() if one.method == "PUT"]
    assert 0 < len(sent) < 3 and service.body("APP_1.0.apk") == shop.base(BIG).read_bytes()
    assert "Uploads" not in service.minio.client().list_multipart_uploads(Bucket=service.edge)
