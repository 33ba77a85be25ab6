"""make localstack: LocalStack with template.yaml deployed in it, until it is interrupted. `run.py minio` keeps packages in a MinIO instead."""

import base64
import secrets
import signal
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/e2e"))

from support import localstack
from support.servers import Servers

PORT = 4566
STACK = "pakhus"


def store_of(servers: Servers, running: localstack.LocalStack, kind: str) -> localstack.Store:
    if kind != "minio":
        return localstack.own_store(running, STACK)
    minio = servers.minio()
    return localstack.minio_store(minio, minio.bucket(STACK))


def tell(stack: localstack.Stack, store: localstack.Store) -> None:
    print(f"\nexport PAKHUS_STORE='{store.url}' " + " ".join(f"{name}={value}" for name, value in store.credentials.items()))
    print("pakhus publish game.apk --app GAME --version 2.0 && pakhus channel set GAME huawei\n")
    for name, url in sorted(stack.outputs.items()):
        print(f"{name:22} {url}")
    host = urlsplit(stack.url("channel-range-splice")).netloc
    print(f"\ncurl -L -r 0-524287 --resolve {host}:127.0.0.1 http://{host}/packages/GAME/2.0/huawei.apk | wc -c")
    if stack.skipped:
        print("not built, and so not in it:", ", ".join(sorted(stack.skipped)))


def main(kind: str) -> None:
    with tempfile.TemporaryDirectory(prefix="pakhus-localstack-") as folder, Servers(Path(folder) / "logs") as servers:
        print("starting LocalStack, and deploying template.yaml into it (half a minute)", flush=True)
        running = localstack.start(servers, Path(folder) / "localstack", PORT)
        store = store_of(servers, running, kind)
        key = "k1:" + base64.b64encode(secrets.token_bytes(64)).decode()
        given = {"ReconcileEvery": "rate(1 minute)", "TokenKeys": key, **store.parameters}
        tell(localstack.deploy(running, Path(folder) / "deploy", STACK, given), store)
        print(f"\nLocalStack's log: {running.log}. Ctrl-C ends it.", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main(sys.argv[1] if len(sys.argv) > 1 else "")
