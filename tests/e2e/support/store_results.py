"""What `make stores` found on each server: kept in tests/stores/results.json, and shown as the table of docs/stores.md."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from support.cache import ROOT

RESULTS = ROOT / "tests/stores/results.json"
PAGE = ROOT / "docs/stores.md"
BEGIN, END = "<!-- the table that `make stores` writes -->\n\n", "\n<!-- the end of that table -->\n"
_HEAD = ["server", "started by", "`store check`", "suites", "two publishers at once", "publish and serve", "verdict", "seen on"]


@dataclass(frozen=True)
class Result:
    """A row of the table, in its columns' order; `server` is the name that SERVER= takes."""

    server: str
    title: str
    started: str
    check: str
    suites: str = "-"
    races: str = "-"
    shop: str = "-"
    verdict: str = "refused"
    seen: str = ""


def kept(path: Path = RESULTS) -> list[Result]:
    return [Result(**row) for row in json.loads(path.read_text())]


def keep(result: Result, order: list[str], path: Path = RESULTS) -> None:
    """Instead of what was found on that server before."""
    rows = {row.server: row for row in kept(path)} | {result.server: result}
    found = [asdict(rows[server]) for server in order if server in rows]
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def table(results: list[Result]) -> str:
    columns = [field.name for field in fields(Result)][1:]
    rows = [_HEAD, ["---"] * len(_HEAD), *([str(getattr(result, column)) for column in columns] for result in results)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_table(page: str, results: list[Result]) -> str:
    before, rest = page.split(BEGIN)
    return before + BEGIN + table(results) + END + rest.split(END)[1]
