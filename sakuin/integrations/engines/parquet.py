"""An index as Parquet: files that search engines and databases import, and that this one reads again.

docs/engines.md has the columns and, for each engine, what it makes of them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from sakuin.files import atomic_write
from sakuin.index.documents import Document, Heading
from sakuin.index.report import Progress, no_progress
from sakuin.index.text import Analyser
from sakuin.index.vectors import unit_rows
from sakuin.integrations.engines.bm25 import K1, Bag, idf
from sakuin.integrations.engines.contents import Contents, ExportedDocument, ExportedPassage, as_json, dimension, opened
from sakuin.integrations.engines.errors import ExportError

if TYPE_CHECKING:
    import pyarrow as pa

DOCUMENTS, PASSAGES = "documents.parquet", "passages.parquet"
ROWS = 4_096
"""Of a row group, and of what is in memory at a time."""
BYTES = 64_000_000
"""Characters of documents that are held at a time."""
MOST_COLUMNS = 100
"""Fields of metadata that have a column of their own."""
KNOWN_TERMS = 200_000
"""Terms whose idf is kept while passages are written."""

Row = dict[str, Any]


def export_parquet(folder: Path, target: Path, *, dim: int | None = None, progress: Progress = no_progress) -> int:
    """Write an index as Parquet; returns how many rows of passages there are.

    Args:
        folder: Of the index.
        target: A file, its name ending in ".parquet", for the passages; or a folder for both files.
        dim: Dimensions of each vector; None for all that are stored.
        progress: Told of passages.

    Raises:
        ExportError: the index stores fewer dimensions, or the target cannot be written.
        IndexFolderError: the index cannot be read.
    """
    alone = target.suffix == ".parquet"
    try:
        with opened(folder) as contents:
            d = dimension(contents.manifest, dim)
            # Both are written before either takes its name: they are of one state.
            with ExitStack() as written:
                if not alone:
                    path = written.enter_context(atomic_write(target / DOCUMENTS))
                    _write(path, _documents_schema(), _document_rows(contents))
                fields = typed_fields(contents.metadata())
                path = written.enter_context(atomic_write(target if alone else target / PASSAGES))
                return _write(path, _passages_schema(contents, fields, d), _passage_rows(contents, fields, d, progress))
    except OSError as error:
        raise ExportError(f"Cannot write {target}: {error}. Free room there, or name another place.") from error


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of an export, as `Index.add` takes them: the same texts, titles, metadata, headings.

    Args:
        path: Of documents.parquet, or of the folder that it is in.

    Raises:
        ExportError: it cannot be read, is no export, or has changed since it was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = path / DOCUMENTS if path.is_dir() else path
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(batch_size=ROWS):
                yield from map(_document_of, batch.to_pylist())
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"{path} is no whole export of documents ({type(error).__name__}: {error}): export the index again."
        ) from error


def _document_of(row: Row) -> Document:
    return Document(
        id=row["id"],
        uri=row["uri"],
        title=row["title"],
        text=row["text"],
        headings=tuple(Heading(*each) for each in json.loads(row["heading_spans"])),
        metadata=json.loads(row["metadata"]),
    )


def typed_fields(metadata: Iterator[Mapping[str, object]]) -> dict[str, type]:
    """The fields of metadata whose values are all of one simple type, by name; the `MOST_COLUMNS` that most have.

    Whole numbers and others together are others.
    """
    counts: dict[str, int] = {}
    types: dict[str, set[type]] = {}
    for fields in metadata:
        for name, value in fields.items():
            if value is not None:
                counts[name] = counts.get(name, 0) + 1
                types.setdefault(name, set()).add(type(value))
    found = {}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        kinds = {float} if types[name] == {int, float} else types[name]
        if len(kinds) == 1 and kinds < {str, int, float, bool}:
            found[name] = next(iter(kinds))
    return dict(list(found.items())[:MOST_COLUMNS])


def passage_key(document_id: str, start: int) -> str:
    """The name of a passage in an export, a UUID: the same for the same document and place, whenever it is made."""
    return str(uuid5(NAMESPACE_URL, f"{document_id}\0{start}"))


def _write(path: Path, schema: "pa.Schema", batches: Iterator[Sequence[Row]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for rows in batches:
            writer.write_batch(pa.RecordBatch.from_pylist(list(rows), schema))
            number += len(rows)
    return number


def _documents_schema() -> "pa.Schema":
    import pyarrow as pa

    names = ("id", "uri", "title", "text", "heading_spans", "metadata")
    return pa.schema([pa.field(name, pa.string(), nullable=False) for name in names])


def _document_rows(contents: Contents) -> Iterator[Sequence[Row]]:
    rows: list[Row] = []
    held = 0
    for exported in contents.documents():
        own = exported.document
        headings = json.dumps([[each.start, each.end, each.level] for each in own.headings])
        rows.append(
            {"id": own.id, "uri": own.uri, "title": own.title, "text": own.text, "heading_spans": headings}
            | {"metadata": as_json(own.metadata)}
        )
        held += len(own.text)
        if len(rows) == ROWS or held > BYTES:
            yield rows
            rows, held = [], 0
    if rows:
        yield rows


def _passages_schema(contents: Contents, fields: Mapping[str, type], d: int) -> "pa.Schema":
    import pyarrow as pa

    texts, numbers = ("id", "document", "uri", "title", "heading", "text"), ("number", "start", "end")
    columns = [pa.field(name, pa.string(), nullable=False) for name in texts]
    columns += [pa.field(name, pa.int32(), nullable=False) for name in numbers]
    columns += [pa.field("passage_id", pa.int64(), nullable=False)]
    columns += [pa.field(name, pa.string(), nullable=False) for name in ("position", "metadata")]
    of = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    columns += [pa.field(f"meta_{name}", of[kind]) for name, kind in fields.items()]
    columns += [
        pa.field("vector", pa.list_(pa.float32(), d), nullable=False),
        pa.field("terms", pa.list_(pa.string()), nullable=False),
        pa.field("weights", pa.list_(pa.float32()), nullable=False),
    ]
    manifest = contents.manifest
    about = {"model": manifest.fingerprint, "dim": d, "analyser": manifest.analyser, "passages": manifest.passages}
    return pa.schema(columns, metadata={"sakuin": json.dumps(about)})


def _passage_rows(
    contents: Contents, fields: Mapping[str, type], d: int, progress: Progress
) -> Iterator[Sequence[Row]]:
    weights = _Weights(contents)
    total, done = contents.manifest.rows.get("places", contents.manifest.passages), 0
    waiting: list[tuple[ExportedDocument, ExportedPassage]] = []
    for exported in contents.documents():
        for passage in exported.passages:
            waiting.append((exported, passage))
            if len(waiting) == ROWS:
                done += ROWS
                yield _rows(contents, waiting, fields, weights, d)
                progress(exported.document.id, done, max(done, total))
                waiting = []
    if waiting:
        yield _rows(contents, waiting, fields, weights, d)


def _rows(
    contents: Contents,
    some: Sequence[tuple[ExportedDocument, ExportedPassage]],
    fields: Mapping[str, type],
    weights: "_Weights",
    d: int,
) -> list[Row]:
    vectors = unit_rows(contents.vectors([passage.passage_id for _, passage in some]), slice(None), d)
    scores = weights.of([passage.indexed for _, passage in some])
    rows = []
    for (exported, passage), vector, (terms, own) in zip(some, vectors, scores, strict=True):
        document = exported.document
        row: Row = {
            "id": passage_key(document.id, passage.start),
            "document": document.id,
            "uri": document.uri,
            "title": document.title,
            "heading": passage.heading,
            "text": passage.text,
            "number": passage.number,
            "start": passage.start,
            "end": passage.end,
            "passage_id": passage.passage_id,
            "position": as_json(passage.position),
            "metadata": as_json(document.metadata),
            "vector": vector,
            "terms": terms,
            "weights": own,
        }
        for name, kind in fields.items():
            value = document.metadata.get(name)
            row[f"meta_{name}"] = None if value is None else kind(value)
        rows.append(row)
    return rows


class _Weights:
    """What each term of a passage adds to its BM25 score, by the statistics of the whole index."""

    def __init__(self, contents: Contents) -> None:
        terms = contents.snapshot.terms
        self._mean_length = contents.mean_length()
        self._analyser = Analyser()
        self._idf = lru_cache(KNOWN_TERMS)(lambda term: idf(terms.having(term), terms.num_passages))

    def of(self, indexed: Sequence[str]) -> Iterator[tuple[list[str], np.ndarray[tuple[int], np.dtype[np.float32]]]]:
        """Terms and weights, float32 (n,), of each text."""
        for joined in self._analyser.joined(indexed):
            saturations = Bag.of(joined).saturations(self._mean_length)
            values = [(K1 + 1) * self._idf(term) * value for term, value in saturations.items()]
            yield list(saturations), np.array(values, np.float32)
