"""The static command, and the image that is made of it, in roots that hold nothing else."""

import json
import os
import re
import shlex
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from support import building, chroot, client
from support.cache import ROOT
from support.chroot import Root
from support.packages import segments
from support.servers import Command, Minio, Program, Servers, pakhus_binary
from support.subsystem import Subsystem
from support.tls import Authority, terminator

if chroot.impossible():
    pytest.skip(chroot.impossible(), allow_module_level=True)

DEMO = ROOT / "demo/demo.apk"
DYNAMIC, INTERPRETER = 2, 3
INFO = '{"channel":"huawei","campaign":"launch"}'
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


@pytest.fixture(scope="module")
def program() -> Path:
    building.make("static", without=("SANITIZE",))
    return ROOT / "build/static/pakhus"


@pytest.fixture
def bare(program: Path, tmp_path: Path) -> Root:
    """A folder with the program and a package, and not even a /tmp."""
    folder = tmp_path / "bare"
    folder.mkdir()
    shutil.copy(program, folder / "pakhus")
    shutil.copy(DEMO, folder / "game.apk")
    return Root(folder)


def publish(root: Root, pakhus: str, package: str, *store: str) -> None:
    root.run(pakhus, "publish", package, "--app", "GAME", "--version", "2.0", *store)
    root.run(pakhus, "channel", "set", "GAME", "huawei", "--info", INFO, *store)


def check_download(server: Program, tmp_path: Path) -> None:
    """What is served is what the dynamic command makes offline."""
    commands: list[Command] = [["prepare", DEMO, "-o", tmp_path / "base.apk"],
                               ["splice", tmp_path / "base.apk", "--info", INFO, "--formats", "walle", "-o", tmp_path / "huawei.apk"]]
    for command in commands:
        subprocess.run([pakhus_binary(), *command], check=True, capture_output=True)
    answer = client.request(f"{server.url}/packages/GAME/2.0/huawei.apk")
    assert (answer.status, answer.body) == (200, (tmp_path / "huawei.apk").read_bytes())
    assert client.request(f"{server.url}/healthz").status == 200


def test_it_is_one_static_file(program: Path) -> None:
    assert not {DYNAMIC, INTERPRETER} & set(segments(program.read_bytes()))
    assert str(ROOT).encode() not in program.read_bytes()


def test_it_publishes_and_serves_in_an_empty_root(bare: Root, servers: Servers, tmp_path: Path) -> None:
    assert bare.run("/pakhus", "--version").stdout.startswith("pakhus ")
    assert "static" in json.loads(bare.run("/pakhus", "version", "--json").stdout)["features"]
    publish(bare, "/pakhus", "/game.apk", "--store", "file:///store")
    server = bare.serve(servers, "/pakhus", "serve", "--store", "file:///store", "--listen")
    check_download(server, tmp_path)
    (bare.folder / "huawei.apk").write_bytes((tmp_path / "huawei.apk").read_bytes())
    assert '"campaign":"launch"' in bare.run("/pakhus", "inspect", "/huawei.apk").stdout
    assert server.stop() == 0


def test_a3_without_time_zone_data(bare: Root) -> None:
    """As on Lambda: a zone's name is refused when it is published; a profile that was published elsewhere has its offsets in it."""
    profile = {"resource": "game", "release": "2026-10-20T00:00:00Z", "deadline": "2026-10-30T00:00:00Z", "lead": "1h", "mode": "fixed", "threshold": 0.3,
               "timezone": "Europe/Berlin", "slots": [{"from": "20:00", "to": "21:00", "coefficient": 0.5}]}
    (bare.folder / "profile.json").write_text(json.dumps(profile))
    publish = ["/pakhus", "admission", "profile", "set", "--store", "file:///store", "/profile.json"]
    refused = bare.run(*publish, check=False)
    assert refused.returncode == 1
    assert "profile.timezone: this machine has no time zone data in /usr/share/zoneinfo; install tzdata, or give an offset such as +08:00" in refused.stderr
    past = bare.folder / "store/profiles/game"
    past.mkdir(parents=True)
    (past / "9999999999999999").write_text(json.dumps(profile))
    ask = ["/pakhus", "admission", "ask", "--store", "file:///store", "game", "--client", "c", "--now"]
    assert "profile.timezone: the offsets of Europe/Berlin are missing" in bare.run(*ask, "2026-10-25T19:12:00Z", check=False).stderr
    offsets = [{"from": "2026-10-20T00:00:00Z", "offset": "+02:00"}, {"from": "2026-10-25T01:00:00Z", "offset": "+01:00"}]
    (bare.folder / "profile.json").write_text(json.dumps({**profile, "timezone_offsets": offsets}))
    bare.run(*publish)
    assert json.loads(bare.run(*ask, "2026-10-25T19:12:00Z").stdout)["probability"] == pytest.approx(0.29)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def trust(root: Root, authority: Authority) -> None:
    (root.folder / BUNDLE).parent.mkdir(parents=True)
    shutil.copy(authority.certificate, root.folder / BUNDLE)


def test_a_store_behind_tls(bare: Root, minio: Minio, authority: Authority, servers: Servers, tmp_path: Path) -> None:
    bucket = minio.bucket(f"test-{uuid.uuid4().hex[:12]}")
    front = terminator(servers, authority, minio.url, "localhost")
    bare.env.update(minio.credentials())
    store = ["--store", minio.store(bucket, endpoint=front.url)]
    (bare.folder / "etc").mkdir()
    (bare.folder / "etc/hosts").write_text("127.0.0.1 localhost\n")
    refused = bare.run("/pakhus", "release", "GAME", *store, check=False)
    assert refused.returncode == 1 and "PAKHUS_CA_BUNDLE" in refused.stderr
    trust(bare, authority)
    publish(bare, "/pakhus", "/game.apk", *store)
    server = bare.serve(servers, "/pakhus", "serve", *store, "--redirect", "never", "--listen")
    check_download(server, tmp_path)


def test_downloads_behind_tls(bare: Root, subsystem: Subsystem, authority: Authority, servers: Servers) -> None:
    """`fetch` and `edge sync` download by another client than the store's."""
    front = terminator(servers, authority, subsystem.url, "localhost")
    fetch = ["/pakhus", "fetch", "--client", "device", "--resource", "game", "--admission", f"{front.url}/status/404", "-o", "/x.apk"]
    (bare.folder / "etc").mkdir()
    (bare.folder / "etc/hosts").write_text("127.0.0.1 localhost\n")
    assert "certificate" in bare.run(*fetch, check=False).stderr
    assert not subsystem.seen("/status/404")
    trust(bare, authority)
    assert "404" in bare.run(*fetch, check=False).stderr
    assert subsystem.seen("/status/404")


# --- the image


def image(folder: Path) -> tuple[Root, list[str], list[str]]:
    """What the Dockerfile's steps make, without Docker: the root, its entry point, and the command that follows."""
    [made] = (ROOT / "build/image").glob("*/Dockerfile")
    env: dict[str, str] = {}
    user, words = "", {"ENTRYPOINT": [""], "CMD": [""]}
    for line in made.read_text().splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "COPY":
            *options, source, target = rest.split()
            destination = folder / target.lstrip("/")
            shutil.copytree(made.parent / source, destination, dirs_exist_ok=True)
            for option in options:
                owner = re.fullmatch(r"--chown=(\d+):(\d+)", option)
                assert owner, option
                for path in [destination, *destination.rglob("*")]:
                    shutil.chown(path, int(owner[1]), int(owner[2]))
        elif instruction == "ENV":
            env.update(setting.partition("=")[::2] for setting in shlex.split(rest))
        elif instruction == "USER":
            user = rest
        elif instruction in words:
            words[instruction] = json.loads(rest)
        else:
            assert not line or instruction in ("#", "FROM", "VOLUME", "EXPOSE"), line
            assert instruction != "FROM" or rest == "scratch"
    return Root(folder, env, user), words["ENTRYPOINT"], words["CMD"]


def test_the_image_serves_what_it_publishes(servers: Servers, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the image runs as a user of its own: that takes root")
    building.make("image", without=("SANITIZE",))
    root, entry, command = image(tmp_path / "image")
    assert root.run(*entry, "--version").stdout.startswith("pakhus ")
    shutil.copy(DEMO, root.folder / "game.apk")  # a volume's
    publish(root, entry[0], "/game.apk")
    assert command[-2:] == ["--listen", "0.0.0.0:8080"]
    server = root.serve(servers, *entry, *command[:-1])
    check_download(server, tmp_path)
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    assert re.search(r"^Uid:\t65532\t65532", status, re.M) and re.search(r"^Gid:\t65532\t65532", status, re.M)
    assert {path.name for path in root.folder.iterdir()} == {"usr", "etc", "tmp", "var", "game.apk"}
    assert [path.name for path in (root.folder / "usr/bin").iterdir()] == ["pakhus"]
