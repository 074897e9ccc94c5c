"""The process that `index.readers.guarded` reads files in: ``python -m sakuin.index.readers.worker MEGABYTES FOLDER``.

It is sent ``[path, uri, module, seconds, limit, ocr, parts to pass over]`` and answers with what is in the file, in
messages ``["items", items, null]``, of which the last is an ``"end"``, an ``"error"`` with its reason in the third
place, or ``"memory"``, after which it ends. It ends when its input ends, so that it never outlives its parent, however
that one dies, and removes the folder for what it writes to the disk ("" where there is none).
"""

import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import IO, Any

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.memory import limit_memory
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Allowance, Deadline, Source
from sakuin.index.readers.wire import PART, largest, plain, receive, send

BATCH_CHARACTERS = 64 * 1024
BATCH_SECONDS = 0.5
"""What was read is given away after so long, whatever the reader does then: were it killed, that is kept."""

OWN_SHARE = 0.75
"""Of the seconds after which a worker is killed, those after which readers stop by themselves."""

BY_LIBREOFFICE = "old_office"
"""The reader that starts a program of its own, which needs more than readers do and bounds itself."""


class Answers:
    """What is given back: in batches, for a message costs as much as many small documents."""

    def __init__(self, stream: IO[bytes], megabytes: int) -> None:
        """Begin; a thread gives away what has waited for `BATCH_SECONDS`."""
        self._stream = stream
        self._most = largest(megabytes)
        self._changed = Condition()
        self._batch: list[dict[str, Any]] = []
        self._held = 0
        self._since = 0.0
        Thread(target=self._give_away, daemon=True).start()

    def add(self, item: Document | Skipped) -> float:
        """Give an item; returns the seconds that this took, in which nothing could be read."""
        begun = time.monotonic()
        length = len(item.text) if isinstance(item, Document) else 100
        with self._changed:
            if self._batch and length >= BATCH_CHARACTERS:  # which may be too large: what was read before it is not
                self._send("items", None)
            self._batch.append(plain(item))
            self._held += length
            if self._held >= BATCH_CHARACTERS:
                self._send("items", None)
            elif len(self._batch) == 1:
                self._since = begun
                self._changed.notify()
        return time.monotonic() - begun

    def end(self, kind: str, reason: Any = None) -> None:
        """Give the rest, with the word that it is the last."""
        with self._changed:
            self._send(kind, reason)

    def _send(self, kind: str, reason: Any) -> None:
        batch, self._batch, self._held = self._batch, [], 0
        send(self._stream, [kind, batch, reason], self._most)

    def _give_away(self) -> None:
        while True:
            with self._changed:
                while not self._batch:
                    self._changed.wait()
                # A batch that went meanwhile is followed by one that has begun later.
                left = self._since + BATCH_SECONDS - time.monotonic()
                if left <= 0:
                    try:
                        self._send("items", None)
                    except (OSError, MemoryError):  # nobody is there any more; what it held is lost, and told as such
                        os._exit(1)
                    continue
            time.sleep(left)


def answer(answers: Answers, source: Source, module: str, *, megabytes: int, deadline: Deadline) -> None:
    """Read a file by the reader of that module, and give what is in it."""
    try:
        limit_memory(0 if module == BY_LIBREOFFICE else megabytes)
        for item in read_source(source, module):
            deadline.at += answers.add(item)
    except ReadError as error:
        answers.end("error", error.reason.to_dict())
        return
    answers.end("end")


def work(megabytes: int, folder: str) -> None:
    """Answer until the input ends."""
    requests = sys.stdin.buffer
    noted = os.open(os.path.join(folder, PART) if folder else os.devnull, os.O_WRONLY | os.O_CREAT)

    def begin_part(number: int) -> None:
        """Note it where it is found when this process is no more."""
        os.lseek(noted, 0, os.SEEK_SET)
        with suppress(OSError):  # a full disk
            os.write(noted, b"%10d" % number)

    answers = Answers(os.fdopen(os.dup(1), "wb"), megabytes)
    # What a library prints must not get between the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while True:
        try:
            path, uri, module, seconds, limit, ocr, without = receive(requests, largest(megabytes))
            deadline = Deadline(seconds, limit, time.monotonic() + OWN_SHARE * seconds)
            begin_part(0)
            allowance = Allowance(deadline=deadline, ocr=ocr, without=frozenset(without), begin_part=begin_part)
            source = Source(uri=uri, path=Path(path), allowance=allowance)
            answer(answers, source, module, megabytes=megabytes, deadline=deadline)
        except MemoryError:
            limit_memory(0)
            answers.end("memory")
            os._exit(1)
        except (EOFError, BrokenPipeError):
            shutil.rmtree(folder, ignore_errors=True)
            # Without flushing what cannot be written.
            os._exit(0)


if __name__ == "__main__":
    work(int(sys.argv[1]), sys.argv[2])
