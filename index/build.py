"""Build, add, remove: what the command line offers, as functions."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from index import database
from index.corpus import Found, find_files, hash_file, uri_of
from index.database import FileState
from index.documents import Document, Skipped
from index.errors import IndexFolderError, ReadError
from index.passages import split
from index.readers import MANY_DOCUMENTS, SUFFIXES, read_file, unknown_type
from index.readers.files import seconds_allowed, took_too_long
from index.snapshot import changed_files
from index.writer import IndexWriter, Settings, folder_bytes

T = TypeVar("T")

# A long build commits now and then, so that an interruption loses a minute or two, not hours.
COMMIT_PASSAGES = 500_000
# Of one file: a table may have a million empty rows.
REASONS_KEPT = 100

INTERRUPTED = "only a part was read before an interruption; the next build reads the rest"

Progress = Callable[[str, int, int], None]
"""Called with the name of the file at work, bytes done, and bytes to do in all."""


@dataclass
class Report:
    """What a build, an addition or a removal did.

    Attributes:
        added, updated, unchanged, removed: Numbers of files (of documents, where single documents were removed).
        documents, passages: Numbers in the index afterwards.
        duplicates: Places where a passage stands again; it is stored and found once.
        new_passages: Passages of documents that are new or have changed; those the index had already are not encoded
            again.
        skipped: What was left out this time, and why.
        seconds: Time taken.
        bytes: Size of the index folder afterwards.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    documents: int = 0
    passages: int = 0
    duplicates: int = 0
    new_passages: int = 0
    skipped: list[Skipped] = field(default_factory=list)
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
        IndexFolderError, ModelError: as `IndexWriter`.
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
        sync_files(writer, found, known, report, progress)
        here = {file.uri for file in found}
        # Files from elsewhere, put in by `index add`, are called by their whole path and stay. So were files of this
        # corpus that were added before it was one; now they have a shorter name.
        for uri in sorted(known.keys() - here):
            if not Path(uri).is_absolute() or Path(uri).is_relative_to(root):
                forget_file(writer, uri)
                report.removed += 1
        finish(writer, report, started)
    return report


def add(
    paths: Sequence[Path], folder: Path, settings: Settings = Settings(), progress: Progress = no_progress
) -> Report:
    """Read files, or all files of folders, into an index; a file that is already there is brought up to date."""
    started = time.perf_counter()
    report = Report()
    with IndexWriter(folder, settings) as writer:
        root = Path(writer.manifest.corpus) if writer.manifest.corpus else None
        found = [file for path in paths for file in find_files(path, root)]
        sync_files(writer, found, database.read_files(writer.connection), report, progress)
        finish(writer, report, started)
    return report


def remove(uris: Sequence[str], folder: Path) -> Report:
    """Remove files or single documents from an index, by uri (or path).

    Raises:
        IndexFolderError: no such index, or a uri it does not hold; nothing is removed then.
    """
    started = time.perf_counter()
    database.connect(folder, read_only=True).close()
    report = Report()
    with IndexWriter(folder) as writer:
        known = database.read_files(writer.connection)
        root = Path(writer.manifest.corpus) if writer.manifest.corpus else None
        for given in uris:
            uri = given if given in known else uri_of(Path(given), root)
            row = writer.connection.execute("SELECT id FROM documents WHERE uri = ?", (given,)).fetchone()
            if uri in known:
                forget_file(writer, uri)
            elif row:
                writer.remove([row[0]])
            else:
                raise IndexFolderError(
                    f"The index in {folder} holds no {given!r}; nothing was removed. `index info --files` lists what "
                    f"it holds."
                )
            report.removed += 1
        finish(writer, report, started)
    return report


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
            problems = [str(error)]
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
            report.skipped.append(Skipped(file.uri, "another file has the same name, in another encoding: rename one"))
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
        report.unchanged += 1
        if known.reason:
            report.skipped.append(Skipped(file.uri, known.reason))
        return
    digest, skipped = "", []
    try:
        if file.reason:
            raise ReadError(file.reason)
        if file.path.suffix.lower() not in SUFFIXES:
            raise ReadError(unknown_type(file.uri))
        digest = hash_file(file.path)
        if known and known.sha256 == digest:
            writer.put_file(FileState(file.uri, file.size, file.mtime_ns, digest, known.reason))
            report.unchanged += 1
            return
        skipped = add_documents(writer, file, report, progress)
    except ReadError as error:
        skipped = [Skipped(file.uri, str(error))]
        if known and known.sha256 == digest and known.reason == str(error):
            report.unchanged += 1
            report.skipped += skipped
            return
        forget_documents(writer, file.uri)
    if known:
        report.updated += 1
    else:
        report.added += 1
    report.skipped += skipped
    reason = "; ".join(summarise(skipped, file.uri))
    writer.put_file(FileState(file.uri, file.size, file.mtime_ns, digest, reason))


def add_documents(writer: IndexWriter, file: Found, report: Report, progress: Callable[[int], None]) -> list[Skipped]:
    """Read a file into the index; returns the parts of it that were left out.

    Documents that the index has from that file already are left as they are where they have not changed, and removed
    where the file has them no more. What was read of a file that takes too long stays in the index, and as with other
    parts that were left out, the next build looks at it again only if it has changed.

    A file of very many passages is committed in parts: else memory would grow with it, and an interruption would lose
    all of it. It has no hash until it is through, so the next build reads it again.
    """
    skipped: list[Skipped] = []
    left_out = read = 0
    committed = report.new_passages
    old = database.documents_of_file(writer.connection, file.uri)
    allowed = seconds_allowed(file.size)
    for item, seconds in timed(read_file(file.path, file.uri)):
        if seconds > allowed and file.path.suffix.lower() in MANY_DOCUMENTS:
            # The first, so that it is seen among a thousand empty rows.
            skipped.insert(0, Skipped(item.uri, took_too_long(allowed)))
            break
        if not isinstance(item, Skipped):
            if add_document(writer, item, file, old, report):
                if report.new_passages - committed >= COMMIT_PASSAGES:
                    writer.put_file(FileState(file.uri, file.size, file.mtime_ns, "", INTERRUPTED))
                    writer.commit()
                    committed = report.new_passages
                # Characters stand in for bytes: near enough for a bar.
                read = min(read + 3 * len(item.text), file.size)
                progress(read)
                continue
            item = Skipped(item.uri, "there is another document of the same name")
        if len(skipped) < REASONS_KEPT:
            skipped.append(item)
        else:
            left_out += 1
    writer.remove(list(old.values()))
    if left_out:
        number = len(skipped) + left_out
        skipped.insert(0, Skipped(file.uri, f"{number:,} parts of it were left out, such as these"))
    return skipped


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


def summarise(skipped: Sequence[Skipped], uri: str, most: int = 3) -> Iterable[str]:
    """The first reasons, and how many more."""
    for item in skipped[:most]:
        part = item.uri.removeprefix(uri).lstrip("#")
        yield f"{part}: {item.reason}" if part else item.reason
    # Of more than are kept the first reason tells the number.
    if most < len(skipped) <= REASONS_KEPT:
        yield f"{len(skipped) - most} more"


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
