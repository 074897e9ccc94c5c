"""SIGKILL in the middle of writing: the last commit must stand, whole and searchable."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from index.build import add, build
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


def kill_while(arguments: list[str], after: float) -> bool:
    """Start `index`, kill it after some seconds; whether it was still running then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "index", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(after)
    running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return running


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("work", ["build", "add"])
def test_killed_writers_lose_nothing_committed(lines: Path, tmp_path: Path, work: str) -> None:
    folder = tmp_path / "index"
    add([lines / "first.txt"], folder)
    committed = {"documents": 1}
    arguments = [work, str(lines), "--index", str(folder)]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "index", work, str(lines), "--index", str(tmp_path / "trial")], check=True)
    whole = time.perf_counter() - started
    rng = random.Random(work)
    interrupted = 0
    for _ in range(KILLS):
        interrupted += kill_while(arguments, rng.uniform(0.1, 0.95) * whole)
        with Searcher.open(folder) as searcher:
            assert searcher.counts()["documents"] >= committed["documents"]
            committed = searcher.counts()
            hits = searcher.search("最初の文書", k=3).hits
            assert hits[0].text == "最初の文書"
        assert verify(folder) == []
    assert interrupted
    (build if work == "build" else lambda corpus, index: add([corpus], index))(lines, folder)
    with Searcher.open(folder) as searcher:
        assert searcher.counts()["documents"] == 8001
    assert verify(folder) == []
