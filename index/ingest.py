"""Brings files into an index: what is new or changed is read, what is gone from them is forgotten."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sakuin.index import store
from sakuin.index.corpus import FoundFile, hash_file
from sakuin.index.documents import Document, Passage, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.excluding import is_excluded
from sakuin.index.file_types import MANY_DOCUMENTS
from sakuin.index.lots import Lot
from sakuin.index.passages import split
from sakuin.index.readers.files import seconds_allowed, took_too_long
from sakuin.index.readers.guarded import GuardedReader, Limits, is_limited
from sakuin.index.reasons import PARTS_KEPT, Part, Reason, position_in
from sakuin.index.records import MAX_METADATA, metadata_size
from sakuin.index.report import Progress, Report
from sakuin.index.store import FileState
from sakuin.index.writer import IndexWriter

T = TypeVar("T")

# A long build commits now and then, so that an interruption loses some minutes, not hours.
COMMIT_PASSAGES = 1_000_000


def sync_files(
    writer: IndexWriter,
    found: Sequence[FoundFile],
    known: dict[str, FileState],
    report: Report,
    progress: Progress,
    *,
    checksum: bool = False,
    limits: Limits = Limits(),
) -> None:
    """Read the files that are new or changed.

    Args:
        writer: Of the index.
        found: The files of the corpus.
        known: Those that the index knows, by uri.
        report: Counts what was done.
        progress: Told how far the work is.
        checksum: Compare the bytes of all files, also of those that look unchanged.
        limits: What reading one file may take; one that took too much before is read again if they are higher now.
    """
    total, done = sum(file.size for file in found), 0
    paths: dict[str, Path] = {}
    with GuardedReader(limits) as reader:
        for file in found:
            progress(file.uri, done, total)
            if paths.setdefault(file.uri, file.path) != file.path:
                report.skipped.append(Skipped(file.uri, Reason("same_file_name")))
                continue
            before = known.get(file.uri)
            if is_excluded(file.reason):
                exclude_file(writer, file, before, report)
                continue
            if before and limits.are_raised(before.reason):
                before = replace(before, sha256="")
            # A file without a hash was never read, whether for its rights or its type: that may have changed without
            # its bytes.
            if before and before.sha256 and not checksum and file.is_as(before):
                count_unchanged(writer, before, report)
            else:

                def show(part: int, at: int = done) -> None:
                    progress("", at + part, total)

                sync_file(writer, file, before, report, show, reader=reader)
            done += file.size
            if writer.pending >= COMMIT_PASSAGES:
                writer.commit()
    progress("", total, total)


def sync_file(
    writer: IndexWriter,
    file: FoundFile,
    known: FileState | None,
    report: Report,
    progress: Callable[[int], None],
    *,
    reader: GuardedReader,
) -> None:
    """Bring one file up to date that is new, or does not look as it did."""
    before = store.has_documents(writer.connection, file.uri)
    digest, opened_ns = "", 0
    try:
        if file.reason:
            raise ReadError(file.reason)
        # Not opened, for what the system makes up as it is read has a size of 0, and may be without end.
        if not file.size:
            raise ReadError(Reason("empty"))
        reader.require_readable(file.path, file.uri)
        digest, opened_ns = hash_file(file.path)
        if known and known.sha256 == digest:
            if (state := file.state(digest, known.reason, opened_ns)) != known:
                writer.put_file(state)
            count_unchanged(writer, known, report)
            return
        reason = add_documents(writer, file, report, progress, reader=reader)
        if (now := file.now()) != file:
            # Once more, for what was read may be half of each; what changes all the time is read as it is.
            file = now
            digest, opened_ns = hash_file(file.path)
            reason = add_documents(writer, file, report, progress, reader=reader)
            if file.now() != file:
                digest, reason = "", Reason("changed")
    except ReadError as error:
        reason = error.reason
        if known and known.sha256 == digest and known.reason == reason:
            count_unchanged(writer, known, report)
            return
        forget_documents(writer, file.uri)
    writer.put_file(file.state(digest, reason, opened_ns))
    after = store.has_documents(writer.connection, file.uri)
    report.added += after and not before
    report.updated += after and before
    report.removed += before and not after
    if reason:
        report.skipped.append(Skipped(file.uri, reason))
        if after:
            report.in_part.add(file.uri)


def count_unchanged(writer: IndexWriter, file: FileState, report: Report) -> None:
    """Put a file into the report that is as it was, be it in the index or left out."""
    taken = not file.reason or store.has_documents(writer.connection, file.uri)
    report.unchanged += taken
    if file.reason:
        report.skipped.append(Skipped(file.uri, file.reason))
        if taken:
            report.in_part.add(file.uri)


def add_documents(
    writer: IndexWriter, file: FoundFile, report: Report, progress: Callable[[int], None], *, reader: GuardedReader
) -> Reason | None:
    """Read a file into the index; returns why parts of it were left out, if any were.

    Documents that the index has from that file already are left as they are where they have not changed, and removed
    where the file has them no more. What was read of a file that takes too long or too much memory, or breaks its
    reader, stays in the index, and as with other parts that were left out, the next build looks at it again only if it
    has changed, or may take more.

    A file of very many passages is committed in parts: else memory would grow with it, and an interruption would lose
    all of it. It has no hash until it is through, so the next build reads it again.
    """
    left_out = _LeftOut(file.uri)
    intake = _Intake(writer, file, report, progress, left_out)
    allowed = seconds_allowed(file.size)
    try:
        for item, seconds in timed(reader.read(file.path, file.uri)):
            if seconds > allowed and file.path.suffix.lower() in MANY_DOCUMENTS:
                left_out.note_first(item.uri, took_too_long(allowed))
                break
            if isinstance(item, Skipped):
                left_out.note(item)
            elif (size := metadata_size(item.metadata)) > MAX_METADATA:
                left_out.note(Skipped(item.uri, Reason("metadata_too_large", {"size": size, "limit": MAX_METADATA})))
            else:
                intake.add(item)
    except ReadError as error:
        intake.store()
        if not intake.taken:
            raise
        left_out.note_first(file.uri, error.reason)
    intake.end()
    return left_out.reason()


class _Intake:
    """Documents of a file on their way into the index, which stores some together.

    Attributes:
        taken: How many are in the index.
    """

    def __init__(
        self,
        writer: IndexWriter,
        file: FoundFile,
        report: Report,
        progress: Callable[[int], None],
        left_out: "_LeftOut",
    ) -> None:
        """Begin a file."""
        self._writer, self._file, self._report = writer, file, report
        self._progress, self._left_out = progress, left_out
        self._lot = Lot()
        self._read = self.taken = 0
        self._committed = report.new_passages
        # Documents that have not been read again yet.
        self._old = store.documents_of_file(writer.connection, file.uri)

    def add(self, document: Document) -> None:
        """Take a document."""
        self._lot.add(document)
        if self._lot.is_full:
            self.store()

    def store(self) -> None:
        """Store those that wait."""
        lot, self._lot = self._lot, Lot()
        twice = add_some(self._writer, lot.documents, self._file, self._old, self._report)
        for document in twice:
            self._left_out.note(Skipped(document.uri, Reason("same_document_name")))
        self.taken += len(lot.documents) - len(twice)
        if self._report.new_passages - self._committed >= COMMIT_PASSAGES:
            file = self._file
            self._writer.put_file(FileState(file.uri, file.size, file.mtime_ns, "", Reason("interrupted")))
            self._writer.commit()
            self._committed = self._report.new_passages
        # Characters stand in for bytes: near enough for a bar.
        self._read = min(self._read + 3 * lot.characters, self._file.size)
        self._progress(self._read)

    def end(self) -> None:
        """Store those that wait, and remove what the file has no more."""
        self.store()
        self._writer.remove(list(self._old.values()))


class _LeftOut:
    """The parts of a file that were left out: those kept that are told."""

    def __init__(self, uri: str) -> None:
        """Begin with none, of the file of that name."""
        self._uri = uri
        self._parts: list[Part] = []
        self._number = 0

    def note(self, item: Skipped) -> None:
        """Note a part."""
        if is_limited(item.reason):
            self.note_first(item.uri, item.reason)
            return
        self._number += 1
        if self._number <= PARTS_KEPT:
            self._parts.append(Part(position_in(self._uri, item.uri), item.reason))

    def note_first(self, uri: str, reason: Reason) -> None:
        """Note a part that is told before others: it is seen among a thousand empty rows, and may be tried again."""
        self._number += 1
        self._parts.insert(0, Part(position_in(self._uri, uri), reason))

    def reason(self) -> Reason | None:
        """Why not all of the file was taken; None where it was."""
        return Reason.of_parts(self._parts, self._number)


def add_some(
    writer: IndexWriter, documents: Sequence[Document], file: FoundFile, old: dict[str, int], report: Report
) -> list[Document]:
    """Read documents into the index; returns those that are not taken, for it has one of that name.

    Args:
        writer: Of the index.
        documents: What was read.
        file: What it was read from.
        old: Numbers of the file's documents that have not been read again yet, by id; loses these.
        report: Counts what was added.
    """
    unread = [document.id for document in documents if document.id not in old]
    taken = set(store.document_numbers(writer.connection, unread))
    new: list[tuple[Document, Sequence[Passage]]] = []
    twice = []
    for document in documents:
        number = old.pop(document.id, None)
        if number is None and document.id in taken:
            twice.append(document)
            continue
        taken.add(document.id)
        passages = split(document, writer.manifest.passage_width)
        if number is not None:
            if writer.has(number, document, file.uri, passages):
                continue
            writer.remove([number])
        new.append((document, passages))
        report.new_passages += len(passages)
    if new:
        writer.add_all(new, file.uri)
    return twice


def timed(items: Iterator[T]) -> Iterator[tuple[T, float]]:
    """Each item, and the seconds it took to get it and those before it: not what was done with them."""
    seconds = 0.0
    while True:
        started = time.monotonic()
        item = next(items, None)
        seconds += time.monotonic() - started
        if item is None:
            return
        yield item, seconds


def forget_documents(writer: IndexWriter, uri: str) -> None:
    """Remove what was read from a file."""
    writer.remove(list(store.documents_of_file(writer.connection, uri).values()))


def exclude_file(writer: IndexWriter, file: FoundFile, known: FileState | None, report: Report) -> None:
    """Note that a file or folder is left out, and forget what was read of it before it was."""
    report.excluded += 1
    state = file.state("", file.reason, 0)
    if known == state:
        return
    report.removed += store.has_documents(writer.connection, file.uri)
    forget_documents(writer, file.uri)
    writer.put_file(state)


def forget_files(writer: IndexWriter, uris: Iterable[str], known: Mapping[str, FileState], report: Report) -> None:
    """Remove files with all that was read from them.

    Args:
        writer: Of the index.
        uris: Of the files.
        known: All files of the index.
        report: Counts those that were not left out anyway.
    """
    for uri in sorted(uris):
        forget_documents(writer, uri)
        writer.drop_file(uri)
        report.removed += not is_excluded(known[uri].reason)
