"""docs/openapi.json and the server agree both ways: the server answers nothing that is not in it, and nothing is in it that the server does not answer."""

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks

from support import apks, client, shop
from support.cache import ROOT
from support.function_url import FunctionUrl
from support.gateway import Answer
from support.servers import ADMIN, Servers, bootstrap
from support.shop import Shop
from test_routes import ENVIRONMENT, ROUTES

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text())
ORIGIN, NODE = {"Pakhus-Origin-Secret": "of-the-cdn"}, {"Pakhus-Node-Secret": "of-nodes"}
KNOWN = {**ORIGIN, **NODE, **ADMIN}
METHODS = ("get", "head", "post")
EXAMPLES_EACH = 15
# On every answer, or added by HTTP itself.
COMMON = {"date", "content-length", "content-type", "connection"}
# Made by other tests, which need a store of their own, or by none: a fault of the server, and a server that is full or stopping.
ELSEWHERE = {"internal": "", "unavailable": "", "busy": "", "range-required": "test_openapi.py", "store-denied": "test_splice_store_failures.py", "store-corrupt": "test_splice_odd_stores.py",
             "stored-object-changed": "test_splice_store_failures.py", "store-timeout": "test_splice_store_failures.py"}
OVERLOADED = (["tokens"], 503)  # when over 512 nodes ask at once
HEADERS_ELSEWHERE = {"pakhus-purge"}  # tests/e2e/test_token_levels.py


def resolved(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


class Operation(NamedTuple):
    path: str
    method: str
    document: dict[str, Any]

    @property
    def responses(self) -> dict[int, dict[str, Any]]:
        return {int(status): resolved(answer) for status, answer in self.document["responses"].items()}

    def types(self, status: int) -> list[str]:
        """Of problems; empty for other answers, and for those without a body."""
        schema = self.responses[status].get("content", {}).get("application/problem+json", {}).get("schema", {})
        return list(schema["allOf"][1]["properties"]["type"]["enum"]) if schema else []

    def fields(self, status: int) -> set[str]:
        """Of an answer in JSON, the outermost ones."""
        schema = resolved(self.responses[status].get("content", {}).get("application/json", {}).get("schema", {}))
        return set(schema.get("properties", {}))


OPERATIONS = [Operation(path, method, item[method]) for path, item in DOCUMENT["paths"].items() for method in METHODS if method in item]
BY_ID = {operation.document["operationId"]: operation for operation in OPERATIONS}
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: str(operation.document["operationId"]))


# --- against the tables


def test_routes_are_those_of_the_table() -> None:
    """docs/api.md, which tests/unit/test_routes.c holds against the code's."""
    def prefix(path: str) -> str:
        return f"/{path.split('/')[1]}/…" if path.startswith(("/packages/", "/patches/")) else path

    guards = {"originSecret": "origin secret", "nodeSecret": "node secret"}
    found = {(prefix(one.path), one.method.upper(), guards[next(iter(one.document["security"][0]))]) for one in OPERATIONS if one.document["tags"] != ["operation"]}
    assert found == {(route.path, method, route.guard) for route in ROUTES for method in route.methods}


def test_problems_are_those_of_the_table() -> None:
    """docs/problems.md, which tests/unit/test_problems.c holds against the code's."""
    table = dict(re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", (ROOT / "docs/problems.md").read_text().split("| type of a node")[0], re.M))
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["type"]["enum"] == list(table)
    used = {(kind, str(status)) for one in OPERATIONS for status in one.responses for kind in one.types(status)}
    of_no_route = {("method", "405"), ("not-implemented", "501")}
    assert used | of_no_route == set(table.items())


def test_parameters_are_those_of_the_table() -> None:
    source = (ROOT / "functions/common/routes.c").read_text()
    lists = dict(re.findall(r'\{"(/[a-z/]+)", "GET, HEAD", "[a-z-]+", ROUTE_ORIGIN, 0,\s+"([^"]*)"\}', source))
    for path, names in lists.items():
        item = DOCUMENT["paths"][path]
        given_in = [resolved(one) for one in [*item.get("parameters", []), *item["get"].get("parameters", [])]]
        assert {one["name"] for one in given_in if one["in"] == "query"} == set(names.split(", ")), path
    assert {"/query", "/gather", "/admission/profile"} <= set(lists)


def test_version_and_functions() -> None:
    assert DOCUMENT["info"]["version"] == re.findall(r'#define PAKHUS_VERSION "(.+)"', (ROOT / "base/version.h").read_text())[0]
    assert DOCUMENT["components"]["schemas"]["Function"]["enum"] == sorted(path.parent.name for path in ROOT.glob("functions/*/main.c"))


@pytest.mark.parametrize("kind", [kind for kind in ELSEWHERE if ELSEWHERE[kind]])
def test_other_tests_make_what_this_one_does_not(kind: str) -> None:
    assert f'"{kind}"' in (ROOT / "tests/e2e" / ELSEWHERE[kind]).read_text()


# --- a stocked server


class Stocked(NamedTuple):
    """`plain` serves every byte itself, `redirecting` sends ranges of the base to a bucket, `closed` takes no lists, `empty` has lost its store."""

    plain: str
    redirecting: str
    closed: str
    empty: str
    keys: Mapping[str, str]
    folder: Path


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return {"PAKHUS_URL_KEYS": "k1:" + "A" * 43 + "=", "PAKHUS_TOKEN_KEYS": shop.run("token", "keygen").stdout.strip(), "PAKHUS_TOKEN_BUSINESS": "shop",
            "PAKHUS_GATHER_ALLOW": "127.0.0.1"}


def write(folder: Path, name: str, document: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def fill(store: Shop, folder: Path) -> None:
    for version, name in (("1.0", "v2"), ("2.0", "v2")):
        store.publish(apks.made(name), "GAME", version, "--force")
    store.channel("GAME", "huawei", {"channel": "huawei"})
    store.config("GAME", "--url-info", "signed")
    store.publish(apks.made("v2"), "QUIET", "2.0", "--force")
    store.channel("QUIET", "huawei")
    store.config("QUIET", "--url-info", "never")
    store.run("diff", "--app", "GAME", "--from", "1.0", "--to", "2.0", "--patch", "1,2")
    store.run("release", "GAME", "2.0")
    for resource, fields in {"game-2.0": {}, "game-3.0": {"query": "https://cdn.example/query?app=GAME&version=2.0", "ask": ["unmetered"], "levels": {"lowest": {"urls": ["edge"]}}}}.items():
        store.run("admission", "profile", "set", write(folder, f"{resource}.json", {
            "resource": resource, "urls": ["https://cdn.example/game.apk"], "size": 7436979, "sha256": "ab" * 32, "release": "2026-08-20T10:00:00Z",
            "deadline": "2099-08-30T10:00:00Z", "lead": "24h", "mode": "fixed", "threshold": 0.3, **fields}))
    resources = [{"id": id, "address": f"{store.store}/texts/{id}.json"} for id in ("a", "b", "c")]
    store.run("scene", "set", write(folder, "scene.json", {"scene": "home", "resources": resources, "prefixes": [f"{store.store}/texts/"]}))
    texts = Path(store.store.removeprefix("file://")) / "texts"
    texts.mkdir()
    for id in ("a", "b"):
        (texts / f"{id}.json").write_text("{}")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, module_servers: Servers, keys: dict[str, str]) -> Stocked:
    folder, gone = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("gone")
    store = Shop(f"file://{folder}")
    fill(store, tmp_path_factory.mktemp("documents"))
    env = {**ENVIRONMENT, **keys}
    plain = store.serve(module_servers, env=env)
    redirecting = store.serve(module_servers, env={**env, "PAKHUS_REDIRECT": "https://bucket.example/", "PAKHUS_PROBE_MAX": "0", "PAKHUS_FOLLOWERS": "all"})
    closed = store.serve(module_servers, env={**env, "PAKHUS_GATHER_ALLOW": ""})
    empty = Shop(f"file://{gone}").serve(module_servers, env=env)
    shutil.rmtree(gone)
    return Stocked(plain, redirecting, closed, empty, keys, folder)


# --- the server answers nothing that is not in the document


CHECKS = [checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance, checks.response_headers_conformance, checks.response_schema_conformance,
          checks.unsupported_method]


def unknown_headers(operation: Operation, status: int, names: Iterable[str]) -> set[str]:
    documented = {name.lower() for name in operation.responses[status].get("headers", {})}
    return {name.lower() for name in names} - documented - COMMON


@each_operation
def test_no_answer_is_missing_in_the_document(operation: Operation, stocked: Stocked) -> None:
    """Valid and invalid values of every parameter, the same ones in each run."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)[operation.path][operation.method.upper()]

    @settings(max_examples=EXAMPLES_EACH, derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=schema.as_strategy(schemathesis.GenerationMode.POSITIVE) | schema.as_strategy(schemathesis.GenerationMode.NEGATIVE))
    def ask(case: Any) -> None:
        answer = case.call_and_validate(base_url=stocked.plain, headers=KNOWN, checks=CHECKS, allow_redirects=False)
        assert answer.status_code == 405 or unknown_headers(operation, answer.status_code, answer.headers) == set()

    ask()


# --- nothing is in the document that the server does not answer


class Asked(NamedTuple):
    """A request, and the operation of the document that it is one of. `secrets` are sent, and `lines` besides, in that order."""

    id: str
    url: str
    lines: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    secrets: bool = True


def send(asked: Asked, method: str) -> Answer:
    target = asked.url[asked.url.index("/", 8):]
    body = asked.body or b""
    length = [("Content-Length", str(len(body)))] if asked.body is not None else []
    lines = [("Host", "cdn.example"), ("Connection", "close"), *(KNOWN.items() if asked.secrets else []), *asked.lines, *length]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return client.raw(asked.url, f"{method.upper()} {target} HTTP/1.1\r\n{head}\r\n".encode() + body, timeout=60)


def of_packages(stocked: Stocked) -> Iterator[Asked]:
    signed = shop.run("url", "sign", "GAME", "2.0", "huawei", "--info", '{"click":"1"}', env=stocked.keys).stdout.strip()
    for id, path in (("getPackage", "/packages/GAME/2.0.apk"), ("getChannelPackage", "/packages/GAME/2.0/huawei.apk"),
                     ("getPatch", "/patches/GAME/1.0..2.0.diff"), ("getPatchFormat2", "/patches/GAME/1.0..2.0@2.diff")):
        same = client.request(stocked.plain + path, "HEAD", ORIGIN).header("etag") or ""
        for line in ("Range", "bytes=0-9"), ("Range", "bytes=99999999999-"), ("If-Match", '"x"'), ("If-None-Match", same):
            yield Asked(id, stocked.plain + path, (line,))
        yield Asked(id, stocked.plain + path)
        yield Asked(id, stocked.redirecting + path, (("Range", "bytes=0-9"),))
        yield Asked(id, stocked.empty + path)
        yield Asked(id, stocked.plain + path.replace("2.0", "3.0"))
        yield Asked(id, stocked.plain + path.replace("GAME", ".x"))
    channel = stocked.plain + "/packages/GAME/2.0/huawei.apk"
    yield Asked("getChannelPackage", channel + signed[signed.index("?"):])
    yield Asked("getChannelPackage", channel + "?info=e30")
    yield Asked("getChannelPackage", channel.replace("GAME", "QUIET") + "?info=e30")
    yield Asked("getChannelPackage", channel + "?info=" + "A" * 11000)
    yield Asked("getPackage", stocked.plain + "/packages/GAME/2.0.apk?info=" + "A" * 11000)
    yield Asked("getPackage", stocked.plain + "/packages/GAME/2.0.apk?exp=2020-01-01T00:00:00Z")


def of_placement(stocked: Stocked) -> Iterator[Asked]:
    query = stocked.plain + "/query?app=GAME"
    for more in "&alert=1", "&from=1.0&channel=huawei", "&from=2.0", "&version=9.0", "&ip=10.0.0.1", "&nonsense=1":
        yield Asked("query", query + more)
    yield Asked("query", stocked.empty + "/query?app=GAME")
    for body in b'{"query":"1","source":"edge","package":"GAME/2.0"}', b"{}":
        yield Asked("queryResult", stocked.plain + "/query/result", body=body)
    yield Asked("queryResult", stocked.plain + "/query/result?x=1", body=b"{}")


def of_admission(stocked: Stocked) -> Iterator[Asked]:
    for resource in "game-2.0", "game-3.0", "none":
        yield Asked("admission", f"{stocked.plain}/admission?resource={resource}&client=c&last-login=2026-08-20T10:00:00Z")
        yield Asked("admissionProfile", f"{stocked.plain}/admission/profile?resource={resource}")
    profile = f"{stocked.plain}/admission/profile?resource=game-2.0"
    etag = client.request(profile, headers=ORIGIN).header("etag") or ""
    yield Asked("admissionProfile", profile, (("If-None-Match", etag),))
    yield Asked("admissionProfile", profile, (("If-Match", '"x"'),))
    for id, path in ("admission", "/admission?client=c&resource="), ("admissionProfile", "/admission/profile?resource="):
        yield Asked(id, stocked.plain + path)
        yield Asked(id, stocked.plain + path + "game-2.0&nonsense=1")
        yield Asked(id, stocked.empty + path + "game-2.0")


def of_gather(stocked: Stocked) -> Iterator[Asked]:
    for accept in "application/json", "multipart/mixed":
        yield Asked("gather", stocked.plain + "/gather?scene=home", (("Accept", accept),))
    for target in "", "?scene=none", "?scene=home&nonsense=1":
        yield Asked("gather", stocked.plain + "/gather" + target)
    yield Asked("gather", stocked.empty + "/gather?scene=home")
    origin = stocked.plain.removeprefix("http://")
    wanted = [{"id": id, "address": f"http://{origin}{path}"} for id, path in (("a", "/healthz"), ("b", "/nowhere"))]
    listed = json.dumps({"resources": wanted}).encode()
    for accept in "application/json", "multipart/mixed":
        yield Asked("gatherList", stocked.plain + "/gather", (("Accept", accept),), listed)
    yield Asked("gatherList", stocked.plain + "/gather", body=b"{}")
    yield Asked("gatherList", stocked.plain + "/gather?x=1", body=listed)
    yield Asked("gatherList", stocked.closed + "/gather", body=listed)


def tokens(stocked: Stocked) -> dict[str, str]:
    """A good one, and one for each type of problem."""
    def sign(url: str, *options: str, **env: str) -> str:
        fields = ["--modified", "2026-08-20T10:00:00Z", "--size", "7", "--type", "text/css", "--sha256", "ab" * 32]
        return shop.run("token", "sign", url, *fields, *options, env={**stocked.keys, **env}).stdout.strip().removeprefix("https://cdn.example")

    good = sign("https://cdn.example/a.css")
    other = shop.run("token", "keygen", "--kid", "other").stdout.strip()
    return {"good": good, "early": sign("https://cdn.example/a.css", "--due", "2099-01-01T00:00:00Z"), "token-malformed": "/a.css?pkt=x",
            "token-too-long": "/a.css?pkt=" + "A" * 9000, "token-twice": f"{good}&{good[good.index('?') + 1:]}",
            "token-unknown-key": sign("https://cdn.example/a.css", PAKHUS_TOKEN_KEYS=other), "token-forged": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
            "token-business": sign("https://cdn.example/a.css", "--business", "other"), "token-host": sign("https://other.example/a.css").removeprefix("https://other.example"),
            "token-url": good.replace("a.css", "b.css")}


def of_tokens(stocked: Stocked) -> Iterator[Asked]:
    made = tokens(stocked)
    for url in made.values():
        yield Asked("tokenVerify", stocked.plain + "/token/verify", (("X-Original-URI", url),))
        yield Asked("tokenResult", stocked.plain + "/token/result", (("X-Original-URI", url), ("Pakhus-Outcome", "succeeded")), b"")
    yield Asked("tokenVerify", stocked.plain + "/token/verify?uri=" + quote(made["good"]))
    yield Asked("tokenVerify", stocked.plain + "/token/verify")
    yield Asked("tokenResult", stocked.plain + "/token/result", body=b'{"outcome":"x"}')


def of_operation(stocked: Stocked) -> Iterator[Asked]:
    yield Asked("health", stocked.plain + "/healthz")
    yield Asked("health", stocked.plain + "/healthz?ready")
    yield Asked("health", stocked.empty + "/healthz?ready")
    yield Asked("metrics", stocked.plain + "/metrics")
    yield Asked("metrics", stocked.plain + "/metrics", secrets=False)
    yield Asked("console", stocked.plain + "/console")
    yield Asked("console", stocked.plain + "/console", secrets=False)
    yield Asked("console", stocked.empty + "/console")
    invoke = stocked.plain + "/2015-03-31/functions/{}/invocations"
    for function, event in ("evaluate-cron", b'{"pakhus":"evaluate","dry_run":true}'), ("evaluate-cron", b"x"), ("none", b"{}"):
        yield Asked("invoke", invoke.format(function), body=event)
    yield Asked("invoke", invoke.format("evict-cron"), (("Content-Length", str(1 << 30)),))
    yield Asked("invoke", invoke.format("reconcile"), body=b"{}", secrets=False)


def of_guards(stocked: Stocked) -> Iterator[Asked]:
    """Without the secret, with a header twice, and with a body that is too large."""
    for one in OPERATIONS:
        if one.document["tags"] == ["operation"] or one.method == "head":
            continue
        path = re.sub(r"\{(\w+)\}", lambda found: {"app": "GAME", "version": "2.0", "channel": "huawei", "from": "1.0", "to": "2.0"}[found[1]], one.path)
        id, url = one.document["operationId"], stocked.plain + path
        yield Asked(id, url, secrets=False)
        yield Asked(id, url, (("Pakhus-Follow", "1"), ("Pakhus-Follow", "1")))
        yield Asked(id, url, (("Content-Length", str((512 << 10) + 1)),))


class Seen:
    """What the server answered, by operation."""

    def __init__(self) -> None:
        self.problems: set[tuple[str, int, str]] = set()
        self.answers: set[tuple[str, int]] = set()
        self.headers: set[tuple[str, int, str]] = set()
        self.fields: set[tuple[str, int, str]] = set()
        self.unknown: set[tuple[str, int, str]] = set()  # statuses and headers that are not in the document

    def note(self, operation: Operation, answer: Answer) -> None:
        id = operation.document["operationId"]
        if answer.status not in operation.responses:
            self.unknown.add((id, answer.status, answer.body[:200].decode()))
            return
        self.unknown |= {(id, answer.status, name) for name in unknown_headers(operation, answer.status, [name for name, _ in answer.headers])}
        self.answers.add((id, answer.status))
        self.headers |= {(id, answer.status, name.lower()) for name, _ in answer.headers}
        if answer.header("content-type") == "application/problem+json" and answer.body:
            self.problems.add((id, answer.status, json.loads(answer.body)["type"]))
        elif answer.header("content-type") == "application/json" and answer.body and operation.fields(answer.status):
            self.fields |= {(id, answer.status, name) for name in json.loads(answer.body)}


@pytest.fixture(scope="module")
def seen(stocked: Stocked) -> Seen:
    seen = Seen()
    for part in of_packages, of_placement, of_admission, of_gather, of_tokens, of_operation, of_guards:
        for asked in part(stocked):
            operation = BY_ID[asked.id]
            seen.note(operation, send(asked, operation.method))
            if asked.id + "Head" in BY_ID and asked.url.removeprefix(stocked.redirecting) == asked.url:
                seen.note(BY_ID[asked.id + "Head"], send(asked, "HEAD"))
    return seen


def is_made_here(operation: Operation, status: int) -> bool:
    """Whether one of the types of the answer is; a HEAD's answers have none."""
    types = BY_ID[operation.document["operationId"].removesuffix("Head")].types(status)
    return not types or (any(kind not in ELSEWHERE for kind in types) and (operation.document["tags"], status) != OVERLOADED)


def test_every_answer_is_documented(seen: Seen) -> None:
    assert seen.unknown == set()


@each_operation
def test_every_documented_answer_is_made(operation: Operation, seen: Seen) -> None:
    id = operation.document["operationId"]
    assert {status for status in operation.responses if is_made_here(operation, status)} - {status for one, status in seen.answers if one == id} == set()
    documented = {(status, kind) for status in operation.responses for kind in operation.types(status)}
    made = {(status, kind) for one, status, kind in seen.problems if one == id}
    assert {(status, kind) for status, kind in documented if kind not in ELSEWHERE and is_made_here(operation, status)} == {(status, kind) for status, kind in made if kind not in ELSEWHERE}
    assert made <= documented


@each_operation
def test_every_documented_header_and_field_is_sent(operation: Operation, seen: Seen) -> None:
    id = operation.document["operationId"]
    for status, answer in operation.responses.items():
        if not is_made_here(operation, status):
            continue
        sent = {name for one, at, name in seen.headers if (one, at) == (id, status)}
        assert {name.lower() for name in answer.get("headers", {})} - sent <= HEADERS_ELSEWHERE, status
        if operation.method != "head":
            assert operation.fields(status) == {name for one, at, name in seen.fields if (one, at) == (id, status)}, status


def test_a_host_with_a_limit_wants_ranges(servers: Servers, file_store: str) -> None:
    """On Lambda, where an answer has at most 6 MB."""
    Shop(file_store).publish(apks.made("v1+v2+v3"), "GAME", "1.0", "--force")
    with FunctionUrl(servers.emulator(bootstrap("channel-range-splice"), {"PAKHUS_STORE": file_store}).url) as front:
        answer = client.get(f"{front.url}/packages/GAME/1.0.apk")
    assert (answer.status, json.loads(answer.body)["type"]) == (501, "range-required")
    assert 501 in BY_ID["getPackage"].responses
