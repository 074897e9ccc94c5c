"""LlamaIndex's parts over an index: by their own contracts, and through LlamaIndex's index and retrievers."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llama_index.core", reason="the extra llama-index is not installed")

from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from sakuin import DocumentError, Index, Searcher, SearchError, StaticEmbedder
from sakuin.integrations.llama_index import SakuinEmbedding, SakuinRetriever, SakuinVectorStore

TEXTS = {
    "cat": ("猫が好きです。", {"year": 2021, "tags": ["pet", "small"]}),
    "dog": ("犬が好きです。", {"year": 2022, "tags": ["pet"]}),
    "mat": ("The cat sat on the mat.", {"year": 2023, "tags": [], "author": {"name": "Sato"}}),
    "leave": ("有給休暇は三日前までに申請してください。", {"year": 2024, "note": None, "pages": [{"number": 1}]}),
}


def node(name: str, text: str, metadata: dict[str, Any], document: str = "source") -> TextNode:
    return TextNode(
        id_=name,
        text=text,
        metadata=metadata,
        excluded_llm_metadata_keys=["year"],
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document)},
    )


NODES = [node(name, text, metadata) for name, (text, metadata) in TEXTS.items()]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SakuinVectorStore]:
    opened = SakuinVectorStore(tmp_path / "index")
    assert opened.add(NODES) == list(TEXTS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SakuinVectorStore]:
    """A store for tests that only read."""
    opened = SakuinVectorStore(tmp_path_factory.mktemp("unchanged") / "index")
    opened.add(NODES)
    yield opened
    opened.close()


def ids(nodes: Sequence[BaseNode | NodeWithScore]) -> list[str]:
    return [one.node_id for one in nodes]


def asked(store: SakuinVectorStore, text: str | None, mode: str = "hybrid", k: int = 4, **arguments: Any) -> list[str]:
    query = VectorStoreQuery(query_str=text, similarity_top_k=k, mode=VectorStoreQueryMode(mode), **arguments)
    return list(store.query(query).ids or [])


def one(key: str, value: Any, operator: FilterOperator = FilterOperator.EQ) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])


def test_nodes_come_back_as_they_were(store: SakuinVectorStore) -> None:
    assert store.get_nodes() == NODES
    assert store.get_nodes(["mat", "none", "cat"]) == [NODES[0], NODES[2]]
    query = VectorStoreQuery(query_str="休みたい", similarity_top_k=1, mode=VectorStoreQueryMode.HYBRID)
    result = store.query(query)
    assert result.nodes == [NODES[3]]
    assert result.similarities == [store.searcher.search("休みたい", k=1).hits[0].score]
    store.add([node("cat", "猫は寝ています。", {})])
    assert store.get_nodes(["cat"])[0].get_content() == "猫は寝ています。"
    assert len(store.client) == 4


@pytest.mark.parametrize(
    ("mode", "own"), [("hybrid", "hybrid"), ("semantic_hybrid", "hybrid"), ("sparse", "bm25"), ("text_search", "bm25")]
)
def test_modes_are_those_of_the_index(unchanged: SakuinVectorStore, mode: str, own: str) -> None:
    expected = [hit.document.id for hit in unchanged.searcher.search("猫 cat", mode=own).hits]
    assert asked(unchanged, "猫 cat", mode) == expected
    assert asked(unchanged, "猫 cat", mode, hybrid_top_k=1, sparse_top_k=1) == expected[:1]


def test_by_default_a_vector_is_searched_for(unchanged: SakuinVectorStore) -> None:
    vector = unchanged.embed_model.get_query_embedding("有給休暇の申請")
    expected = [hit.document.id for hit in unchanged.searcher.search("有給休暇の申請", mode="dense").hits]
    assert asked(unchanged, "猫", "default", query_embedding=vector) == expected
    assert asked(unchanged, "有給休暇の申請", "default") == expected
    assert asked(unchanged, "有給休暇の申請", "hybrid", alpha=1.0) == expected
    assert asked(unchanged, "申請 cat", "hybrid", alpha=0) == asked(unchanged, "申請 cat", "sparse") != expected
    with pytest.raises(ValueError, match=r"alpha=0\.3"):
        asked(unchanged, "猫", alpha=0.3)
    with pytest.raises(SearchError, match="dimensions"):
        asked(unchanged, None, "default", query_embedding=[1.0] * 1536)
    with pytest.raises(ValueError, match="give query_str"):
        asked(unchanged, None, "hybrid")
    with pytest.raises(ValueError, match="no mode 'svm'"):
        asked(unchanged, "猫", "svm")


def test_marginal_relevance_prefers_what_differs(store: SakuinVectorStore) -> None:
    store.add([node("almost", "猫が好きです！", {})])
    vector = store.embed_model.get_query_embedding("猫が好きです。")
    assert set(asked(store, "猫が好きです。", "default", k=2)) == {"cat", "almost"}
    for threshold, same in ((1.0, True), (0.1, False)):
        found = asked(store, "猫が好きです。", "mmr", k=2, mmr_threshold=threshold)
        assert (set(found) == {"cat", "almost"}) == same
        assert asked(store, None, "mmr", k=2, mmr_threshold=threshold, query_embedding=[3 * x for x in vector]) == found
    first, *_ = store.searcher.search_vector(vector, k=1).hits
    for scale in (1, 50):
        scaled = VectorStoreQuery([scale * x for x in vector], similarity_top_k=2, mode=VectorStoreQueryMode.MMR)
        likeness, *_ = store.query(scaled, mmr_threshold=0.25).similarities or []
        assert likeness == pytest.approx(0.25 * first.score, abs=1e-5)
    assert asked(store, "猫", "mmr", filters=one("year", 2022)) == ["dog"]
    assert asked(store, "猫", "mmr", filters=one("year", 1)) == []
    with pytest.raises(ValueError, match="query_embedding or query_str"):
        asked(store, None, "mmr")


@pytest.mark.parametrize(
    ("operator", "key", "value", "expected"),
    [
        (FilterOperator.EQ, "year", 2021, {"cat"}),
        (FilterOperator.NE, "year", 2021, {"dog", "mat", "leave"}),
        (FilterOperator.GT, "year", 2022, {"mat", "leave"}),
        (FilterOperator.GTE, "year", 2022, {"dog", "mat", "leave"}),
        (FilterOperator.LT, "year", 2022, {"cat"}),
        (FilterOperator.LTE, "year", 2022, {"cat", "dog"}),
        (FilterOperator.IN, "year", [2021, 2024, 1], {"cat", "leave"}),
        (FilterOperator.NIN, "year", [2021, 2024], {"dog", "mat"}),
        (FilterOperator.ANY, "tags", ["small", "large"], {"cat"}),
        (FilterOperator.ALL, "tags", ["small", "pet"], {"cat"}),
        (FilterOperator.CONTAINS, "tags", "pet", {"cat", "dog"}),
        (FilterOperator.IS_EMPTY, "tags", None, {"mat", "leave"}),
        (FilterOperator.EQ, "author.name", "Sato", {"mat"}),
        (FilterOperator.TEXT_MATCH_INSENSITIVE, "author.name", "aT", {"mat"}),
        (FilterOperator.EQ, "unknown", "x", set()),
        (FilterOperator.NE, "unknown", "x", set(TEXTS)),
    ],
)
def test_filters(
    unchanged: SakuinVectorStore, operator: FilterOperator, key: str, value: Any, expected: set[str]
) -> None:
    filters = one(key, value, operator)
    assert set(ids(unchanged.get_nodes(filters=filters))) == expected
    assert set(asked(unchanged, "猫 cat", "default", filters=filters)) == expected


def test_filters_together_and_those_that_cannot_be_followed(store: SakuinVectorStore) -> None:
    pets, late = one("tags", "pet", FilterOperator.CONTAINS), one("year", 2022, FilterOperator.GTE)
    for together, expected in (
        (FilterCondition.AND, {"dog"}),
        (FilterCondition.OR, {"cat", "dog", "mat", "leave"}),
        (FilterCondition.NOT, set()),
    ):
        filters = MetadataFilters(filters=[pets, late], condition=together)
        assert set(ids(store.get_nodes(filters=filters))) == expected
    assert asked(store, "猫", node_ids=["dog", "cat"], filters=late) == ["dog"]
    store.add([node("other", "猫は別の文書にいます。", {}, document="another")])
    assert asked(store, "猫", doc_ids=["another"]) == ["other"]
    with pytest.raises(ValueError, match="text_match_insensitive"):
        store.get_nodes(filters=one("tags", "pe", FilterOperator.TEXT_MATCH))
    with pytest.raises(ValueError, match="needs a list"):
        store.get_nodes(filters=one("year", 1, FilterOperator.IN))
    with pytest.raises(SearchError, match="needs a number or a date"):
        store.get_nodes(filters=one("unknown", "soon", FilterOperator.GT))


def test_nodes_are_removed(store: SakuinVectorStore) -> None:
    store.add([node("other", "別の文書の文です。", {}, document="another")])
    store.delete("nothing")
    store.delete_nodes()
    assert len(store.client) == 5
    store.delete("another")
    assert ids(store.get_nodes()) == list(TEXTS)
    store.delete_nodes(["cat", "dog"], one("year", 2022))
    assert ids(store.get_nodes()) == ["cat", "mat", "leave"]
    store.clear()
    store.delete("source")
    assert store.get_nodes(filters=one("year", 2021)) == []
    with pytest.raises(DocumentError, match="no text"):
        store.add([node("empty", "", {})])


async def test_everything_asynchronously(store: SakuinVectorStore) -> None:
    query = VectorStoreQuery(query_str="休みたい", similarity_top_k=1, mode=VectorStoreQueryMode.HYBRID)
    assert (await store.aquery(query)).ids == ["leave"]
    assert await store.async_add([node("new", "新しい文です。", {}, document="another")]) == ["new"]
    assert ids(await store.aget_nodes(["new"])) == ["new"]
    await store.adelete("another")
    await store.adelete_nodes(["cat"])
    assert ids(await store.aget_nodes()) == ["dog", "mat", "leave"]
    await store.aclear()
    assert len(store.client) == 0


async def test_an_index_of_llama_index_over_a_store(store: SakuinVectorStore, tmp_path: Path) -> None:
    index = VectorStoreIndex.from_vector_store(store, embed_model=store.embed_model)
    index.insert_nodes([node("new", "退職の手続きは人事部で行います。", {"year": 2025}, document="another")])
    by_vector = index.as_retriever(similarity_top_k=1)
    assert ids(by_vector.retrieve("会社を辞める")) == ids(await by_vector.aretrieve("会社を辞める")) == ["new"]
    for arguments in ({"vector_store_query_mode": "hybrid"}, {"vector_store_query_mode": "mmr"}):
        retriever = index.as_retriever(similarity_top_k=1, filters=one("year", 2024), **arguments)
        assert ids(retriever.retrieve("休みたい")) == ["leave"]
    none = index.as_retriever(vector_store_query_mode="hybrid", vector_store_kwargs={"min_relevance": 1.0})
    with pytest.raises(SearchError, match="relevance"):
        none.retrieve("休みたい")
    index.delete_ref_doc("another")
    assert len(store.client) == 4
    made = SakuinVectorStore(tmp_path / "made")
    context = StorageContext.from_defaults(vector_store=made)
    VectorStoreIndex(NODES, storage_context=context, embed_model=made.embed_model)
    assert made.get_nodes() == NODES
    pipeline = IngestionPipeline(transformations=[made.embed_model], vector_store=made)
    await pipeline.arun(nodes=[node("piped", "届いた文です。", {})])
    assert ids(made.get_nodes(["piped"])) == ["piped"]
    made.close()
    saved = SakuinVectorStore.from_dict(store.to_dict())
    assert saved.index == str(tmp_path / "index")
    assert ids(saved.get_nodes()) == list(TEXTS)
    saved.close()


async def test_embeddings_are_those_of_the_model() -> None:
    texts = [text for text, _ in TEXTS.values()]
    expected = StaticEmbedder.load().encode(texts, 32, normalize=True)
    embedding = SakuinEmbedding(dim=32)
    np.testing.assert_array_equal(np.float32(embedding.get_text_embedding_batch(texts)), expected)
    np.testing.assert_array_equal(np.float32(await embedding.aget_text_embedding_batch(texts)), expected)
    np.testing.assert_array_equal(np.float32(embedding.get_query_embedding(texts[0])), expected[0])
    np.testing.assert_array_equal(np.float32(await embedding.aget_query_embedding(texts[0])), expected[0])
    np.testing.assert_array_equal(np.float32(await embedding.aget_text_embedding(texts[0])), expected[0])
    loaded = SakuinEmbedding.from_dict(embedding.to_dict())
    assert (loaded.model_name, loaded.dim) == ("default", 32)


def test_an_index_has_the_model_that_it_was_made_with(tmp_path: Path, toy_model: Path) -> None:
    store = SakuinVectorStore(Index.open(tmp_path / "index", model=str(toy_model), dim=16))
    assert store.embed_model.model_name == str(toy_model)
    assert len(store.embed_model.get_query_embedding("the cat")) == 16
    assert len(SakuinEmbedding(toy_model).get_query_embedding("the cat")) == 64
    store.close()


async def test_a_retriever_says_where_a_passage_stands(example_index: Path) -> None:
    with Searcher.open(example_index) as searcher:
        retriever = SakuinRetriever(searcher, k=8, where={"type": "md"})
        found = retriever.retrieve("有給休暇の申請方法")
        hits = searcher.search("有給休暇の申請方法", k=8, where={"type": "md"}, group="passage").hits
        assert len(set(ids(found))) == len(found) == 8
        for scored, hit in zip(found, hits, strict=True):
            passage = scored.node
            assert isinstance(passage, TextNode)
            own = passage.metadata
            assert (passage.text, scored.score, passage.ref_doc_id) == (hit.text, hit.score, hit.document.id)
            assert (own["source"], own["title"]) == (hit.document.uri, hit.document.title)
            assert own["relevance"] == hit.relevance
            whole = Index.open(example_index).get([hit.document.id])[0].text
            assert whole[passage.start_char_idx : passage.end_char_idx] == passage.text
            told = passage.get_content(MetadataMode.LLM)
            assert f"source: {hit.document.uri}" in told
            assert "relevance" not in told
        assert ids(await retriever.aretrieve("有給休暇の申請方法")) == ids(found)
        assert SakuinRetriever(searcher, min_relevance=1.0, mode="dense").retrieve("有給休暇の申請方法") == []
    store = SakuinVectorStore(example_index)
    files = asked(store, "有給休暇の申請方法", k=3)
    assert files == ids(SakuinRetriever(store.searcher, k=3).retrieve("有給休暇の申請方法"))
    document = store.searcher.search("有給休暇の申請方法", k=1).hits[0].document
    assert ids(store.get_nodes([document.id])) == [document.id]
    store.close()


def test_without_llama_index_the_extra_is_named() -> None:
    code = "import sys; sys.modules['llama_index'] = None; import sakuin.integrations.llama_index"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "llama_index is not installed: run `" in done.stderr
    assert "[llama-index]" in done.stderr
