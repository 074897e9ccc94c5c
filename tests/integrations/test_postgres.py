"""An index in PostgreSQL: what is written, and what a second export changes."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from sakuin import Index, Searcher
from sakuin.cli.main import cli
from sakuin.integrations.engines.errors import ExportError
from tests.integrations.postgres_server import binaries

psycopg = pytest.importorskip("psycopg")
from sakuin.integrations.engines.postgres import tables  # noqa: E402
from sakuin.integrations.engines.postgres.rows import as_sparse, most_of, of_sparse  # noqa: E402
from sakuin.integrations.engines.postgres.script import export_script  # noqa: E402
from sakuin.integrations.engines.postgres.writing import Exported, export_postgres, resaturated  # noqa: E402

VARIED = "".join(f"会社を {number} 日休む。" for number in range(200))
PASSAGES = 11
TABLES = {
    "documents": "number, id, uri, title, metadata, text, fingerprint, file",
    "passages": "id, vector::text",
    "places": 'document, number, passage, start, "end", heading, position, text',
}


@pytest.fixture
def index(tmp_path: Path, toy_model: Path) -> Iterator[Index]:
    with Index.open(tmp_path / "index", model=str(toy_model)) as opened:
        opened.add(
            [
                {"id": "cat", "text": "猫が好きです。", "title": "動物", "year": 2024, "note": "a\tb\\n\n'\"|"},
                {"id": "mat", "text": "The cat sat on the mat.\n\nA second line.\t\\N \\. end"},
                {"id": "copy", "text": "猫が好きです。", "title": "動物"},
                {"id": "leave", "text": "会社を休む。" * 200 + "\n\n" + VARIED, "tags": ["a", "b"]},
            ]
        )
        yield opened


def rows(database: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
        return found


def everything(database: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that a search depends on, terms by name."""
    found = {
        table: rows(database, f"SELECT {columns} FROM sakuin.{table} ORDER BY 1, 2")
        for table, columns in TABLES.items()
    }
    found["terms"] = rows(database, "SELECT term, passages FROM sakuin.terms ORDER BY term")
    weights = {}
    named = dict(rows(database, "SELECT number, term FROM sakuin.terms"))
    for passage, sparse, numbers, length in rows(
        database, "SELECT id, weights::text, terms, length FROM sakuin.passages"
    ):
        own, values = of_sparse(sparse)
        assert sorted(numbers) == own.tolist()
        weights[passage] = (length, {named[number]: value for number, value in zip(own.tolist(), values, strict=True)})
    found["weights"] = sorted(weights.items())
    return found


def run_script(script: Path, database: str) -> subprocess.CompletedProcess[str]:
    """What psql does with a script."""
    command = [str(binaries() / "psql"), "--no-psqlrc", "--quiet", "--file", str(script), database]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_documents_passages_and_terms_are_those_of_the_index(index: Index, database: str) -> None:
    assert export_postgres(index.folder, database) == Exported(4, 0, 4, PASSAGES)
    found = everything(database)
    documents = {document.id: document for document in index.documents()}
    assert [(row[1], row[2], row[3], row[4], row[5]) for row in found["documents"]] == [
        (own.id, own.uri, own.title, own.metadata, own.text) for own in documents.values()
    ]
    numbers = {row[0]: row[1] for row in found["documents"]}
    for document, _, _, start, end, _, _, text in found["places"]:
        assert documents[numbers[document]].text[start:end] == text
    with Searcher.open(index.folder) as searcher:
        snapshot = searcher.snapshot
        assert [row[0] for row in found["passages"]] == snapshot.vectors.ids.tolist()
        having = {term: snapshot.terms.having(term) for term, _ in found["terms"]}
        unit = snapshot.vectors.rows(snapshot.vectors.ids, snapshot.manifest.dim)
    assert dict(found["terms"]) == having
    assert all(having.values())
    stored = np.array([[float(value) for value in row[1][1:-1].split(",")] for row in found["passages"]])
    # Whole numbers of int8 are exact in half precision: the vectors are those of the index to the last bit.
    assert np.array_equal(stored, np.round(stored))
    assert np.allclose(stored / np.linalg.norm(stored, axis=1, keepdims=True), unit, atol=1e-6)


def test_a_second_export_changes_what_changed_and_no_more(index: Index, database: str, tmp_path: Path) -> None:
    export_postgres(index.folder, database)
    untouched = "SELECT id, xmin::text FROM sakuin.documents WHERE id IN ('mat', 'leave') ORDER BY id"
    before = rows(database, untouched)
    assert export_postgres(index.folder, database) == Exported(0, 0, 4, PASSAGES)
    index.add([{"id": "copy", "text": "犬は骨が好きです。"}, {"id": "new", "text": "会社の猫"}])
    index.delete(["cat"])
    changed = export_postgres(index.folder, database)
    assert (changed.written, changed.removed, changed.documents) == (2, 2, 4)
    assert rows(database, untouched) == before
    kept = everything(database)
    with psycopg.connect(database) as connection:
        connection.execute("DROP SCHEMA sakuin CASCADE")
    index.compact()
    export_postgres(index.folder, database)
    anew = everything(database)
    for passage, (length, weights) in dict(anew.pop("weights")).items():
        own_length, own = dict(kept["weights"])[passage]
        assert (length, weights.keys()) == (own_length, own.keys())
        assert all(own[term] == pytest.approx(weight, rel=0.011) for term, weight in weights.items())
    del kept["weights"]
    assert kept == anew


def test_weights_follow_the_mean_length(index: Index, database: str) -> None:
    export_postgres(index.folder, database)
    index.add([{"id": f"long{number}", "text": f"{number} " + "The cat sat on the mat. " * 30} for number in range(5)])
    export_postgres(index.folder, database)
    (means,) = rows(database, "SELECT min(mean_length), max(mean_length), avg(length) FROM sakuin.passages")
    assert means[0] == pytest.approx(means[1], rel=0.011)
    assert means[0] == pytest.approx(float(means[2]), rel=0.011)
    updated = dict(everything(database)["weights"])
    with psycopg.connect(database) as connection:
        connection.execute("DROP SCHEMA sakuin CASCADE")
    export_postgres(index.folder, database)
    for passage, (_, weights) in everything(database)["weights"]:
        assert updated[passage][1] == pytest.approx(weights, rel=0.011)


def test_saturations_by_another_mean_length_need_no_frequencies() -> None:
    def saturations(mean: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        frequencies = np.array([1.0, 2, 40])
        return frequencies / (frequencies + 1.2 * (0.25 + 0.75 * 96 / mean))

    assert resaturated(saturations(80), 96, 80, 120) == pytest.approx(saturations(120))


def test_another_dimension_makes_the_tables_anew(index: Index, database: str) -> None:
    export_postgres(index.folder, database)
    assert export_postgres(index.folder, database, dim=16, hnsw=True) == Exported(4, 0, 4, PASSAGES)
    ((text,),) = rows(database, "SELECT vector::text FROM sakuin.passages LIMIT 1")
    assert len(text.split(",")) == 16
    assert rows(database, "SELECT 1 FROM pg_indexes WHERE indexname = 'passages_hnsw'")


def test_a_script_for_psql_gives_the_same(index: Index, database: str, postgres: str, tmp_path: Path) -> None:
    script = tmp_path / "index.sql"
    assert export_script(index.folder, script) == Exported(4, 0, 4, PASSAGES)
    done = run_script(script, database)
    assert done.returncode == 0, done.stderr
    by_script = everything(database)
    assert export_postgres(index.folder, database).written == 0
    with psycopg.connect(database) as connection:
        connection.execute("DROP SCHEMA sakuin CASCADE")
    export_postgres(index.folder, database)
    assert everything(database) == by_script


def test_a_script_stops_where_a_statement_fails_and_runs_no_text_of_a_document(
    index: Index, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add([{"id": "evil", "text": "x'; \"; ; COMMIT; CREATE TABLE public.injected (); x"}])
    index.add([{"id": "plain", "text": "x; COMMIT; CREATE TABLE public.injected (); x"}])
    monkeypatch.setattr(tables, "create", lambda dim: "CREATE EXTENSION no_such_extension;\n")
    script = tmp_path / "index.sql"
    export_script(index.folder, script)
    done = run_script(script, database)
    assert done.returncode == 3
    assert "no_such_extension" in done.stderr
    assert rows(database, "SELECT to_regclass('public.injected')") == [(None,)]


@pytest.mark.parametrize("others", ["CREATE TABLE sakuin.settings (id integer)", "CREATE VIEW sakuin.ours AS SELECT 1"])
def test_a_schema_of_somebody_else_is_left_alone(index: Index, database: str, tmp_path: Path, others: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(f"CREATE SCHEMA sakuin; {others}")
    with pytest.raises(ExportError, match="that no export of an index wrote"):
        export_postgres(index.folder, database)
    export_script(index.folder, tmp_path / "index.sql")
    assert "that no export of an index wrote" in run_script(tmp_path / "index.sql", database).stderr
    relations = "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('sakuin')"
    assert rows(database, relations) == [(1,)]


def test_tables_are_made_anew_beside_what_others_keep_and_not_under_what_depends_on_them(
    index: Index, database: str, tmp_path: Path
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE SCHEMA sakuin")
    export_postgres(index.folder, database)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE sakuin.notes (note text); INSERT INTO sakuin.notes VALUES ('kept')")
        connection.execute("CREATE VIEW public.titles AS SELECT title FROM sakuin.documents")
    assert export_postgres(index.folder, database).written == 0
    with pytest.raises(ExportError, match=r"view titles depends on table sakuin\.documents"):
        export_postgres(index.folder, database, dim=16)
    export_script(index.folder, tmp_path / "index.sql", dim=16)
    assert "view titles depends on" in run_script(tmp_path / "index.sql", database).stderr
    assert len(rows(database, "SELECT * FROM public.titles")) == 4
    with psycopg.connect(database) as connection:
        connection.execute("DROP VIEW public.titles")
    assert export_postgres(index.folder, database, dim=16).written == 4
    assert "ERROR" not in run_script(tmp_path / "index.sql", database).stderr
    assert rows(database, "SELECT note FROM sakuin.notes") == [("kept",)]
    assert rows(database, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'sakuin%'") == [("sakuin",)]
    assert export_postgres(index.folder, database, dim=16).written == 0


def test_the_old_tables_are_read_while_new_ones_are_written(index: Index, database: str) -> None:
    export_postgres(index.folder, database)
    index.delete(["cat"])
    seen = []

    def reader(_: str, done: int, of: int) -> None:
        with psycopg.connect(database, options="-c lock_timeout=500ms") as connection:
            seen.extend(connection.execute("SELECT count(*) FROM sakuin.documents").fetchall())

    export_postgres(index.folder, database, dim=16, progress=reader)
    assert seen[:1] == [(4,)]
    assert rows(database, "SELECT count(*) FROM sakuin.documents") == [(3,)]


def test_an_export_that_fails_changes_nothing(index: Index, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    export_postgres(index.folder, database)
    before = everything(database)
    index.delete(["cat", "copy"])
    monkeypatch.setattr(tables, "ANALYZE", "SELECT 1 / 0")
    with pytest.raises(ExportError, match="division by zero"):
        export_postgres(index.folder, database)
    assert everything(database) == before


def test_a_database_that_is_not_there_is_named(index: Index, postgres: str) -> None:
    with pytest.raises(ExportError, match='database "nowhere" does not exist'):
        export_postgres(index.folder, f"{postgres} dbname=nowhere")


def test_a_sparsevec_has_room_for_so_many_terms_and_keeps_those_that_count_most() -> None:
    weights = {str(number): 1 / (1 + number % 7919) for number in range(20_000)}
    kept = most_of(weights)
    assert len(kept) == 16_000
    assert min(kept.values()) >= max(weights[term] for term in weights.keys() - kept.keys())
    numbers, values = of_sparse(as_sparse({7: 0.5, 2: 0.125}))
    assert (numbers.tolist(), values.tolist()) == ([2, 7], [0.125, 0.5])
    assert of_sparse(as_sparse({}))[0].tolist() == []


def test_the_command_takes_the_environment_of_libpq_a_string_or_a_file(
    index: Index, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = dict(part.split("=") for part in database.split())
    for name, variable in {"host": "PGHOST", "user": "PGUSER", "dbname": "PGDATABASE"}.items():
        monkeypatch.setenv(variable, parts[name])
    for target, expected in (
        ("postgres", "4 documents written, 0 removed"),
        (f"postgresql://postgres@/{parts['dbname']}?host={parts['host']}", "0 documents written, 0 removed"),
        (database, "0 documents written, 0 removed"),
        (str(tmp_path / "out.sql"), "4 documents written"),
    ):
        done = CliRunner().invoke(cli, ["export", "--index", str(index.folder), "--to", target])
        assert done.exit_code == 0, done.output
        assert expected in done.output
    assert Counter(line.split()[0] for line in (tmp_path / "out.sql").open() if line.startswith("COPY"))["COPY"] == 5
    refused = CliRunner().invoke(cli, ["export", "--index", str(index.folder), "--to", "out.parquet", "--hnsw"])
    assert refused.exit_code == 2
    assert "--hnsw" in refused.output


def test_an_address_that_cannot_be_read_is_not_told(index: Index, tmp_path: Path) -> None:
    for target, told in (
        ("postgresql://me:se%cret@db/x", "%25"),
        ("host=db password='secret", "%25"),
        ("mysql://me:secret@db/x", "PostgreSQL"),
    ):
        done = CliRunner().invoke(cli, ["export", "--index", str(index.folder), "--to", target])
        said = f"{done.output} {done.exception}"
        assert done.exit_code in (1, 2)
        assert told in said
        assert "cret" not in said
