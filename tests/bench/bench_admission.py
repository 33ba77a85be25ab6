"""make bench: paced against the bound, what fresh random numbers do instead, and how long a million clients take."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))

from support.servers import pakhus_binary

PROFILE = {"resource": "game-2.0", "size": 1_000_000_000, "release": "2026-08-20T10:00:00+08:00", "deadline": "2026-08-30T10:00:00+08:00",
           "lead": "24h", "mode": "paced", "threshold": 0.3, "interval": "5m", "timezone": "+08:00"}
CLIENTS = int(os.environ.get("BENCH_CLIENTS", "1000000"))
SEEDS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profile.json"
        path.write_text(json.dumps(PROFILE))
        ratios, randoms, seconds, complete = [], [], [], []
        for seed in range(1, SEEDS + 1):
            began = time.monotonic()
            done = subprocess.run([pakhus_binary(), "simulate", "admission", "--profile", path, "--clients", str(CLIENTS), "--seed", str(seed),
                                   "--json"], capture_output=True, check=True)
            seconds.append(time.monotonic() - began)
            modes = {mode["mode"]: mode for mode in json.loads(done.stdout)["modes"]}
            ratios.append(modes["paced"]["peak_over_bound"])
            randoms.append(modes["random"]["peak_over_bound"])
            complete.append(modes["paced"]["complete"])
        worst = max(ratios)
        print(f"admission, {CLIENTS} clients, {SEEDS} seeds, five modes: {min(seconds):.1f} to {max(seconds):.1f} s a run")
        print(f"  paced:  peak {min(ratios):.3f} to {worst:.3f} × the bound, wanted ≤ 1.05 ×  {'' if worst <= 1.05 else 'FALLS SHORT'}")
        print(f"  paced:  {min(complete) * 100:g} % complete by the deadline, wanted 100 %  {'' if min(complete) == 1 else 'FALLS SHORT'}")
        print(f"  random: peak {min(randoms):.1f} to {max(randoms):.1f} × the bound")


if __name__ == "__main__":
    main()
