"""Build, add, remove: what the command line offers, as functions."""

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sakuin.index import database
from sakuin.index.corpus import (
    Found,
    files_below,
    find_files,
    hash_file,
    is_gone,
    located,
    name_of,
    readable,
    require_there,
)
from sakuin.index.database import FileState
from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import IndexFolderError, ReadError
from sakuin.index.passages import split
from sakuin.index.problems import Problem
from sakuin.index.readers import MANY_DOCUMENTS, SUFFIXES, read_file, unknown_type
from sakuin.index.readers.files import seconds_allowed, took_too_long
from sakuin.index.reasons import PARTS_KEPT, Part, Reason, position_in
from sakuin.index.snapshot import changed_files
from sakuin.index.writer import IndexWriter, Settings, folder_bytes

T = TypeVar("T")

# A long build commits now and then, so that an interruption loses a minute or two, not hours.
COMMIT_PASSAGES = 500_000

Progress = Callable[[str, int, int], None]
"""Called with the name of the file at work, bytes done, and bytes to do in all."""


@dataclass
class Report:
    """What a build, an addition or a removal did.

    Attributes:
        added, updated, unchanged: Numbers of files that the index has documents of.
        removed: Number of files that it has none of any more.
        removed_documents: Number of single documents that were removed, their files staying.
        documents, passages: Numbers in the index afterwards.
        duplicates: Places where a passage stands again; it is stored and found once.
        new_passages: Passages of documents that are new or have changed; those the index had already are not encoded
            again.
        skipped: Files of which nothing, or not all, was taken, and why.
        partly: How many of these are in the index in part.
        seconds: Time taken.
        bytes: Size of the index folder afterwards.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    removed_documents: int = 0
    documents: int = 0
    passages: int = 0
    duplicates: int = 0
    new_passages: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    partly: int = 0
    seconds: float = 0.0
    bytes: int = 0


def no_progress(name: str, done: int, total: int) -> None:
    """Show nothing."""


def build(corpus: Path, folder: Path, settings: Settings = Settings(), progress: Progress = no_progress) -> Report:
    """Bring an index in step with a folder of documents: read what is new or changed, remove what is gone.

    Args:
        corpus: Folder of documents.
        folder: The index; made if it is not there.
        settings: For a new index; must not contradict an existing one.
        progress: Told how far the work is.

    Raises:
        IndexFolderError: as `IndexWriter`, or the folder is empty and the index has files of it: its disk may not be
            there. Nothing is changed then.
        ModelError: as `IndexWriter`.
    """
    started = time.perf_counter()
    if corpus.is_file():
        raise IndexFolderError(f"{corpus} is a file: give the folder it is in, or use `index add` for single files.")
    if not corpus.is_dir():
        raise IndexFolderError(f"No folder {corpus}: give the folder that holds the documents.")
    root = corpus.resolve()
    settings = Settings(settings.model, settings.dim, str(root), settings.passage_width)
    report = Report()
    with IndexWriter(folder, settings) as writer:
        known = database.read_files(writer.connection)
        found = list(find_files(root, root))
        # Files from elsewhere, put in by `index add`, are called by their whole path and stay. So were files of this
        # corpus that were added before it was one; now they have a shorter name.
        gone = {
            uri
            for uri in known.keys() - {file.uri for file in found}
            if not Path(uri).is_absolute() or Path(uri).is_relative_to(root)
        }
        if gone and not found:
            raise emptied(corpus, len(gone))
        sync_files(writer, found, known, report, progress)
        for uri in sorted(gone):
            forget_file(writer, uri)
            report.removed += 1
        finish(writer, report, started)
    return report


def add(
    paths: Sequence[Path], folder: Path, settings: Settings = Settings(), progress: Progress = no_progress
) -> Report:
    """Read files, or all files of folders, into an index, and bring up to date what it has of them already.

    Files that the index has of a folder and that are gone from the disk are forgotten. Those that are there and passed
    over, such as in a hidden folder that was added by its own name, stay.

    Raises:
        IndexFolderError: as `IndexWriter` and `find_files`, or a folder is empty from which the index has files: its
            disk may not be there. Nothing is changed then.
        ModelError: as `IndexWriter`.
    """
    started = time.perf_counter()
    report = Report()
    for path in paths:
        require_there(path)
    with IndexWriter(folder, settings) as writer:
        root = corpus_root(writer)
        known = database.read_files(writer.connection)
        found: list[Found] = []
        gone: set[str] = set()
        for path in paths:
            here = list(find_files(path, root))
            lost = gone_files(path, {file.uri for file in here}, known, root)
            if lost and not here:
                raise emptied(path, len(lost))
            found += here
            gone |= lost
        sync_files(writer, found, known, report, progress)
        for uri in sorted(gone):
            forget_file(writer, uri)
            report.removed += 1
        finish(writer, report, started)
    return report


def emptied(folder: Path, files: int) -> IndexFolderError:
    """Said of a folder without a file, of which the index has some: forgetting them all is seldom what is meant."""
    return IndexFolderError(
        f"{folder} is empty, but the index has files of it ({files:,}): is the disk there? Nothing was changed. "
        f"If they are gone for good, `index remove` forgets them."
    )


def remove(names: Sequence[str], folder: Path) -> Report:
    """Remove files, all files of folders, or single documents from an index.

    Args:
        names: Uris of files or documents, folders as uris begin with them, or paths of files and folders, which need
            not be there any more.
        folder: The index.

    Raises:
        IndexFolderError: no such index, or a name it has nothing of; nothing is removed then.
    """
    started = time.perf_counter()
    database.connect(folder, read_only=True).close()
    report = Report()
    with IndexWriter(folder) as writer:
        known = database.read_files(writer.connection)
        root = corpus_root(writer)
        files: set[str] = set()
        documents: dict[int, str] = {}
        missing = []
        for name in names:
            row = writer.connection.execute(
                "SELECT id, file FROM documents WHERE uri = ?", (readable(name),)
            ).fetchone()
            if row and row[1] != readable(name):
                documents[row[0]] = row[1]
            elif named := files_named(name, known, root):
                files |= named
            else:
                missing.append(repr(name))
        if missing:
            raise IndexFolderError(
                f"The index in {folder} has nothing called {', '.join(missing)}; nothing was removed. "
                f"`index info --files` lists what it holds."
            )
        single = [number for number, file in documents.items() if file not in files]
        writer.remove(single)
        for uri in sorted(files):
            forget_file(writer, uri)
        report.removed, report.removed_documents = len(files), len(single)
        finish(writer, report, started)
    return report


def files_named(name: str, known: Collection[str], root: Path | None) -> set[str]:
    """Files of an index that a name stands for: of a file or a folder, as the index calls it, or by its path.

    Raises:
        IndexFolderError: the index has files of two folders that might be meant.
    """
    called = readable(name)
    if called in known:
        return {called}
    # An empty path would be the folder the user happens to stand in.
    if not name:
        return set()
    beginning = f"{called.rstrip('/')}/"
    shown = set() if Path(name).is_absolute() else {uri for uri in known if uri.startswith(beginning)}
    try:
        path = located(Path(name))
    except OSError:  # no name that a file can have
        return shown
    uri = name_of(path, root)
    there = {uri} if uri in known else files_below(path, known, root)
    if shown and there and shown != there:
        raise IndexFolderError(
            f"{name} may be {path} or {Path(root or '', name)}: give the whole path of the one you mean. Nothing was "
            f"removed."
        )
    return shown or there


def gone_files(start: Path, here: Collection[str], known: Collection[str], root: Path | None) -> set[str]:
    """Files that an index has of a folder and that are not on the disk any more.

    Args:
        start: The folder, or a file, of which none can be gone.
        here: What was found in it.
        known: What the index has.
        root: As for `find_files`.
    """
    if not start.is_dir():
        return set()
    return {
        uri for uri in files_below(located(start), known, root) if uri not in here and is_gone(Path(root or "", uri))
    }


def corpus_root(writer: IndexWriter) -> Path | None:
    """The folder that an index is kept in step with."""
    return Path(writer.manifest.corpus) if writer.manifest.corpus else None


def compact(folder: Path, progress: Progress = no_progress) -> Report | None:
    """Put an index into its best form: one segment of vectors, and BM25 statistics of exactly what is there.

    Removed passages are otherwise forgotten by and by, as segments are merged.

    Returns:
        None where there was nothing to do.
    """
    started = time.perf_counter()
    database.connect(folder, read_only=True).close()
    report = Report()
    with IndexWriter(folder) as writer:
        total = writer.manifest.passages
        if not writer.compact(lambda done: progress("", done, total)):
            return None
        finish(writer, report, started)
    return report


def repair(folder: Path, progress: Progress = no_progress) -> Report:
    """Make vectors and terms anew from the documents of an index: those of which files are damaged, or else both.

    Raises:
        IndexFolderError: there is no index, or its documents are damaged themselves.
    """
    started = time.perf_counter()
    report = Report()
    with closing(database.connect(folder, read_only=True)) as connection:
        try:
            problems = database.damaged_rows(connection)
        except (sqlite3.Error, ValueError) as error:
            problems = [Problem("database", {"detail": str(error)})]
    if problems:
        raise IndexFolderError(
            f"The documents themselves are damaged ({problems[0]}), so nothing can be made anew from them: delete "
            f"{folder} and build it again."
        )
    with IndexWriter(folder) as writer:
        total = writer.manifest.passages
        damaged = {name.split("/")[0] for name in changed_files(folder, writer.manifest)} or {"vectors", "terms"}
        writer.rebuild(lambda done: progress("", done, total), "vectors" in damaged, "terms" in damaged)
        report.new_passages = total
        finish(writer, report, started)
    return report


def sync_files(
    writer: IndexWriter, found: Sequence[Found], known: dict[str, FileState], report: Report, progress: Progress
) -> None:
    """Read the files that are new or changed."""
    total, done = sum(file.size for file in found), 0
    paths: dict[str, Path] = {}
    for file in found:
        progress(file.uri, done, total)
        if paths.setdefault(file.uri, file.path) != file.path:
            report.skipped.append(Skipped(file.uri, Reason("same_file_name")))
            continue
        sync_file(writer, file, known.get(file.uri), report, lambda part, at=done: progress("", at + part, total))  # type: ignore[misc]
        done += file.size
        if writer.pending >= COMMIT_PASSAGES:
            writer.commit()
    progress("", total, total)


def sync_file(
    writer: IndexWriter, file: Found, known: FileState | None, report: Report, progress: Callable[[int], None]
) -> None:
    """Bring one file up to date."""
    # A file without a hash was never read, whether for its rights or its type: that may have changed without its bytes.
    if known and known.sha256 and (known.size, known.mtime_ns) == (file.size, file.mtime_ns):
        count_unchanged(writer, known, report)
        return
    before = has_documents(writer, file.uri)
    digest = ""
    try:
        if file.reason:
            raise ReadError(file.reason)
        if file.path.suffix.lower() not in SUFFIXES:
            raise ReadError(unknown_type(file.uri))
        digest = hash_file(file.path)
        if known and known.sha256 == digest:
            writer.put_file(FileState(file.uri, file.size, file.mtime_ns, digest, known.reason))
            count_unchanged(writer, known, report)
            return
        reason = add_documents(writer, file, report, progress)
    except ReadError as error:
        reason = error.reason
        if known and known.sha256 == digest and known.reason == reason:
            count_unchanged(writer, known, report)
            return
        forget_documents(writer, file.uri)
    writer.put_file(FileState(file.uri, file.size, file.mtime_ns, digest, reason))
    after = has_documents(writer, file.uri)
    report.added += after and not before
    report.updated += after and before
    report.removed += before and not after
    if reason:
        report.skipped.append(Skipped(file.uri, reason))
        report.partly += after


def count_unchanged(writer: IndexWriter, file: FileState, report: Report) -> None:
    """Put a file into the report that is as it was, be it in the index or left out."""
    taken = not file.reason or has_documents(writer, file.uri)
    report.unchanged += taken
    if file.reason:
        report.skipped.append(Skipped(file.uri, file.reason))
        report.partly += taken


def has_documents(writer: IndexWriter, uri: str) -> bool:
    """Whether the index has a document of a file."""
    return writer.connection.execute("SELECT 1 FROM documents WHERE file = ?", (uri,)).fetchone() is not None


def add_documents(writer: IndexWriter, file: Found, report: Report, progress: Callable[[int], None]) -> Reason | None:
    """Read a file into the index; returns why parts of it were left out, if any were.

    Documents that the index has from that file already are left as they are where they have not changed, and removed
    where the file has them no more. What was read of a file that takes too long stays in the index, and as with other
    parts that were left out, the next build looks at it again only if it has changed.

    A file of very many passages is committed in parts: else memory would grow with it, and an interruption would lose
    all of it. It has no hash until it is through, so the next build reads it again.
    """
    parts: list[Part] = []
    left_out = read = 0
    committed = report.new_passages
    old = database.documents_of_file(writer.connection, file.uri)
    allowed = seconds_allowed(file.size)
    for item, seconds in timed(read_file(file.path, file.uri)):
        if seconds > allowed and file.path.suffix.lower() in MANY_DOCUMENTS:
            # The first, so that it is seen among a thousand empty rows.
            parts.insert(0, Part(position_in(file.uri, item.uri), took_too_long(allowed)))
            left_out += 1
            break
        if not isinstance(item, Skipped):
            if add_document(writer, item, file, old, report):
                if report.new_passages - committed >= COMMIT_PASSAGES:
                    writer.put_file(FileState(file.uri, file.size, file.mtime_ns, "", Reason("interrupted")))
                    writer.commit()
                    committed = report.new_passages
                # Characters stand in for bytes: near enough for a bar.
                read = min(read + 3 * len(item.text), file.size)
                progress(read)
                continue
            item = Skipped(item.uri, Reason("same_document_name"))
        left_out += 1
        if left_out <= PARTS_KEPT:
            parts.append(Part(position_in(file.uri, item.uri), item.reason))
    writer.remove(list(old.values()))
    return Reason.of_parts(parts, left_out)


def add_document(writer: IndexWriter, document: Document, file: Found, old: dict[str, int], report: Report) -> bool:
    """Read a document into the index, unless it has one of that name.

    Args:
        writer, file, report: As elsewhere.
        document: What was read.
        old: Numbers of the file's documents that have not been read again yet, by uri; loses this one.
    """
    passages = split(document, writer.manifest.passage_width)
    number = old.pop(document.uri, None)
    if number is not None:
        if writer.has(number, document, file.uri, passages):
            return True
        writer.remove([number])
    elif writer.connection.execute("SELECT 1 FROM documents WHERE uri = ?", (document.uri,)).fetchone():
        return False
    writer.add(document, file.uri, passages)
    report.new_passages += len(passages)
    return True


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
    writer.remove(list(database.documents_of_file(writer.connection, uri).values()))


def forget_file(writer: IndexWriter, uri: str) -> None:
    """Remove a file with all that was read from it."""
    forget_documents(writer, uri)
    writer.drop_file(uri)


def finish(writer: IndexWriter, report: Report, started: float) -> None:
    """Commit and complete the report."""
    writer.commit()
    numbers = database.counts(writer.connection)
    report.documents, report.passages = numbers["documents"], numbers["passages"]
    report.duplicates = numbers["duplicates"]
    report.bytes = folder_bytes(writer.folder)
    report.seconds = time.perf_counter() - started
