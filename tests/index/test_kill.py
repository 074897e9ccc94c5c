"""SIGKILL in the middle of writing: the last commit must stand, whole and searchable."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from index.build import add
from index.snapshot import verify
from search import Searcher

KILLS = 10


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A corpus large enough that its build takes a while."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(40):
        rows = (f'{{"id": "{i}", "text": "文書{number}の{i}行目です。the quick fox {i * number}"}}' for i in range(200))
        (folder / f"part{number}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    (folder / "first.txt").write_text("最初の文書", encoding="utf-8")
    return folder


def run(arguments: list[str], kill_after: float | None = None) -> bool:
    """Run `index`, to its end or until it is killed; whether it was killed before its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "index", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    assert process.returncode == 0
    return False


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("work", ["build", "add"])
def test_killed_writers_lose_nothing_committed(lines: Path, tmp_path: Path, work: str) -> None:
    base = tmp_path / "base"
    add([lines / "first.txt"], base)
    seconds = []
    for trial in range(2):
        shutil.copytree(base, tmp_path / f"trial{trial}")
        started = time.perf_counter()
        run([work, str(lines), "--index", str(tmp_path / f"trial{trial}")])
        seconds.append(time.perf_counter() - started)
    rng = random.Random(work)
    killed = 0
    for number in range(KILLS):
        folder = tmp_path / f"index{number}"
        shutil.copytree(base, folder)
        arguments = [work, str(lines), "--index", str(folder)]
        killed += run(arguments, rng.uniform(0.2, 1.0) * min(seconds))
        with Searcher.open(folder) as searcher:
            assert searcher.counts()["documents"] in (1, 8001)
            assert searcher.search("最初の文書", k=3).hits[0].text == "最初の文書"
        assert verify(folder) == []
        # The next writer sweeps away what was left and goes on.
        if number % 3 == 0:
            run(arguments)
            with Searcher.open(folder) as searcher:
                assert searcher.counts()["documents"] == 8001
            assert verify(folder) == []
            assert len(list((folder / "terms").iterdir())) == 1
        shutil.rmtree(folder)
    assert killed >= KILLS // 2
