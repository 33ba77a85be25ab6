"""The store's own suites on real S3 servers: MinIO, and LocalStack's S3."""

import re
import subprocess
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest

from support.building import make
from support.cache import ROOT
from support.localstack import CREDENTIALS, LocalStack
from support.servers import REGION, Minio, Servers, clean_environment, pakhus_binary

SUITES = ["test_store_conformance", "test_generation"]


def driver(name: str) -> Path:
    """A unit test's program: built by `make unit`, and here where that was not run."""
    program = pakhus_binary().parents[1] / "tests" / name
    if not program.exists():
        make(program.relative_to(ROOT))
    return program


def run_suite(name: str, store: str, credentials: dict[str, str], beside: str = "") -> None:
    stores = {"PAKHUS_TEST_STORE": store, "PAKHUS_TEST_BESIDE": beside or store}
    done = subprocess.run([driver(name)], env={**clean_environment(), **credentials, **stores},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"\[  PASSED  \] (?:.*: )?(\d+) test\(s\)", done.stdout)
    assert passed and int(passed[1]) >= 8, done.stdout[-4000:]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("prefix", ["", "some/prefix+x"])
def test_minio(suite: str, prefix: str, minio: Minio, bucket: str) -> None:
    beside = minio.store(minio.bucket(f"beside-{bucket}"))
    run_suite(suite, minio.store(bucket, quote(prefix)).replace("%2B", "+"), minio.credentials(), beside)


def test_minio_leaves_no_uploads_behind(minio: Minio, bucket: str) -> None:
    run_suite("test_store_conformance", minio.store(bucket), minio.credentials())
    client = minio.client()
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("suite", SUITES)
def test_localstack(suite: str, localstack: LocalStack) -> None:
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    localstack.client("s3").create_bucket(Bucket=bucket)
    store = f"s3://{bucket}{{}}?endpoint={localstack.url}&region={REGION}&path-style=1&bind-range=no"  # it checks no signature
    run_suite(suite, store.format(""), CREDENTIALS, store.format("/beside"))


@pytest.mark.parametrize("suite, variable", [(SUITES[0], "PAKHUS_TEST_STORE"), (SUITES[1], "PAKHUS_TEST_STORE"), (SUITES[0], "PAKHUS_TEST_BESIDE")])
def test_a_store_that_cannot_be_opened_is_told(suite: str, variable: str, file_store: str) -> None:
    stores = {"PAKHUS_TEST_STORE": file_store, variable: "s3://bucket?endpoint=x"}
    done = subprocess.run([driver(suite)], env={**clean_environment(), **stores}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 1 and "endpoint: the URL has no scheme" in done.stdout and "exception" not in done.stdout


def run_pakhus_list(store: str, credentials: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([pakhus_binary(), "channel", "list", "--store", store, "APP1"], capture_output=True, text=True,
                          env={**clean_environment(), **credentials}, timeout=60)


@pytest.mark.parametrize("change, words", [
    ({"AWS_ACCESS_KEY_ID": "nobody"}, "InvalidAccessKeyId"),
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
])
def test_wrong_credentials_are_told(change: dict[str, str], words: str, minio: Minio, s3_store: str) -> None:
    done = run_pakhus_list(s3_store, {**minio.credentials(), **change})
    assert done.returncode == 1
    assert words in done.stderr and "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in done.stderr
    assert minio.secret_key not in done.stderr


def test_a_missing_bucket_is_told(minio: Minio) -> None:
    done = run_pakhus_list(minio.store("no-such-bucket"), minio.credentials())
    assert done.returncode == 1
    assert "there is no such bucket" in done.stderr and "no-such-bucket" in done.stderr


def test_connections_are_used_again(minio: Minio, bucket: str, servers: Servers) -> None:
    """A suite of thousands of requests opens a few connections only."""
    recorder = servers.nginx("""
        log_format connections '$connection';
        access_log connections.log connections;
        server {
            listen 127.0.0.1:{{port}};
            keepalive_requests 100000;
            location / {
                client_max_body_size 0;
                proxy_pass %s;
                proxy_http_version 1.1;
                proxy_set_header Host $http_host;
                proxy_set_header Connection "";
            }
        }""" % minio.url)
    run_suite("test_generation", minio.store(bucket, endpoint=recorder.url), minio.credentials())
    connections = (recorder.prefix / "connections.log").read_text().split()
    assert len(connections) > 300
    assert len(set(connections)) < 40  # six processes and six threads, each with one at a time
