"""Figures of every family, on vectors whose figures are known or by libraries."""

from pathlib import Path

import numpy as np
import pytest

from sakuin.embedder import StaticEmbedder
from sakuin.evaluation.dense import evaluate_vectors, score, sides
from sakuin.evaluation.families import (
    BitextTask,
    ClassificationTask,
    ClusteringTask,
    PairClassificationTask,
    RerankingTask,
    RetrievalTask,
    StsTask,
)
from sakuin.evaluation.protocols import under
from sakuin.evaluation.tasks import read_tasks

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def random_vectors(rows: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)


def names(prefix: str, number: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{i}" for i in range(number))


def test_a_static_model_has_figures_in_every_family(data: Path) -> None:
    model = StaticEmbedder.load()
    scores = {task.name: score(model, task, dim=256) for task in read_tasks(data)}
    assert all(0 <= each <= 1 for each in scores.values())
    assert len(scores) == 7
    for easy in ("pets", "pets_reranking", "same_valid", "entails", "phrases_bitext"):
        assert scores[easy] == pytest.approx(1), easy


def test_retrieval_is_that_of_trec_eval_on_cosines() -> None:
    import pytrec_eval

    queries, texts = random_vectors(30, 0), random_vectors(200, 1)
    generator = np.random.default_rng(2)
    relevant = tuple(frozenset(f"d{i}" for i in generator.integers(0, 200, 5)) for _ in range(30))
    task = RetrievalTask("x", names("d", 200), names("t", 200), names("q", 30), relevant)
    cosines = queries @ texts.T / np.linalg.norm(queries, axis=1)[:, None] / np.linalg.norm(texts, axis=1)
    run = {f"q{i}": dict(zip(task.docids, map(float, row), strict=True)) for i, row in enumerate(cosines)}
    qrels = {f"q{i}": dict.fromkeys(answers, 1) for i, answers in enumerate(relevant)}
    judged = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.10"}).evaluate(run)
    measured = evaluate_vectors(task, {"queries": queries, "texts": texts})
    assert measured.items.tolist() == pytest.approx([judged[f"q{i}"]["ndcg_cut_10"] for i in range(30)], abs=1e-6)
    assert measured.score == pytest.approx(measured.items.mean())
    assert measured.extra["recall@10"] == pytest.approx(np.mean([each["recall_10"] for each in judged.values()]))


def test_reranking_ranks_each_querys_own_candidates() -> None:
    texts = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    queries = np.array([[2, 0], [0, 3]], np.float32)
    # The second query's candidates leave out its nearest text; its relevant one comes second.
    gains = ((0.0, 1.0), (1.0, 0.0, 0.0))
    task = RerankingTask("x", names("t", 3), names("q", 2), ((1, 0), (2, 0, 1)), gains)
    measured = evaluate_vectors(task, {"queries": queries, "texts": texts})
    assert measured.items.tolist() == pytest.approx([1, 1 / np.log2(3)])
    assert measured.extra["mrr@10"] == pytest.approx(0.75)
    by_map = RerankingTask("x", task.texts, task.queries, task.candidates, gains, "map@10")
    assert evaluate_vectors(by_map, {"queries": queries, "texts": texts}).score == pytest.approx(0.75)


def test_sts_is_spearman_of_cosines() -> None:
    from scipy.stats import spearmanr

    first, second = random_vectors(50, 0), random_vectors(50, 1)
    scores = tuple(np.random.default_rng(3).normal(size=50).tolist())
    cosines = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in zip(first, second, strict=True)]
    task = StsTask("x", names("a", 50), names("b", 50), scores)
    measured = evaluate_vectors(task, {"first": first, "second": second})
    assert measured.score == pytest.approx(float(spearmanr(scores, cosines).statistic))


def test_classification_learns_from_the_training_file_only() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    train, texts = random_vectors(60, 0), random_vectors(40, 1)
    known = [f"class {int(row[0] > 0)}" for row in train]
    gold = [f"class {int(row[0] > 0)}" for row in texts]
    task = ClassificationTask("x", names("a", 60), tuple(known), names("b", 40), tuple(gold))
    predicted = LogisticRegression(max_iter=1000).fit(train, known).predict(texts)
    measured = evaluate_vectors(task, {"train": train, "texts": texts})
    assert measured.score == pytest.approx(f1_score(gold, predicted, average="macro"))
    assert measured.extra["accuracy"] == pytest.approx(np.mean(np.array(gold) == predicted))


def test_clusters_that_are_the_classes_score_1_and_one_cluster_less_does_not() -> None:
    texts = (np.repeat(np.eye(3) * 5, 10, axis=0) + random_vectors(30, 0)[:, :3] / 50).astype(np.float32)
    task = ClusteringTask("x", names("a", 30), ("p",) * 10 + ("q",) * 10 + ("r",) * 10)
    assert evaluate_vectors(task, {"texts": texts}).score == pytest.approx(1)
    two = ClusteringTask("x", names("a", 30), ("p",) * 20 + ("r",) * 10)
    assert 0 < evaluate_vectors(two, {"texts": texts}).score < 1


def test_clusters_are_those_of_vectors_encoded_for_clustering() -> None:
    from sklearn.cluster import KMeans
    from sklearn.metrics import v_measure_score

    model = StaticEmbedder.load()
    aspects = ("歴史", "費用", "写真", "本", "話", "未来", "色", "朝")
    texts = tuple(f"{theme}の{aspect}" for theme in ("猫", "税金", "料理") for aspect in aspects)
    task = ClusteringTask("x", texts, tuple("pqr"[number // 8] for number in range(24)))
    vectors = model.encode(texts, 8, task="cluster")
    runs = [KMeans(3, n_init=1, random_state=run).fit_predict(vectors) for run in range(10)]
    assert score(model, task, dim=8) == pytest.approx(np.mean([v_measure_score(task.labels, run) for run in runs]))
    # Other benchmarks cluster vectors as they are.
    plain = model.encode(texts, 8)
    runs = [KMeans(3, n_init=1, random_state=run).fit_predict(plain) for run in range(10)]
    expected = np.mean([v_measure_score(task.labels, run) for run in runs])
    assert score(model, under("mteb", task), dim=8) == pytest.approx(expected)


def test_pair_classification_is_average_precision_of_cosines() -> None:
    first = np.tile(np.array([[1, 0]], np.float32), (4, 1))
    second = np.array([[1, 0], [1, 1], [1, 2], [0, 1]], np.float32)
    task = PairClassificationTask("x", names("a", 4), names("b", 4), (1, 0, 1, 0))
    measured = evaluate_vectors(task, {"first": first, "second": second})
    assert measured.score == pytest.approx((1 + 2 / 3) / 2)
    # Best with a threshold below the third pair: two of three right, none missed.
    assert measured.extra["f1"] == pytest.approx(0.8)


def test_bitext_is_matched_both_ways() -> None:
    first = np.eye(3, dtype=np.float32)
    # The third translation is nearest to the second sentence, and the second to none but that.
    second = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0.1]], np.float32)
    task = BitextTask("x", ("a", "b", "c"), ("A", "B", "C"))
    measured = evaluate_vectors(task, {"first": first, "second": second})
    assert measured.extra["first_to_second"] == pytest.approx(1)
    assert measured.extra["second_to_first"] == pytest.approx(2 / 3)
    assert measured.items.tolist() == [1, 1, 0.5]
    # Precision 1/2 and recall 1 of the second sentence, 1 and 1 of the first, nothing of the third.
    assert measured.extra["f1"] == pytest.approx((1 + (1 + 2 / 3 + 0) / 3) / 2)


def test_a_sentence_that_occurs_twice_is_no_mistake() -> None:
    vectors = np.array([[1, 0], [1, 0]], np.float32)
    assert evaluate_vectors(BitextTask("x", ("a", "a"), ("A", "A")), {"first": vectors, "second": vectors}).score == 1


def test_zero_vectors_score_no_better_than_chance() -> None:
    task = RerankingTask("x", names("t", 2), ("q",), ((1, 0),), ((0.0, 1.0),))
    vectors = {"queries": np.zeros((1, 4), np.float32), "texts": np.zeros((2, 4), np.float32)}
    assert evaluate_vectors(task, vectors).score == pytest.approx(1 / np.log2(3))


def test_only_documents_are_passages(data: Path) -> None:
    roles = {task.name: {name: side.role for name, side in sides(task).items()} for task in read_tasks(data)}
    assert roles["pets"] == roles["pets_reranking"] == {"queries": "query", "texts": "passage"}
    assert {role for name in roles if not name.startswith("pets") for role in roles[name].values()} == {"query"}
