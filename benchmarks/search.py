"""Searching: times of sakuin's three modes in a warm process, how much dense search finds, memory, and peers.

    python -m benchmarks.search --data ../shared/data/pairs --passages 10000 --passages 100000
    python -m benchmarks.search --data ../shared/data/pairs --passages 1000000 --no-peers --plot recall.png
    python -m benchmarks.search --index .sakuin --no-peers

Queries are stretches of 25 characters of passages, half of them from two passages each, so that no passage has all of
their words. Recall is the share of the ten nearest passages, by exact comparison of all, that dense search finds.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.passages import EXAMPLES
from benchmarks.peers import DIM, KINDS
from benchmarks.processes import in_a_process, run
from benchmarks.questions import Question, asked_of, found_share, questions_of
from benchmarks.raced import ROLES, K, raced, timed
from benchmarks.results import Figure, json_option, write
from benchmarks.steps import Place, place, work_option
from sakuin.embedder import StaticEmbedder
from sakuin.index.vectors import BLOCK, Vectors, rescored_at, unit_rows
from sakuin.search import MODES, Searcher, SearchRequest
from sakuin.search.ranking import rank

CLIENTS = 8
COLD_STARTS = 5
EFFORTS = (100, 300, 1000, 3000, 10_000)
DIMS = (32, 64, 128, 256, 512, 1024)


@click.command()
@click.option("--passages", "sizes", multiple=True, type=int, default=[10_000], show_default=True, help="Sizes.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--index", "folder", type=click.Path(path_type=Path), help="Measure this index, and build none.")
@click.option("--queries", default=500, show_default=True, help="Queries for each mode.")
@click.option("--peer", "peers", multiple=True, type=click.Choice(list(KINDS)), help="Only these [default: all].")
@click.option("--no-peers", is_flag=True, help="Measure sakuin alone.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw recall against time for each dimension.")
@work_option
@json_option
def main(
    sizes: tuple[int, ...],
    data: Path | None,
    folder: Path | None,
    queries: int,
    peers: tuple[str, ...],
    no_peers: bool,
    plot: Path | None,
    work: Path | None,
    as_json: Path | None,
) -> None:
    """Measure searches."""
    figures: list[Figure] = []
    if folder:
        figures += ours(folder, asked_of(passages_of(folder), queries), plot)
        sizes = ()
    for size in sizes:
        with place(work, size, data) as here:
            figures += [
                figure | {"passages": size}
                for figure in measured(here, queries, () if no_peers else peers or tuple(KINDS), plot)
            ]
    write(as_json, "benchmarks.search", figures)


def measured(here: Place, queries: int, peers: Sequence[str], plot: Path | None) -> list[Figure]:
    """Measure one size: sakuin, and each peer as it comes and at its best."""
    texts = here.texts()
    index = here.folder / "index"
    run("build", str(here.corpus), "--index", str(index))
    questions = questions_of(texts, queries)
    asked = [question.text for question in questions]

    def own() -> list[Figure]:
        return ours(index, asked, plot, questions)

    figures = here.step(f"sakuin, {queries} queries", own)
    hybrid = next(float(figure["p50_ms"]) for figure in figures if figure["name"] == "sakuin, hybrid")
    if peers:
        vectors = here.vectors("vectors", lambda: StaticEmbedder.load().encode(texts, DIM, normalize=True))
        for name in peers:
            for role in ROLES:
                race = partial(in_a_process, raced, name, role, here.folder, vectors, queries, hybrid)
                figures += here.step(f"{name}, {role}, {queries} queries", race)
    return figures


def passages_of(folder: Path) -> list[str]:
    """Some passages of an index."""
    with Searcher.open(folder) as searcher:
        ids = searcher.snapshot.vectors.segments[0].ids[:5000].tolist()
        return [row.text for row in searcher.snapshot.passages(ids).values()]


def ours(
    folder: Path, asked: Sequence[str], plot: Path | None, questions: Sequence[Question] | None = None
) -> list[Figure]:
    """Print everything about one index, and return it.

    Args:
        folder: Of the index.
        asked: Queries.
        plot: Where to draw recall against time; None draws nothing.
        questions: The queries with what they were taken from, where that is known.
    """
    with Searcher.open(folder) as searcher:
        vectors, passages = searcher.snapshot.vectors, searcher.counts()["passages"]
        print(f"\n{passages:,} passages, {searcher.manifest.dim} dimensions, {len(vectors.segments)} segments")
        print(f"{'':44}{'p50 ms':>10}{'p99 ms':>10}{'queries/s':>12}{'ratio':>8}")
        figures = [
            timed(f"sakuin, {mode}", [partial(searcher.search, query, mode=mode) for query in asked]) for mode in MODES
        ]
        searches = [partial(ranked, searcher, query) for query in asked]
        figures.append(timed("sakuin, hybrid, passage ids only", searches))
        if questions:
            figures[0] |= {"found": found_of(searcher, questions)}
        figures.append(at_once(searcher, asked))
        figures += memory(folder, asked, passages)
        figures.append(disk(folder, passages))
        figures += recalls(searcher, asked, plot)
        figures[0] |= {"recall": default_recall(figures, searcher.manifest.dim)}
    cold = min(run("search", query, "--index", str(folder))[1] for query in asked[:COLD_STARTS])
    print(f"  index search, from a cold start: {cold:.2f} s of CPU")
    return [*figures, {"name": "cold start", "cpu_seconds": cold}]


def found_of(searcher: Searcher, questions: Sequence[Question]) -> float:
    """The share of queries of one passage that find it among the first hits of hybrid search."""

    def positions(query: str) -> list[int]:
        return [int(hit.document.id.rpartition("#")[2]) for hit in searcher.search(query, k=K, group="passage").hits]

    share = found_share(questions, positions)
    print(f"  hybrid: {share:.3f} of the queries of one passage find it")
    return share


def default_recall(figures: Sequence[Figure], dim: int) -> float:
    """What dense search finds at the index's own dimension, with its own effort."""
    rescored = rescored_at(dim, dim)
    return next(
        float(figure["recall"])
        for figure in figures
        if figure["name"] == "recall" and figure["dim"] == dim and figure["rescored"] == rescored
    )


def at_once(searcher: Searcher, asked: Sequence[str]) -> Figure:
    """Hybrid queries a second of several clients."""
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        # An error of any client is raised here.
        list(clients.map(searcher.search, asked))
    name, rate = f"sakuin, hybrid, {CLIENTS} clients at once", len(asked) / (time.perf_counter() - started)
    print(f"{name:64}{rate:12,.0f}")
    return {"name": name, "queries_per_second": rate}


def disk(folder: Path, passages: int) -> Figure:
    """Bytes a passage on disk."""
    figure: Figure = {"name": "disk"}
    for part in ("documents.db", "vectors", "terms"):
        paths = [folder / part] if (folder / part).is_file() else (folder / part).rglob("*")
        figure[part] = sum(path.stat().st_size for path in paths) / passages
        print(f"  {figure[part]:,.0f} bytes a passage on disk in {part}")
    return figure


def ranked(searcher: Searcher, query: str) -> list[int]:
    """What a hybrid search ranks first, without texts, highlights and relevance."""
    found = rank(searcher.whole, searcher.model, SearchRequest(query=query))
    return [hit.passage_id for hit in found.hits]


def recalls(searcher: Searcher, asked: Sequence[str], plot: Path | None) -> Iterator[Figure]:
    """Recall@10 of dense search by dimension and effort."""
    vectors, stored = searcher.snapshot.vectors, searcher.manifest.dim
    rows = []
    for dim in [dim for dim in DIMS if dim <= stored]:
        queries = searcher.model.encode(asked, truncate_dim=dim, normalize=True)
        nearest = exact(vectors, queries)
        for effort in sorted({*EFFORTS, rescored_at(dim, stored)}):
            found, seconds = 0, []
            for query, truth in zip(queries, nearest, strict=True):
                started = time.perf_counter()
                ids, _ = vectors.search(query, 10, effort)
                seconds.append(time.perf_counter() - started)
                found += len(set(ids.tolist()) & set(truth.tolist()))
            recall = found / nearest.size
            milliseconds = 1000 * float(np.median(seconds))
            rows.append((dim, effort, recall, milliseconds))
            mark = "  (default)" if effort == rescored_at(dim, stored) else ""
            measured = f"recall@10 {recall:.3f}, {milliseconds:.2f} ms{mark}"
            print(f"  dense, {dim:4} dimensions, {effort:6,} rescored: {measured}")
            yield {"name": "recall", "dim": dim, "rescored": effort, "recall": recall, "p50_ms": milliseconds}
    if plot:
        draw(rows, plot, len(vectors))


def exact(vectors: Vectors, queries: NDArray[np.float32], k: int = 10) -> NDArray[np.int64]:
    """The true nearest (queries, k), by comparing all rows in numpy, a block at a time."""
    scores = np.full((len(queries), k), -np.inf, np.float32)
    ids = np.zeros((len(queries), k), np.int64)
    for segment in vectors.segments:
        for start in range(0, len(segment.ids), BLOCK):
            block = queries @ unit_rows(segment.rows, slice(start, start + BLOCK), queries.shape[1]).T
            block[:, segment.dead[start : start + BLOCK]] = -np.inf
            here = np.argpartition(-block, min(k, block.shape[1] - 1), axis=1)[:, :k]
            scores = np.hstack([scores, np.take_along_axis(block, here, 1)])
            ids = np.hstack([ids, segment.ids[start : start + BLOCK][here]])
            best = np.argsort(-scores, axis=1)[:, :k]
            scores, ids = np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1)
    return ids


def draw(rows: Sequence[tuple[int, int, float, float]], path: Path, passages: int) -> None:
    """Recall against time, a line for each dimension."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for dim in sorted({row[0] for row in rows}):
        mine = [row for row in rows if row[0] == dim]
        axes.plot([row[3] for row in mine], [row[2] for row in mine], marker="o", label=f"{dim} dimensions")
        for _, effort, recall, milliseconds in mine:
            axes.annotate(f"{effort:,}", (milliseconds, recall), fontsize=6, xytext=(3, -7), textcoords="offset points")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set(xlabel="milliseconds a query (median)", ylabel="recall@10 against exact search")
    axes.set_title(f"Dense search of {passages:,} passages; the small figures are passages rescored", fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def memory(folder: Path, asked: Sequence[str], passages: int) -> Iterator[Figure]:
    """What an index takes in memory, beside what libraries, dictionary and model take in any process."""
    with tempfile.TemporaryDirectory() as temporary:
        run("build", str(EXAMPLES), "--index", temporary)
        small, own = (in_a_process(resident_after, index, asked) for index in (Path(temporary), folder))
    for key, name in {"RssAnon": "its own memory", "RssFile": "mapped files, which the system may take back"}.items():
        each, fixed = (own[key] - small[key]) / passages, small[key] / 1e6
        print(f"  {each:,.0f} bytes a passage of {name}, beside {fixed:,.0f} MB for any index")
        yield {"name": name, "bytes_per_passage": each, "fixed_mb": fixed}


def resident_after(folder: Path, asked: Sequence[str]) -> dict[str, int]:
    """As `resident`, once an index was searched in every way."""
    with Searcher.open(folder) as searcher:
        for mode in MODES:
            for query in asked:
                searcher.search(query, mode=mode)
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(searcher.search, asked))
        return resident()


def resident() -> dict[str, int]:
    """Bytes of memory of this process: its own, and of mapped files (Linux; elsewhere zero)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    sizes = dict(line.split(":") for line in lines if line.startswith("Rss"))
    return {key: int(sizes[key].split()[0]) * 1024 if key in sizes else 0 for key in ("RssAnon", "RssFile")}


if __name__ == "__main__":
    main()
