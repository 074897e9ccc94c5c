"""Nodes of Ray, started once for all tests that need some."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.nodes import ray_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """Three nodes."""
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    with ray_cluster(3) as cluster:
        yield cluster
