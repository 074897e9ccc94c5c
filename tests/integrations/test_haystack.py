"""Haystack's own tests of document stores, and what they leave out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

# Nobody is told that tests ran, nor by whom.
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
pytest.importorskip("haystack", reason="the extra haystack is not installed")

from haystack import Document, Pipeline
from haystack.components.writers import DocumentWriter
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy, FilterPolicy
from haystack.errors import FilterError
from haystack.testing.document_store import CountDocumentsByFilterTest, DocumentStoreBaseExtendedTests
from haystack.testing.document_store_async import (
    CountDocumentsAsyncTest,
    CountDocumentsByFilterAsyncTest,
    DeleteAllAsyncTest,
    DeleteByFilterAsyncTest,
    DeleteDocumentsAsyncTest,
    FilterDocumentsAsyncTest,
    UpdateByFilterAsyncTest,
    WriteDocumentsAsyncTest,
)

from sakuin import DocumentError, Index, Searcher, SearchError, StaticEmbedder
from sakuin.integrations.haystack import (
    SakuinDocumentEmbedder,
    SakuinDocumentStore,
    SakuinEmbeddingRetriever,
    SakuinRetriever,
    SakuinTextEmbedder,
)

DOCUMENTS = [
    Document(id="cat", content="猫が好きです。", meta={"year": 2021}),
    Document(id="dog", content="犬が好きです。", meta={"year": 2022}),
    Document(id="mat", content="The cat sat on the mat.", meta={"year": 2023}),
    Document(id="leave", content="有給休暇は三日前までに申請してください。", meta={"year": 2024}),
]

# Haystack 2 loads classes of any module.
ALLOWED: Any = {"allowed_modules": ["sakuin.*"]} if "allowed_modules" in signature(Pipeline.loads).parameters else {}


@pytest.fixture
def document_store(tmp_path: Path, toy_model: Path) -> Iterator[SakuinDocumentStore]:
    """An empty one, of a model that is small, for most of these tests ask for no ranking."""
    store = SakuinDocumentStore(Index.open(tmp_path / "index", model=str(toy_model), dim=16))
    yield store
    store.close()


class Compared:
    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        """An index has vectors by its own model, not those that documents come with."""
        assert received == [replace(document, embedding=None) for document in expected]


class TestStoreStandard(Compared, CountDocumentsByFilterTest, DocumentStoreBaseExtendedTests):
    @pytest.fixture
    def document_store(self, document_store: SakuinDocumentStore) -> SakuinDocumentStore:
        return document_store

    def test_write_documents(self, document_store: SakuinDocumentStore) -> None:
        assert document_store.write_documents(DOCUMENTS[:1]) == 1
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents(DOCUMENTS[:1])


class TestStoreAsynchronousStandard(
    Compared,
    CountDocumentsAsyncTest,
    CountDocumentsByFilterAsyncTest,
    DeleteAllAsyncTest,
    DeleteByFilterAsyncTest,
    DeleteDocumentsAsyncTest,
    FilterDocumentsAsyncTest,
    UpdateByFilterAsyncTest,
    WriteDocumentsAsyncTest,
):
    async def test_write_documents_async(self, document_store: SakuinDocumentStore) -> None:
        assert await document_store.write_documents_async(DOCUMENTS) == 4
        assert await document_store.filter_documents_async() == DOCUMENTS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SakuinDocumentStore]:
    opened = SakuinDocumentStore(tmp_path / "packaged")
    opened.write_documents(DOCUMENTS)
    yield opened
    opened.close()


def ids(documents: list[Document]) -> list[str]:
    return [document.id for document in documents]


def comparison(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def test_a_batch_is_written_whole_or_not_at_all(store: SakuinDocumentStore) -> None:
    new = Document(id="new", content="新しい文です。")
    for batch in ([new, DOCUMENTS[0]], [new, new]):
        with pytest.raises(DuplicateDocumentError, match="already"):
            store.write_documents(batch, DuplicatePolicy.FAIL)
        assert store.count_documents() == 4
    with pytest.raises(DocumentError, match="no text"):
        store.write_documents([new, Document(id="empty")])
    assert store.count_documents() == 4
    assert store.write_documents([new, DOCUMENTS[0], new], DuplicatePolicy.SKIP) == 1
    assert store.count_documents() == 5


def test_metadata_of_any_form_come_back_and_are_filtered_by(store: SakuinDocumentStore) -> None:
    meta = {"author": {"name": "Sato", "ages": [1, 2]}, "pages": [{"number": 1}], "note": None, "share": 1.0, "a": "b"}
    store.write_documents([Document(id="nested", content="入れ子です。", meta=meta)])
    (found,) = store.filter_documents(comparison("meta.author.name", "==", "Sato"))
    assert found.meta == meta
    assert ids(store.filter_documents(comparison("meta.author.ages", "in", [2, 7]))) == ["nested"]
    assert store.search("入れ子", filters=comparison("meta.share", ">=", 1), top_k=1)[0].meta.items() >= meta.items()
    assert store.update_by_filter(comparison("meta.a", "==", "b"), {"a": None}) == 1
    assert store.filter_documents(comparison("id", "==", "nested"))[0].meta == meta | {"a": None}
    with pytest.raises(TypeError, match="JSON has no form"):
        store.write_documents([Document(id="x", content="x", meta={"a": {"b": object()}})])


def test_filters_are_those_of_the_index(store: SakuinDocumentStore, example_index: Path) -> None:
    missing = {"operator": "OR", "conditions": [comparison("meta.year", "in", [2021, None]), comparison("id", "==", 1)]}
    store.write_documents([Document(id="old", content="年のない文です。")])
    assert ids(store.filter_documents(missing)) == ["cat", "old"]
    assert ids(store.filter_documents({"operator": "NOT", "conditions": [missing]})) == ["dog", "mat", "leave"]
    assert store.filter_documents({"operator": "OR", "conditions": []}) == []
    assert store.filter_documents(comparison("meta.unknown", "==", 1)) == []
    assert store.search("猫", filters=comparison("meta.unknown", "==", 1)) == []
    assert store.count_documents_by_filter(comparison("meta.unknown", "!=", 1)) == 5
    for wrong, told in (
        (comparison("content", "==", "猫"), "'content'"),
        (comparison("meta.year", "~", 1), "Unknown operator '~'"),
        ({"operator": "XOR", "conditions": []}, "Unknown operator 'XOR'"),
        (comparison("meta.year", ">", "soon"), "'soon'"),
    ):
        with pytest.raises(FilterError, match=told):
            store.filter_documents(wrong)
    with pytest.raises(SearchError, match="Cannot compare"):
        store.filter_documents(comparison("meta.year", "==", {"a": 1}))
    with pytest.raises(SearchError, match="Unknown mode"):
        store.search("猫", mode="magic", filters=comparison("meta.year", "==", 2021))
    files = SakuinDocumentStore(example_index)
    assert {
        found.meta["source"].split("/")[0]
        for found in files.search("経費", filters=comparison("folder", "==", "office"))
    } == {"office"}
    files.close()


def test_a_retriever_finds_what_a_searcher_finds(store: SakuinDocumentStore) -> None:
    hits = store.searcher.search("休みたい", k=3).hits
    found = SakuinRetriever(store, top_k=3).run("休みたい")["documents"]
    assert [(one.id, one.content, one.score) for one in found] == [
        (hit.document.id, hit.text, hit.score) for hit in hits
    ]
    assert found[0].meta == {
        **{"year": 2024, "source": "leave", "source_id": "leave", "title": "", "heading": "", "start": 0, "end": 20},
        "relevance": hits[0].relevance,
    }
    store.write_documents([Document(id="twin", content=DOCUMENTS[0].content)])
    assert ids(store.search("猫が好きです。", top_k=2)) == ["cat", "twin"]
    assert ids(store.search("猫が好きです。", top_k=1)) == ["cat"]


def test_filters_of_a_search_replace_those_of_a_retriever_or_come_on_top(store: SakuinDocumentStore) -> None:
    early, late = comparison("meta.year", "<", 2024), comparison("id", "!=", "cat")
    for policy, expected in ((FilterPolicy.REPLACE, {"dog", "mat", "leave"}), (FilterPolicy.MERGE, {"dog", "mat"})):
        retriever = SakuinRetriever(store, early, filter_policy=policy)
        assert set(ids(retriever.run("猫")["documents"])) == {"cat", "dog", "mat"}
        assert set(ids(retriever.run("猫", late)["documents"])) == expected
        assert len(retriever.run("猫", late, 1)["documents"]) == 1


async def test_vectors_of_the_model_find_what_texts_find(store: SakuinDocumentStore) -> None:
    dim = store.searcher.manifest.dim
    vector = SakuinTextEmbedder(dim=dim).run("有給休暇の申請")["embedding"]
    (expected,) = StaticEmbedder.load().encode(["有給休暇の申請"], dim, normalize=True).tolist()
    assert vector == expected
    found = SakuinEmbeddingRetriever(store, top_k=4).run(vector)["documents"]
    assert found == SakuinRetriever(store, top_k=4, mode="dense").run("有給休暇の申請")["documents"]
    retriever = SakuinEmbeddingRetriever(store, comparison("meta.year", "==", 2022))
    assert ids((await retriever.run_async(vector))["documents"]) == ["dog"]
    assert ids((await SakuinRetriever(store, top_k=1).run_async("休みたい"))["documents"]) == ["leave"]
    embedded = SakuinDocumentEmbedder(dim=dim).run(DOCUMENTS)["documents"]
    assert [one.embedding for one in embedded] == StaticEmbedder.load().encode(
        [one.content for one in DOCUMENTS], dim, normalize=True
    ).tolist()


def test_a_pipeline_is_saved_and_loaded(store: SakuinDocumentStore) -> None:
    writing = Pipeline()
    writing.add_component("writer", DocumentWriter(store, DuplicatePolicy.OVERWRITE))
    writing = Pipeline.loads(writing.dumps(), **ALLOWED)
    assert writing.run({"writer": {"documents": [*DOCUMENTS, Document(id="new", content="退職の手続きです。")]}}) == {
        "writer": {"documents_written": 5}
    }
    asking = Pipeline()
    asking.add_component("embedder", SakuinTextEmbedder(dim=64))
    asking.add_component("by vector", SakuinEmbeddingRetriever(store, top_k=1, filter_policy=FilterPolicy.MERGE))
    asking.add_component("by text", SakuinRetriever(store, comparison("meta.year", ">", 2000), 2, "bm25", 0.0))
    asking.connect("embedder", "by vector")
    loaded = Pipeline.loads(asking.dumps(), **ALLOWED)
    assert loaded.to_dict() == asking.to_dict()
    assert loaded.get_component("by vector").filter_policy is FilterPolicy.MERGE
    answer = loaded.run({"embedder": {"text": "会社を辞める"}, "by text": {"query": "有給休暇"}})
    assert ids(answer["by vector"]["documents"]) == ["new"]
    assert ids(answer["by text"]["documents"]) == ["leave"]


def test_passages_of_files_have_ids_of_their_own_and_say_where_they_stand(example_index: Path) -> None:
    with Searcher.open(example_index) as searcher, Index.open(example_index) as index:
        hits = searcher.search("有給休暇の申請方法", k=20, group="passage").hits
        found = SakuinRetriever(SakuinDocumentStore(index), top_k=20).run("有給休暇の申請方法")["documents"]
        assert len(set(ids(found))) == len(found)
        assert any("#" in one for one in ids(found))
        for document, hit in zip(found, hits, strict=False):
            assert document.meta["relevance"] == hit.relevance
            source = index.get(document.meta["source_id"])[0]
            assert source.text[document.meta["start"] : document.meta["end"]] == document.content


def test_without_haystack_the_extra_is_named() -> None:
    code = "import sys; sys.modules['haystack'] = None; import sakuin.integrations.haystack"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "haystack is not installed: run `" in done.stderr
    assert "[haystack]" in done.stderr
