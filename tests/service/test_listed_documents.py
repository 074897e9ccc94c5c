"""The documents of an index over HTTP, some at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from sakuin import Index, Searcher
from sakuin.service.listing import page
from tests.service.services import Service, started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("listing") / "index"
    with Index.open(folder, model=str(toy_model)) as index:
        index.add([{"id": f"n{i}", "text": f"document {i}", "title": f"No. {i}", "year": 2000 + i} for i in range(25)])
        index.delete("n3")
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with started(folder) as (_, port):
        yield Service(port)


def pages(service: Service, **arguments: Any) -> list[list[str]]:
    """The ids of all pages, one after the other."""
    found, after = [], 0
    while after is not None:
        answer = service.get("/documents", after=after, **arguments)
        found.append([document["id"] for document in answer["documents"]])
        after = answer["next"]
    return found


def test_pages_have_each_document_once_in_order(service: Service) -> None:
    names = [f"n{i}" for i in range(25) if i != 3]
    assert pages(service) == [names]
    assert pages(service, limit=10) == [names[:10], names[10:20], names[20:]]
    # The last page is full, and nothing follows.
    assert pages(service, limit=12) == [names[:12], names[12:]]
    first = service.get("/documents", limit=1)["documents"]
    assert first == [{"id": "n0", "uri": "n0", "title": "No. 0", "metadata": {"year": 2000}, "passages": 1}]


def test_a_filter_holds_over_all_pages(service: Service) -> None:
    assert pages(service, where=["year>=2002", "year<2008"], limit=2) == [["n2", "n4"], ["n5", "n6"], ["n7"]]
    assert pages(service, where="type=pdf") == [[]]
    assert "no-such" in service.refused(400, "GET", "/documents?where=no-such%3D1")["message"]


def test_a_page_is_bounded_in_bytes_and_goes_on(folder: Path) -> None:
    found: list[str] = []
    after = 0
    with Searcher.open(folder) as searcher:
        while after is not None:
            answer = page(searcher, {}, after=after, limit=100, most_bytes=100)
            told = orjson.loads(answer)
            assert len(answer) < 400
            found += [document["id"] for document in told["documents"]]
            after = told["next"]
        assert len(found) == len(set(found)) == 24
        # What alone is larger than a page is a page.
        assert len(orjson.loads(page(searcher, {}, after=0, limit=100, most_bytes=1))["documents"]) == 1


@pytest.mark.parametrize("wrong", ["limit=0", "limit=1001", "after=-1", "after=x", "after=9223372036854775808", "k=1"])
def test_what_is_wrong_is_told(service: Service, wrong: str) -> None:
    assert wrong.partition("=")[0] in service.refused(400, "GET", f"/documents?{wrong}")["message"]
