"""Texts that are put into the order in which they answer a query, over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sakuin import Index
from sakuin.embedder import StaticEmbedder
from tests.service.services import Service, started

QUERY = "猫が寝ている"
TEXTS = ["The train was late.", "猫がソファーで眠っている", "", "A cat is asleep on the sofa"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reranking") / "index"
    with Index.open(folder) as index:
        index.add({"id": "a", "text": "a cat"})
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with started(folder) as (_, port):
        yield Service(port)


def test_texts_are_ordered_by_their_cosines(service: Service) -> None:
    query, *vectors = StaticEmbedder.load().encode([QUERY, *TEXTS], normalize=True)
    cosines = [float(vector @ query) for vector in vectors]
    documents = [TEXTS[0], {"text": TEXTS[1], "title": "not looked at"}, *TEXTS[2:]]
    answer = service.post("/v1/rerank", model="default", query=QUERY, documents=documents)
    assert [one["index"] for one in answer["results"]] == sorted(range(4), key=lambda i: -cosines[i])
    assert answer["results"][0]["index"] == 1
    np.testing.assert_allclose(
        [one["relevance_score"] for one in answer["results"]], sorted(cosines, reverse=True), atol=1e-6
    )
    assert all(one.keys() == {"index", "relevance_score"} for one in answer["results"])
    assert answer["model"] == "default"
    assert answer["usage"]["total_tokens"] > 10


def test_what_other_clients_send_is_understood(service: Service) -> None:
    sent = {"max_tokens_per_doc": 4096, "truncation": True, "model": "text-embedding-3-small", "priority": 0}
    answer = service.post("/v1/rerank", query=QUERY, documents=TEXTS, top_n=2, return_documents=True, **sent)
    assert [one["document"]["text"] for one in answer["results"]] == [TEXTS[1], TEXTS[3]]
    assert service.post("/v2/rerank", query=QUERY, documents=TEXTS, top_n=9)["results"][0]["index"] == 1
    # Of texts that are alike, and of a query that says nothing, the first comes first.
    assert [one["index"] for one in service.post("/v1/rerank", query="", documents=["a", "b"])["results"]] == [0, 1]


def test_the_parts_of_a_score_add_up_to_it(service: Service) -> None:
    for result in service.post("/v1/rerank", query=QUERY, documents=TEXTS, explain=True)["results"]:
        explanation = result["explanation"]
        assert explanation["value"] == result["relevance_score"]
        assert sum(part["value"] for part in explanation["details"]) == pytest.approx(explanation["value"], abs=1e-6)
        pairs = [pair for part in explanation["details"] for pair in part["details"]]
        assert {pair["code"] for pair in pairs} == ({"token_pair"} if TEXTS[result["index"]] else set())
        for part in explanation["details"]:
            for span in part["spans"]:
                assert 0 <= span["start"] < span["end"] <= len(TEXTS[result["index"]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"documents": []}, "at least one"),
        ({"documents": "text"}, "should be a list"),
        ({"documents": ["a", 1]}, "item 1 is neither"),
        ({"documents": [{"title": "a"}]}, "item 0 is neither"),
        ({"documents": ["a"] * 1001}, "1,001 texts"),
        ({"documents": ["a" * 200_001]}, "200,001 characters, item 0"),
        ({"query": "a" * 200_001}, "'query' should have at most"),
        ({"top_n": 0}, "'top_n' should be"),
        ({"explain": True, "documents": ["a"] * 21}, "'explain' is for 20 results"),
        ({"explain": True, "documents": ["a" * 1001]}, "'explain' is for"),
        ({"explain": True, "query": "a" * 101}, "'explain' is for"),
        ({"rank_fields": ["text"]}, "There is no argument 'rank_fields'"),
    ],
)
def test_what_is_wrong_is_told(service: Service, arguments: Any, message: str) -> None:
    asked = {"query": "a", "documents": ["a"], **arguments}
    assert message in service.refused(400, "POST", "/v1/rerank", json.dumps(asked))["message"]


def test_another_model_is_not_here(service: Service) -> None:
    asked = {"model": "rerank-v3.5", "query": "a", "documents": ["a"]}
    assert service.refused(404, "POST", "/v1/rerank", asked)["code"] == "model_not_found"
