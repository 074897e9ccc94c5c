"""An index as it was committed: what searches read."""

import json
import sqlite3
import threading
import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from sakuin.index import database, filters
from sakuin.index.database import Manifest, PassageRow
from sakuin.index.documents import Skipped
from sakuin.index.errors import IndexFolderError
from sakuin.index.filters import Conditions, Facet, Selection
from sakuin.index.problems import Problem
from sakuin.index.terms import Terms
from sakuin.index.vectors import Vectors, sha256_of
from sakuin.index.writer import removed_passages

# A writer that commits while a reader is opening sweeps away the files the reader is about to open.
ATTEMPTS = 5

CHECKED_BYTES = 64_000_000
"""How much of the derived files opening reads to compare their checksums: all of a small index, in a few hundredths of
a second. Reading more would take longer than most searches; `index verify` reads all."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What can be told of a passage among thousands: its document's file, title and metadata, and its text."""

    file: str
    title: str
    text: str
    metadata: dict[str, Any]


class Snapshot:
    """The state of an index at one commit. Safe to use from several threads.

    Attributes:
        folder: Of the index.
        manifest: What was committed.
        vectors: Dense search.
        terms: BM25.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        """Prefer `open_index`."""
        self.folder = folder
        self._connection = connection
        # A connection that is merely dropped keeps its files open until Python looks for cycles.
        weakref.finalize(self, connection.close)
        self._lock = threading.Lock()
        self._selections: dict[Conditions, Selection] = {}
        self._facets: dict[tuple[Conditions, tuple[str, ...] | None, int], list[Facet]] = {}
        with self._reading():
            connection.execute("BEGIN")
            self.manifest: Manifest = database.read_manifest(connection, folder)
            removed = removed_passages(connection)
            self._version = self._data_version()
            connection.execute("COMMIT")
        if problems := changed_files(folder, self.manifest, CHECKED_BYTES):
            raise IndexFolderError(
                f"The index in {folder} is damaged: {next(iter(problems.values()))}. `index repair` makes such files "
                f"anew from the documents."
            )
        self.vectors = Vectors(folder / "vectors", self.manifest.segments, removed)
        self.terms = Terms(folder / "terms" / f"{self.manifest.generation:08d}")

    def passages(self, contents: Sequence[int], selection: Selection | None = None) -> dict[int, PassageRow]:
        """Passages by content, as they stand in the first document of all, or of a selection.

        One that was removed since is missing.
        """
        with self._reading():
            rows = database.read_passages(self._connection, contents)
            return filters.within(self._connection, rows, selection.documents) if selection else rows

    def selection(self, conditions: Conditions) -> Selection:
        """What matches a filter; the last few are kept."""
        with self._reading():
            return filters.remembered(self._selections, conditions, lambda: self._select(conditions))

    def _select(self, conditions: Conditions) -> Selection:
        documents = filters.matching_documents(self._connection, conditions)
        passages = filters.passages_of(self._connection, documents)
        return Selection(documents, passages, self.vectors.chosen(passages))

    def field_names(self) -> list[str]:
        """What filters call the fields that any document has."""
        with self._reading():
            return filters.field_names(self._connection)

    def facets(
        self,
        conditions: Conditions = (),
        names: Collection[str] | None = None,
        limit: int = filters.MOST_VALUES,
    ) -> list[Facet]:
        """How many of the documents that match a filter have which values; the last few answers are kept.

        Args:
            conditions: The filter; empty for all documents.
            names: Of the fields, as filters call them. None for those that two documents or more have, in all the
                index, and with `filters.MOST_VALUES` values at most: the same whatever the filter.
            limit: Of each field so many values at most, those that most documents have.
        """
        if conditions and names is None:
            names = [facet.name for facet in self.facets()]
        documents = self.selection(conditions).documents if conditions else None
        asked = (conditions, None if names is None else tuple(sorted(names)), limit)
        with self._reading():
            return filters.remembered(
                self._facets, asked, lambda: filters.facets(self._connection, documents, names, limit)
            )

    def glimpses(self, contents: Sequence[int]) -> dict[int, Glimpse]:
        """Many passages at once, as they stand in the first document of all; one that was removed since is missing.

        Each document is read once, and passages are not compared with their numbers as `passages` does.
        """
        with self._reading():
            return read_glimpses(self._connection, contents)

    def counts(self) -> dict[str, int]:
        """Numbers of files, documents, distinct passages, duplicates of them, and skipped files, as of now."""
        with self._reading():
            return database.counts(self._connection)

    def skipped(self) -> list[Skipped]:
        """The files of which nothing, or not all, was taken, and why."""
        with self._reading():
            return database.read_skipped(self._connection)

    def files(self) -> list[tuple[str, int]]:
        """(uri, number of documents) of every file."""
        with self._reading():
            return self._connection.execute(
                "SELECT f.uri, count(d.id) FROM files f LEFT JOIN documents d ON d.file = f.uri GROUP BY f.uri "
                "ORDER BY f.uri"
            ).fetchall()

    def outdated(self) -> bool:
        """Whether somebody has committed since."""
        with self._reading():
            return self._data_version() != self._version

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One thread at a time; what SQLite raises, over a damaged or closed database, as our error."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise IndexFolderError(
                    f"The index in {self.folder} cannot be read ({error}). Check it with `index verify`."
                ) from error

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


def read_glimpses(connection: sqlite3.Connection, contents: Sequence[int]) -> dict[int, Glimpse]:
    """Passages by content; those that are gone are left out."""
    places = connection.execute(
        "SELECT document, content, start, end FROM passages WHERE id IN (SELECT min(id) FROM passages "
        "WHERE content IN (SELECT value FROM json_each(?)) GROUP BY content) ORDER BY document",
        (json.dumps(contents),),
    ).fetchall()
    found = {}
    for document, passages in groupby(places, key=itemgetter(0)):
        uri, file, title, metadata, checksum, text = connection.execute(
            "SELECT uri, file, title, metadata, label_checksum, text FROM documents WHERE id = ?", (document,)
        ).fetchone()
        if database.row_checksum((uri, file, title, metadata)) != checksum:
            raise database.damaged(f"the document {uri}")
        fields = filters.parsed(metadata)
        for _, content, start, end in passages:
            found[content] = Glimpse(file, title, text[start:end], fields)
    return found


def open_index(folder: Path) -> Snapshot:
    """Open the last committed state of an index.

    Raises:
        IndexFolderError: there is no index, or it is damaged or of another format.
    """
    for attempt in range(ATTEMPTS):
        connection = database.connect(folder, read_only=True)
        try:
            return Snapshot(folder, connection)
        except IndexFolderError:
            connection.close()
            if attempt + 1 == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def verify(folder: Path) -> list[Problem]:
    """Check every file of an index against its checksum, and SQLite's own check; returns what is wrong.

    Raises:
        IndexFolderError: there is no index, or not even its manifest can be read.
    """
    problems: list[Problem] = []
    for _ in range(ATTEMPTS):
        manifest, problems = check(folder)
        if not problems or read_generation(folder) == manifest.generation:
            break
        # A writer committed meanwhile and swept away files under our eyes.
    return problems


def read_generation(folder: Path) -> int:
    """The number of the last commit."""
    with closing(database.connect(folder, read_only=True)) as connection:
        return database.read_manifest(connection, folder).generation


def check(folder: Path) -> tuple[Manifest, list[Problem]]:
    """The committed manifest, and what does not agree with it."""
    with closing(database.connect(folder, read_only=True)) as connection:
        manifest = database.read_manifest(connection, folder)
        try:
            rows = connection.execute("PRAGMA integrity_check").fetchall()
            problems = [Problem("database", {"detail": row[0]}) for row in rows if row[0] != "ok"]
            problems += database.damaged_rows(connection)
            passages = connection.execute("SELECT count(DISTINCT content) FROM passages").fetchone()[0]
        except (sqlite3.Error, ValueError) as error:
            return manifest, [Problem("database", {"detail": str(error)})]
    if passages != manifest.passages:
        problems.append(Problem("passage_count", {"number": passages, "noted": manifest.passages}))
    problems += changed_files(folder, manifest).values()
    if problems:
        return manifest, problems
    with closing(open_index(folder)) as snapshot:
        for part, number in {"vectors": len(snapshot.vectors), "terms": snapshot.terms.num_passages}.items():
            if number != passages:
                problems.append(Problem("derived_count", {"part": part, "number": number, "passages": passages}))
    return manifest, problems


def changed_files(folder: Path, manifest: Manifest, most: int | None = None) -> dict[str, Problem]:
    """Derived files that are not as they were written: by the manifest's name of each, what is wrong.

    Args:
        folder: Of the index.
        manifest: The committed one.
        most: Read so many bytes at most, the smallest files first; of the rest only sizes are compared. None for all.
    """
    problems = {}
    generation = f"terms/{manifest.generation:08d}/"
    for name in sorted(manifest.sizes, key=lambda name: (manifest.sizes[name], name)):
        path = folder / (name.replace("terms/", generation, 1) if name.startswith("terms/") else name)
        try:
            size = path.stat().st_size
            most = None if most is None else most - size
            if size != manifest.sizes[name] or (
                (most is None or most >= 0) and sha256_of(path) != manifest.checksums[name]
            ):
                problems[name] = Problem("changed_file", {"path": path.relative_to(folder).as_posix()})
        except OSError as error:
            detail = error.strerror or str(error)
            problems[name] = Problem("unreadable_file", {"path": path.relative_to(folder).as_posix(), "detail": detail})
    return problems
