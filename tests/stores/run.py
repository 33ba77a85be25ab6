"""`make stores [SERVER=NAME] [ROUNDS=N]`: `store check`, the store's own suites, two publishers at once, and a package published and served, on each
S3 server that starts here without Docker, and on Azurite. Keeps what it found in tests/stores/results.json, and writes the table of docs/stores.md."""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from support import apks, client, shop, store_results
from support.servers import Servers, clean_environment, pakhus_binary
from support.shop import Shop
from support.store_results import Result
from support.stores import KINDS, Server

BIG = "v1+v2+v3"  # 18 MB: three parts
INFO = '{"channel":"huawei"}'
P = "/packages/APP/1.0/huawei.apk"


def bucket_shop(server: Server, bucket: str) -> Shop:
    return Shop(server.store(server.bucket(bucket)), server.credentials())


def checked(store: Shop) -> tuple[bool, str]:
    """Whether the store is fit, and the trials that it does not pass."""
    found: Any = json.loads(store.run("store", "check", "--json", check=False).stdout)
    failed = {verdict: "; ".join(trial["name"] for trial in found["trials"] if trial["verdict"] == verdict) for verdict in ("refused", "weak")}
    return found["verdict"] != "refused", ". ".join(f"{verdict}: {names}" for verdict, names in failed.items() if names) or "good"


def suite(name: str, server: Server) -> str:
    """How many of the program's tests passed, of how many that are for this store."""
    bucket = name.replace("_", "-")
    stores = {"PAKHUS_TEST_STORE": bucket_shop(server, bucket).store, "PAKHUS_TEST_BESIDE": bucket_shop(server, f"{bucket}-beside").store}
    program = pakhus_binary().parents[1] / "tests" / name
    try:
        done = subprocess.run([program], env={**clean_environment(), **server.credentials(), **stores}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return "cut off after 10 minutes"
    print(done.stdout, file=sys.stderr)
    passed, failed = re.search(r"PASSED  \] (\d+)", done.stdout), re.search(r"(\d+) FAILED TEST", done.stdout)
    if not passed:
        return f"ended by {done.returncode}"
    return f"{passed[1]}/{int(passed[1]) + (int(failed[1]) if failed else 0)}"


def belongs_together(server: Server, bucket: str, version: str) -> bool:
    """The record, and the base that it names."""
    record: Any = json.loads(server.read(bucket, f"packages/APP/{version}/package.json")[0])
    body, etag = server.read(bucket, f"packages/APP/{version}/{record['base']}")
    return hashlib.sha256(body).hexdigest() == record["sha256"] and etag == record["etag"]


def two_at_once(server: Server, rounds: int) -> str:
    """Two publishers of one version with other bytes each: how often one of them won, and what is stored is its own."""
    store, good = bucket_shop(server, "race"), 0
    for number in range(rounds):
        version = f"1.{number}"

        def publish(region: str, version: str = version) -> int:
            return store.run("publish", apks.made(BIG), "--app", "APP", "--version", version, "--region", region, check=False).returncode

        with ThreadPoolExecutor(2) as pool:
            codes = sorted(pool.map(publish, ["4096", "8192"]))
        whole = belongs_together(server, "race", version)
        print(f"round {number + 1}: exit codes {codes}, {'whole' if whole else 'NOT WHOLE'}", file=sys.stderr)
        good += codes == [0, 1] and whole
    return f"{good}/{rounds}"


def publish_and_serve(server: Server, servers: Servers) -> str:
    store = bucket_shop(server, "shop")
    store.publish(apks.made(BIG))
    store.channel("APP", "huawei")
    wanted = shop.offline(BIG, INFO).read_bytes()
    if client.request(store.serve(servers, "--redirect", "never") + P).body != wanted:
        return "other bytes"
    redirecting, follows = store.serve(servers) + P, {"Pakhus-Follow": "1"}
    pieces = [client.request(redirecting, headers=follows, range=one, follow=True).body for one in client.slices(len(wanted), shop.SLICE)]
    if b"".join(pieces) != wanted:
        return "other bytes by redirects"
    store.run("unpublish", "APP", "1.0")
    return "good"


def is_whole(count: str) -> bool:
    passed, _, of = count.partition("/")
    return passed == of


def result_of(name: str, servers: Servers, folder: Path, rounds: int) -> Result:
    folder.mkdir()
    kind = KINDS[name]
    server = kind.start(servers, folder)
    is_fit, check = checked(bucket_shop(server, "checked"))
    found: dict[str, str] = {"server": name, "title": kind.title, "started": kind.started, "check": check, "seen": f"{datetime.now(UTC):%Y-%m-%d}"}
    if not is_fit:
        return Result(**found)
    conformance, generation = (suite(each, server) for each in ["test_store_conformance", "test_generation"])
    found |= {"suites": f"{conformance}, {generation}", "races": two_at_once(server, rounds), "shop": publish_and_serve(server, servers)}
    if not is_whole(generation) or not is_whole(found["races"]) or found["shop"] != "good":
        return Result(**found, verdict="not fit, see below")
    return Result(**found, verdict="works" if is_whole(conformance) else "works, see below")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True, help="races of two publishers")
    parser.add_argument("servers", nargs="*", help=", ".join(KINDS))
    options = parser.parse_args()
    for name in set(options.servers) - set(KINDS):
        parser.error(f"unknown server: {name}; there are {', '.join(KINDS)}")
    for name in options.servers or KINDS:
        with tempfile.TemporaryDirectory() as work, Servers(Path(work) / "logs") as servers:
            found = result_of(name, servers, Path(work) / "data", options.rounds)
        store_results.keep(found, [*KINDS])
        store_results.PAGE.write_text(store_results.with_table(store_results.PAGE.read_text(), store_results.kept()))
        print(store_results.table([found]).splitlines()[-1], flush=True)


main()
