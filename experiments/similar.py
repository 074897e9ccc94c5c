"""Ways to say how near two documents are, by how well the other parts of an article are found by one of them.

`python -m experiments.similar --data ../shared/eval`: the paragraphs of each article of JaQuAD and JSQuAD, without its
title, are shared out among a few documents; the score is the R-precision of those of the same article.
"""

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index.documents import Document
from sakuin.index.passages import split

DIM = 256
SETS = (("jaquad_dev", 2), ("jaquad_dev", 5), ("jsquad_valid", 2))


def shared_out(path: Path, parts: int) -> tuple[list[str], NDArray[np.int64]]:
    """Documents made of the paragraphs of articles, and the article of each, int64 (n,)."""
    articles: defaultdict[str, list[str]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        articles[row["title"]].append(row["text"])
    random.seed(0)
    texts: list[str] = []
    for paragraphs in articles.values():
        if len(paragraphs) >= parts:
            random.shuffle(paragraphs)
            texts += ["\n\n".join(paragraphs[i::parts]) for i in range(parts)]
    return texts, np.arange(len(texts)) // parts


def similarities(model: StaticEmbedder, texts: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
    """How near each two documents are, float32 (n, n), by each way."""
    passages, owners = [], []
    for number, text in enumerate(texts):
        cut = split(Document(id=str(number), text=text))
        passages += [text[one.start : one.end] for one in cut]
        owners += [number] * len(cut)
    starts = np.searchsorted(owners, np.arange(len(texts)))
    rows = model.encode(passages, truncate_dim=DIM, normalize=True)
    means = np.add.reduceat(rows, starts)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    pairs = rows @ rows.T
    best = np.maximum.reduceat(pairs, starts, axis=1)
    counts = np.diff([*starts, len(rows)])
    mean_best = np.add.reduceat(best, starts) / counts[:, None]
    whole = model.encode(list(texts), truncate_dim=DIM, normalize=True)
    return {
        "means of the passages": means @ means.T,
        "mean, and the nearest passage": np.maximum.reduceat(means @ rows.T, starts, axis=1),
        "nearest pair of passages": np.maximum.reduceat(best, starts),
        "each passage's nearest, both ways": mean_best + mean_best.T,
        "whole texts encoded": whole @ whole.T,
    }


def r_precision(similarity: NDArray[np.float32], articles: NDArray[np.int64], parts: int) -> float:
    """Share of an article's other documents among as many nearest, times 100."""
    similarity = similarity.copy()
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1)[:, : parts - 1]
    return 100 * float((articles[nearest] == articles[:, None]).mean())


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of the sets.")
def main(data: Path) -> None:
    """Print the table of docs/experiments/similar.md."""
    model = StaticEmbedder.load()
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for name, parts in SETS:
        texts, articles = shared_out(data / f"{name}_retrieval_corpus.jsonl", parts)
        for way, similarity in similarities(model, texts).items():
            scores[way].append(r_precision(similarity, articles, parts))
    for way, found in scores.items():
        click.echo(f"| {way} | {' | '.join(f'{score:.1f}' for score in found)} |")


if __name__ == "__main__":
    main()
