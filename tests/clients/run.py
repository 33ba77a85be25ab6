"""make clients: real download clients against `pakhus serve`: with presigned redirects, with redirects to a public URL, without redirects, and
behind nginx's three stages. Each must get the channel's package byte for byte, or end with an error. Prints the table of docs/clients.md.

run.py [WORD...] runs the clients with one of the words in their names.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from support import apks, shop
from support.servers import Servers, clean_environment

PROGRAMS = HERE / "programs"
INFO = json.dumps({"channel": "huawei"})
BIG = 48 << 20  # more than twice what aria2 and axel ask for at once
TIMEOUT, NO_END = 90, -1
OKHTTP = "com.squareup.okhttp3:okhttp:4.12.0"
NODE = {"undici": "7.30.0", "got": "14.6.6"}


@dataclass(frozen=True)
class Client:
    """{url}, {out}, {folder}, {name} (of the file in the folder), {tools} and {programs} are filled in. `part`: how much of the file is there
    before, as a download that was cut off leaves it."""

    name: str
    command: str
    needs: str  # a program
    version: str  # a command whose first number with a dot is the version
    part: float = 0

    def run(self, values: Mapping[str, object]) -> int:
        environment = {**clean_environment(), "HOME": str(values["folder"])}
        with open(Path(str(values["folder"])) / "log", "wb") as log, subprocess.Popen(
                ["sh", "-c", self.command.format(**values)], cwd=str(values["folder"]), env=environment, stdout=log, stderr=log, start_new_session=True) as running:
            try:
                return running.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                return NO_END


def aria2(name: str, options: str, part: float = 0) -> Client:
    return Client(f"aria2 {name}".strip(), f"aria2c --no-conf -q -m2 --retry-wait=1 {options} -d {{folder}} -o {{name}} '{{url}}'", "aria2c", "aria2c -v", part)


def cached(library: str, mode: str) -> Client:
    what = "ranges, then the whole" if mode == "whole" else "one range after the other"
    if library == "okhttp":
        return Client(f"OkHttp with a cache: {what}", f"java -cp '{{tools}}/java/*' {{programs}}/Cached.java {mode} '{{url}}' {{out}}", "java",
                      f"echo {OKHTTP.rpartition(':')[2]}")
    return Client(f"{library} with a cache: {what}", f"node {{tools}}/node/cached.mjs {library} {mode} '{{url}}' {{out}}", "node", f"echo {NODE[library]}")


CLIENTS = [
    aria2("", ""), aria2("-x4 -s4 -k1M", "-x4 -s4 -k1M"), aria2("-x4 -s4 -k1M geom", "-x4 -s4 -k1M --stream-piece-selector=geom"),
    aria2("-x16 -s16 -k1M", "-x16 -s16 -k1M"), aria2("-c", "-c -x4 -s4 -k1M", 0.5),
    Client("axel -n 1", "axel -q -n 1 -o {out} '{url}'", "axel", "axel --version"),
    Client("axel -n 4", "axel -q -n 4 -o {out} '{url}'", "axel", "axel --version"),
    Client("wget", "wget -q -t 2 -O {out} '{url}'", "wget", "wget --version"),
    Client("wget -c", "wget -q -t 2 -c -O {out} '{url}'", "wget", "wget --version", 0.5),
    Client("wget2", "wget2 -q --tries=2 -O {out} '{url}'", "wget2", "wget2 --version"),
    Client("wget2 --chunk-size=1M", "wget2 -q --tries=2 --chunk-size=1M --max-threads=4 -O {out} '{url}'", "wget2", "wget2 --version"),
    Client("wget2 -c", "wget2 -q --tries=2 -c -O {out} '{url}'", "wget2", "wget2 --version", 0.5),
    Client("lftp get", "lftp -c \"set net:max-retries 2; get '{url}' -o {out}\"", "lftp", "lftp --version"),
    Client("lftp pget -n 4", "lftp -c \"set net:max-retries 2; pget -n 4 '{url}' -o {out}\"", "lftp", "lftp --version"),
    Client("lftp get -c", "lftp -c \"set net:max-retries 2; get -c '{url}' -o {out}\"", "lftp", "lftp --version", 0.5),
    Client("curl -L", "curl -fsSL -o {out} '{url}'", "curl", "curl --version"),
    Client("curl -L -C -", "curl -fsSL -C - -o {out} '{url}'", "curl", "curl --version", 0.5),
    Client("curl -L --parallel, ranges", "for at in 0 1 2 3 4 5; do echo location; echo fail; echo \"url={url}\"; echo \"range=$((at * 10000000))-$((at * 10000000 + 9999999))\";"
           " echo \"output=part$at\"; echo next; done | sed '$d' >ranges; curl -sS -Z -K ranges --fail-early || exit; cat part? >{out}", "curl", "curl --version"),
    Client("rclone copyurl", "rclone --config /dev/null -q --retries 1 copyurl '{url}' {out}", "rclone", "rclone version"),
    Client("rclone copy, several streams", "rclone --config /dev/null -q --retries 1 --multi-thread-cutoff 10M --multi-thread-streams 4"
           " copyto --http-url '{site}' ':http:{path}' {out}", "rclone", "rclone version"),
    Client("apt's http method", "/usr/lib/apt/apt-helper -q download-file '{url}' {out}", "apt-get", "apt-get --version"),
    Client("apt's http method, resumed", "mkdir -p lists/partial; cp {out} lists/partial/{name}; /usr/lib/apt/apt-helper -q download-file '{url}' {out}",
           "apt-get", "apt-get --version", 0.5),
    Client("http --download (HTTPie)", "http --ignore-stdin --check-status --follow -q -d -o {out} '{url}'", "http", "http --version"),
    *(cached(library, mode) for library in ("okhttp", "undici", "got") for mode in ("whole", "ranges")),
    Client("Go net/http, four ranges", "{tools}/ranges '{url}' {out}", "go", "go version"),
    Client("Python, keeps the first block's redirect", "python3 {programs}/keeps_redirect.py '{url}' {out}", "python3", "python3 --version"),
    Client("Python, probes bytes=0-0 and keeps where it led", "python3 {programs}/probes.py '{url}' {out}", "python3", "python3 --version"),
]


def make_tools(folder: Path) -> None:
    """The libraries that have no program of their own."""
    (folder / "node").mkdir(parents=True, exist_ok=True)
    shutil.copy(PROGRAMS / "cached.mjs", folder / "node")
    steps: dict[str, list[str | Path]] = {
        "npm": ["npm", "install", "--silent", "--no-save", "--prefix", folder / "node", *(f"{name}@{version}" for name, version in NODE.items())],
        "go": ["go", "build", "-o", folder / "ranges", PROGRAMS / "ranges.go"],
        "mvn": ["mvn", "-q", "-f", folder / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'java'}"],
    }
    group, artifact, version = OKHTTP.split(":")
    (folder / "pom.xml").write_text(f"<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version><dependencies>"
                                    f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
                                    "</dependencies></project>")
    for program, command in steps.items():
        if shutil.which(program):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                print(f"{program}: {done.stdout[-500:]}{done.stderr[-500:]}", file=sys.stderr)


def big_apk(folder: Path) -> Path:
    unsigned, signed = folder / "unsigned.apk", folder / "big.apk"
    apks.stripped(apks.original(), unsigned, BIG)
    apks.sign(unsigned, signed, "v2+v3")
    return signed


@dataclass(frozen=True)
class Right:
    spliced: bytes
    base: bytes


def attempt(client: Client, url: str, right: Right, folder: Path, tools: Path) -> str:
    folder.mkdir(parents=True)
    out = folder / "huawei.apk"
    if client.part:
        out.write_bytes(right.spliced[: int(len(right.spliced) * client.part)])
    found = re.fullmatch(r"(http://[^/]+)/(.*)", url)
    assert found
    code = client.run({"url": url, "out": out, "folder": folder, "name": out.name, "tools": tools, "programs": PROGRAMS, "site": found[1], "path": found[2]})
    body = out.read_bytes() if out.exists() else b""
    shutil.rmtree(folder / "parts", ignore_errors=True)
    if code != 0:
        return f"error ({code})" if code != NO_END else "no end"
    return "right" if body == right.spliced else "WRONG: the base" if body == right.base else f"WRONG: {len(body)} bytes"


def version_of(client: Client) -> str:
    told = subprocess.run(["sh", "-c", client.version], capture_output=True, text=True).stdout
    found = re.search(r"\d+(\.\d+)+", told)
    return found[0] if found else "?"


def main() -> int:
    words, failed = sys.argv[1:], False
    with tempfile.TemporaryDirectory(prefix="pakhus-clients-") as name, Servers(Path(name) / "logs") as servers:
        folder = Path(name)
        tools = folder / "tools"
        make_tools(tools)
        minio = servers.minio()
        bucket = minio.bucket("clients")
        store = shop.minio_shop(minio, bucket)
        apk = big_apk(folder)
        store.publish(apk)
        store.channel("APP", "huawei")
        shop.run("prepare", apk, "-o", folder / "base.apk")
        shop.run("splice", folder / "base.apk", "--info", INFO, "-o", folder / "spliced.apk")
        right = Right((folder / "spliced.apk").read_bytes(), (folder / "base.apk").read_bytes())
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}]}
        minio.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        presigned = store.serve(servers)
        places = {"presigned": presigned, "public": store.serve(servers, "--redirect", f"{minio.url}/{bucket}"),
                  "never": store.serve(servers, "--redirect", "never"), "nginx": servers.cdn(presigned).url}
        print("| client | version | " + " | ".join(places) + " |\n|" + " --- |" * (len(places) + 2), flush=True)
        for number, client in enumerate(CLIENTS):
            if words and not any(word.lower() in client.name.lower() for word in words):
                continue
            if not shutil.which(client.needs):
                print(f"{client.name}: {client.needs} is not installed", file=sys.stderr)
                continue
            cells = []
            for place, url in places.items():
                work = folder / f"{number}-{place}"
                cells.append(attempt(client, f"{url}/packages/APP/1.0/huawei.apk", right, work, tools))
                if cells[-1] != "right" and os.environ.get("VERBOSE") and (work / "log").exists():
                    print((work / "log").read_text(errors="replace")[-600:], file=sys.stderr)
                shutil.rmtree(work)
            failed = failed or any(cell.startswith("WRONG") for cell in cells)
            print(f"| {client.name} | {version_of(client)} | " + " | ".join(cells) + " |", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
