"""Work in processes of its own, and what it took of time and memory."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

Result = TypeVar("Result")

AS_INSTALLED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An environment in which modules are compiled once, as installing does it, and not at each start."""


def in_a_process(work: Callable[..., Result], *arguments: object) -> Result:
    """What a function returns in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        return other.submit(work, *arguments).result()


def run(*arguments: str) -> tuple[float, float, int]:
    """Run `index`; returns seconds, CPU seconds and peak memory in bytes (of the largest child so far)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "sakuin", *arguments], check=True, stdout=subprocess.DEVNULL, env=AS_INSTALLED
    )
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, after.ru_maxrss * 1024


def cpu_seconds() -> float:
    """Of this process, of all its threads, and of the processes it started, running or ended."""
    import psutil

    running = (child.cpu_times() for child in psutil.Process().children(recursive=True))
    return sum(os.times()[:4]) + sum(float(times.user + times.system) for times in running)
