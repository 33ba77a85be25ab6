"""lambda-c by itself: installed under a prefix, with programs that are compiled out of the tree and against nothing else."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from support.building import make
from support.cache import ROOT
from support.servers import Program, Servers, accepts, free_port

HEADER = (ROOT / "runtime/include/lambda-c/lambda.h").read_text()
LINKS = {  # as runtime/README.md has them
    "shared": "$(pkg-config --cflags --libs lambda-c)",
    "static": "$(pkg-config --cflags lambda-c) $(pkg-config --variable=libdir lambda-c)/liblambda-c.a -lmicrohttpd -ljansson -pthread -lm",
}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("lambda-c") / "prefix"
    make("-j2", "-C", ROOT / "runtime", "install", f"PREFIX={prefix}", without=("SANITIZE",))
    return prefix


def build(prefix: Path, source: Path, link: str, folder: Path) -> Path:
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    subprocess.run(f"cc -std=c17 -Wall -Werror {source} {LINKS[link]} -o bootstrap", shell=True, check=True, cwd=folder,
                   env=environment)
    return folder / "bootstrap"


def serve(servers: Servers, prefix: Path, program: Path, link: str) -> Program:
    """The static one must start without the library's folder."""
    port = free_port()
    environment = {"LC_LISTEN": f"127.0.0.1:{port}", "LC_ADMIN_SECRET": "open sesame"}
    if link == "shared":
        environment["LD_LIBRARY_PATH"] = str(prefix / "lib")
    return servers.start(program.name, [program], lambda: accepts(port), f"http://127.0.0.1:{port}", environment)


@pytest.mark.parametrize("link", LINKS)
def test_the_readmes_function(link: str, prefix: Path, servers: Servers, tmp_path: Path) -> None:
    source = re.search(r"```c\n(.*?)```", (ROOT / "runtime/README.md").read_text(), re.S)
    assert source
    (tmp_path / "hello.c").write_text(source.group(1))
    url = serve(servers, prefix, build(prefix, tmp_path / "hello.c", link, tmp_path), link).url
    assert urllib.request.urlopen(f"{url}/world").read() == b"hello /world\n"


@pytest.mark.parametrize("link", LINKS)
def test_a_function_that_uses_all_and_has_names_of_its_own(link: str, prefix: Path, servers: Servers, tmp_path: Path) -> None:
    program = serve(servers, prefix, build(prefix, ROOT / "tests/wire/installed/own.c", link, tmp_path), link)
    url = program.url
    answer = urllib.request.urlopen(f"{url}/x")
    assert (answer.read(), answer.headers["X-Version"]) == (b"ok /x up 1\n", version())
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{url}/{'x' * 30}")
    problem = json.loads(refused.value.read())
    assert (problem["type"], problem["status"], problem["detail"]) == ("too-long", 414, "31 bytes")
    metrics = urllib.request.Request(f"{url}/metrics", headers={"Authorization": "Bearer open sesame"})
    assert b'own_metric{state="up"} 7\n' in urllib.request.urlopen(metrics).read()
    assert re.search(r"warn request=[0-9a-f]{24} asked for /x\n", program.output())
    assert program.output().count("own: gone\n") == 2


def version() -> str:
    found = re.search(r'#define LC_VERSION "([0-9.]+)"', HEADER)
    assert found
    return found.group(1)


def names(library: Path, *options: str) -> set[str]:
    printed = subprocess.run(["nm", "--defined-only", *options, library], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in printed.splitlines() if re.search(r" [A-Z] ", line)} - {"LAMBDA_C_1"}


def test_the_libraries_export_what_the_header_declares(prefix: Path) -> None:
    declared = set(re.findall(r"^(?:const )?(?:struct |enum )?\w+ \**(lc_\w+)\(", HEADER, re.M))
    assert "lc_run" in declared
    assert names(prefix / "lib/liblambda-c.so", "-D") == declared
    assert names(prefix / "lib/liblambda-c.a", "-g") == declared


def test_what_is_installed(prefix: Path) -> None:
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    major = version().split(".")[0]
    assert files == {"include/lambda-c/lambda.h", "include/lambda-c/base/types.h", "lib/pkgconfig/lambda-c.pc", "lib/liblambda-c.a",
                     "lib/liblambda-c.so", f"lib/liblambda-c.so.{major}", f"lib/liblambda-c.so.{version()}"}
    dynamic = subprocess.run(["readelf", "-d", prefix / "lib/liblambda-c.so"], check=True, capture_output=True, text=True).stdout
    assert f"Library soname: [liblambda-c.so.{major}]" in dynamic
