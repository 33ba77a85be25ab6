"""Asking /gather, and reading what it answers."""

import base64
import http.client
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conftest import RunPakhus
from support import client
from support.gateway import Answer
from support.servers import Program

WORKER = b"pakhus-gather-worker\0"


@dataclass(frozen=True)
class Part:
    id: str
    address: str
    status: int = 0
    reason: str = ""
    body: bytes = b""
    received: int | None = None
    headers: Message = field(default_factory=Message, compare=False)


@dataclass(frozen=True)
class Gathered:
    id: str
    complete: bool
    parts: dict[str, Part]  # by id, in the answer's order

    def bodies(self) -> dict[str, bytes]:
        return {part.id: part.body for part in self.parts.values() if not part.reason}

    def reasons(self) -> dict[str, str]:
        return {part.id: part.reason for part in self.parts.values() if part.reason}


def read(answer: Answer) -> Gathered:
    assert answer.status == 200, answer.body
    kind = answer.header("content-type") or ""
    made = read_json(answer) if kind == "application/json" else read_multipart(answer.body, kind)
    gathered = Gathered(answer.header("pakhus-gather-id") or "", answer.header("pakhus-complete") == "1", made)
    assert gathered.complete == (not gathered.reasons())
    assert len(gathered.id) == 32
    return gathered


def read_multipart(body: bytes, kind: str) -> dict[str, Part]:
    """Strictly, by boundaries and lengths, each of which must agree with the other."""
    name, _, boundary = kind.partition("; boundary=")
    assert name == "multipart/mixed" and boundary
    line, parts = b"--" + boundary.encode(), {}
    while not body.startswith(line + b"--"):
        assert body.startswith(line + b"\r\n")
        head, _, rest = body[len(line) + 2:].partition(b"\r\n\r\n")
        headers = BytesParser().parsebytes(head + b"\r\n\r\n", headersonly=True)
        length = int(headers["Content-Length"])
        assert rest[length:length + 2] == b"\r\n" and line not in rest[:length]
        part = Part(headers["Pakhus-Id"], headers["Pakhus-Address"], int(headers["Pakhus-Status"] or 0), headers["Pakhus-Reason"] or "",
                    rest[:length], None if headers["Pakhus-Received"] is None else int(headers["Pakhus-Received"]), headers)
        if not part.reason:
            assert headers["Content-Digest"] == f"sha-256=:{base64.b64encode(sha256(part.body).digest()).decode()}:"
        assert part.id not in parts
        parts[part.id] = part
        body = rest[length + 2:]
    assert body == line + b"--\r\n"
    return parts


def read_json(answer: Answer) -> dict[str, Part]:
    made = json.loads(answer.body)
    assert (made["id"], made["complete"]) == (answer.header("pakhus-gather-id"), answer.header("pakhus-complete") == "1")
    parts = {}
    for one in made["resources"]:
        body = base64.b64decode(one["body"], validate=True)
        assert (one["length"], one["sha256"]) == (len(body), sha256(body).hexdigest())
        parts[one["id"]] = Part(one["id"], one["address"], one["status"], "", body)
    for one in made["missing"]:
        assert set(one) <= {"id", "address", "reason", "status", "received"}
        parts[one["id"]] = Part(one["id"], one["address"], one.get("status", 0), one["reason"], received=one.get("received"))
    return parts


def ask(url: str, scene: str, query: str = "", **headers: str) -> Gathered:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return read(client.request(f"{url}/gather?scene={scene}{query}", headers=sent))


def post(url: str, question: Any, **headers: str) -> Answer:
    """A list: JSON, or bytes as they are."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request("POST", "/gather", question if isinstance(question, bytes) else json.dumps(question).encode(), headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def resources(base: str, **paths: str) -> list[dict[str, Any]]:
    """resources(url, a="/ok/1"): a list for a scene or a request."""
    return [{"id": id, "address": base + path} for id, path in paths.items()]


def publish(run_pakhus: RunPakhus, store: str, folder: Path, resources: list[dict[str, Any]], scene: str = "home",
            env: Mapping[str, str] | None = None, deadline: str = "20s", **fields: Any) -> None:
    """A scene that may ask this machine."""
    path = folder / f"{scene}.json"
    path.write_text(json.dumps({"scene": scene, "resources": resources, "allow": ["127.0.0.1"], "deadline": deadline, **fields}))
    run_pakhus("scene", "set", "--store", store, path, env=dict(env or {}))


# --- processes


def workers(program: Program) -> list[int]:
    """The pids of its workers that are alive."""
    return [pid for pid in children(program.process.pid) if _is_worker(pid)]


def children(pid: int) -> list[int]:
    """Of all its threads, also those that are dead and not collected."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _is_worker(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() == WORKER
    except OSError:
        return False


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory(pid: int) -> int:
    """Private bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise ValueError(pid)
