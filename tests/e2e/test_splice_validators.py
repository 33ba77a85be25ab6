"""ETag and Last-Modified: one and the same for all slices of a channel package, also on redirects; others with another base
or other info; of the store's own making where an app wants it so."""

import json
import time
from email.utils import parsedate_to_datetime

import pytest

from support import apks, client, shop
from support.gateway import Answer
from support.servers import Minio, Servers
from support.shop import Shop

STALE = 5.5  # seconds after which a server has seen a change of channels in a bucket


class Place:
    def __init__(self, store: Shop, servers: Servers, *options: str):
        self.store, self.url = store, store.serve(servers, *options)

    def package(self, app: str, channel: str = "huawei", version: str = "1.0", query: str = "") -> str:
        return f"{self.url}/packages/{app}/{version}/{channel}.apk{query}"


@pytest.fixture(scope="module")
def place(minio: Minio, module_servers: Servers) -> Place:
    return Place(shop.minio_shop(minio, minio.bucket("validators")), module_servers)


@pytest.fixture
def directory(file_store: str, servers: Servers) -> Place:
    """A directory's changes are seen at once."""
    return Place(Shop(file_store), servers)


def validators(answer: Answer) -> tuple[str | None, str | None]:
    return answer.header("etag"), answer.header("last-modified")


def of(url: str) -> tuple[str | None, str | None]:
    return validators(client.request(url, "HEAD"))


@pytest.mark.parametrize("name", ["v1", "v2"])
@pytest.mark.parametrize("kind", ["package", "store"])
def test_all_slices_say_the_same(name: str, kind: str, place: Place) -> None:
    app = f"{name}-{kind}"
    region = shop.region(place.store.publish(apks.made(name), app))
    place.store.config(app, "--validator", kind)
    place.store.channel(app, "huawei")
    ranges = [*client.slices(region.size, shop.SLICE), f"bytes={region.start}-{region.end}", f"bytes={region.start - 1}-{region.end}", None]
    answers = [client.request(place.package(app), range=one) for one in ranges]
    assert {answer.status for answer in answers} == {200, 206, 302}
    answers += [client.request(place.package(app), "HEAD", range=one) for one in ranges]
    [(etag, modified)] = {validators(answer) for answer in answers}
    assert etag and modified
    head = client.request(answers[0].header("location") or "", range=ranges[0])
    assert (validators(head) == (etag, modified)) == (kind == "store")


@pytest.mark.parametrize("kind", ["package", "store"])
@pytest.mark.parametrize("condition", ["If-Range", "If-Match"])
def test_conditions_are_not_left_to_a_store_that_reads_them_otherwise(condition: str, kind: str, place: Place) -> None:
    """S3 answers an If-Range that names our ETag with the whole base, and an If-Match with 412; MinIO does the latter."""
    app = f"{condition}-{kind}"
    place.store.publish(apks.made("v2"), app)
    place.store.config(app, "--validator", kind)
    place.store.channel(app, "huawei")
    url = place.package(app)
    etag, modified = of(url)
    for value in (etag, modified) if condition == "If-Range" else (etag, f'"x", {etag}', "*"):
        answer = client.request(url, headers={condition: value or ""}, range="bytes=10-99999")
        assert answer.status == (302 if (kind, value) == ("store", etag) else 206)
        followed = client.request(url, headers={condition: value or ""}, range="bytes=10-99999", follow=True)
        assert (followed.status, followed.body) == (206, apks.made("v2").read_bytes()[10:100_000])
    base = client.request(f"{place.url}/packages/{app}/1.0.apk", headers={"If-Range": etag or ""})
    assert base.status == 302  # without a Range it says nothing


def test_channels_differ_and_so_do_bases(place: Place) -> None:
    store = place.store
    store.publish(apks.made("v2"), "many", "1.0")
    store.publish(apks.made("v2+v3"), "many", "2.0")
    for channel in ("a", "b"):
        store.channel("many", channel)
    etags = [of(place.package("many", channel, version))[0] for version in ("1.0", "2.0") for channel in ("a", "b")]
    etags.append(of(f"{place.url}/packages/many/1.0.apk")[0])
    assert len(set(etags)) == 5


def test_equal_bytes_have_equal_validators(place: Place) -> None:
    """The ETag is of the bytes, not of the JSON: two apps, one package and one channel in it."""
    found = []
    for app in ("one", "two"):
        place.store.publish(apks.made("v2"), app)
        place.store.channel(app, "x", {"channel": "same"})
        found.append(of(place.package(app, "x"))[0])
    assert found[0] == found[1]


def test_a_restarted_server_says_the_same(place: Place, servers: Servers) -> None:
    place.store.publish(apks.made("v2"), "again")
    place.store.channel("again", "huawei")
    other = Place(place.store, servers, "--redirect", "never")
    assert of(place.package("again")) == of(other.package("again"))


def test_info_changes_the_validators(directory: Place) -> None:
    directory.store.publish(apks.made("v2"))
    directory.store.channel("APP", "huawei", {"campaign": "1"})
    directory.store.channel("APP", "xiaomi", {"campaign": "1"})
    before, other = of(directory.package("APP")), of(directory.package("APP", "xiaomi"))
    time.sleep(1.1)  # Last-Modified counts seconds
    directory.store.channel("APP", "huawei", {"campaign": "2"})
    after = of(directory.package("APP"))
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert of(directory.package("APP", "xiaomi")) == other  # not its neighbour's
    directory.store.channel("APP", "huawei", {"campaign": "1"})
    assert of(directory.package("APP"))[0] == before[0]  # equal bytes


def at_the_beginning_of_a_second() -> None:
    time.sleep(1 - time.time() % 1 + 0.02)


@pytest.mark.parametrize("change", ["info", "formats"])
def test_two_versions_in_one_second_are_not_mixed(change: str, directory: Place) -> None:
    """If-Range with a date is true only where one version alone has this date (RFC 9110 section 8.8.2.2)."""
    region = shop.region(directory.store.publish(apks.made("v2")))
    url = directory.package("APP")
    inside = f"bytes={region.start}-{region.end}"
    dates = set()
    for turn in range(3):
        at_the_beginning_of_a_second()
        directory.store.channel("APP", "huawei", {"turn": str(turn)})
        first = client.request(url, range=inside)
        if change == "info":
            directory.store.channel("APP", "huawei", {"turn": f"{turn} again"})
        else:
            directory.store.config("APP", "--formats", "walle,vasdolly" if turn % 2 else "vasdolly")
        date = first.header("last-modified") or ""
        second = client.get(url, inside, if_range=date)
        assert second.header("etag") != first.header("etag")
        assert (second.status, len(second.body)) == (200, region.size), date
        dates.add(date)
    assert len(dates) == 3
    time.sleep(5)  # six changes within three seconds: the last one counts from some seconds later on
    date = of(url)[1] or ""
    assert client.get(url, inside, if_range=date).status == 206  # it is the only one with this date


def test_no_date_lies_ahead(directory: Place) -> None:
    directory.store.publish(apks.made("v2"))
    for turn in range(4):
        directory.store.channel("APP", "huawei", {"turn": str(turn)})
        answer = client.request(directory.package("APP"), "HEAD")
        modified, now = (parsedate_to_datetime(answer.header(name) or "") for name in ("last-modified", "date"))
        assert modified <= now


def test_formats_change_the_validators(directory: Place) -> None:
    directory.store.publish(apks.made("v2"))
    directory.store.channel("APP", "huawei")
    before = of(directory.package("APP"))
    directory.store.config("APP", "--formats", "vasdolly")
    assert of(directory.package("APP"))[0] != before[0]


def test_info_in_the_url_changes_the_etag(directory: Place) -> None:
    directory.store.publish(apks.made("v2"))
    directory.store.channel("APP", "huawei")
    directory.store.config("APP", "--url-info", "unsigned")
    one, two = (of(directory.package("APP", query=f"?info={info}"))[0] for info in ("eyJhIjoiMSJ9", "eyJhIjoiMiJ9"))  # {"a":"1"}, {"a":"2"}
    assert len({one, two, of(directory.package("APP"))[0]}) == 3


def test_a_change_is_seen_within_seconds(place: Place) -> None:
    store = place.store
    store.publish(apks.made("v2"), "moving")
    store.channel("moving", "huawei", {"v": "1"})
    before = of(place.package("moving"))[0]
    store.channel("moving", "huawei", {"v": "2"})
    end = time.monotonic() + STALE
    while of(place.package("moving"))[0] == before:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_with_the_stores_validator_published_info_stays(directory: Place) -> None:
    store = directory.store
    package = store.publish(apks.made("v2"))
    store.config("APP", "--validator", "store")
    store.channel("APP", "huawei", {"campaign": "1"})
    assert of(directory.package("APP"))[0] == package["etag"]
    for refused in (["set", "APP", "huawei", "--info", '{"campaign":"2"}'], ["config", "APP", "--formats", "vasdolly"],
                    ["config", "APP", "--validator", "package"]):
        done = store.run("channel", *refused, check=False)
        assert done.returncode == 1
        assert "validator" in done.stderr
    store.channel("APP", "huawei", {"campaign": "1"})  # the same again is no change
    store.channel("APP", "xiaomi", {"campaign": "2"})
    assert store.channels("APP") == {"huawei": {"channel": "huawei", "campaign": "1"}, "xiaomi": {"channel": "xiaomi", "campaign": "2"}}


def test_with_the_stores_validator_a_removed_channel_does_not_come_back_changed(directory: Place) -> None:
    """Caches may still hold its slices, under the same ETag."""
    store = directory.store
    store.publish(apks.made("v2"))
    store.config("APP", "--validator", "store")
    for channel in ("huawei", "xiaomi"):
        store.channel("APP", channel, {"campaign": "1"})
    before = client.request(directory.package("APP")).body
    store.run("channel", "remove", "APP", "huawei")
    store.run("channel", "remove", "APP", "xiaomi")
    assert client.request(directory.package("APP")).status == 404
    for refused in (["set", "APP", "huawei", "--info", '{"campaign":"2"}'], ["set", "APP", "huawei"], ["config", "APP", "--formats", "vasdolly"],
                    ["config", "APP", "--validator", "package"]):
        done = store.run("channel", *refused, check=False)
        assert done.returncode == 1, refused
        assert "validator" in done.stderr
    assert "removed" not in json.loads(store.run("channel", "config", "APP", "--json").stdout)
    store.channel("APP", "huawei", {"campaign": "1"})
    assert client.request(directory.package("APP")).body == before
    assert [(line["channel"], line.get("removed")) for line in store.channel_lines("APP")] == [("huawei", None), ("xiaomi", True)]
    assert store.run("channel", "list", "APP").stdout == 'huawei\t{"channel":"huawei","campaign":"1"}\n'


def test_with_a_validator_of_its_own_a_removed_channel_is_forgotten(directory: Place) -> None:
    store = directory.store
    store.channel("APP", "huawei", {"campaign": "1"})
    store.run("channel", "remove", "APP", "huawei")
    store.channel("APP", "huawei", {"campaign": "2"})
    assert [line.get("removed") for line in store.channel_lines("APP")] == [None]
