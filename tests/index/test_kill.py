"""SIGKILL in the middle of writing: what was committed must stand, whole and searchable."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("crashes.py")
SHIMMED = HARNESS.with_name("kills.py")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_writers_lose_nothing_committed() -> None:
    # A process of its own: it forks, which one with threads must not do.
    done = subprocess.run(
        [sys.executable, str(HARNESS), "--kills", "40"], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    counts = {name: int(number) for name, number in re.findall(r"^(.*\S) +(\d+)$", done.stdout, re.MULTILINE)}
    assert sum(number for name, number in counts.items() if "killed" in name) == 40
    # Both sides of a commit were seen.
    assert any("before a commit" in name for name in counts)
    assert any("after a commit" in name for name in counts)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="needs Linux and a C compiler")
@pytest.mark.parametrize("seed", ["0", "fresh"])
def test_writers_ended_inside_calls_to_the_system_lose_nothing_committed(seed: str) -> None:
    command = [sys.executable, str(SHIMMED), "--kills", "14", "--seed", seed]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # With the seed in it, for who reads of a failure.
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "14 kills, 0 that" in done.stdout
