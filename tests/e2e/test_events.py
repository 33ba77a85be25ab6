"""The sample events, as they lie in events/, sent to the functions that they are for."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support import samples
from support.cache import ROOT, fetched
from support.fc import FunctionCompute
from support.function_url import FunctionUrl, unwrapped
from support.servers import Command, Servers, bootstrap, clean_environment
from support.shop import Shop

TEMPLATE = (ROOT / "template.yaml").read_text()


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of a store with what the samples are about."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "store").mkdir()
    store = f"file://{folder}/store"
    samples.fill(Shop(store), folder)
    return {"PAKHUS_STORE": store, **samples.TOKENS}


@pytest.mark.parametrize("sample", samples.all(), ids=lambda path: path.stem)
def test_a_sample_is_answered(sample: Path, env: dict[str, str], servers: Servers) -> None:
    function, platform = samples.parts(sample)
    if platform in ("fc-timer", "oss"):
        with FunctionCompute(servers.function(function, env, host="fc").url) as platform_side:
            answer = platform_side.invoke(sample.read_bytes())
        assert answer.header("x-fc-status") == "200", answer.body
        return
    with FunctionUrl(servers.emulator(bootstrap(function), env).url) as front:
        told: Any = front.invoke(json.loads(sample.read_text()))
    if platform in ("schedule", "s3"):
        assert not (isinstance(told, dict) and "errorType" in told), told
    else:
        samples.check(function, unwrapped(told))


def test_each_function_of_the_template_has_samples() -> None:
    deployed = set(re.findall(r"arm64/([a-z-]+)\.zip", TEMPLATE))
    of_each = {function: {platform for name, platform in map(samples.parts, samples.all()) if name == function} for function in deployed}
    for function, platforms in of_each.items():
        assert platforms >= {"url", "api-gateway", "alb"} or platforms in ({"schedule", "fc-timer"}, {"s3", "oss"}), function
    assert {function for function, _ in map(samples.parts, samples.all())} == deployed


def test_schedules_say_what_the_template_says() -> None:
    for function, event in [("evict-cron", "evict"), ("calibrate-cron", "calibrate"), ("reconcile", "reconcile")]:
        assert samples.load(function, "schedule") == {"pakhus": event}
        assert f"Input: '{json.dumps({'pakhus': event}, separators=(',', ':'))}'" in TEMPLATE


def test_make_invoke_prints_the_answer(env: dict[str, str]) -> None:
    """As `make invoke` calls it."""
    def invoke(function: str) -> "subprocess.CompletedProcess[str]":
        command: Command = [fetched("venv") / "bin/python", ROOT / "events/invoke.py", function, samples.path("channel-range-splice", "url")]
        where = {"PAKHUS_FUNCTIONS": str(bootstrap("channel-range-splice").parents[1])}
        return subprocess.run(command, env={**clean_environment(), **where, **env}, capture_output=True, text=True, timeout=60)

    done = invoke("channel-range-splice")
    answer = json.loads(done.stdout)
    assert (answer["statusCode"], answer["body"]) == (206, "<524288 bytes>")
    assert "method=GET path=/packages/GAME/2.0/huawei.apk status=206" in done.stderr
    unknown = invoke("no-such-function")
    assert unknown.returncode == 1 and "there is no function no-such-function" in unknown.stderr
