"""A week of demand, replayed by a clock that the test moves: packages come to the edges that want them, and go again.

What should have come of it is worked out from the queries that were sent (support/rules.py), not from what the program says of itself."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support import shop
from support.demand import of_day
from support.rules import Counted
from support.servers import Minio, Servers
from support.week import BEGIN_OF_FADING, DOWN, EDGES, GRACE, LANS, NODE, QUOTA, SERVED, SHOPS, UP, Week, edge_package, expected, name_of

LONE = next(lan for lan, facts in LANS.items() if not facts.edge)
Line = dict[str, Any]
SUMS_MOST = timedelta(minutes=1)


@pytest.fixture(scope="module", params=["minio", "file"])
def week(request: pytest.FixtureRequest, minio: Minio, module_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Week:
    """By the store of the origin."""
    return Week(tmp_path_factory.mktemp("week"), request.param, minio, module_servers).replay()


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def lans_of(edge: str) -> list[str]:
    return [lan for lan, served in SERVED.items() if served == edge]


def counted(week: Week, before: int | None = None) -> Iterator[Counted]:
    """What the queries before that one should have left behind, as the edges of their LANs see it, and the node."""
    for query in week.queries[:before]:
        for record in query.records:
            yield Counted(record.at, record.lan, edge_package(SERVED.get(record.lan, ""), record.package), record.hit)


def moments(week: Week) -> dict[datetime, tuple[str, int]]:
    """When something was decided: by what, and after how many queries. The query that triggers is one of them."""
    found = {run.at: (run.kind, run.number) for run in week.runs}
    found.update({query.counted.at: ("query", query.number + 1) for query in week.queries if query.counted})
    assert len(found) == len(week.runs) + sum(query.counted is not None for query in week.queries)
    return found


def misses(week: Week, at: datetime, before: int, lan: str, package: str) -> list[int]:
    asked = (one for one in counted(week, before) if (one.lan, one.package, one.hit) == (lan, package, False))
    return week.rules.counts("place", at, asked)


def hits(week: Week, at: datetime, before: int, edge: str, package: str, hit: bool = True) -> list[int]:
    """Over the evicting rule's windows; or misses, which for what is wanted and has not come would have been hits."""
    asked = (one for one in counted(week, before) if one.lan in lans_of(edge) and (one.package, one.hit) == (package, hit))
    return week.rules.counts("evict", at, asked)


def served(week: Week, at: datetime, before: int, edge: str, package: str) -> list[int]:
    """What P14 looks at."""
    counts = hits(week, at, before, edge, package)
    if there_since(week, edge, package, at):
        return counts
    return [one + other for one, other in zip(counts, hits(week, at, before, edge, package, hit=False))]


def placings(week: Week, decision: str = "place") -> dict[tuple[str, str], list[datetime]]:
    """(edge, package) → when it was placed, or evicted."""
    found: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for line in week.decisions:
        if line["decision"] == decision:
            found[line["edge"], line["package"]].append(time_of(line["time"]))
    return {key: sorted(times) for key, times in found.items()}


def waited(week: Week, edge: str, package: str) -> set[datetime]:
    """The runs in which it was not copied, since what is leaving had its room."""
    return {run.at for run in week.runs if run.result["waiting"] and name_of(edge, package) not in run.files[edge]}


def there_since(week: Week, edge: str, package: str, now: datetime) -> datetime | None:
    """When the edge was filled for the first time after the latest placing, or its copy made anew; None: not yet."""
    placed = max(at for at in placings(week)[edge, package] if at <= now)
    repaired, waits = week.repaired.get((edge, name_of(edge, package)), placed), waited(week, edge, package)
    return next((at for _, at in week.copies[edge] if placed <= at < now and at not in waits and (at >= repaired or repaired >= now)), None)


# --- what was answered


def test_every_query_is_answered(week: Week) -> None:
    assert len(week.queries) > 900
    assert {query.status for query in week.queries} == {200, 204}
    assert sum(query.status == 204 for query in week.queries) < 50


def test_every_answer_names_what_is_there(week: Week) -> None:
    assert week.wrong == []
    assert {f"{source} {kind}" for source, kind in week.fetched} >= {
        "edge full", "edge channel", "edge patch", "nearby full", "nearby channel", "origin full", "origin channel", "origin patch"}


def test_what_is_on_the_edge_is_answered_first_and_nothing_else_is(week: Week) -> None:
    """From the copying that follows its placing until it is evicted, but for the room of what is leaving; what was evicted may still be answered until the edge hears of it."""
    wrong = []
    for query, record in ((one, record) for one in week.queries for record in one.records if record.lan in SERVED):
        edge, now = SERVED[record.lan], record.at
        package = edge_package(edge, record.package)
        placed = [at for at in placings(week).get((edge, package), []) if at < now]
        evicted = [at for at in placings(week, "evict").get((edge, package), []) if at < now]
        waits = waited(week, edge, package)
        filled = [at for number, at in week.copies[edge] if number <= query.number and at not in waits]
        came = bool(placed) and any(at >= placed[-1] for at in filled)
        gone = bool(evicted) and evicted[-1] > (placed[-1] if placed else evicted[-1])
        heard = bool(evicted) and any(at >= evicted[-1] for at in filled)
        must, may = came and not gone, bool(placed) and not (gone and heard)
        if record.hit != must and not (record.hit and may):
            wrong.append((now, edge, package, record.hit, placed, evicted))
    assert wrong == []


# --- counts


def test_what_was_counted_is_what_was_asked(week: Week) -> None:
    """Whatever happened meanwhile: a kill, a clock that went back, days that were folded."""
    total = 0
    for evening in week.days:
        for age in range(3):
            day = f"{evening.at - timedelta(days=age):%Y-%m-%d}"
            asked = Counter((one.lan, one.package, one.at.hour * 12 + one.at.minute // 5, one.hit)
                            for query in week.queries[: evening.number] for one in query.records if f"{one.at:%Y-%m-%d}" == day)
            assert of_day(evening.objects, day) == asked, (evening.at, day)
            total += sum(asked.values()) if age == 0 else 0
    assert total == sum(len(query.records) for query in week.queries)


def test_the_week_had_a_kill_and_two_hours_twice(week: Week) -> None:
    assert week.killed == -9
    times = [query.counted.at for query in week.queries if query.counted]
    assert sum(later < earlier - timedelta(minutes=40) for earlier, later in itertools.pairwise(times)) == 1
    assert any(day.startswith("demand/days/") for evening in week.days for day in evening.objects)


# --- decisions


def told_counts(week: Week, line: Line, before: int) -> list[tuple[list[int], list[int]]]:
    """The misses and hits that a decision may tell; where it names no LAN nobody there asked, and those of all of them are the same."""
    at = time_of(line["time"])
    here = hits(week, at, before, line["edge"], line["package"])
    return [(misses(week, at, before, lan, line["package"]), here) for lan in ([line["lan"]] if "lan" in line else lans_of(line["edge"]))]


def test_each_decision_says_the_counts_that_were_asked(week: Week) -> None:
    """What a query sets going looks at sums that may be some seconds old; what that very query asks for is always in them."""
    known = moments(week)
    wrong = []
    for line in week.decisions:
        at = time_of(line["time"])
        kind, before = known[at]
        told, now = (line["misses"], line["hits"]), told_counts(week, line, before)
        if kind != "query":
            right = all(counts == told for counts in now)
        else:
            earlier = next(query.number for query in week.queries if query.counted and at - SUMS_MOST < query.counted.at <= at)
            least, most = told_counts(week, line, earlier)[0], now[0]
            right = all(low <= count <= high for both in zip(least, told, most) for low, count, high in zip(*both))
            asked = {(record.lan, record.package) for record in week.queries[before - 1].records}
            if line["edge"] != "shop-2" and (line.get("lan"), line["package"]) in asked:
                right = right and line["misses"] == most[0]
        if kind == "evict":  # there the misses of what has not come are told too
            awaits = there_since(week, line["edge"], line["package"], at) is None
            right = right and line.get("awaited") == (hits(week, at, before, line["edge"], line["package"], hit=False) if awaits else None)
        if not right:
            wrong.append((line, kind, now))
    assert wrong == []
    assert len(week.decisions) > 250


def test_each_decision_follows_from_its_counts(week: Week) -> None:
    assert [line for line in week.decisions if not follows(week, line)] == []


def follows(week: Week, line: Line) -> bool:
    rule, passed = line["rule"], week.rules.places(line["misses"])
    if line["decision"] == "no-room":
        return passed is not None
    if line["decision"] == "evict":
        return bool(rule in ("room", evicts(week, line)))
    wanted = {"place": passed, "keep": "none", "alert": "t1"}[line["decision"]]
    return bool(rule == wanted and (line["decision"] != "alert" or (line["lan"] == LONE and passed == "t1")))


def evicts(week: Week, line: Line) -> str | None:
    at = time_of(line["time"])
    placed = max(time for time in placings(week)[line["edge"], line["package"]] if time <= at)
    counts = [one + other for one, other in zip(line["hits"], line.get("awaited", [0] * len(line["hits"])))]
    return week.rules.evicts(counts, there_since(week, line["edge"], line["package"], at) or placed, at)


def test_what_passes_a_rule_is_placed(week: Week) -> None:
    """P9, P10, at every evaluation: on the edge of the LAN, or without room there."""
    missing = []
    for run in week.runs:
        refused = {(line["edge"], line["package"]) for line in week.decisions
                   if line["decision"] == "no-room" and time_of(line["time"]) == run.at}
        for lan, package in {(one.lan, one.package) for one in counted(week, run.number)} if run.kind == "evaluate" else []:
            edge, passes = SERVED.get(lan), week.rules.places(misses(week, run.at, run.number, lan, package))
            if edge and passes and package not in run.wanted[edge] and (edge, package) not in refused:
                missing.append((run.at, lan, package, passes))
    assert missing == []


def test_what_is_asked_too_little_is_evicted(week: Week) -> None:
    """P14, at every eviction: nothing stays that is under T3 in enough windows, and what goes is."""
    wrong = []
    for run in week.runs:
        for edge, packages in run.wanted.items() if run.kind == "evict" else []:
            for package, item in packages.items():
                since = there_since(week, edge, package, run.at) or time_of(item["since"])
                if week.rules.evicts(served(week, run.at, run.number, edge, package), since, run.at):
                    wrong.append((run.at, edge, package))
    assert wrong == []
    assert Counter(line["rule"] for line in week.decisions if line["decision"] == "evict")["m-of-M"] >= 3


def test_each_change_of_what_is_wanted_has_its_decision(week: Week) -> None:
    """And each decision its change: `since`, the reason and the size are the decision's."""
    placed = Counter((line["edge"], line["package"], line["time"], line["rule"], line["size"])
                     for line in week.decisions if line["decision"] == "place")
    evicted = Counter((line["edge"], line["package"]) for line in week.decisions if line["decision"] == "evict")
    came: Counter[tuple[Any, ...]] = Counter()
    went: Counter[tuple[str, str]] = Counter()
    for edge in EDGES:
        before: Line = {}
        for packages in week.generations("wanted", edge):
            for name, item in packages.items():
                came[edge, name, item["since"], item["reason"], item["size"]] += before.get(name, {}).get("since") != item["since"]
            went.update((edge, name) for name in before if name not in packages)
            before = packages
    assert (+came, went) == (placed, evicted)
    assert len(placed) >= 10 and {rule for *_, rule, _ in placed} == {"t1", "m-of-M"}


def test_room_is_made_only_for_who_is_placed(week: Week) -> None:
    placed = {(line["edge"], line["time"]) for line in week.decisions if line["decision"] == "place"}
    assert {(line["edge"], line["time"]) for line in week.decisions if line["rule"] == "room"} <= placed


def test_a_lan_without_an_edge_raises_an_alert_a_day(week: Week) -> None:
    """P12."""
    due = {(f"{run.at:%Y-%m-%d}", lan, package) for run in week.runs if run.kind == "evaluate"
           for lan, package in {(one.lan, one.package) for one in counted(week, run.number)}
           if lan == LONE and week.rules.places(misses(week, run.at, run.number, lan, package)) == "t1"}
    assert due == {(alert["time"][:10], alert["lan"], alert["package"]) for alert in week.alerts}
    assert len(due) == len(week.alerts) >= 3


# --- edges


def test_what_a_lan_asks_for_most_is_on_its_edge_in_its_busy_days_and_gone_when_nobody_asks(week: Week) -> None:
    for lan, facts in LANS.items():
        if not facts.edge:
            continue
        asked = Counter(one.package for one in counted(week) if one.lan == lan and one.at < BEGIN_OF_FADING)
        (most, _), = asked.most_common(1)
        assert any(name_of(facts.edge, most) in run.files[facts.edge] for run in week.runs if run.at < BEGIN_OF_FADING), (lan, most)
    with_game = [run for run in week.runs if "GAME_1.0.apk" in run.files["shop-1"]]
    assert with_game and with_game[0].at < BEGIN_OF_FADING < with_game[-1].at < week.runs[-1].at - timedelta(days=1)


def test_nothing_is_on_an_edge_that_nobody_there_asked_for(week: Week) -> None:
    for run in week.runs:
        for edge, files in run.files.items():
            asked = {name_of(edge, one.package) for one in counted(week, run.number) if one.lan in lans_of(edge)}
            assert {file for file in files if file.endswith((".apk", ".diff"))} <= asked, (run.at, edge)
            assert not any(file.endswith((".part", ".part.json")) for file in files), (run.at, edge)


def test_what_is_wanted_no_more_is_gone_from_the_disk(week: Week) -> None:
    """It is said to be leaving at the first copying after that, and deleted at the next: all are further apart than the grace."""
    for run in week.runs:
        for edge, files in run.files.items():
            copied = [at for _, at in week.copies[edge] if at <= run.at]
            leaving = {name_of(edge, package) for (where, package), times in placings(week, "evict").items() if where == edge
                       for at in times if at <= run.at and sum(moment >= at for moment in copied) < 2}
            wanted = {name_of(edge, package) for package in run.wanted[edge]}
            assert {file for file in files if file.endswith((".apk", ".diff"))} <= wanted | leaving, (run.at, edge)
    for copies in week.copies.values():
        assert all(later - earlier > GRACE for (_, earlier), (_, later) in itertools.pairwise(copies))


def test_an_edge_that_is_out_of_reach_stops_nobody_and_catches_up(week: Week) -> None:
    before, down = next((one, other) for one, other in zip(week.runs, week.runs[1:]) if DOWN <= other.at < UP)
    assert down.result["failed"] == 1 and down.files["shop-1"] == before.files["shop-1"]
    assert all(run.result["failed"] == 0 and not run.result["unfinished"] for run in week.runs if run is not down)
    for run in week.runs:
        for edge in ("shop-1", "shop-2") if run is not down else ("shop-2",):
            missing = {name_of(edge, package) for package in run.wanted[edge]} - set(run.files[edge])
            assert len(missing) <= run.result["waiting"], (run.at, edge)  # for the room of what is leaving
    assert any(run.result["waiting"] for run in week.runs)


def test_the_node_holds_what_the_lan_without_an_edge_asks_for(week: Week) -> None:
    """P2: it is placed there by the same rules, answered from there, and goes when nobody asks."""
    placed = {package for edge, package in placings(week) if edge == NODE}
    assert len(placed) >= 3
    assert {package for edge, package in placings(week, "evict") if edge == NODE} <= placed
    answers = [query.answer["source"] for query in week.queries if query.counted and query.counted.lan == LONE]
    assert answers.count("nearby") > 10 and answers.count("origin") > 10 and "edge" not in answers


def test_what_rotted_is_made_good(week: Week) -> None:
    assert [edge for edge, _ in week.repaired] == ["shop-1", "shop-3"]
    for (edge, file), body in zip(week.repaired, week.after_repair):
        (package,) = {package for where, package in placings(week) if where == edge and name_of(edge, package) == file}
        assert body == expected(package)


def test_the_quota_holds(week: Week) -> None:
    """What is wanted at any time, and what is there, also what is leaving or on its way."""
    fullest = 0
    for packages in week.generations("wanted", "shop-1"):
        assert sum(item["size"] for item in packages.values()) <= QUOTA
    for packages in week.generations("held", "shop-1"):
        size = sum(item["size"] for item in packages.values())
        assert size <= QUOTA
        fullest = max(fullest, size)
    assert fullest > QUOTA / 2


# --- patches


def test_a_patch_is_made_once_and_served_from_every_edge(week: Week) -> None:
    record, patch = week.keys("patches/")
    assert record == "patches/EDITOR/1.0..2.0.json" and shop.is_diff(patch)
    assert len(week.patches) == 1
    served = {query.edge for query in week.queries if query.answer.get("kind") == "patch" and query.answer["source"] == "edge"}
    assert served == set(SHOPS)


def test_a_patch_that_a_lan_without_an_edge_misses_is_made_by_the_next_evaluation(week: Week) -> None:
    """P6: at the origin, since nobody says where that LAN is; from then on its devices get it from there or from an edge near it."""
    lone = [query for query in week.queries if query.counted and not query.edge and ".." in query.counted.package]
    first = next(query.counted.at for query in lone if query.counted)
    made = [run.at for run in week.runs if run.result.get("patches")]
    assert len(made) <= 1  # none where an edge of its own had it made before
    due = next(run.at for run in week.runs if run.kind == "evaluate" and run.at > first)
    assert {query.answer["kind"] for query in lone if query.counted and query.counted.at > due} == {"patch"}
    assert all(at == due for at in made)


@pytest.mark.parametrize("channel", [None, "huawei", "xiaomi"])
def test_the_patch_of_an_edge_makes_the_new_version_of_any_channel(channel: str | None, week: Week, tmp_path: Path) -> None:
    old, new = (f"EDITOR/{version}" + (f"/{channel}" if channel else "") for version in ("1.0", "2.0"))
    (tmp_path / "old.apk").write_bytes(expected(old))
    (tmp_path / "x.diff").write_bytes(week.patch)
    shop.run("patch", tmp_path / "old.apk", tmp_path / "x.diff", "-o", tmp_path / "new.apk")
    assert (tmp_path / "new.apk").read_bytes() == expected(new)
