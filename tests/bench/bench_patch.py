"""make bench: patches between real versions beside bsdiff's, xdelta3's and zstd's own: their size, and how long both ends take."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))

from support import apks
from support.servers import pakhus_binary

Command = list[str | Path]
# old, new, patch → how it is made; old, patch, new → how it is applied
TOOLS: dict[str, tuple[Callable[[Path, Path, Path], Command], Callable[[Path, Path, Path], Command]]] = {
    "pakhus": (lambda old, new, patch: [pakhus_binary(), "diff", old, new, "-o", patch],
               lambda old, patch, new: [pakhus_binary(), "patch", old, patch, "-o", new]),
    "bsdiff": (lambda old, new, patch: ["bsdiff", old, new, patch], lambda old, patch, new: ["bspatch", old, new, patch]),
    "xdelta3": (lambda old, new, patch: ["xdelta3", "-9", "-e", "-f", "-s", old, new, patch],
                lambda old, patch, new: ["xdelta3", "-d", "-f", "-s", old, patch, new]),
    "zstd": (lambda old, new, patch: ["zstd", "-q", "-f", "-19", "--long=27", f"--patch-from={old}", new, "-o", patch],
             lambda old, patch, new: ["zstd", "-q", "-f", "-d", "--long=27", f"--patch-from={old}", patch, "-o", new]),
}


def seconds(command: Command) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - began


def measure(name: str, folder: Path) -> None:
    old, new, patch, result = (folder / part for part in ("old.apk", "new.apk", "x.diff", "result.apk"))
    for source, target in ((apks.original(f"older-{name}"), old), (apks.original(name), new)):
        subprocess.run([pakhus_binary(), "prepare", source, "-o", target], check=True, capture_output=True)
    print(f"{name}, {new.stat().st_size} bytes: patch from the version before        bytes    of it     made  applied")
    for tool, (make, apply) in TOOLS.items():
        if tool != "pakhus" and not shutil.which(tool):
            print(f"  {tool}: not here (apt install {tool}), nothing to compare with")
            continue
        made, applied = seconds(make(old, new, patch)), seconds(apply(old, patch, result))
        assert result.read_bytes() == new.read_bytes()
        size = patch.stat().st_size
        print(f"  {tool:60} {size:9} {100 * size / new.stat().st_size:6.2f} % {made:6.2f} s {applied:6.2f} s", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("settings", "uiautomator2"):
            measure(name, Path(folder))


if __name__ == "__main__":
    main()
