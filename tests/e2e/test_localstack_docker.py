"""The other way to LocalStack: in Docker, with its own executor, which runs the very zips in AWS's images. Where there is a Docker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import localstack, samples
from support.localstack import DockerMissing, LocalStack
from support.servers import free_port
from support.shop import Shop


@pytest.fixture
def composed() -> Iterator[tuple[LocalStack, str]]:
    """And its URL as the functions' containers have it: by a name that leads there from everywhere."""
    port = free_port()
    try:
        with localstack.composed(port, free_port()) as running:
            yield running, "http://localhost.localstack.cloud:4566"
    except DockerMissing as missing:
        pytest.skip(str(missing))


def test_a_slice_comes_from_a_container(composed: tuple[LocalStack, str], tmp_path: Path) -> None:
    running, inside = composed
    where = localstack.own_store(running, "pakhus", inside)
    stack = localstack.deploy(running, tmp_path / "deploy", "pakhus", {**where.parameters, "Redirect": "never"})
    samples.fill(Shop(where.url, where.credentials), tmp_path)
    method, target, headers = samples.http("channel-range-splice")
    samples.check("channel-range-splice", stack.http("channel-range-splice", target, method, dict(headers)))
