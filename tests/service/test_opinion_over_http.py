"""The service asks for a second opinion where a request does, by the transformer of the index."""

from pathlib import Path

import pytest

from sakuin.search import Searcher
from sakuin.search.rerank import loading
from sakuin.service.app import SearchBody, SearchQuery, create_app
from sakuin.service.served import Served
from tests.search.test_rerank import Chance


async def test_a_request_asks_for_it(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    httpx = pytest.importorskip("httpx")
    monkeypatch.setitem(loading._loaded, "e5-small", Chance("of the service"))
    with Searcher.open(example_index) as searcher:
        transport = httpx.ASGITransport(create_app(searcher, Served(example_index, None, None)))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for rerank in (None, False, True):
                body = {"query": "有給休暇", "rerank": rerank, "top": 5, "explain": True}
                found = (await client.post("/search", json=body)).json()
                own = searcher.search("有給休暇", group="document", rerank=rerank, top=5, explain=True).to_dict()
                assert [hit["score"] for hit in found["hits"]] == [hit["score"] for hit in own["hits"]]
                assert found["hits"][0]["rerank"] == own["hits"][0]["rerank"]
                assert (found["hits"][0]["rerank"] is None) != bool(rerank)
            by_address = await client.get("/search", params={"query": "有給休暇", "rerank": "true", "top": "5"})
            assert [hit["score"] for hit in by_address.json()["hits"]] == [hit["score"] for hit in own["hits"]]


@pytest.mark.parametrize("wrong", [{"rerank": "/etc"}, {"rerank": "some/model"}, {"top": 0}, {"top": 101}])
def test_whoever_calls_names_no_model(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        SearchBody.model_validate({"query": "猫", **wrong})
    with pytest.raises(ValueError, match="validation error"):
        SearchQuery.model_validate({"query": "猫", **wrong})
