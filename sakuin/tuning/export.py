"""Figures of judged queries as files for other programs: CSV and JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sakuin.tuning.judged import JudgedQuery
from sakuin.tuning.settings import SettingFigures
from sakuin.tuning.summaries import SettingSummary


def figures_csv(queries: Sequence[JudgedQuery], figures: Mapping[str, SettingFigures]) -> str:
    """A row for each query, with its figures by each setting; ``figures`` by the name of the setting."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["query", *(f"{name} {kind}" for name in figures for kind in ("nDCG", "RR", "recall", "first"))])
    for i, query in enumerate(queries):
        cells: list[object] = [query.query]
        for own in figures.values():
            cells += [f"{own.ndcg[i]:.6f}", f"{own.mrr[i]:.6f}", f"{own.recall[i]:.6f}", int(own.first[i]) or ""]
        writer.writerow(cells)
    return file.getvalue()


def figures_json(
    queries: Sequence[JudgedQuery],
    figures: Mapping[str, SettingFigures],
    summaries: Sequence[SettingSummary],
    k: int,
) -> str:
    """Means with their intervals, and all figures of each query.

    Args:
        queries: Those of all figures, in their order.
        figures: By the name of the setting.
        summaries: Of the same settings.
        k: Cut-off rank of the figures.
    """
    value = {
        "k": k,
        "settings": [asdict(summary) for summary in summaries],
        "queries": [
            {
                "query": query.query,
                "relevant": dict(query.gains),
                "figures": {name: query_figures(own, i) for name, own in figures.items()},
            }
            for i, query in enumerate(queries)
        ],
    }
    return json.dumps(value, ensure_ascii=False, indent=2)


def query_figures(figures: SettingFigures, i: int) -> dict[str, float | int | None]:
    """The figures of one query; ``first`` is None where no relevant document was found."""
    return {
        "ndcg": float(figures.ndcg[i]),
        "rr": float(figures.mrr[i]),
        "recall": float(figures.recall[i]),
        "first": int(figures.first[i]) or None,
    }
