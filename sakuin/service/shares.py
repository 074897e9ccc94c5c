"""How processes that take connections from one port come to have equally many.

Left alone, whichever wakes up first takes all that wait; and a connection stays with its process for as long as the
client keeps it, so that one process would have most of the work. So each tells the others how many connections it has
open, and holds back while another has fewer.
"""

import asyncio
import socket
from collections.abc import MutableSequence, Sequence
from multiprocessing import get_context

ABSENT = 2**31 - 1
"""Stands for a process that takes no connections."""

HOLD_SECONDS = 0.005
MOST_HOLDS = 20
"""A process that took none for so long, though it has fewer, may be stuck: nobody waits for it any longer."""

SHORT_OF_FILES_SECONDS = 1.0


class Share:
    """One process's part of the connections that several take from one port."""

    def __init__(self, opened: MutableSequence[int], place: int) -> None:
        """Prefer `shares`.

        Args:
            opened: How many connections each process has open, in memory that all share.
            place: Of this process.
        """
        self._opened = opened
        self._place = place

    def tell(self, opened: int) -> None:
        """Let the others know how many connections this process has open, or that it is `ABSENT`."""
        self._opened[self._place] = opened

    async def take(self, listener: socket.socket) -> socket.socket | None:
        """Wait for the next connection; None if another process took it."""
        await readable(listener)
        for _ in range(MOST_HOLDS):
            if self._opened[self._place] <= min(self._opened):
                break
            await asyncio.sleep(HOLD_SECONDS)
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return None
        except OSError:
            # Too many files are open. The connection waits until there are fewer.
            await asyncio.sleep(SHORT_OF_FILES_SECONDS)
            return None
        connection.setblocking(False)
        return connection


def shares(number: int) -> Sequence[Share]:
    """Shares for so many processes that will be spawned, absent for now."""
    opened = get_context("spawn").RawArray("i", [ABSENT] * number)
    return [Share(opened, place) for place in range(number)]


async def readable(listener: socket.socket) -> None:
    """Wait until a socket has something to give."""
    loop = asyncio.get_running_loop()
    waiting = loop.create_future()

    def came() -> None:
        loop.remove_reader(listener)
        if not waiting.done():
            waiting.set_result(None)

    loop.add_reader(listener, came)
    try:
        await waiting
    finally:
        loop.remove_reader(listener)
