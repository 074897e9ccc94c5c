"""An index as a script for psql, where the database cannot be reached from here."""

from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import orjson

from sakuin.files import atomic_write
from sakuin.index.report import Progress, no_progress
from sakuin.integrations.engines.contents import dimension, opened
from sakuin.integrations.engines.errors import ExportError
from sakuin.integrations.engines.postgres import replacing, tables
from sakuin.integrations.engines.postgres.rows import (
    DOCUMENT_COLUMNS,
    PASSAGE_COLUMNS,
    PLACE_COLUMNS,
    TERM_COLUMNS,
    Dictionary,
    Known,
    RowMaker,
)
from sakuin.integrations.engines.postgres.writing import Exported, identity_of, settings_of


def export_script(
    folder: Path, target: Path, *, dim: int | None = None, hnsw: bool = False, progress: Progress = no_progress
) -> Exported:
    """Write a script that puts a whole index in the place of the one in the schema `sakuin`, in one transaction.

    Args:
        folder: Of the index.
        target: The file.
        dim: Dimensions of each vector; None for all that are stored.
        hnsw: As in `writing.export_postgres`.
        progress: Told of documents.

    Raises:
        ExportError: the file cannot be written, or the index stores fewer dimensions.
        IndexFolderError: the index cannot be read.
    """
    try:
        with opened(folder) as contents, atomic_write(target) as path, path.open("w", encoding="utf-8") as file:
            d = dimension(contents.manifest, dim)
            # Where a statement fails psql would go on, and read the rows that COPY was to take as commands.
            print("\\set ON_ERROR_STOP on\nSET client_encoding = 'UTF8';\nBEGIN;", file=file)
            print(f"{replacing.ONLY_OURS};\n{replacing.SET_ASIDE};\n{tables.create(d)}", file=file)
            fingerprints = {number: own for number, _, own in contents.fingerprints()}
            dictionary = Dictionary()
            ids = contents.snapshot.vectors.ids
            maker = RowMaker(contents, d, dictionary, Known(ids))
            done = 0
            for lines in maker.batches(None, fingerprints):
                copied(file, "documents", DOCUMENT_COLUMNS, lines.documents)
                copied(file, "passages", PASSAGE_COLUMNS, lines.passages)
                copied(file, "places", PLACE_COLUMNS, lines.places)
                done += len(lines.documents)
                progress("", done, len(fingerprints))
            copied(file, "terms", TERM_COLUMNS, dictionary.new_rows())
            identity = identity_of(contents, d)
            statistic = {"passages": len(ids), "mean_length": maker.mean_length, "drift": 0.0}
            settings = settings_of(contents, identity, dictionary.last, statistic)
            rows = (tables.copy_line((key, orjson.dumps(value).decode())) for key, value in settings.items())
            copied(file, "settings", ("key", "value"), rows)
            print(tables.INDEXES, file=file)
            print(f"{tables.HNSW};" if hnsw else "", file=file)
            print(f"{tables.ANALYZE};\n{replacing.PUT_IN_PLACE};\nCOMMIT;", file=file)
            return Exported(done, 0, done, len(ids))
    except OSError as error:
        raise ExportError(f"Cannot write {target}: {error}. Free room there, or name another place.") from error


def copied(file: TextIO, table: str, columns: Iterable[str], lines: Iterable[str]) -> None:
    """Write rows as psql takes them."""
    print(f"{tables.copy_command(table, columns)};", file=file)
    file.writelines(lines)
    print("\\.", file=file)
