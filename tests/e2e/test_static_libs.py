"""scripts/static-libs: which version of a source it builds when a mirror lists one and does not have its files.

apt is a stand-in, and so are the sources, which have nothing to compile. Only the versions are of interest here.
"""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cache import ROOT

APT_CACHE = r"""#!/bin/bash
while [ $# -gt 0 ] && [ "$1" != madison ]; do shift; done
[ $# = 2 ] || exit 0
sed -nE "s,^($2) ([^ ]+) ([^ ]+) .*,   \1 |  \2 | http://mirror/debian \3/main Sources,p" @MACHINE@/sources
"""
APT_GET = r"""#!/bin/bash -e
machine=@MACHINE@
# get NAME VERSION STATE
get() {
    case $3 in
    404) echo "Err:1 http://mirror/debian $1 $2 (dsc)"; echo "E: Failed to fetch http://mirror/pool/$1_$2.dsc  404  Not Found" >&2; exit 100 ;;
    damaged) echo "E: Failed to fetch http://mirror/pool/$1_$2.dsc  Hash Sum mismatch" >&2; exit 100 ;;
    esac
    cp -r "$machine/tree" "$1-${2%%-*}"
    printf '%s (%s) unstable; urgency=low\n\n  * A change.\n\n -- A <a@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n' "$1" "$2" >"$1-${2%%-*}/debian/changelog"
}
# package NAME
package() {
    mkdir -p "$1/DEBIAN" "$1/usr/include/@TRIPLE@" "$1/usr/lib/@TRIPLE@" "$1/usr/share/doc/$1"
    printf 'Package: %s\nVersion: 1.0-1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: none\n' "$1" >"$1/DEBIAN/control"
    echo terms >"$1/usr/share/doc/$1/copyright"
    touch "$1/usr/include/@TRIPLE@/$1.h" "$1/usr/lib/@TRIPLE@/$1.a"
    dpkg-deb --build "$1" "$1_1.0-1_all.deb" >/dev/null && rm -r "$1"
}
for action; do
    shift
    case $action in
    indextargets) . /etc/os-release; [[ " $* " != *' deb-src '* ]] || kind=deb-src; echo "${kind:-deb} http://mirror/debian $VERSION_CODENAME main"; exit ;;
    download) for each; do package "$each"; done; exit ;;
    source)
        echo "$1" >>"$machine/asked"
        while read -r name version release state; do
            case $1 in "$name=$version" | "$name/$release") get "$name" "$version" "$state"; exit ;; esac
        done <"$machine/sources"
        echo "E: Unable to find a source package for $1" >&2
        exit 100 ;;
    esac
done
"""


@dataclass
class Mirrors:
    folder: Path

    def have(self, *sources: str) -> None:
        """Lines of name, version, release, and what becomes of who asks for it: whole, 404, damaged. The newest of a release first."""
        (self.folder / "sources").write_text("".join(f"{line}\n" for line in (*sources, "libmicrohttpd 1.0.1-4 stable whole")))

    def build(self) -> "subprocess.CompletedProcess[str]":
        env = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "PAKHUS_CACHE": f"{self.folder}/cache", "PAKHUS_SKIP_INSTALL": "1"}
        env.pop("PAKHUS_REASON", None)
        return subprocess.run([ROOT / "scripts/static-libs"], env=env, text=True, capture_output=True, timeout=300)

    def asked(self) -> list[str]:
        return [name for name in (self.folder / "asked").read_text().splitlines() if name.startswith("curl")]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    for name, text in {"apt-get": APT_GET, "apt-cache": APT_CACHE}.items():
        _write(tmp_path / "bin" / name, text.replace("@MACHINE@", str(tmp_path)).replace("@TRIPLE@", f"{platform.machine()}-linux-gnu"))
    _write(tmp_path / "tree/configure", "#!/bin/sh\n")
    _write(tmp_path / "tree/debian/copyright", "terms\n")
    for folder in ("lib", "include", "src/microhttpd", "src/include"):
        _write(tmp_path / "tree" / folder / "Makefile", "install:\n")
    return Mirrors(tmp_path)


def linked(static: Path) -> dict[str, str]:
    return dict(line.split("\t") for line in (static / "linked").read_text().splitlines())


def bill(static: Path, out: Path) -> str:
    subprocess.run([ROOT / "packaging/notices", static, "1.0", "2026-01-01", "x86_64", out], check=True)
    return (out / "sbom.spdx.json").read_text()


def test_the_newest_is_built(mirrors: Mirrors) -> None:
    mirrors.have("curl 8.14.1-2+deb13u5 stable whole", "curl 8.14.1-2+deb13u10 security whole", "curl 8.14.1-2+deb13u7 stable whole")
    done = mirrors.build()
    assert done.returncode == 0, done.stderr
    assert linked(Path(done.stdout.strip()))["libcurl"] == "8.14.1-2+deb13u10"
    assert mirrors.asked() == ["curl=8.14.1-2+deb13u10"]
    assert "no mirror has" not in done.stderr


def test_an_older_one_is_built_where_the_newest_is_not_there(mirrors: Mirrors) -> None:
    mirrors.have("curl 8.14.1-2+deb13u7 stable 404", "curl 8.14.1-2+deb13u7 security 404", "curl 8.14.1-2+deb13u5 stable whole", "curl 8.14.1-2 old whole")
    for _ in "built", "from the cache":
        done = mirrors.build()
        assert done.returncode == 0, done.stderr
        static = Path(done.stdout.strip())
        words = f"curl is 8.14.1-2+deb13u5, since no mirror has the source of 8.14.1-2+deb13u7. To try again: make clean, and remove {static}\n"
        assert done.stderr.endswith(words), done.stderr
    assert linked(static)["libcurl"] == "8.14.1-2+deb13u5"
    assert linked(static)["libmicrohttpd"] == "1.0.1-4"
    made = bill(static, mirrors.folder / "notices")
    assert "/curl@8.14.1-2%2Bdeb13u5?" in made and "deb13u7" not in made
    assert "curl 8.14.1 (" in (mirrors.folder / "notices/copyright").read_text()


def test_another_release_may_have_the_newest(mirrors: Mirrors) -> None:
    mirrors.have("curl 8.14.1-2+deb13u7 stable 404", "curl 8.14.1-2+deb13u7 security whole", "curl 8.14.1-2+deb13u5 stable whole")
    done = mirrors.build()
    assert done.returncode == 0, done.stderr
    assert linked(Path(done.stdout.strip()))["libcurl"] == "8.14.1-2+deb13u7"
    assert "no mirror has" not in done.stderr


def test_a_damaged_source_is_never_replaced_by_an_older_one(mirrors: Mirrors) -> None:
    mirrors.have("curl 8.14.1-2+deb13u7 stable damaged", "curl 8.14.1-2+deb13u5 stable whole")
    done = mirrors.build()
    assert done.returncode != 0 and done.stdout == ""
    assert "could not be made: Failed to fetch http://mirror/pool/curl_8.14.1-2+deb13u7.dsc  Hash Sum mismatch" in done.stderr.splitlines()[-1]
    assert mirrors.asked() == ["curl=8.14.1-2+deb13u7"]
    assert list((mirrors.folder / "cache").glob("static-*/")) == []


def test_none_is_there(mirrors: Mirrors) -> None:
    mirrors.have("curl 8.14.1-2+deb13u7 stable 404", "curl 8.14.1-2+deb13u5 stable 404")
    done = mirrors.build()
    assert done.returncode != 0 and done.stdout == ""
    assert "no mirror has a source of curl: Failed to fetch http://mirror/pool/curl_8.14.1-2+deb13u7.dsc  404  Not Found" in done.stderr.splitlines()[-1]
