"""Help, usage errors and exit codes of every command; data on standard output, words on standard error."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import apks, shop
from support.servers import Minio, free_port
from support.shop import Shop

COMMANDS = [["serve"], ["prepare"], ["publish"], ["unpublish"], ["release"], ["channel", "set"], ["channel", "list"], ["channel", "remove"],
            ["channel", "config"], ["url", "sign"], ["url", "keygen"], ["splice"], ["diff"], ["patch"], ["inspect"], ["policy", "show"], ["policy", "set"], ["edge", "add"], ["edge", "list"],
            ["edge", "show"], ["edge", "remove"], ["edge", "lan", "set"], ["edge", "lan", "list"], ["edge", "lan", "remove"], ["edge", "sync"], ["version"]]
ON_A_STORE = [["unpublish", "APP", "1.0"], ["release", "APP"], ["release", "APP", "1.0"], ["channel", "list", "APP"], ["channel", "set", "APP", "a"],
              ["channel", "remove", "APP", "a"], ["channel", "config", "APP"], ["channel", "config", "APP", "--url-info", "never"],
              ["diff", "--app", "APP", "--from", "1.0", "--to", "2.0"],
              ["publish", "{apk}", "--app", "APP", "--version", "1.0"], ["policy", "show"], ["edge", "list"], ["edge", "show", "shop-1"],
              ["edge", "remove", "shop-1"], ["edge", "lan", "list"], ["edge", "lan", "remove", "SHOP-7"],
              ["edge", "sync", "--edge", "shop-1", "--dir", "/nowhere/at/all"]]


def run(*arguments: str, env: dict[str, str] | None = None, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    return shop.run(*arguments, env=env, check=False, timeout=timeout)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example_that_parses(command: list[str]) -> None:
    done = run(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: pakhus {' '.join(command)}" in done.stdout
    [example] = [line for line in done.stdout.splitlines() if line.startswith("example: ")]
    assert f"pakhus {' '.join(command)}" in example
    assert run(*command, "-h").stdout == done.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_usage_errors_are_2(command: list[str]) -> None:
    for wrong in (["--no-such-option"], [f"word{number}" for number in range(9)], ["--store"]):
        if command == ["channel", "remove"] and len(wrong) > 1:
            continue  # it takes any number
        done = run(*command, *wrong, env={"PAKHUS_STORE": "file:///nowhere"}, timeout=10)
        assert (done.returncode, done.stdout) == (2, ""), (command, wrong)
        assert done.stderr.startswith(f"pakhus {' '.join(command)}: ")
        assert f"pakhus {' '.join(command)} --help" in done.stderr


@pytest.mark.parametrize("group", [[], ["channel"], ["url"], ["policy"], ["edge"], ["edge", "lan"]])
def test_commands_are_listed(group: list[str]) -> None:
    done = run(*group, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: pakhus" in done.stdout
    for wrong in ([*group], [*group, "no-such-command"]):
        failed = run(*wrong)
        assert (failed.returncode, failed.stdout) == (2, "")
        assert "usage: pakhus" in failed.stderr
    assert "no-such-command" in run(*group, "no-such-command").stderr


def filled(command: list[str]) -> list[str]:
    return [part.format(apk=apks.made("v2")) for part in command]


def one_line(done: "subprocess.CompletedProcess[str]") -> str:
    assert (done.returncode, done.stdout) == (1, ""), done
    [line] = done.stderr.splitlines()
    assert line.startswith("pakhus ")
    return line


@pytest.mark.parametrize("command", ON_A_STORE, ids=" ".join)
def test_no_store_is_said(command: list[str]) -> None:
    line = one_line(run(*filled(command)))
    assert "--store" in line and "PAKHUS_STORE" in line


@pytest.mark.parametrize("url", ["ftp://x", "packages", "s3://", "s3:///x", "file://relative", "file://", "s3://b?endpoint=nonsense", "s3://b?unknown=1",
                                 "http://127.0.0.1/b"])
def test_store_urls_that_are_none(url: str) -> None:
    for line in (one_line(run("release", "--store", url, "APP")), one_line(run("release", "APP", env={"PAKHUS_STORE": url}))):
        assert "store" in line.lower()


@pytest.mark.parametrize("command", ON_A_STORE, ids=" ".join)
def test_no_bucket_is_said(command: list[str], minio: Minio) -> None:
    store = shop.minio_shop(minio, "no-such-bucket")
    line = one_line(store.run(*filled(command), check=False))
    assert "no-such-bucket" in line and "bucket" in line and "create" in line


@pytest.mark.parametrize("wrong, word", [("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"), ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID")])
def test_wrong_credentials_are_said(wrong: str, word: str, minio: Minio, bucket: str) -> None:
    good = shop.minio_shop(minio, bucket)
    store = Shop(good.store, {**good.env, wrong: "not-the-right-one"})
    for command in ON_A_STORE:
        line = one_line(store.run(*filled(command), check=False))
        assert word in line
        assert minio.secret_key not in line and "not-the-right-one" not in line


def test_no_credentials_are_said(minio: Minio, bucket: str) -> None:
    line = one_line(Shop(minio.store(bucket)).run("release", "APP", check=False))
    assert "AWS_ACCESS_KEY_ID" in line


def test_an_unreachable_store_is_said_soon(bucket: str) -> None:
    """A person waits at a terminal: not a day, which is what a deadline of a command is."""
    port = free_port()
    store = Shop(f"s3://{bucket}?endpoint=http://127.0.0.1:{port}&region=us-east-1&path-style=1",
                 {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"})
    commands = (["release", "APP"], ["reconcile"], ["evaluate"], ["edge", "list"], ["edge", "lan", "list"], ["policy", "show"])
    with ThreadPoolExecutor(len(commands)) as pool:
        for done in pool.map(lambda command: store.run(*command, check=False, timeout=60), commands):
            assert f"127.0.0.1:{port}" in one_line(done)


def test_a_directory_that_cannot_be_written_is_said() -> None:
    line = one_line(Shop("file:///proc/nowhere").run("channel", "set", "APP", "a", check=False))
    assert "/proc/nowhere" in line
