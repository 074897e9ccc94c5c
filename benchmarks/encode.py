"""Encoding speed: ours, sentence-transformers and model2vec with the same table, and multilingual-e5-small.

    python -m benchmarks.encode
    python -m benchmarks.encode --data ../shared/data/pairs --passages 40000

Each peer runs twice: as it comes, and with the fastest of the settings it has, which are tried on other passages and
printed. Every passage is distinct and read once by each, because tokenizers cache what they have seen. Passages are
dealt out among rounds, and in each round every contestant reads the same ones, so that a busy moment of the machine
hits all. Peers need `pip install ".[bench]"`.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from benchmarks import e5, labels
from benchmarks.contest import (
    PER_SETTING,
    WARMING,
    Contestant,
    Entry,
    Running,
    Setting,
    fastest,
    figure_of,
    race,
    running,
    try_settings,
)
from benchmarks.encoders import model2vec, sakuin, sentence_transformers
from benchmarks.passages import distinct_passages
from benchmarks.results import Figure, json_option, write
from sakuin.embedder import StaticEmbedder

SHORT_DIM = 256
# For each setting of multilingual-e5-small.
E5_PER_SETTING = 32


@click.command()
@click.option("--passages", default=40_000, show_default=True, help="Distinct passages, half for each dimension.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--model", help="Model folder or hub name [default: the packaged model].")
@click.option("--e5-passages", default=200, show_default=True, help="Of them, for multilingual-e5-small; 0 leaves out.")
@json_option
def main(passages: int, data: Path | None, model: str | None, e5_passages: int, as_json: Path | None) -> None:
    """Print passages a second and ratios to the fastest sentence-transformers."""
    embedder = StaticEmbedder.load(model)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        embedder.save(folder)
        dims = sorted({embedder.dimension, min(SHORT_DIM, embedder.dimension)}, reverse=True)
        peers = {dim: (sentence_transformers(folder, dim), model2vec(folder, dim)) for dim in dims}
        searched = PER_SETTING * max(len(peer.settings) for peer in peers[dims[0]])
        texts = distinct_passages(searched + passages, data)
        texts, trials = texts[:passages], texts[passages:]
        length = sum(map(len, texts)) / len(texts)
        print(f"{len(texts):,} distinct passages of {length:.0f} characters, model of {embedder.dimension} dimensions")
        figures: list[Figure] = []
        for at, dim in enumerate(dims):
            print(f"{'':88}{'passages/s':>12}{'ratio':>10}")
            ours = [sakuin(model, pooling, dim) for pooling in dict.fromkeys(("mean", embedder.pooling))]
            figures += contest(peers[dim], ours, texts[at :: len(dims)], trials, dim=dim)
    if e5_passages:
        few = trials[: E5_PER_SETTING * len(e5.contestant().settings)]
        wide = [figure for figure in figures if not figure["role"] and figure["dim"] == dims[0]]
        figures += transformer(texts[:e5_passages], few, wide[-1])
    write(as_json, "benchmarks.encode", figures)


def contest(
    peers: Sequence[Contestant], ours: Sequence[Contestant], texts: Sequence[str], trials: Sequence[str], *, dim: int
) -> list[Figure]:
    """Search the peers' settings, race all, and print it; ratios are to the fastest peer."""
    figures: list[Figure] = []
    entries: list[Entry] = []
    with running([*peers, *peers, *ours]) as started:
        # Two processes a peer: the default and the best read the same texts, and each must read them once.
        tuned, plain, own = started[: len(peers)], started[len(peers) : 2 * len(peers)], started[2 * len(peers) :]
        for better, common in zip(tuned, plain, strict=True):
            best, found = searched(better, trials)
            figures += found
            entries += rows_of(common, better, best)
        entries += [Entry(each, each.contestant.default, "") for each in own]
        same_vectors(entries)
        took = race(entries, texts)
    rates = [len(texts) / each.seconds for each in took]
    base = max(rate for entry, rate in zip(entries, rates, strict=True) if entry.role)
    for entry, each, rate in zip(entries, took, rates, strict=True):
        figure = figure_of(entry.running.contestant, entry.setting, entry.role, rate)
        figures.append(figure | {"dim": dim, "cpu_seconds": each.cpu, "ratio": rate / base})
        show(figures[-1])
    return figures


def rows_of(common: Running, better: Running, best: Setting) -> list[Entry]:
    """A peer as it comes and at its best, or once where that is the same."""
    default = common.contestant.default
    if best == default:
        return [Entry(common, default, "both")]
    return [Entry(common, default, "default"), Entry(better, best, "best")]


def searched(contestant: Running, trials: Sequence[str]) -> tuple[Setting, list[Figure]]:
    """The fastest setting, and a figure of each that was tried."""
    print(f"  {contestant.contestant.name}")
    tried = try_settings(contestant, trials)
    for each in tried:
        print(f"  tried {labels.setting(each.setting)}: {each.rate:,.0f} passages a second")
    return fastest(tried), [figure_of(contestant.contestant, each.setting, "tried", each.rate) for each in tried]


def same_vectors(entries: Sequence[Entry]) -> None:
    """Check that what takes the mean of the table's rows gets the same from everyone.

    Raises:
        AssertionError: vectors differ by more than rounding.
    """
    means = [entry for entry in entries if entry.role or entry.running.contestant.name == "sakuin, mean pooling"]
    first, *others = (entry.running.vectors(WARMING[:4], entry.setting) for entry in means)
    for vectors in others:
        np.testing.assert_allclose(vectors, first, atol=1e-5)


def transformer(texts: Sequence[str], trials: Sequence[str], ours: Figure) -> list[Figure]:
    """Race multilingual-e5-small against itself, and compare our rate with its best.

    Ours is not raced here: on as few passages as a transformer reads in seconds, it would measure its own start.
    """
    with running([e5.contestant()]) as (started,):
        best, figures = searched(started, trials)
        plain = started.contestant.default
        cosines = (started.vectors(texts[:8], plain) * started.vectors(texts[:8], best)).sum(1)
        entries = rows_of(started, started, best)
        took = race(entries, texts)
    rates = [len(texts) / each.seconds for each in took]
    for entry, rate, each in zip(entries, rates, took, strict=True):
        figure = figure_of(started.contestant, entry.setting, entry.role, rate)
        figures.append(figure | {"cpu_seconds": each.cpu, "ratio": rate / rates[-1]})
        show(figures[-1])
    print(f"  the cosine of its vectors with those of float32 is {cosines.min():.3f} or more")
    figures.append(ours | {"ratio": float(ours["passages_per_second"]) / rates[-1]})
    show(figures[-1])
    return figures


def show(figure: Figure) -> None:
    """Print a row of the table."""
    print(f"{labels.row(figure):88}{figure['passages_per_second']:12,.0f}{figure['ratio']:10.2f}", flush=True)


if __name__ == "__main__":
    main()
