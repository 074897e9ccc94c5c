"""How long a query takes that a hundred shards answer, with and without asking twins of slow ones: simulated.

    python -m benchmarks.hedging .sakuin
    python -m benchmarks.hedging sizing.json

From times that are measured on one index now, or that `benchmarks.sizing` measured. All shards answer the same query,
each with a time that the query took on one of the occasions it was searched, so that a heavy query is heavy everywhere
and what comes between is each shard's own. The query has its answer with the last shard's. With hedging, a shard that
has not answered when a share of all have is asked once more, of its twin; the first answer counts. Nothing waits in
queues, and the network takes no time. In the second half of the table some replicas are slow, of every query for a run
of queries: that is assumed, not measured.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.questions import asked_of
from benchmarks.results import Figure, json_option, write
from benchmarks.search import passages_of
from benchmarks.sizing import times, times_in

SHARDS = (1, 10, 100)
QUERIES = 20_000
HEDGED_FROM = 0.95
"""Share of the answers of shards after which those that are missing are asked for once more."""


@dataclass(frozen=True, slots=True)
class Slow:
    """Replicas that answer late.

    Attributes:
        share: Of all replicas, at any time.
        factor: By which their answers take longer.
    """

    share: float
    factor: float


NONE = Slow(0.0, 1.0)
ASSUMED = Slow(0.01, 10.0)


@click.command()
@click.argument("measured", type=click.Path(exists=True, path_type=Path))
@click.option("--queries", default=200, show_default=True, help="Of an index.")
@click.option("--seed", default=0, show_default=True)
@json_option
def main(measured: Path, queries: int, seed: int, as_json: Path | None) -> None:
    """Simulate shards by the times of an index, or those in a result of benchmarks.sizing."""
    figures = []
    if measured.is_dir():
        figures = [times(measured, asked_of(passages_of(measured), queries)) | {"passages": 0}]
    taken = times_in(figures or json.loads(measured.read_bytes())["figures"])
    p50, p99 = np.percentile(taken, [50, 99])
    print(f"One index: p50 {p50:.1f} ms, p99 {p99:.1f} ms, the longest {taken.max():.1f} ms")
    shards = list(simulated(taken, np.random.default_rng(seed)))
    print("\n".join(table(shards)))
    write(as_json, "benchmarks.hedging", [*figures, *shards])


def simulated(taken: NDArray[np.float64], rng: np.random.Generator) -> Iterator[Figure]:
    """A figure for each number of shards, with and without hedging and slow replicas.

    Args:
        taken: float64 (queries, repeats), milliseconds of one shard.
        rng: Draws queries, occasions and slow replicas.
    """
    for slow in (NONE, ASSUMED):
        for shards in SHARDS:
            asked = rng.integers(len(taken), size=QUERIES)
            first, second = (answers(taken, asked, shards, slow, rng) for _ in range(2))
            after = float(np.quantile(first, HEDGED_FROM))
            for hedged in (False, True):
                each = hedge(first, second, after) if hedged else first
                p50, p99, p999 = np.percentile(each.max(axis=1), [50, 99, 99.9])
                more = float((first > after).mean()) if hedged else 0.0
                yield {"shards": shards, "slow": slow.share, "factor": slow.factor, "hedged": hedged} | {
                    "p50_ms": p50,
                    "p99_ms": p99,
                    "p999_ms": p999,
                    "more_asked": more,
                }


def answers(
    taken: NDArray[np.float64], asked: NDArray[np.int64], shards: int, slow: Slow, rng: np.random.Generator
) -> NDArray[np.float64]:
    """float64 (n, shards): when each shard answers each query, by one replica of each."""
    occasions = rng.integers(taken.shape[1], size=(len(asked), shards))
    own = taken[asked[:, None], occasions]
    late = rng.random((len(asked), shards)) < slow.share
    return np.where(late, slow.factor * own, own)


def hedge(first: NDArray[np.float64], second: NDArray[np.float64], after: float) -> NDArray[np.float64]:
    """float64 (n, shards): when the first of both replicas answers, where the second is asked after so long."""
    return np.where(first > after, np.minimum(first, after + second), first)


def table(figures: list[Figure]) -> Iterator[str]:
    """The figures as Markdown."""
    yield "| shards | slow replicas | | p50 | p99 | p99.9 | asked twice |"
    yield "| ---: | --- | --- | ---: | ---: | ---: | ---: |"
    for figure in figures:
        slow = f"{figure['slow']:.0%}, {figure['factor']:g} times as slow" if figure["slow"] else "none"
        how = "hedged" if figure["hedged"] else "each asked once"
        each = " | ".join(f"{figure[name]:.1f} ms" for name in ("p50_ms", "p99_ms", "p999_ms"))
        yield f"| {figure['shards']} | {slow} | {how} | {each} | {figure['more_asked']:.1%} |"


if __name__ == "__main__":
    main()
