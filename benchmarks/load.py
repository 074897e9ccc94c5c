"""Load: many clients searching and some writing at the same time, and how soon the service says that it is well.

    python -m benchmarks.load --clients 50 --writers 4 --seconds 60
    python -m benchmarks.load --clients 0 --writers 0 --heavy 40

Clients keep their connections and ask again as soon as they are answered; all of them are one process, which needs the
same cores as the service. Heavy requests are searches for 20 explained hits by 400 characters. Documents that are
written have two sentences, and each is acknowledged when it is committed. Where too many wait, the service sends
requests away with 503 and Retry-After; they are counted by themselves, and asked again after that time.
"""

import asyncio
import itertools
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np

from benchmarks.passages import distinct_passages
from benchmarks.processes import run
from benchmarks.questions import asked_of
from benchmarks.results import Figure, json_option, write
from benchmarks.search import passages_of
from benchmarks.steps import write_corpus

HEAVY_CHARACTERS = 400
PROBE_SECONDS = 0.1
"""How often the service is asked whether it is well."""


@click.command()
@click.option("--passages", default=10_000, show_default=True, help="Distinct passages to index.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--clients", default=50, show_default=True, help="Clients that search.")
@click.option("--writers", default=4, show_default=True, help="Clients that write.")
@click.option("--heavy", default=0, show_default=True, help="Clients that send heavy requests.")
@click.option("--seconds", default=60.0, show_default=True, help="How long.")
@json_option
def main(
    passages: int, data: Path | None, clients: int, writers: int, heavy: int, seconds: float, as_json: Path | None
) -> None:
    """Measure a service under load."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "index")
        write_corpus(Path(temporary, "corpus"), distinct_passages(passages, data))
        run("build", str(Path(temporary, "corpus")), "--index", str(folder))
        queries = asked_of(passages_of(folder), 1_000)
        with served(folder) as port:
            measured = asyncio.run(load(port, queries, clients=clients, writers=writers, heavy=heavy, seconds=seconds))
    figures = [
        outcome.figure(name, seconds) for name, outcome in measured.items() if outcome.milliseconds or outcome.errors
    ]
    print(f"{'':10}{'answers/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}{'sent away':>12}{'errors':>8}")
    for figure in figures:
        numbers = "".join(f"{figure[name]:10.1f}" for name in ("p50_ms", "p99_ms", "max_ms"))
        sent_away, errors = figure["sent_away"], figure["errors"]
        print(f"{figure['name']:10}{figure['answers_per_second']:12.1f}{numbers}{sent_away:12,}{errors:8,}")
    write(as_json, "benchmarks.load", figures)


@dataclass
class Outcome:
    """What came of the requests of one kind.

    Attributes:
        milliseconds: How long each answer took.
        sent_away: How often there were too many to wait.
        errors: Answers that were neither.
    """

    milliseconds: list[float] = field(default_factory=list)
    sent_away: int = 0
    errors: list[str] = field(default_factory=list)

    def figure(self, name: str, seconds: float) -> Figure:
        """The same as figures."""
        for error in self.errors[:3]:
            print(f"{name}: {error}", file=sys.stderr)
        p50, p99, most = (float(np.percentile(self.milliseconds or [0.0], share)) for share in (50, 99, 100))
        return {
            "name": name,
            "answers_per_second": len(self.milliseconds) / seconds,
            "p50_ms": p50,
            "p99_ms": p99,
            "max_ms": most,
            "sent_away": self.sent_away,
            "errors": len(self.errors),
        }


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """`index serve`, which may write; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "sakuin", "serve", "--index", str(folder), "--port", str(port), "--writable"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as service:
        try:
            assert service.stdout
            # It says so when it answers.
            service.stdout.readline()
            yield port
        finally:
            service.terminate()


async def load(
    port: int, queries: list[str], *, clients: int, writers: int, heavy: int, seconds: float
) -> dict[str, Outcome]:
    """What came of the requests, by their kinds."""
    measured = {name: Outcome() for name in ("search", "write", "heavy", "health")}
    ends = time.perf_counter() + seconds
    texts, numbers = itertools.cycle(queries), itertools.count()

    def search() -> bytes:
        return posted("/search", {"query": next(texts)})

    def add() -> bytes:
        number = next(numbers)
        return posted("/documents", {"id": f"load-{number}", "text": f"{next(texts)}。{next(texts)}。文書 {number}。"})

    def explain() -> bytes:
        long = " ".join(next(texts) for _ in range(HEAVY_CHARACTERS // 20))[:HEAVY_CHARACTERS]
        return posted("/search", {"query": long, "k": 20, "explain": True})

    def health() -> bytes:
        return b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def clients_of(name: str, request: Callable[[], bytes], number: int, pause: float = 0.0) -> list[Awaitable[None]]:
        return [client(port, request, measured[name], ends=ends, pause=pause) for _ in range(number)]

    await asyncio.gather(
        *clients_of("search", search, clients),
        *clients_of("write", add, writers),
        *clients_of("heavy", explain, heavy),
        *clients_of("health", health, 1, PROBE_SECONDS),
    )
    return measured


def posted(path: str, body: object) -> bytes:
    """A request as it is sent."""
    text = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
    return head.encode() + b"\r\n\r\n" + text


async def client(port: int, request: Callable[[], bytes], outcome: Outcome, *, ends: float, pause: float) -> None:
    """Ask one time after the other until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < ends:
        started = time.perf_counter()
        try:
            writer.write(request())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            outcome.errors.append(repr(error))
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            continue
        status = int(head[9:12])
        if status == 200:
            outcome.milliseconds.append(1000 * (time.perf_counter() - started))
        elif status == 503 and b"retry-after" in head.lower():
            outcome.sent_away += 1
            await asyncio.sleep(1)
        else:
            outcome.errors.append(f"{status}: {body[:200]!r}")
        await asyncio.sleep(pause)
    writer.close()


if __name__ == "__main__":
    main()
