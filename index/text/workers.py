"""Analyses passages in processes of their own, for analysing takes more time than all the rest of a build.

A worker is `python -m sakuin.index.text.workers`: it reads a length (8 bytes) and a JSON list of texts, and writes the
terms of each in the same way. It ends when its input ends, so that none outlives its parent, however that one dies. It
never sees Ctrl-C, which reaches every process of a terminal: the parent decides what becomes of its workers. Pipes and
not `multiprocessing`, which would run the main module of whoever calls us once more.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

import orjson

import sakuin
from sakuin.embedder.tokenising import replace_lone_surrogates
from sakuin.index.errors import IndexFolderError
from sakuin.index.text import Analyser
from sakuin.signals import interrupts_held

MAX_WORKERS = 8


class Analysers:
    """As many workers as the machine has cores, until `close`."""

    def __init__(self) -> None:
        """Start the workers."""
        number = min(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MAX_WORKERS
        )
        # -P: nothing is imported from the folder the user happens to stand in.
        command = [sys.executable, "-P", "-m", "sakuin.index.text.workers"]
        root = str(Path(sakuin.__file__).parent.parent)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
        # Windows sends no Ctrl-C to a group of its own.
        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        with interrupts_held():
            self._processes = [
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, creationflags=flags
                )
                for _ in range(number)
            ]
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for process in self._processes:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(number, "analysing")

    @property
    def number(self) -> int:
        """Of workers."""
        return len(self._processes)

    def submit(self, texts: Sequence[str]) -> "Future[list[str]]":
        """Have texts analysed; the result is, for each, its terms parted by spaces."""
        return self._threads.submit(self._analyse, texts)

    def close(self) -> None:
        """End the workers, also in the middle of their work."""
        for process in self._processes:
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with suppress(OSError):  # what it was being sent
                    pipe.close()
            process.wait()

    def _analyse(self, texts: Sequence[str]) -> list[str]:
        process = self._idle.get()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            send(process.stdin, texts)
            terms: list[str] = receive(process.stdout)
            return terms
        except (OSError, EOFError) as error:
            raise IndexFolderError(
                f"A process that analyses text has died (exit code {process.poll()}), perhaps for want of memory. "
                f"Run the same command again."
            ) from error
        finally:
            self._idle.put(process)


def send(stream: IO[bytes], texts: Sequence[str]) -> None:
    """Write texts."""
    try:
        message = orjson.dumps(texts)
    except orjson.JSONEncodeError:
        message = orjson.dumps([replace_lone_surrogates(text) for text in texts])
    stream.write(len(message).to_bytes(8))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read texts; raises EOFError where the other side has gone."""
    head = stream.read(8)
    message = stream.read(int.from_bytes(head)) if len(head) == 8 else b""
    if not message or len(message) != int.from_bytes(head):
        raise EOFError
    return orjson.loads(message)


def work() -> None:
    """Answer until the input ends."""
    analyser = Analyser()
    while True:
        try:
            texts = receive(sys.stdin.buffer)
            send(sys.stdout.buffer, analyser.joined(texts))
        except (EOFError, BrokenPipeError):
            # Without flushing what cannot be written.
            os._exit(0)


if __name__ == "__main__":
    work()
