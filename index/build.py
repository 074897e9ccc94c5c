"""Keeps an index in step with files: what `index build`, `add` and `remove` do, as functions."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sakuin.index import store
from sakuin.index.corpus import (
    FoundFile,
    files_below,
    find_files,
    is_gone,
    located,
    name_of,
    readable,
    require_there,
    spelled,
)
from sakuin.index.errors import IndexFolderError
from sakuin.index.excluding import is_excluded
from sakuin.index.ingest import forget_files, sync_files
from sakuin.index.lock import WAIT_SECONDS, require_utf8
from sakuin.index.readers.guarded import Limits
from sakuin.index.report import Progress, Report, finish, no_progress
from sakuin.index.settings import Settings
from sakuin.index.store import FileState
from sakuin.index.writer import IndexWriter


def build(
    corpus: Path,
    folder: Path,
    settings: Settings = Settings(),
    progress: Progress = no_progress,
    *,
    checksum: bool = False,
    exclude: Sequence[str] = (),
    limits: Limits = Limits(),
    mine: Callable[[str], bool] | None = None,
    timeout: float = WAIT_SECONDS,
) -> Report:
    """Bring an index in step with a folder of documents: read what is new or changed, remove what is gone.

    Args:
        corpus: Folder of documents.
        folder: The index; made if it is not there.
        settings: For a new index; must not contradict an existing one.
        progress: Told how far the work is.
        checksum: Compare the bytes of all files, also of those whose size, times and inode are as they were.
        exclude: Patterns of what to leave out, as gitignore has them, relative to ``corpus``.
        limits: What reading one file may take.
        mine: Whether a file, by its uri, is to be in this index; None for all of them.
        timeout: Seconds to wait for another writer.

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
    require_utf8(root)
    settings = replace(settings, corpus=str(root))
    report = Report()
    with IndexWriter(folder, settings, timeout=timeout) as writer:
        known = store.read_files(writer.connection)
        there = list(find_files(root, root, exclude))
        found = [file for file in there if mine is None or mine(file.uri)]
        # Files from elsewhere, put in by `index add`, are called by their whole path and stay. So were files of this
        # corpus that were added before it was one; now they have a shorter name.
        gone = {
            uri
            for uri in known.keys() - {file.uri for file in found}
            if not Path(uri).is_absolute() or Path(uri).is_relative_to(readable(str(root)))
        }
        if not there and (lost := read_before(gone, known)):
            raise emptied(corpus, lost)
        sync_files(writer, found, known, report, progress, checksum=checksum, limits=limits)
        forget_files(writer, gone, known, report)
        finish(writer, report, started)
    return report


def add(
    paths: Sequence[Path],
    folder: Path,
    settings: Settings = Settings(),
    progress: Progress = no_progress,
    *,
    checksum: bool = False,
    exclude: Sequence[str] = (),
    limits: Limits = Limits(),
    keep_empty: bool = False,
    timeout: float = WAIT_SECONDS,
) -> Report:
    """Read files, or all files of folders, into an index, and bring up to date what it has of them already.

    Files that the index has of a folder and that are gone from the disk are forgotten. Those that are there and passed
    over, such as in a hidden folder that was added by its own name, stay.

    Args:
        paths: Files and folders.
        folder: The index; made if it is not there, and if something can be read.
        settings: For a new index; must not contradict an existing one.
        progress: Told how far the work is.
        checksum: As for `build`.
        exclude: Patterns of what to leave out, relative to each of the folders.
        limits: What reading one file may take.
        keep_empty: Make an index also where nothing can be read.
        timeout: Seconds to wait for another writer.

    Raises:
        IndexFolderError: as `IndexWriter` and `find_files`, or a folder is empty from which the index has files: its
            disk may not be there. Nothing is changed then.
        ModelError: as `IndexWriter`.
    """
    started = time.perf_counter()
    report = Report()
    for path in paths:
        require_there(path)
    with IndexWriter(folder, settings, timeout=timeout) as writer:
        root = corpus_root(writer)
        known = store.read_files(writer.connection)
        found: list[FoundFile] = []
        gone: set[str] = set()
        for path in paths:
            here = list(find_files(path, root, exclude))
            lost = gone_files(path, here, known, root)
            if not here and (number := read_before(lost, known)):
                raise emptied(path, number)
            found += here
            gone |= lost
        sync_files(writer, found, known, report, progress, checksum=checksum, limits=limits)
        forget_files(writer, gone, known, report)
        if writer.is_new and not report.taken and not keep_empty:
            writer.unmake()
        else:
            finish(writer, report, started)
    return report


def read_before(uris: Collection[str], known: Mapping[str, FileState]) -> int:
    """How many of an index's files were not left out by a pattern."""
    return sum(not is_excluded(known[uri].reason) for uri in uris)


def emptied(folder: Path, files: int) -> IndexFolderError:
    """Said of a folder without a file, of which the index has some: forgetting them all is seldom what is meant."""
    return IndexFolderError(
        f"{folder} is empty, but the index has files of it ({files:,}): is the disk there? Nothing was changed. "
        f"If they are gone for good, `index remove` forgets them."
    )


def remove(
    names: Sequence[str], folder: Path, settings: Settings = Settings(), *, timeout: float = WAIT_SECONDS
) -> Report:
    """Remove files, all files of folders, or single documents from an index.

    Args:
        names: Uris of files or documents, folders as uris begin with them, or paths of files and folders, which need
            not be there any more.
        folder: The index.
        settings: Of the index; its model is loaded where they name none that is.
        timeout: Seconds to wait for another writer.

    Raises:
        IndexFolderError: no such index, or a name it has nothing of; nothing is removed then.
    """
    started = time.perf_counter()
    store.connect(folder, read_only=True).close()
    report = Report()
    with IndexWriter(folder, settings, timeout=timeout) as writer:
        known = store.read_files(writer.connection)
        root = corpus_root(writer)
        files: set[str] = set()
        documents: dict[int, str] = {}
        missing = []
        for name in names:
            row = store.document_number(writer.connection, readable(name))
            if row and row[1] != readable(name):
                documents[row[0]] = row[1]
                # A file of that name may have been skipped for it: what is called so goes, whichever it is.
                files |= {readable(name)} & known.keys()
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
        if single:
            # Names that were taken are free now.
            store.forget_hashes(writer.connection, "same_document_name")
        forget_files(writer, files, known, report)
        report.removed_documents = len(single)
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


def gone_files(start: Path, here: Sequence[FoundFile], known: Collection[str], root: Path | None) -> set[str]:
    """Files that an index has of a folder and that are not on the disk any more, or in a folder that is left out now.

    Args:
        start: The folder, or a file, of which none can be gone.
        here: What was found in it.
        known: What the index has.
        root: As for `find_files`.
    """
    if not spelled(start).is_dir():
        return set()
    there = {file.uri for file in here}
    left_out = tuple(file.uri for file in here if file.uri.endswith("/"))
    others = files_below(located(spelled(start)), known, root) - there
    return {uri for uri in others if uri.startswith(left_out) or is_gone(Path(root or "", uri))}


def corpus_root(writer: IndexWriter) -> Path | None:
    """The folder that an index is kept in step with."""
    return Path(writer.manifest.corpus) if writer.manifest.corpus else None
