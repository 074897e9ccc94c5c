"""A short form of the campaign that kills nodes, and its notes, from which it goes on."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.campaign_notes import AskedOtherwiseError, Notes, counter_of

ASKED = {"passages": 10, "kills": 3}


def test_notes_are_gone_on_from(tmp_path: Path) -> None:
    notes = Notes(tmp_path, ASKED)
    notes.keep("service", {"answers": 3, "wrong": 0, "errors": 1, "took": [2.0]})
    notes.keep("build", {"builds": 1, "took": [1.0, 4.0]}, done=True)
    again = Notes(tmp_path, ASKED)
    assert again.is_done("build")
    assert not again.is_done("service")
    counts = counter_of({"answers": 0, "hedged": 0, **again.part("service")})
    assert counts == {"answers": 3, "wrong": 0, "errors": 1, "hedged": 0}
    rows = again.table().splitlines()
    assert rows[2] == "| build | 1 builds | 2 | 0 |  | 0 | 2.5, 4.0 |"
    assert rows[3] == "| service | 3 answers, not at its end | 1 | 1 | 0 | 0 | 2.0, 2.0 |"


def test_a_campaign_of_other_numbers_is_not_gone_on_from(tmp_path: Path) -> None:
    Notes(tmp_path, ASKED).keep("build", {})
    with pytest.raises(AskedOtherwiseError, match="name another --folder"):
        Notes(tmp_path, {**ASKED, "kills": 4})


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nodes_are_killed_while_they_build_serve_and_commit(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    asked = {"passages": 300, "shards": 3, "queries": 40, "kills": 3, "seed": 0}
    options = [option for name, number in asked.items() for option in (f"--{name}", str(number))]
    command = [sys.executable, "-m", "tests.cluster.campaign", *options, "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    notes = Notes(tmp_path, asked)
    assert notes.table() in done.stdout
    for name, zeros in {
        "build": ("lost", "damaged"),
        "compared": ("wrong",),
        "service": ("wrong", "errors"),
        "commits": ("mixed", "errors", "lost", "damaged"),
    }.items():
        figures = notes.part(name)
        assert {one: figures[one] for one in zeros} == dict.fromkeys(zeros, 0), figures
        assert name == "compared" or len(figures["took"]) == 1
    assert notes.part("service")["answers"]
    assert notes.part("commits")["searches"]
