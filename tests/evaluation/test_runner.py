"""Models of both kinds, the cache, and going on after an interruption."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sakuin.embedder import StaticEmbedder
from sakuin.evaluation.cache import Cache
from sakuin.evaluation.dense import Role, Vectors
from sakuin.evaluation.models import StaticModel, TransformerModel, load_models
from sakuin.evaluation.runner import dims_of, evaluate_dense
from sakuin.evaluation.tasks import read_tasks
from sakuin.tuning.errors import EvaluationError

NO_PROMPTS: dict[Role, str | None] = {"query": None, "passage": None}


class Slow:
    """A model that counts what it encodes, and is stopped by Ctrl-C when it has done enough."""

    slow = True
    pooling: str | None = None
    dimension = 8

    def __init__(self, name: str = "slow", patience: int = 100) -> None:
        self.name = name
        self.patience = patience
        self.encoded: list[str] = []

    def key(self, role: Role) -> str:
        return f"{self.name} {role}"

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        if len(self.encoded) >= self.patience:
            raise KeyboardInterrupt
        self.encoded += texts
        return np.array([[len(text), *range(7)] for text in texts], np.float32)


def test_what_is_finished_is_not_done_again(data: Path, tmp_path: Path) -> None:
    sts, bitext = read_tasks(data, ("same_valid", "phrases_bitext"))
    stopped, again = Slow(patience=6), Slow()
    before = evaluate_dense(stopped, sts, dims=[8, 4], cache=Cache(tmp_path / "cache"))
    with pytest.raises(KeyboardInterrupt):
        evaluate_dense(stopped, bitext, dims=[8, 4], cache=Cache(tmp_path / "cache"))
    after = evaluate_dense(again, sts, dims=[8, 4], cache=Cache(tmp_path / "cache"))
    assert again.encoded == []
    assert {dim: (each.score, each.items.tolist()) for dim, each in before.items()} == {
        dim: (each.score, each.items.tolist()) for dim, each in after.items()
    }
    evaluate_dense(again, bitext, dims=[8, 4], cache=Cache(tmp_path / "cache"))
    assert len(again.encoded) == 4


def test_vectors_serve_another_dimension_and_another_model_has_its_own(data: Path, tmp_path: Path) -> None:
    (task,) = read_tasks(data, ("same_valid",))
    model, other = Slow(), Slow("other")
    evaluate_dense(model, task, dims=[8], cache=Cache(tmp_path))
    evaluate_dense(model, task, dims=[8, 2], cache=Cache(tmp_path, fresh=True))
    assert len(model.encoded) == 6
    evaluate_dense(other, task, dims=[8], cache=Cache(tmp_path))
    assert len(other.encoded) == 6
    evaluate_dense(model, task, dims=[8], cache=Cache(None))
    assert len(model.encoded) == 12


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_cache_is_made_again(data: Path, tmp_path: Path, damage: bytes | None) -> None:
    (task,) = read_tasks(data, ("same_valid",))
    model = Slow()
    before = evaluate_dense(model, task, dims=[8], cache=Cache(tmp_path))[8].score
    files = [path for path in tmp_path.rglob("*") if path.suffix in (".npy", ".json") and path.parent != data]
    assert {path.suffix for path in files} == {".npy", ".json"}
    for path in files:
        path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    assert evaluate_dense(model, task, dims=[8], cache=Cache(tmp_path))[8].score == before
    assert len(model.encoded) == 12
    evaluate_dense(model, task, dims=[8], cache=Cache(tmp_path))
    assert len(model.encoded) == 12


def test_nothing_half_written_is_left(data: Path, tmp_path: Path) -> None:
    (task,) = read_tasks(data, ("same_valid",))
    evaluate_dense(Slow(), task, dims=[8], cache=Cache(tmp_path / "cache"))
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_cache_that_cannot_be_written_is_named(data: Path, tmp_path: Path) -> None:
    (task,) = read_tasks(data, ("same_valid",))
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="--cache"):
        evaluate_dense(Slow(), task, dims=[8], cache=Cache(tmp_path / "file" / "cache"))


def test_dimensions_a_model_does_not_have_are_left_out() -> None:
    model = StaticModel("default", StaticEmbedder.load())
    assert dims_of(model, None) == ([1024, 512, 256, 128, 64, 32], "")
    assert dims_of(model, [64, 2048, 256]) == ([256, 64], "default has 1024 dimensions: left out 2048.")
    assert dims_of(model, [2048])[0] == [1024]


def test_search_runs_on_the_first_static_model(toy_model: Path) -> None:
    models, notes = load_models(["bm25", "hybrid", str(toy_model)], pooling="damped", prompts=NO_PROMPTS)
    bm25, hybrid, static = models
    assert (bm25.name, hybrid.name) == ("bm25", "hybrid")
    assert not isinstance(hybrid, StaticModel | TransformerModel)
    assert isinstance(static, StaticModel)
    assert (hybrid.source, hybrid.dim) == (str(toy_model), 64)
    assert static.pooling == "damped"
    assert "--pooling" in notes[0]


def test_a_model_is_given_once() -> None:
    with pytest.raises(EvaluationError, match="bm25 is given twice"):
        load_models(["bm25", "bm25"], pooling=None, prompts=NO_PROMPTS)


def test_prompts_of_a_sentence_transformers_model(toy_model: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    own = SentenceTransformer(str(toy_model), prompts={"query": "the cat ", "document": "on the "})
    own.save(str(tmp_path / "own"))
    given: dict[Role, str | None] = {"query": "猫", "passage": "会社"}
    names = [f"st:{tmp_path / 'own'}", f"st:{toy_model}"]
    (with_own, without), notes = load_models(names, pooling=None, prompts=given)
    assert not notes
    assert isinstance(with_own, TransformerModel)
    assert isinstance(without, TransformerModel)
    static = StaticEmbedder.load(toy_model, "mean")
    prompts: dict[Role, str] = {"query": "the cat ", "passage": "on the "}
    for role, prompt in prompts.items():
        expected = static.encode([prompt + "sat", prompt + "mat"])
        assert np.allclose(with_own.encode(["sat", "mat"], role), expected, atol=1e-5)
    assert np.allclose(without.encode(["が好き"], "query"), static.encode(["猫が好き"]), atol=1e-5)
    assert without.key("query") != without.key("passage") != with_own.key("passage")
    assert without.dimension == 64

    (silent,), notes = load_models(names[1:], pooling=None, prompts=NO_PROMPTS)
    assert isinstance(silent, TransformerModel)
    assert "--query-prompt" in notes[0]
    assert np.allclose(silent.encode(["猫が好き"], "passage"), static.encode(["猫が好き"]), atol=1e-5)


def test_a_changed_model_folder_is_another_model(toy_model: Path, tmp_path: Path) -> None:
    from sakuin.evaluation.models import fingerprint_of

    for name in ("a", "b"):
        StaticEmbedder.load(toy_model).save(tmp_path / name)
    assert fingerprint_of(str(tmp_path / "a")) == fingerprint_of(str(tmp_path / "b"))
    modules = tmp_path / "b" / "modules.json"
    modules.write_text(json.dumps(json.loads(modules.read_text()), indent=7))
    assert fingerprint_of(str(tmp_path / "a")) != fingerprint_of(str(tmp_path / "b"))


def test_what_to_do_about_a_sentence_transformers_model_that_does_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match=r"Cannot load .*empty"):
        load_models([f"st:{tmp_path / 'empty'}"], pooling=None, prompts=NO_PROMPTS)
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EvaluationError, match=r"pip install"):
        load_models(["st:some/model"], pooling=None, prompts=NO_PROMPTS)


def test_a_document_that_stands_twice_is_ranked_twice() -> None:
    from sakuin.evaluation.families import RetrievalTask
    from sakuin.evaluation.searching import rank_corpus

    texts = ("猫は魚を食べる", "犬が走る", "猫は魚を食べる")
    task = RetrievalTask("x", ("a", "b", "c"), texts, ("猫は何を食べる",), (frozenset({"c"}),))
    for ranking in rank_corpus(task, ("bm25", "dense", "hybrid"), model=None, dim=None).values():
        assert [docid for docid, _ in ranking[0]][:2] == ["a", "c"]
