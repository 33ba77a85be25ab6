"""make localstack: LocalStack with template.yaml deployed in it, until it is interrupted. STORE=minio keeps packages in a MinIO instead of
LocalStack's own S3; DOCKER=1 runs LocalStack and its functions in containers."""

import base64
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/e2e"))

from support import localstack
from support.localstack import LocalStack, Stack, Store
from support.servers import Servers

PORT, MINIO_PORT = 4566, 9000
STACK = "pakhus"
INSIDE = f"http://localhost.localstack.cloud:{PORT}"  # as containers and, by the public DNS, this machine have it


@contextmanager
def as_process(folder: Path) -> Iterator[tuple[LocalStack, Store]]:
    with Servers(folder / "logs") as servers:
        running = localstack.start(servers, folder / "localstack", PORT)
        if os.environ.get("STORE") == "minio":
            minio = servers.minio()
            yield running, localstack.minio_store(minio, minio.bucket(STACK))
        else:
            yield running, localstack.own_store(running, STACK)


@contextmanager
def in_containers(_: Path) -> Iterator[tuple[LocalStack, Store]]:
    with localstack.composed(PORT, MINIO_PORT) as running:
        yield running, localstack.own_store(running, STACK, INSIDE)


def tell(stack: Stack, store: Store) -> None:
    print("\nexport " + " ".join(f"{name}={value}" for name, value in store.credentials.items()) + f" PAKHUS_STORE='{store.url}'")
    print("pakhus publish game.apk --app GAME --version 2.0 && pakhus channel set GAME huawei\n")
    for name, url in sorted(stack.outputs.items()):
        print(f"{name:22} {url}")
    host = urlsplit(stack.url("channel-range-splice")).netloc
    print(f"\ncurl -L -r 0-524287 --resolve {host}:127.0.0.1 http://{host}/packages/GAME/2.0/huawei.apk | wc -c")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="pakhus-localstack-") as name:
        folder = Path(name)
        print("starting LocalStack, and deploying template.yaml into it (half a minute)", flush=True)
        with (in_containers if os.environ.get("DOCKER") else as_process)(folder) as (running, store):
            key = "k1:" + base64.b64encode(secrets.token_bytes(64)).decode()
            given = {"ReconcileEvery": "rate(1 minute)", "TokenKeys": key, **store.parameters}
            tell(localstack.deploy(running, folder / "deploy", STACK, given), store)
            print("\nCtrl-C ends it.", flush=True)
            signal.pause()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        print("ended")
    except localstack.DockerMissing as missing:
        sys.exit(str(missing))
