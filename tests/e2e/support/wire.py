"""Plays a case of tests/wire/ to a program: a script of the fake runtime (see there) with

    "env":    {"LC_RESPONSE_MODE": "streaming"}   added to what the platform sets
    "idle":   1        requests for /next that are open when all is done; 0 where the program ends by itself
    "signal": "TERM"   sent when it is idle
    "exit":   0        the exit status, where it ends by itself or by the signal
"""

import signal
from pathlib import Path

from support.fake_runtime import FakeRuntime, load
from support.servers import Program, Servers


def play(case: Path, servers: Servers, program: Path, seconds: float = 10) -> list[str]:
    """What went otherwise than the case expects; empty where all went as it says."""
    script = load(case)
    with FakeRuntime(script) as runtime:
        environment = {**runtime.environment(), **script.get("env", {})}
        running = servers.start(case.stem, [program], lambda: True, env=environment)
        try:
            return _played(script, runtime, running, seconds) + runtime.differences()
        except TimeoutError as error:
            return [str(error)]
        finally:
            running.kill()


def _played(script: dict[str, object], runtime: FakeRuntime, running: Program, seconds: float) -> list[str]:
    idle = int(str(script.get("idle", 1)))
    ended = running.process.poll
    runtime.wait_until(lambda: ended() is not None or (idle > 0 and runtime.idle(idle)), seconds, "idle or exit")
    if "signal" in script:
        running.signal(signal.Signals[f"SIG{script['signal']}"])
    if idle == 0 or "signal" in script:
        runtime.wait_until(lambda: ended() is not None, seconds, "exit")
    status = ended()
    wanted = script.get("exit") if idle == 0 or "signal" in script else None
    return [] if status == wanted else [f"exit status is {status}, not {wanted}"]
