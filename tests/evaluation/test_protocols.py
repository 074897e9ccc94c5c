"""Scores as JMTEB and MTEB 2 define them, against their own formulas on the same vectors."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from sakuin.cli.evaluation import cli
from sakuin.evaluation.dense import evaluate_vectors, sides
from sakuin.evaluation.families import (
    BitextTask,
    ClusteringTask,
    PairClassificationTask,
    RerankingTask,
    RetrievalTask,
)
from sakuin.evaluation.hub import find_hub_tasks
from sakuin.evaluation.protocols import DIFFERENCES, PROTOCOLS, differences, under
from sakuin.evaluation.results import judgements
from sakuin.evaluation.significance import task_difference
from sakuin.evaluation.tasks import read_tasks
from sakuin.tuning.errors import EvaluationError

Write = Callable[[str, Sequence[dict[str, Any]]], Path]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def names(prefix: str, number: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{i}" for i in range(number))


def vectors(rows: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)


def test_mteb_reranks_by_map_of_the_whole_ranking() -> None:
    import pytrec_eval

    generator = np.random.default_rng(4)
    queries, texts = vectors(20, 0), vectors(60, 1)
    candidates = tuple(tuple(generator.permutation(60)[:40].tolist()) for _ in range(20))
    gains = tuple(tuple(float(i < 5) for i in generator.permutation(40)) for _ in range(20))
    task = under("mteb", RerankingTask("x", names("t", 60), names("q", 20), candidates, gains))
    cosines = queries @ texts.T / np.linalg.norm(queries, axis=1)[:, None] / np.linalg.norm(texts, axis=1)
    assert isinstance(task, RerankingTask)
    qrels = {f"q{i}": {k: int(v) for k, v in dict(own).items()} for i, own in enumerate(judgements(task))}  # type: ignore[arg-type]
    run = {f"q{i}": {str(c): float(cosines[i, c]) for c in own} for i, own in enumerate(candidates)}
    judged = pytrec_eval.RelevanceEvaluator(qrels, {"map_cut.1000"}).evaluate(run)
    measured = evaluate_vectors(task, {"queries": queries, "texts": texts})
    assert measured.items.tolist() == pytest.approx([judged[f"q{i}"]["map_cut_1000"] for i in range(20)])
    assert measured.score == pytest.approx(measured.items.mean())
    assert measured.score != pytest.approx(evaluate_vectors(replace(task, metric="map@10"), _of(task)).score, abs=1e-3)


def _of(task: RerankingTask) -> dict[str, Floats]:
    return {"queries": vectors(len(task.queries), 0), "texts": vectors(len(task.texts), 1)}


def test_searches_are_reranked_by_the_whole_ranking_too() -> None:
    from sakuin.evaluation.searching import evaluate_search

    texts = tuple(f"猫の話その{number}" for number in range(30))
    gains = tuple(1.0 if number % 2 else 0.0 for number in range(30))
    task = RerankingTask("x", texts, ("猫の話",), (tuple(range(30)),), (gains,), "map")
    measured = evaluate_search(task, ["bm25"], model=None, dim=32)["bm25"]
    # All are found, so no figure below the worst order's; of the first ten alone it could be no more than 10 / 15.
    assert measured.score > 15 / 30 * 0.6
    assert measured.extra["map@10"] < measured.score


def test_mteb_matches_one_direction_by_weighted_f1() -> None:
    from sklearn.metrics import f1_score

    first = vectors(40, 0)
    second = (first + 1.2 * vectors(40, 1)).astype(np.float32)
    task = under("mteb", BitextTask("x", names("a", 40), names("b", 40)))
    cosines = (first @ second.T) / np.linalg.norm(second, axis=1)
    expected = f1_score(range(40), cosines.argmax(axis=1), average="weighted", zero_division=0)
    measured = evaluate_vectors(task, {"first": first, "second": second})
    assert 0.2 < expected < 0.9
    assert measured.score == pytest.approx(expected)
    # The other direction has no part in it.
    turned = evaluate_vectors(task, {"first": second, "second": first})
    assert turned.score != pytest.approx(expected)


def jmteb_f1(golden: Sequence[int], values: Floats, *, similar: bool) -> tuple[float, float]:
    """The threshold and F1 that JMTEB's loop over sorted pairs ends with."""
    rows = sorted(zip(values.tolist(), golden, strict=True), key=lambda row: row[0], reverse=similar)
    best, threshold, found = 0.0, -1.0, 0
    for i in range(len(rows) - 1):
        found += rows[i][1]
        if found:
            f1 = 2 / ((i + 1) / found + sum(golden) / found)
            if f1 > best:
                best, threshold = f1, (rows[i][0] + rows[i + 1][0]) / 2
    return threshold, best


@pytest.mark.parametrize("noise", [0.5, 2.0])
@pytest.mark.parametrize("with_dev", [False, True])
def test_jmteb_tells_pairs_apart_by_a_threshold_of_validation_data(noise: float, with_dev: bool) -> None:
    from sklearn.metrics import f1_score
    from sklearn.metrics.pairwise import paired_distances

    def pairs(seed: int) -> tuple[PairClassificationTask, Floats, Floats]:
        first, labels = vectors(80, seed), np.random.default_rng(seed).integers(0, 2, 80)
        near = first + noise * vectors(80, seed + 1)
        second = np.where(labels[:, None] == 1, near, vectors(80, seed + 2) * 1.5).astype(np.float32)
        return PairClassificationTask("x", names("a", 80), names("b", 80), tuple(labels.tolist())), first, second

    def measures(first: Floats, second: Floats) -> dict[str, tuple[Floats, bool]]:
        return {
            "cosine": (1 - paired_distances(first, second, metric="cosine"), True),
            "manhattan": (paired_distances(first, second, metric="manhattan"), False),
            "euclidean": (paired_distances(first, second, metric="euclidean"), False),
            "dot": ((first * second).sum(axis=1), True),
        }

    task, first, second = pairs(10)
    dev, dev_first, dev_second = pairs(20) if with_dev else (task, first, second)
    found = {
        name: (*jmteb_f1(dev.labels, values, similar=similar), similar)
        for name, (values, similar) in measures(dev_first, dev_second).items()
    }
    best = max(found, key=lambda name: found[name][1])
    threshold, _, similar = found[best]
    values = measures(first, second)[best][0]
    predicted = (values >= threshold) if similar else (values < threshold)
    scored = under("jmteb", replace(task, dev=dev if with_dev else None))
    given = {"first": first, "second": second}
    if with_dev:
        given |= {"dev_first": dev_first, "dev_second": dev_second}
    measured = evaluate_vectors(scored, given)
    assert measured.score == pytest.approx(f1_score(task.labels, predicted))
    assert {name: measured.extra[f"chosen_by_{name}"] for name in found} == pytest.approx(
        {name: f1 for name, (_, f1, _) in found.items()}
    )
    assert sides(scored).keys() == given.keys()


def test_jmteb_clusters_by_the_best_of_four_on_validation_data() -> None:
    from sklearn.cluster import AgglomerativeClustering, Birch, BisectingKMeans, MiniBatchKMeans
    from sklearn.metrics import v_measure_score

    def texts(seed: int) -> tuple[ClusteringTask, Floats]:
        centres = vectors(5, 99)
        classes = np.random.default_rng(seed).integers(0, 5, 150)
        return ClusteringTask("x", names("t", 150), tuple(map(str, classes))), (
            centres[classes] + 0.9 * vectors(150, seed)
        ).astype(np.float32)

    (task, own), (dev, by_dev) = texts(1), texts(2)
    algorithms = {
        "mini_batch_kmeans": lambda: MiniBatchKMeans(n_clusters=5, n_init="auto", random_state=0),
        "agglomerative": lambda: AgglomerativeClustering(n_clusters=5),
        "bisecting_kmeans": lambda: BisectingKMeans(n_clusters=5, random_state=0),
        "birch": lambda: Birch(n_clusters=5),
    }
    on_dev = {name: v_measure_score(dev.labels, each().fit(by_dev).labels_) for name, each in algorithms.items()}
    best = max(on_dev, key=lambda name: on_dev[name])
    assert len({round(figure, 3) for figure in on_dev.values()}) > 1
    scored = under("jmteb", replace(task, dev=dev))
    measured = evaluate_vectors(scored, {"texts": own, "dev": by_dev})
    assert measured.score == pytest.approx(v_measure_score(task.labels, algorithms[best]().fit(own).labels_))
    assert {name: measured.extra[f"chosen_by_{name}"] for name in algorithms} == pytest.approx(on_dev)
    assert evaluate_vectors(under("jmteb", task), {"texts": own}).score > 0
    few = under("jmteb", replace(task, dev=ClusteringTask("x", names("t", 3), ("0", "1", "2"))))
    with pytest.raises(EvaluationError, match="5 classes, and 3 texts"):
        evaluate_vectors(few, {"texts": own, "dev": by_dev[:3]})


def test_other_protocols_encode_nothing_to_choose_by() -> None:
    clustering = ClusteringTask("x", ("a",), ("0",), dev=ClusteringTask("y", ("b",), ("0",)))
    assert sides(under("jmteb", clustering)).keys() == {"texts", "dev"}
    for protocol in ("sakuin", "mteb"):
        assert sides(under(protocol, clustering)).keys() == {"texts"}
        assert under(protocol, clustering).metric == "v_measure"
    by_components = {protocol: under(protocol, clustering).by_components for protocol in PROTOCOLS}
    assert by_components == {"sakuin": True, "jmteb": False, "mteb": False}


def test_retrieval_is_the_same_under_all() -> None:
    task = RetrievalTask("x", ("d",), ("t",), ("q",), (frozenset("d"),))
    assert all(under(protocol, task) == task for protocol in PROTOCOLS)


def test_differences_of_single_items_are_of_the_protocols_metric() -> None:
    labels = tuple(i % 2 for i in range(60))
    task = under("jmteb", PairClassificationTask("x", names("a", 60), names("b", 60), labels))
    good = evaluate_vectors(task, {"first": np.ones((60, 2), np.float32), "second": _told(labels)})
    bad = evaluate_vectors(task, {"first": vectors(60, 1), "second": vectors(60, 2)})
    found = task_difference(task, good, bad, resamples=100)
    assert found is not None
    assert (found.test, found.value) == ("bootstrap", pytest.approx(good.score - bad.score))
    bitext = under("mteb", BitextTask("x", names("a", 60), names("b", 60)))
    same, other = vectors(60, 1), vectors(60, 2)
    one = evaluate_vectors(bitext, {"first": same, "second": same})
    two = evaluate_vectors(bitext, {"first": same, "second": (same + other).astype(np.float32)})
    found = task_difference(bitext, one, two, resamples=100)
    assert found is not None
    assert (found.test, found.value) == ("bootstrap", pytest.approx(one.score - two.score))


def _told(labels: Sequence[int]) -> Floats:
    return np.array([[1, 1] if label else [1, -1] for label in labels], np.float32)


def test_a_file_beside_a_task_is_what_it_is_chosen_by(data: Path, write: Write) -> None:
    write("topic_clustering_dev", [{"text": "猫", "label": 0}, {"text": "税金", "label": 1}])
    write("entails_dev", [{"sentence1": "猫", "sentence2": "犬", "label": 1}])
    tasks = {task.name: task for task in read_tasks(data)}
    assert len(tasks) == 7
    clustering, pairs = tasks["topic_clustering"], tasks["entails"]
    assert isinstance(clustering, ClusteringTask)
    assert isinstance(pairs, PairClassificationTask)
    assert clustering.dev == ClusteringTask("topic_clustering_dev", ("猫", "税金"), ("0", "1"))
    assert pairs.dev == PairClassificationTask("entails_dev", ("猫",), ("犬",), (1,))


def test_validation_splits_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_rows(path: str, subset: str | None, split: str) -> list[dict[str, Any]]:
        both = {"text": split, "sentence1": split, "sentence2": split, "label": 1}
        return [both]

    monkeypatch.setattr("sakuin.evaluation.hub.load_rows", load_rows)
    for name in ("jmteb/livedoor_news", "jmteb/paws_x_ja"):
        task = find_hub_tasks(name, dev=True)[name].read()
        assert isinstance(task, ClusteringTask | PairClassificationTask)
        assert task.dev is not None
        assert {side.texts for side in sides(task).values()} == {("test",), ("validation",)}
        without = find_hub_tasks(name)[name].read()
        assert isinstance(without, ClusteringTask | PairClassificationTask)
        assert without.dev is None


def test_what_differs_is_said_of_the_families_of_the_run(data: Path) -> None:
    tasks = read_tasks(data)
    for protocol in PROTOCOLS:
        assert len(differences(protocol, tasks)) == len(DIFFERENCES[protocol])
    (sentence,) = differences("mteb", [task for task in tasks if task.family in ("clustering", "retrieval")])
    assert sentence.startswith("clustering under MTEB 2's protocol: mean of ten runs")


@pytest.mark.parametrize(
    ("protocol", "metrics"),
    [
        ("sakuin", {"v_measure", "average_precision", "accuracy", "ndcg@10", "spearman", "macro_f1"}),
        ("jmteb", {"best_v_measure", "f1", "accuracy", "ndcg@10", "spearman", "macro_f1"}),
        ("mteb", {"v_measure", "average_precision", "weighted_f1", "map", "ndcg@10", "spearman", "macro_f1"}),
    ],
)
def test_the_command_scores_by_a_protocol(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str, metrics: set[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "figures.json"
    arguments = ["--data", str(data), "--dims", "32", "--protocol", protocol, "--json", str(out)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    facts = json.loads(out.read_text(encoding="utf-8"))
    assert facts["protocol"] == protocol
    assert {task["metric"] for task in facts["models"]["default"]["tasks"].values()} == metrics
    assert "classification under" in result.stderr
