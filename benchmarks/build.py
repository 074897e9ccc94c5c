"""Building an index: passages a second by stage, and of the same passages by what users would pick instead.

    python -m benchmarks.build --data ../shared/data/pairs --passages 100000
    python -m benchmarks.build --data ../shared/data/pairs --passages 1000000 --peer "bm25s + FAISS flat"

Stages are measured one after another in one process; `index build` runs several of them side by side. Peers need
`pip install ".[bench]"`.
"""

import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import click
import numpy as np

from benchmarks.passages import distinct_passages
from benchmarks.peers import DIM, PEERS
from benchmarks.results import Figure, json_option, write
from sakuin.embedder import StaticEmbedder
from sakuin.index import store
from sakuin.index.documents import Document, Passage
from sakuin.index.passages import split
from sakuin.index.readers import read_file
from sakuin.index.terms import TermsWriter
from sakuin.index.text import Analyser
from sakuin.index.vectors import as_int8, write_segment

# More would only take longer: stages do not slow down with the number of passages.
STAGES_OF = 100_000


@click.command()
@click.option("--passages", default=100_000, show_default=True, help="Distinct passages, each a document.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--peer", "peers", multiple=True, type=click.Choice(list(PEERS)), help="Only these [default: all].")
@click.option("--no-peers", is_flag=True, help="Measure sakuin alone.")
@json_option
def main(passages: int, data: Path | None, peers: tuple[str, ...], no_peers: bool, as_json: Path | None) -> None:
    """Measure stages, `index build`, and peers."""
    texts = distinct_passages(passages, data)
    print(f"{len(texts):,} documents of one passage, {sum(map(len, texts)) / len(texts):.0f} characters")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_corpus(folder / "stages", texts[:STAGES_OF])
        stages(folder)
        write_corpus(folder / "corpus", texts)
        print(f"\n{'':44}{'seconds':>10}{'passages/s':>12}{'ratio':>8}")
        seconds, cpu, peak = run("build", str(folder / "corpus"), "--index", str(folder / "index"))
        ours = line("sakuin, `index build`", seconds, len(texts), seconds) | {"cpu": cpu, "peak_gb": peak / 1e9}
        print(f"  {cpu:.0f} s of CPU; {peak / 1e6:,.0f} MB at most in one process")
        peers = () if no_peers else peers or tuple(PEERS)
        write(as_json, "benchmarks.build", [ours, *(race(folder, texts, peers, seconds) if peers else ())])


def race(folder: Path, texts: Sequence[str], peers: Sequence[str], ours: float) -> list[Figure]:
    """Build the peers; each needs vectors, so the time of sentence-transformers counts for each."""
    from sentence_transformers import SentenceTransformer

    StaticEmbedder.load().save(folder / "model")
    model = SentenceTransformer(str(folder / "model"), device="cpu")
    started = time.perf_counter()
    vectors = model.encode(list(texts), truncate_dim=DIM, normalize_embeddings=True, convert_to_numpy=True)
    encoding = time.perf_counter() - started
    figures = [line("sentence-transformers, encoding alone", encoding, len(texts), ours)]
    for name in peers:
        started = time.perf_counter()
        peer = PEERS[name](folder / name.split()[0])
        peer.build(texts, np.ascontiguousarray(vectors, np.float32))
        seconds = encoding + time.perf_counter() - started
        figures.append(line(f"sentence-transformers + {name}", seconds, len(texts), ours))
    return figures


def line(name: str, seconds: float, passages: int, ours: float | None = None) -> Figure:
    """Print a row of the table; the ratio says how many times as long as sakuin it took."""
    ratio = f"{seconds / ours:8.1f}" if ours else ""
    print(f"{name:44}{seconds:10.1f}{passages / seconds:12,.0f}{ratio}", flush=True)
    figure: Figure = {"name": name, "passages": passages, "seconds": seconds, "passages_per_second": passages / seconds}
    return figure | ({"ratio": seconds / ours} if ours else {})


def stages(folder: Path) -> None:
    """Time each stage of a build over the corpus in ``folder/stages``."""
    print(f"\n{'stage, by itself':44}{'seconds':>10}{'passages/s':>12}")
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
    texts = [
        store.indexed_text(document.title, passage.heading, document.text[passage.start : passage.end])
        for document, passages in zip(documents, cut, strict=True)
        for passage in passages
    ]
    passage_ids: list[int] = []
    with timed("passage ids (hash)", texts):
        passage_ids += [store.passage_id_of(text) for text in texts]
    (folder / "db").mkdir()
    with closing(store.connect(folder / "db", read_only=False)) as connection:
        write_documents(connection, documents, cut, passage_ids)
    model = StaticEmbedder.load()
    model.encode(texts[:20_000], DIM)
    rows = np.zeros((0, DIM), np.float32)
    for dim in (model.dimension, DIM):
        with timed(f"encode, {dim} dimensions (all cores)", texts):
            rows = model.encode(texts, dim, normalize=True)
    with timed("write vectors and codes", texts):
        write_segment(folder / "vectors", "one", [(np.array(passage_ids), as_int8(rows))])
    analyser, terms = Analyser(), [""]
    with timed("analyse (one core)", texts):
        terms = analyser.joined(texts)
    writer = TermsWriter(folder / "terms", None)
    with timed("index terms", texts):
        writer.add_analysed(passage_ids, terms)
        writer.commit()


def write_documents(
    connection: sqlite3.Connection,
    documents: Sequence[Document],
    cut: Sequence[Sequence[Passage]],
    passage_ids: list[int],
) -> None:
    """Time SQLite."""
    import sqlite_utils

    store.create_tables(sqlite_utils.Database(connection))
    with timed("store in SQLite", passage_ids):
        connection.execute("BEGIN")
        at = 0
        for document, passages in zip(documents, cut, strict=True):
            own = passage_ids[at : at + len(passages)]
            store.insert_document(connection, document, "passages.jsonl", passages, own)
            at += len(passages)
        connection.commit()


@contextmanager
def timed(name: str, items: Sequence[object]) -> Iterator[None]:
    """Print how long a stage took for as many items as there are at its end."""
    started = time.perf_counter()
    yield
    line(name, time.perf_counter() - started, len(items))


def write_corpus(folder: Path, texts: Sequence[str]) -> None:
    """A folder of one JSON Lines file."""
    folder.mkdir()
    with (folder / "passages.jsonl").open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")


def run(*arguments: str) -> tuple[float, float, int]:
    """Run `index`; returns seconds, CPU seconds and peak memory in bytes (of the largest child so far)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "sakuin", *arguments], check=True, stdout=subprocess.DEVNULL, env=os.environ)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, after.ru_maxrss * 1024


if __name__ == "__main__":
    main()
