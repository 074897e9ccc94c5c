"""How peers' settings are chosen and long benchmarks go on; the peers themselves are not installed for tests."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.build import together
from benchmarks.peers import KINDS
from benchmarks.peers.kind import by_rank
from benchmarks.questions import Question, asked_of, found_share, questions_of
from benchmarks.raced import Asked, Tried, best_of, recall_of
from benchmarks.steps import Place, read_texts


def tried(name: str, milliseconds: float, recall: float) -> Tried:
    return Tried({"index": name}, {}, milliseconds, recall)


def test_the_best_way_is_the_fastest_that_finds_enough() -> None:
    ways = [tried("flat", 9.0, 1.0), tried("graph", 3.0, 0.975), tried("codes", 1.0, 0.6), tried("lists", 4.0, 0.99)]
    assert best_of(ways).vector_side == {"index": "graph"}


def test_where_none_finds_enough_the_best_way_is_what_finds_most() -> None:
    assert best_of([tried("graph", 3.0, 0.9), tried("codes", 1.0, 0.6)]).vector_side == {"index": "graph"}


def test_recall_is_the_share_of_the_nearest_that_are_found() -> None:
    class Half:
        def nearest(self, vector: object, k: int) -> list[int]:
            return [0, 1, 7, 8]

    asked = Asked([], np.zeros((2, 4), np.float32), np.array([[0, 1, 2, 3], [8, 4, 5, 6]]))
    assert recall_of(Half(), asked) == 3 / 8  # type: ignore[arg-type]


def test_lists_are_joined_by_reciprocal_rank() -> None:
    assert by_rank([[1, 2, 3], [2, 4]], k=3) == [2, 1, 4]


def test_every_query_is_made_of_the_passages_it_says() -> None:
    texts = [f"{number:03}" * 30 for number in range(50)]
    questions = questions_of(texts, 20)
    assert [len(question.sources) for question in questions[:4]] == [2, 1, 2, 1]
    for question in questions:
        parts = [question.text] if len(question.sources) == 1 else question.text.split(" ")
        assert all(part in texts[source] for part, source in zip(parts, question.sources, strict=True))
    assert asked_of(texts, 20) == [question.text for question in questions]


def test_what_is_found_is_counted_for_queries_of_one_passage() -> None:
    questions = [Question("one", (1,)), Question("two things", (2, 3)), Question("four", (4,))]
    assert found_share(questions, {"one": [5, 1], "four": [3]}.__getitem__) == 0.5


def test_a_stopped_benchmark_goes_on_after_the_steps_that_are_done(tmp_path: Path) -> None:
    def fails() -> list[dict[str, object]]:
        raise AssertionError("measured again")

    first = Place(tmp_path, 30, None)
    texts = first.texts()
    assert len(set(texts)) == 30
    assert first.step("sakuin", lambda: [{"name": "sakuin", "seconds": 1.5}]) == [{"name": "sakuin", "seconds": 1.5}]
    again = Place(tmp_path, 30, None)
    assert again.texts() == texts == read_texts(tmp_path / "corpus" / "passages.jsonl")
    assert again.step("sakuin", fails) == [{"name": "sakuin", "seconds": 1.5}]
    with pytest.raises(AssertionError, match="measured again"):
        again.step("peer", fails)


def test_what_another_commit_measured_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Place(tmp_path, 3, None).step("sakuin", lambda: [{"name": "old"}])
    monkeypatch.setattr("benchmarks.steps.commit", lambda: "0000000")
    assert Place(tmp_path, 3, None).step("sakuin", lambda: [{"name": "new"}]) == [{"name": "new"}]


def test_a_peer_takes_the_time_of_its_vectors_too() -> None:
    encoding = {"title": "st 6", "seconds": 10.0, "cpu_seconds": 15.0, "setting": {"batch_size": 32}}
    peer = {"name": "db", "title": "db 1", "role": "default", "setting": {"index": "Flat"}, "passages": 100}
    figure = together(encoding, peer | {"seconds": 30.0, "cpu_seconds": 31.0})
    assert figure["title"] == "st 6 + db 1"
    assert figure["setting"] == {"batch_size": 32, "index": "Flat"}
    assert (figure["seconds"], figure["cpu_seconds"], figure["passages_per_second"]) == (40.0, 46.0, 2.5)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("passages", [1_000, 100_000, 1_000_000])
def test_a_peer_comes_with_one_setting_and_has_others(name: str, passages: int) -> None:
    default, *others = KINDS[name].indexes(passages)
    assert others
    assert all(value for way in (default, *others) for probe in way.probes for value in probe.values())
