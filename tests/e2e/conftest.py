"""Fixtures: real servers, real APKs, and the programs under test (PAKHUS_BIN, PAKHUS_FUNCTIONS)."""

import os
import subprocess
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from support import apks, schedule, shop
from support import localstack as localstacks
from support.deployed import Deployed, deploy
from support.servers import Minio, Servers, bootstrap, clean_environment, pakhus_binary
from support.shop import Shop
from support.subsystem import Subsystem

pytest_plugins = ["support.token_levels"]

RunPakhus = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def session_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """For what is slow to start; `servers` for all else."""
    with Servers(tmp_path_factory.mktemp("session-logs")) as running:
        yield running


@pytest.fixture(scope="module")
def module_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """For what all tests of a file ask and none of them changes."""
    with Servers(tmp_path_factory.mktemp("module-logs")) as running:
        yield running


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """What a test starts with this has ended when the test has."""
    with Servers(tmp_path / "logs") as running:
        yield running


@pytest.fixture(scope="module")
def subsystem() -> Iterator[Subsystem]:
    with Subsystem() as running:
        yield running


@pytest.fixture(scope="session")
def minio(session_servers: Servers) -> Minio:
    return session_servers.minio()


@pytest.fixture(scope="session")
def localstack(session_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> localstacks.LocalStack:
    return localstacks.start(session_servers, tmp_path_factory.mktemp("localstack"))


@pytest.fixture(scope="session")
def stacks(localstack: localstacks.LocalStack, minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployed]:
    """By where their packages are. Both at once, so that their clocks run while the tests do other things."""
    return {kind: deploy(kind, localstack, tmp_path_factory.mktemp("deploy"), minio) for kind in ("s3", "minio")}


@pytest.fixture
def bucket(minio: Minio) -> str:
    """A private bucket of the test's own."""
    return minio.bucket(f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def s3_store(minio: Minio, bucket: str) -> str:
    """The store URL of that bucket; it takes the environment of `minio.credentials()`."""
    return minio.store(bucket)


@pytest.fixture
def file_store(tmp_path: Path) -> str:
    folder = tmp_path / "store"
    folder.mkdir()
    return f"file://{folder}"


@pytest.fixture(params=["file", "minio"])
def store(request: pytest.FixtureRequest) -> Shop:
    """An empty store of either kind."""
    if request.param == "file":
        return Shop(request.getfixturevalue("file_store"))
    return shop.minio_shop(request.getfixturevalue("minio"), request.getfixturevalue("bucket"))


@pytest.fixture
def directory(file_store: str) -> Shop:
    return Shop(file_store)


@pytest.fixture(scope="session")
def apk() -> Callable[[str], Path]:
    """apk("v2+v3"): a path in the cache that must not be written to; names are the keys of apks.MAKERS."""
    return apks.made


@pytest.fixture(scope="session")
def pakhus() -> Path:
    binary = pakhus_binary()
    assert binary.exists(), f"{binary} is not built: make, or set PAKHUS_BIN"
    return binary


@pytest.fixture(scope="session")
def function_bootstrap() -> Callable[[str], Path]:
    """function_bootstrap("channel-range-splice"): the path of the built program."""
    return bootstrap


@pytest.fixture
def run_pakhus(pakhus: Path, tmp_path: Path) -> RunPakhus:
    """run_pakhus("inspect", path, "--json", env={...}, check=False): runs in the test's folder, standard output and
    error as text. Fails on a non-zero exit unless check=False."""

    def run(*arguments: str | Path, env: dict[str, str] | None = None, check: bool = True,
            timeout: float = 280) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run([pakhus, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=timeout,
                              env={**clean_environment(), **(env or {})})
        assert not check or done.returncode == 0, f"pakhus {arguments}: exit {done.returncode}\n{done.stderr}"
        return done

    return run


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    schedule.apply(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """For the sum of `make test`, and for scripts/run-e2e-tests, which runs a few that failed once more."""
    passed, failed, errors, skipped = (terminalreporter.stats.get(kind, []) for kind in ("passed", "failed", "error", "skipped"))
    if file := os.environ.get("PAKHUS_TEST_RESULTS"):
        Path(file).write_text(f"{len(passed)} {len(failed) + len(errors)} {len(skipped)}\n")
    if file := os.environ.get("PAKHUS_TEST_FAILED"):
        names = dict.fromkeys(schedule.without_group(report.nodeid) for report in [*failed, *errors])
        Path(file).write_text("".join(f"{name}\n" for name in names))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the ends of its servers' logs."""
    report = yield
    for name in ("servers", "module_servers"):
        running = getattr(item, "funcargs", {}).get(name)
        if report.when == "call" and report.failed and isinstance(running, Servers) and running.folder.exists():
            for log in sorted(running.folder.iterdir()):
                report.sections.append((log.name, log.read_text(errors="replace")[-2000:]))
    return report
