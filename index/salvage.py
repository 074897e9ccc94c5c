"""What is whole of a damaged index, as a new index in its place; the damaged one is moved aside."""

import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from sakuin.index import store
from sakuin.index.backup import new_folder, put_aside, real_path
from sakuin.index.errors import DATABASE_ERRORS, IndexFolderError, opening_error
from sakuin.index.integrity import check
from sakuin.index.lock import WAIT_SECONDS, acquire
from sakuin.index.report import Progress, Report, finish, no_progress
from sakuin.index.settings import Settings
from sakuin.index.store import Manifest, salvaging
from sakuin.index.writer import IndexWriter


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What became of a damaged index.

    Attributes:
        report: Of making vectors and terms anew.
        kept: Documents that are in the new index.
        lost: Documents that were committed to the old one and are not, as far as the old one tells.
        aside: Where the damaged index is now.
    """

    report: Report
    kept: int
    lost: int
    aside: Path


def salvage(
    folder: Path,
    progress: Progress = no_progress,
    *,
    settings: Settings = Settings(),
    timeout: float = WAIT_SECONDS,
) -> Salvaged:
    """Put a new index of the documents that are whole in the place of a damaged one, which is moved aside.

    The next build reads all files again, so that what could not be saved comes back where its file is there.

    Raises:
        IndexFolderError: nothing can be saved, or it cannot be written; nothing is changed then.
        ModelError: the model of the index cannot be loaded.
    """
    started = time.perf_counter()
    folder = real_path(folder)
    lock = acquire(folder, timeout)
    try:
        with new_folder(folder.with_name(f".{folder.name}.salvaged"), kept=False, named=folder) as part:
            manifest, kept, lost = documents_saved(folder, part)
            report = Report()
            with IndexWriter(part / "index", settings, timeout=timeout) as writer:
                writer.rebuild(lambda done: progress("", done, manifest.passages), vectors=True, terms=True)
                report.new_passages = manifest.passages
                finish(writer, report, started)
            _, problems = check(part / "index")
            if problems:
                raise IndexFolderError(f"The index made of what is whole in {folder} is not whole ({problems[0]}).")
            return Salvaged(report, kept, lost, put_aside(part / "index", folder))
    finally:
        lock.release()


def documents_saved(folder: Path, part: Path) -> tuple[Manifest, int, int]:
    """Make a database of what is whole; returns its manifest, and how many documents are in it and are lost."""
    old, new = part / "old", part / "index"
    old.mkdir()
    new.mkdir()
    for path in folder.glob(f"{store.NAME}*"):
        # Not the file in memory that readers share: SQLite makes it anew.
        if path.suffix != ".db-shm" and path.is_file():
            shutil.copyfile(path, old / path.name)
    salvaging.mend_schema(old / store.NAME)
    with (
        closing(sqlite3.connect(old / store.NAME)) as source,
        closing(store.connect(new, read_only=False)) as target,
    ):
        try:
            manifest = store.read_manifest(source, folder)
            store.begin(target, writing=True)
            store.create_tables(target)
            kept = salvaging.save_whole(source, target, places=manifest.rows.get("places"))
        except DATABASE_ERRORS as error:
            raise opening_error(folder, store.NAME, error) from error
        committed = manifest.rows.get("documents")
        if committed is None:
            committed = salvaging.count_documents(source)
        lost = max(0, committed - kept)
        if lost or store.row_counts(target)["files"] != manifest.rows.get("files"):
            salvaging.forget_all_hashes(target)
        manifest = replace(
            manifest,
            segments=[],
            passages=store.count_passages(target),
            checksums={},
            sizes={},
            rows=store.row_counts(target),
            version=store.own_version(),
        )
        store.write_manifest(target, manifest)
        target.commit()
    return manifest, kept, lost
