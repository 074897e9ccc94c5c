"""Short forms of the campaigns against clusters: kills inside calls to the system, and flipped bits."""

import shutil
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="needs Linux and a C compiler"),
]


def run(module: str, *arguments: str) -> str:
    """What a campaign says, with its seed, where it found nothing."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return done.stdout


def test_who_changes_a_cluster_is_ended_inside_calls_to_the_system() -> None:
    told = run("tests.cluster.cluster_kills", "--kills", "16", "--seed", "fresh")
    assert "16 kills, 0 that" in told


def test_flipped_bits_of_a_cluster_are_told() -> None:
    told = run("tests.cluster.cluster_flips", "--flips", "60", "--seed", "fresh")
    rows = told.splitlines()[2:]
    assert sum(int(row.split()[-6]) for row in rows) == 60
