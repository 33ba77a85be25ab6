"""The sample events of events/, and a store with what they are about."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support import apks, shop
from support.cache import ROOT
from support.demand import counted
from support.gateway import Answer, Headers
from support.shop import Shop

FOLDER = ROOT / "events"
KIND = "v2+v3"  # of the APK
TOKENS = {"PAKHUS_TOKEN_BUSINESS": "shop",
          "PAKHUS_TOKEN_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="}
PLATFORMS = ["url", "api-gateway", "alb", "schedule", "s3", "fc-timer", "oss"]
_PROFILE = {"resource": "game-2.0", "urls": ["https://cdn.example/game.apk"], "size": 7436979, "sha256": "ab" * 32,
            "release": "2026-08-20T10:00:00Z", "deadline": "2026-08-30T10:00:00Z", "lead": "24h", "mode": "fixed", "threshold": 0.3}


def all() -> list[Path]:
    return sorted(FOLDER.glob("*.json"))


def path(function: str, platform: str) -> Path:
    return FOLDER / f"{function}-{platform}.json"


def load(function: str, platform: str) -> Any:
    return json.loads(path(function, platform).read_text())


def parts(sample: Path) -> tuple[str, str]:
    """Function and platform."""
    platform = next(one for one in PLATFORMS if sample.stem.endswith(f"-{one}"))
    return sample.stem.removesuffix(f"-{platform}"), platform


def http(function: str) -> tuple[str, str, Headers]:
    """The request that a Function URL made the sample of: method, target, headers but for the platform's own."""
    event = load(function, "url")
    context = event["requestContext"]["http"]
    query = event["rawQueryString"]
    own = [(name, value) for name, value in event["headers"].items() if name != "host" and not name.startswith("x-forwarded-")]
    return context["method"], event["rawPath"] + (f"?{query}" if query else ""), own


def fill(store: Shop, folder: Path) -> int:
    """Publishes what the samples ask for. Returns the package's size."""
    package = store.publish(apks.made(KIND), "GAME", "2.0")
    store.channel("GAME", "huawei")
    profile = folder / "profile.json"
    profile.write_text(json.dumps(_PROFILE))
    shop.run("admission", "profile", "set", "--store", store.store, profile, env=store.env)
    base = store.store.split("?")[0].rstrip("/") + "/packages/GAME/2.0/"
    scene = folder / "scene.json"
    scene.write_text(json.dumps({"scene": "front-page", "prefixes": [base], "resources": [
        {"id": "facts", "address": base + "package.json"}, {"id": "package", "address": base + package["base"]}]}))
    shop.run("scene", "set", "--store", store.store, scene, env=store.env)
    return int(package["size"])


def placement(edge_store: str) -> dict[str, str]:
    """Objects by which the next evaluation places two packages on the edge shop-1: a base, and a channel's, which is made on the way."""
    lan, hour = "shop-1@192.168.0.0/24", datetime.now(UTC) - timedelta(hours=1)
    policy = {"place": {"t1": 10, "t2": 2, "m": 3, "of": 5, "window": {"last": "1d"}},
              "evict": {"t3": 3, "n": 5, "of": 5, "window": {"last": "1d"}}}
    edge = {"edge": "shop-1", "address": "192.168.0.5", "directory": "/data/share", "site": "shop-1", "lans": ["192.168.0.0/24"],
            "store": edge_store, "credentials": "EDGES"}
    demand = [counted(lan, package, 0, 11, hour.strftime("%Y-%m-%d"), hour.hour) for package in PLACED]
    return {"policy/9999999999999999": json.dumps(policy), "edges/shop-1.json": json.dumps(edge), **dict(demand)}


PLACED = {"GAME/2.0": "GAME_2.0.apk", "GAME/2.0/huawei": "GAME_2.0_huawei.apk"}


def slice_of_channel() -> bytes:
    """What the sample of channel-range-splice asks for."""
    first, last = load("channel-range-splice", "url")["headers"]["range"].removeprefix("bytes=").split("-")
    return shop.offline(KIND, json.dumps({"channel": "huawei"})).read_bytes()[int(first) : int(last) + 1]


def check(function: str, answer: Answer) -> None:
    """Whether an answer to a function's HTTP sample is the right one, on a store that does not redirect."""
    assert answer.status == _STATUS[function], answer.body[:500]
    if function == "channel-range-splice":
        assert answer.body == slice_of_channel()
    if function == "admission":
        assert json.loads(answer.body)["urls"] == _PROFILE["urls"]
    if function == "cache-token-verify":
        assert answer.header("pakhus-action") == "update"
    if function == "gather":
        told = json.loads(answer.body)
        assert {one["id"] for one in told["resources"] + told["missing"]} == {"facts", "package"}


_STATUS = {"channel-range-splice": 206, "query": 200, "admission": 200, "cache-token-verify": 204, "gather": 200}
