"""Contestants of a race, each in a process of its own: settings are searched on some texts, and raced on others.

In one process libraries would change each other: model2vec switches off the threads of every tokenizer, tokenizers
remember what they have read, and idle threads of one take time from the others.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, NamedTuple

from benchmarks.processes import cpu_seconds
from benchmarks.results import Figure

Setting = dict[str, Any]
"""Arguments by name, such as ``{"batch_size": 32}``."""

Encode = Callable[..., Any]
"""Takes texts and the arguments of a setting; returns vectors."""

ROUNDS = 4
TRIAL_ROUNDS = 2
# For each setting in all rounds: two full batches of the largest there is.
PER_SETTING = TRIAL_ROUNDS * 4096
WARMING = ["warm-up 準備運動"] * 300


@dataclass(frozen=True)
class Contestant:
    """What encodes, and the settings it can be used with."""

    name: str
    version: str
    load: Callable[[], Encode]
    """Makes the encoder, in the process that runs it."""
    default: Setting
    """What its users get who set nothing."""
    others: tuple[Setting, ...] = ()
    """What they can set."""

    @property
    def settings(self) -> tuple[Setting, ...]:
        """All, the default first."""
        return self.default, *self.others


class Took(NamedTuple):
    """What some work took."""

    seconds: float
    cpu: float
    """Seconds of CPU, of all threads and processes."""


class Tried(NamedTuple):
    """A setting and what it reached."""

    setting: Setting
    rate: float


class Running:
    """A contestant that is loaded in a process of its own."""

    def __init__(self, contestant: Contestant) -> None:
        """Start it; what is asked of it waits until it is loaded."""
        self.contestant = contestant
        self._process = ProcessPoolExecutor(1, get_context("spawn"), _load, (contestant.load,))
        self._loaded = self._process.submit(os.getpid)

    def wait(self) -> None:
        """Return when it is loaded."""
        self._loaded.result()

    def took(self, texts: Sequence[str], setting: Setting) -> Took:
        """Encode texts, and say how long that took."""
        return self._process.submit(_timed, texts, setting).result()

    def vectors(self, texts: Sequence[str], setting: Setting) -> Any:
        """Encode texts."""
        return self._process.submit(_encoded, texts, setting).result()

    def close(self) -> None:
        """End the process."""
        self._process.shutdown()


class Entry(NamedTuple):
    """One row of a race."""

    running: Running
    setting: Setting
    role: str
    """``default``, ``best`` (found by searching), ``both``, or nothing where there is nothing to set."""


@contextmanager
def running(contestants: Sequence[Contestant]) -> Iterator[list[Running]]:
    """All contestants loaded, at the same time."""
    with ExitStack() as stack:
        started = [Running(contestant) for contestant in contestants]
        for each in started:
            stack.callback(each.close)
        for each in started:
            each.wait()
        yield started


def try_settings(contestant: Running, texts: Sequence[str], rounds: int = TRIAL_ROUNDS) -> list[Tried]:
    """The rate of each setting, in passages a second, on shares of the texts that no other reads.

    They take turns, and go through them backwards in every other round, so that a machine that grows busier or idler
    meanwhile favours none.
    """
    settings = contestant.contestant.settings
    each = len(texts) // (rounds * len(settings))
    seconds = [0.0] * len(settings)
    for turn in range(rounds):
        for at in range(len(settings)) if turn % 2 == 0 else reversed(range(len(settings))):
            start = each * (turn * len(settings) + at)
            seconds[at] += contestant.took(texts[start : start + each], settings[at]).seconds
    return [Tried(setting, rounds * each / taken) for setting, taken in zip(settings, seconds, strict=True)]


def fastest(tried: Sequence[Tried]) -> Setting:
    """The setting with the highest rate."""
    return max(tried, key=lambda each: each.rate).setting


def race(entries: Sequence[Entry], texts: Sequence[str], rounds: int = ROUNDS) -> list[Took]:
    """What each entry took for all texts, over rounds in which all read the same share, in turns.

    A busy moment of the machine hits all, and who comes first in one round comes last in the next.
    """
    totals = [Took(0.0, 0.0)] * len(entries)
    for turn in range(rounds):
        part = texts[turn::rounds]
        order = range(len(entries)) if turn % 2 == 0 else reversed(range(len(entries)))
        for at in order:
            took = entries[at].running.took(part, entries[at].setting)
            totals[at] = Took(totals[at].seconds + took.seconds, totals[at].cpu + took.cpu)
    return totals


def figure_of(contestant: Contestant, setting: Setting, role: str, rate: float) -> Figure:
    """A line of the results."""
    figure: Figure = {"name": contestant.name, "version": contestant.version, "role": role}
    return figure | {"setting": setting, "passages_per_second": rate}


_encode: Encode
_warmed: list[Setting] = []


def _load(load: Callable[[], Encode]) -> None:
    global _encode
    _encode = load()


def _encoded(texts: Sequence[str], setting: Setting) -> Any:
    return _encode(list(texts), **setting)


def _timed(texts: Sequence[str], setting: Setting) -> Took:
    if setting not in _warmed:
        _encoded(WARMING[: len(texts)], setting)
        _warmed.append(setting)
    cpu, started = cpu_seconds(), time.perf_counter()
    _encoded(texts, setting)
    return Took(time.perf_counter() - started, cpu_seconds() - cpu)
