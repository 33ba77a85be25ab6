"""P8 to P15 once more, from the specification alone: what a policy makes of requests that were counted one by one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

BUCKET = timedelta(minutes=5)
DAY = timedelta(days=1)
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Counted:
    """A request, as P4 and P5 record it."""

    at: datetime
    lan: str
    package: str
    hit: bool


def bucket(moment: datetime) -> datetime:
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % BUCKET


def _span(text: str) -> timedelta:
    return timedelta(**{{"m": "minutes", "h": "hours", "d": "days"}[text[-1]]: int(text[:-1])})


def _time_of_day(text: str) -> timedelta:
    return timedelta(hours=int(text[:2]), minutes=int(text[3:]))


def _window(window: dict[str, str], zone: timezone, now: datetime, index: int) -> Span:
    """P8. Counts are kept by five minutes: what is counted in the same five minutes as `now` is in the current window."""
    if "last" in window:
        length = _span(window["last"])
        begin = bucket(now) - length * (index + 1)
        return begin, begin + length + (BUCKET if index == 0 else timedelta())
    first, last = (_time_of_day(text) for text in window["slot"].split("-"))
    here = now.astimezone(zone)
    begin = here.replace(hour=0, minute=0, second=0, microsecond=0) + first
    begin -= DAY * (index + (begin > here))
    return begin, begin + (last - first) + (DAY if last <= first else timedelta())


@dataclass(frozen=True)
class Rules:
    policy: dict[str, Any]

    def windows(self, kind: str, now: datetime) -> list[Span]:
        """Of "place" or "evict", the current one first."""
        rule = self.policy[kind]
        zone = datetime.strptime(self.policy.get("timezone", "+00:00"), "%z").tzinfo
        assert isinstance(zone, timezone)
        return [_window(rule["window"], zone, now, index) for index in range(rule["of"])]

    def counts(self, kind: str, now: datetime, requests: Iterable[Counted]) -> list[int]:
        """How many of the requests lie in each of the windows."""
        times = [bucket(request.at) for request in requests]
        return [sum(begin <= at < end for at in times) for begin, end in self.windows(kind, now)]

    def places(self, misses: Sequence[int]) -> str | None:
        """P9, P10."""
        place = self.policy["place"]
        if misses[0] > place["t1"]:
            return "t1"
        return "m-of-M" if sum(count > place["t2"] for count in misses) >= place["m"] else None

    def evicts(self, hits: Sequence[int], since: datetime, now: datetime) -> str | None:
        """P14; windows that began before the package was there, and those that are not over, say nothing about it."""
        evict = self.policy["evict"]
        rolls = "last" in evict["window"]
        under = [count < evict["t3"] for count, (begin, end) in zip(hits, self.windows("evict", now))
                 if begin >= since and (rolls or end <= now)]
        return "m-of-M" if sum(under) >= evict["n"] else None
