"""P16: queries and downloads on real servers, access logs of a real nginx, and recorded demand; then what `pakhus calibrate` proposes and
writes."""

import gzip
import json
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support import apks, client
from support.demand import counted
from support.function_url import FunctionUrl
from support.servers import ROOT, Nginx, Program, Servers, bootstrap, substituted
from support.shop import Shop

LATER = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="seconds")
EDGE = {"edge": "shop-1", "address": "shop-1.lan", "directory": "/data/share", "lans": ["192.168.0.0/24"], "store": "pull"}
HELD = {"edge": "shop-1", "packages": {"APP1/2.0": {"since": "2026-08-01T00:00:00Z", "size": 5}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def shop(folder: Path) -> Shop:
    folder.mkdir()
    shop = Shop(f"file://{folder}")
    shop.publish(apks.made("v2"), "APP1", "2.0")
    return shop


def put(folder: Path, objects: Mapping[str, object]) -> None:
    for key, value in objects.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_text(value if isinstance(value, str) else json.dumps(value))


def ask(server: Program, network: str) -> tuple[str, str]:
    """The query's id, and where the answer sends its device."""
    with urllib.request.urlopen(f"{server.url}/query?app=APP1&ip={network}&mask=24") as answer:
        return answer.headers["Pakhus-Query"], json.loads(answer.read())["source"]


def tell(server: Program, number: str, source: str) -> None:
    body = json.dumps({"query": number, "source": source}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/query/result", body, {"Content-Type": "application/json"})).close()


def stop(server: Program) -> None:
    """What it knows is written."""
    server.process.terminate()
    server.process.wait(20)


def proposed(shop: Shop, *options: str | Path) -> dict[str, Any]:
    """By the formulas: a store without a policy has one that sets itself."""
    answer: dict[str, Any] = json.loads(shop.run("calibrate", "--method", "formulas", "--now", LATER, "--horizon", "1h", "--json", *options).stdout)
    return answer


def policy(folder: Path) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(min((folder / "policy").iterdir()).read_text())
    return written


def test_thresholds_come_from_what_was_downloaded(folder: Path, shop: Shop, servers: Servers) -> None:
    put(folder, {"edges/shop-1.json": EDGE, "held/shop-1/9999999999999999": HELD, "policy/9999999999999999": {}})
    nothing = shop.run("calibrate", "--now", LATER, check=False)
    assert nothing.returncode == 1 and "none of the 0 samples was placed" in nothing.stderr and "no edge's LAN asked" in nothing.stderr

    server = shop.program(servers)
    for i in range(12):  # 10 in the edge's LAN, 2 elsewhere
        number, source = ask(server, "192.168.0.7" if i < 10 else "10.0.0.1")
        assert source == ("edge" if i < 10 else "origin")
        if i < 8 or i == 10:
            tell(server, number, source)
    stop(server)

    told = proposed(shop)
    assert "every candidate gives the same result" in told.pop("t3_refused")
    assert told.pop("replay")["requests"] == 10
    assert told == {"queries": 12, "samples": 12, "tp": 8, "fp": 2, "tn": 1, "fn": 1, "t1": 10, "t2": 2, "c1": 0.888889, "t3": None, "c2": None,
                    "place": {"threshold": 10, "repeat_threshold": 2, "confidence": 0.888889}, "evict": {"threshold": None, "confidence": None},
                    "applied": False}
    assert policy(folder) == {}
    shop.run("calibrate", "--now", LATER, "--horizon", "1h", "--apply")
    place = policy(folder)["place"]
    assert (place["t1"], place["t2"], place["confidence"], policy(folder)["evict"]["t3"]) == (10, 2, None, 300)


def thousand(shop: Shop, servers: Servers, instances: int) -> None:
    """The published 1,000 queries: 600 placed and downloaded, 100 placed only, 150 downloaded elsewhere, 150 neither."""
    programs = [shop.program(servers) for _ in range(instances)]
    kinds = [("192.168.0.7", True)] * 600 + [("192.168.0.7", False)] * 100 + [("10.0.0.1", True)] * 150 + [("10.0.0.1", False)] * 150

    def work(index: int) -> None:
        network, downloaded = kinds[index]
        server = programs[index % instances]
        number, source = ask(server, network)
        if downloaded:
            tell(server, number, source)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(1000)))
    for server in programs:
        stop(server)


def test_p16_the_published_thousand_queries_over_http(folder: Path, shop: Shop, servers: Servers) -> None:
    """Two instances keep them all: exactly the published thresholds."""
    put(folder, {"edges/shop-1.json": EDGE, "held/shop-1/9999999999999999": HELD})
    thousand(shop, servers, 2)
    told = proposed(shop)
    assert (told["queries"], told["samples"]) == (1000, 1000)
    assert (told["tp"], told["fp"], told["tn"], told["fn"]) == (600, 100, 150, 150)
    assert (told["t1"], told["t2"], told["c1"]) == (857, 143, 0.8)


def test_p16_one_instance_keeps_half_of_them_and_they_stand_for_all(folder: Path, shop: Shop, servers: Servers) -> None:
    put(folder, {"edges/shop-1.json": EDGE, "held/shop-1/9999999999999999": HELD})
    thousand(shop, servers, 1)
    told = proposed(shop)
    assert told["queries"] == 1000 and 400 < told["samples"] <= 1000  # 511, or more where the hour changed meanwhile
    assert abs(told["t1"] - 857) < 65 and told["t1"] + told["t2"] == 1000  # five standard deviations of such a sample


def test_p16_a_sample_of_half_of_the_published_queries(folder: Path, shop: Shop, servers: Servers) -> None:
    """By command and by event, from what an instance would have written: 500 of 1,000 queries."""
    put(folder, {"edges/shop-1.json": EDGE, "held/shop-1/9999999999999999": HELD})
    lines = ["samples 1 2026-08-25 12 one", "queries 1000 below 8000000000000000", "results 375 below ffffffffffffffff"]
    kinds, number = [("Y", True)] * 300 + [("Y", False)] * 50 + [("N", True)] * 75 + [("N", False)] * 75, 0
    for placed, downloaded in kinds:
        number = next(n for n in range(number + 1, 10**6) if sample_hash(f"one-{n}") < 1 << 63)
        lines.append(f"q one-{number} 2026-08-25T12:10:00Z {placed} 192.168.0.0/24 APP1/2.0")
        lines += [f"r one-{number} 2026-08-25T12:11:00Z edge"] if downloaded else []
    put(folder, {"samples/2026-08-25/12/one": "\n".join(lines) + "\n"})
    now = "2026-08-26T18:00:00Z"
    told = json.loads(shop.run("calibrate", "--method", "formulas", "--now", now, "--json").stdout)
    assert (told["queries"], told["samples"], told["t1"], told["t2"], told["c1"]) == (1000, 500, 857, 143, 0.8)
    said = shop.run("calibrate", "--method", "formulas", "--now", now).stdout
    assert "1000 queries, of which 500 were sampled: 300 placed and downloaded, 50 placed only, 75 downloaded elsewhere, 75 neither" in said
    with FunctionUrl(servers.emulator(bootstrap("calibrate-cron"), {"PAKHUS_STORE": shop.store}).url) as front:
        answer = front.invoke({"pakhus": "calibrate", "method": "formulas", "now": now})
    assert (answer["queries"], answer["samples"], answer["t1"], answer["t2"]) == (1000, 500, 857, 143)


def sample_hash(text: str) -> int:
    """Which samples are kept: lib/demand/samples.c."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        value = (value ^ value >> shift) * factor % 2**64
    return value ^ value >> 31


def logging_edge(servers: Servers, files: Path) -> Nginx:
    """The configuration that we ship for edges, with the log that nginx writes unless another is named."""
    template = (ROOT / "cdn/nginx/edge.conf.template").read_text().replace("server {", "server {\n access_log usual.log combined;")
    return servers.nginx(substituted(template, {"LISTEN": "127.0.0.1:{{port}}", "DIRECTORY": "/data/share", "FILES": str(files)}))


def test_downloads_come_from_the_log_of_a_real_nginx(folder: Path, shop: Shop, servers: Servers, tmp_path: Path) -> None:
    put(folder, {"edges/shop-1.json": EDGE | {"lans": ["127.0.0.0/24"]}, "held/shop-1/9999999999999999": HELD})
    files = tmp_path / "share"
    files.mkdir()
    (files / "APP1_2.0.apk").write_bytes(apks.made("v2").read_bytes())
    edge, server = logging_edge(servers, files), shop.program(servers)
    path = f"{edge.url}/data/share/APP1_2.0.apk"
    for i in range(9):  # all in the edge's LAN; the first one is told of, too, and its download is in the log
        number, source = ask(server, "127.0.0.1")
        assert source == "edge"
        if i == 0:
            tell(server, number, source)
            assert client.get(path).status == 200
        if i in (1, 2, 6):
            assert client.get(path).status == 200
        if i == 3:
            assert [client.get(path, f"bytes={k * 1000}-{k * 1000 + 999}", User_Agent="sliced").status for k in range(5)] == [206] * 5
        if i == 4:
            assert client.get(path + ".part").status == 404
        if i == 5:
            assert client.request(path, "HEAD").status == 200
    ask(server, "10.0.0.1")  # of another LAN: what comes from this edge is not its own
    stop(server)
    edge.stop()
    log = edge.prefix / "usual.log"
    assert len(log.read_text().splitlines()) == 11

    without = shop.run("calibrate", "--method", "formulas", "--now", LATER, "--horizon", "1h", check=False)
    assert without.returncode == 1 and "(T2) would be 9 and the place threshold (T1) 1" in without.stderr  # all that is known is what one device told
    told = proposed(shop, "--log", f"shop-1={log}")
    assert told["log"] == {"lines": 11, "nonsense": 0, "downloads": 5, "matched": 5}
    assert (told["tp"], told["fp"], told["tn"], told["fn"], told["t1"], told["t2"]) == (5, 4, 1, 0, 6, 4)

    packed, odd = tmp_path / "log=old.gz", tmp_path / "odd.log"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    odd.write_bytes(b"\x00\xff no line\n" + b"x" * 100_000 + b"\n" + log.read_bytes().splitlines()[0])
    assert proposed(shop, "--log", packed)["log"] == told["log"]  # the only edge with that directory
    both = proposed(shop, "--log", packed, "--log", odd)["log"]
    assert both == {"lines": 14, "nonsense": 2, "downloads": 6, "matched": 6}
    said = shop.run("calibrate", "--now", LATER, "--horizon", "1h", "--log", packed, "--log", odd)
    assert "14 lines of logs: 6 downloads" in said.stderr and "6 placed and downloaded" in said.stdout

    packed.write_bytes(packed.read_bytes()[:-20])
    for option, words in (("--samples", "1G"), ("--horizon", "32d")):
        assert "at most" in shop.run("calibrate", option, words, check=False).stderr
    for wrong in (packed, tmp_path / "none"):
        failed = shop.run("calibrate", "--log", wrong, check=False)
        assert failed.returncode == 1 and f"--log {wrong}" in failed.stderr


DAYS = [f"2026-08-{day}" for day in range(20, 26)]
POLICY = {"place": {"t1": 3, "t2": 2, "m": 1, "of": 5, "window": {"last": "1d"}}, "trigger": "immediate",
          "evict": {"t3": 400, "n": 1, "of": 5, "confidence": 0.2, "include_current": False, "window": {"last": "1d"}}}


def recorded(folder: Path) -> None:
    """A package that is asked for every day, but evicted and copied again under the present T3."""
    put(folder, {"edges/shop-1.json": EDGE | {"quota": 1 << 40}, "policy/9999999999999999": POLICY})
    for day in DAYS:
        put(folder, dict([counted("192.168.0.0/24", "APP1/2.0", 0, 30, day, hour) for hour in (9, 18)]))


def test_t3_comes_from_replaying_what_was_asked_for(folder: Path, shop: Shop) -> None:
    recorded(folder)
    now = f"{DAYS[-1]}T23:00:00Z"
    told = json.loads(shop.run("calibrate", "--now", now, "--json").stdout)
    assert "none of the 0 samples was placed" in told["refused"]
    assert (told["t1"], told["t2"], told["c1"], told["applied"]) == (None, None, None, False)
    assert told["replay"]["factor"] == 1 and told["replay"]["requests"] == 360
    before, after = told["replay"]["present"], told["replay"]["proposed"]
    assert after["bytes_placed"] < before["bytes_placed"] and after["byte_hit_ratio"] >= before["byte_hit_ratio"]
    assert told["t3"] < 400 and 0 < told["c2"] <= 1

    said = shop.run("calibrate", "--now", now, "--apply").stdout
    assert f"{'evict.threshold (T3)':28} {400:12} {told['t3']:12}" in said and "no place thresholds (T1, T2, C1): none of the 0 samples" in said
    assert f"byte hits {before['byte_hit_ratio'] * 100:.1f} %, as proposed {after['byte_hit_ratio'] * 100:.1f} %" in said
    written = policy(folder)
    assert (written["evict"]["t3"], written["place"]["t1"]) == (told["t3"], 3)
    assert written["evict"]["confidence"] == pytest.approx(told["c2"], abs=1e-5)


def test_a_schedule_is_told_what_follows(folder: Path, shop: Shop, servers: Servers) -> None:
    """The function answers what the command prints; a log is the command's alone."""
    recorded(folder)
    event = {"pakhus": "calibrate", "now": f"{DAYS[-1]}T23:00:00Z", "apply": True}
    with FunctionUrl(servers.emulator(bootstrap("calibrate-cron"), {"PAKHUS_STORE": shop.store}).url) as front:
        told, refused = front.invoke(event), front.invoke(event | {"log": "x"})
    assert (told["t1"], told["applied"]) == (None, True) and "refused" in told
    assert policy(folder)["evict"]["t3"] == told["t3"]
    assert "log" in refused["errorMessage"]


# --- policies that set themselves

AUTO: dict[str, Any] = {"auto": {}}


def each_second_day_anew(shop: Shop, folder: Path, auto: dict[str, Any] | None) -> None:
    """Each day another version is asked for, three times: the present setting comes a request too late."""
    put(folder, {"edges/shop-1.json": EDGE | {"quota": 1 << 40}} | ({"policy/9999999999999999": auto} if auto else {}))
    for number, day in enumerate(DAYS):
        shop.publish(apks.made("v2"), "APP1", f"3.{number}")
        put(folder, dict([counted("192.168.0.0/24", f"APP1/3.{number}", 0, 1, day, hour) for hour in (9, 15, 20)]))


def test_auto_moves_when_it_is_sure_and_once_a_day(folder: Path, shop: Shop) -> None:
    put(folder, {"policy/9999999999999999": AUTO})
    now = f"{DAYS[-1]}T23:30:00Z"
    nothing = shop.run("calibrate", "--now", now)
    assert "in force: threshold 1, displace 1" in nothing.stdout and "nothing moves: no edge's LAN asked for anything" in nothing.stdout
    start = json.loads(shop.run("policy", "show", "--json").stdout)
    each_second_day_anew(shop, folder, start)
    told = json.loads(shop.run("calibrate", "--now", now, "--json").stdout)
    assert told["method"] == "auto" and told["requests"] == 18 and told["share_of_packages"] == 1
    assert told["moves"] and not told["applied"] and told["sure"] >= 0.9 and told["value"] > told["present_value"] > 0
    assert "auto" in shop.run("policy", "show").stdout and "from the start" in shop.run("policy", "show").stdout
    said = shop.run("calibrate", "--now", now, "--apply").stdout
    assert "better: threshold 0, " in said and "the policy is written" in said
    written = policy(folder)
    assert written["place"]["t1"] == 0 and written["auto"]["since"] == now and "better in" in written["auto"]["why"]
    again = json.loads(shop.run("calibrate", "--now", now, "--apply", "--json").stdout)
    assert not again["applied"]
    assert policy(folder) == written


def test_a_store_without_a_policy_gets_one_that_calibrate_moves(folder: Path, shop: Shop) -> None:
    each_second_day_anew(shop, folder, None)
    now = f"{DAYS[-1]}T23:30:00Z"
    assert "better: threshold 0, " in shop.run("calibrate", "--now", now, "--apply").stdout
    written = policy(folder)
    assert written["place"]["t1"] == 0 and written["auto"]["since"] == now and written["auto"]["placed_byte"] == 0.2
    assert [path.name for path in (folder / "policy").iterdir()] == ["9999999999999999"]
    refused = shop.run("calibrate", "--method", "formulas", "--apply", check=False)
    assert refused.returncode == 1 and "publish a policy without auto first" in refused.stderr


def test_auto_begins_by_sizes_and_quotas_once_they_are_known(folder: Path, shop: Shop) -> None:
    """The edge holds ten packages of that size; one request says nothing about any setting, so that none is better."""
    quota = 10 * apks.made("v2").stat().st_size
    put(folder, {"edges/shop-1.json": EDGE | {"quota": quota}, "policy/9999999999999999": AUTO})
    put(folder, dict([counted("192.168.0.0/24", "APP1/2.0", 0, 1, DAYS[-1], 9)]))
    now = f"{DAYS[-1]}T23:30:00Z"
    assert "to begin with: threshold 2, displace 1, since packages have" in shop.run("calibrate", "--now", now).stdout
    assert policy(folder) == AUTO
    assert "the policy is written" in shop.run("calibrate", "--now", now, "--apply").stdout
    written = policy(folder)
    assert written["place"]["t1"] == 2 and "since" not in written["auto"] and f"the smallest edge holds {quota}" in written["auto"]["why"]
    assert f"from the start: {written['auto']['why']}" in shop.run("policy", "show").stdout
    assert "is written" not in shop.run("calibrate", "--now", now, "--apply").stdout


def test_two_calibrations_at_once_move_it_once(folder: Path, shop: Shop) -> None:
    each_second_day_anew(shop, folder, AUTO)
    now = f"{DAYS[-1]}T23:30:00Z"
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda _: json.loads(shop.run("calibrate", "--now", now, "--apply", "--json").stdout), range(2)))
    assert [one["applied"] for one in told].count(True) == 1
    assert len(list((folder / "policy").iterdir())) == 2 and policy(folder)["place"]["t1"] == 0


def test_a_schedule_moves_auto_unless_it_is_told_not_to(folder: Path, shop: Shop, servers: Servers) -> None:
    each_second_day_anew(shop, folder, AUTO)
    event = {"pakhus": "calibrate", "now": f"{DAYS[-1]}T23:30:00Z"}
    with FunctionUrl(servers.emulator(bootstrap("calibrate-cron"), {"PAKHUS_STORE": shop.store}).url) as front:
        looked, moved = front.invoke(event | {"apply": False}), front.invoke(event)
        formulas = front.invoke(event | {"method": "formulas"})
    assert (looked["moves"], looked["applied"], moved["applied"]) == (True, False, True)
    assert policy(folder)["place"]["t1"] == 0
    assert "none of the 0 samples was placed" in formulas["refused"]
