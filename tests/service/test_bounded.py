"""Answers are bounded in bytes, whatever documents hold."""

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from sakuin import Index
from sakuin.index.store.checksums import row_checksum
from sakuin.index.store.schema import LABEL
from sakuin.service.bounded import MAX_ANSWER, with_list
from sakuin.service.refusals import Refusal
from tests.service.services import Service, started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    """A document of 30 passages with 2 MB of metadata, as indexes may have that were made before that was bounded."""
    folder = tmp_path_factory.mktemp("bounded") / "index"
    with Index.open(folder, model=str(toy_model)) as index:
        text = "\n\n".join(f"The cat number {i} sits on the mat. " + f"word{i} " * 60 for i in range(30))
        index.add({"id": "a", "text": text, "note": "short"})
    with sqlite3.connect(folder / "documents.db") as connection:
        label = list(connection.execute(f"SELECT {LABEL} FROM documents").fetchone())
        label[LABEL.split(", ").index("metadata")] = orjson.dumps({"note": "a" * 2_000_000}).decode()
        connection.execute(
            "UPDATE documents SET metadata = ?, label_checksum = ?",
            (label[LABEL.split(", ").index("metadata")], row_checksum(label)),
        )
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with started(folder) as (_, port):
        yield Service(port)


def test_an_answer_that_would_be_too_large_is_refused(service: Service) -> None:
    asked = {"query": "cat", "group": "passage"}
    # Twice for each hit: of the document, and of the place.
    assert len(service.post("/search", **asked, k=5)["hits"]) == 5
    refused = service.refused(413, "POST", "/search", asked | {"k": 30})
    assert refused["code"] == "answer_too_large"
    assert f"{MAX_ANSWER:,} bytes" in refused["message"]


def test_what_is_too_large_is_not_made_first() -> None:
    asked = []

    def items() -> Iterator[str]:
        for number in itertools.count():
            asked.append(number)
            yield "a" * 10

    with pytest.raises(Refusal):
        with_list({"a": 1}, "items", items(), most=100)
    assert len(asked) < 10


def test_a_list_is_put_in_among_other_fields() -> None:
    assert orjson.loads(with_list({"a": 1}, "b", [1, {"c": 2}])) == {"a": 1, "b": [1, {"c": 2}]}
    assert orjson.loads(with_list({}, "b", [])) == {"b": []}
