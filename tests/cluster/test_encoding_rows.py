"""Vectors of rows without an index: what the model gives, in the order of the rows, whatever interrupts it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from sakuin import StaticEmbedder
from sakuin.cli.main import cli
from sakuin.cluster import encoding
from sakuin.cluster.building import build_of_rows
from sakuin.cluster.encoding import Encoding, encode_rows
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.nodes import ThisProcess
from sakuin.cluster.places import Disk
from sakuin.embedder.errors import ModelError
from sakuin.index.settings import Settings
from tests.cluster.test_building_clusters import ROWS, Dying, write_rows
from tests.cluster.test_changing_clusters import refuse_after_commit


@pytest.fixture
def rows(tmp_path: Path) -> str:
    return str(write_rows(tmp_path / "rows.jsonl"))


def expected(model: Path, dim: int | None = None) -> np.ndarray:
    texts = [row["text"] for row in ROWS]
    return StaticEmbedder.load(str(model)).encode(texts, truncate_dim=dim, normalize=True)


def held(place: Disk) -> tuple[list[str], np.ndarray]:
    """Ids and vectors of all files of matrices, in order."""
    ids: list[str] = []
    parts = []
    for file in json.loads((place.folder / "vectors.json").read_text())["files"]:
        path = place.folder / file["name"]
        parts.append(np.load(path))
        ids += map(json.loads, path.with_suffix(".jsonl").read_text().splitlines())
        assert len(parts[-1]) == file["rows"]
    return ids, np.concatenate(parts)


@pytest.mark.parametrize(("kind", "dim"), [("float32", None), ("float16", 16)])
def test_vectors_are_those_of_the_model_in_the_order_of_the_rows(
    rows: str, tmp_path: Path, toy_model: Path, kind: str, dim: int | None
) -> None:
    place = Disk(tmp_path / "vectors")
    how = Encoding(model=str(toy_model), dim=dim, type=kind, format="npy")
    made = encode_rows(rows, place, ThisProcess(), encoding=how, part_bytes=500)
    ids, vectors = held(place)
    assert len(made.files) > 3
    assert ids == [row["id"] for row in ROWS]
    assert vectors.dtype == kind
    assert np.array_equal(vectors, expected(toy_model, dim).astype(kind))
    assert (made.rows, made.dim) == vectors.shape
    assert sorted(place.names("")) == ["cluster.lock", "vectors", "vectors.json"]


def test_vectors_that_are_there_are_not_said_to_be_missing_where_nothing_can_be_deleted(
    rows: str, tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Disk(tmp_path / "vectors")
    refuse_after_commit(monkeypatch, "vectors.json")
    made = encode_rows(rows, place, ThisProcess(), encoding=Encoding(model=str(toy_model), format="npy"))
    assert len(held(place)[0]) == made.rows == len(ROWS)


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_parquet_has_the_same_vectors(rows: str, tmp_path: Path, toy_model: Path, kind: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `cluster` is not installed")
    place = Disk(tmp_path / "vectors")
    encode_rows(rows, place, ThisProcess(), encoding=Encoding(model=str(toy_model), type=kind), part_bytes=500)
    tables = [parquet.read_table(place.folder / "vectors" / name) for name in place.names("vectors")]
    assert [one for table in tables for one in table["id"].to_pylist()] == [row["id"] for row in ROWS]
    matrices = [table["vector"].combine_chunks().flatten().to_numpy() for table in tables]
    wanted = expected(toy_model).astype(kind)
    assert np.array_equal(np.concatenate(matrices).reshape(wanted.shape), wanted)


def test_an_interrupted_encoding_goes_on_and_another_begins_anew(
    rows: str, tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, how = Disk(tmp_path / "vectors"), Encoding(model=str(toy_model), format="npy")
    with pytest.raises(KeyboardInterrupt):
        encode_rows(rows, place, Dying(2), encoding=how, part_bytes=500)
    assert "vectors.json" not in place.names("")
    encoded: list[int] = []
    was = encoding.encode_part

    def noting(uri: str, number: int, *others: Any) -> None:
        encoded.append(number)
        was(uri, number, *others)

    monkeypatch.setattr(encoding, "encode_part", noting)
    made = encode_rows(rows, place, ThisProcess(), encoding=how, part_bytes=500)
    assert made.resumed == 2
    assert encoded == list(range(2, len(made.files)))
    assert np.array_equal(held(place)[1], expected(toy_model))
    with pytest.raises(ClusterError, match=r"vectors in .* already"):
        encode_rows(rows, place, ThisProcess(), encoding=how)
    other = Disk(tmp_path / "other")
    with pytest.raises(KeyboardInterrupt):
        encode_rows(rows, other, Dying(2), encoding=how, part_bytes=500)
    less = Encoding(model=str(toy_model), format="npy", dim=8)
    assert encode_rows(rows, other, ThisProcess(), encoding=less, part_bytes=500).resumed == 0
    assert np.array_equal(held(other)[1], expected(toy_model, 8))


def test_what_cannot_be_is_told(rows: str, tmp_path: Path, toy_model: Path) -> None:
    place = Disk(tmp_path / "vectors")
    with pytest.raises(ModelError, match="100000"):
        encode_rows(rows, place, ThisProcess(), encoding=Encoding(model=str(toy_model), dim=100_000, format="npy"))
    (tmp_path / "full" / "vectors").mkdir(parents=True)
    with pytest.raises(ClusterError, match="There is vectors"):
        encode_rows(rows, Disk(tmp_path / "full"), ThisProcess(), encoding=Encoding(model=str(toy_model)))


def test_what_a_build_has_begun_is_left_as_it_is(rows: str, tmp_path: Path, toy_model: Path) -> None:
    place, settings = Disk(tmp_path / "cluster"), Settings(model=str(toy_model))
    with pytest.raises(KeyboardInterrupt):
        build_of_rows(rows, place, Dying(2), shards=2, settings=settings, part_bytes=500)
    with pytest.raises(ClusterError, match="There is building"):
        encode_rows(rows, place, ThisProcess(), encoding=Encoding(model=str(toy_model), format="npy"))
    assert build_of_rows(rows, place, ThisProcess(), shards=2, settings=settings, part_bytes=500).resumed == 2


def test_files_without_rows_give_no_vectors(tmp_path: Path, toy_model: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("\n\n")
    place, how = Disk(tmp_path / "vectors"), Encoding(model=str(toy_model), format="npy")
    with pytest.raises(ClusterError, match="no rows"):
        encode_rows(str(tmp_path / "rows.jsonl"), place, ThisProcess(), encoding=how)
    assert place.names("") == ["cluster.lock"]


def test_parquet_tells_what_has_changed_since(rows: str, tmp_path: Path, toy_model: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `cluster` is not installed")
    place = Disk(tmp_path / "vectors")
    encode_rows(rows, place, ThisProcess(), encoding=Encoding(model=str(toy_model)))
    path = place.folder / "vectors" / place.names("vectors")[0]
    column = parquet.ParquetFile(path).metadata.row_group(0).column(1)
    content = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    content[start + column.total_compressed_size - 1] ^= 1
    path.write_bytes(content)
    with pytest.raises(OSError, match="CRC"):
        parquet.read_table(path, page_checksum_verification=True)


def test_the_command_encodes(rows: str, tmp_path: Path, toy_model: Path) -> None:
    place = Disk(tmp_path / "vectors")
    how = ["--model", str(toy_model), "--dim", "8", "--format", "npy", "--type", "float16"]
    command = ["cluster", "encode", rows, "--out", place.uri, *how]
    done = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert "40 of 8 dimensions, 1 files" in done.output
    assert np.array_equal(held(place)[1], expected(toy_model, 8).astype("float16"))
