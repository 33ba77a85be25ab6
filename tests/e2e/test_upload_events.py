"""Storage events of every form that is known, what they make the function do, and what it answers (S14)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import apks, shop, uploads
from support.function_url import FunctionUrl
from support.servers import Minio, Servers
from support.uploads import KEY, REPORT, Listener, Place

FORMS = {
    "s3": uploads.s3(), "minio": uploads.minio(), "eventbridge": uploads.eventbridge(), "oss": uploads.oss(), "order": uploads.order(),
    "s3-copy": uploads.s3(uploads.s3_record(name="ObjectCreated:Copy")),
    "oss-multipart": uploads.oss(name="ObjectCreated:CompleteMultipartUpload"),
}


@pytest.fixture
def place(file_store: str) -> Place:
    return Place(file_store, folder=Path(file_store.removeprefix("file://")))


@pytest.fixture
def listener(servers: Servers, place: Place) -> Listener:
    return Listener(servers, place)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_heard(form: str, place: Place, listener: Listener) -> None:
    place.put(apks.made("v2"))
    answer = listener.tell(FORMS[form])
    base = shop.base("v2").read_bytes()
    [prepared] = answer["prepared"]
    assert (prepared["app"], prepared["version"], prepared["size"]) == ("GAME", "2.0", len(base))
    assert prepared["sha256"] == place.package()["sha256"]
    assert prepared["notes"] == []
    assert (answer["failed"], answer["ignored"]) == ([], [])
    assert place.base() == base


@pytest.mark.parametrize("event", [FORMS["s3"], FORMS["eventbridge"], FORMS["order"]], ids=["s3", "eventbridge", "order"])
def test_lambda_hears_it_too(event: object, place: Place, servers: Servers, function_bootstrap: Callable[[str], Path]) -> None:
    place.put(apks.made("v1"))
    emulator = servers.emulator(function_bootstrap("prepare-upload"), {"PAKHUS_STORE": place.store})
    [prepared] = FunctionUrl(emulator.url).invoke(event)["prepared"]
    assert prepared["size"] == len(shop.base("v1").read_bytes())
    assert place.package()["scheme"] == "v1"
    failed = FunctionUrl(emulator.url).invoke(uploads.order("GAME", "9.9"))
    assert "uploads/GAME/9.9.apk is not there" in failed["errorMessage"]


def test_several_records_are_taken_each_by_itself(place: Place, listener: Listener) -> None:
    place.put(apks.made("v2"))
    place.put(apks.made("unsigned"), "uploads/GAME/2.1.apk")
    place.put(apks.made("v3"), "uploads/OTHER/1.apk")
    answer = listener.tell(uploads.s3(
        uploads.s3_record("uploads/GAME/2.1.apk"), uploads.s3_record(), uploads.s3_record("uploads/GAME/2.2.apk"),
        uploads.s3_record("uploads/OTHER/1.apk"), uploads.s3_record(), uploads.s3_record(name="ObjectRemoved:Delete")))
    assert [one["app"] + one["version"] for one in answer["prepared"]] == ["GAME2.0", "OTHER1", "GAME2.0"]
    assert [(one["version"], "sign it first" in one["problem"]) for one in answer["failed"]] == [("2.1", True)]
    assert [one["object"] for one in answer["ignored"]] == ["uploads/GAME/2.2.apk", KEY]


@pytest.mark.parametrize("key", [
    REPORT, "uploads/GAME/2.0.apk.idsig", "packages/GAME/2.0/base.apk", "uploads/../2.0.apk", "uploads/GAME/", "/uploads/GAME/2.0.apk",
    "x/uploads/GAME/2.0.apk"])
def test_what_is_no_upload_is_ignored(key: str, place: Place, listener: Listener) -> None:
    place.put(apks.made("v2"))
    for event in (uploads.s3(uploads.s3_record(key)), uploads.eventbridge(key), uploads.oss(key)):
        answer = listener.tell(event)
        assert [one["object"] for one in answer["ignored"]] == [key]
        assert (answer["prepared"], answer["failed"]) == ([], [])
    assert place.package() is None and place.report() is None


@pytest.mark.parametrize("name, kept", [
    ("GAME/a b.apk", "GAME/a_b.apk"), ("GAME/\u00fc.apk", "GAME/__.apk"), ("GAME/2.0.APK", "GAME/2.0.APK"), ("GAME/2\n0.apk", "GAME/2_0.apk"),
    ("2.0.apk", "2.0.apk"), ("GAME/x/2.0.apk", "GAME/x/2.0.apk"), ("GAME/.apk", "GAME/.apk"), (".GAME/2.0.apk", ".GAME/2.0.apk"),
    ("GAME/2.0.aab", "GAME/2.0.aab"), ("GAME/2.0.apks", "GAME/2.0.apks")])
def test_a_package_under_another_name_leaves_a_report(name: str, kept: str, place: Place, listener: Listener) -> None:
    key = f"uploads/{name}"
    for event in (uploads.s3(uploads.s3_record(key)), uploads.eventbridge(key), uploads.oss(key)):
        answer = listener.tell(event)
        [failed] = answer["failed"]
        assert (answer["prepared"], answer["ignored"], failed["object"]) == ([], [], key)
    report = json.loads(place.get(f"uploads/{kept}.report.json") or b"")
    assert (report["state"], report["key"], report["problem"]) == ("failed", key, failed["problem"])
    assert ("bundletool build-apks --mode=universal" if "aab" in name or "apks" in name else "uploads/<app>/<version>.apk") in report["problem"]
    assert "uploads/GAME/1.2.3+45.apk" in report["advice"]


def test_a_version_with_a_plus(place: Place, listener: Listener) -> None:
    """As Flutter names them: 1.2.3+45."""
    key = "uploads/GAME/1.2.3+45.apk"
    place.put(apks.made("v2"), key)
    for event in (uploads.s3(uploads.s3_record(key)), uploads.eventbridge(key), uploads.oss(key)):
        assert [one["version"] for one in listener.tell(event)["prepared"]] == ["1.2.3+45"]
    assert json.loads(place.get("packages/GAME/1.2.3+45/package.json") or b"")["version"] == "1.2.3+45"


def test_names_are_decoded_once(place: Place, listener: Listener) -> None:
    place.put(apks.made("v2"))
    record = uploads.s3_record()
    record["s3"]["object"]["key"] = "uploads%2FGAME%2F2%2E0.apk"
    assert len(listener.tell(uploads.s3(record))["prepared"]) == 1
    assert listener.tell(uploads.eventbridge("uploads%2FGAME%2F2.0.apk"))["ignored"]  # EventBridge doesn't encode
    record["s3"]["object"]["key"] = "uploads%252FGAME%252F2.0.apk"
    assert listener.tell(uploads.s3(record))["ignored"]
    record["s3"]["object"]["key"] = "uploads/GAME/%zz.apk"
    assert [one["object"] for one in listener.tell(uploads.s3(record))["failed"]] == ["uploads/GAME/%zz.apk"]


def test_objects_are_those_of_the_stores_prefix(minio: Minio, bucket: str, servers: Servers) -> None:
    place = uploads.of_minio(minio, bucket, "some/prefix+x/")
    place.put(apks.made("v2"))
    listener = Listener(servers, place)
    for elsewhere in (KEY, f"some/{KEY}", f"some/prefix+xx/{KEY}", f"some/prefix x/{KEY}"):
        assert listener.tell(uploads.s3(uploads.s3_record(elsewhere)))["ignored"]
    assert len(listener.tell(uploads.s3(uploads.s3_record(f"some/prefix+x/{KEY}")))["prepared"]) == 1
    assert place.base() == shop.base("v2").read_bytes()


@pytest.mark.parametrize("event, words", [
    ({}, "unrecognised event"),
    ([], "unrecognised event"),
    ({"Records": {}}, "unrecognised event"),
    ({"Records": [uploads.s3_record(), {"eventSource": "aws:sqs", "body": "{}"}]}, "Records[1] of the event is no storage notification"),
    ({"Records": ["x"]}, "Records[0]"),
    ({"events": [{"eventName": "x"}]}, "events[0]"),
    ({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}, "unrecognised event"),
    ({"triggerTime": "2026-11-22T15:00:00Z", "triggerName": "t", "payload": ""}, "unrecognised event"),
    ({"pakhus": "evaluate"}, "event.pakhus: must be 'prepare-upload' here"),
    ({"pakhus": "prepare-upload", "app": "GAME"}, "event.version"),
    ({"pakhus": "prepare-upload", "app": "../x", "version": "1"}, "event.app"),
    ({"pakhus": "prepare-upload", "app": "GAME", "version": "1", "vrsion": "2"}, "event.vrsion"),
    (b"not JSON", "unrecognised event"),
    (b"", "unrecognised event"),
])
def test_an_unknown_event_is_an_error_with_words(event: Any, words: str, place: Place, listener: Listener) -> None:
    place.put(apks.made("v2"))
    answer = listener.tell(event)
    assert words in answer["errorMessage"]
    assert place.package() is None


def test_events_of_other_kinds_change_nothing(place: Place, listener: Listener) -> None:
    place.put(apks.made("v2"))
    for event in (uploads.s3(uploads.s3_record(name="ObjectRemoved:DeleteMarkerCreated")), uploads.eventbridge(kind="Object Deleted"),
                  uploads.oss(name="ObjectRemoved:DeleteObject"), uploads.s3(uploads.s3_record(name="ObjectRestore:Completed"))):
        [ignored] = listener.tell(event)["ignored"]
        assert ignored["object"] == KEY and "it was not put" in ignored["why"]
    assert place.package() is None
    assert listener.tell({"Records": []}) == {"prepared": [], "failed": [], "ignored": []}
