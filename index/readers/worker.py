"""The process that `index.readers.guarded` reads files in: ``python -m sakuin.index.readers.worker MEGABYTES``.

It is sent ``[path, uri]`` and answers with what is in the file, in messages ``["items", items, null]``, of which the
last is an ``"end"``, an ``"error"`` with its reason in the third place, or ``"memory"``, after which it ends. It ends
when its input ends, so that it never outlives its parent, however that one dies.
"""

import os
import sys
from pathlib import Path
from typing import IO, Any

from sakuin.index.documents import Document
from sakuin.index.errors import ReadError
from sakuin.index.readers.reading import module_of, read_file
from sakuin.index.readers.source import Source
from sakuin.index.readers.wire import plain, receive, send

BATCH_CHARACTERS = 64 * 1024

BY_LIBREOFFICE = "old_office"
"""The reader that starts a program of its own, which needs more than readers do and bounds itself."""


def limit_memory(megabytes: int) -> None:
    """Let what is allocated from now on fail beyond so many megabytes in all; 0 for no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes * 1024 * 1024 if megabytes else hard
    # Of the address space only what can be written counts: libraries reserve much of it that they never use.
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answer(stream: IO[bytes], path: Path, uri: str, megabytes: int) -> None:
    """Read a file and write what is in it."""
    batch: list[dict[str, Any]] = []
    held = 0
    try:
        limit_memory(0 if module_of(Source(uri=uri, path=path)) == BY_LIBREOFFICE else megabytes)
        for item in read_file(path, uri):
            batch.append(plain(item))
            held += len(item.text) if isinstance(item, Document) else 100
            if held >= BATCH_CHARACTERS:
                send(stream, ["items", batch, None])
                batch, held = [], 0
    except ReadError as error:
        send(stream, ["error", batch, error.reason.to_dict()])
        return
    send(stream, ["end", batch, None])


def work(megabytes: int) -> None:
    """Answer until the input ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while True:
        try:
            path, uri = receive(requests)
            answer(answers, Path(path), uri, megabytes)
        except MemoryError:
            limit_memory(0)
            send(answers, ["memory", [], None])
            os._exit(1)
        except (EOFError, BrokenPipeError):
            # Without flushing what cannot be written.
            os._exit(0)


if __name__ == "__main__":
    work(int(sys.argv[1]))
