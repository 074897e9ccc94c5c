"""An index as Parquet: what is in the columns, and the way back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from sakuin import Document, Index, Searcher
from sakuin.cli.main import cli
from sakuin.cluster.rows import documents_in, parts_of
from sakuin.errors import SakuinError
from sakuin.integrations.engines.bm25 import LENGTHS, stored_length
from sakuin.integrations.engines.contents import opened
from sakuin.integrations.engines.errors import ExportError
from sakuin.integrations.engines.query import engine_query

pq = pytest.importorskip("pyarrow.parquet")
from sakuin.integrations.engines.parquet import export_parquet, read_documents, typed_fields  # noqa: E402

QUERIES = ["有給休暇の申請方法", "電車が遅れた証拠がほしい", "how do I get my money back", "VPN password"]


@pytest.fixture(scope="module")
def rows(example_index: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    target = tmp_path_factory.mktemp("parquet") / "out.parquet"
    export_parquet(example_index, target)
    found: list[dict[str, Any]] = pq.read_table(target).to_pylist()
    return found


@pytest.fixture(scope="module")
def searcher(example_index: Path) -> Iterator[Searcher]:
    with Searcher.open(example_index) as opened:
        yield opened


def test_every_passage_of_every_document_has_a_row(rows: list[dict[str, Any]], searcher: Searcher) -> None:
    assert len({row["id"] for row in rows}) == len(rows)
    assert {row["passage_id"] for row in rows} == set(searcher.snapshot.vectors.ids.tolist())
    for row in rows[::40]:
        document = searcher.document(row["document"])
        assert row["text"] == document.text[row["start"] : row["end"]]
        assert (row["title"], row["uri"]) == (document.title, document.uri)
        assert json.loads(row["metadata"]) == document.metadata
        assert f"{row['passage_id']:016x}" == document.passages[row["number"] - 1].passage_id


def rows_in(path: Path) -> Iterator[Document]:
    for part in parts_of(str(path)):
        yield from documents_in(part)


def test_a_changed_bit_is_told_and_read_as_nothing_else(tmp_path: Path, toy_model: Path) -> None:
    with Index.open(tmp_path / "index", model=str(toy_model)) as index:
        index.add([{"id": f"d{i}", "title": f"題{i}", "text": f"the cat {i} sat.", "n": i} for i in range(20)])
    export_parquet(tmp_path / "index", tmp_path / "out")
    path = tmp_path / "out" / "documents.parquet"
    data = path.read_bytes()
    expected = list(read_documents(path))
    told = 0
    for at in range(0, len(data), len(data) // 80):
        path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        for read in (read_documents, rows_in):
            try:
                found = list(read(path))
            except SakuinError:
                told += 1
            else:
                assert [(each.id, each.title, each.text) for each in found] == [
                    (each.id, each.title, each.text) for each in expected
                ]
    assert told > 80


def test_an_export_that_fails_leaves_both_files_of_one_state(
    example_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_parquet(example_index, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("sakuin.integrations.engines.parquet._passage_rows", full)
    monkeypatch.setattr("sakuin.integrations.engines.parquet.ROWS", 3)
    with pytest.raises(ExportError, match="full"):
        export_parquet(example_index, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize("query", QUERIES)
def test_cosines_and_bm25_of_the_columns_are_those_of_a_search(
    query: str, rows: list[dict[str, Any]], searcher: Searcher
) -> None:
    asked = engine_query(searcher, query)
    by_passage = {f"{row['passage_id']:016x}": row for row in rows}
    hits = searcher.search(query, k=50, group="passage", syntax=False).hits
    assert len(hits) == 50
    for hit in hits:
        row = by_passage[hit.passage_id]
        assert hit.dense
        assert hit.bm25
        assert np.dot(asked.vector, row["vector"]) == pytest.approx(hit.dense.score, abs=1e-5)
        score = sum(
            asked.terms.get(term, 0.0) * weight for term, weight in zip(row["terms"], row["weights"], strict=True)
        )
        assert score == pytest.approx(hit.bm25.score, abs=2e-3)


def test_lengths_are_rounded_as_tantivy_rounds_them(example_index: Path, searcher: Searcher) -> None:
    assert [stored_length(length) for length in (0, 39, 41, 42, 79, 81, 95, 97)] == [0, 39, 40, 42, 76, 80, 88, 96]
    assert LENGTHS[-1] > 2**30
    terms = searcher.snapshot.terms
    with opened(example_index) as contents:
        passages = [passage for document in contents.documents() for passage in document.passages][::20]
    for passage in passages:
        scores = terms.explained(passage.indexed, passage.passage_id)
        assert stored_length(len(terms.terms_of(passage.indexed))) == scores[0].length


def test_documents_come_back_as_they_were(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    (corpus / "long.md").write_text(
        "# 一\n\n" + "猫が好きです。" * 3_000 + "\n\n## 二\n\n会社を休む。\n", encoding="utf-8"
    )
    with Index.open(tmp_path / "index", model=str(toy_model)) as index:
        index.add_files([corpus])
        index.add([{"id": "added", "text": "The cat sat.", "title": "猫", "year": 2024, "tags": ["a", "b"]}])
        before = list(index.documents())
        export_parquet(index.folder, tmp_path / "out")
    with Index.open(tmp_path / "again", model=str(toy_model)) as again:
        again.add(read_documents(tmp_path / "out"))
        after = list(again.documents())
    assert len(before) == 6
    with Index.open(tmp_path / "rows", model=str(toy_model)) as third:
        third.add(pq.read_table(tmp_path / "out" / "documents.parquet").to_pylist())
        assert list(third.documents()) == after
    stored = ("id", "uri", "title", "text", "headings", "metadata")
    assert [[getattr(each, name) for name in stored] for each in after] == [
        [getattr(each, name) for name in stored] for each in before
    ]
    with Searcher.open(tmp_path / "index") as one, Searcher.open(tmp_path / "again") as other:
        assert one.snapshot.vectors.ids.tolist() == other.snapshot.vectors.ids.tolist()


def test_a_cluster_is_built_of_exported_documents(example_index: Path, searcher: Searcher, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    export_parquet(example_index, tmp_path / "out")
    rows = str(tmp_path / "out" / "documents.parquet")
    command = ["cluster", "build", rows, "--shards", "2", "--out", str(tmp_path / "cluster")]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    with Searcher.open(tmp_path / "cluster", model=searcher.model) as cluster:
        for query in QUERIES:
            own, other = (each.search(query, syntax=False).hits for each in (searcher, cluster))
            assert [hit.document.id for hit in other] == [hit.document.id for hit in own]
            assert [hit.score for hit in other] == pytest.approx([hit.score for hit in own], abs=2e-4)


def test_fields_of_one_type_have_a_column(tmp_path: Path, toy_model: Path) -> None:
    fields = [{"year": 2024, "tag": "a", "mixed": 1}, {"year": 2023.5, "mixed": "b", "list": ["c"]}, {"tag": "d"}]
    assert typed_fields(iter(fields)) == {"year": float, "tag": str}
    with Index.open(tmp_path / "index", model=str(toy_model)) as index:
        index.add({"id": str(number), "text": f"The cat {number}.", **own} for number, own in enumerate(fields))
        export_parquet(index.folder, tmp_path / "out.parquet", dim=8)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["meta_year"].to_pylist() == [2024.0, 2023.5, None]
    assert table["meta_tag"].to_pylist() == ["a", None, "d"]
    assert "meta_mixed" not in table.column_names
    assert table.schema.field("vector").type.list_size == 8
    assert json.loads(table.schema.metadata[b"sakuin"])["dim"] == 8


def test_the_command_writes_and_says_what(example_index: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "out"
    done = CliRunner().invoke(cli, ["export", "--index", str(example_index), "--to", str(target), "--dim", "64"])
    assert done.exit_code == 0, done.output
    rows = pq.read_metadata(target / "passages.parquet").num_rows
    assert f"{rows:,} passages" in done.output
    assert pq.read_metadata(target / "documents.parquet").num_rows == len(list(read_documents(target)))


def test_more_dimensions_than_are_stored_are_refused_and_nothing_is_left(example_index: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="give 1 to 256"):
        export_parquet(example_index, tmp_path / "out.parquet", dim=257)
    assert list(tmp_path.iterdir()) == []
