"""P9 to P15 with the specification's own numbers, by command and by event, and counts and clocks that are out of order."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support import apks, placed
from support.demand import counted, lan_part
from support.servers import ADMIN, Minio, Servers
from support.shop import Shop, minio_shop

NOON = datetime(2026, 8, 25, 12, tzinfo=UTC)
LAN = "192.168.0.0/24"
DAYS: dict[str, Any] = {"window": {"last": "1d"}}
# Nothing is evicted where a test is about placing, and nothing placed where it is about evicting.
NEVER_PLACE: dict[str, Any] = {"t1": 10**12, "t2": 10**11, "m": 5, "of": 5, **DAYS}
NEVER_EVICT: dict[str, Any] = {"t3": 0, "n": 5, "of": 5, **DAYS}


class Scene:
    """A store with one edge and packages named by their versions."""

    def __init__(self, shop: Shop, minio: Minio | None, folder: Path):
        self.shop, self.minio, self.folder = shop, minio, folder
        placed.register(shop, folder, lans=[LAN])

    def publish(self, *versions: str) -> None:
        for version in versions:
            self.shop.publish(apks.made("v2"), "APP", version)

    def policy(self, place: dict[str, Any], evict: dict[str, Any], **rest: Any) -> None:
        path = self.folder / "policy.json"
        path.write_text(json.dumps({"place": place, "evict": evict, **rest}))
        self.shop.run("policy", "set", path)

    def count(self, version: str, days_ago: int, hits: int = 0, misses: int = 0, lan: str = LAN) -> None:
        """In the window that ends so many days before NOON."""
        at = NOON - timedelta(days=days_ago, hours=1)
        key, text = counted(lan, f"APP/{version}", hits, misses, f"{at:%Y-%m-%d}", at.hour)
        placed.put(self.shop, key, text, self.minio)

    def hold(self, *versions: str, since: str = "2026-07-01T00:00:00Z") -> None:
        items = {f"APP/{version}": {"since": since, "reason": "t1", "state": "wanted", "size": 1000} for version in versions}
        placed.put(self.shop, f"wanted/shop-1/{10**16 - 1}", json.dumps({"edge": "shop-1", "packages": items}), self.minio)

    def decide(self, command: str, *options: str, now: datetime = NOON) -> dict[str, dict[str, Any]]:
        """Version → what was decided about it."""
        done = self.shop.run(command, "--json", "--now", f"{now:%Y-%m-%dT%H:%M:%SZ}", *options)
        lines = [json.loads(line) for line in done.stdout.splitlines()[:-1]]
        return {line["package"].removeprefix("APP/"): line for line in lines}

    def wanted(self) -> list[str]:
        return [name.removeprefix("APP/") for name in placed.shown(self.shop)["wanted"]["packages"]]


@pytest.fixture(params=["file", "minio"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    if request.param == "file":
        return Scene(Shop(request.getfixturevalue("file_store")), None, tmp_path)
    minio: Minio = request.getfixturevalue("minio")
    return Scene(minio_shop(minio, request.getfixturevalue("bucket")), minio, tmp_path)


def days(scene: Scene, version: str, counts: list[int], kind: str, first: int = 0) -> None:
    for index, count in enumerate(counts):
        hits, misses = (count, 0) if kind == "hits" else (0, count)
        scene.count(version, first + index, hits, misses)


def test_p9_more_than_t1_is_placed(scene: Scene) -> None:
    scene.publish("above", "at")
    scene.policy({"t1": 5000, "t2": 1000, "m": 3, "of": 5, **DAYS}, NEVER_EVICT)
    scene.count("above", 0, misses=5001)
    scene.count("at", 0, misses=5000)
    decided = scene.decide("evaluate")
    assert list(decided) == ["above"]
    assert (decided["above"]["decision"], decided["above"]["rule"], decided["above"]["misses"][0]) == ("place", "t1", 5001)
    assert scene.wanted() == ["above"]


@pytest.mark.parametrize("current", [True, False])
def test_p10_three_of_five_days(scene: Scene, current: bool) -> None:
    """Days 21 to 25, the current one among them, or 20 to 24."""
    scene.publish("three", "two", "edge")
    scene.policy({"t1": 5000, "t2": 1000, "m": 3, "of": 5, "include_current": current, **DAYS}, NEVER_EVICT)
    first = 0 if current else 1
    days(scene, "three", [1001, 0, 1001, 0, 1001], "misses", first)
    days(scene, "two", [1001, 1000, 1001, 1000, 1000], "misses", first)
    days(scene, "edge", [1001, 0, 1001, 0, 0] + ([1001] if current else []), "misses", first)  # its third lies before the five
    if not current:
        scene.count("edge", 0, misses=1001)  # its third is today's
    decided = scene.decide("evaluate")
    assert {version: line["rule"] for version, line in decided.items()} == {"three": "m-of-M"}


def test_p11_confidence(scene: Scene) -> None:
    """C1 = 4/5 and records at 4/5, 4/5, 3/5, 5/5, 2/5: the 1st, 2nd and 4th are placed."""
    scene.policy({"t1": 5000, "t2": 1000, "m": 1, "of": 5, "confidence": 0.8, **DAYS}, NEVER_EVICT)
    for version, above in {"r1": 4, "r2": 4, "r3": 3, "r4": 5, "r5": 2}.items():
        scene.publish(version)
        days(scene, version, [1001] * above + [1000] * (5 - above), "misses")
    decided = scene.decide("evaluate")
    assert {version: line["rule"] for version, line in decided.items()} == dict.fromkeys(("r1", "r2", "r4"), "confidence")
    assert scene.wanted() == ["r1", "r2", "r4"]


@pytest.mark.parametrize("how", ["command", "http"])
def test_p7_pending_evaluate_marks_and_the_next_query_copies(how: str, scene: Scene, tmp_path: Path, servers: Servers) -> None:
    """Days 20 to 24 pass; nothing of today does. However often it evaluates, it is a mark: one query makes it a copy, and gets its address."""
    clock, edge = tmp_path / "clock", f"file://{tmp_path}/edge"
    (tmp_path / "edge").mkdir()
    clock.write_text(f"{NOON:%Y-%m-%dT%H:%M:%SZ}")
    placed.register(scene.shop, scene.folder, lans=[LAN], store=edge)
    scene.publish("three", "none")
    scene.policy({"t1": 5000, "t2": 1000, "m": 3, "of": 5, "include_current": False, **DAYS}, NEVER_EVICT, trigger="pending")
    days(scene, "three", [1001, 0, 1001, 0, 1001], "misses", 1)
    assert {version: (line["decision"], line["rule"]) for version, line in scene.decide("evaluate").items()} == {"three": ("mark", "m-of-M")}
    again = scene.shop.run("evaluate", "--json", "--now", f"{NOON:%Y-%m-%dT%H:%M:%SZ}").stdout.splitlines()[-1]
    counts = json.loads(again)
    assert (counts["marked"], counts["placed"], counts["kept"], counts["copied"]) == (0, 0, 1, 0)
    assert placed.states(scene.shop) == {"APP/three": "pending"} and not list((tmp_path / "edge").iterdir())

    server = scene.shop.program(servers, "--clock", str(clock)) if how == "http" else None

    def ask(version: str) -> dict[str, Any]:
        answer: dict[str, Any]
        if server:
            with urllib.request.urlopen(f"{server.url}/query?app=APP&version={version}&ip=192.168.0.7&mask=24") as reply:
                answer = json.loads(reply.read())
        else:
            told = scene.shop.run("query", "--app", "APP", "--version", version, "--ip", "192.168.0.7", "--mask", "24", "--json",
                                  "--now", f"{NOON:%Y-%m-%dT%H:%M:%SZ}")
            answer = json.loads(told.stdout)
        return answer

    assert ask("none")["source"] == "origin"  # nobody marked it
    first = ask("three")
    assert (first["source"], first["address"]) == ("edge", "192.168.0.5/data/share/APP_three.apk")
    assert placed.states(scene.shop) == {"APP/three": "held"} and [path.name for path in (tmp_path / "edge").glob("*.apk")] == ["APP_three.apk"]


def test_p7_pending_above_the_size_of_an_immediate_copy_comes_in_the_background(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "edge").mkdir()
    placed.register(scene.shop, scene.folder, lans=[LAN], store=f"file://{tmp_path}/edge")
    scene.publish("large")
    scene.policy({"t1": 5000, "t2": 1000, "m": 3, "of": 5, **DAYS}, NEVER_EVICT, trigger="pending")
    large = {"since": "2026-08-20T10:00:00Z", "reason": "t1", "state": "pending", "size": (256 << 20) + 1}
    placed.put(scene.shop, f"wanted/shop-1/{10**16 - 1}", json.dumps({"edge": "shop-1", "packages": {"APP/large": large}}), scene.minio)
    told = scene.shop.run("query", "--app", "APP", "--ip", "192.168.0.7", "--mask", "24", "--now", f"{NOON:%Y-%m-%dT%H:%M:%SZ}")
    assert told.stdout.split("\t")[1] == "origin"
    assert placed.states(scene.shop) == {"APP/large": "wanted"}


def test_p14_three_days_under_t3(scene: Scene) -> None:
    scene.publish("under", "at", "new", "silent")
    scene.policy(NEVER_PLACE, {"t3": 300, "n": 3, "of": 5, **DAYS})
    scene.hold("under", "at", "silent")
    days(scene, "under", [299, 300, 299, 300, 299], "hits")
    days(scene, "at", [300, 299, 300, 299, 300], "hits")
    decided = scene.decide("evict")
    assert {version: line["decision"] for version, line in decided.items()} == {"under": "evict", "at": "keep", "silent": "evict"}
    assert decided["under"]["hits"] == [299, 300, 299, 300, 299]
    assert scene.wanted() == ["at"]
    assert list(scene.decide("evict")) == ["at"]  # again: nothing more


def test_p14_what_was_just_placed_stays(scene: Scene) -> None:
    scene.publish("new")
    scene.policy(NEVER_PLACE, {"t3": 300, "n": 3, "of": 5, **DAYS})
    scene.hold("new", since=f"{NOON - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}")
    assert scene.decide("evict")["new"]["decision"] == "keep"
    assert scene.decide("evict", now=NOON + timedelta(days=1, hours=1))["new"]["decision"] == "evict"


def test_p15_confidence(scene: Scene) -> None:
    """C2 = 3/5 and packages at 0, 3/5, 2/5, 0, 4/5: the 2nd and 5th go."""
    scene.policy(NEVER_PLACE, {"t3": 300, "n": 1, "of": 5, "confidence": 0.6, **DAYS})
    under = {"r1": 0, "r2": 3, "r3": 2, "r4": 0, "r5": 4}
    scene.publish(*under)
    scene.hold(*under)
    for version, count in under.items():
        days(scene, version, [299] * count + [300] * (5 - count), "hits")
    decided = scene.decide("evict")
    assert [version for version, line in decided.items() if line["decision"] == "evict"] == ["r2", "r5"]
    assert scene.wanted() == ["r1", "r3", "r4"]


def test_p12_an_alert_and_then_an_edge(scene: Scene) -> None:
    scene.publish("1.0")
    scene.policy({"t1": 5000, "t2": 1000, "m": 3, "of": 5, **DAYS}, NEVER_EVICT)
    scene.count("1.0", 0, misses=5001, lan="10.9.0.0/16")
    assert scene.decide("evaluate")["1.0"]["decision"] == "alert"
    placed.register(scene.shop, scene.folder, edge="shop-9", lans=["10.9.0.0/16"])
    assert scene.decide("evaluate")["1.0"]["decision"] == "place"
    assert list(placed.shown(scene.shop, "shop-9")["wanted"]["packages"]) == ["APP/1.0"]


# --- out of order


def test_quotas_that_leave_no_room(scene: Scene) -> None:
    scene.publish("1.0", "2.0")
    scene.policy({"t1": 10, "t2": 5, "m": 3, "of": 5, **DAYS}, NEVER_EVICT)
    size = scene.shop.publish(apks.made("v2"), "APP", "1.0")["size"]
    scene.count("1.0", 0, misses=11)
    scene.count("2.0", 0, misses=12)
    for quota in (0, size - 1):
        placed.register(scene.shop, scene.folder, lans=[LAN], quota=quota)
        assert {line["decision"] for line in scene.decide("evaluate").values()} == {"no-room"}
        assert scene.wanted() == []
    placed.register(scene.shop, scene.folder, lans=[LAN], quota=size)
    decided = scene.decide("evaluate")
    assert {version: line["decision"] for version, line in decided.items()} == {"2.0": "place", "1.0": "no-room"}


def test_counters_near_overflow_stop_there(scene: Scene) -> None:
    scene.publish("1.0")
    scene.policy({"t1": 5000, "t2": 1000, "m": 3, "of": 5, **DAYS}, NEVER_EVICT)
    for _ in range(3):
        scene.count("1.0", 0, misses=2**64 - 2)
    decided = scene.decide("evaluate")["1.0"]
    assert (decided["decision"], decided["misses"][0]) == ("place", 2**64 - 1)


def test_a_clock_that_goes_back_takes_nothing_away(scene: Scene) -> None:
    scene.publish("1.0")
    scene.policy({"t1": 5000, "t2": 1000, "m": 3, "of": 5, **DAYS}, {"t3": 300, "n": 3, "of": 5, **DAYS})
    scene.count("1.0", 0, misses=5001)
    scene.decide("evaluate")
    for back in (timedelta(hours=1), timedelta(days=30)):
        scene.decide("evaluate", now=NOON - back)
        scene.decide("evict", now=NOON - back)
        assert scene.wanted() == ["1.0"]


def test_demand_that_makes_no_sense_is_passed_over(scene: Scene) -> None:
    scene.publish("1.0")
    scene.policy({"t1": 10, "t2": 5, "m": 3, "of": 5, **DAYS}, NEVER_EVICT)
    scene.count("1.0", 0, misses=11)
    placed.put(scene.shop, f"demand/live/{NOON:%Y-%m-%d}/11/{lan_part(LAN):02}/torn", "pakhus-demand 1\nL 192.168.0.0/24\nP APP/1.0 9",
               scene.minio)
    placed.put(scene.shop, f"demand/live/{NOON:%Y-%m-%d}/11/{lan_part(LAN):02}/other", "\0\1\2", scene.minio)
    assert scene.decide("evaluate")["1.0"]["misses"][0] == 11


# --- parts, and events


def test_parts_at_once_come_to_what_the_whole_comes_to(scene: Scene) -> None:
    versions = [f"{number}.0" for number in range(4)]
    scene.publish(*versions)
    scene.policy({"t1": 10, "t2": 5, "m": 3, "of": 5, **DAYS}, NEVER_EVICT)
    for shop in range(6):
        placed.register(scene.shop, scene.folder, edge=f"edge-{shop}", lans=[f"10.{shop}.0.0/16", f"10.{shop + 50}.0.0/16"])
        for index, version in enumerate(versions):
            scene.count(version, 0, misses=8 + index, lan=f"10.{shop}.0.0/16")
            scene.count(version, 0, misses=12 - index, lan=f"10.{shop + 50}.0.0/16")
    whole = scene.shop.run("evaluate", "--json", "--dry-run", "--now", "2026-08-25T12:00:00Z").stdout.splitlines()[:-1]
    with ThreadPoolExecutor(4) as pool:
        runs = pool.map(lambda part: scene.shop.run("evaluate", "--json", "--now", "2026-08-25T12:00:00Z", "--part", str(part)), range(16))
        lines = [line for done in runs for line in done.stdout.splitlines()[:-1]]
    assert sorted(lines) == sorted(whole) and len(lines) == 18
    for shop in range(6):
        assert len(placed.shown(scene.shop, f"edge-{shop}")["wanted"]["packages"]) == 3


@pytest.mark.parametrize("event", [
    {"pakhus": "evaluate", "now": "2026-08-25T12:00:00Z"},
    {"triggerTime": "2026-08-25T12:00:00Z", "triggerName": "clock",
     "payload": '{"pakhus":"evaluate","now":"2026-08-25T12:00:00Z","edge":"shop-1"}'}])
def test_an_event_does_what_the_command_does(event: dict[str, Any], file_store: str, tmp_path: Path, servers: Servers) -> None:
    scene = Scene(Shop(file_store), None, tmp_path)
    scene.publish("1.0")
    scene.policy({"t1": 10, "t2": 5, "m": 3, "of": 5, **DAYS}, NEVER_EVICT)
    scene.count("1.0", 0, misses=11)
    url = scene.shop.serve(servers)
    question = urllib.request.Request(f"{url}/2015-03-31/functions/evaluate-cron/invocations", json.dumps(event).encode(), ADMIN, method="POST")
    with urllib.request.urlopen(question) as answer:
        assert json.loads(answer.read())["placed"] == 1
    assert scene.wanted() == ["1.0"]


def test_p8_earlier_days_are_whole_at_any_time_of_day(scene: Scene) -> None:
    """3,000 hits at the same hour of every day: kept just after midnight as late in the evening."""
    scene.publish("daily")
    scene.policy(NEVER_PLACE, {"t3": 300, "n": 3, "of": 5, "window": {"since": "00:00"}})
    scene.hold("daily")
    for day in range(1, 6):
        scene.count("daily", day, hits=3000)
    for now in NOON.replace(hour=0, minute=3), NOON.replace(hour=23):
        decided = scene.decide("evict", "--dry-run", now=now)
        assert decided["daily"]["decision"] == "keep" and decided["daily"]["hits"] == [0, 3000, 3000, 3000, 3000]


def test_p14_a_window_that_is_not_over_is_never_under(scene: Scene) -> None:
    """Four whole days of 3000, 3000, 50, 50: kept before the fifth begins, and kept just after."""
    scene.publish("slow")
    scene.policy(NEVER_PLACE, {"t3": 300, "n": 3, "of": 5, "window": {"slot": "06:00-24:00"}})
    scene.hold("slow")
    for day, hits in enumerate([50, 50, 3000, 3000, 3000], start=1):
        scene.count("slow", day, hits=hits)
    for now in NOON.replace(hour=5, minute=55), NOON.replace(hour=6, minute=3):
        assert scene.decide("evict", "--dry-run", now=now)["slow"]["decision"] == "keep"


def test_p8_slots_of_a_day_are_windows_of_their_own(scene: Scene) -> None:
    scene.publish("mornings")
    scene.policy({"t1": 5000, "t2": 1000, "m": 2, "of": 4, "window": {"slots": ["06:00-12:00", "12:00-18:00"]}}, NEVER_EVICT)
    for day in 0, 1:
        scene.count("mornings", day, misses=1001)
    decided = scene.decide("evaluate", "--dry-run", now=NOON.replace(hour=13))
    assert decided["mornings"]["rule"] == "m-of-M" and decided["mornings"]["misses"] == [0, 1001, 0, 1001]


def test_p9_since_a_date(scene: Scene) -> None:
    scene.publish("launched")
    scene.policy({"t1": 5000, "t2": 1000, "window": {"since": "2026-08-23T06:00"}}, NEVER_EVICT)
    days(scene, "launched", [2000, 2000, 1000, 9000], "misses")
    assert scene.decide("evaluate", "--dry-run") == {}
    scene.count("launched", 1, misses=1)
    decided = scene.decide("evaluate", "--dry-run")
    assert decided["launched"]["rule"] == "t1" and decided["launched"]["misses"] == [5001]
