"""Writes an index into PostgreSQL, or brings what is there up to date, in one transaction."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from sakuin.index.report import Progress, no_progress
from sakuin.index.text.synonyms import SynonymFile
from sakuin.integrations.engines.bm25 import K1, B, stored_length
from sakuin.integrations.engines.contents import Contents, dimension, opened
from sakuin.integrations.engines.errors import ExportError
from sakuin.integrations.engines.postgres import replacing, tables
from sakuin.integrations.engines.postgres.address import checked_address
from sakuin.integrations.engines.postgres.rows import (
    DOCUMENT_COLUMNS,
    PASSAGE_COLUMNS,
    PLACE_COLUMNS,
    TERM_COLUMNS,
    Dictionary,
    Known,
    Lines,
    RowMaker,
    as_sparse,
    of_sparse,
)

DRIFT = 0.01
"""Share by which the mean length may differ from that by which weights were made, before they are made anew."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did: documents written and removed, and passages and documents that are there now."""

    written: int
    removed: int
    documents: int
    passages: int


@contextmanager
def connected(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database, of one transaction.

    Args:
        dsn: As libpq reads it; "" for what its environment says (PGHOST, PGDATABASE and so on).

    Raises:
        ExportError: the database cannot be reached, or refuses something, or the address cannot be read.
    """
    try:
        with psycopg.connect(checked_address(dsn)) as connection:
            yield connection
    except psycopg.Error as error:
        raise ExportError(
            f"PostgreSQL says: {str(error).strip() or type(error).__name__}. Nothing was changed there. It needs the "
            f"extension `vector` (pgvector 0.7 or later), and a role that may create a schema."
        ) from error


def export_postgres(
    folder: Path, dsn: str, *, dim: int | None = None, hnsw: bool = False, progress: Progress = no_progress
) -> Exported:
    """Write an index into the schema `sakuin` of a database, or what changed of it since it was last written.

    Readers see the old state or the new one. What is there of another model, dimension or analysis is made anew.
    A schema that somebody else made is left alone.

    Args:
        folder: Of the index.
        dsn: See `connected`.
        dim: Dimensions of each vector; None for all that are stored.
        hnsw: Have vectors searched by an HNSW graph, which is fast and finds most of the nearest, not all.
        progress: Told of documents.

    Raises:
        ExportError: the database refuses, the schema is somebody else's, something depends on tables that must be made
            anew, or the index stores fewer dimensions.
        IndexFolderError: the index cannot be read.
    """
    with opened(folder) as contents, connected(dsn) as connection:
        d = dimension(contents.manifest, dim)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (tables.ADVISORY_LOCK,))
        identity = identity_of(contents, d)
        replacing.refuse_others(connection)
        anew = stored_settings(connection).get("identity") != identity
        if anew:
            replacing.set_aside(connection)
            connection.execute(tables.create(d))
        changed, gone, fingerprints = differences(connection, contents)
        for start in range(0, len(gone), tables.ROWS):
            some = gone[start : start + tables.ROWS]
            connection.execute(f"DELETE FROM {tables.SCHEMA}.documents WHERE number = ANY(%s)", (some,))
        dictionary = stored_dictionary(connection)
        maker = RowMaker(contents, d, dictionary, stored_passages(connection, contents))
        done = 0
        for lines in maker.batches(changed, fingerprints):
            copy_lines(connection, lines)
            done += len(lines.documents)
            progress("", done, len(changed))
        copy(connection, "terms", TERM_COLUMNS, dictionary.new_rows())
        connection.execute(tables.COUNT_TERMS, dictionary.counted())
        connection.execute(tables.INDEXES)
        connection.execute(tables.FORGET_PASSAGES)
        connection.execute(tables.FORGET_TERMS)
        passages, mean_length = statistics(connection)
        reweigh(connection, mean_length)
        drift = connection.execute(tables.DRIFT, (mean_length,)).fetchone()
        statistic = {"passages": passages, "mean_length": mean_length, "drift": drift[0] if drift else 0.0}
        put_settings(connection, settings_of(contents, identity, dictionary.last, statistic))
        if hnsw:
            connection.execute(tables.HNSW)
        connection.execute(tables.ANALYZE)
        documents = connection.execute(f"SELECT count(*) FROM {tables.SCHEMA}.documents").fetchone()
        if anew:
            connection.execute(replacing.PUT_IN_PLACE)
        return Exported(len(changed), len(gone), documents[0] if documents else 0, passages)


def identity_of(contents: Contents, dim: int) -> dict[str, Any]:
    """By what tables can be brought up to date; those of another are made anew."""
    manifest = contents.manifest
    return {"format": tables.FORMAT, "model": manifest.fingerprint, "analyser": manifest.analyser, "dim": dim}


def settings_of(
    contents: Contents, identity: dict[str, Any], last_term: int, statistic: dict[str, float]
) -> dict[str, Any]:
    """What a reader needs besides the rows.

    Args:
        contents: The index.
        identity: Of the tables.
        last_term: The highest number of a term.
        statistic: Of the whole: passages, mean_length, and by how much weights differ from it at most (drift).
    """
    manifest = contents.manifest
    synonyms = SynonymFile(contents.snapshot.folder).current()
    return {
        "identity": identity,
        "revision": time.time_ns(),
        "model": manifest.model,
        "last_term": last_term,
        "fusion": manifest.fusion,
        "background": manifest.background,
        "synonyms": {"terms": synonyms.terms, "phrases": synonyms.phrases},
        **statistic,
    }


def stored_settings(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """What was written of an index before; nothing where there is none."""
    there = connection.execute("SELECT to_regclass(%s)", (f"{tables.SCHEMA}.settings",)).fetchone()
    if there is None or there[0] is None:
        return {}
    return dict(connection.execute(f"SELECT key, value FROM {tables.SCHEMA}.settings").fetchall())


def put_settings(connection: psycopg.Connection[Any], settings: dict[str, Any]) -> None:
    """Write settings in the place of others."""
    connection.execute(f"DELETE FROM {tables.SCHEMA}.settings")
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {tables.SCHEMA}.settings (key, value) VALUES (%s, %s)",
            [(key, Jsonb(value)) for key, value in settings.items()],
        )


def differences(connection: psycopg.Connection[Any], contents: Contents) -> tuple[list[int], list[int], dict[int, int]]:
    """Numbers of documents that are to be written, and to be removed; and fingerprints of the first, by number."""
    changed, gone = [], []
    fingerprints = {}
    with connection.cursor("stored") as stored:
        stored.execute(f"SELECT number, id, fingerprint FROM {tables.SCHEMA}.documents ORDER BY number")
        there = stored.fetchone()
        for number, name, fingerprint in contents.fingerprints():
            while there and there[0] < number:
                gone.append(there[0])
                there = stored.fetchone()
            if there and there[0] == number:
                same = there == (number, name, fingerprint)
                there = stored.fetchone()
                if same:
                    continue
                gone.append(number)
            changed.append(number)
            fingerprints[number] = fingerprint
        while there:
            gone.append(there[0])
            there = stored.fetchone()
    return changed, gone, fingerprints


def stored_dictionary(connection: psycopg.Connection[Any]) -> Dictionary:
    """The terms that are there."""
    with connection.cursor("terms") as stored:
        stored.execute(f"SELECT term, number FROM {tables.SCHEMA}.terms")
        numbers = dict(stored)
    # Numbers are never given twice: that of a term that is gone may stand in a copy that somebody made.
    return Dictionary(numbers, stored_settings(connection).get("last_term", 0))


def stored_passages(connection: psycopg.Connection[Any], contents: Contents) -> Known:
    """The passages that are there."""
    known = Known(contents.snapshot.vectors.ids)
    with connection.cursor("passages") as stored:
        stored.execute(f"SELECT id FROM {tables.SCHEMA}.passages")
        while some := stored.fetchmany(tables.ROWS):
            known.add([row[0] for row in some])
    return known


def copy(connection: psycopg.Connection[Any], table: str, columns: Iterable[str], lines: Iterable[str]) -> None:
    """Add rows in the text format of COPY."""
    with connection.cursor() as cursor, cursor.copy(tables.copy_command(table, columns)) as into:
        for line in lines:
            into.write(line)


def copy_lines(connection: psycopg.Connection[Any], lines: Lines) -> None:
    """Add documents, and their passages and places."""
    copy(connection, "documents", DOCUMENT_COLUMNS, lines.documents)
    copy(connection, "passages", PASSAGE_COLUMNS, lines.passages)
    copy(connection, "places", PLACE_COLUMNS, lines.places)


def statistics(connection: psycopg.Connection[Any]) -> tuple[int, float]:
    """How many passages there are, and their terms on average, as tantivy divides them; 1 where there are none."""
    row = connection.execute(tables.STATISTICS).fetchone()
    passages, terms = row or (0, 0)
    return passages, float(np.float32(terms) / np.float32(passages)) if passages and terms else 1.0


def reweigh(connection: psycopg.Connection[Any], mean_length: float) -> None:
    """Make anew the weights that were made by another mean length; what is left differs by a hundredth at most."""
    after = -1
    while True:
        asked = {"after": after, "mean": mean_length, "most": DRIFT, "rows": tables.ROWS}
        rows = connection.execute(tables.DRIFTED, asked).fetchall()
        if not rows:
            return
        weights = []
        for _, sparse, length, before in rows:
            numbers, values = of_sparse(sparse)
            values = resaturated(values, stored_length(length), before, mean_length)
            weights.append(as_sparse(dict(zip(numbers.tolist(), values.tolist(), strict=True))))
        connection.execute(tables.REWEIGH, (mean_length, [row[0] for row in rows], weights))
        after = rows[-1][0]


def resaturated(values: Any, length: int, before: float, now: float) -> Any:
    """Saturations, float64 (n,), of a passage by another mean length.

    Of ``f / (f + norm)`` only the norm changes, and ``f`` need not be known.
    """
    norms = [K1 * (1 - B + B * length / mean) for mean in (before, now)]
    return 1 / (1 + (1 / values - 1) * (norms[1] / norms[0]))
