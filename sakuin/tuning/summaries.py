"""What settings measured on judged queries come to: means, differences beyond chance, and the queries behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sakuin.tuning.judged import JudgedQuery
from sakuin.tuning.settings import SettingFigures
from sakuin.tuning.significance import Difference, Estimate, estimate, randomisation_test


@dataclass(frozen=True)
class SettingSummary:
    """A setting's means over queries.

    Attributes:
        name: Of the setting.
        ndcg, mrr, recall: With 95 % intervals.
        difference: Of nDCG to the base, query by query; None for the base itself.
    """

    name: str
    ndcg: Estimate
    mrr: Estimate
    recall: Estimate
    difference: Difference | None


@dataclass(frozen=True)
class QueryChange:
    """A judged query by two settings.

    Attributes:
        query: Its text.
        base_rank, other_rank: Of the first relevant document, from 1; 0 where there is none.
        change: Of nDCG, from the base to the other setting.
    """

    query: str
    base_rank: int
    other_rank: int
    change: float


def summarise(figures: Mapping[str, SettingFigures], base: str) -> list[SettingSummary]:
    """Means of settings and their paired differences to one of them.

    Args:
        figures: By the name of the setting, all of the same queries.
        base: The name of that which the others are compared with.
    """
    return [
        SettingSummary(
            name,
            estimate(own.ndcg),
            estimate(own.mrr),
            estimate(own.recall),
            None if name == base else randomisation_test(own.ndcg, figures[base].ndcg),
        )
        for name, own in figures.items()
    ]


def changes(queries: Sequence[JudgedQuery], base: SettingFigures, other: SettingFigures) -> list[QueryChange]:
    """Each query by two settings, the largest change first; of one setting alone the worst query first.

    Args:
        queries: Those of both figures, in their order.
        base: Of the setting that the other is compared with.
        other: The same object as ``base`` where there is no other.
    """
    change = other.ndcg - base.ndcg
    order = np.argsort(base.ndcg if other is base else -np.abs(change), kind="stable")
    return [QueryChange(queries[i].query, int(base.first[i]), int(other.first[i]), float(change[i])) for i in order]
