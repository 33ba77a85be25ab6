"""What becomes of an upload (S14): the package, or a report that says what to do; again, at once, while it changes, and large."""

import hashlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import apks, client, odd_apks, shop, uploads
from support.apksigner import verify
from support.servers import ADMIN, Minio, Servers
from support.stall import Stall
from support.uploads import KEY, Listener, Place

MIB = 1 << 20


@pytest.fixture(params=["file", "minio"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "minio":
        return uploads.of_minio(request.getfixturevalue("minio"), request.getfixturevalue("bucket"))
    (tmp_path / "store").mkdir()
    return Place(f"file://{tmp_path}/store", folder=tmp_path / "store")


@pytest.fixture
def listener(servers: Servers, place: Place) -> Listener:
    return Listener(servers, place)


@pytest.mark.parametrize("name", ["v1", "v1+v2+v3", "old-walle", "page-aligned"])
def test_it_is_published_as_the_command_would(name: str, place: Place, listener: Listener, tmp_path: Path) -> None:
    place.put(apks.made(name))
    [prepared] = listener.tell(uploads.s3())["prepared"]
    base = place.base()
    assert base == shop.base(name).read_bytes()
    (tmp_path / "other").mkdir()
    theirs = shop.Shop(f"file://{tmp_path}/other").publish(apks.made(name), "GAME", "2.0")
    ours = place.package()
    for field in ("modified", "published", "etag", "base"):
        theirs.pop(field), ours.pop(field)
    assert ours == theirs
    assert [note for note in prepared["notes"] if "old" in note] == prepared["notes"]
    assert bool(prepared["notes"]) == (name == "old-walle")


def test_its_channels_are_served(place: Place, listener: Listener, servers: Servers, tmp_path: Path) -> None:
    place.put(apks.made("v2+v3"))
    place.shop.channel("GAME", "huawei")
    listener.tell(uploads.s3())
    answer = client.request(place.shop.serve(servers, "--redirect", "never") + "/packages/GAME/2.0/huawei.apk")
    assert answer.status == 200
    (tmp_path / "huawei.apk").write_bytes(answer.body)
    verify(tmp_path / "huawei.apk")


def test_a_failure_leaves_a_report_and_success_takes_it_away(place: Place, listener: Listener) -> None:
    place.put(apks.made("unsigned"))
    [failed] = listener.tell(uploads.s3())["failed"]
    report = place.report()
    assert failed["problem"] == report["problem"]
    assert "not signed" in report["problem"] and KEY in report["advice"]
    assert (report["state"], report["app"], report["version"], report["key"]) == ("failed", "GAME", "2.0", KEY)
    assert report["size"] == apks.made("unsigned").stat().st_size
    assert re.fullmatch(r'"[0-9a-f-]+"', report["etag"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", report["time"])
    assert place.package() is None and not place.keys("packages/")
    assert "not signed" in listener.tell(uploads.order())["errorMessage"]
    place.put(apks.made("v2"))
    assert listener.tell(uploads.s3())["prepared"]
    assert place.report() is None
    assert place.package() is not None


@pytest.mark.parametrize("name", odd_apks.NO_APKS)
def test_what_is_no_apk_leaves_a_report(name: str, place: Place, listener: Listener, tmp_path: Path) -> None:
    make, words = odd_apks.NO_APKS[name]
    place.put(make(tmp_path))
    [failed] = listener.tell(uploads.s3())["failed"]
    assert failed["problem"] == words == place.report()["problem"]
    assert KEY in place.report()["advice"]
    assert place.package() is None


def test_what_devices_would_refuse_leaves_a_report(place: Place, listener: Listener, tmp_path: Path) -> None:
    """The function never insists: it says how a person may."""
    for make, words in ((odd_apks.without_block, "the v2 signature was stripped (META-INF/ORIGINAL.SF names it)"),
                        (odd_apks.with_late_comment, "its ZIP comment of 16 bytes was added after it was signed")):
        place.put(make(tmp_path, apks.made("v1+v2")))
        [failed] = listener.tell(uploads.s3())["failed"]
        assert failed["problem"].startswith(words) and failed["problem"].endswith("(`pakhus publish --force` publishes it all the same)")
        assert place.report()["problem"] == failed["problem"] and place.package() is None
    damaged = odd_apks.flipped(tmp_path, apks.made("v1+v2+v3"), 9 << 20)
    place.put(damaged)
    assert "its contents are not what was signed" in listener.tell(uploads.s3())["failed"][0]["problem"]


def test_another_application_leaves_a_report(place: Place, listener: Listener) -> None:
    place.shop.publish(apks.made("v2"), "GAME", "1.0")
    place.put(apks.made("v1+v2+v3"))
    [failed] = listener.tell(uploads.s3())["failed"]
    assert "this is another application" in failed["problem"] and place.report()["problem"] == failed["problem"]
    place.put(apks.made("v2+v3"))
    assert listener.tell(uploads.s3())["prepared"]


def test_other_bytes_under_a_published_version_are_refused(place: Place, listener: Listener) -> None:
    place.put(apks.made("v2"))
    listener.tell(uploads.s3())
    before = place.package()
    place.put(apks.made("v3"))
    [failed] = listener.tell(uploads.s3())["failed"]
    assert "GAME/2.0 is published with other bytes" in failed["problem"]
    assert "under another version" in place.report()["advice"]
    place.put(apks.made("v2"))  # the right one again
    assert listener.tell(uploads.s3())["prepared"]
    assert place.report() is None and place.package() == before


def test_a_version_that_reads_as_a_patch_is_refused(place: Place, listener: Listener) -> None:
    place.put(apks.made("v2"), "uploads/GAME/1..2.apk")
    [failed] = listener.tell(uploads.s3(uploads.s3_record("uploads/GAME/1..2.apk")))["failed"]
    assert "the version '1..2' has '..' in it" in failed["problem"]
    report = json.loads(place.get("uploads/GAME/1..2.report.json") or b"")
    assert report["problem"] == failed["problem"] and report["advice"] == "put the package under another version"
    assert not place.keys("packages/")


def test_notices_come_twice_late_and_at_once(place: Place, listener: Listener) -> None:
    place.put(apks.made("v1+v2"))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(listener.tell, [uploads.s3()] * 6))
    assert [len(answer["prepared"]) for answer in answers] == [1] * 6, answers
    first = place.package()
    assert listener.tell(uploads.s3())["prepared"]
    assert place.package() == first and place.report() is None
    place.remove(KEY)
    [ignored] = listener.tell(uploads.s3())["ignored"]
    assert "is not there" in ignored["why"]
    assert "is not there" in listener.tell(uploads.order())["errorMessage"]
    assert place.report() is None and place.package() == first


@pytest.mark.parametrize("left", ["v2", "v3"])
def test_what_an_earlier_run_left_is_removed(left: str, place: Place, listener: Listener) -> None:
    """Bases are there, package.json is not: runs were cut off between the two, one of version 0.1 among them."""
    place.put(apks.made("v2"))
    for name in ("base.apk", f"base-{'0f' * 16}.apk"):
        place.put(shop.base(left), f"packages/GAME/2.0/{name}")
    assert listener.tell(uploads.s3())["prepared"]
    assert place.base() == shop.base("v2").read_bytes()
    assert place.keys("packages/GAME/2.0/") == [f"packages/GAME/2.0/{place.package()['base']}", "packages/GAME/2.0/package.json"]


def test_formats_that_do_not_suit_it_are_told(place: Place, listener: Listener) -> None:
    place.shop.config("GAME", "--formats", "vasdolly,packer-ng")
    place.put(apks.made("v1"))
    [failed] = listener.tell(uploads.s3())["failed"]
    assert "v1" in failed["problem"] and place.report()["problem"] == failed["problem"]


def test_a_store_that_is_gone_is_an_error_so_that_it_is_tried_again(servers: Servers, tmp_path: Path) -> None:
    minio = servers.minio()
    place = uploads.of_minio(minio, minio.bucket("gone"))
    place.put(apks.made("v2"))
    listener = Listener(servers, place, timeout=4)
    assert listener.tell(uploads.s3())["prepared"]
    minio.stop()
    assert "127.0.0.1" in listener.tell(uploads.s3())["errorMessage"]


def test_one_who_was_stopped_has_left_word(minio: Minio, bucket: str, servers: Servers) -> None:
    """Stopped as a platform stops a function that takes too long: at once, and unheard."""
    place = uploads.of_minio(minio, bucket)
    place.put(apks.made("v1+v2+v3"))
    with Stall(minio.url, 20_000) as stall:
        stalled = Place(minio.store(bucket, endpoint=stall.url), minio.credentials())
        listener = Listener(servers, stalled)
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(listener.tell, uploads.s3())
            assert stall.stalled.wait(60)
            listener.program.kill()
            assert told.exception() is not None
    report = place.report()
    assert report["state"] == "started" and "more time and memory" in report["advice"]
    assert place.package() is None
    assert Listener(servers, place).tell(uploads.s3())["prepared"]
    assert place.report() is None


# --- large


def sent(listener: Listener) -> int:
    text = client.request(f"{listener.program.url}/metrics", headers=ADMIN).body.decode()
    found = re.search(r"^pakhus_store_sent_bytes_total (\d+)$", text, re.M)
    assert found
    return int(found[1])


@pytest.fixture
def large(place: Place) -> Iterator[Place]:
    place.put(apks.made("1-gib"))
    yield place
    for key in (KEY, f"packages/GAME/2.0/{place.package()['base']}"):
        place.remove(key)


def test_a_gibibyte_is_joined_in_the_store(large: Place, servers: Servers) -> None:
    listener = Listener(servers, large)
    [prepared] = listener.tell(uploads.s3())["prepared"]
    assert prepared["size"] == apks.made("1-gib").stat().st_size + 4096
    assert sent(listener) < 20 * MIB
    assert listener.program.peak() < 64 * MIB
    if large.folder:
        base = shop.base_file(large.folder, "GAME", "2.0")
        assert json.loads(shop.run("inspect", base, "--json").stdout)
        assert hashlib.sha256(base.read_bytes()).hexdigest() == prepared["sha256"]
