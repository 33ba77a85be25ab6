"""S12: info in the URL."""

import json
import re
import time
from urllib.parse import parse_qsl, urlsplit

import pytest

from support import apks, client, links, shop
from support.gateway import Answer
from support.servers import Minio, Servers
from support.shop import Region, Shop


class Place:
    def __init__(self, store: Shop, servers: Servers):
        self.store = store
        self.region: Region = shop.region(store.publish(apks.made("v2")))
        store.channel("APP", "huawei", {"campaign": "table"})
        for app, rule in (("OPEN", "unsigned"), ("SHUT", "never")):
            store.publish(apks.made("v2"), app)
            store.run("channel", "config", app, "--url-info", rule)
            store.channel(app, "huawei")
        self.url = store.serve(servers, "--url-keys", links.KEYS)

    def ask(self, target: str, range: str | None = None) -> Answer:
        return client.request(self.url + target, range=range or f"bytes={self.region.start}-{self.region.end}", follow=True)


@pytest.fixture(scope="module")
def place(module_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(Shop(f"file://{tmp_path_factory.mktemp('store')}"), module_servers)


def refused(answer: Answer, status: int, kind: str | None = None) -> bool:
    problem = json.loads(answer.body)
    assert answer.header("content-type") == "application/problem+json"
    assert problem["status"] == answer.status
    return (answer.status, kind or problem["type"]) == (status, problem["type"])


def filled(info: dict[str, str]) -> bytes:
    """The region of the package that holds this info."""
    path = shop.offline("v2", json.dumps(info))
    region = shop.region({"size": path.stat().st_size, "region": json.loads(shop.run("inspect", path, "--json").stdout)["region"]})
    return path.read_bytes()[region.start : region.end + 1]


def sign(place: Place, *options: str, env: dict[str, str] | None = None) -> str:
    """What `pakhus url sign` prints."""
    return shop.run("url", "sign", "APP", "1.0", "huawei", *options, env={"PAKHUS_URL_KEYS": links.KEYS, **(env or {})}).stdout.strip()


def test_signed_info_is_merged_over_the_channels(place: Place) -> None:
    answer = place.ask(sign(place, "--info", '{"click":"8f3a","campaign":"url"}'))
    assert answer.status == 206
    assert answer.body == filled({"channel": "huawei", "campaign": "url", "click": "8f3a"})


def test_the_whole_package_is_the_offline_one(place: Place) -> None:
    target = sign(place, "--info", '{"click":"8f3a"}')
    joined = client.download(place.url + target, place.region.size)
    assert joined == shop.offline("v2", '{"channel":"huawei","campaign":"table","click":"8f3a"}').read_bytes()


def test_ours_and_theirs_sign_alike(place: Place) -> None:
    """The scheme is the one that is written down, so that others can sign too."""
    moment = links.time_in(3600)
    ours = sign(place, "--info", '{"click":"1"}', "--filename", "a b.apk", "--expires", moment)
    found = dict(parse_qsl(urlsplit(ours).query))
    for _ in range(3):
        theirs = dict(parse_qsl(urlsplit(links.signed(info={"click": "1"}, filename="a b.apk")).query))
        if theirs["exp"] == moment:
            break
        moment = theirs["exp"]
        found = dict(parse_qsl(urlsplit(sign(place, "--info", '{"click":"1"}', "--filename", "a b.apk", "--expires", moment)).query))
    assert found == theirs


def test_a_signature_without_info_is_good_too(place: Place) -> None:
    assert place.ask(links.signed()).body == filled({"channel": "huawei", "campaign": "table"})


def test_channel_may_not_be_changed(place: Place) -> None:
    assert refused(place.ask(links.signed(info={"channel": "xiaomi"})), 400)
    assert place.ask(links.signed(info={"channel": "huawei", "x": "y"})).status == 206


TAMPERED = {
    "another app": lambda target: target.replace("/APP/", "/OPEN/"),
    "another channel": lambda target: target.replace("/huawei.apk", "/xiaomi.apk"),
    "another version": lambda target: target.replace("/1.0/", "/2.0/"),
    "other info": lambda target: re.sub("info=[^&]*", "info=" + links.info_of({"click": "2"}), target),
    "no info": lambda target: re.sub("&info=[^&]*", "", target),
    "a later expiry": lambda target: re.sub("exp=[^&]*", "exp=" + links.time_in(99999).replace(":", "%3A"), target),
    "another file name": lambda target: target.replace("a.apk", "b.apk"),
    "no file name": lambda target: target.replace("&filename=a.apk", ""),
    "one bit of the MAC": lambda target: re.sub(r"sig=k1\.(.)", lambda found: "sig=k1." + ("B" if found[1] != "B" else "C"), target),
    "half of the MAC": lambda target: re.sub(r"(sig=k1\..{20})[^&]*", r"\1", target),
    "an empty MAC": lambda target: re.sub(r"sig=k1\.[^&]*", "sig=k1.", target),
    "no dot": lambda target: re.sub(r"sig=k1\.", "sig=k1", target),
    "an unknown key": lambda target: target.replace("sig=k1.", "sig=k9."),
    "an empty signature": lambda target: re.sub("sig=[^&]*", "sig=", target),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_tampered_links_are_forbidden(how: str, place: Place) -> None:
    good = links.signed(info={"click": "1"}, filename="a.apk")
    assert place.ask(good).status == 206
    bad = TAMPERED[how](good)
    assert bad != good
    assert refused(place.ask(bad), 403, "signature")


RESPELT = {
    "padded info": lambda target: re.sub("info=([^&]*)", r"info=\1=", target),
    "info percent-encoded": lambda target: re.sub("info=e", "info=%65", target),
    "sig percent-encoded": lambda target: target.replace("sig=k1.", "sig=k1%2E"),
    "a raw colon": lambda target: target.replace("%3A", ":", 1),
    "lower-case digits": lambda target: target.replace("%3A", "%3a", 1),
    "a tilde percent-encoded": lambda target: target.replace("~", "%7E"),
    "a plus for a space": lambda target: target.replace("%20", "+"),
    "the name percent-encoded": lambda target: target.replace("filename=a", "filename=%61"),
    "the path percent-encoded": lambda target: target.replace("/huawei.apk", "/%68uawei.apk"),
    "twice": lambda target: target + "&" + re.findall("exp=[^&]*", target)[0],
}


@pytest.mark.parametrize("how", RESPELT)
def test_a_signed_url_has_one_spelling(how: str, place: Place) -> None:
    """Whoever has one must not be able to fill caches with it."""
    good = links.signed(info={"click": "12"}, filename="a ~.apk")
    assert place.ask(good).status == 206
    assert RESPELT[how](good) != good
    assert refused(place.ask(RESPELT[how](good)), 400, "bad-request")


def test_expired_links_are_forbidden(place: Place) -> None:
    target = links.signed(info={"click": "1"}, seconds=2)
    assert place.ask(target).status == 206
    time.sleep(2.1)
    assert refused(place.ask(target), 403, "signature")
    assert refused(place.ask(links.path(exp=links.time_in(-5))), 403)


def test_caches_keep_an_answer_no_longer_than_the_link_is_good(place: Place) -> None:
    control = place.ask(links.signed(info={"click": "1"}, seconds=20)).header("cache-control") or ""
    assert int(control.rsplit("=", 1)[1]) <= 20
    control = place.ask(links.signed(info={"click": "1"}, seconds=90000)).header("cache-control") or ""
    assert int(control.rsplit("=", 1)[1]) <= 60


def test_unsigned_info_goes_only_where_the_app_allows_it(place: Place) -> None:
    info = links.info_of({"click": "1"})
    assert refused(place.ask(links.path("APP", info=info)), 403, "signature")
    assert place.ask(links.path("OPEN", info=info)).body == filled({"channel": "huawei", "click": "1"})
    assert refused(place.ask(links.path("SHUT", info=info)), 403, "url-info")
    assert refused(place.ask(links.signed("SHUT", info={"click": "1"})), 403, "url-info")


def test_a_wrong_signature_is_wrong_also_where_none_is_needed(place: Place) -> None:
    target = links.signed("OPEN", info={"click": "1"}).replace("sig=k1.", "sig=k1.A")
    assert refused(place.ask(target), 403, "signature")


GOOD = links.info_of({"click": "1"})


@pytest.mark.parametrize("query", [
    f"info={GOOD}&info={GOOD}", f"info={GOOD}&Info={GOOD}", f"INFO={GOOD}", "info=", "info=!!!", "info=%", "info=%G0",
    "info=%00", f"info={GOOD}=", "info=" + links.base64url(b"not json"), "info=" + links.base64url(b"[]"), "info=" + links.base64url(b'"x"'),
    "info=" + links.base64url(b"{}x"), "info=" + links.info_of({"a": 1}), "info=" + links.info_of({"a": None}),
    "info=" + links.info_of({"a": {"b": "c"}}), "info=" + links.base64url(b'{"a":"1","a":"2"}'), "info=" + links.base64url(b'{"a":"\xff"}'),
    "info=" + links.base64url(b"\xef\xbb\xbf{}"), "exp=tomorrow", "exp=", "exp=2026-13-01T00:00:00Z", "exp=1&exp=2", "sig=k1.x", "filename=a.apk&filename=a.apk"])
def test_malformed_and_doubled_parameters_are_bad_requests(query: str, place: Place) -> None:
    answer = place.ask(f"/packages/OPEN/1.0/huawei.apk?{query}")
    assert refused(answer, 400, "bad-request"), answer.body


def test_no_info_for_the_base(place: Place) -> None:
    assert refused(place.ask(f"/packages/OPEN/1.0.apk?info={GOOD}"), 400)


def test_other_parameters_are_ignored(place: Place) -> None:
    wanted = place.ask(f"/packages/OPEN/1.0/huawei.apk?info={GOOD}").body
    for query in (f"utm=1&info={GOOD}&x=%", f"&&info={GOOD}&", f"infos=1&info={GOOD}", f"info={GOOD}&%69nfo=x", f"?info=x&info={GOOD}", f"info={GOOD}&exp&sig"):
        assert place.ask(f"/packages/OPEN/1.0/huawei.apk?{query}").body == wanted, query


def test_all_keys_verify_and_the_newest_signs(servers: Servers, place: Place) -> None:
    newer = "k2:" + "A" * 43 + "="
    url = place.store.serve(servers, "--url-keys", f"{newer},{links.KEYS}")
    old, new = links.signed(info={"a": "1"}), sign(place, "--info", '{"a":"1"}', env={"PAKHUS_URL_KEYS": f"{newer},{links.KEYS}"})
    assert "sig=k2." in new
    for target in (old, new):
        assert client.request(url + target, range="bytes=0-0").status == 206
    assert refused(place.ask(new), 403, "signature")  # a server that has the old key only


def test_a_server_without_keys_takes_no_signature(servers: Servers, place: Place) -> None:
    url = place.store.serve(servers)
    answer = client.request(url + links.signed(info={"a": "1"}), range="bytes=0-0")
    assert refused(answer, 403, "signature")
    assert client.request(f"{url}/packages/APP/1.0/huawei.apk", range="bytes=0-0").status == 206


@pytest.mark.parametrize("length, status", [(3900, 206), (4090, 414), (8000, 414), (20_000, 414)])
def test_too_long_info_is_refused_before_anything_is_fetched(length: int, status: int, minio: Minio, module_servers: Servers,
                                                              bucket: str) -> None:
    """The store is asked for what it knows of the package, never for its bytes."""
    shop.minio_shop(minio, bucket).publish(apks.made("v2"))
    shop.minio_shop(minio, bucket).channel("APP", "huawei")
    recorder = module_servers.recorder(minio.url)
    store = shop.minio_shop(minio, bucket, endpoint=recorder.url)
    url = store.serve(module_servers, "--url-keys", links.KEYS, "--redirect", "never")
    target = links.signed(info={"x": "y" * length})
    answer = client.request(url + target, range="bytes=0-0")
    assert answer.status == status
    asked = [one for one in recorder.requests() if shop.is_base(urlsplit(one.uri).path)]
    if length < 16_000:  # what is longer than any request may be never reaches the function
        assert status == 206 or refused(answer, 414, "too-long")
    if status == 414:
        assert asked == []
        assert length > 10_000 or refused(answer, 414, "too-long")  # above, the server has no room for the line itself
        if length < 6000:
            assert re.search(r"\b\d+ bytes", json.loads(answer.body)["detail"])
    else:
        assert len(asked) == 1
