"""The short form of the campaign against nodes, see `tests.cluster.campaign`."""

from pathlib import Path

import pytest

from sakuin.index.settings import Settings
from tests.cluster.campaign import campaign

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_nothing_is_lost_or_wrong_whichever_node_dies(tmp_path: Path, toy_model: Path) -> None:
    settings = Settings(model=str(toy_model), dim=64)
    found = campaign(tmp_path, settings, passages=1_200, shards=6, queries=60, kills=3, seed=1)
    assert [found[part]["kills"] for part in ("build", "service", "commits")] == [1, 1, 1]
    assert (found["build"]["lost"], found["build"]["damaged"]) == (0, 0)
    assert found["compared"]["wrong"] == 0
    assert (found["service"]["wrong"], found["service"]["errors"]) == (0, 0)
    assert (found["commits"]["mixed"], found["commits"]["lost"], found["commits"]["damaged"]) == (0, 0, 0)
