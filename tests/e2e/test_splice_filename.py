"""S13: Content-Disposition, from the URL or the app's template, the same on overlaid slices and on redirects."""

from urllib.parse import quote

import pytest

from support import apks, client, links, shop
from support.servers import Minio, Servers
from support.shop import Region, Shop


class Place:
    def __init__(self, store: Shop, servers: Servers):
        self.store = store
        self.region: Region = shop.region(store.publish(apks.made("v2"), "GAME", "2.0"))
        store.channel("GAME", "huawei")
        self.url = store.serve(servers, "--url-keys", links.KEYS, "--probe-max", "0")

    def name(self, query: str = "", range: str | None = None) -> str | None:
        """Of a slice; it must be the same on all of them."""
        target = f"{self.url}/packages/GAME/2.0/huawei.apk{query}"
        s, e = self.region.start, self.region.end
        answers = [client.request(target, range=one) for one in ("bytes=0-9", f"bytes={s - 5}-{e}", f"bytes={s}-{e}")]
        assert [answer.status for answer in answers] == [302, 206, 206], [answer.body for answer in answers]
        answers.append(client.request(target, "HEAD"))
        [found] = {answer.header("content-disposition") for answer in answers}
        return found


@pytest.fixture(scope="module")
def place(minio: Minio, module_servers: Servers) -> Place:
    return Place(shop.minio_shop(minio, minio.bucket("names")), module_servers)


def test_the_template_is_the_default(place: Place) -> None:
    assert place.name() == 'attachment; filename="GAME-2.0-huawei.apk"'


def test_an_app_has_a_template_of_its_own(servers: Servers, file_store: str) -> None:
    store = Shop(file_store)
    store.publish(apks.made("v2"), "GAME", "2.0")
    store.run("channel", "config", "GAME", "--filename", "Das Spiel {version} ({channel}).apk")
    store.channel("GAME", "huawei")
    url = store.serve(servers)
    answer = client.request(f"{url}/packages/GAME/2.0/huawei.apk", "HEAD")
    assert answer.header("content-disposition") == 'attachment; filename="Das Spiel 2.0 (huawei).apk"'
    base = client.request(f"{url}/packages/GAME/2.0.apk", "HEAD")
    assert base.header("content-disposition") == 'attachment; filename="GAME-2.0.apk"'


@pytest.mark.parametrize("name, header", [
    ("a.apk", 'attachment; filename="a.apk"'),
    ("my game.apk", 'attachment; filename="my game.apk"'),
    ("it's(1)+&=,.apk", 'attachment; filename="it\'s(1)+&=,.apk"'),
    ("\u6e38\u620f.apk", "attachment; filename=\"______.apk\"; filename*=UTF-8''%E6%B8%B8%E6%88%8F.apk"),
    ("caf\u00e9.apk", "attachment; filename=\"caf__.apk\"; filename*=UTF-8''caf%C3%A9.apk")])
def test_names_from_the_url(name: str, header: str, place: Place) -> None:
    assert place.name(f"?filename={quote(name)}") == header


@pytest.mark.parametrize("raw", [
    "a.exe", "apk", ".apk", "", "%20a.apk", "..%2Fa.apk", "a%2Fb.apk", "a%5Cb.apk", "a%22.apk", "a%3B.apk", "a%3Cb%3E.apk", "a%7C.apk",
    "a%25.apk", "a%0D%0ASet-Cookie:x.apk", "a%0A.apk", "a%0D.apk", "a%00.apk", "a%7F.apk", "a%1B.apk", "%FF.apk", "%C0%AF.apk", "a.apk%00",
    "a.apk%0D%0A", "a%.apk", "a%zz.apk", "a.apk%20", "x" * 177 + ".apk", "%ED%A0%80.apk",
    "a%E2%80%AEgpj.apk", "a%E2%81%A6.apk", "a%E2%80%8B.apk", "%EF%BB%BFa.apk", "a%C2%85.apk", "a%E2%80%A8.apk"])
def test_names_that_are_not_allowed(raw: str, place: Place) -> None:
    for range in ("bytes=0-9", f"bytes={place.region.start}-{place.region.end}"):
        answer = client.request(f"{place.url}/packages/GAME/2.0/huawei.apk?filename={raw}", range=range)
        assert (answer.status, answer.header("set-cookie"), answer.header("content-disposition")) == (400, None, None), answer.headers


def test_longest_name(place: Place) -> None:
    name = "x" * 176 + ".apk"
    assert place.name(f"?filename={name}") == f'attachment; filename="{name}"'


@pytest.mark.parametrize("template, allowed", [
    ("{app}.apk", True), ("{app}_{version}_{channel}.apk", True), ("{app}", False), ("{other}.apk", False), ("a/{app}.apk", False),
    ("{app}.apk\n", False), ("\u6e38\u620f {version}.apk", True), ('"{app}".apk', False), ("../{app}.apk", False), (".apk", False),
    ("{app}\u202e.apk", False), ("\u200b{app}.apk", False)])
def test_templates_are_checked_when_they_are_set(template: str, allowed: bool, file_store: str) -> None:
    done = Shop(file_store).run("channel", "config", "GAME", "--filename", template, check=False)
    assert done.returncode == (0 if allowed else 1), done.stderr
    assert allowed or "file name" in done.stderr


def test_a_signature_covers_the_name(place: Place) -> None:
    good = links.signed("GAME", "2.0", filename="a.apk")
    assert client.request(place.url + good, range="bytes=0-9").header("content-disposition") == 'attachment; filename="a.apk"'
    assert client.request(place.url + good.replace("a.apk", "b.apk"), range="bytes=0-9").status == 403
