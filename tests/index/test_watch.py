"""`index watch`: what is put into the folder can soon be found."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sakuin.index.errors import IndexFolderError
from sakuin.index.integrity import verify
from sakuin.index.report import Progress, Report, no_progress
from sakuin.index.settings import Settings
from sakuin.index.watch import watch
from sakuin.search import Searcher

# A shell that starts tests in the background lets them, and what they start, ignore SIGINT.
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from sakuin.cli.main import main
main()
"""


def eventually_found(folder: Path, query: str, wanted: set[str]) -> bool:
    """Whether the index gives just these documents, within a time that is long even on a busy machine."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        time.sleep(0.05)
        # Until the first build is done there is no index.
        with suppress(IndexFolderError), Searcher.open(folder) as searcher:
            if {hit.document.uri for hit in searcher.search(query, mode="bm25").hits} == wanted:
                return True
    return False


@pytest.mark.slow
def test_watch_follows_the_folder(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "one.txt").write_text("最初の索引です", encoding="utf-8")
    # Inside the watched folder: what the watcher writes itself must not wake it again.
    index = corpus / ".sakuin"
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "watch", str(corpus), "--index", str(index)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert eventually_found(index, "索引", {"one.txt"})
        (corpus / "new").mkdir()
        (corpus / "new" / "two.md").write_text("二つ目の索引です", encoding="utf-8")
        assert eventually_found(index, "索引", {"one.txt", "new/two.md"})
        (corpus / "one.txt").unlink()
        assert eventually_found(index, "索引", {"new/two.md"})
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    assert output.count("Files:") == 3
    assert f"Watching {corpus}" in output
    assert f"No longer watching {corpus}. The index in {index} is as the last summary says" in output
    assert verify(index) == []


def test_what_hinders_a_build_is_told_once(tmp_path: Path) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    corpus.mkdir()
    (corpus / "one.txt").write_text("最初の索引です", encoding="utf-8")
    tries = 0

    @contextmanager
    def counted() -> Iterator[Progress]:
        nonlocal tries
        tries += 1
        if tries == 6:
            (corpus / "two.txt").write_text("二つ目の索引です", encoding="utf-8")
        yield no_progress

    told = watch(corpus, index, Settings(), counted, still_ms=50, retry_ms=100)
    first = next(told)
    assert isinstance(first, Report)
    assert first.added == 1
    # As when the disk is not there any more.
    (corpus / "one.txt").unlink()
    hindered, last = next(told), next(told)
    assert isinstance(hindered, str)
    assert "is the disk there?" in hindered
    assert "again every 0.1 seconds" in hindered
    assert isinstance(last, Report)
    assert (last.added, last.removed) == (1, 1)
    assert tries >= 6


def test_watching_no_folder_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sakuin", "watch", str(tmp_path / "none")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "No folder" in done.stderr
