"""A cluster behind the endpoints of a service, and behind the tools of assistants, that searches and changes it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from sakuin import Document, Searcher
from sakuin.cli.main import cli
from sakuin.cluster.building import build_of_files, build_of_rows
from sakuin.cluster.changing import add_documents
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import require
from sakuin.cluster.nodes import ThisProcess
from sakuin.cluster.opening import open_cluster
from sakuin.cluster.places import Disk
from sakuin.cluster.tasks import Corpus
from sakuin.cluster.writing import writable
from sakuin.index.settings import Settings
from sakuin.service.app import create_app
from sakuin.service.served import Served
from sakuin.service.writing import Writing
from tests.cluster.test_building_clusters import ROWS, write_rows

HERE = ThisProcess()


@pytest.fixture
def place(tmp_path: Path, toy_model: Path) -> Disk:
    place = Disk(tmp_path / "cluster")
    rows = str(write_rows(tmp_path / "rows.jsonl", ROWS[:12]))
    build_of_rows(rows, place, HERE, shards=2, settings=Settings(model=str(toy_model)))
    return place


@pytest.fixture
def client(place: Disk) -> Iterator[TestClient]:
    with Searcher.open(place.folder) as searcher:
        writing = Writing(searcher)
        yield TestClient(create_app(searcher, Served(place.folder, writable=True), writing=writing), "http://127.0.0.1")
        writing.close()


def found(client: TestClient, query: str, **options: Any) -> list[str]:
    hits = client.get("/search", params={"query": query, **options}).json()["hits"]
    return [hit["document"]["id"] for hit in hits]


def listed(client: TestClient, **options: Any) -> list[str]:
    names, after = [], 0
    while after is not None:
        page = client.get("/documents", params={"after": after, "limit": 5, **options}).json()
        names += [document["id"] for document in page["documents"]]
        after = page["next"]
    return names


def test_all_that_reads_answers(client: TestClient) -> None:
    assert sorted(listed(client)) == sorted(row["id"] for row in ROWS[:12])
    assert sorted(listed(client, where="year<2003")) == ["d0", "d1", "d2"]
    assert client.get("/documents", params={"where": "colour=red"}).status_code == 400
    similar = client.get("/similar", params={"id": "d0", "k": 3}).json()["documents"]
    assert len(similar) == 3
    assert client.get("/similar", params={"id": "nobody"}).status_code == 404
    assert client.get("/documents/d0").json()["text"] == ROWS[0]["text"]
    assert client.get("/read", params={"id": "d0", "passage": "1"}).json()["text"]
    refused = client.get("/documents/d0/file")
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "original_unavailable")
    name = client.get("/v1/models").json()["data"][0]["id"]
    vectors = client.post("/v1/embeddings", json={"model": name, "input": ["猫"]}).json()["data"]
    assert len(vectors) == 1
    ranked = client.post("/v1/rerank", json={"model": name, "query": "cat", "documents": ["a cat", "rain"]})
    assert ranked.json()["results"][0]["index"] == 0


def test_what_is_written_is_committed_in_its_shard_and_found_at_once(client: TestClient, place: Disk) -> None:
    new = {"id": "d0", "text": "新しい猫の話", "kind": "new"}
    assert client.put("/documents/d0", json=new).json() == {"stored": 1}
    assert require(place).generation == 2
    assert found(client, "新しい", k=1) == ["d0"]
    some = [{"id": f"new-{number}", "text": f"温泉の話 {number}", "kind": "new"} for number in range(5)]
    assert client.post("/documents", json=some).json() == {"stored": 5}
    assert require(place).generation == 3
    assert len(listed(client, where="kind=new")) == 6
    assert client.delete("/documents/d1").json() == {"removed": 1}
    assert client.delete("/documents/d1").json() == {"removed": 0}
    assert client.post("/documents/delete", json={"where": {"kind": "new"}}).json() == {"removed": 6}
    refused = client.post("/documents/delete", json={"where": {"colour": "red"}})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "where")
    assert sorted(listed(client)) == sorted(f"d{number}" for number in range(2, 12))
    files = client.post("/documents", files={"files": ("a.txt", b"a text")})
    assert (files.status_code, files.json()["error"]["code"]) == (501, "not_for_clusters")
    assert "index cluster sync" in files.json()["error"]["message"]


def test_files_of_a_cluster_are_given_out_and_stay_the_folders(tmp_path: Path, toy_model: Path) -> None:
    corpus, place = tmp_path / "corpus", Disk(tmp_path / "cluster")
    corpus.mkdir()
    for number in range(4):
        (corpus / f"{number}.txt").write_text(f"the cat {number} sat on the mat.", encoding="utf-8")
    settings = Settings(model=str(toy_model))
    build_of_files(Corpus(folder=str(corpus)), place, HERE, shards=2, settings=settings)
    with open_cluster(place.uri) as searcher:
        writing = Writing(searcher)
        client = TestClient(create_app(searcher, Served(place.folder), writing=writing), "http://127.0.0.1")
        assert client.get("/documents/1.txt/file").content == (corpus / "1.txt").read_bytes()
        (corpus / "1.txt").unlink()
        assert client.get("/documents/1.txt/file").status_code == 404
        refused = client.put("/documents/2.txt", json={"text": "another text"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "document_of_file")
        writing.close()


async def test_assistants_find_what_is_like_a_document_and_add_one(place: Disk) -> None:
    pytest.importorskip("mcp", reason="the extra mcp is not installed")
    from mcp import Client

    from sakuin.mcp.server import create_server

    with open_cluster(place.uri) as searcher:
        async with Client(create_server(searcher, writable=True)) as assistant:
            answer = await assistant.call_tool("similar", {"id": "d0", "k": 3})
            assert len(answer.structured_content["results"]) == 3
            answer = await assistant.call_tool("add", {"text": "温泉の話", "id": "note"})
            assert answer.structured_content == {"id": "note", "status": "added"}
            answer = await assistant.call_tool("search", {"query": "温泉", "k": 1})
            assert answer.structured_content["results"][0]["id"] == "note"
            assert require(place).generation == 2


def test_a_cluster_that_is_searched_takes_documents_and_removes_them(place: Disk) -> None:
    with open_cluster(place.uri) as searcher:
        writer = writable(searcher, timeout=1)
        assert writer.add([Document(id="a", text="温泉の話"), Document(id="d0", text="別の話")]).added == 1
        assert searcher.search("温泉", k=1).hits[0].document.id == "a"
        assert writer.delete("a").removed == 1
        assert writer.delete_where({"year": {"$gte": 2005}}).removed == 7
        assert searcher.counts()["documents"] == 5


def test_what_others_commit_is_removed_too(place: Disk) -> None:
    with open_cluster(place.uri) as searcher:
        # As a router does, which is told of commits only now and then.
        searcher._opened.watched = True
        add_documents({"id": "new", "text": "温泉の話", "year": 2030}, place, HERE)
        assert writable(searcher, timeout=1).delete_where({"year": 2030}).removed == 1


def test_another_writer_is_waited_for_so_long(place: Disk) -> None:
    with open_cluster(place.uri) as searcher, place.writing():
        writer = writable(searcher, timeout=0.01)
        for change in (lambda: writer.add({"id": "a", "text": "a"}), lambda: writer.delete("a")):
            with pytest.raises(ClusterError, match=r"within 0\.01 seconds"):
                change()


def test_commands_compare_the_documents_of_a_cluster(place: Disk) -> None:
    def told(*command: str) -> Any:
        done = CliRunner().invoke(cli, [*command, "--index", str(place.folder), "--json"], catch_exceptions=False)
        return json.loads(done.output)

    assert len(told("similar", "d0", "-k", "3")["documents"]) == 3
    assert told("duplicates", "--above", "0.5")["near"]
