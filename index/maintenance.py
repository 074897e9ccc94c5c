"""Work on an index that changes nothing of what it holds."""

import time
from pathlib import Path

from sakuin.index import store
from sakuin.index.errors import IndexFolderError
from sakuin.index.integrity import changed_files, documents_problems
from sakuin.index.lock import WAIT_SECONDS
from sakuin.index.outliving import begin_again
from sakuin.index.report import Progress, Report, finish, no_progress
from sakuin.index.settings import Settings
from sakuin.index.writer import IndexWriter


def compact(
    folder: Path,
    progress: Progress = no_progress,
    *,
    settings: Settings = Settings(),
    timeout: float = WAIT_SECONDS,
) -> Report | None:
    """Put an index into its best form: one segment of vectors, and BM25 statistics of exactly what is there.

    Removed passages are otherwise forgotten by and by, as segments are merged.

    Returns:
        None where there was nothing to do.
    """
    started = time.perf_counter()
    store.connect(folder, read_only=True).close()
    report = Report()
    with IndexWriter(folder, settings, timeout=timeout) as writer:
        total = writer.manifest.passages
        if not writer.compact(lambda done: progress("", done, total)):
            return None
        finish(writer, report, started)
    return report


def repair(
    folder: Path,
    progress: Progress = no_progress,
    *,
    settings: Settings = Settings(),
    timeout: float = WAIT_SECONDS,
) -> Report:
    """Make vectors and terms anew from the documents of an index: those of which files are damaged, or else both.

    Raises:
        IndexFolderError: there is no index, or its documents are damaged themselves.
    """
    started = time.perf_counter()
    report = Report()
    # All that `verify` looks at: an index made anew from less than was written would be poorer, and pass for whole.
    problems = documents_problems(folder)
    if problems:
        raise IndexFolderError(
            f"The documents themselves are damaged ({problems[0]}), so nothing can be made anew from them without "
            f"loss. `index repair --drop-damaged` makes an index of those that are whole, `index restore` puts a "
            f"backup in its place; or {begin_again(folder)}."
        )
    with IndexWriter(folder, settings, timeout=timeout) as writer:
        total = writer.manifest.passages
        damaged = {name.split("/")[0] for name in changed_files(folder, writer.manifest)} or {"vectors", "terms"}
        writer.rebuild(lambda done: progress("", done, total), "vectors" in damaged, "terms" in damaged)
        report.new_passages = total
        finish(writer, report, started)
    return report
