"""Results as tables and as JSON.

Numbers are times 100 in tables and 0 to 1 in JSON. The mean of a family is the mean of its tasks. The mean of family
means counts each family once, however many tasks it has. The share kept by a dimension is that mean at the dimension
over that mean at the largest dimension of the table.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sakuin.evaluation.families import FAMILIES, Task, size
from sakuin.evaluation.results import ModelResults, in_order
from sakuin.tuning.significance import Difference

FAMILY_NAMES = {
    "retrieval": "Retrieval",
    "reranking": "Reranking",
    "sts": "STS",
    "classification": "Classification",
    "clustering": "Clustering",
    "pair_classification": "Pair classification",
    "bitext": "Bitext matching",
}
METRIC_NAMES = {
    "ndcg@10": "nDCG@10",
    "map@10": "MAP@10",
    "map": "MAP",
    "spearman": "Spearman",
    "macro_f1": "macro F1",
    "v_measure": "V-measure",
    "best_v_measure": "V-measure, best of four",
    "average_precision": "average precision",
    "accuracy": "accuracy",
    "f1": "F1",
    "weighted_f1": "weighted F1",
}
MEAN = "**mean of family means**"
# A search that compares no vectors.
NO_DIM = "words"
Cell = float | None


def family_means(results: ModelResults, tasks: Sequence[Task]) -> dict[str, dict[int, float]]:
    """The mean of each family at each dimension."""
    return {
        family: {dim: float(np.mean([results.tasks[name][dim].score for name in names])) for dim in results.dims}
        for family in FAMILIES
        if (names := [task.name for task in tasks if task.family == family and task.name in results.tasks])
    }


def overall_mean(means: Mapping[str, Mapping[int, float]], dim: int) -> float:
    """The mean of family means at a dimension."""
    return float(np.mean([of_dims[dim] for of_dims in means.values()]))


def shares_kept(means: Mapping[str, Mapping[int, float]], dims: Sequence[int]) -> dict[int, float]:
    """The mean of family means at each dimension over that at the largest."""
    whole = overall_mean(means, max(dims))
    return {dim: overall_mean(means, dim) / whole if whole else 0.0 for dim in dims}


def model_table(results: ModelResults, tasks: Sequence[Task]) -> str:
    """A model's figures: a row for each task and family, a column for each dimension; "" where it has none."""
    means = family_means(results, tasks)
    if not means:
        return ""
    rows: list[tuple[str, list[Cell]]] = []
    for family, own in by_family(results, tasks).items():
        rows += [(task_label(task), [results.tasks[task.name][dim].score for dim in results.dims]) for task in own]
        rows.append((mean_label(family), [means[family][dim] for dim in results.dims]))
    rows.append((MEAN, [overall_mean(means, dim) for dim in results.dims]))
    if len(results.dims) > 1:
        rows.append(("share kept, %", list(shares_kept(means, results.dims).values())))
    return markdown(title_of(results), [column_name(dim) for dim in results.dims], rows)


def comparison_table(all_results: Sequence[ModelResults], tasks: Sequence[Task]) -> str:
    """All models side by side, each at its largest dimension.

    The mean of family means is left empty for models that took no part in one of the families.
    """
    means = {results.name: family_means(results, tasks) for results in all_results}
    families = [family for family in FAMILIES if any(family in own for own in means.values())]
    if not families:
        return ""

    rows: list[tuple[str, list[Cell]]] = []
    for family in families:
        for task in in_order([task for task in tasks if task.family == family], FAMILIES):
            rows.append((task_label(task), [score_of(results, task) for results in all_results]))
        of_family = [means[results.name].get(family, {}).get(results.dims[0]) for results in all_results]
        rows.append((mean_label(family), of_family))
    whole = [results.name for results in all_results if means[results.name].keys() == set(families)]
    overall = [overall_mean(means[r.name], r.dims[0]) if r.name in whole else None for r in all_results]
    rows.append((MEAN, list(overall)))
    return markdown("task", [f"{results.name} {column_name(results.dims[0])}" for results in all_results], rows)


def score_of(results: ModelResults, task: Task) -> Cell:
    """A model's figure on a task at its largest dimension; None where it took no part."""
    figures = results.tasks.get(task.name)
    return figures[results.dims[0]].score if figures else None


def significance_table(a: str, b: str, tests: Mapping[str, Difference | None]) -> str:
    """Differences of two models, times 100, task by task."""
    lines = [
        f"| {a} - {b} | difference | 95 % interval | p | test |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, test in tests.items():
        if test is None:
            lines.append(f"| {name} | | | | no figure for each item |")
        else:
            interval = f"{100 * test.low:+.1f} to {100 * test.high:+.1f}"
            lines.append(f"| {name} | {100 * test.value:+.1f} | {interval} | {test.p:.4f} | {test.test} |")
    return "\n".join(lines)


def to_json(all_results: Sequence[ModelResults], tasks: Sequence[Task]) -> dict[str, Any]:
    """Everything, 0 to 1; see docs/evaluation.md for the form."""
    return {"version": 1, "models": {results.name: model_json(results, tasks) for results in all_results}}


def model_json(results: ModelResults, tasks: Sequence[Task]) -> dict[str, Any]:
    """One model's figures."""
    means = family_means(results, tasks)
    facts: dict[str, Any] = {"dims": results.dims, "pooling": results.pooling, "tasks": {}, "means": {}}
    for own in by_family(results, tasks).values():
        for task in own:
            figures = results.tasks[task.name]
            names = next(iter(figures.values())).extra
            extra = {name: by_dim({dim: each.extra[name] for dim, each in figures.items()}) for name in names}
            facts["tasks"][task.name] = {
                "family": task.family,
                "metric": task.metric,
                "scores": by_dim({dim: each.score for dim, each in figures.items()}),
                "extra": extra | {"size": size(task)},
            }
    if means:
        facts["means"] = {
            "families": {family: by_dim(own) for family, own in means.items()},
            "mean": by_dim({dim: overall_mean(means, dim) for dim in results.dims}),
            "share_kept": by_dim(shares_kept(means, results.dims)),
        }
    return facts


def by_dim(figures: Mapping[int, float]) -> dict[str, float]:
    """Figures by dimension as JSON has them."""
    return {str(dim): round(figure, 6) for dim, figure in figures.items()}


def by_family(results: ModelResults, tasks: Sequence[Task]) -> dict[str, list[Task]]:
    """The tasks a model took part in, family by family."""
    families: dict[str, list[Task]] = {}
    for task in in_order(tasks, FAMILIES):
        if task.name in results.tasks:
            families.setdefault(task.family, []).append(task)
    return families


def title_of(results: ModelResults) -> str:
    """What stands above the tasks."""
    return f"{results.name} ({results.pooling} pooling)" if results.pooling else results.name


def column_name(dim: int) -> str:
    """What stands above a dimension's figures."""
    return str(dim) if dim else NO_DIM


def task_label(task: Task) -> str:
    """A task with its metric."""
    return f"{task.name}, {METRIC_NAMES[task.metric]}"


def mean_label(family: str) -> str:
    """The row of a family's mean."""
    return f"*{FAMILY_NAMES[family]}*"


def markdown(corner: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Cell]]]) -> str:
    """A Markdown table, aligned to be read as text too; cells are shares, shown times 100."""
    lines = [[corner, *columns]]
    lines += [[label, *("" if cell is None else f"{100 * cell:.1f}" for cell in cells)] for label, cells in rows]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(columns) + 1)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(
        "| "
        + " | ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
        + " |"
        for line in [lines[0], rule, *lines[1:]]
    )
