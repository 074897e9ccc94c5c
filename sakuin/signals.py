"""Ctrl-C, which a terminal sends to all processes of a command, where only one of them is to decide what it means."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold SIGINT back: a process that is started meanwhile never gets one, not even before it has imported anything.

    Any thread may do this, where only the main one may set a handler. On Windows it does nothing.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
