"""make invoke FUNCTION=name EVENT=file: one event for one function, under the Lambda runtime interface emulator; prints the answer."""

import base64
import json
import os
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from support.servers import Servers, bootstrap


def settings() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name.startswith(("PAKHUS_", "AWS_"))}
    return {"PAKHUS_STORE": f"file://{ROOT}/pakhus-data", **own}


def readable(answer: bytes) -> str:
    """JSON, but for a body of bytes, of which nobody can read more than how many there are."""
    try:
        parsed = json.loads(answer)
    except ValueError:
        return answer.decode(errors="replace")
    if isinstance(parsed, dict) and parsed.get("isBase64Encoded"):
        parsed["body"] = f"<{len(base64.b64decode(parsed['body']))} bytes>"
    return json.dumps(parsed, indent=2, ensure_ascii=False)


def main(function: str, event: Path) -> None:
    built = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.c"))
    if function not in built:
        sys.exit(f"there is no function {function}: choose one of {', '.join(built)}")
    program = bootstrap(function)
    with tempfile.TemporaryDirectory(prefix="pakhus-invoke-") as folder, Servers(Path(folder)) as servers:
        emulator = servers.emulator(program, settings())
        with urllib.request.urlopen(emulator.url, event.read_bytes(), timeout=900) as response:
            answer = response.read()
        print(emulator.output(), file=sys.stderr)
    print(readable(answer))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
