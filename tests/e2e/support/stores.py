"""S3 servers that people have besides MinIO, and Azurite, each started without Docker on a free port with an empty disk. docs/stores.md says how
each did."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from support import azurite, ceph
from support.cache import fetched
from support.servers import Command, Minio, Servers, accepts, free_port

KEY, SECRET = "testing", "testingtesting"


class Server(Protocol):
    """What a store is made in, whichever interface it speaks."""

    def bucket(self, name: str) -> str: ...

    def store(self, bucket: str) -> str: ...

    def credentials(self) -> dict[str, str]: ...

    def read(self, bucket: str, key: str) -> tuple[bytes, str]: ...


class _Unbound(Minio):
    def store(self, bucket: str, prefix: str = "", endpoint: str | None = None) -> str:
        return super().store(bucket, prefix, endpoint) + "&bind-range=no"


Start = Callable[[Servers, Path], Server]


def unbound(start: Callable[[Servers, Path], Minio]) -> Start:
    """Of a server that checks no signature, and so gives a presigned URL's bearer any range."""
    def started(servers: Servers, folder: Path) -> Minio:
        program = start(servers, folder)
        return servers.replace(program, _Unbound(**vars(program)))

    return started


def _started(servers: Servers, name: str, port: int, command: Command, env: dict[str, str] | None = None) -> Minio:
    program = servers.start(name, command, lambda: accepts(port), f"http://127.0.0.1:{port}", env, seconds=120)
    return servers.replace(program, Minio(**vars(program), access_key=KEY, secret_key=SECRET))


_MOTO = """
import sys
from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False, request_handler=MotoRequestHandler)
"""


def moto(servers: Servers, folder: Path) -> Minio:
    """One request at a time: its own command takes several, and then lets two writers win now and then."""
    port = free_port()
    return _started(servers, "moto", port, [fetched("moto").with_name("python"), "-c", _MOTO, str(port)])


def s3proxy(servers: Servers, folder: Path) -> Minio:
    port = free_port()
    settings = {"s3proxy.authorization": "aws-v2-or-v4", "s3proxy.endpoint": f"http://127.0.0.1:{port}", "s3proxy.identity": KEY,
                "s3proxy.credential": SECRET, "jclouds.provider": "filesystem-nio2", "jclouds.identity": "x", "jclouds.credential": "x",
                "jclouds.filesystem.basedir": str(folder)}
    (folder.parent / "s3proxy.conf").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return _started(servers, "s3proxy", port, ["java", "-jar", fetched("s3proxy"), "--properties", folder.parent / "s3proxy.conf"])


def s3mock(servers: Servers, folder: Path) -> Minio:
    port, other = free_port(), free_port()
    return _started(servers, "s3mock", port, [
        "java", "-jar", fetched("s3mock"), f"--com.adobe.testing.s3mock.http-port={port}", f"--server.port={other}"])


def versitygw(servers: Servers, folder: Path) -> Minio:
    port = free_port()
    return _started(servers, "versitygw", port, [fetched("versitygw"), "--port", f"127.0.0.1:{port}", "posix", folder],
                    {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET})


def rclone(servers: Servers, folder: Path) -> Minio:
    port = free_port()
    return _started(servers, "rclone", port, [fetched("rclone"), "serve", "s3", "--config", "/dev/null", "--auth-key", f"{KEY},{SECRET}",
                                              "--addr", f"127.0.0.1:{port}", folder])


_SEAWEEDFS_USERS = {"identities": [{"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
                                    "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}


def seaweedfs(servers: Servers, folder: Path) -> Minio:
    """A bucket takes volumes of its own: with fewer of them, writes to the third bucket fail."""
    port, users = free_port(), folder.parent / "seaweedfs.json"
    users.write_text(json.dumps(_SEAWEEDFS_USERS))
    ports = [option for part in ["master", "volume", "filer"] for option in [f"-{part}.port={free_port()}", f"-{part}.port.grpc={free_port()}"]]
    return _started(servers, "seaweedfs", port, [
        fetched("seaweedfs"), "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", *ports, "-filer", "-s3", f"-s3.port={port}",
        f"-s3.port.grpc={free_port()}", f"-s3.config={users}", "-volume.max=400", "-master.volumeSizeLimitMB=64"])


def ceph_rgw(servers: Servers, folder: Path) -> Minio:
    program = ceph.start(servers, folder, KEY, SECRET)
    return servers.replace(program, Minio(**vars(program), access_key=KEY, secret_key=SECRET))


def s3rver(servers: Servers, folder: Path) -> Minio:
    port = free_port()
    found = _started(servers, "s3rver", port, [fetched("s3rver"), "-a", "127.0.0.1", "-p", str(port), "-d", folder])
    found.access_key = found.secret_key = "S3RVER"
    return found


@dataclass(frozen=True)
class Kind:
    title: str
    started: str  # where it is from, and the command
    start: Start


KINDS = {
    "minio": Kind("MinIO 2026-02-12", "Go: `minio server`", lambda servers, folder: servers.minio()),
    "versitygw": Kind("versitygw 1.8.0", "Go: `versitygw posix`", versitygw),
    "rclone": Kind("rclone 1.76.0", "Go: `rclone serve s3`", rclone),
    "seaweedfs": Kind("SeaweedFS 4.53", "Go: `weed server -filer -s3`", seaweedfs),
    "ceph": Kind("Ceph RGW 16.2.15", "Debian 12: a monitor, an OSD on memstore, `radosgw`", ceph_rgw),
    "moto": Kind("moto 5.2.5", "PyPI: its server, one request at a time", unbound(moto)),
    "azurite": Kind("Azurite 3.35.0", "npm: `azurite-blob --inMemoryPersistence`", lambda servers, folder: azurite.start(servers)),
    "s3proxy": Kind("s3proxy 3.1.0", "Maven: its JAR, filesystem-nio2", s3proxy),
    "s3mock": Kind("Adobe S3Mock 4.11.0", "Maven: its JAR", unbound(s3mock)),
    "s3rver": Kind("s3rver 3.7.1", "npm: `s3rver`", s3rver),
}
