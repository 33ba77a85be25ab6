"""release: what is current, staged roll-outs, roll-back."""

import json
from typing import Any

import pytest

from support import apks
from support.shop import Shop


@pytest.fixture
def store(store: Shop) -> Shop:
    for version in ("1.0", "2.0", "3.0"):
        store.publish(apks.made("v2"), "APP", version)
    return store


def release(store: Shop, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.run("release", "APP", *arguments, "--json").stdout)
    return found


def test_current_staged_and_back(store: Shop) -> None:
    assert release(store) == {"app": "APP", "staged": []}
    assert release(store, "1.0")["current"] == "1.0"
    assert release(store, "2.0", "--share", "10%") == {"app": "APP", "current": "1.0", "staged": [{"version": "2.0", "share": 0.1}]}
    assert release(store, "2.0", "--share", "0.5")["staged"] == [{"version": "2.0", "share": 0.5}]
    assert release(store, "3.0", "--share", "20%")["staged"] == [{"version": "2.0", "share": 0.5}, {"version": "3.0", "share": 0.2}]
    assert release(store, "2.0", "--share", "0%")["staged"] == [{"version": "3.0", "share": 0.2}]
    assert release(store, "3.0") == {"app": "APP", "current": "3.0", "staged": []}
    assert release(store, "1.0") == {"app": "APP", "current": "1.0", "staged": []}  # back
    assert release(store) == {"app": "APP", "current": "1.0", "staged": []}


def test_the_current_version_has_no_roll_out_to_end(store: Shop) -> None:
    store.run("release", "APP", "1.0")
    store.run("release", "APP", "2.0", "--share", "100%")
    done = store.run("release", "APP", "2.0", "--share", "0%", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("pakhus release: 2.0 is the current version, which all devices get: it has no share; to roll back, release the older "
                           "version (`pakhus release APP OLDER`)\n")
    assert release(store) == {"app": "APP", "current": "2.0", "staged": []}
    done = store.run("release", "APP", "3.0", "--share", "0%", check=False)
    assert (done.returncode, done.stderr) == (1, "pakhus release: 3.0 is not staged: there is no roll-out to end\n")
    assert release(store, "1.0")["current"] == "1.0"


def test_words_for_people(store: Shop) -> None:
    store.run("release", "APP", "1.0")
    text = store.run("release", "APP", "2.0", "--share", "12.5%").stdout
    assert text == "current\t1.0\nstaged\t2.0\t12.5%\n"


def test_what_is_not_published_is_not_released(store: Shop) -> None:
    done = store.run("release", "APP", "9.9", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "APP/9.9" in done.stderr and "not published" in done.stderr


@pytest.mark.parametrize("share", ["110%", "-1%", "x", "1.5", "%", "nan", "10%%", "", "inf"])
def test_shares_that_are_none(share: str, file_store: str) -> None:
    store = Shop(file_store)
    store.publish(apks.made("v2"))
    done = store.run("release", "APP", "1.0", f"--share={share}", check=False)
    assert done.returncode == 1
    assert "--share" in done.stderr


def test_shares_do_not_exceed_the_whole(store: Shop) -> None:
    store.run("release", "APP", "1.0")
    store.run("release", "APP", "2.0", "--share", "60%")
    done = store.run("release", "APP", "3.0", "--share", "50%", check=False)
    assert done.returncode == 1
    assert release(store)["staged"] == [{"version": "2.0", "share": 0.6}]


def test_share_needs_a_version(file_store: str) -> None:
    done = Shop(file_store).run("release", "APP", "--share", "10%", check=False)
    assert done.returncode in (1, 2)
    assert "--share" in done.stderr
