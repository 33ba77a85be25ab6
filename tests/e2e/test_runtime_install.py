"""lambda-c by itself: installed under a prefix, it serves the README's function, which is compiled out of the tree."""

import os
import re
import subprocess
import urllib.request
from pathlib import Path

from support.building import make
from support.cache import ROOT
from support.servers import Servers, accepts, free_port


def test_the_readmes_function_out_of_the_tree(servers: Servers, tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    make("-j2", "-C", ROOT / "runtime", "install", f"PREFIX={prefix}", without=("SANITIZE",))
    source = re.search(r"```c\n(.*?)```", (ROOT / "runtime/README.md").read_text(), re.S)
    assert source
    (tmp_path / "hello.c").write_text(source.group(1))
    subprocess.run("cc -std=c17 -Wall -Werror hello.c $(pkg-config --cflags --libs lambda-c) -o bootstrap", shell=True, check=True,
                   cwd=tmp_path, env={**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")})
    port = free_port()
    servers.start("hello", [tmp_path / "bootstrap"], lambda: accepts(port), env={"LC_LISTEN": f"127.0.0.1:{port}"})
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/world").read() == b"hello /world\n"
