"""Stores that speak S3 with an accent: what is legal is understood, and what is not costs no wrong byte."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from support import apks, client, shop
from support.servers import Servers
from support.shop import Region, Shop

P = "/packages/APP/1.0/huawei.apk"
INFO = json.dumps({"channel": "huawei"})


class Odd(BaseHTTPRequestHandler):
    """GET of what a directory's store holds."""

    protocol_version = "HTTP/1.1"
    server: "OddStore"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        key = parts.path.removeprefix("/bucket").strip("/")
        if not key:
            self.list(parse_qs(parts.query)["prefix"][0])
        elif key in self.server.objects:
            self.give(self.server.objects[key], self.server.etags.get(key, '"x"'))
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>", {})

    def list(self, prefix: str) -> None:
        found = "".join(f"<s3:Contents><s3:Key>{key}</s3:Key><s3:LastModified>2026-01-02T03:04:05Z</s3:LastModified>"
                        f"<s3:Size>{len(body)}</s3:Size><s3:Owner><s3:ID/></s3:Owner></s3:Contents>"
                        for key, body in sorted(self.server.objects.items()) if key.startswith(prefix))
        self.answer(200, f"<?xml version='1.0'?>\n<s3:ListBucketResult xmlns:s3='urn:x'><s3:IsTruncated>false</s3:IsTruncated>{found}"
                         "</s3:ListBucketResult>\n".encode(), {})

    def give(self, body: bytes, etag: str) -> None:
        headers = {} if "nameless" in self.server.odd else {"etag": etag}
        asked = self.headers.get("range")
        if asked is None or "deaf" in self.server.odd:
            self.answer(200, body, headers)
            return
        first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        self.answer(206, body[first:last + 1], {**headers, "content-range": f"bytes {first}-{last}/{len(body)}"})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        chunked = "chunked" in self.server.odd
        self.send_response_only(status)
        for name, value in {**headers, **({"transfer-encoding": "Chunked"} if chunked else {"content-length": str(len(body))})}.items():
            self.send_header(name, value)
        self.end_headers()
        pieces = [body[at:at + 100_000] for at in range(0, len(body), 100_000)] if chunked else []
        self.wfile.write(b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n" if chunked else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class OddStore(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), Odd)
        self.odd: set[str] = set()
        self.objects = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        package = json.loads(self.objects["packages/APP/1.0/package.json"])
        self.etags = {f"packages/APP/1.0/{package['base']}": package["etag"]}


@dataclass
class Place:
    store: OddStore
    region: Region
    url: str = field(default="")


@pytest.fixture
def place(file_store: str, servers: Servers) -> Iterator[Place]:
    stocked = Shop(file_store)
    region = shop.region(stocked.publish(apks.made("v2")))
    stocked.channel("APP", "huawei")
    with OddStore(Path(file_store.removeprefix("file://"))) as odd:
        Thread(target=odd.serve_forever, daemon=True).start()
        store = Shop(f"s3://bucket?endpoint=http://127.0.0.1:{odd.server_port}&region=r&path-style=1",
                     {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"})
        yield Place(odd, region, store.serve(servers, "--redirect", "never"))
        odd.shutdown()


@pytest.mark.parametrize("odd", ["", "chunked"])
def test_bare_headers_and_chunks_are_understood(odd: str, place: Place) -> None:
    """Names in lower case, no Last-Modified, no ETag in listings, a namespace of its own; and no lengths."""
    place.store.odd = {odd}
    wanted = shop.offline("v2", INFO).read_bytes()
    assert client.download(place.url + P, place.region.size) == wanted
    assert client.request(place.url + P).body == wanted
    assert client.download(place.url + P, place.region.size) == wanted  # what is kept is asked about, and given again


@pytest.mark.parametrize("odd, types", [("deaf", ("store-corrupt", "store-unavailable")), ("nameless", ("store-corrupt", "stored-object-changed"))])
@pytest.mark.parametrize("length", [100, 512 * 1024, 0])
def test_what_a_store_must_know_is_missed(odd: str, types: tuple[str, str], length: int, place: Place) -> None:
    """It sends all where a part is asked for, or does not say of which object; at first, or from some time on."""
    first = place.region.start - 10
    asked = None if length == 0 else f"bytes={first}-{first + length - 1}"
    assert client.request(place.url + P, range=asked).status in (200, 206)
    place.store.odd = {odd}
    for one in (asked, f"bytes={first - 1}-{first + 20}", "bytes=0-9"):
        answer = client.request(place.url + P, range=one)
        assert answer.status in (502, 503)
        assert json.loads(answer.body)["type"] in types
