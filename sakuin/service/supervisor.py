"""Several processes that answer at one port: starts them, starts another in the place of one that dies, ends them.

A worker ends when its pipe from here does, so that none is left over however this process dies. uvicorn has a
supervisor too, but its workers outlive it where it is killed, and one that cannot open its index is started for ever.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING

from sakuin.errors import SakuinError
from sakuin.service.served import LAST_SECONDS, Served, ServiceError
from sakuin.service.shares import ABSENT, Share, shares
from sakuin.signals import interrupts_held

if TYPE_CHECKING:
    from sakuin.server import Server

MOST_DEATHS = 5
WITHIN_SECONDS = 60
"""Where so many die in one place within that time, another would not live either."""

LOOK_SECONDS = 0.2
"""How soon a signal is noticed."""

MARGIN_SECONDS = 2
"""How much longer than its last answers a worker may take to end."""

READY = ""
"""What a worker says once it answers; anything else is what keeps it from that."""


class Worker:
    """A process that answers.

    Attributes:
        process: The process.
        channel: What it says comes here; when this is closed it ends.
        ready: Whether it answers.
        failure: What kept it from answering.
    """

    def __init__(self, served: Served, listener: socket.socket, share: Share) -> None:
        """Start the process."""
        context = get_context("spawn")
        self.ready = False
        self.failure = ""
        self._share = share
        self.channel, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(served, listener, theirs, share), daemon=True)
        # Were it started later, it would let interrupts through again.
        resource_tracker.ensure_running()
        with theirs, interrupts_held():
            self.process.start()

    def lives(self) -> bool:
        """Take what it says, for which it must have said something or died; whether it still lives."""
        try:
            self.failure = self.channel.recv()
        except (EOFError, OSError):
            self.process.join(MARGIN_SECONDS)
            self.process.kill()
            self.process.join()
            self.channel.close()
            self._share.tell(ABSENT)
            return False
        self.ready = self.failure == READY
        return True

    def death(self) -> str:
        """How it died, to follow its name."""
        code = self.process.exitcode or 0
        if self.failure:
            return f"could not start: {self.failure.rstrip('.')}"
        return (
            f"was ended by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"ended with exit code {code}"
        )


class Supervisor:
    """Keeps so many processes answering."""

    def __init__(self, served: Served, listener: socket.socket, number: int) -> None:
        self._served = served
        self._listener = listener
        self._shares = shares(number)
        self._deaths: list[deque[float]] = [deque(maxlen=MOST_DEATHS) for _ in self._shares]
        self._workers: list[Worker] = []

    def run(self, ready: Callable[[], None], died: Callable[[str], None]) -> None:
        """Have them answer until Ctrl-C or SIGTERM.

        Args:
            ready: Called once all of them answer.
            died: Called with a sentence where one has died, and another is started.

        Raises:
            ServiceError: one cannot start, or dies again and again.
        """
        with signals_kept() as signals, TemporaryDirectory(prefix="sakuin-counts-") as counts:
            self._served = replace(self._served, counts=Path(counts))
            try:
                for share in self._shares:
                    self._workers.append(Worker(self._served, self._listener, share))
                while not signals and not all(worker.ready for worker in self._workers):
                    for place in self._died():
                        worker = self._workers[place]
                        if not signals:
                            raise ServiceError(worker.failure or f"A worker of the service {worker.death()}.")
                if not signals:
                    ready()
                while not signals:
                    for place in self._died():
                        if not signals:
                            self._replace(place, died)
            finally:
                self._end(signals)

    def _died(self) -> list[int]:
        """Wait a moment for news; the places of workers that died."""
        heard = wait([worker.channel for worker in self._workers], LOOK_SECONDS)
        return [place for place, worker in enumerate(self._workers) if worker.channel in heard and not worker.lives()]

    def _replace(self, place: int, died: Callable[[str], None]) -> None:
        """Start another worker in the place of one that died."""
        worker, deaths, now = self._workers[place], self._deaths[place], time.monotonic()
        deaths.append(now)
        if len(deaths) == MOST_DEATHS and now - deaths[0] < WITHIN_SECONDS:
            raise ServiceError(
                f"Workers of the service died {MOST_DEATHS} times within {now - deaths[0]:.0f} seconds; the last one "
                f"{worker.death()}."
            )
        died(f"A worker of the service (process {worker.process.pid}) {worker.death()}. Another is started.")
        self._workers[place] = Worker(self._served, self._listener, self._shares[place])

    def _end(self, signals: Sequence[int]) -> None:
        """End all workers: when they have answered what is under way, at another signal at once."""
        self._listener.close()
        before, latest = len(signals), time.monotonic() + LAST_SECONDS + MARGIN_SECONDS
        for worker in self._workers:
            worker.channel.close()
            if not worker.ready:
                worker.process.kill()
        while alive := [worker.process for worker in self._workers if worker.process.is_alive()]:
            if len(signals) > before or time.monotonic() > latest:
                for process in alive:
                    process.kill()
            wait([process.sentinel for process in alive], LOOK_SECONDS)


@contextmanager
def signals_kept() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM, as they come, and nothing else happens on them."""
    kept: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        kept.append(number)

    before = {number: signal.signal(number, keep) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield kept
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def work(served: Served, listener: socket.socket, channel: Connection, share: Share) -> None:
    """What the process of a worker does."""
    # Before anything loads the library that counts, which looks for it then.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(served.counts)
    # Not loaded by the supervisor, which answers nobody.
    from sakuin.service.worker import answer

    def ready(server: "Server") -> None:
        channel.send(READY)
        threading.Thread(target=end_with, args=(channel, server), daemon=True).start()

    try:
        answer(served, listener, ready, share)
    except (SakuinError, OSError) as error:
        with suppress(OSError):
            channel.send(str(error))
        sys.exit(1)


def end_with(channel: Connection, server: "Server") -> None:
    """End a server as soon as the other end of its channel is closed, or the process there has died."""
    with suppress(EOFError, OSError):
        channel.recv()
    server.should_exit = True
    time.sleep(LAST_SECONDS + MARGIN_SECONDS)
    os._exit(1)
