"""Cache tokens by the letter of the method: the spec's ids are in the names."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.servers import Minio, Servers
from test_token_verify import ask, report

Run = Callable[..., Any]
URL = "https://cdn.example/app.css"
SECOND = 1787220000  # 2026-08-20T10:00:00Z


@pytest.fixture
def env(run_pakhus: Run) -> dict[str, str]:
    return {"PAKHUS_TOKEN_KEYS": run_pakhus("token", "keygen").stdout.strip(), "PAKHUS_TOKEN_BUSINESS": "shop"}


def show(run_pakhus: Run, env: dict[str, str], url: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(run_pakhus("token", "show", url, "--json", env=env).stdout)
    return shown


# --- signing (T2)


@pytest.mark.parametrize("option", [("--sha256", "ab" * 32), ("--type", "text/css"), ("--size", "7"), ("--modified", "2026-08-20T10:00:00Z")],
                         ids=lambda option: option[0])
def test_t2_one_resources_attributes_go_into_no_document(option: tuple[str, str], run_pakhus: Run, env: dict[str, str], file_store: str,
                                                         tmp_path: Path) -> None:
    (Path(file_store.removeprefix("file://")) / "a.css").write_text("a")
    page = tmp_path / "page.html"
    page.write_text('<link href="a.css">')
    done = run_pakhus("token", "sign", page, "--base", "https://cdn.example/", "--store", file_store, "--in-place", *option, env=env,
                      check=False)
    assert done.returncode == 1 and f"{option[0]} describes one resource" in done.stderr
    assert done.stdout == "" and page.read_text() == '<link href="a.css">'


def test_t2_two_changes_within_a_second_are_two_tokens(servers: Servers, run_pakhus: Run, env: dict[str, str], file_store: str) -> None:
    file = Path(file_store.removeprefix("file://")) / "app.css"
    signed = []
    for content, millisecond in ("one", 250), ("two", 750):
        file.write_text(content)
        os.utime(file, ns=(0, SECOND * 10**9 + millisecond * 10**6))
        signed.append(run_pakhus("token", "sign", URL, "--store", file_store, env=env).stdout.strip())
    assert [show(run_pakhus, env, url)["modified"] for url in signed] == ["2026-08-20T10:00:00.250Z", "2026-08-20T10:00:00.750Z"]
    server = servers.pakhus(file_store, env=env)
    first, second = (url.removeprefix("https://cdn.example") for url in signed)
    for uri in first, second:
        assert ask(server, uri)[1:3] == ("update", "due")
        assert report(server, uri, Pakhus_Size="3", Pakhus_Modified="Thu, 20 Aug 2026 10:00:00 GMT") == "succeeded"
    assert ask(server, first)[2] == "older"


def test_t2_the_digest_is_read_where_it_is_asked_for(run_pakhus: Run, env: dict[str, str], file_store: str) -> None:
    file = Path(file_store.removeprefix("file://")) / "app.css"
    signed = []
    for content in b"one", b"two":
        file.write_bytes(content)
        os.utime(file, ns=(0, SECOND * 10**9))
        assert show(run_pakhus, env, run_pakhus("token", "sign", URL, "--store", file_store, env=env).stdout.strip())["sha256"] is None
        signed.append(run_pakhus("token", "sign", URL, "--store", file_store, "--digest", env=env).stdout.strip())
        assert show(run_pakhus, env, signed[-1])["sha256"] == hashlib.sha256(content).hexdigest()
    assert signed[0] != signed[1]


def test_t2_a_bucket_tells_type_and_digest(run_pakhus: Run, env: dict[str, str], minio: Minio, bucket: str, s3_store: str) -> None:
    env = {**env, **minio.credentials()}
    s3 = minio.client()
    s3.put_object(Bucket=bucket, Key="app.css", Body=b"body{}", ContentType="text/css; charset=utf-8", ChecksumAlgorithm="SHA256")
    s3.put_object(Bucket=bucket, Key="plain", Body=b"plain")
    said = show(run_pakhus, env, run_pakhus("token", "sign", URL, "--store", s3_store, env=env).stdout.strip())
    assert (said["size"], said["type"], said["sha256"]) == (6, "text/css", hashlib.sha256(b"body{}").hexdigest())
    plain = ["token", "sign", "https://cdn.example/plain", "--store", s3_store]
    said = show(run_pakhus, env, run_pakhus(*plain, env=env).stdout.strip())
    assert (said["size"], said["type"], said["sha256"]) == (5, None, None)
    said = show(run_pakhus, env, run_pakhus(*plain, "--digest", "--type", "text/plain", env=env).stdout.strip())
    assert (said["type"], said["sha256"]) == ("text/plain", hashlib.sha256(b"plain").hexdigest())
