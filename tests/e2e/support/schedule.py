"""How the tests are shared out among workers (pytest-xdist, --dist loadgroup)."""

import re
from pathlib import Path
from typing import Any

import pytest

# What takes longest begins first, so that all workers end at about the same time: LocalStack's tests, which wait for minutes, then files by
# the processor time of their largest part that stays together.
_LONGEST = ["test_localstack", "test_install", "test_splice_large", "test_placement_week", "test_package_zip", "test_gather_workers", "test_token_levels",
            "test_token_failures", "test_patch_served", "test_admission_simulate", "test_patch_files", "test_apk_prepare", "test_apk_splice"]

# Of a module, but as quickly started as found: tests that use these need not stay together.
_CHEAP = {"subsystem"}


def apply(items: list[pytest.Item]) -> None:
    """Tests that share a server stay together, in one worker: those of LocalStack, and those of a file that use the same fixture."""
    for item in items:
        name = _group(item)
        if name == "localstack":
            item.add_marker(pytest.mark.timeout(900))  # the first one deploys two stacks
        if name:
            item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=_rank)


def without_group(name: str) -> str:
    """The name of a test as pytest takes it: xdist adds "@" and the group."""
    stem = Path(name.partition("::")[0]).stem
    return re.sub(rf"@(localstack|{stem}(-.*)?)$", "", name)


def _group(item: pytest.Item) -> str:
    definitions: dict[str, Any] = getattr(item, "_fixtureinfo").name2fixturedefs
    if "localstack" in definitions:
        return "localstack"
    shared = {name: found[-1] for name, found in definitions.items() if found[-1].scope == "module" and name not in _CHEAP}
    if not shared:
        return ""
    given = getattr(item, "callspec").params if hasattr(item, "callspec") else {}
    return "-".join([item.path.stem, *(str(given[name]) for name, fixture in sorted(shared.items()) if fixture.params)])


def _rank(item: pytest.Item) -> int:
    return _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST)
