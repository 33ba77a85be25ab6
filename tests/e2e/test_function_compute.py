"""s.yaml: read by Serverless Devs' own parser, held against what Function Compute takes, and its functions run as it says, on OSS's
stand-in."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support import client, samples
from support.cache import ROOT, fetched
from support.fc import CustomDomain, FunctionCompute
from support.oss import Oss
from support.servers import Minio, Program, Servers, bootstrap, clean_environment
from support.shop import Shop

BUCKET = "pakhus-packages"
SECRET = "only-the-cdn"
GIVEN = {"PAKHUS_BUCKET": BUCKET, "PAKHUS_DOMAIN": "packages.example.com", "PAKHUS_CERTIFICATE": "21130608", "PAKHUS_ORIGIN_SECRET": SECRET,
         "PAKHUS_FLUSH": "sync", **samples.TOKENS}
ACCOUNT = {"AccountID": "123456789", "AccessKeyID": "id", "AccessKeySecret": "secret"}
PROPERTIES = {"region", "functionName", "description", "runtime", "code", "customRuntimeConfig", "role", "internetAccess", "cpu", "memorySize",
              "diskSize", "timeout", "instanceConcurrency", "instanceLifecycleConfig", "logConfig", "environmentVariables", "triggers"}
STORE = rf"s3://{BUCKET}/\?endpoint=https://s3\.oss-cn-hangzhou(-internal)?\.aliyuncs\.com&region=cn-hangzhou"
FUNCTIONS = sorted({function for function, _ in map(samples.parts, samples.all())})


def parse(given: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    env = {**clean_environment(), **ACCOUNT, **given, "NODE_PATH": str(fetched("serverless-devs"))}
    return subprocess.run(["node", ROOT / "tests/e2e/support/serverless_devs.js", ROOT / "s.yaml"], env=env, capture_output=True, text=True,
                          timeout=60)


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    done = parse(GIVEN)
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def props(resources: dict[str, Any], function: str) -> dict[str, Any]:
    assert resources[function]["component"] == "fc3"
    found: dict[str, Any] = resources[function]["props"]
    return found


def trigger(resources: dict[str, Any], function: str) -> tuple[str, dict[str, Any]]:
    [one] = props(resources, function)["triggers"]
    return one["triggerType"], one


# --- what the platform takes

def test_it_deploys_every_function(resources: dict[str, Any]) -> None:
    assert set(resources) == {*FUNCTIONS, "domain"}
    assert set(FUNCTIONS) >= {path.parent.name for path in ROOT.glob("functions/*/main.c")}


@pytest.mark.parametrize("name", ["PAKHUS_BUCKET", "PAKHUS_DOMAIN", "PAKHUS_CERTIFICATE"])
def test_what_must_be_set_is_asked_for(name: str) -> None:
    done = parse({key: value for key, value in GIVEN.items() if key != name})
    assert done.returncode == 1 and name in done.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_properties_are_the_platforms(function: str, resources: dict[str, Any]) -> None:
    of = props(resources, function)
    assert set(of) <= PROPERTIES
    assert (of["runtime"], of["code"]) == ("custom.debian12", f"./build/package/x86_64/{function}.zip")
    assert of["customRuntimeConfig"] == {"command": ["/code/bootstrap"], "port": 9000}
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,127}", of["functionName"])
    assert of["role"] == "acs:ram::123456789:role/pakhus-functions"
    assert 0.05 <= of["cpu"] <= 16 and round(of["cpu"] * 20, 6) % 1 == 0
    assert of["memorySize"] % 64 == 0 and 1 <= of["memorySize"] / 1024 / of["cpu"] <= 4
    assert of["diskSize"] in (512, 10240) and 1 <= of["timeout"] <= 86400 and 1 <= of["instanceConcurrency"] <= 200
    assert all(isinstance(value, str) for value in of["environmentVariables"].values())
    assert len(json.dumps(of["environmentVariables"])) < 4096


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_trigger_is_the_platforms(function: str, resources: dict[str, Any]) -> None:
    kind, one = trigger(resources, function)
    config = one["triggerConfig"]
    if samples.path(function, "url").exists():
        assert kind == "http" and config["authType"] == "anonymous" and set(config["methods"]) >= {"GET", "HEAD"}
        assert (f"pakhus-{function}" in {route["functionName"] for route in resources["domain"]["props"]["routeConfig"]["routes"]})
    elif kind == "oss":
        assert one["sourceArn"] == f"acs:oss:cn-hangzhou:123456789:{BUCKET}"
        assert one["invocationRole"].startswith("acs:ram::123456789:role/")
        assert config["filter"]["key"] == {"prefix": "uploads/", "suffix": ".apk"}
        assert "oss:ObjectCreated:CompleteMultipartUpload" in config["events"]
    else:
        assert kind == "timer" and config["enable"]
        assert re.fullmatch(r"@every [1-9][0-9]*m|(\S+ ){5}\S+", config["cronExpression"])
        assert config["payload"].replace(" ", "") == samples.load(function, "fc-timer")["payload"].replace(" ", "")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_settings_are_read_by_it(function: str, resources: dict[str, Any]) -> None:
    program = bootstrap(function).read_bytes()
    for name in props(resources, function)["environmentVariables"]:
        assert name.encode() in program or name == "PAKHUS_LOG" or name.startswith("EDGES_"), name  # these are put together


# --- the functions, run so

class Cloud:
    """OSS with what the samples are about, and functions as s.yaml has them."""

    def __init__(self, resources: dict[str, Any], minio: Minio, folder: Path, stack: ExitStack):
        self.resources, self.minio, self.stack = resources, minio, stack
        self.oss = stack.enter_context(Oss(minio))
        samples.fill(Shop(self.oss.store(minio.bucket(BUCKET)), minio.credentials()), folder)

    def start(self, servers: Servers, function: str) -> tuple[Program, FunctionCompute]:
        given = props(self.resources, function)["environmentVariables"]
        assert re.fullmatch(STORE, given["PAKHUS_STORE"])
        own = {"PAKHUS_STORE": self.oss.store(BUCKET), "FC_FUNCTION_NAME": f"pakhus-{function}"}
        program = servers.function(function, {**given, **own}, host="fc")
        lent = {"id": self.minio.access_key, "secret": self.minio.secret_key}
        return program, self.stack.enter_context(FunctionCompute(program.url, lent))


@pytest.fixture(scope="module")
def cloud(resources: dict[str, Any], minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with ExitStack() as stack:
        yield Cloud(resources, minio, tmp_path_factory.mktemp("samples"), stack)


def check_log(program: Program) -> None:
    """Each Start has its End, and none an error."""
    lines = [line for line in program.output().splitlines() if line.startswith("FC ")]
    assert not [line for line in lines if "Error" in line], lines
    ends = [line.replace(" End ", " Start ") for line in lines if " End " in line]
    assert sorted(ends) == sorted(line for line in lines if " Start " in line)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_lives_as_the_platform_has_it(function: str, cloud: Cloud, servers: Servers) -> None:
    """Probes, initialize, its trigger, freeze and stop."""
    program, platform = cloud.start(servers, function)
    platform.probe()
    assert platform.initialize().status == 200
    kind, _ = trigger(cloud.resources, function)
    if kind == "http":
        ask(platform.url, function)
    else:
        sample = samples.path(function, "fc-timer" if kind == "timer" else "oss")
        answer = platform.invoke(sample.read_bytes())
        assert answer.header("x-fc-status") == "200", answer.body
    assert platform.pre_freeze().status == 200
    assert platform.pre_stop().status == 200
    assert program.stop() == 0
    check_log(program)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_event_of_another_kind_is_a_handled_error(function: str, cloud: Cloud, servers: Servers) -> None:
    program, platform = cloud.start(servers, function)
    answer = platform.invoke(b'{"pakhus":"no-such-job"}', "id-1")
    assert answer.header("x-fc-status") == "404"
    assert set(json.loads(answer.body)) == {"errorMessage", "errorType", "stackTrace"}
    assert "FC Invoke End RequestId: id-1, Error: Unhandled function error" in program.output()


def ask(url: str, function: str) -> None:
    """The sample of a Function URL is a request like any other."""
    method, target, headers = samples.http(function)
    given = {**dict(headers), "Pakhus-Origin-Secret": SECRET}
    range = given.pop("range", None)
    samples.check(function, client.request(f"{url}{target}", method, given, range, follow=True))


def test_one_domain_leads_to_all(cloud: Cloud, servers: Servers) -> None:
    listed = cloud.resources["domain"]["props"]["routeConfig"]["routes"]
    routes = {route["path"]: route["functionName"].removeprefix("pakhus-") for route in listed}
    running = {function: cloud.start(servers, function)[1] for function in set(routes.values())}
    with CustomDomain({path: running[function] for path, function in routes.items() if function in running}) as domain:
        for function in running:
            ask(domain.url, function)
        assert client.get(f"{domain.url}/elsewhere").status == 404
