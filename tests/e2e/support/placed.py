"""Edges, what is wanted on them, and what they hold: what the control plane would write, written by hand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.servers import Minio
from support.shop import Shop

LAST = 10**16 - 1  # the first generation: they count down
EDGE: dict[str, Any] = {"edge": "shop-1", "address": "192.168.0.5", "directory": "/data/share", "lans": ["192.168.0.0/24"],
                        "quota": 64_000_000_000, "store": "pull"}


def put(store: Shop, key: str, body: str, minio: Minio | None = None) -> None:
    """An object, past all commands."""
    url = urlsplit(store.store)
    if minio:
        minio.client().put_object(Bucket=url.netloc, Key=key, Body=body.encode())
        return
    path = Path(url.path) / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body)


def register(store: Shop, folder: Path, /, **fields: Any) -> dict[str, Any]:
    """EDGE with fields of one's own; None takes a field out."""
    edge = {name: value for name, value in {**EDGE, **fields}.items() if value is not None}
    path = folder / "edge.json"
    path.write_text(json.dumps(edge))
    store.run("edge", "add", path)
    return edge


def want(store: Shop, packages: Mapping[str, Mapping[str, Any]], generation: int = 1, edge: str = "shop-1", minio: Minio | None = None) -> None:
    """Packages by name with their size and sha256: wanted there from now on. Each change is a generation of its own."""
    items = {name: {"since": "2026-08-20T10:00:00Z", "reason": "t1", "state": "wanted", **facts} for name, facts in packages.items()}
    put(store, f"wanted/{edge}/{LAST + 1 - generation}", json.dumps({"edge": edge, "packages": items}), minio)


def facts(package: Mapping[str, Any], channel: bool = False) -> dict[str, Any]:
    """Of what `publish` returned, as `wanted` has them."""
    return {"size": package["size"]} if channel else {"size": package["size"], "sha256": package["sha256"]}


def shown(store: Shop, edge: str = "shop-1") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.run("edge", "show", edge, "--json").stdout)
    return found


def states(store: Shop, edge: str = "shop-1") -> dict[str, str]:
    """Package → held, copying, leaving, wanted or pending, as people see it."""
    lines = store.run("edge", "show", edge).stdout.splitlines()[2:]
    return {line.split("\t")[0]: line.split("\t")[1] for line in lines}
