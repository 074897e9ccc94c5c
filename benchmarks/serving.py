"""Serving: queries a second of several clients at once, by how many processes answer, over HTTP and in a process pool.

    python -m benchmarks.serving --data ../shared/data/pairs --passages 100000
    python -m benchmarks.serving --index .sakuin --json benchmarks/results/COMMIT/serving-100000.json

Clients need the same cores as what answers them. So all clients over HTTP are one thread, which sends prepared bytes
over connections that stay open and looks for no more than the end of each answer; what CPU it takes is shown. Every
number of processes is up at the same time, and they are measured in turns.
"""

import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import click
import numpy as np
import psutil

from benchmarks.passages import distinct_passages
from benchmarks.processes import run
from benchmarks.questions import asked_of
from benchmarks.results import Figure, json_option, write
from benchmarks.search import CLIENTS, passages_of
from benchmarks.steps import write_corpus
from sakuin import Searcher
from sakuin.search import SearchResult

READ = 1 << 18

Ask = Callable[[Sequence[str]], list[float]]
"""Has queries answered, as many at a time as there are clients; gives the seconds that each took."""


@click.command()
@click.option("--passages", default=100_000, show_default=True, help="Distinct passages to index.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--index", "folder", type=click.Path(path_type=Path), help="Measure this index, and build none.")
@click.option("--workers", "numbers", multiple=True, type=int, default=[1, 2], show_default=True, help="Processes.")
@click.option("--clients", default=CLIENTS, show_default=True, help="Queries under way at a time.")
@click.option("--queries", default=250, show_default=True, help="Queries in a turn.")
@click.option("--rounds", default=10, show_default=True, help="Turns of each number of processes.")
@json_option
def main(
    passages: int,
    data: Path | None,
    folder: Path | None,
    numbers: tuple[int, ...],
    clients: int,
    queries: int,
    rounds: int,
    as_json: Path | None,
) -> None:
    """Measure the service, and pools of processes with a searcher each."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as temporary:
        if folder is None:
            folder = Path(temporary, "index")
            write_corpus(Path(temporary, "corpus"), distinct_passages(passages, data))
            run("build", str(Path(temporary, "corpus")), "--index", str(folder))
        asked = asked_of(passages_of(folder), queries)
        with Searcher.open(folder) as searcher:
            passages = searcher.counts()["passages"]
        print(f"{clients} clients at once, the median of {rounds} turns of {queries} queries; CPU in ms a query")
        print(f"{'':30}{'queries/s':>12}{'ratio':>8}{'p50 ms':>10}{'p99 ms':>10}{'CPU':>8}{'clients':>10}")
        for name, start in {"index serve": served, "process pool": pooled}.items():
            with ExitStack() as running:
                asks = {number: running.enter_context(start(folder, number, clients)) for number in numbers}
                figures += [figure | {"passages": passages} for figure in compared(name, asks, asked, rounds)]
    write(as_json, "benchmarks.serving", figures)


@dataclass
class Turns:
    """What was measured of one number of processes.

    Attributes:
        rates: Queries a second, of each turn.
        answering: Milliseconds of CPU a query of what answers, of each turn.
        asking: The same of the clients.
        milliseconds: How long each query took.
    """

    rates: list[float] = field(default_factory=list)
    answering: list[float] = field(default_factory=list)
    asking: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    def add(self, ask: Ask, asked: Sequence[str]) -> None:
        """Measure another turn."""
        answering, asking, started = cpu_of_others(), time.process_time(), time.perf_counter()
        seconds = ask(asked)
        self.rates.append(len(asked) / (time.perf_counter() - started))
        self.asking.append(1000 * (time.process_time() - asking) / len(asked))
        self.answering.append(1000 * (cpu_of_others() - answering) / len(asked))
        self.milliseconds += [1000 * each for each in seconds]


def compared(name: str, asks: dict[int, Ask], asked: Sequence[str], rounds: int) -> Iterator[Figure]:
    """Measure numbers of processes in turns; print what they do, and give it."""
    turns = {number: Turns() for number in asks}
    for ask in asks.values():
        # Each process must have seen enough to be warm.
        ask(asked)
    for _ in range(rounds):
        for number, ask in asks.items():
            turns[number].add(ask, asked)
    first = next(iter(turns.values())).rates
    for number, turn in turns.items():
        rate = median(turn.rates)
        # Turns that followed each other, for what else the machine does changes.
        ratio = median(own / other for own, other in zip(turn.rates, first, strict=True))
        p50, p99 = (float(np.percentile(turn.milliseconds, share)) for share in (50, 99))
        answering, asking = median(turn.answering), median(turn.asking)
        label = f"{name}, {number} process{'es' if number > 1 else ''}"
        shown = f"{p50:10.1f}{p99:10.1f}{answering:8.2f}{asking:10.2f}"
        print(f"{label:30}{rate:12,.0f}{ratio:8.2f}{shown}", flush=True)
        yield {
            "name": name,
            "processes": number,
            "queries_per_second": rate,
            "ratio": ratio,
            "p50_ms": p50,
            "p99_ms": p99,
            "cpu_ms": answering,
            "clients_cpu_ms": asking,
        }


def cpu_of_others() -> float:
    """Seconds of CPU that all processes started from here have taken; those that wait for their turn take none."""
    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return float(sum(each.user + each.system for each in times))


@contextmanager
def served(folder: Path, number: int, clients: int) -> Iterator[Ask]:
    """`index serve` with so many workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "sakuin", "serve", "--index", str(folder), "--port", str(port)]
    if number > 1:
        command += ["--workers", str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as service:
        try:
            assert service.stdout
            # It says so when it answers.
            service.stdout.readline()
            yield lambda asked: over_http(port, clients, asked)
        finally:
            service.terminate()


def over_http(port: int, clients: int, asked: Sequence[str]) -> list[float]:
    """Seconds that each query took, with one under way on each of so many connections."""
    requests = deque(request(query) for query in asked)
    seconds: list[float] = []
    with selectors.DefaultSelector() as selector, ExitStack() as opened:
        for _ in range(clients):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", port)))
            send(selector, connection, requests)
        while len(seconds) < len(asked):
            for key, _ in selector.select():
                answer: Answer = key.data
                if answer.ended():
                    seconds.append(time.perf_counter() - answer.started)
                    selector.unregister(answer.connection)
                    send(selector, answer.connection, requests)
    return seconds


def send(selector: selectors.BaseSelector, connection: socket.socket, requests: deque[bytes]) -> None:
    """Send the next request, if there is one, and look for its answer."""
    if requests:
        connection.sendall(requests.popleft())
        selector.register(connection, selectors.EVENT_READ, Answer(connection))


class Answer:
    """An answer of which some has arrived.

    Attributes:
        connection: Where it arrives.
        started: When it was asked for.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.started = time.perf_counter()
        self._received = b""
        self._length = 0

    def ended(self) -> bool:
        """Take what has arrived, of which there must be something; whether it was the last of the answer."""
        received = self.connection.recv(READ)
        assert received, "the service has closed a connection"
        self._received += received
        if not self._length and (end := self._received.find(b"\r\n\r\n")) > 0:
            assert self._received.startswith(b"HTTP/1.1 200 "), self._received
            headers = self._received[:end].lower()
            self._length = end + 4 + int(headers.split(b"content-length:")[1].split(b"\r\n")[0])
        return len(self._received) == self._length


def request(query: str) -> bytes:
    """The bytes that ask for the ten best passages."""
    body = json.dumps({"query": query}).encode()
    return (
        b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body)
    )


opened: list[Searcher] = []
"""The searcher of a process of a pool."""


@contextmanager
def pooled(folder: Path, number: int, clients: int) -> Iterator[Ask]:
    """A pool of so many processes, each with a searcher of its own."""
    with ProcessPoolExecutor(number, get_context("spawn"), open_searcher, (folder,)) as pool:
        yield lambda asked: in_pool(pool, clients, asked)


def in_pool(pool: ProcessPoolExecutor, clients: int, asked: Sequence[str]) -> list[float]:
    """Seconds that each query took, with so many given to the pool at a time."""
    queries = iter(asked)
    seconds: list[float] = []
    waiting = {pool.submit(found, query) for query in islice(queries, clients)}
    started = dict.fromkeys(waiting, time.perf_counter())
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
            seconds.append(time.perf_counter() - started.pop(future))
        for query in islice(queries, len(done)):
            future = pool.submit(found, query)
            started[future] = time.perf_counter()
            waiting.add(future)
    return seconds


def open_searcher(folder: Path) -> None:
    """Open the index, once in each process of a pool."""
    opened.append(Searcher.open(folder))


def found(query: str) -> SearchResult:
    """What the process's searcher finds."""
    return opened[0].search(query)


if __name__ == "__main__":
    main()
