"""Processes that run for days keep to the memory they have after an hour: hundreds of commits and openings, counted.

Each process is one of its own, with a corpus of a few documents and a model of a few words, so that what it keeps of
each round stands out.
"""

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from sakuin.index.build import build
from sakuin.index.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="measured with glibc")]

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "300"))
"""Two minutes in all; `SOAK_ROUNDS=10000 pytest -m slow tests/soak` takes an hour."""

WARM_UP = 60
"""Rounds after which caches are full and every arena of the allocator has been used."""

MOST_MB = 32
"""What the rounds after that may add, a tenth of a MB each: usually 2 MB in all, but on a busy machine an arena more is
used now and then. A tagger of MeCab for each round would add 9 MB a round."""

MOST_FILES = 8
"""Open files that they may add: SQLite puts off closing some."""

OPENING = """
import sys
from pathlib import Path
from sakuin.search import Searcher
for line in sys.stdin:
    with Searcher.open(Path(sys.argv[1])) as searcher:
        searcher.search("休みの申請 password")
    print("done", flush=True)
"""
WATCHING = """
from functools import partial
from sakuin.cli.main import main
from sakuin.index import watch
watch.watch = partial(watch.watch, still_ms=10)
main()
"""


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Python with arguments, and pipes; killed in the end."""
    process = subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], start: str) -> None:
    """Read lines of a process up to one that begins so."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(start):
            return
    raise AssertionError(f"the process ended with {process.wait()}")


def assert_level(pid: int, one_round: Callable[[int], None]) -> None:
    """Run the rounds and compare what the process has after them with what it had after the first ones."""
    process = psutil.Process(pid)
    for number in range(WARM_UP):
        one_round(number)
    memory, files = process.memory_info().rss, process.num_fds()
    for number in range(WARM_UP, WARM_UP + ROUNDS):
        one_round(number)
        if (number - WARM_UP) % (ROUNDS // 10) == 0:
            # A curve, for who runs it by hand with `pytest -s`.
            print(f"{number - WARM_UP} {process.memory_info().rss / 1e6:.1f} MB", flush=True)
    added_mb, added_files = (process.memory_info().rss - memory) / 1e6, process.num_fds() - files
    print(f"{memory / 1e6:.0f} MB, {added_mb:+.1f}; {files} files, {added_files:+}")
    assert added_mb < MOST_MB
    assert added_files < MOST_FILES


def change(corpus: Path, number: int) -> None:
    """Change one document."""
    (corpus / "leave.txt").write_text(f"有給休暇の申請は{number}日前までに出してください。", encoding="utf-8")


def test_openings_leave_nothing(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    with running("-c", OPENING, str(tmp_path / "index")) as process:
        assert process.stdin is not None
        stdin = process.stdin

        def open_once(number: int) -> None:
            stdin.write(f"{number}\n")
            stdin.flush()
            wait_for(process, "done")

        assert_level(process.pid, open_once)


def test_a_service_that_sees_commits_stays_as_it_is(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    index = tmp_path / "index"
    build(corpus, index, Settings(model=str(toy_model)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running("-m", "sakuin", "serve", "--index", str(index), "--port", str(port)) as process:
        wait_for(process, "http")
        connection = http.client.HTTPConnection("127.0.0.1", port)

        def commit_and_search(number: int) -> None:
            change(corpus, number)
            build(corpus, index)
            # On a busy machine a build takes longer than a service waits for a connection's next request.
            connection.close()
            connection.request("GET", f"/search?query={number}+password&where=type%3Dtxt")
            assert b"leave.txt" in connection.getresponse().read()

        assert_level(process.pid, commit_and_search)


def test_a_service_that_answers_stays_as_it_is(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    index = tmp_path / "index"
    build(corpus, index, Settings(model=str(toy_model)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running("-m", "sakuin", "serve", "--index", str(index), "--port", str(port)) as process:
        wait_for(process, "http")
        connection = http.client.HTTPConnection("127.0.0.1", port)

        def ask(number: int) -> None:
            for path in (
                f"/search?query={number}+password&explain=true",
                f"/search?query=cat+{number}&mode=bm25&where=type%3Dtxt&group=passage",
                "/documents?limit=2",
                "/documents/vpn.md",
                "/search?k=nothing",
            ):
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == (400 if "nothing" in path else 200), path

        assert_level(process.pid, ask)


def test_watching_changes_stays_as_it_is(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    index = tmp_path / "index"
    with running("-c", WATCHING, "watch", str(corpus), "--index", str(index), "--model", str(toy_model)) as process:
        wait_for(process, "Files:")

        def change_and_wait(number: int) -> None:
            change(corpus, number)
            wait_for(process, "Files:")

        assert_level(process.pid, change_and_wait)
