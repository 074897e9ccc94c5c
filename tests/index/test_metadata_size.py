"""Metadata is bounded when it is written: it stands in each hit of a document."""

import json
from pathlib import Path

import pytest

from sakuin import DocumentError, Index
from sakuin.index.records import MAX_METADATA


@pytest.fixture
def index(tmp_path: Path, toy_model: Path) -> Index:
    return Index.open(tmp_path / "index", model=str(toy_model))


def test_a_document_of_too_much_metadata_is_refused_and_changes_nothing(index: Index) -> None:
    # As JSON: the name, and what stands around it.
    room = MAX_METADATA - len('{"note": ""}')
    index.add({"id": "a", "text": "cat", "note": "a" * room})
    with pytest.raises(DocumentError, match="'b' has 1,000,001 bytes of metadata") as refused:
        index.add([{"id": "c", "text": "dog"}, {"id": "b", "text": "cat", "note": "a" * (room + 1)}])
    assert refused.value.code == "metadata_too_large"
    # Of characters that take three bytes there are fewer.
    with pytest.raises(DocumentError, match="bytes of metadata"):
        index.add({"id": "b", "text": "cat", "note": "猫" * (room // 2)})
    assert [document.id for document in index.documents()] == ["a"]


def test_a_row_of_too_much_metadata_is_left_out_and_told(index: Index, tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "cat"}, {"id": "b", "text": "cat", "note": "a" * MAX_METADATA}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    report = index.add_files(tmp_path / "rows.jsonl")
    assert [document.id.rpartition("#")[2] for document in index.documents()] == ["a"]
    (skipped,) = report.skipped
    assert "metadata_too_large" in json.dumps(skipped.reason.to_dict())
    assert "1,000,012 bytes of metadata" in str(skipped.reason)
