"""SIGKILL in the middle of writing: what was committed must stand, whole and searchable."""

from pathlib import Path

import pytest
from crashes import torment


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_writers_lose_nothing_committed(tmp_path: Path) -> None:
    counts = torment(tmp_path, kills=40)
    assert sum(number for name, number in counts.items() if "killed" in name) == 40
    # Both sides of a commit were seen.
    assert any("before a commit" in name for name in counts)
    assert any("after a commit" in name for name in counts)
