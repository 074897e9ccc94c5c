"""Reads files in a process of their own, so that a hostile or broken one costs itself and not the build.

What is parsed by large or native libraries goes to a worker (`index.readers.worker`), whose memory is limited and which
is killed when it takes too long; the next file gets a new one. Plain text, tables and JSON Lines are streamed by code
whose time and memory are bounded by the file's size: those, and small pages, are read here, many times as fast.
"""

import codecs
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

import sakuin
from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import ocr
from sakuin.index.readers.checking import flaw
from sakuin.index.readers.files import SLOWEST_BYTES_PER_SECOND
from sakuin.index.readers.plain import one_line
from sakuin.index.readers.reading import module_of, read_source, require_readable
from sakuin.index.readers.source import Allowance, Source
from sakuin.index.readers.watchdog import Watchdog
from sakuin.index.readers.wire import PART, document_of, largest, reason_of, receive, send, skipped_of
from sakuin.index.reasons import Reason
from sakuin.signals import interrupts_held

STREAMED = frozenset({"text", "lines", "tables", "json_lines"})
"""The modules of readers that need no guard, whatever the file."""

SMALL = frozenset({"html", "markdown", "data", "xml", "subtitles", "cards"})
"""Those that need none for a small file: their time may grow with its square, but a square of little is little."""

SMALL_BYTES = 64 * 1024

WHOLE = frozenset({"text", "lines"})
"""Those of the first that take a file into memory whole, with four bytes for each character where one needs them."""

WHOLE_BYTES = 16 * 1024 * 1024
_WIDE = b"\xf0"
"""Begins in UTF-8 what lies beyond the basic plane, such as emoji."""

_CHUNK = 1024 * 1024

NO_MEMORY, NO_TIME, DIED = "needs_too_much_memory", "needs_too_much_time", "reader_died"
MOST_PARTS = 2
"""Pages of a file that may end a worker: then it is read without them, which takes as long again each time."""

_STOPPED = frozenset({NO_TIME, "stopped", "stopped_at"})
_PICTURES = frozenset({"picture", "scanned_pdf", "scanned_page", "scanned_pages", "needs_tesseract", "pictures",
                       "unnamed_characters", "unnamed_characters_page", "some_unnamed_characters"})  # fmt: skip
"""Of what text could be read by OCR."""

OCR_BYTES_PER_SECOND = 5_000
"""Of scanned pages; those of a fax are thirty kilobytes, and each takes some five seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What reading one file may take, and whether its pictures are read.

    Attributes:
        megabytes: Of memory. Only Linux holds a process to it.
        seconds: Until a small file is read, without the time that is spent on its documents; a large one has more, as
            `seconds_for` says.
        ocr: Whether text in pictures and on scanned pages is read, by an installed tesseract.
    """

    megabytes: int = 1024
    seconds: float = 60.0
    ocr: bool = False

    def seconds_for(self, size: int) -> float:
        """The seconds that reading a file of so many bytes may take: a mailbox of gigabytes is no hostile one."""
        return self.seconds + size / (OCR_BYTES_PER_SECOND if self.ocr else SLOWEST_BYTES_PER_SECOND)

    def are_raised(self, reason: Reason | None) -> bool:
        """Whether a file that took too much under other limits, or was not read by OCR, is worth another try."""
        if reason is None:
            return False
        if reason.code in _STOPPED:
            return self.seconds > float(reason.data["limit"] or 0)
        if reason.code in (NO_MEMORY, DIED, "ocr_lacks_memory"):
            return self.megabytes > int(reason.data["megabytes"] or 0)
        if reason.code in _PICTURES:
            return self.ocr and ocr.program() is not None
        return any(self.are_raised(part.reason) for part in reason.parts)


def is_limited(reason: Reason) -> bool:
    """Whether more would be read if reading might take more: such a reason is told before others."""
    return reason.code in (NO_MEMORY, DIED, "ocr_lacks_memory") or reason.code in _STOPPED or reason.code in _PICTURES


class GuardedReader:
    """Reads one file after the other; a context manager that ends its worker.

    Example:
        with GuardedReader(Limits()) as reader:
            documents = list(reader.read(path, "a.pdf"))
    """

    def __init__(self, limits: Limits) -> None:
        """Start nothing yet: a folder of text files needs no worker."""
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: Watchdog | None = None
        self._fresh = False
        self._folder = ""
        self._part = 0

    def __enter__(self) -> "GuardedReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def require_readable(self, path: Path, uri: str) -> None:
        """Look whether a file is of a type that is read, without reading it; raises ReadError where it is not."""
        require_readable(self._source(path, uri))

    def _source(self, path: Path, uri: str) -> Source:
        return Source(uri=uri, path=path, allowance=Allowance(ocr=self._limits.ocr))

    def read(self, path: Path, uri: str) -> Iterator[Document | Skipped]:
        """As `read_file`.

        Raises:
            ReadError: As `read_file`; also if reading takes more memory or time than it may, or ends the worker.
        """
        source = self._source(path, uri)
        module = module_of(source)
        if not needs_guard(path, module) or not sys.executable:
            try:
                yield from read_source(source, module)
            except MemoryError as error:
                raise ReadError(Reason(NO_MEMORY, {"megabytes": self._limits.megabytes})) from error
            return
        without: dict[int, Reason] = {}
        while True:
            items = self._read(path, uri, module, sorted(without))
            try:
                first = next(items, None)
                break
            except ReadError as error:
                broke = error.reason.code in (NO_MEMORY, NO_TIME, DIED)
                # A worker that has read many files may have little memory left: the fault is the file's in a new one.
                if broke and error.reason.code != NO_TIME and not self._fresh:
                    continue
                if not broke or self._part in without or not self._part or len(without) == MOST_PARTS:
                    raise ReadError(next(iter(without.values()), error.reason)) from error
                without[self._part] = error.reason
        if first is not None:
            yield first
            yield from items
            yield from (Skipped(f"{uri}#page={part}", reason) for part, reason in without.items())

    def _read(self, path: Path, uri: str, module: str, without: list[int]) -> Iterator[Document | Skipped]:
        process = self._started()
        left = allowed = self._limits.seconds_for(size_of(path))
        through = False
        try:
            assert process.stdin is not None
            with suppress(OSError):  # it has died: receiving tells how
                limits = self._limits
                request = [os.fspath(path), uri, module, allowed, limits.seconds, limits.ocr, without]
                send(process.stdin, request, self._most)
            while True:
                started = monotonic()
                kind, items, reason = self._receive(process, left, allowed)
                left -= monotonic() - started
                through = kind in ("end", "error")
                yield from self._taken(process, items, uri)
                if kind == "memory":
                    raise ReadError(Reason(NO_MEMORY, {"megabytes": self._limits.megabytes}))
                if kind == "error":
                    raise ReadError(self._told(process, reason))
                if through:
                    return
        finally:
            if through:
                self._fresh = False
            else:
                self._part = self._part_at_work()
                self._end()

    def _part_at_work(self) -> int:
        """The number of the part that a worker had begun, 0 where it is not known."""
        try:
            return int(Path(self._folder, PART).read_bytes() or b"0")
        except (OSError, ValueError):
            return 0

    def _taken(self, process: "subprocess.Popen[bytes]", items: Any, uri: str) -> list[Document | Skipped]:
        """What a worker read; a message of another form is that of one that is not itself any more."""
        try:
            found = [document_of(item) if "id" in item else skipped_of(item) for item in items]
            said = next(filter(None, (flaw(item, uri) for item in found)), "")
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise self._broken(process) from error
        if said:
            kill(process)
            raise ReadError(Reason("reader_failed", {"detail": one_line(said)}))
        return found

    def _told(self, process: "subprocess.Popen[bytes]", reason: Any) -> Reason:
        try:
            return reason_of(reason)
        except ValueError as error:
            raise self._broken(process) from error

    def _broken(self, process: "subprocess.Popen[bytes]") -> ReadError:
        kill(process)
        return ReadError(Reason(DIED, {"detail": ended_by(process), "megabytes": self._limits.megabytes}))

    @property
    def _most(self) -> int:
        return largest(self._limits.megabytes)

    def _receive(
        self, process: "subprocess.Popen[bytes]", seconds: float, allowed: float
    ) -> tuple[str, list[Any], Any]:
        """The next message of a worker.

        Args:
            process: The worker.
            seconds: How long to wait for it.
            allowed: How long the file may take in all.

        Raises:
            ReadError: It has died, or was killed because none came in time.
        """
        watchdog = self._watchdog
        assert watchdog is not None
        watchdog.allow(seconds)
        try:
            assert process.stdout is not None
            kind, items, reason = receive(process.stdout, self._most)
            return kind, items, reason
        except (OSError, EOFError, ValueError, TypeError) as error:
            if watchdog.bitten:
                limit = self._limits.seconds
                raise ReadError(Reason(NO_TIME, {"seconds": round(allowed, 1), "limit": limit})) from error
            if not isinstance(error, OSError | EOFError):  # it lives, and says what it should not
                kill(process)
            raise ReadError(Reason(DIED, {"detail": ended_by(process), "megabytes": self._limits.megabytes})) from error
        finally:
            watchdog.rest()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        # -P: nothing is imported from the folder the user happens to stand in.
        command = [sys.executable, "-P", "-m", "sakuin.index.readers.worker", str(self._limits.megabytes)]
        root = str(Path(sakuin.__file__).parent.parent)
        # A worker that is killed removes nothing: what it or a program of its has written goes with this folder.
        with suppress(OSError):  # no room, or nowhere to write: most files need none
            self._folder = tempfile.mkdtemp(prefix="sakuin-")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP") if self._folder else (), self._folder),
        }
        # A group of its own: no Ctrl-C reaches it, and what it has started ends with it.
        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        with interrupts_held():
            self._process = subprocess.Popen(
                [*command, self._folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                creationflags=flags,
                start_new_session=True,
            )
            started = self._process
        self._watchdog = Watchdog(lambda: kill(started))
        self._fresh = True
        return started

    def _end(self) -> None:
        process, self._process = self._process, None
        if self._watchdog is not None:
            self._watchdog.close()
            self._watchdog = None
        if process is not None:
            kill(process)
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with suppress(OSError):  # what it was being sent
                    pipe.close()
            process.wait()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where that cannot be told."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def needs_guard(path: Path, module: str) -> bool:
    """Whether a file that is read by such a module is to be read by a worker."""
    if module in SMALL:
        return size_of(path) > SMALL_BYTES
    return _grows(path) if module in WHOLE else module not in STREAMED


def _grows(path: Path) -> bool:
    """Whether a text takes several times its size in memory, and much of it."""
    if size_of(path) <= WHOLE_BYTES:
        return False
    try:
        with path.open("rb") as file:
            return file.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or any(
                _WIDE in chunk for chunk in iter(lambda: file.read(_CHUNK), b"")
            )
    except OSError:
        return False


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a worker, and what it has started, in whatever they do."""
    if hasattr(os, "killpg"):
        # Not reaped yet, so its number is nobody else's.
        if process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def ended_by(process: "subprocess.Popen[bytes]") -> str:
    """What ended a process, as the system calls it."""
    code = process.wait()
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"exit code {code}"
