"""Passages by their ids, and the places where they stand."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.index.documents import MetadataValue
from sakuin.index.store.checksums import (
    damaged,
    indexed_text,
    is_kind,
    passage_id_of,
    place_checksum,
    require_label,
)
from sakuin.index.store.parsing import parsed, position_of
from sakuin.index.store.schema import LABEL, LABEL_COLUMNS, batched, marks, one_row, position_column
from sakuin.index.store.texts import block_part, whole_text

MAX_PLACES = 100
"""Places that are read of one passage: a disclaimer may stand in every document of an index."""


# So many are looked for one by one, which is faster.
FEW = 8


Source = int | str
"""The number of a document, or its title."""


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """Where a passage stands: from ``start`` to ``end`` of a document's text, at ``position`` in its file.

    ``index`` names the index, where several are searched as one; ``file`` is the file it was read from.
    """

    document_id: str
    uri: str
    title: str
    metadata: dict[str, MetadataValue]
    start: int
    end: int
    heading: str
    position: dict[str, int | str]
    index: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A stored passage.

    Attributes:
        passage_id: What vectors and terms know it by, see `passage_id_of`.
        text: As it stands in the first of its places.
        places: Where it stands, in the order in which these came, `MAX_PLACES` at most; never empty.
        place_count: How many places there are.
    """

    passage_id: int
    text: str
    places: tuple[PlaceRow, ...]
    place_count: int


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What can be told of a passage among thousands: its document's file, title and metadata, and its text."""

    file: str
    title: str
    text: str
    metadata: dict[str, Any]


def existing(connection: sqlite3.Connection, passage_ids: Collection[int]) -> set[int]:
    """Those of the passages that stand somewhere."""
    # One look for each, for a disclaimer may stand in every document.
    if len(passage_ids) <= FEW:
        one = "SELECT 1 FROM passages WHERE passage_id = ? LIMIT 1"
        return {sought for sought in passage_ids if connection.execute(one, (sought,)).fetchone()}
    found: set[int] = set()
    for some in batched(list(passage_ids)):
        rows = connection.execute(
            "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM passages WHERE passage_id = value)",
            (json.dumps(some),),
        )
        found.update(row[0] for row in rows)
    return found


def indexed_texts(connection: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    """The id of each distinct passage, and what is indexed of it."""
    seen: set[int] = set()
    for number, title, in_row in connection.execute("SELECT number, title, text FROM documents ORDER BY number"):
        text = whole_text(connection, number, in_row)
        # Cut here: SQLite's substr reads a text from its start each time.
        places = connection.execute(
            "SELECT passage_id, start, end, heading FROM passages WHERE document = ? ORDER BY id", (number,)
        )
        for passage_id, start, end, heading in places:
            if passage_id not in seen:
                seen.add(passage_id)
                yield passage_id, indexed_text(title, heading, text[start:end])


def read_passages(
    connection: sqlite3.Connection,
    passage_ids: Sequence[int],
    *,
    documents: NDArray[np.int64] | None = None,
    most: int = MAX_PLACES,
) -> dict[int, PassageRow]:
    """Passages by id; those that stand nowhere any more are left out.

    Args:
        connection: To the database.
        passage_ids: Of the passages.
        documents: int64 (n,), numbers, ascending: only places in these count. None for all.
        most: Places to read of each passage.

    Raises:
        IndexFolderError: one of them, or what is stored of a document it stands in, is not what was written.
    """
    found: dict[int, PassageRow] = {}
    for some in batched(passage_ids):
        standing = list(_standing(connection, some, documents, most))
        firsts = _places(connection, [rows[0] for _, rows, _ in standing], with_text=True)
        others = _places(connection, [row for _, rows, _ in standing for row in rows[1:]])
        for passage_id, rows, count in standing:
            if rows[0] not in firsts or not others.keys() >= set(rows[1:]):
                # Somebody committed between two looks; if not, the index ranks what it does not hold.
                continue
            first, text = firsts[rows[0]]
            if type(text) is not str or passage_id_of(indexed_text(first.title, first.heading, text)) != passage_id:
                raise damaged(f"a passage of {first.document_id}")
            places = (first, *(others[row][0] for row in rows[1:]))
            found[passage_id] = PassageRow(passage_id, text, places, count)
    return found


def read_indexed(connection: sqlite3.Connection, passage_ids: Sequence[int]) -> dict[int, str]:
    """What is indexed of passages, by id, which is the same in all of their places; those that are gone are left out.

    Raises:
        IndexFolderError: one of them is not what was written.
    """
    found: dict[int, str] = {}
    for some in batched(passage_ids):
        rows = connection.execute(
            "SELECT p.passage_id, d.number, d.title, p.heading, p.start, p.end, "
            "substr(d.text, p.start + 1, p.end - p.start) FROM json_each(?) CROSS JOIN passages p "
            "ON p.id = (SELECT id FROM passages WHERE passage_id = value LIMIT 1) "
            "CROSS JOIN documents d ON d.number = p.document",
            (json.dumps(some),),
        )
        for passage_id, number, title, heading, start, end, text in rows:
            if not is_kind((title, heading, start, end, text), "ssiis"):
                raise damaged(f"the passage {passage_id:016x}")
            text = text or block_part(connection, number, start, end)
            found[passage_id] = indexed_text(title, heading, text)
            if passage_id_of(found[passage_id]) != passage_id:
                raise damaged(f"the passage {passage_id:016x}")
    return found


def standing_documents(
    connection: sqlite3.Connection, passage_ids: Sequence[int], documents: NDArray[np.int64] | None = None
) -> dict[int, list[int]]:
    """Numbers of the documents of each passage's places, in the order of `read_passages`, by passage id.

    Args:
        connection: To the database.
        passage_ids: Of the passages; those that stand nowhere are left out.
        documents: int64 (n,), numbers, ascending: only places in these count. None for all.
    """
    found: dict[int, list[int]] = {}
    for some in batched(passage_ids):
        if documents is None:
            # Nearly every passage stands once; what SQLite gives beside a min is of the row that has it.
            firsts = connection.execute(
                f"SELECT passage_id, document, count(*), min(id) FROM passages WHERE passage_id IN ({marks(some)}) "
                "GROUP BY passage_id",
                some,
            )
            counted = firsts.fetchall()
            found.update((passage_id, [document]) for passage_id, document, count, _ in counted if count == 1)
            some = [passage_id for passage_id, _, count, _ in counted if count > 1]
        standing = list(_standing(connection, some, documents, MAX_PLACES)) if some else []
        rows = [row for _, own, _ in standing for row in own]
        of_row: dict[int, int] = {}
        for part in batched(rows):
            of_row.update(
                connection.execute(f"SELECT id, document FROM passages WHERE id IN ({marks(part)})", part).fetchall()
            )
        for passage_id, own, _ in standing:
            found[passage_id] = [of_row[row] for row in own if row in of_row]
    return found


def _standing(
    connection: sqlite3.Connection, passage_ids: Sequence[int], documents: NDArray[np.int64] | None, most: int
) -> Iterator[tuple[int, list[int], int]]:
    """Of each passage: its id, the rows of its first places, and how many places it has."""
    if documents is None:
        grouped = connection.execute(
            "SELECT passage_id, min(id), count(*) FROM passages "
            f"WHERE passage_id IN ({marks(passage_ids)}) GROUP BY passage_id",
            passage_ids,
        )
        for passage_id, first, count in grouped.fetchall():
            yield passage_id, [first] if count == 1 else _first_rows(connection, passage_id, most), count
        return
    rows = connection.execute(
        f"SELECT passage_id, id, document FROM passages WHERE passage_id IN ({marks(passage_ids)}) "
        "ORDER BY passage_id, id",
        passage_ids,
    )
    for passage_id, group in groupby(rows, key=itemgetter(0)):
        own = list(group)
        inside = np.isin(np.array([row[2] for row in own], np.int64), documents)
        kept = [row[1] for row, is_inside in zip(own, inside.tolist(), strict=True) if is_inside]
        if kept:
            yield passage_id, kept[:most], len(kept)


def _first_rows(connection: sqlite3.Connection, passage_id: int, most: int) -> list[int]:
    """The rows of the first places of a passage."""
    rows = connection.execute("SELECT id FROM passages WHERE passage_id = ? ORDER BY id LIMIT ?", (passage_id, most))
    return [row[0] for row in rows]


def _places(
    connection: sqlite3.Connection, rows: Sequence[int], *, with_text: bool = False
) -> dict[int, tuple[PlaceRow, str]]:
    """Places, and the text of each, "" where it is not wanted, by the numbers of their rows."""
    in_row = "substr(d.text, p.start + 1, p.end - p.start)" if with_text else "''"
    columns = ", ".join(f"d.{column}" for column in LABEL_COLUMNS)
    found: dict[int, tuple[PlaceRow, str]] = {}
    for some in batched(rows):
        position_sql = position_column(connection)
        rows_found = connection.execute(
            f"SELECT p.id, d.number, {in_row}, p.checksum, p.passage_id, p.start, p.end, p.heading, {position_sql}, "
            f"d.label_checksum, {columns} "
            "FROM passages p JOIN documents d ON d.number = p.document "
            f"WHERE p.id IN ({marks(some)})",
            some,
        )
        for row, number, cut, own, passage_id, start, end, heading, position, checksum, *label in rows_found:
            document_id, uri, file, title, metadata, _ = label
            require_label(label, checksum)
            place = (passage_id, start, end, heading, position)
            if not is_kind(place, "iiiss") or place_checksum(document_id, *place) != own:
                raise damaged(f"a passage of {document_id}")
            where = position_of(position)
            if with_text and not cut:
                cut = block_part(connection, number, start, end)
            found[row] = (
                PlaceRow(document_id, uri, title, parsed(metadata), start, end, heading, where, file=file),
                cut,
            )
    return found


def read_glimpses(connection: sqlite3.Connection, passage_ids: Sequence[int]) -> dict[int, Glimpse]:
    """Many passages at once, by id, as they stand in the first of their places; those that are gone are left out.

    Each document is read once.

    Raises:
        IndexFolderError: one of them is not what was written.
    """
    places = connection.execute(
        "SELECT document, passage_id, start, end, heading FROM passages WHERE id IN (SELECT min(id) FROM passages "
        "WHERE passage_id IN (SELECT value FROM json_each(?)) GROUP BY passage_id) ORDER BY document",
        (json.dumps(passage_ids),),
    ).fetchall()
    found = {}
    for document, passages in groupby(places, key=itemgetter(0)):
        *label, checksum, in_row = one_row(
            connection, f"SELECT {LABEL}, label_checksum, text FROM documents WHERE number = ?", document
        )
        document_id, _, file, title, metadata, _ = label
        require_label(label, checksum)
        fields = parsed(metadata)
        text = whole_text(connection, document, in_row)
        for _, passage_id, start, end, heading in passages:
            if not is_kind((text, start, end, heading), "siis"):
                raise damaged(f"a passage of {document_id}")
            glimpse = Glimpse(file, title, text[start:end], fields)
            if passage_id_of(indexed_text(title, heading, glimpse.text)) != passage_id:
                raise damaged(f"a passage of {document_id}")
            found[passage_id] = glimpse
    return found


def documents_and_titles(connection: sqlite3.Connection, passage_ids: Sequence[int]) -> list[set[Source]]:
    """For each passage, the numbers and titles of the documents it stands in.

    Documents of the same title are taken for parts of one, such as the rows of a table of paragraphs.

    Raises:
        IndexFolderError: what is found is not what was asked for.
    """
    found: dict[int, set[Source]] = {passage_id: set() for passage_id in passage_ids}
    for some in batched(list(found)):
        rows = connection.execute(
            "SELECT p.passage_id, d.number, d.title FROM passages p JOIN documents d ON d.number = p.document "
            f"WHERE p.passage_id IN ({marks(some)})",
            some,
        )
        for passage_id, number, title in rows:
            if passage_id not in found:
                # An index of the table leads to another row than it says.
                raise damaged("where passages stand")
            found[passage_id] |= {number, title} if title else {number}
    return [found[passage_id] for passage_id in passage_ids]


def names_of(connection: sqlite3.Connection, passage_ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """(document id, file) of each place where each passage stands, in the order in which these came."""
    found: dict[int, list[tuple[str, str]]] = {}
    for some in batched(passage_ids):
        rows = connection.execute(
            "SELECT p.passage_id, d.id, d.file FROM passages p JOIN documents d ON d.number = p.document "
            f"WHERE p.passage_id IN ({marks(some)}) ORDER BY p.id",
            some,
        )
        for passage_id, document_id, file in rows:
            found.setdefault(passage_id, []).append((document_id, file))
    return found


def known_names(connection: sqlite3.Connection, names: Sequence[str]) -> set[str]:
    """Those of the names that are ids of documents, or files that documents were read from."""
    found: set[str] = set()
    for column in ("id", "file"):
        for some in batched(names):
            rows = connection.execute(
                f"SELECT DISTINCT {column} FROM documents WHERE {column} IN ({marks(some)})", some
            )
            found.update(row[0] for row in rows)
    return found


def sampled_headings(connection: sqlite3.Connection, most: int) -> list[tuple[str, str]]:
    """(title, heading) of passages in the order of their ids, which are hashes: a random sample, always the same."""
    return connection.execute(
        "SELECT d.title, p.heading FROM passages p JOIN documents d ON d.number = p.document ORDER BY p.passage_id "
        "LIMIT ?",
        (most,),
    ).fetchall()


def removed_passages(connection: sqlite3.Connection) -> NDArray[np.int64]:
    """int64 (n,), ascending: passages that stand nowhere any more but whose vectors still stand in a segment."""
    rows = connection.execute("SELECT passage_id FROM removed_passages ORDER BY passage_id").fetchall()
    return np.array([row[0] for row in rows], np.int64)


def note_removed(connection: sqlite3.Connection, passage_ids: Sequence[int]) -> None:
    """Note that passages stand nowhere any more."""
    connection.executemany("INSERT INTO removed_passages (passage_id) VALUES (?)", [(one,) for one in passage_ids])


def forget_removed(connection: sqlite3.Connection, passage_ids: Sequence[int] | None = None) -> None:
    """Note no more that passages, or any, were removed: they came again, or their vectors are gone too."""
    if passage_ids is None:
        connection.execute("DELETE FROM removed_passages")
    else:
        connection.executemany("DELETE FROM removed_passages WHERE passage_id = ?", [(one,) for one in passage_ids])
