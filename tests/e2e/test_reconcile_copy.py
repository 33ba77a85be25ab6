"""reconcile where the edge's store and the origin's are one service: packages are copied there, and do not pass through the process."""

import hashlib
import json
import subprocess
import time
from pathlib import Path

import pytest

from support import placed, shop
from support.servers import KMS_KEY, Minio, Nginx, Servers, clean_environment, pakhus_binary
from support.service import BIG, INFO, Service, furnished

SLOW_COPIES = """
limit_req_zone $http_x_amz_copy_source zone=copies:1m rate=30r/m;
server {{
    listen 127.0.0.1:{{{{port}}}};
    location / {{
        limit_req zone=copies burst=100;
        proxy_pass {url};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
    }}
}}
"""


@pytest.fixture
def service(minio: Minio, bucket: str, tmp_path: Path) -> Service:
    return furnished(minio, bucket, tmp_path)


def base(name: str) -> bytes:
    return shop.base(name).read_bytes()


def read(seen: Nginx) -> int:
    """Bytes of packages that came to the process."""
    return sum(one.bytes_sent for one in seen.requests() if one.method == "GET" and one.uri.split("?")[0].endswith((".apk", ".diff")))


def test_packages_are_copied_by_the_service(service: Service, servers: Servers) -> None:
    seen = servers.recorder(service.minio.url)
    service.register(seen.url)
    service.want("APP/1.0", "APP/2.0", "APP/1.0/huawei")
    done, said = service.reconcile(seen.url)
    assert (done["copied"], done["failed"]) == (3, 0), said
    assert service.body("APP_1.0.apk") == base(BIG) and service.body("APP_2.0.apk") == base("v2")
    assert service.body("APP_1.0_huawei.apk") == shop.offline(BIG, INFO).read_bytes()
    assert service.minio.client().head_object(Bucket=service.edge, Key="APP_1.0.apk")["ContentType"] == "application/vnd.android.package-archive"
    channel = shop.offline(BIG, INFO).read_bytes()
    assert 0 <= read(seen) - len(channel) < 65536  # of the channel package only: who makes it knows its digest
    copied = [one.copied for one in seen.requests() if one.copied]
    assert copied.count(f"/{service.origin}/packages/APP/1.0/{service.packages['APP/1.0']['base']}") == 3
    held = service.held()
    assert held["APP/1.0"]["sha256"] == hashlib.sha256(base(BIG)).hexdigest()
    assert held["APP/1.0/huawei"]["sha256"] == hashlib.sha256(channel).hexdigest()


def test_verify_reads_what_was_copied(service: Service, servers: Servers) -> None:
    seen = servers.recorder(service.minio.url)
    service.register(seen.url)
    service.want("APP/2.0", "APP/2.0/huawei")
    service.reconcile(seen.url)
    before = service.held()
    assert service.reconcile(seen.url, "--verify")[0]["copied"] == 0
    assert service.held() == before
    whole = shop.offline("v2", INFO).read_bytes()
    for key in ("APP_2.0.apk", "APP_2.0_huawei.apk"):
        rotten = bytearray(service.body(key))
        rotten[4321] ^= 0xFF
        service.minio.client().put_object(Bucket=service.edge, Key=key, Body=bytes(rotten))
    assert service.reconcile(seen.url)[0]["copied"] == 0
    done, said = service.reconcile(seen.url, "--verify")
    assert done["copied"] == 2 and "is held no more" in said
    assert service.body("APP_2.0.apk") == base("v2") and service.body("APP_2.0_huawei.apk") == whole


def test_an_edge_that_splices_gets_copies_too(service: Service, servers: Servers) -> None:
    service.publish("older-v2", "1.9")
    store = service.store(service.minio.url)
    store.run("diff", "--app", "APP", "--from", "1.9", "--to", "2.0")
    seen = servers.recorder(service.minio.url)
    service.register(seen.url, splices=True)
    service.wanted += 1
    patch = json.loads(service.minio.client().get_object(Bucket=service.origin, Key="patches/APP/1.9..2.0.json")["Body"].read())
    placed.want(store, {"APP/1.0": placed.facts(service.packages["APP/1.0"]), "APP/1.9..2.0": placed.facts(patch)}, service.wanted,
                minio=service.minio)
    done, said = service.reconcile(seen.url)
    assert (done["copied"], done["failed"]) == (2, 0), said
    assert read(seen) == 0
    assert service.base("1.0") == base(BIG)
    package = json.loads(service.body("packages/APP/1.0/package.json"))
    head = service.minio.client().head_object(Bucket=service.edge, Key=f"packages/APP/1.0/{package['base']}")
    assert (package["sha256"], package["etag"]) == (service.packages["APP/1.0"]["sha256"], head["ETag"])
    assert hashlib.sha256(service.body("patches/APP/1.9..2.0.diff")).hexdigest() == patch["sha256"]
    served = shop.minio_shop(service.minio, service.edge).serve(servers, "--redirect", "never")
    got = subprocess.run(["curl", "-sS", f"{served}/packages/APP/1.0/huawei.apk"], capture_output=True, check=True).stdout
    assert got == shop.offline(BIG, INFO).read_bytes()


@pytest.mark.parametrize("status", [400, 403, 405, 501])
@pytest.mark.parametrize("splices", [False, True])
def test_a_service_that_refuses_to_copy_is_asked_once(status: int, splices: bool, service: Service, servers: Servers) -> None:
    seen = servers.recorder(service.minio.url, f"if ($http_x_amz_copy_source) {{ return {status}; }}")
    service.register(seen.url, splices=splices)
    service.want("APP/1.0", "APP/2.0")
    done, said = service.reconcile(seen.url)
    assert (done["copied"], done["failed"]) == (2, 0), said
    assert said.count("passes through here") == 1 and f"status {status}" in said
    assert len([one for one in seen.requests() if one.copied]) <= 2  # the two parts that are on their way at a time
    copies = [service.base(version) if splices else service.body(f"APP_{version}.apk") for version in ("1.0", "2.0")]
    assert copies == [base(BIG), base("v2")]
    assert "Uploads" not in service.minio.client().list_multipart_uploads(Bucket=service.edge)


UNQUOTED = """
sub_filter_types application/xml;
sub_filter_once off;
sub_filter '&#34;' '';
proxy_set_header Accept-Encoding '';
"""


def test_etags_may_be_written_without_quotes(service: Service, servers: Servers) -> None:
    """As Ceph writes them in its answers to copies."""
    seen = servers.recorder(service.minio.url, UNQUOTED)
    service.register(seen.url)
    service.want("APP/1.0", "APP/2.0")
    done, said = service.reconcile(seen.url)
    assert (done["copied"], done["failed"]) == (2, 0) and "passes through here" not in said, said
    assert [service.body(name) for name in ("APP_1.0.apk", "APP_2.0.apk")] == [base(BIG), base("v2")]


def test_what_is_encrypted_only_at_the_origin_is_copied(service: Service) -> None:
    """There with a key of its owner: then ETags are no digests."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KMS_KEY}}
    client = service.minio.client()
    client.put_bucket_encryption(Bucket=service.origin, ServerSideEncryptionConfiguration={"Rules": [rule]})
    service.publish("v2", "3.0")
    head = client.head_object(Bucket=service.origin, Key=f"packages/APP/3.0/{service.packages['APP/3.0']['base']}")
    assert head["ServerSideEncryption"] == "aws:kms" and head["ETag"].strip('"') != hashlib.md5(base("v2")).hexdigest()
    service.register(service.minio.url)
    service.want("APP/3.0")
    done, said = service.reconcile(service.minio.url)
    assert (done["copied"], done["failed"]) == (1, 0) and "passes through here" not in said, said
    assert service.body("APP_3.0.apk") == base("v2")
    assert "ServerSideEncryption" not in client.head_object(Bucket=service.edge, Key="APP_3.0.apk")


def test_another_endpoint_is_another_service(service: Service, servers: Servers) -> None:
    """Though behind it is the same one: nobody can tell."""
    seen = servers.recorder(service.minio.url)
    service.register(seen.url)
    service.want("APP/2.0")
    assert service.reconcile(service.minio.url)[0]["copied"] == 1
    assert not [one for one in seen.requests() if one.copied] and service.body("APP_2.0.apk") == base("v2")


def parts(service: Service, key: str) -> int:
    client = service.minio.client()
    uploads = client.list_multipart_uploads(Bucket=service.edge, Prefix=key).get("Uploads", [])
    return sum(len(client.list_parts(Bucket=service.edge, Key=key, UploadId=one["UploadId"]).get("Parts", [])) for one in uploads)


def test_a_copy_that_was_killed_goes_on(service: Service, servers: Servers) -> None:
    slow = servers.nginx(SLOW_COPIES.format(url=service.minio.url))
    service.register(slow.url)
    service.want("APP/1.0")
    time.sleep(3.1)  # what began within two seconds of the source's change is not trusted
    store = service.store(slow.url)
    running = subprocess.Popen([pakhus_binary(), "reconcile", "--store", store.store], env={**clean_environment(), **store.env},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while parts(service, "APP_1.0.apk") == 0 and time.monotonic() < end:
        time.sleep(0.05)
    running.kill()
    running.wait()
    time.sleep(2.5)  # what it had asked for is still carried out
    there = parts(service, "APP_1.0.apk")
    assert 0 < there < 3
    assert placed.states(service.store(service.minio.url)) == {"APP/1.0": "copying"}
    slow.stop()
    seen = servers.recorder(service.minio.url)
    service.register(seen.url)
    assert service.reconcile(seen.url)[0]["copied"] == 1
    assert len([one for one in seen.requests() if one.copied]) == 3 - there
    assert service.body("APP_1.0.apk") == base(BIG)
