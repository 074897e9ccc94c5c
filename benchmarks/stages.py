"""The stages of building an index, one after another in one process."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.peers import DIM
from benchmarks.processes import cpu_seconds
from benchmarks.results import Figure
from benchmarks.steps import write_corpus
from sakuin.embedder import StaticEmbedder
from sakuin.index import store
from sakuin.index.documents import Document, Passage
from sakuin.index.lots import DOCUMENTS_AT_ONCE
from sakuin.index.passages import split
from sakuin.index.readers import read_file
from sakuin.index.store.schema import batched
from sakuin.index.terms import TermsWriter
from sakuin.index.text import Analyser
from sakuin.index.vectors import as_int8, write_segment


def stages(folder: Path, texts: Sequence[str]) -> list[Figure]:
    """Print what each stage of a build takes, and return it.

    Args:
        folder: Everything that is made goes there.
        texts: Passages, each a document.
    """
    print(f"\n{'stage, by itself':44}{'seconds':>10}{'CPU':>8}{'passages/s':>12}")
    write_corpus(folder / "stages", texts)
    figures: list[Figure] = []
    timed = partial(timed_stage, figures)
    documents: list[Document] = []
    with timed("read JSON Lines", documents):
        documents += [
            item
            for item in read_file(folder / "stages" / "passages.jsonl", "passages.jsonl")
            if isinstance(item, Document)
        ]
    cut: list[list[Passage]] = []
    with timed("cut into passages", documents):
        cut += [split(document) for document in documents]
    indexed = [
        store.indexed_text(document.title, passage.heading, document.text[passage.start : passage.end])
        for document, passages in zip(documents, cut, strict=True)
        for passage in passages
    ]
    passage_ids: list[int] = []
    with timed("passage ids (hash)", indexed):
        passage_ids += [store.passage_id_of(text) for text in indexed]
    (folder / "db").mkdir(exist_ok=True)
    with closing(store.connect(folder / "db", read_only=False)) as connection:
        write_documents(timed, connection, documents, cut, passage_ids)
    model = StaticEmbedder.load()
    model.encode(indexed[:20_000], DIM)
    rows = np.zeros((0, DIM), np.float32)
    for dim in (model.dimension, DIM):
        with timed(f"encode, {dim} dimensions (all cores)", indexed):
            rows = model.encode(indexed, dim, normalize=True)
    with timed("write vectors and codes", indexed):
        write_segment(folder / "vectors", "one", [(np.array(passage_ids), as_int8(rows))])
    analyser, terms = Analyser(), [""]
    with timed("analyse (one core)", indexed):
        terms = analyser.joined(indexed)
    writer = TermsWriter(folder / "terms", None)
    with timed("index terms", indexed):
        writer.add_analysed(passage_ids, terms)
        writer.commit()
    return figures


def write_documents(
    timed: Callable[[str, Sequence[object]], AbstractContextManager[None]],
    connection: sqlite3.Connection,
    documents: Sequence[Document],
    cut: Sequence[Sequence[Passage]],
    passage_ids: list[int],
) -> None:
    """Time SQLite."""
    store.create_tables(connection)
    with timed("store in SQLite", passage_ids):
        connection.execute("BEGIN")
        at, new = 0, []
        for document, passages in zip(documents, cut, strict=True):
            new.append(store.NewDocument(document, passages, passage_ids[at : at + len(passages)]))
            at += len(passages)
        for some in batched(new, DOCUMENTS_AT_ONCE):
            store.insert_documents(connection, "passages.jsonl", some)
        connection.commit()


@contextmanager
def timed_stage(figures: list[Figure], name: str, items: Sequence[object]) -> Iterator[None]:
    """Print how long a stage took for as many items as there are at its end, and note it."""
    started, cpu = time.perf_counter(), cpu_seconds()
    yield
    seconds, cpu = time.perf_counter() - started, cpu_seconds() - cpu
    print(f"{name:44}{seconds:10.1f}{cpu:8.1f}{len(items) / seconds:12,.0f}", flush=True)
    figures.append({"name": name, "role": "stage", "passages": len(items), "seconds": seconds, "cpu_seconds": cpu})
