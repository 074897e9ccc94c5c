"""Processes that analyse."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sakuin.index.build import build
from sakuin.index.errors import IndexFolderError
from sakuin.index.text import Analyser
from sakuin.index.text.workers import Analysers
from sakuin.search import Searcher

TEXTS = ["東京の図書館で本を借りた。", "The quick brown foxes", "", "検索エンジン ＡＢＣ", "\ud800 lone surrogate"]


def test_terms_are_those_of_the_analyser() -> None:
    expected = Analyser().joined([text.replace("\ud800", "\ufffd") for text in TEXTS])
    with closing(Analysers()) as analysers:
        futures = [analysers.submit(TEXTS) for _ in range(3 * analysers.number)]
        assert all(future.result() == expected for future in futures)
        assert [analysers.submit(texts).result() for texts in ([], [""], ["", ""])] == [[], [""], ["", ""]]
        processes = analysers._processes
    assert all(process.poll() is not None for process in processes)


def test_a_dead_process_is_explained() -> None:
    with closing(Analysers()) as analysers:
        for process in analysers._processes:
            process.kill()
            process.wait()
        with pytest.raises(IndexFolderError, match="has died"):
            analysers.submit(TEXTS).result()


def test_ctrl_c_and_the_end_of_the_parent_are_quiet_while_workers_start() -> None:
    # In the background of a shell SIGINT is ignored, and children would ignore it too.
    code = """
import signal
from sakuin.index.text.workers import Analysers
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    analysers = Analysers()
    print("started", flush=True)
    input()
except KeyboardInterrupt:
    print(analysers.submit(["猫"]).result(), flush=True)
    Analysers()
    print("more", flush=True)
    input()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    with closing(process.stdout):
        assert process.stdout.readline() == "started\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "['猫 猫']\n"
        assert process.stdout.readline() == "more\n"
        process.kill()
        # Ends when the last worker, which has the same output, has ended.
        assert process.communicate(timeout=30)[0] == ""


def test_closing_does_not_wait_for_work_under_way() -> None:
    analysers = Analysers()
    futures = [analysers.submit(["長い文です。" * 20_000] * 50) for _ in range(20)]
    analysers.close()
    assert sum(future.cancelled() or future.exception() is not None for future in futures) > 10


def test_an_index_is_the_same_by_whichever_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    corpus = tmp_path / "corpus"
    corpus.mkdir()
    lines = (f'{{"id": {i}, "text": "{i}番目の文書、number {i * i}"}}' for i in range(300))
    (corpus / "many.jsonl").write_text("\n".join(lines), encoding="utf-8")
    build(corpus, tmp_path / "alone")
    monkeypatch.setattr("sakuin.index.lots.DOCUMENTS_AT_ONCE", 32)
    monkeypatch.setattr("sakuin.index.writer.BATCH", 50)
    # Also those that are left at the end, which are no whole batch.
    monkeypatch.delattr("sakuin.index.terms.TermsWriter.add")
    started: list[Analysers] = []
    monkeypatch.setattr("sakuin.index.pending.Analysers", lambda: started.append(Analysers()) or started[-1])
    build(corpus, tmp_path / "together")
    assert len(started) == 1
    with Searcher.open(tmp_path / "alone") as one, Searcher.open(tmp_path / "together") as other:
        for query in ("17番目の文書", "number 289"):
            assert one.search(query, k=50).hits == other.search(query, k=50).hits
