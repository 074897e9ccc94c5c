"""LangChain's own tests of vector stores, embeddings and retrievers, and what they leave out."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import (
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)
from langchain_tests.unit_tests import EmbeddingsUnitTests

from sakuin import Index, Searcher, SearchError, StaticEmbedder
from sakuin.integrations.langchain import SakuinEmbeddings, SakuinRetriever, SakuinVectorStore

TEXTS = ["猫が好きです。", "犬が好きです。", "The cat sat on the mat.", "有給休暇は三日前までに申請してください。"]
METADATA: list[dict[str, Any]] = [{"year": year} for year in (2021, 2022, 2023, 2024)]
IDS = ["cat", "dog", "mat", "leave"]


class TestVectorStoreStandard(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        store = SakuinVectorStore(tmp_path / "index")
        yield store
        store.close()


class TestEmbeddingsStandard(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return SakuinEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"dim": 64}


class TestEmbeddingsUnitStandard(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return SakuinEmbeddings


class TestRetrieverStandard(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def opened(self, example_index: Path) -> Iterator[None]:
        with Searcher.open(example_index) as searcher:
            self.searcher = searcher
            yield

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return SakuinRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"searcher": self.searcher}

    @property
    def retriever_query_example(self) -> str:
        return "有給休暇の申請方法"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SakuinVectorStore]:
    opened = SakuinVectorStore.from_texts(TEXTS, None, METADATA, ids=IDS, index=tmp_path / "index")
    yield opened
    opened.close()


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


def test_embeddings_are_those_of_the_model() -> None:
    vectors = SakuinEmbeddings(dim=32).embed_documents(TEXTS)
    np.testing.assert_array_equal(np.float32(vectors), StaticEmbedder.load().encode(TEXTS, 32, normalize=True))
    assert SakuinEmbeddings(dim=32).embed_query(TEXTS[0]) == vectors[0]


def test_a_store_finds_what_a_searcher_finds(store: SakuinVectorStore) -> None:
    hits = store.searcher.search("休みたい", k=3).hits
    found = store.similarity_search_with_score("休みたい", k=3)
    assert [(document.id, score) for document, score in found] == [(hit.document.id, hit.score) for hit in hits]
    assert found[0][0] == Document(id="leave", page_content=TEXTS[3], metadata={"year": 2024})
    dense = store.similarity_search_with_score("休みたい", k=1, mode="dense")
    assert dense[0][1] == store.searcher.search("休みたい", k=1, mode="dense").hits[0].score


def test_filters(store: SakuinVectorStore) -> None:
    assert set(ids(store.similarity_search("好き", filter={"year": {"$lt": 2023}}))) == {"cat", "dog"}
    vector = store.embeddings.embed_query("猫が好きです。")
    assert ids(store.similarity_search_by_vector(vector, k=1)) == ["cat"]
    assert ids(store.similarity_search_by_vector(vector, k=9, filter={"year": 2022})) == ["dog"]
    with pytest.raises(SearchError, match="author"):
        store.similarity_search("好き", filter={"author": "a"})


def test_the_same_text_under_two_ids_is_two_documents(store: SakuinVectorStore) -> None:
    store.add_texts([TEXTS[0]], [{"year": 1999}], ids=["twin"])
    assert ids(store.similarity_search("猫が好きです。", k=2)) == ["cat", "twin"]
    assert ids(store.similarity_search("猫が好きです。", k=1)) == ["cat"]
    assert ids(store.similarity_search("猫が好きです。", filter={"year": 1999})) == ["twin"]


def test_marginal_relevance_prefers_what_differs(store: SakuinVectorStore) -> None:
    store.add_texts(["猫が好きです！"], ids=["almost"])
    assert set(ids(store.similarity_search("猫が好きです。", k=2))) == {"cat", "almost"}
    for lambda_mult, same in ((1.0, True), (0.1, False)):
        found = ids(store.max_marginal_relevance_search("猫が好きです。", k=2, lambda_mult=lambda_mult))
        assert (set(found) == {"cat", "almost"}) == same
        vector = store.embeddings.embed_query("猫が好きです。")
        assert ids(store.max_marginal_relevance_search_by_vector(vector, k=2, lambda_mult=lambda_mult)) == found
    assert ids(store.max_marginal_relevance_search("好き", k=9, filter={"year": 2022})) == ["dog"]


def test_retrievers_of_a_store(store: SakuinVectorStore) -> None:
    for search_type in ("similarity", "mmr"):
        retriever = store.as_retriever(search_type=search_type, search_kwargs={"k": 1, "filter": {"year": 2024}})
        assert ids(retriever.invoke("休みたい")) == ["leave"]
    threshold = {"score_threshold": 0.99, "k": 4}
    few = store.as_retriever(search_type="similarity_score_threshold", search_kwargs=threshold).invoke("有給休暇")
    assert ids(few) == ["leave"]


def test_relevance_scores_are_the_searchers_where_it_knows_any(example_index: Path) -> None:
    store = SakuinVectorStore(example_index)
    found = store.similarity_search_with_relevance_scores("有給休暇の申請方法", k=3)
    hits = store.searcher.search("有給休暇の申請方法", k=3, group="passage").hits
    assert [score for _, score in found] == [hit.relevance for hit in hits]
    store.close()


def test_ids_are_made_up_where_there_are_none(store: SakuinVectorStore) -> None:
    made = store.add_texts(["一つ目の文です。", "二つ目の文です。"])
    assert len(set(made)) == 2
    assert [document.page_content for document in store.get_by_ids(made)] == ["一つ目の文です。", "二つ目の文です。"]


def test_texts_are_cut_only_if_asked(store: SakuinVectorStore) -> None:
    long = "".join(f"これは{number}番目の文です。" for number in range(200))
    store.add_texts([long], ids=["whole"])
    assert ids(store.similarity_search("100番目の文", k=4)).count("whole") == 1
    store.add_texts([long], ids=["whole"], split=True)
    assert ids(store.similarity_search("100番目の文", k=4)).count("whole") == 4


def test_delete_without_ids_empties_the_store(store: SakuinVectorStore) -> None:
    store.delete(["cat"])
    assert len(store.index) == 3
    store.delete()
    assert len(store.index) == 0


def test_numbers_that_differ_are_refused(store: SakuinVectorStore) -> None:
    with pytest.raises(ValueError, match="2 texts and 1 ids"):
        store.add_texts(["a", "b"], ids=["1"])
    with pytest.raises(ValueError, match="1 texts and 2 metadatas"):
        store.add_texts(["a"], [{}, {}])


def test_an_index_is_made_by_the_model_of_the_embeddings(tmp_path: Path, toy_model: Path) -> None:
    embedding = SakuinEmbeddings(toy_model, dim=16)
    store = SakuinVectorStore.from_texts(["猫が好きです。"], embedding, index=tmp_path / "index")
    assert store.index.model is embedding.model
    assert store.searcher.manifest.dim == 16
    store.close()
    with pytest.raises(TypeError, match="DeterministicFakeEmbedding"):
        SakuinVectorStore.from_texts(["a"], DeterministicFakeEmbedding(size=3), index=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_retriever_says_where_a_passage_stands(example_index: Path) -> None:
    with Searcher.open(example_index) as searcher:
        retriever = SakuinRetriever(searcher=searcher, k=2, where={"type": "md"})
        found = retriever.invoke("有給休暇の申請方法")
        hits = searcher.search("有給休暇の申請方法", k=2, where={"type": "md"}, group="passage").hits
        for document, hit in zip(found, hits, strict=True):
            own = document.metadata
            assert (document.id, document.page_content) == (hit.document.id, hit.text)
            assert (own["source"], own["title"], own["score"]) == (hit.document.uri, hit.document.title, hit.score)
            with Index.open(example_index) as index:
                assert index.get([hit.document.id])[0].text[own["start"] : own["end"]] == document.page_content
        assert retriever.invoke("有給休暇の申請方法", None, min_relevance=1.0, mode="dense") == []


def test_without_langchain_the_extra_is_named() -> None:
    code = "import sys; sys.modules['langchain_core'] = None; import sakuin.integrations.langchain"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "langchain_core is not installed: run `" in done.stderr
    assert "[langchain]" in done.stderr
