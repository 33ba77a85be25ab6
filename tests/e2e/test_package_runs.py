"""Packaged functions under the Lambda runtime interface emulator, in rooms where there is nothing but them: no loader, no libraries, no
/proc, no /etc but what a sandbox has."""

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support import apks, shop, uploads
from support.cache import cache_folder
from support.dns import Dns
from support.function_url import FunctionUrl, event
from support.packages import ARCHITECTURES, FUNCTIONS, Room
from support.servers import Minio, Servers
from support.tls import Authority, terminator
from support.uploads import Place

NAME = "storage.pakhus.test"
BUNDLES = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Amazon Linux
           "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"]  # Debian, Alpine


def invoke(servers: Servers, room: Room, made: object, **env: str) -> Any:
    return FunctionUrl(servers.emulator(room.program, env).url).invoke(made)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_comes_up_in_an_empty_root(function: str, architecture: str, servers: Servers, tmp_path: Path) -> None:
    room = Room(tmp_path / "root", architecture, function)
    (room.folder / "store").mkdir()
    answer = invoke(servers, room, {"pakhus": "no such thing"}, PAKHUS_STORE="file:///store")
    assert answer["errorType"].startswith("Function."), answer  # it took the event, and said what it is


# --- a store behind TLS, by name


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def place(minio: Minio, module_servers: Servers, authority: Authority) -> Place:
    """Packages in MinIO, behind HTTPS that nobody has heard of."""
    bucket = minio.bucket(f"test-{uuid.uuid4().hex[:12]}")
    shop.minio_shop(minio, bucket).publish(apks.made("v1+v2+v3"), "GAME", "1.0")
    front = terminator(module_servers, authority, minio.url, NAME, "localhost")
    return Place(minio.store(bucket, endpoint=front.url), minio.credentials(), minio=minio, bucket=bucket)


@pytest.fixture
def dns() -> Iterator[Dns]:
    try:
        server = Dns({NAME: "127.0.0.1"})
    except PermissionError:
        pytest.skip("a DNS server's port takes root")
    with server as running:
        yield running


def ask(servers: Servers, room: Room, place: Place, **env: str) -> Any:
    """A slice of a package without its region: 302, once package.json was fetched."""
    request = event("GET", "/packages/GAME/1.0.apk", [("Range", "bytes=0-524287")], b"", "203.0.113.9")
    return invoke(servers, room, request, PAKHUS_STORE=place.store, **place.env, **env)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("bundle", BUNDLES)
def test_tls_and_names_work_there(bundle: str, architecture: str, place: Place, authority: Authority, dns: Dns, servers: Servers,
                                  tmp_path: Path) -> None:
    room = Room(tmp_path / "root", architecture, "channel-range-splice")
    room.write("/etc/resolv.conf", dns.resolv_conf())
    room.write(bundle, authority.certificate)
    answer = ask(servers, room, place)
    assert answer["statusCode"] == 302, answer
    assert answer["headers"]["Location"].startswith(f"https://{NAME}:")
    assert NAME in dns.asked


@pytest.mark.parametrize("setting", ["SSL_CERT_FILE", "PAKHUS_CA_BUNDLE"])
def test_a_bundle_elsewhere_is_named(setting: str, place: Place, authority: Authority, servers: Servers, tmp_path: Path) -> None:
    room = Room(tmp_path / "root", "x86_64", "channel-range-splice")
    room.write("/etc/hosts", f"127.0.0.1 {NAME}\n")  # a name may be known here, too
    room.write("/etc/ssl/cert.pem", Authority(tmp_path, "other").certificate)
    room.write("/opt/own.pem", authority.certificate)
    assert ask(servers, room, place, **{setting: "/opt/own.pem"})["statusCode"] == 302


@pytest.mark.parametrize("bundle", ["none", "other"])
def test_a_stranger_is_not_believed(bundle: str, place: Place, servers: Servers, tmp_path: Path) -> None:
    room = Room(tmp_path / "root", "x86_64", "channel-range-splice")
    room.write("/etc/hosts", f"127.0.0.1 {NAME}\n")
    if bundle == "other":
        room.write(BUNDLES[0], Authority(tmp_path, "other").certificate)
    answer = ask(servers, room, place)
    assert (answer["statusCode"], json.loads(answer["body"])["type"]) == (503, "store-unavailable")
    [emulator] = [program for program in servers.running if program.name == "emulator"]
    assert "its certificate cannot be verified" in emulator.output() and "PAKHUS_CA_BUNDLE" in emulator.output()


def test_an_unknown_name_is_told(place: Place, authority: Authority, dns: Dns, servers: Servers, tmp_path: Path) -> None:
    room = Room(tmp_path / "root", "x86_64", "prepare-upload")
    room.write(BUNDLES[2], authority.certificate)
    dns.addresses.clear()
    room.write("/etc/resolv.conf", dns.resolv_conf())
    answer = invoke(servers, room, uploads.order(), PAKHUS_STORE=place.store, **place.env, AWS_LAMBDA_FUNCTION_TIMEOUT="4")
    assert f"Could not resolve host: {NAME}" in answer["errorMessage"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_upload_is_prepared_over_tls(architecture: str, place: Place, authority: Authority, dns: Dns, servers: Servers,
                                        tmp_path: Path) -> None:
    room = Room(tmp_path / "root", architecture, "prepare-upload")
    room.write("/etc/resolv.conf", dns.resolv_conf())
    room.write(BUNDLES[0], authority.certificate)
    key = f"uploads/GAME/{architecture}.apk"
    place.put(apks.made("v1+v2+v3"), key)
    answer = invoke(servers, room, uploads.s3(uploads.s3_record(key)), PAKHUS_STORE=place.store, **place.env)
    assert [one["version"] for one in answer["prepared"]] == [architecture], answer
    assert place.base(architecture) == shop.base("v1+v2+v3").read_bytes()


# --- an older C library than ours


@pytest.fixture
def debian() -> Iterator[Path]:
    """A folder of the test's own in Debian 11."""
    root = cache_folder() / "debian-11"
    if not root.exists():
        pytest.skip("scripts/fetch debian-11 found no mirror that has it")
    assert list(root.glob("lib/*/libc-2.31.so"))
    folder = Path(tempfile.mkdtemp(prefix="pakhus-", dir=root / "tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_comes_up_in_an_older_debian(function: str, debian: Path, servers: Servers) -> None:
    room = Room(debian, "x86_64", function, debian.parents[1])
    answer = invoke(servers, room, {"pakhus": "no such thing"}, PAKHUS_STORE="file:///tmp")
    assert answer["errorType"].startswith("Function."), answer


def test_tls_works_in_an_older_debian(debian: Path, place: Place, authority: Authority, servers: Servers) -> None:
    room = Room(debian, "x86_64", "channel-range-splice", debian.parents[1])
    room.write("ca.pem", authority.certificate)
    here = replace(place, store=place.store.replace(NAME, "localhost"))
    assert ask(servers, room, here, SSL_CERT_FILE=room.inside("ca.pem"))["statusCode"] == 302
