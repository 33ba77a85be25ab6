"""A machine on which nothing is installed: stand-ins for apt, dpkg and the tools that packages bring, and a small checkout to build there.

Each stand-in of a tool checks that its package was installed before, and apt-get that no other one runs. Both write what is wrong to
`faults`. Nothing is compiled or installed, so a build takes a second. A stand-in of a compiler starts no process: a build calls it some
seventy times.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.cache import ROOT

# command: its package
TOOLS = {"gcc": "gcc", "cc": "gcc", "ar": "gcc", "pkg-config": "pkg-config", "zip": "zip", "clang": "clang", "clang-tidy": "clang-tidy",
         "clang-format": "clang-format", "shellcheck": "shellcheck", "git": "git", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
         "aarch64-linux-gnu-ar": "gcc-aarch64-linux-gnu", "x86_64-linux-gnu-gcc": "gcc", "x86_64-linux-gnu-ar": "gcc"}
HEADERS = {"curl/curl.h": "libcurl4-openssl-dev", "jansson.h": "libjansson-dev", "openssl/": "libssl-dev", "microhttpd.h": "libmicrohttpd-dev",
           "zstd.h": "libzstd-dev", "lzma.h": "liblzma-dev", "zlib.h": "zlib1g-dev", "cmocka.h": "libcmocka-dev"}
# Beside what scripts/run-e2e-tests fetches.
ALSO_FETCHED = ["venv", "libcachesim", "hello-rust", "hello-go"]
# A build needs one source of each folder: which ones the stand-in of the compiler is given is all the same.
SOURCES_PER_FOLDER = 2
NAMED_SOURCES = {"main.c", "version.c", "replay.c", "test_store_conformance.c", "test_generation.c"}  # by rules of the Makefile

APT_GET = r"""#!/bin/bash
machine=${0%/bin/*}
[[ " $* " == *' update '* || " $* " == *' install '* ]] || exit 0
exec 7>"$machine/dpkg.lock"
flock -n 7 || { echo "apt-get ran twice at once: $*" >>"$machine/faults"; echo 'E: Could not get lock /var/lib/dpkg/lock-frontend.' >&2; exit 100; }
sleep 0.2
if [[ " $* " == *' update '* ]]; then
    [ ! -e "$machine/no-network" ] || { echo "E: Failed to fetch the lists: Temporary failure resolving 'mirror'" >&2; exit 100; }
    touch "$machine/lists"
    exit
fi
[ -x /usr/sbin/policy-rc.d ] || echo 'services would have been started' >>"$machine/faults"
while [ "$1" != install ]; do shift; done
shift
for package in "$@"; do
    [[ $package != -* ]] || continue
    [ -e "$machine/lists" ] && [ ! -e "$machine/not-offered/$package" ] || { echo "E: Unable to locate package $package" >&2; exit 100; }
done
echo "$*" >>"$machine/installations"
for package in "$@"; do [[ $package == -* ]] || touch "$machine/installed/$package"; done
"""
APT_CACHE = r"""#!/bin/bash
machine=${0%/bin/*}
[ "$1" = policy ] && [ -e "$machine/lists" ] || exit 0
for package in "${@:2}"; do
    [ -e "$machine/not-offered/$package" ] || printf '%s:\n  Installed: (none)\n  Candidate: 1.0\n' "$package"
done
"""
DPKG_QUERY = r"""#!/bin/bash
[[ $3 == *Status* ]] || exit 0
for package in "${@:4}"; do
    [ ! -e "${0%/bin/*}/installed/$package" ] || printf 'installed %s ' "$package"
done
"""
TOOL = r"""#!/bin/bash
machine=${0%/bin/*}
need() { [ -e "$machine/installed/$1" ] || echo "without $1: ${0##*/} $*" >>"$machine/faults"; }
need @PACKAGE@
[ "${0##*/}" != pkg-config ] || echo -lz
output=''
while [ $# -gt 0 ]; do
    case $1 in
    -o) output=$2; shift ;;
    *.c)
        read -r -d '' text <"$1"
        for header in @HEADERS@; do [[ $text != *"#include <${header%=*}"* ]] || need "${header#*=}"; done ;;
    rcs) output=$2 ;;
    *.zip) output=$1 ;;
    esac
    shift
done
[ -n "$output" ] && [ "$output" != /dev/null ] || exit 0
printf '#!/bin/sh\necho "[==========] Running 1 test(s)."; echo "[       OK ] a_test"\n' >"$output"
[[ $output == *.[oa] ]] || chmod 755 "$output"
"""
MODULE = r"""#!/bin/bash
[ -e ../machine/installed/nginx-dev ] || echo 'without nginx-dev: the nginx module' >>../machine/faults
mkdir -p "$1/nginx" && touch "$1/nginx/ngx_http_pakhus_token_module.so"
"""
# Of a part of the sources nothing can be said.
CHECK = "#!/bin/bash\nexit 0\n"
IMAGE = r"""#!/bin/bash
[ -e ../machine/installed/ca-certificates ] || echo 'without ca-certificates: the image' >>../machine/faults
mkdir -p "$3" && touch "$3/Dockerfile"
"""


@dataclass
class Machine:
    folder: Path
    checkout: Path
    cache: Path

    def make(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        outer = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "PAKHUS_", "SANITIZE", "WERROR"))}
        env = {**outer, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "PAKHUS_CACHE": str(self.cache)}
        return subprocess.run(["make", *arguments], cwd=self.checkout, env=env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)

    def copy(self, folder: Path) -> "Machine":
        """As it is, with what was built there."""
        shutil.copytree(self.folder, folder / self.folder.name)
        shutil.copytree(self.checkout, folder / self.checkout.name, symlinks=True)
        return Machine(folder / self.folder.name, folder / self.checkout.name, self.cache)

    def cached(self) -> set[str]:
        """What was fetched; nothing is, where all is in the cache."""
        return {path.name for path in self.cache.iterdir()}

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def has(self, package: str) -> bool:
        return (self.folder / "installed" / package).exists()

    def not_offered(self, *packages: str) -> None:
        for package in packages:
            (self.folder / "not-offered" / package).touch()

    def cut_network(self) -> None:
        (self.folder / "no-network").touch()


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _stand_ins(folder: Path) -> None:
    programs = {"apt-get": APT_GET, "apt-cache": APT_CACHE, "dpkg-query": DPKG_QUERY}
    headers = " ".join(f"{name}={package}" for name, package in HEADERS.items())
    for name, package in TOOLS.items():
        programs[name] = TOOL.replace("@PACKAGE@", package).replace("@HEADERS@", headers)
    for name, text in programs.items():
        _program(folder / "bin" / name, text)


def _checkout(folder: Path) -> None:
    """The Makefile and the scripts as they are, and few sources."""
    shutil.copytree(ROOT, folder, ignore=_few_sources)
    stand_ins = {"scripts/nginx-module": MODULE, "packaging/image": IMAGE, "scripts/check-functions": CHECK, "scripts/check-includes": CHECK}
    for name, text in stand_ins.items():
        _program(folder / name, text)


def _few_sources(folder: str, names: list[str]) -> list[str]:
    if folder.endswith("/corpus"):
        return names
    left_out = [name for name in names if name in (".git", "e2e", "pakhus-data", "__pycache__") or Path(folder, name) == ROOT / "build"]
    sources = sorted(name for name in names if name.endswith(".c") and name not in NAMED_SOURCES)
    return left_out + sources[SOURCES_PER_FOLDER:]


def fill_cache(machine: Machine) -> None:
    """With an entry for each thing that is built or downloaded once, as scripts/fetch names it when there are package lists."""
    (machine.folder / "lists").touch()
    outer = {**os.environ, "PAKHUS_CACHE": str(machine.cache), "PATH": f"{machine.folder / 'bin'}:{os.environ['PATH']}"}
    [needs] = re.findall(r"\$\{PAKHUS_TEST_NEEDS:-(.*)\}", (machine.checkout / "scripts/run-e2e-tests").read_text())
    asked = [["scripts/fetch", "--where", what] for what in [*needs.split(), *ALSO_FETCHED]]
    asked += [["scripts/static-libs", "--where", architecture] for architecture in ("x86_64", "aarch64")]
    for command in asked:
        where = Path(subprocess.run(command, cwd=machine.checkout, env=outer, text=True, stdout=subprocess.PIPE, check=True).stdout.strip())
        entry = machine.cache / where.relative_to(machine.cache).parts[0]
        for name in ("python", "ruff", "mypy"):
            _program(entry / "bin" / name, "#!/bin/sh\nexit 0\n")
        (entry / "libs").touch()
        _terms(entry)


def _terms(entry: Path) -> None:
    """What scripts/static-libs keeps of each library."""
    names = [line.split()[0] for line in (ROOT / "packaging/libraries").read_text().splitlines() if not line.startswith("#")]
    (entry / "linked").write_text("".join(f"{name}\t1.0-1\n" for name in names))
    (entry / "terms").mkdir(exist_ok=True)
    for name in names:
        (entry / "terms" / name).write_text("terms\n")


def bare_machine(folder: Path, cache: Path) -> Machine:
    """Its checkout lies in a folder with a space in its name."""
    machine = Machine(folder / "machine", folder / "a checkout", cache)
    for name in ("bin", "installed", "not-offered"):
        (machine.folder / name).mkdir(parents=True)
    _stand_ins(machine.folder)
    _checkout(machine.checkout)
    return machine
