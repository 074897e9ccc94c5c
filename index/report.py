"""What work on an index did, and how far it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sakuin.index import store
from sakuin.index.documents import Skipped
from sakuin.index.size import folder_bytes
from sakuin.index.writer import IndexWriter

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
        in_part: The names of those of them that are in the index in part.
        excluded: How many files and folders were left out by patterns.
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
    in_part: set[str] = field(default_factory=set)
    excluded: int = 0
    seconds: float = 0.0
    bytes: int = 0

    @property
    def partly(self) -> int:
        """How many of the skipped files are in the index in part."""
        return sum(item.uri in self.in_part for item in self.skipped)

    @property
    def taken(self) -> int:
        """Number of files that were asked for and of which the index has documents."""
        return self.added + self.updated + self.unchanged


def no_progress(name: str, done: int, total: int) -> None:
    """Show nothing."""


def finish(writer: IndexWriter, report: Report, started: float) -> None:
    """Commit and complete the report."""
    writer.commit()
    numbers = store.counts(writer.connection)
    report.documents, report.passages = numbers["documents"], numbers["passages"]
    report.duplicates = numbers["duplicates"]
    report.bytes = folder_bytes(writer.folder)
    report.seconds = time.perf_counter() - started
