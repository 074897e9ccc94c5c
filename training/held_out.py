"""Measures how well a model finds documents that it was not trained on.

Questions are titles and headings of held-out documents, to be answered by the passages below them; where there are too
few, passages, to be answered by the passages that follow them. Every passage of the corpus is ranked, without its title
and headings: an index joins them to the passage, but then a question would only have to find itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.embedder.folder import ModelFiles
from sakuin.embedder.model import normalized
from sakuin.embedder.table import Table
from sakuin.evaluation.nearest import nearest
from sakuin.index.settings import DEFAULT_DIM
from sakuin.training.corpus_pairs import Piece, neighbours
from sakuin.training.errors import TrainingError
from sakuin.tuning.metrics import ndcg_at
from sakuin.tuning.significance import Difference, randomisation_test

LEAST_DOCUMENTS = 30
LEAST_QUESTIONS = 5
SHARES = (0.25, 0.5, 0.75, 1.0)
CUTOFF = 10


@dataclass(frozen=True)
class Questions:
    """Queries about held-out documents.

    Attributes:
        queries: Each once.
        relevant: For each query, indices of the texts of the corpus that answer it.
        itself: For each query, its own index among the texts, which is no answer; -1 where it is none of them.
    """

    queries: tuple[str, ...]
    relevant: tuple[frozenset[int], ...]
    itself: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.queries)


@dataclass(frozen=True)
class HeldOut:
    """Questions about documents that are held out.

    Attributes:
        texts: All passages of the corpus, each once, without the titles and headings that would give them away.
        choosing: Questions to choose the share of the new table by.
        reporting: Questions to report on, of other documents.
        kind: What a question is.
    """

    texts: list[str]
    choosing: Questions
    reporting: Questions
    kind: str


def hold_out(pieces: Sequence[Piece], *, share: float, least: int, seed: int) -> tuple[frozenset[str], frozenset[str]]:
    """Units to choose by and units to report on, a third and two thirds of those held out.

    Args:
        pieces: Of the whole corpus.
        share: Of the units to hold out.
        least: Units to hold out, but never more than a third of all.
        seed: Of the choice.

    Returns:
        Units to choose by, and units to report on.
    """
    units = list(dict.fromkeys(piece.unit for piece in pieces))
    number = min(max(round(share * len(units)), least), len(units) // 3)
    held = [units[index] for index in np.random.default_rng(seed).permutation(len(units))[:number]]
    return frozenset(held[: number // 3]), frozenset(held[number // 3 :])


def distinct_texts(pieces: Iterable[Piece]) -> list[str]:
    """What is ranked: the text of every piece of the corpus, each once."""
    return list(dict.fromkeys(piece.text for piece in pieces))


def name_questions(pieces: Sequence[Piece], units: Collection[str]) -> Questions:
    """The names in ``units``, each to find all passages of that name."""
    index_of = {text: index for index, text in enumerate(distinct_texts(pieces))}
    wanted = {piece.name for piece in pieces if piece.unit in units} - {""}
    relevant: dict[str, set[int]] = defaultdict(set)
    for piece in pieces:
        if piece.name in wanted:
            relevant[piece.name].add(index_of[piece.text])
    return Questions(tuple(relevant), tuple(map(frozenset, relevant.values())), (-1,) * len(relevant))


def neighbour_questions(pieces: Sequence[Piece], units: Collection[str]) -> Questions:
    """The passages of ``units``, each to find the one that follows it."""
    index_of = {text: index for index, text in enumerate(distinct_texts(pieces))}
    relevant: dict[str, set[int]] = defaultdict(set)
    for first, second in neighbours(pieces):
        if first.unit in units and first.text != second.text:
            relevant[first.text].add(index_of[second.text])
    return Questions(
        tuple(relevant), tuple(map(frozenset, relevant.values())), tuple(index_of[query] for query in relevant)
    )


def held_out_questions(
    pieces: Sequence[Piece], choosing: frozenset[str], reporting: frozenset[str], *, corpus: Path
) -> HeldOut:
    """Questions about the held-out units; raises TrainingError where there are too few."""
    units = len({piece.unit for piece in pieces})
    if units < LEAST_DOCUMENTS:
        raise TrainingError(
            f"Adapting needs at least {LEAST_DOCUMENTS} documents of different titles, some of which are held out to "
            f"measure by; {corpus} has {units}. Nothing was written. Use the model as it is."
        )
    texts = distinct_texts(pieces)
    for kind, make in (("titles and headings", name_questions), ("preceding passages", neighbour_questions)):
        held = HeldOut(texts, make(pieces, choosing), make(pieces, reporting), kind)
        if min(len(held.choosing), len(held.reporting)) >= LEAST_QUESTIONS:
            return held
    raise TrainingError(
        f"The {len(choosing | reporting)} documents of {corpus} that were held out have fewer than "
        f"{3 * LEAST_QUESTIONS} titles or headings with a passage below, and no more passages that follow another: too "
        f"few to tell whether adapting helps. Nothing was written. Add documents, or use the model as it is."
    )


def choose_share(files: ModelFiles, trained: Table, held: HeldOut) -> tuple[float, Table, bool]:
    """Choose how much of the trained table to take, by the questions for choosing.

    Args:
        files: Of the model that was trained on.
        trained: The new table.
        held: The questions.

    Returns:
        The best share of the new table, the interpolated table, and whether it finds more than the old one.
    """
    old, new = files.table.prefix(files.table.dimension), trained.prefix(files.table.dimension)
    dim = reported_dims(files)[0]
    figures = {
        share: float(ndcgs(files, Table(interpolated(old, new, share)), held.texts, held.choosing, dim=dim).mean())
        for share in (0.0, *SHARES)
    }
    best = max(SHARES, key=figures.__getitem__)
    return best, Table(interpolated(old, new, best)), figures[best] > figures[0.0]


def interpolated(old: NDArray[np.float32], new: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Rows between those of two tables, float32 (vocabulary, width); ``share`` is the second one's."""
    between: NDArray[np.float32] = old * np.float32(1 - share) + new * np.float32(share)
    return between


def reported_dims(files: ModelFiles) -> tuple[int, ...]:
    """What is measured: the dimensions an index stores unless told otherwise, by which is judged, and all."""
    width = files.table.dimension
    return tuple(dict.fromkeys((min(DEFAULT_DIM, width), width)))


def before_and_after(files: ModelFiles, table: Table, held: HeldOut) -> dict[int, tuple[float, float, Difference]]:
    """How well two tables answer the questions for reporting.

    Args:
        files: Of the model before.
        table: The table after.
        held: The questions.

    Returns:
        nDCG@10 before and after, and their difference, by number of dimensions.
    """
    result = {}
    for dim in reported_dims(files):
        before = ndcgs(files, files.table, held.texts, held.reporting, dim=dim)
        after = ndcgs(files, table, held.texts, held.reporting, dim=dim)
        result[dim] = float(before.mean()), float(after.mean()), randomisation_test(after, before)
    return result


def ndcgs(
    files: ModelFiles, table: Table, texts: Sequence[str], questions: Questions, *, dim: int
) -> NDArray[np.float64]:
    """nDCG@10 of each question when texts are ranked by cosine.

    Args:
        files: Of a model.
        table: In place of the model's own.
        texts: To be ranked.
        questions: Whose answers are among the texts.
        dim: Dimensions that are compared.

    Returns:
        float64 (questions,).
    """
    model = StaticEmbedder(replace(files, table=table, normalize=False), "the adapted model")
    asked = normalized(model.encode(questions.queries, truncate_dim=dim))
    # One more than is measured, for the question itself may be among them.
    rows, _ = nearest(asked, normalized(model.encode(texts, truncate_dim=dim)), k=CUTOFF + 1)
    return np.array(
        [
            ndcg_at(CUTOFF, [str(row) for row in best if row != itself], {str(row) for row in relevant})
            for best, relevant, itself in zip(rows.tolist(), questions.relevant, questions.itself, strict=True)
        ]
    )
