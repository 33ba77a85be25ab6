"""What is slow to make is kept outside the checkout: whole or not at all, and made by one run at a time."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def cache_folder() -> Path:
    given = os.environ.get("PAKHUS_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pakhus"


@cache
def fetched(what: str) -> Path:
    """The path that scripts/fetch prints: minio, rie, apks or jars."""
    done = subprocess.run([ROOT / "scripts/fetch", what], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip())


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One process at a time; `file` is made, and left."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The folder or file `name` of the cache; `make` is given the path to make it at when there is none."""
    final = cache_folder() / name
    if final.exists():
        return final
    with locked(final.parent / f".lock-{final.name}"):
        if not final.exists():
            _make_whole(final, make)
    return final


def _make_whole(final: Path, make: Callable[[Path], None]) -> None:
    work = final.parent / f".making-{final.name}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        make(work / final.name)
        (work / final.name).rename(final)
    finally:
        shutil.rmtree(work, ignore_errors=True)
