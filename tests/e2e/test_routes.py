"""Every route of docs/api.md: who may ask it, with what methods and how large a body. tests/unit/test_routes.c holds that table against the code's."""

import json
import re
from typing import NamedTuple

import pytest

from support import apks, client
from support.cache import ROOT
from support.gateway import Answer
from support.servers import ADMIN, Program, Servers
from support.shop import Shop

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
SECRETS = {"origin secret": ("Pakhus-Origin-Secret", "of-the-cdn"), "node secret": ("Pakhus-Node-Secret", "of-nodes")}
ENVIRONMENT = {"PAKHUS_ORIGIN_SECRET": "of-the-cdn", "PAKHUS_NODE_SECRET": "of-nodes", "PAKHUS_GATHER_ALLOW": "*.example"}
TARGETS = {"/packages/…": "/packages/APP/1.0.apk", "/patches/…": "/patches/APP/1.0..2.0.diff"}


class Route(NamedTuple):
    path: str
    methods: tuple[str, ...]
    function: str
    guard: str
    body: int

    @property
    def target(self) -> str:
        return TARGETS.get(self.path, self.path)


def rows() -> list[Route]:
    table = (ROOT / "docs/api.md").read_text().split("| path | methods |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    return [Route(path.strip("`"), tuple(methods.split(", ")), function, guard, 0 if body == "none" else int(body.removesuffix(" KiB")) * 1024)
            for path, methods, function, guard, body in cells]


ROUTES = rows()
each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.methods[0]} {route.path}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, module_servers: Servers) -> Program:
    store = Shop(f"file://{tmp_path_factory.mktemp('store')}")
    store.publish(apks.made("v2"))
    return store.program(module_servers, env=ENVIRONMENT)


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory, module_servers: Servers) -> Program:
    store = Shop(f"file://{tmp_path_factory.mktemp('store')}")
    return store.program(module_servers, env={"PAKHUS_GATHER_ALLOW": "*.example"})


def kind(answer: Answer) -> str | None:
    problem = answer.header("content-type") == "application/problem+json" and answer.body
    return str(json.loads(problem).get("type")) if problem else None


def ask(server: Program, route: Route, method: str, *lines: tuple[str, str], body: int = 0) -> Answer:
    """Header lines as they are given, also two of one name."""
    length = [("Content-Length", str(body))] if method in ("POST", "PUT", "PATCH") or body else []
    head = "".join(f"{name}: {value}\r\n" for name, value in [("Host", "a"), ("Connection", "close"), *lines, *length])
    return client.raw(server.url, f"{method} {route.target} HTTP/1.1\r\n{head}\r\n".encode() + b" " * body)


@each_route
def test_a_route_is_closed_without_its_secret(route: Route, server: Program) -> None:
    name, secret = SECRETS[route.guard]
    others = [other for other in SECRETS.values() if other[0] != name]
    for method in route.methods:
        for lines in ([], [(name, "")], [(name, secret + "x")], [(name, secret[:-1])], others, [(name, secret.upper())]):
            assert ask(server, route, method, *lines).status == 403, (method, lines)
        assert ask(server, route, method, (name, secret), (name, secret)).status == 400, method
        assert ask(server, route, method, (name, "x"), (name, secret)).status == 400, method
        passed = ask(server, route, method, (name, secret))
        assert passed.status not in (403, 405, 413, 500), method
        if method != "HEAD":
            assert kind(ask(server, route, method)) == name.lower().removeprefix("pakhus-")


@each_route
def test_a_route_is_open_where_no_secret_is_set(route: Route, open_server: Program) -> None:
    for method in route.methods:
        assert ask(open_server, route, method).status not in (403, 405, 413, 500), method


@each_route
def test_other_methods_are_told_which_are_taken(route: Route, server: Program) -> None:
    allowed = {method for other in ROUTES if other.path == route.path for method in other.methods}
    for method in set(METHODS) - allowed:
        answer = ask(server, route, method, SECRETS[route.guard])
        assert answer.status == 405 and set(str(answer.header("allow")).split(", ")) == allowed, method


@each_route
def test_a_body_has_its_limit(route: Route, server: Program) -> None:
    secret = SECRETS[route.guard]
    method = route.methods[0]
    assert ask(server, route, method, secret, body=route.body + 1).status == 413
    assert ask(server, route, method, secret, body=route.body).status != 413


@each_route
@pytest.mark.parametrize("name", ["Range", "If-Range", "Pakhus-Node", "X-Original-URI", "Pakhus-Outcome"])
def test_a_header_that_decides_is_given_once(route: Route, name: str, server: Program) -> None:
    answer = ask(server, route, route.methods[0], SECRETS[route.guard], (name, "bytes=0-0"), (name.lower(), "bytes=0-0"))
    assert (answer.status, kind(answer)) == (400, "header-twice")


@pytest.mark.parametrize("function", sorted({route.function for route in ROUTES}))
def test_a_function_alone_answers_its_own_routes_only(function: str, file_store: str, servers: Servers) -> None:
    alone = servers.function(function, env={**ENVIRONMENT, "PAKHUS_STORE": file_store})
    for route in ROUTES:
        status = ask(alone, route, route.methods[0]).status
        assert status == (403 if route.function == function else 404), route


def test_all_that_is_mounted_is_in_the_table(server: Program) -> None:
    for path in ("/packages", "/patches", "/query/", "/query/results", "/admission/x", "/gather/x", "/token", "/token/x", "/evaluate-cron", "/prepare-upload"):
        assert client.get(server.url + path).status == 404, path


def test_every_function_takes_events(server: Program) -> None:
    for function in sorted(path.parent.name for path in ROOT.glob("functions/*/main.c")):
        answer = client.request(f"{server.url}/2015-03-31/functions/{function}/invocations", "POST", {"Content-Length": "0", **ADMIN})
        assert answer.status != 404, function


def test_operators_routes_are_closed_to_all_others(server: Program, open_server: Program) -> None:
    """Whatever else is sent along, and whatever a proxy leaves out; docs/api.md, what operators ask."""
    table = (ROOT / "docs/api.md").read_text().split("## What operators ask")[1].split("\n\n")[1].splitlines()[2:]
    found = {row.split("|")[1].strip().strip("`"): (row.split("|")[2].split(",")[0].strip(), row.split("|")[4].strip()) for row in table}
    assert {path: who for path, (_, who) in found.items()} == {
        "/healthz": "anyone", "/metrics": "operators", "/console": "operators", "/2015-03-31/functions/{function}/invocations": "operators"}
    functions = sorted(path.parent.name for path in ROOT.glob("functions/*/main.c"))
    for path, (method, who) in found.items():
        for function in functions if "{function}" in path else functions[:1]:
            target = path.replace("{function}", function)
            for url in server.url, open_server.url:
                for headers in {}, dict(SECRETS.values()), {"Authorization": "Bearer wrong"}, {"Host": "127.0.0.1", "X-Forwarded-For": "127.0.0.1"}:
                    status = client.request(url + target, method, {"Content-Length": "0", **headers}).status
                    assert status == (200 if who == "anyone" else 403), (target, headers)
            assert client.request(server.url + target, method, {"Content-Length": "0", **ADMIN}).status != 403


@pytest.mark.parametrize("path, methods", [("/healthz", {"GET", "HEAD"}), ("/metrics", {"GET", "HEAD"}), ("/console", {"GET", "HEAD"}), ("/2015-03-31/functions/query/invocations", {"POST"})])
def test_operators_routes_say_which_methods_they_take(path: str, methods: set[str], server: Program) -> None:
    for method in set(METHODS) - methods:
        answer = client.request(server.url + path, method, {"Content-Length": "0", **ADMIN})
        assert answer.status == 405 and set(str(answer.header("allow")).split(", ")) == methods, method


# --- what is deployed has the same table


def functions_of(text: str, start: str) -> dict[str, str]:
    """What stands in the template from the line that names a function's zip to the next one's."""
    parts = re.split(start, text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("template, start", [("template.yaml", r"/([a-z-]+)\.zip\n"), ("s.yaml", r"/([a-z-]+)\.zip\n")])
def test_deployed_functions_know_the_secrets_of_their_routes(template: str, start: str) -> None:
    blocks = functions_of((ROOT / template).read_text(), start)
    for function, block in blocks.items():
        guards = {route.guard for route in ROUTES if route.function == function}
        for guard, setting in ("origin secret", "PAKHUS_ORIGIN_SECRET"), ("node secret", "PAKHUS_NODE_SECRET"):
            assert (f" {setting}: " in block) == (guard in guards), (function, setting)


def test_function_computes_domain_has_each_path() -> None:
    text = (ROOT / "s.yaml").read_text()
    found = set(re.findall(r"\{path: (\S+), functionName: pakhus-([a-z-]+),", text))
    assert found == {(route.path.replace("…", "*"), route.function) for route in ROUTES}
    blocks = functions_of(text, r"/([a-z-]+)\.zip\n")
    for function in {route.function for route in ROUTES}:
        methods = re.search(r"methods: \[([A-Z, ]+)\]", blocks[function])
        wanted = {method for route in ROUTES if route.function == function for method in route.methods}
        assert methods and set(methods[1].split(", ")) == wanted, function


def test_the_page_on_deploying_says_what_each_secret_guards() -> None:
    text = (ROOT / "docs/deploy.md").read_text()
    for guard, setting in ("origin secret", "PAKHUS_ORIGIN_SECRET"), ("node secret", "PAKHUS_NODE_SECRET"):
        row = next(line for line in text.splitlines() if line.startswith(f"| `{setting}` |"))
        assert set(re.findall(r"`(/[a-z/]+)`", row)) == {route.path.removesuffix("/…") for route in ROUTES if route.guard == guard}
