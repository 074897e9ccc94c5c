"""Ends a worker that has not answered in time."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic

PRECISION = 0.1
"""Seconds that may pass between a deadline and the end of a worker."""


class Watchdog:
    """Looks at the clock in a thread: one for all answers, since starting a thread costs as much as a small file."""

    def __init__(self, end: Callable[[], None]) -> None:
        """Begin to watch; ``end`` ends the worker, and is called once."""
        self.bitten = False
        self._end = end
        self._deadline: float | None = None
        self._closed = Event()
        Thread(target=self._watch, daemon=True).start()

    def allow(self, seconds: float) -> None:
        """Wait so long for an answer; with no time left the worker is ended at once."""
        if seconds <= 0:
            self._bite()
        self._deadline = monotonic() + seconds

    def rest(self) -> None:
        """Wait for none."""
        self._deadline = None

    def close(self) -> None:
        """End watching."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(PRECISION):
            deadline = self._deadline
            if deadline is not None and monotonic() >= deadline:
                self._bite()
                return

    def _bite(self) -> None:
        if not self.bitten:
            self.bitten = True
            self._end()
