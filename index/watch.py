"""Keeps an index in step with a folder for as long as it runs."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from sakuin.index.build import build
from sakuin.index.documents import Skipped
from sakuin.index.errors import IndexFolderError
from sakuin.index.excluding import IGNORE_FILE
from sakuin.index.readers.guarded import Limits
from sakuin.index.report import Progress, Report
from sakuin.index.settings import Settings

# Editors and copies change a file in several steps: wait until a folder has been still for so long, but not for ever.
STILL_MS = 500
LONGEST_WAIT_MS = 5_000
# After a build that could not be done, because another process is writing or a folder cannot be read, try again.
RETRY_MS = 5_000


def watch(
    corpus: Path,
    folder: Path,
    settings: Settings,
    progress_bar: Callable[[], AbstractContextManager[Progress]],
    *,
    exclude: Sequence[str] = (),
    limits: Limits = Limits(),
    still_ms: int = STILL_MS,
    retry_ms: int = RETRY_MS,
) -> Iterator[Report | str]:
    """Build, then build again after each change below the corpus, without end.

    Args:
        corpus: The folder of documents.
        folder: Of the index.
        settings: Of a new index.
        progress_bar: Shows how far a build is.
        exclude: As for `build`.
        limits: As for `build`.
        still_ms: Build once the folder has been still for so long.
        retry_ms: Try again so long after a build that could not be done.

    Yields:
        What a build did, where it did anything: of skipped files those that it skipped for the first time; or why it
        could not be done, and it will be tried again.

    Raises:
        IndexFolderError: the first build could not be done.
        ModelError: the model cannot be loaded.
    """
    from watchfiles import watch as changes

    root, index = corpus.resolve(), folder.resolve()

    def matters(path: str) -> bool:
        inside = Path(path).relative_to(root).parts
        hidden = [part for part in inside if part.startswith(".")]
        return not Path(path).is_relative_to(index) and hidden in ([], [IGNORE_FILE])

    stream = changes(
        root,
        watch_filter=None,
        debounce=LONGEST_WAIT_MS,
        step=still_ms,
        rust_timeout=retry_ms,
        yield_on_timeout=True,
        raise_interrupt=True,
    )

    def changed() -> bool:
        """Wait for a change of a document; False where none came for ``retry_ms``."""
        # Not left to the stream's filter: while searches touch an index below the corpus, it would never time out.
        deadline = time.monotonic() + retry_ms / 1000
        for some in stream:
            if any(matters(path) for _, path in some):
                return True
            if not some or time.monotonic() >= deadline:
                break
        return False

    due, first, told = True, True, ""
    skipped: set[Skipped] = set()
    while True:
        if due:
            try:
                with progress_bar() as progress:
                    report = build(corpus, folder, settings, progress, exclude=exclude, limits=limits)
            except IndexFolderError as error:
                if first:
                    raise
                # Once, and not every few seconds until it is put right.
                if str(error) != told:
                    told = str(error)
                    yield f"{error} Trying again every {retry_ms / 1000:g} seconds."
            else:
                told = ""
                # What changed while the first build ran was not watched yet: look once more.
                due = first
                # What could not be read last time was told then.
                fresh = [item for item in report.skipped if item not in skipped]
                skipped = set(report.skipped)
                if first or fresh or report.added or report.updated or report.removed:
                    yield replace(report, skipped=fresh)
                first = False
        due = changed() or due
