"""Peers in the search benchmark: each built in a process of its own, settings searched, and the best of them timed."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import labels
from benchmarks.peers import COMPARABLE, DIM, KINDS, Index, Kind, Peer
from benchmarks.peers.kind import Setting
from benchmarks.questions import Question, found_share, questions_of
from benchmarks.results import Figure
from benchmarks.steps import read_texts
from sakuin.embedder import StaticEmbedder

ROLES = ("default", "best")
K = 10
# Queries to search settings with; none of them is timed later.
TRIALS = 40
WARMING = 20


class Asked(NamedTuple):
    """Queries with their vectors, and the passages that comparing all vectors finds nearest."""

    questions: Sequence[Question]
    vectors: NDArray[np.float32]
    """(queries, DIM), of length 1."""
    nearest: NDArray[np.int64]
    """(queries, K), positions."""


class Tried(NamedTuple):
    """A way to search, with what it reached."""

    vector_side: Setting
    probe: Setting
    p50_ms: float
    recall: float


def raced(name: str, role: str, folder: Path, vectors: Path, queries: int, ours: float) -> list[Figure]:
    """Build a peer and time its searches; encoding the query is part of each.

    Args:
        name: Of the peer.
        role: ``default`` or ``best``.
        folder: With the corpus; the peer's files go there too.
        vectors: The file of the passages' vectors (n, DIM), of length 1.
        queries: How many to time.
        ours: Milliseconds of sakuin's median hybrid search, for the ratio that is printed.
    """
    kind, model = KINDS[name], StaticEmbedder.load()
    texts = read_texts(folder / "corpus" / "passages.jsonl")
    rows = np.load(vectors)
    questions = questions_of(texts, queries + TRIALS)
    asked = asked_with(rows, questions[:queries], model)
    ways = kind.indexes(len(texts))
    ways = ways if role == "best" else ways[:1]
    words = kind.best_words if role == "best" else kind.words
    place = folder / f"{name.split()[0]}-{role}"
    peer = kind.make(place, words, ways[0].setting)
    peer.build(texts, rows)
    figures: list[Figure] = []
    index, probe = ways[0].setting, Setting()
    if role == "best":
        tried = try_ways(peer, ways, rows, asked_with(rows, questions[queries:], model), model)
        index, probe, *_ = best_of(tried)
        if index != ways[-1].setting:
            peer.reindex(index)
        peer.tune(probe)
        figures += [figure_of(kind, "tried", words, each) for each in tried]
    searches = [partial(ask, peer, model, question.text) for question in asked.questions]
    reached = Tried(index, probe, 0.0, recall_of(peer, asked))
    figure = figure_of(kind, role, words, reached)
    figure |= timed(labels.row(figure), searches, ours) | {"name": name}
    figure["found"] = found_share(asked.questions, partial(ask, peer, model))
    print(f"  recall {figure['recall']:.3f} by vectors; {figure['found']:.3f} of the queries of one passage find it")
    return [*figures, figure]


def asked_with(rows: NDArray[np.float32], questions: Sequence[Question], model: StaticEmbedder) -> Asked:
    """Questions with what is needed to ask them and to judge answers."""
    import faiss

    vectors = model.encode([question.text for question in questions], DIM, normalize=True)
    _, nearest = faiss.knn(vectors, rows, K, metric=faiss.METRIC_INNER_PRODUCT)
    return Asked(questions, vectors, nearest)


def ask(peer: Peer, model: StaticEmbedder, query: str) -> list[int]:
    """A hybrid query."""
    return peer.search(query, model.encode([query], DIM, normalize=True)[0], K)


def try_ways(
    peer: Peer, ways: Sequence[Index], rows: NDArray[np.float32], asked: Asked, model: StaticEmbedder
) -> list[Tried]:
    """Time hybrid searches with each index and each effort; the peer is left with the last."""
    tried = []
    for at, way in enumerate(ways):
        if at:
            peer.reindex(way.setting)
        for probe in way.probes:
            peer.tune(probe)
            milliseconds = times([partial(ask, peer, model, question.text) for question in asked.questions])
            tried.append(Tried(way.setting, probe, float(np.median(milliseconds)), recall_of(peer, asked)))
            setting = labels.setting(way.setting | probe) or labels.NOTHING
            print(f"  tried {setting}: {tried[-1].p50_ms:.1f} ms, recall {tried[-1].recall:.3f}", flush=True)
    return tried


def best_of(tried: Sequence[Tried]) -> Tried:
    """The fastest of those that find enough; where none does, what finds most."""
    enough = [each for each in tried if each.recall >= COMPARABLE]
    return min(enough, key=lambda each: each.p50_ms) if enough else max(tried, key=lambda each: each.recall)


def recall_of(peer: Peer, asked: Asked) -> float:
    """The share of the nearest passages that the peer finds by vectors alone."""
    pairs = zip(asked.vectors, asked.nearest.tolist(), strict=True)
    return sum(len({*peer.nearest(vector, K)} & {*near}) for vector, near in pairs) / asked.nearest.size


def figure_of(kind: Kind, role: str, words: Setting, tried: Tried) -> Figure:
    """A line of the results."""
    setting = {name: value for name, value in words.items() if name != "processes"} | tried.vector_side | tried.probe
    figure: Figure = {"name": kind.name, "title": kind.titled, "what": kind.what, "role": role}
    return figure | {"setting": setting, "p50_ms": tried.p50_ms, "recall": tried.recall}


def times(searches: Sequence[Callable[[], object]]) -> list[float]:
    """Milliseconds of each search, once some have warmed up."""
    for search in searches[:WARMING]:
        search()
    milliseconds = []
    for search in searches:
        started = time.perf_counter()
        search()
        milliseconds.append(1000 * (time.perf_counter() - started))
    return milliseconds


def timed(name: str, searches: Sequence[Callable[[], object]], ours: float | None = None) -> Figure:
    """Print the times of searches, and return them."""
    milliseconds = times(searches)
    median, slow = (float(np.percentile(milliseconds, share)) for share in (50, 99))
    ratio = f"{median / ours:8.1f}" if ours else ""
    rate = 1000 * len(milliseconds) / sum(milliseconds)
    print(f"{name:44}{median:10.1f}{slow:10.1f}{rate:12,.0f}{ratio}", flush=True)
    return {"name": name, "p50_ms": median, "p99_ms": slow, "queries_per_second": rate}
