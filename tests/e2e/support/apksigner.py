"""What the Android tools say of an APK's signatures."""

import hashlib
import re
import subprocess
import threading
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from support.cache import fetched, kept

_SOURCES = Path(__file__).parent / "java"
_DEBIANS = Path("/usr/share/java/apksigner.jar")  # what the command apksigner runs


def verify(apk: Path) -> dict[str, bool]:
    """{"verified", "v1", "v2", "v3", "v4", "stamp"} of `apksigner verify`, every scheme being looked at."""
    status, printed = _apksigner(apk, *_version(apk))
    schemes = {f"v{number}": value == "true" for number, value in
               re.findall(r"^Verified using v(\d) scheme .*: (true|false)$", printed, re.M)}
    stamp = "Verified for SourceStamp: true" in printed
    return {"verified": status == 0, "stamp": stamp, **schemes}


def _version(apk: Path) -> tuple[int, int, int]:
    """What a file is known by: a Java machine costs more than most of what is tested, so each file is verified once."""
    status = apk.stat()
    return status.st_ino, status.st_ctime_ns, status.st_size


@cache
def _apksigner(apk: Path, *_version: int) -> tuple[int, str]:
    # v1 is looked at for devices before 24 only, and required for them
    lowest = ["--min-sdk-version", "21"] if _has_manifest(apk) else []
    return _run("com.android.apksigner.ApkSignerTool", str(_DEBIANS), ("verify", "-v", *lowest, apk))


def _has_manifest(apk: Path) -> bool:
    with zipfile.ZipFile(apk) as archive:
        return "META-INF/MANIFEST.MF" in archive.namelist()


def schemes(apk: Path) -> set[str]:
    """The schemes that verify: {"v2", "v3"}; empty for an APK that does not verify as a whole."""
    found = verify(apk)
    return {name for name in ("v1", "v2", "v3", "v4") if found["verified"] and found.get(name)}


def verify_newest(apk: Path) -> dict[str, bool]:
    """The same from the newest published verifier, which knows v3.1 too: {"verified", "v1", "v2", "v3", "v3.1", "stamp"}."""
    lines = _newest(apk, *_version(apk)).splitlines()
    return {name: value == "true" for name, value in (line.split("=") for line in lines)}


@cache
def _newest(apk: Path, *_version: int) -> str:
    return apk_tool("verify", apk)


def apk_tool(*arguments: str | Path) -> str:
    """What the command of ApkTool.java prints. Raises what it throws."""
    status, printed = _run("ApkTool", f"{_compiled('ApkTool')}:{fetched('jars')}/*", arguments)
    if status != 0:
        raise RuntimeError(f"ApkTool {arguments}: {printed}")
    return printed


_one_at_a_time = threading.Lock()


def _run(program: str, classes: str, arguments: Sequence[str | Path]) -> tuple[int, str]:
    """The exit status of a Java class's main, and what it printed."""
    with _one_at_a_time:
        java = _java(program, classes)
        assert java.stdin and java.stdout
        java.stdin.write("\t".join(map(str, arguments)).encode() + b"\n")
        java.stdin.flush()
        status, length = java.stdout.readline().split()
        return int(status), java.stdout.read(int(length)).decode()


@cache
def _java(program: str, classes: str) -> "subprocess.Popen[bytes]":
    """One for all that this worker asks. It ends when its input does, with the worker."""
    command = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.security.manager=allow", "-cp", f"{_compiled('Resident')}:{classes}",
               "Resident", program]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _compiled(name: str) -> Path:
    """Compiled once, since compiling takes longer than what is done with it."""
    source = _SOURCES / f"{name}.java"

    def make(target: Path) -> None:
        subprocess.run(["javac", "-cp", f"{fetched('jars')}/*", "-d", target, source], check=True, capture_output=True)

    return kept(f"apk-tool/{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}", make)
