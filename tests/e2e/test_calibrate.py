"""P16: queries and downloads on a real server, then what `pakhus calibrate` proposes and writes."""

import json
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

from support import apks
from support.servers import Servers
from support.shop import Shop


def test_thresholds_come_from_what_was_downloaded(tmp_path: Path, servers: Servers) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    shop = Shop(f"file://{folder}")
    shop.publish(apks.made("v2"), "APP1", "2.0")
    edge = {"edge": "shop-1", "address": "shop-1.lan", "lans": ["192.168.0.0/24"], "store": "pull"}
    held = {"edge": "shop-1", "packages": {"APP1/2.0": {"since": "2026-08-01T00:00:00Z", "size": 5}}}
    for key, value in {"edges/shop-1.json": edge, "held/shop-1/9999999999999999": held}.items():
        (folder / key).parent.mkdir(parents=True)
        (folder / key).write_text(json.dumps(value))
    later = (datetime.now(timezone.utc) + timedelta(hours=2)).isoformat(timespec="seconds")
    nothing = shop.run("calibrate", "--now", later, check=False)
    assert nothing.returncode == 1 and "none of the 0 samples was placed" in nothing.stderr

    server = shop.program(servers)
    for i in range(12):  # 10 in the edge's LAN, 2 elsewhere
        network = "192.168.0.7" if i < 10 else "10.0.0.1"
        with urllib.request.urlopen(f"{server.url}/query?app=APP1&ip={network}&mask=24") as answer:
            number, source = answer.headers["Pakhus-Query"], json.loads(answer.read())["source"]
        assert source == ("edge" if i < 10 else "origin")
        if i < 8 or i == 10:
            body = json.dumps({"query": number, "source": source}).encode()
            urllib.request.urlopen(urllib.request.Request(f"{server.url}/query/result", body, {"Content-Type": "application/json"})).close()
    server.process.terminate()
    server.process.wait(20)

    proposed = json.loads(shop.run("calibrate", "--now", later, "--horizon", "1h", "--json").stdout)
    assert proposed == {"samples": 12, "tp": 8, "fp": 2, "tn": 1, "fn": 1, "t1": 10, "t2": 2, "c1": 0.888889, "applied": False}
    assert not (folder / "policy").exists()
    shop.run("calibrate", "--now", later, "--horizon", "1h", "--apply")
    policy = json.loads(next((folder / "policy").iterdir()).read_text())
    assert (policy["place"]["t1"], policy["place"]["t2"], policy["place"]["confidence"]) == (10, 2, None)
