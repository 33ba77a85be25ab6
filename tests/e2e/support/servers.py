"""Real servers on loopback ports, each with a log of its own; none outlives the tests, however they end."""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit

import boto3
import botocore.client

from support.cache import ROOT, fetched
from support.ports import free_port

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
Kind = TypeVar("Kind", bound="Program")
Command = Sequence[str | Path]
REGION = "us-east-1"
ADMIN_SECRET = "admin-secret-of-the-tests"
ADMIN = {"Authorization": f"Bearer {ADMIN_SECRET}"}  # what asks a `Servers.pakhus` for its metrics, and sends it events
KMS_KEY = "test-key"  # that a Minio encrypts with where it is told to


def port_of(url: str) -> int:
    return urlsplit(url).port or 80


def answers(url: str, status: int | None = None) -> bool:
    """Whether an HTTP server answers there: with that status, or anything at all."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return status in (None, response.status)
    except urllib.error.HTTPError as error:
        return status in (None, error.code)
    except OSError:
        return False


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


@dataclass
class Program:
    """A running process. `url` is where it listens; standard output and error go to `log`."""

    name: str
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def peak(self) -> int:
        """The most memory the process ever had, in bytes; of what AddressSanitizer shadows, and keeps for a while, an eighth."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)
        assert found
        return int(found[1]) * 1024 // (8 if "address" in pakhus_binary().parent.parent.name else 1)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, seconds: float = 10) -> int:
        """Asks the process to end and waits; kills what is left of its group. Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self.kill()
        return self.process.returncode

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Minio(Program):
    access_key: str
    secret_key: str

    def client(self) -> Any:
        config = botocore.client.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2})
        return boto3.client("s3", endpoint_url=self.url, region_name=REGION, aws_access_key_id=self.access_key,
                            aws_secret_access_key=self.secret_key, config=config)

    def bucket(self, name: str) -> str:
        """Makes a private bucket, empty if it was there before."""
        client = self.client()
        try:
            client.create_bucket(Bucket=name)
        except client.exceptions.BucketAlreadyOwnedByYou:
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
                for item in page.get("Contents", []):
                    client.delete_object(Bucket=name, Key=item["Key"])
        return name

    def read(self, bucket: str, key: str) -> tuple[bytes, str]:
        """An object, and its ETag."""
        answer = self.client().get_object(Bucket=bucket, Key=key)
        return answer["Body"].read(), answer["ETag"]

    def store(self, bucket: str, prefix: str = "", endpoint: str | None = None) -> str:
        """The store's URL; `endpoint` may be a recorder's."""
        where = quote(endpoint or self.url, safe=":/")
        return f"s3://{bucket}/{prefix}?endpoint={where}&region={REGION}&path-style=1"

    def credentials(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key, "AWS_REGION": REGION}


@dataclass(frozen=True)
class Seen:
    """One request as a recorder saw it."""

    method: str
    uri: str
    range: str
    status: int
    bytes_sent: int  # of the answer's body
    seconds: float
    copied: str  # what the store was asked to copy


@dataclass
class Nginx(Program):
    prefix: Path

    def requests(self) -> list[Seen]:
        """What access.log holds, once all answers that are on their way have been logged."""
        log = self.prefix / "access.log"
        size = -1
        while size != log.stat().st_size:
            size = log.stat().st_size
            time.sleep(0.1)
        return [Seen(**json.loads(line)) for line in log.read_text().splitlines()]

    def forget(self) -> None:
        self.requests()
        os.truncate(self.prefix / "access.log", 0)

    def reload(self) -> None:
        self.signal(signal.SIGHUP)

    def cached_bytes(self, folder: str) -> int:
        return sum(file.stat().st_size for file in (self.prefix / folder).rglob("*") if file.is_file())


@dataclass
class Varnish(Program):
    prefix: Path

    def reload(self) -> None:
        """Compiles the file again and goes on with it; what is cached stays."""
        name = f"again{time.monotonic_ns()}"
        for command in (["vcl.load", name, self.prefix / "node.vcl"], ["vcl.use", name]):
            subprocess.run(["varnishadm", "-t", "60", "-n", self.prefix / "work", *command], check=True, capture_output=True)


_NGINX = """
{load}
{user}
daemon off;
pid nginx.pid;
worker_processes {workers};
error_log stderr notice;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    client_max_body_size 0;
    client_body_temp_path temp/body; proxy_temp_path temp/proxy; fastcgi_temp_path temp/fastcgi;
    uwsgi_temp_path temp/uwsgi; scgi_temp_path temp/scgi;
    log_format seen escape=json '{{"method":"$request_method","uri":"$request_uri","range":"$http_range",'
                                '"status":$status,"bytes_sent":$body_bytes_sent,"seconds":$request_time,"copied":"$http_x_amz_copy_source"}}';
    access_log access.log seen;
    {http}
}}
"""

# Signatures cover the Host header, so it goes through as it came.
_RECORDER = """
server {{
    listen 127.0.0.1:{{{{port}}}};
    location / {{
        {extra}
        proxy_pass {upstream};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
        proxy_request_buffering off;
        proxy_buffering off;
    }}
}}
"""


class Servers:
    """Starts programs, each under a name; `close` ends all of them. Logs are kept in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.running: list[Program] = []
        self._temporary: list[Path] = []

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for program in reversed(self.running):
            program.stop(5)
        for folder in self._temporary:
            shutil.rmtree(folder, ignore_errors=True)
        self.running.clear()
        self._temporary.clear()

    def start(self, name: str, command: Command, ready: Callable[[], bool], url: str = "",
              env: Mapping[str, str] | None = None, seconds: float = 60, cwd: Path | None = None) -> Program:
        """Runs `command` with `env` added to the environment, and returns when `ready` says so."""
        log, process = self._spawn(name, command, env or {}, cwd)
        program = Program(name, process, url, log)
        self.running.append(program)
        self._wait(program, ready, seconds)
        return program

    def pakhus(self, store: str, *options: str, env: Mapping[str, str] | None = None, port: int = 0) -> Program:
        """`pakhus serve` on a store."""
        port = port or free_port()
        command: Command = [pakhus_binary(), "serve", "--store", store, "--listen", f"127.0.0.1:{port}", *options]
        return self.start("pakhus", command, lambda: accepts(port), f"http://127.0.0.1:{port}", {"PAKHUS_ADMIN_SECRET": ADMIN_SECRET, **(env or {})})

    def function(self, name: str, env: Mapping[str, str] | None = None, host: str = "port") -> Program:
        """A function's bootstrap as a server of its own: host "port", or "fc" for Function Compute's variables."""
        port = free_port()
        where = {"LC_LISTEN": f"127.0.0.1:{port}"} if host == "port" else {"FC_SERVER_PORT": str(port)}
        return self.start(name, [bootstrap(name)], lambda: accepts(port), f"http://127.0.0.1:{port}", {**where, "LC_ADMIN_SECRET": ADMIN_SECRET, **(env or {})})

    def emulator(self, program: Path, env: Mapping[str, str] | None = None) -> Program:
        """A bootstrap under the Lambda runtime interface emulator; its `url` takes events by POST, one at a time."""
        port, runtime = free_port(), free_port()
        command: Command = [fetched("rie"), "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
                   "--runtime-api-address", f"127.0.0.1:{runtime}", program]
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        return self.start("emulator", command, lambda: accepts(port), url, env)

    def minio(self) -> Minio:
        port, access, secret = free_port(), "pakhus-test", "pakhus-test-secret"
        home = self._folder()
        env = {"MINIO_ROOT_USER": access, "MINIO_ROOT_PASSWORD": secret, "MINIO_BROWSER": "off",
               "MINIO_UPDATE": "off", "HOME": str(home), "MINIO_KMS_SECRET_KEY": f"{KMS_KEY}:{b64encode(bytes(32)).decode()}"}
        command: Command = [fetched("minio"), "server", home / "data", "--address", f"127.0.0.1:{port}", "--quiet"]
        url = f"http://127.0.0.1:{port}"
        program = self.start("minio", command, lambda: answers(f"{url}/minio/health/ready", 200), url, env)
        return self.replace(program, Minio(**vars(program), access_key=access, secret_key=secret))

    def nginx(self, http: str, values: Mapping[str, object] | None = None, workers: int = 1,
              modules: Sequence[Path] = ()) -> Nginx:
        """nginx with `http` as its http block. {{port}}, {{prefix}} and {{<a key of values>}} are filled in; relative
        paths are below the prefix. Requests are logged to access.log there, see `Nginx.requests`."""
        port, prefix = free_port(), self._folder()
        filled = fill(http, {"port": port, "prefix": prefix, **(values or {})})
        user = "user root;" if os.geteuid() == 0 else ""
        load = "".join(f"load_module {module};" for module in modules)
        (prefix / "temp").mkdir()
        (prefix / "nginx.conf").write_text(_NGINX.format(load=load, user=user, workers=workers, http=filled))
        command: Command = ["nginx", "-p", prefix, "-c", prefix / "nginx.conf", "-e", "stderr"]
        program = self.start("nginx", command, lambda: accepts(port), f"http://127.0.0.1:{port}")
        return self.replace(program, Nginx(**vars(program), prefix=prefix))

    def restart(self, program: Kind) -> Kind:
        """The same program again, where it was: on its port, with what it left on the disk."""
        program.stop()
        self.running.remove(program)
        again = self.start(program.name, cast(Command, program.process.args), lambda: accepts(port_of(program.url)), program.url, seconds=60)
        return self.replace(again, type(program)(**{**vars(program), **vars(again)}))

    def varnish(self, vcl: str) -> Varnish:
        """varnishd as cdn/varnish/token.vcl.template says that it is to be started; {{port}} and {{prefix}} as for nginx."""
        port, prefix = free_port(), self._folder()
        (prefix / "node.vcl").write_text(fill(vcl, {"port": port, "prefix": prefix}))
        jail: Command = ["-j", "none"] if os.geteuid() == 0 else []
        quick = "cc_command=exec cc -O0 -fPIC %w -shared -o %o %s"  # to optimise what a few requests run takes longer than they do
        command: Command = ["varnishd", "-F", *jail, "-n", prefix / "work", "-f", prefix / "node.vcl", "-s", "malloc,64m", "-p", "max_restarts=10", "-p", quick,
                            "-T", "127.0.0.1:0", "-a", f"127.0.0.1:{port}", "-a", f"pakhus_inner={prefix}/token-inner.sock"]
        program = self.start("varnish", command, lambda: accepts(port), f"http://127.0.0.1:{port}", seconds=60)
        return self.replace(program, Varnish(**vars(program), prefix=prefix))

    def cdn(self, function_url: str, secret: str = "", base_size: str = "20g", workers: int = 1,
            replaced: Mapping[str, str] | None = None) -> Nginx:
        """The configuration that we ship, in front of a function; its caches are base, answers and brief in the prefix.
        `replaced` are words to change in it, such as a time that a test can't wait for."""
        values = {"LISTEN": "127.0.0.1:{{port}}", "FUNCTION": function_url, "HOST": urlsplit(function_url).netloc,
                  "SECRET": secret, "RUN": "{{prefix}}", "CACHE": "{{prefix}}", "RESOLVER": "127.0.0.1", "BASE_SIZE": base_size}
        template = (ROOT / "cdn/nginx/pakhus.conf.template").read_text()
        for word, by in (replaced or {}).items():
            if word not in template:
                raise ValueError(f"{word} is not in the configuration")
            template = template.replace(word, by)
        return self.nginx(substituted(template, values), workers=workers)

    def edge(self, directory: str, files: Path) -> Nginx:
        """The configuration that we ship for edges that pull: serves the folder `files` under `directory`."""
        template = (ROOT / "cdn/nginx/edge.conf.template").read_text()
        return self.nginx(substituted(template, {"LISTEN": "127.0.0.1:{{port}}", "DIRECTORY": directory, "FILES": str(files)}))

    def recorder(self, upstream: str, extra: str = "") -> Nginx:
        """Passes everything on to `upstream` and records it; `extra` are nginx directives, such as "if (…) { return 503; }"."""
        return self.nginx(_RECORDER.format(upstream=upstream, extra=extra))

    def _spawn(self, name: str, command: Command, env: Mapping[str, str],
               cwd: Path | None) -> tuple[Path, "subprocess.Popen[bytes]"]:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{len(list(self.folder.iterdir()))}-{name}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                                       env={**clean_environment(), **env}, start_new_session=True,
                                       preexec_fn=_die_with_parent)  # noqa: PLW1509 - the child only calls prctl
        return log, process

    def _wait(self, program: Program, ready: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not ready():
            if program.process.poll() is not None or time.monotonic() > end:
                program.kill()
                raise RuntimeError(f"{program.name} did not come up; its log ends:\n{program.output()[-3000:]}")
            time.sleep(0.02)

    def replace(self, program: Program, by: Kind) -> Kind:
        self.running[self.running.index(program)] = by
        return by

    def _folder(self) -> Path:
        """Short, since the path of a unix socket has room for 107 bytes only."""
        folder = Path(tempfile.mkdtemp(prefix="pakhus-"))
        self._temporary.append(folder)
        return folder


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def fill(text: str, values: Mapping[str, object]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda name: str(values[name.group(1)]), text)


def substituted(template: str, values: Mapping[str, str]) -> str:
    """As envsubst fills in what stands as ${PAKHUS_NGINX_NAME}."""
    return re.sub(r"\$\{PAKHUS_NGINX_(\w+)\}", lambda name: values[name.group(1)], template)


def clean_environment() -> dict[str, str]:
    """Ours without what would turn loopback requests to a proxy, or sign with someone's own keys."""
    return {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith(("AWS_", "FC_", "LC_", "PAKHUS_"))}


def pakhus_binary() -> Path:
    return Path(os.environ.get("PAKHUS_BIN", "build/bin/pakhus")).absolute()


def bootstrap(function: str) -> Path:
    program = Path(os.environ.get("PAKHUS_FUNCTIONS", "build/functions")).absolute() / function / "bootstrap"
    assert program.exists(), f"{program} is not built: make, or set PAKHUS_FUNCTIONS"
    return program
