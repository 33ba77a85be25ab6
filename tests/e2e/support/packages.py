"""What `make package` makes, and rooms to run it in that have nothing of this machine."""

import os
import platform
import shutil
import struct
import zipfile
from functools import cache
from pathlib import Path

from support import building
from support.cache import ROOT

ARCHITECTURES = ["x86_64", "arm64"]
FUNCTIONS = sorted(main.parent.name for main in ROOT.glob("functions/*/main.c"))


def native(architecture: str) -> bool:
    return platform.machine() == architecture.replace("arm64", "aarch64")


def make(architecture: str, folder: Path = ROOT, **env: str) -> Path:
    """Runs `make package` in a checkout; where its zip files are."""
    building.make("package", f"ARCH={architecture}", folder=folder, without=("SANITIZE",), **env)
    return folder / "build/package" / architecture


@cache
def packages(architecture: str) -> Path:
    return make(architecture)


def segments(program: bytes) -> list[int]:
    """The p_type of each program header of a 64-bit ELF file."""
    start, size, count = struct.unpack_from("<Q", program, 32)[0], *struct.unpack_from("<HH", program, 54)
    return [struct.unpack_from("<I", program, start + i * size)[0] for i in range(count)]


class Room:
    """A folder with a function's bootstrap in it, which sees nothing but `root`: the same folder unless said. Foreign ones run under qemu."""

    def __init__(self, folder: Path, architecture: str, function: str, root: Path | None = None):
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        self._root = root or folder
        with zipfile.ZipFile(packages(architecture) / f"{function}.zip") as archive:
            archive.extractall(folder)
        (folder / "bootstrap").chmod(0o755)
        command = [self.inside("bootstrap")]
        if not native(architecture):
            emulator = f"qemu-{architecture.replace('arm64', 'aarch64')}-static"
            shutil.copy(shutil.which(emulator) or emulator, folder / "qemu")
            command.insert(0, self.inside("qemu"))
        enter = "chroot" if os.geteuid() == 0 else "unshare --map-root-user chroot"
        self.program = folder / "enter.sh"
        self.program.write_text(f"#!/bin/sh\nexec {enter} {self._root} {' '.join(command)}\n")
        self.program.chmod(0o755)

    def inside(self, path: str) -> str:
        """What the function calls a file of the folder."""
        return f"/{(self.folder / path).relative_to(self._root)}"

    def write(self, path: str, content: str | Path) -> None:
        target = self.folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else content.read_text())
