"""Whether explanations add up to the scores shown, on random hits of an index: `python -m experiments.explanations`."""

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from sakuin.cli.running import run
from sakuin.errors import SakuinError
from sakuin.index import DEFAULT_INDEX
from sakuin.index.snapshot import open_index
from sakuin.search import MODES, Explanation, Searcher
from sakuin.search.breakdown import SIDES
from sakuin.search.explanation import ROUNDINGS

# Hits that one is drawn from; those far down have the small and negative scores.
HITS = 50
# What is promised of an explanation: its parts add up to the score shown, this close.
PROMISED = 1e-5
# Characters of a query, drawn from a passage.
SHORTEST, LONGEST = 2, 60


@dataclass(frozen=True, slots=True)
class Drawn:
    """One hit, drawn at random.

    Attributes:
        mode: Of the search that found it.
        error: By how much parts and whole differ at most, see `largest_error`; 1e-5 is what is promised.
        rounding: The largest part that is there only because stored vectors and BM25 scores are rounded.
    """

    mode: str
    error: float
    rounding: float


def largest_error(explanation: Explanation) -> float:
    """By how much any number of an explanation differs from the sum or product of its details, at most."""
    values = [detail.value for detail in explanation.details]
    own = 0.0
    if values and explanation.operation == "sum":
        own = abs(math.fsum(values) - explanation.value)
    elif values and explanation.operation == "product":
        own = abs(math.prod(values) - explanation.value)
    return max([own, *map(largest_error, explanation.details)])


def largest_rounding(explanation: Explanation) -> float:
    """The largest part of an explanation that is what rounding took."""
    own = abs(explanation.value) if explanation.code in ROUNDINGS else 0.0
    return max([own, *map(largest_rounding, explanation.details)])


def draw(folder: Path, pairs: int, seed: int) -> Iterator[Drawn]:
    """Explain random hits: queries are random stretches of passages; mode, dimension, view and hit are random too.

    Raises:
        SakuinError: the index cannot be opened, or holds no passages.
    """
    random = np.random.default_rng(seed)
    with closing(open_index(folder)) as snapshot, Searcher.open(folder) as searcher:
        passage_ids = snapshot.vectors.ids
        if not len(passage_ids):
            raise SakuinError(f"The index in {folder} holds no passages to explain.")
        done = 0
        while done < pairs:
            passage_id = int(random.choice(passage_ids))
            text = snapshot.passages([passage_id])[passage_id].text
            start = int(random.integers(len(text)))
            query = text[start : start + int(random.integers(SHORTEST, LONGEST))]
            mode, dim = str(random.choice(MODES)), int(random.integers(1, searcher.manifest.dim + 1))
            hits = searcher.search(query, k=HITS, mode=mode, dim=dim, group="passage").hits
            if not hits:
                continue
            hit = hits[int(random.integers(len(hits)))]
            found = searcher.explain(query, hit, dim=dim, by=SIDES[int(random.integers(len(SIDES)))])
            done += 1
            yield Drawn(mode, max(largest_error(found), abs(found.value - hit.score)), largest_rounding(found))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--index", "folder", default=DEFAULT_INDEX, show_default=True, type=click.Path(path_type=Path))
@click.option("--pairs", default=10_000, show_default=True, type=click.IntRange(1), help="Hits to explain.")
@click.option("--seed", default=0, show_default=True, help="Of the random choices.")
def cli(folder: Path, pairs: int, seed: int) -> None:
    """Explain random hits of random queries, and print by how much the parts differ from the scores shown at most.

    \b
    python -m experiments.explanations --index examples/.sakuin
    """
    drawn = list(tqdm(draw(folder, pairs, seed), total=pairs, unit="pair"))
    click.echo(f"{'mode':8}{'pairs':>8}{'largest error':>16}{'above 1e-5':>12}{'largest rounding':>18}")
    for mode in MODES:
        own = [one for one in drawn if one.mode == mode]
        if own:
            worst, wrong = max(one.error for one in own), sum(one.error > PROMISED for one in own)
            click.echo(f"{mode:8}{len(own):8}{worst:16.2e}{wrong:12}{max(one.rounding for one in own):18.2e}")
    if any(one.error > PROMISED for one in drawn):
        raise SakuinError("Some explanations do not add up to the score shown.")


if __name__ == "__main__":
    run(cli, "python -m experiments.explanations", interrupted="Nothing was kept.")
