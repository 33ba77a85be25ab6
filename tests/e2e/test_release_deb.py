"""The .deb in an empty Debian 12: it installs, works, and goes without a trace."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import building, chroot, client
from support.cache import ROOT, cache_folder
from support.chroot import Root
from support.servers import Servers

DEMO = ROOT / "demo/demo.apk"
SYSTEM = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
CONFIGURATION = {"/etc/pakhus/serve.env", "/etc/pakhus/edge-sync.env"}


@pytest.fixture(scope="module")
def package() -> Path:
    building.make("deb", without=("SANITIZE",))
    [made] = (ROOT / "build").glob(f"pakhus_*_{SYSTEM}.deb")
    return made


@pytest.fixture
def debian(package: Path, tmp_path: Path) -> Iterator[Root]:
    """A Debian of the test's own, with the package lying there."""
    if chroot.impossible() or os.geteuid() != 0:
        pytest.skip(chroot.impossible() or "dpkg gives files to several users: that takes root")
    source = cache_folder() / "debian-12"
    if not source.exists():
        pytest.skip("scripts/fetch debian-12 found no mirror that has it")
    folder = tmp_path / "debian"
    subprocess.run(["cp", "-a", "--reflink=auto", source, folder], check=True)
    shutil.copy(package, folder / "pakhus.deb")
    shutil.copy(DEMO, folder / "game.apk")
    yield Root(folder)
    shutil.rmtree(folder)


def files(root: Root) -> set[str]:
    """All but dpkg's own state, logs, and the copies that useradd keeps of what it changes."""
    paths = {f"/{path.relative_to(root.folder)}" for path in root.folder.rglob("*")}
    return {path for path in paths if not re.match(r"/(var/(lib/dpkg|log|cache|backups)|dev|proc)/|/etc/(passwd|group|shadow|gshadow)-$", path)}


def accounts(root: Root) -> dict[str, str]:
    return {name: (root.folder / "etc" / name).read_text() for name in ("passwd", "group", "shadow", "gshadow")}


def test_it_installs_works_and_goes(debian: Root, servers: Servers) -> None:
    files_before, accounts_before = files(debian), accounts(debian)
    assert debian.run("dpkg", "-i", "/pakhus.deb").stderr == ""
    assert debian.run("pakhus", "--version").stdout.startswith("pakhus ")
    entry = debian.run("getent", "passwd", "pakhus").stdout.strip().split(":")
    assert entry[5:] == ["/var/lib/pakhus", "/usr/sbin/nologin"] and 0 < int(entry[2]) < 1000
    assert debian.run("stat", "-c", "%U:%G %a", "/var/lib/pakhus").stdout == "pakhus:pakhus 750\n"
    assert debian.run("stat", "-c", "%U:%G %a", *sorted(CONFIGURATION)).stdout == "root:root 640\n" * 2

    store = {"PAKHUS_STORE": "file:///var/lib/pakhus"}
    service = Root(debian.folder, store, user="pakhus:pakhus")
    service.run("pakhus", "publish", "/game.apk", "--app", "GAME", "--version", "2.0")
    service.run("pakhus", "channel", "set", "GAME", "huawei")
    server = service.serve(servers, "pakhus", "serve", "--listen")
    assert b'{"channel":"huawei"}' in client.request(f"{server.url}/packages/GAME/2.0/huawei.apk").body
    assert server.stop() == 0
    service.run("pakhus", "unpublish", "GAME", "2.0")

    debian.run("dpkg", "--remove", "pakhus")
    assert not (debian.folder / "usr/bin/pakhus").exists()
    assert {f"/{path.relative_to(debian.folder)}" for path in (debian.folder / "etc/pakhus").iterdir()} == CONFIGURATION
    assert debian.run("getent", "passwd", "pakhus").returncode == 0  # files may be its own
    shutil.rmtree(debian.folder / "var/lib/pakhus")
    debian.run("dpkg", "--purge", "pakhus")
    assert files(debian) == files_before
    assert accounts(debian) == accounts_before


def test_packages_survive_a_purge(debian: Root) -> None:
    debian.run("dpkg", "-i", "/pakhus.deb")
    debian.run("dpkg", "-i", "/pakhus.deb")  # again, as an upgrade does
    service = Root(debian.folder, {"PAKHUS_STORE": "file:///var/lib/pakhus"}, user="pakhus:pakhus")
    service.run("pakhus", "publish", "/game.apk", "--app", "GAME", "--version", "2.0")
    purge = debian.run("dpkg", "--purge", "pakhus")
    assert "there are packages in /var/lib/pakhus: they stay" in purge.stderr
    assert list((debian.folder / "var/lib/pakhus").rglob("base*.apk"))
    assert not (debian.folder / "etc/pakhus").exists()
    assert debian.run("stat", "-c", "%U", "/var/lib/pakhus").stdout == "pakhus\n"


def test_settings_that_were_changed_stay(debian: Root) -> None:
    debian.run("dpkg", "-i", "/pakhus.deb")
    settings = debian.folder / "etc/pakhus/serve.env"
    settings.write_text("PAKHUS_STORE=s3://mine\n")
    debian.run("dpkg", "-i", "/pakhus.deb")
    assert settings.read_text() == "PAKHUS_STORE=s3://mine\n"


def test_what_it_holds(package: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-R", package, tmp_path / "all"], check=True)
    control = dict(re.findall(r"^(\S+): (.*)$", (tmp_path / "all/DEBIAN/control").read_text(), re.M))
    assert (control["Package"], control["Architecture"], control["Depends"]) == ("pakhus", SYSTEM, "passwd")
    assert package.name == f"pakhus_{control['Version']}_{SYSTEM}.deb"
    listed = subprocess.run(["dpkg-deb", "-c", package], check=True, capture_output=True, text=True).stdout
    assert {line.split()[1] for line in listed.splitlines()} == {"root/root"}
    assert set((tmp_path / "all/DEBIAN/conffiles").read_text().split()) == CONFIGURATION
    for name in ("bin/pakhus", "share/man/man1/pakhus.1.gz", "share/bash-completion/completions/pakhus", "share/zsh/vendor-completions/_pakhus",
                 "lib/systemd/system/pakhus.service", "lib/systemd/system/pakhus-edge-sync.service", "lib/systemd/system/pakhus-edge-sync.timer",
                 "share/pakhus/nginx/pakhus.conf.template", "share/doc/pakhus/copyright", "share/doc/pakhus/sbom.spdx.json",
                 "share/doc/pakhus/changelog.gz"):
        assert (tmp_path / "all/usr" / name).is_file(), name
    subprocess.run(["md5sum", "--quiet", "-c", "DEBIAN/md5sums"], cwd=tmp_path / "all", check=True)


def test_the_same_program_makes_the_same_bytes(package: Path, tmp_path: Path) -> None:
    before = package.read_bytes()
    package.unlink()
    building.make("deb", without=("SANITIZE",), TZ="Asia/Shanghai")
    assert package.read_bytes() == before


@pytest.mark.skipif(not shutil.which("lintian"), reason="no lintian here: it is a check of Debian's own")
def test_lintian_finds_no_error(package: Path) -> None:
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", package], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# --- make install


def installed(folder: Path, prefix: str) -> Path:
    building.make("install", f"DESTDIR={folder}", f"PREFIX={prefix}", without=("SANITIZE",))
    return folder


def test_install_puts_everything_below_its_prefix(tmp_path: Path) -> None:
    root = installed(tmp_path / "system", "/usr/local")
    unit = (root / "usr/local/lib/systemd/system/pakhus.service").read_text()
    assert "ExecStart=/usr/local/bin/pakhus serve" in unit and "EnvironmentFile=-/etc/pakhus/serve.env" in unit and "@" not in unit.replace("@system", "").replace("@privileged", "")
    assert os.access(root / "usr/local/bin/pakhus", os.X_OK)
    assert subprocess.run([root / "usr/local/bin/pakhus", "--version"], check=True, capture_output=True).stdout
    assert (root / "usr/local/share/zsh/site-functions/_pakhus").exists()
    own = installed(tmp_path / "own", "/home/me/.local")
    assert [path.name for path in own.iterdir()] == ["home"]
    assert "EnvironmentFile=-/home/me/.local/etc/pakhus/serve.env" in (own / "home/me/.local/lib/systemd/system/pakhus.service").read_text()


def test_install_leaves_settings_alone(tmp_path: Path) -> None:
    installed(tmp_path, "/usr")
    (tmp_path / "etc/pakhus/serve.env").write_text("mine")
    installed(tmp_path, "/usr")
    assert (tmp_path / "etc/pakhus/serve.env").read_text() == "mine"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here: its units are not looked at")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = sorted((installed(tmp_path, "/usr") / "usr/lib/systemd/system").iterdir())
    assert [unit.name for unit in units] == ["pakhus-edge-sync.service", "pakhus-edge-sync.timer", "pakhus.service"]
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True).stderr
    assert [line for line in said.splitlines() if "pakhus" in line and "/usr/bin/pakhus is not executable" not in line] == []
    for unit in units:
        if unit.suffix == ".service":
            done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=25", unit], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout.splitlines()[-1]
