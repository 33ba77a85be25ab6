"""A store with packages in it, filled by the commands, and the same packages made offline to compare with."""

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from support import apks
from support.servers import Minio, Program, Servers, clean_environment, pakhus_binary

ALL_FORMATS = "walle,vasdolly,packer-ng"
SLICE = 512 * 1024


def run(*arguments: str | Path, env: Mapping[str, str] | None = None, check: bool = True,
        timeout: float = 280) -> "subprocess.CompletedProcess[str]":
    """The pakhus command; fails on a non-zero exit unless check=False."""
    done = subprocess.run([pakhus_binary(), *arguments], capture_output=True, text=True, timeout=timeout,
                          env={**clean_environment(), **(env or {})})
    assert not check or done.returncode == 0, f"pakhus {arguments}: exit {done.returncode}\n{done.stderr}"
    return done


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="pakhus-offline-")


@cache
def base(name: str) -> Path:
    """apks.made(name), prepared."""
    path = Path(_folder().name) / f"{name}-base.apk"
    run("prepare", apks.made(name), "-o", path)
    return path


def is_base(path: str) -> bool:
    """Of a URL's path or a key: a stored base, under its publisher's own name."""
    return re.search(r"/base-[0-9a-f]{32}\.apk$", path) is not None


def base_file(folder: Path, app: str = "APP", version: str = "1.0") -> Path:
    """The base that package.json names, in a directory's store."""
    package = folder / "packages" / app / version
    return package / str(json.loads((package / "package.json").read_text())["base"])


def is_diff(path: str, versions: str = "1.0..2.0") -> bool:
    """Of a URL's path or a key: a stored patch of APP, under its producer's own name."""
    return re.search(rf"/{re.escape(versions)}(@|%40)[0-9a-f]{{32}}\.diff$", path) is not None


def diff_file(folder: Path, versions: str = "1.0..2.0", app: str = "APP") -> Path:
    """The patch that the record names, in a directory's store."""
    patches = folder / "patches" / app
    return patches / str(json.loads((patches / f"{versions}.json").read_text())["diff"])


@cache
def offline(name: str, info: str, formats: str = "walle") -> Path:
    """The channel package of apks.made(name), made without any server. `info` is JSON with its channel."""
    path = Path(tempfile.mkdtemp(dir=_folder().name)) / "channel.apk"
    run("splice", base(name), "--info", info, "--formats", formats, "-o", path)
    return path


@dataclass(frozen=True)
class Region:
    """Where the channel's bytes are; both ends inclusive, as S7 has it."""

    size: int
    start: int
    end: int


@dataclass(frozen=True)
class Shop:
    """A store, and the environment that opens it."""

    store: str
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path, env: Mapping[str, str] | None = None, check: bool = True,
            timeout: float = 280) -> "subprocess.CompletedProcess[str]":
        """A command that works on the store: run("release", "APP")."""
        return run(*arguments, "--store", self.store, env={**self.env, **(env or {})}, check=check, timeout=timeout)

    def publish(self, apk: Path, app: str = "APP", version: str = "1.0", *options: str) -> dict[str, Any]:
        """What package.json says."""
        done = self.run("publish", apk, "--app", app, "--version", version, "--json", *options)
        package: dict[str, Any] = json.loads(done.stdout)
        return package

    def channel(self, app: str, channel: str, info: Mapping[str, str] | None = None) -> None:
        self.run("channel", "set", app, channel, *([] if info is None else ["--info", json.dumps(info)]))

    def channel_lines(self, app: str, *options: str) -> list[dict[str, Any]]:
        """What `channel list --json` prints, a line a channel."""
        return [json.loads(line) for line in self.run("channel", "list", app, "--json", *options).stdout.splitlines()]

    def channels(self, app: str) -> dict[str, dict[str, str]]:
        """Ids and their info, without what was removed."""
        return {line["channel"]: line["info"] for line in self.channel_lines(app) if "removed" not in line}

    def config(self, app: str, *options: str) -> None:
        self.run("channel", "config", app, *options)

    def program(self, servers: Servers, *options: str, env: Mapping[str, str] | None = None) -> Program:
        """A server on this store."""
        return servers.pakhus(self.store, *options, env={**self.env, **(env or {})})

    def serve(self, servers: Servers, *options: str, env: Mapping[str, str] | None = None) -> str:
        """Its URL."""
        return self.program(servers, *options, env=env).url


def region(package: Mapping[str, Any]) -> Region:
    """Of what `publish` returned."""
    place = package["region"]
    return Region(package["size"], place["offset"], place["offset"] + place["length"] - 1)


def minio_shop(minio: Minio, bucket: str, endpoint: str | None = None) -> Shop:
    """`endpoint` may be a recorder's."""
    return Shop(minio.store(bucket, endpoint=endpoint), minio.credentials())
