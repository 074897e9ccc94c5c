"""What an index takes on disk and in memory, and how long a search takes: measured small, and what follows for more.

    python -m benchmarks.sizing
    python -m benchmarks.sizing --passages 300000 --work /tmp/sizing --json sizing.json

Passages are made from sentences of the example corpus, or are those of pair files (``--data``). Bytes of the largest
index measured are multiplied by the number of passages; milliseconds are not extrapolated. Every query is searched
several times, one after the other and in turns: `benchmarks.hedging` takes the times.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.processes import in_a_process, run
from benchmarks.questions import asked_of
from benchmarks.results import Figure, json_option, write
from benchmarks.search import disk, memory
from benchmarks.steps import Place, place, work_option
from sakuin.search import Searcher

REPEATS = 10
WARMING = 20
TOTALS = (10**7, 10**8, 10**9)
A_SHARD = 10**7
"""Passages of a shard that one machine holds at ease."""

PARTS = {"documents.db": "documents", "vectors": "vectors", "terms": "terms"}


@click.command()
@click.option("--passages", "sizes", multiple=True, type=int, default=[30_000, 100_000], show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--queries", default=200, show_default=True, help=f"Each is searched {REPEATS} times.")
@work_option
@json_option
def main(sizes: tuple[int, ...], data: Path | None, queries: int, work: Path | None, as_json: Path | None) -> None:
    """Measure indexes of some sizes, and say what larger ones take."""
    figures: list[Figure] = []
    for size in sizes:
        with place(work, size, data) as here:
            own = here.step("build", partial(built, here))
            own = [*own, *here.step(f"{queries} queries", partial(measured, here, queries))]
            figures += [figure | {"passages": size} for figure in own]
    print("\n".join(["", *table(figures), "", *larger(figures)]))
    write(as_json, "benchmarks.sizing", figures)


def built(here: Place) -> list[Figure]:
    """Building an index, and its bytes on disk."""
    number, index = len(here.texts()), here.folder / "index"
    seconds, cpu, peak = run("build", str(here.corpus), "--index", str(index))
    return [{"name": "build", "seconds": seconds, "cpu_seconds": cpu, "peak_gb": peak / 1e9}, disk(index, number)]


def measured(here: Place, queries: int) -> list[Figure]:
    """Memory, and times of hybrid searches."""
    texts, index = here.texts(), here.folder / "index"
    asked = asked_of(texts, queries)
    return [*memory(index, asked, len(texts)), in_a_process(times, index, asked)]


def times(folder: Path, asked: Sequence[str]) -> Figure:
    """Milliseconds of each query, a row for each, and a column for each time that it was searched."""
    found = np.zeros((len(asked), REPEATS))
    with Searcher.open(folder) as searcher:
        for query in asked[:WARMING]:
            searcher.search(query)
        before = time.process_time()
        for repeat in range(REPEATS):
            for number, query in enumerate(asked):
                started = time.perf_counter()
                searcher.search(query)
                found[number, repeat] = 1000 * (time.perf_counter() - started)
        cpu = 1000 * (time.process_time() - before) / found.size
    return {"name": "times", "cpu_ms": cpu, "milliseconds": np.round(found, 3).tolist()}


def by_name(figures: Sequence[Figure], size: int) -> dict[str, Figure]:
    """The figures of one size."""
    return {str(figure["name"]): figure for figure in figures if figure["passages"] == size}


def bytes_of(own: Mapping[str, Figure]) -> dict[str, float]:
    """Bytes a passage: of each part on disk, of memory of its own, and of mapped files that searches touch."""
    found = {label: float(own["disk"][part]) for part, label in PARTS.items()}
    found["memory"] = float(own["its own memory"]["bytes_per_passage"])
    mapped = next(figure for name, figure in own.items() if name.startswith("mapped"))
    found["mapped"] = float(mapped["bytes_per_passage"])
    return found


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """What was measured, as Markdown."""
    head = "passages | documents | vectors | terms | own memory | mapped files touched | build, CPU s | CPU a query"
    yield f"| {head} | p50 | p99 |"
    yield f"| {' | '.join(['---:'] * 10)} |"
    for size in dict.fromkeys(int(figure["passages"]) for figure in figures):
        own = by_name(figures, size)
        each = bytes_of(own)
        taken = np.array(own["times"]["milliseconds"])
        middle, last = np.percentile(taken, [50, 99])
        columns = [f"{each[name]:,.0f} B" for name in ("documents", "vectors", "terms", "memory", "mapped")]
        columns += [
            f"{own['build']['cpu_seconds']:,.0f}",
            f"{own['times']['cpu_ms']:.1f} ms",
            f"{middle:.1f} ms",
            f"{last:.1f} ms",
        ]
        yield f"| {size:,} | {' | '.join(columns)} |"


def larger(figures: Sequence[Figure]) -> Iterator[str]:
    """What larger indexes take by the bytes of the largest that was measured, as Markdown."""
    size = max(int(figure["passages"]) for figure in figures)
    each = bytes_of(by_name(figures, size))
    yield "| passages | shards | disk | disk a shard | memory a shard | mapped a shard | two copies of all, disk |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for total in TOTALS:
        shards, shard = dealt(total)
        whole = sum(each[name] for name in PARTS.values())
        columns = [whole * total, whole * shard, each["memory"] * shard, each["mapped"] * shard, 2 * whole * total]
        yield f"| {total:,} | {shards:,} | {' | '.join(map(in_gigabytes, columns))} |"


def dealt(total: int) -> tuple[int, int]:
    """How many shards there are, and passages in each."""
    shards = math.ceil(total / A_SHARD)
    return shards, math.ceil(total / shards)


def in_gigabytes(size: float) -> str:
    """Bytes as people read them."""
    return f"{size / 1e9:,.1f} GB" if size < 1e12 else f"{size / 1e12:,.1f} TB"


def times_in(figures: Sequence[Figure]) -> NDArray[np.float64]:
    """float64 (queries, repeats): milliseconds of the largest index that was measured."""
    found = [figure for figure in figures if figure.get("name") == "times"]
    return np.array(max(found, key=lambda figure: int(figure["passages"]))["milliseconds"], np.float64)


if __name__ == "__main__":
    main()
