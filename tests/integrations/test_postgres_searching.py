"""An index in PostgreSQL gives the hits of the index in its folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sakuin import Index, Searcher, SearchError, StaticEmbedder
from sakuin.index.errors import IndexFolderError
from sakuin.index.terms import FirstStage
from sakuin.integrations.engines.errors import ExportError
from sakuin.search import SearchResult
from tests.examples import EXAMPLES

psycopg = pytest.importorskip("psycopg")
from sakuin.integrations.engines.postgres import tables  # noqa: E402
from sakuin.integrations.engines.postgres.searching import open_postgres  # noqa: E402
from sakuin.integrations.engines.postgres.session import Session  # noqa: E402
from sakuin.integrations.engines.postgres.writing import export_postgres  # noqa: E402

with (EXAMPLES.parent / "queries.jsonl").open(encoding="utf-8") as lines:
    QUERIES = [json.loads(line)["query"] for line in lines][::5]


@pytest.fixture(scope="module")
def exported(postgres: str, example_index: Path) -> str:
    """A database with the example index."""
    with psycopg.connect(f"{postgres} dbname=postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE examples")
    dsn = f"{postgres} dbname=examples"
    export_postgres(example_index, dsn)
    return dsn


@pytest.fixture(scope="module")
def both(exported: str, example_index: Path) -> Iterator[tuple[Searcher, Searcher]]:
    """A searcher of the folder, and one of the database."""
    with Searcher.open(example_index) as own, open_postgres(exported, model=own.model) as other:
        yield own, other


def assert_same(own: SearchResult, other: SearchResult) -> None:
    """Fails where hits, scores, relevance or places differ; BM25 scores are rounded, and may fall to either side."""
    assert [hit.document.id for hit in other.hits] == [hit.document.id for hit in own.hits]
    assert [notice.code for notice in other.notices] == [notice.code for notice in own.notices]
    assert other.answered == own.answered
    for one, two in zip(own.hits, other.hits, strict=True):
        left, right = plain(one.to_dict()), plain(two.to_dict())
        assert right == left


def plain(value: Any) -> Any:
    """Data with numbers as they are alike."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return pytest.approx(value, abs=2e-4, rel=1e-4) if isinstance(value, float) else value


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"group": "passage", "k": 30},
        {"mode": "dense", "dim": 64, "k": 5},
        {"mode": "bm25", "k": 20},
        {"k": 3, "offset": 4, "passages": 1},
    ],
    ids=str,
)
def test_every_query_has_the_same_hits(both: tuple[Searcher, Searcher], asked: dict[str, Any]) -> None:
    own, other = both
    assert len(QUERIES) > 10
    for query in QUERIES:
        assert_same(own.search(query, syntax=False, **asked), other.search(query, syntax=False, **asked))


@pytest.mark.parametrize(
    "query", ["", "ぬふあうえ", "zzzz qqqq", "けいひ", "パスワード password", "の" * 50, "🐈", "a b c"]
)
def test_queries_that_find_little_find_the_same(both: tuple[Searcher, Searcher], query: str) -> None:
    own, other = both
    assert_same(own.search(query, k=100), other.search(query, k=100))


def test_a_first_stage_lists_the_same(exported: str, example_index: Path, both: tuple[Searcher, Searcher]) -> None:
    model = both[0].model
    with Searcher.open(example_index, model=model) as own, open_postgres(exported, model=model) as other:
        for each in (own, other):
            each.whole.terms.reader.first_stage = FirstStage(from_passages=100, common=0.05, enough=5)
        left_out = 0
        for query in QUERIES:
            left_out += own.whole.terms.asked(query).leaves_out
            assert_same(own.search(query, syntax=False), other.search(query, syntax=False))
    assert left_out > 5


def test_explanations_are_the_same(both: tuple[Searcher, Searcher]) -> None:
    for query in QUERIES[:5]:
        one, two = (each.search(query, k=2, explain=True, syntax=False) for each in both)
        for left, right in zip(one.hits, two.hits, strict=True):
            assert left.explanation
            assert right.explanation
            assert right.explanation.value == pytest.approx(left.explanation.value, abs=2e-4)
            assert [part.value for part in right.explanation.details] == pytest.approx(
                [part.value for part in left.explanation.details], abs=2e-3
            )


@pytest.mark.parametrize(
    "asked",
    [
        {"where": {"type": "md"}},
        {"where": {"folder": "office", "type": {"$ne": "pdf"}}, "k": 30},
        {"where": {"uri": {"$contains": "a"}}, "mode": "bm25", "group": "passage"},
        {"where": {"type": ["md", "txt"]}, "mode": "dense", "dim": 64},
        {"facets": True},
    ],
    ids=str,
)
def test_filters_and_facets_are_those_of_the_index(both: tuple[Searcher, Searcher], asked: dict[str, Any]) -> None:
    own, other = both
    for query in QUERIES[:4]:
        left, right = own.search(query, **asked), other.search(query, **asked)
        assert_same(left, right)
        assert right.matches == left.matches
    assert other.facets() == own.facets()
    assert other.facets(where={"type": "md"}, names=["folder", "type"]) == own.facets(
        where={"type": "md"}, names=["folder", "type"]
    )


def test_which_facets_there_are_is_read_from_all_metadata_once(
    exported: str, both: tuple[Searcher, Searcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, rows = [], Session.rows

    def noting(self: Session, sql: str, given: Any = None, **more: Any) -> list[Any]:
        if sql == tables.METADATA:
            asked.append(given)
        return rows(self, sql, given, **more)

    monkeypatch.setattr(Session, "rows", noting)
    with open_postgres(exported, model=both[0].model) as searcher:
        for kind in ("md", "html", "md"):
            assert searcher.facets(where={"type": kind}) == both[0].facets(where={"type": kind})
    assert asked.count((None, None)) == 1
    assert len(asked) == 3


@pytest.mark.parametrize(
    "query",
    [
        '"有給休暇"',
        '"有給休暇" 申請',
        "休暇 -有給",
        "経費 OR 出張",
        "title:休暇 申請",
        "type:md 休暇",
        '-"有給休暇" 休暇',
    ],
)
def test_quotes_and_exclusions_find_what_they_find_in_the_index(both: tuple[Searcher, Searcher], query: str) -> None:
    own, other = both
    for asked in ({"k": 20}, {"group": "passage", "k": 20}, {"mode": "bm25", "where": {"type": {"$ne": "md"}}}):
        assert_same(own.search(query, **asked), other.search(query, **asked))


VALUES: list[dict[str, Any]] = [
    {"year": 2024, "tags": ["a", "ｂ"], "note": "請求書 A"},
    {"year": "２０２３", "tags": "a", "big": 1e16, "open": True},
    {"year": 2022.0, "big": 10**16, "date": "2024-05-01", "open": False},
    {"date": "令和6年5月2日", "price": "1,200", "type": "x"},
    {"price": 1100.5, "date": "2023"},
    {},
]
FILTERS: list[dict[str, Any]] = [
    {"year": 2024},
    {"year": [2022, 2023]},
    {"year": {"$ne": 2024}},
    {"tags": "b"},
    {"tags": {"$nin": ["a"]}},
    {"big": 1e16},
    {"big": 10**16},
    {"open": False},
    {"date": {"$gte": "2024-05-01"}},
    {"date": {"$gt": 2023, "$lt": "2024-05-02"}},
    {"price": {"$lt": 1150}},
    {"price": {"$exists": False}},
    {"note": {"$exists": True}},
    {"note": {"$contains": "ａ"}},
    {"metadata.type": "x"},
    {"id": ["d1", "d3"]},
    {"id": {"$prefix": "d"}, "year": {"$exists": True}},
    {"$or": [{"tags": "a"}, {"price": {"$gt": 1}}]},
    {"$not": {"open": True}},
]


def test_values_are_compared_and_counted_as_in_the_index(database: str, tmp_path: Path, toy_model: Path) -> None:
    model = StaticEmbedder.load(toy_model)
    with Index.open(tmp_path / "index", model=model) as index:
        index.add(
            [
                {"id": f"d{number}", "text": f"猫 {number} が好き。", "metadata": own}
                for number, own in enumerate(VALUES)
            ]
        )
        # The same passage in two documents, of which one passes.
        index.add([{"id": f"same{year}", "text": "犬も好き。", "metadata": {"year": year}} for year in (2024, 1999)])
        export_postgres(index.folder, database)
        with open_postgres(database, model=model) as searcher, index.searcher() as own:
            for where in FILTERS:
                expected = own.search("猫も犬も好き", where=where, k=20)
                assert expected.hits
                assert_same(expected, searcher.search("猫も犬も好き", where=where, k=20))
                assert searcher.facets(where=where) == own.facets(where=where)
            assert searcher.facets() == own.facets()
            assert_same(own.search("好き", sort="-year"), searcher.search("好き", sort="-year"))
            with pytest.raises(SearchError, match="has a field 'nothing'"):
                searcher.search("猫", where={"nothing": 1})


def test_a_searcher_sees_what_was_exported_since(database: str, tmp_path: Path, toy_model: Path) -> None:
    model = StaticEmbedder.load(toy_model)
    with Index.open(tmp_path / "index", model=model) as index:
        index.add([{"id": f"cat{number}", "text": f"猫 {number} が好きです。"} for number in range(40)])
        export_postgres(index.folder, database)
        with open_postgres(database, model=model) as searcher, index.searcher() as own:
            assert searcher.counts()["documents"] == 40
            index.add([{"id": f"long{number}", "text": f"{number} " + "The cat sat. " * 60} for number in range(4)])
            index.delete(["cat3"])
            index.compact()
            export_postgres(index.folder, database)
            assert searcher.counts()["documents"] == 43
            for query in ("猫 7", "the cat sat", "猫が好き 3"):
                assert_same(own.search(query), searcher.search(query))


def test_weights_by_an_older_mean_length_change_no_score(
    database: str, tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = StaticEmbedder.load(toy_model)
    monkeypatch.setattr("sakuin.integrations.engines.postgres.writing.DRIFT", 1e9)
    with Index.open(tmp_path / "index", model=model) as index:
        index.add(
            [{"id": f"cat{number}", "text": f"猫 {number} が好きです。会社"[: 5 + number]} for number in range(200)]
        )
        export_postgres(index.folder, database)
        index.add([{"id": f"long{number}", "text": f"{number} " + "The cat sat. 猫 " * 60} for number in range(50)])
        index.compact()
        export_postgres(index.folder, database)
        with psycopg.connect(database) as connection:
            (drift,) = connection.execute("SELECT value FROM sakuin.settings WHERE key = 'drift'").fetchone()
        assert drift > 0.5
        with open_postgres(database, model=model) as searcher, index.searcher() as own:
            for query in ("猫", "会社 猫", "the cat", "猫 7"):
                asked: dict[str, Any] = {"mode": "bm25", "group": "passage", "k": 20}
                assert_same(own.search(query, **asked), searcher.search(query, **asked))


def test_synonyms_go_along(database: str, tmp_path: Path, toy_model: Path) -> None:
    model = StaticEmbedder.load(toy_model)
    with Index.open(tmp_path / "index", model=model) as index:
        index.add([{"id": "tele", "text": "テレワークの手引き"}, {"id": "cat", "text": "猫が好きです。"}])
        (index.folder / "synonyms.txt").write_text("在宅勤務, テレワーク\n", encoding="utf-8")
        export_postgres(index.folder, database)
        with open_postgres(database, model=model) as searcher, index.searcher() as own:
            found = searcher.search("在宅勤務", mode="bm25")
            assert [hit.document.id for hit in found.hits] == ["tele"]
            assert_same(own.search("在宅勤務", mode="bm25"), found)


def test_two_databases_are_searched_as_one(
    postgres: str, database: str, tmp_path: Path, both: tuple[Searcher, Searcher]
) -> None:
    own, _ = both
    with psycopg.connect(f"{postgres} dbname=postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE second")
    second = f"{postgres} dbname=second"
    for number, (dsn, name) in enumerate(((database, "one"), (second, "two"))):
        with Index.open(tmp_path / name, model=own.model) as index:
            paths = sorted(path for path in EXAMPLES.rglob("*") if path.is_file())
            index.add_files(paths[number::2])
        export_postgres(tmp_path / name, dsn)
    with (
        Searcher.open([tmp_path / "one", tmp_path / "two"], model=own.model) as folders,
        open_postgres(database, second, model=own.model) as databases,
    ):
        for query in QUERIES[:10]:
            left, right = (each.search(query, syntax=False) for each in (folders, databases))
            assert [hit.document.id for hit in right.hits] == [hit.document.id for hit in left.hits]
            assert [hit.score for hit in right.hits] == pytest.approx([hit.score for hit in left.hits], abs=2e-4)


def test_a_graph_finds_most(database: str, example_index: Path, both: tuple[Searcher, Searcher]) -> None:
    export_postgres(example_index, database, hnsw=True)
    with psycopg.connect(database) as connection:
        connection.execute("SET enable_seqscan = off")
        asked = {
            "vector": str([1.0] * 256),
            "weights": f"{{1:1}}/{tables.TERM_NUMBERS}",
            "terms": [1],
            "dense": 5,
            "bm25": 5,
        }
        plan, within = (
            "\n".join(row[0] for row in connection.execute(f"EXPLAIN {sql}", asked | {"dim": 256, "among": [1]}))
            for sql in (tables.hybrid(), tables.hybrid(restricted=True))
        )
    assert "passages_hnsw" in plan
    assert "passages_terms" in plan
    # It would list the nearest of all, of which few may pass a filter.
    assert "passages_hnsw" not in within
    with open_postgres(database, model=both[0].model) as searcher:
        same = 0
        for query in QUERIES:
            found = {hit.passage_id for hit in both[0].search(query, mode="dense", group="passage").hits}
            same += len(found & {hit.passage_id for hit in searcher.search(query, mode="dense", group="passage").hits})
    assert same > 0.9 * 10 * len(QUERIES)


def test_how_many_a_graph_lists_is_set_for_one_query(database: str, example_index: Path, both: Any) -> None:
    export_postgres(example_index, database, hnsw=True)
    session = Session(database)
    set_now = "SELECT current_setting('hnsw.ef_search', true)"
    assert session.rows(set_now, by_graph=77) == [("77",)]
    assert session.rows(set_now) != [("77",)]
    session.close()


def test_a_connection_that_was_lost_is_opened_again_once(exported: str, both: tuple[Searcher, Searcher]) -> None:
    own, other = both
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'examples' AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(exported, autocommit=True) as connection:
        assert connection.execute(end).fetchall()
    assert_same(own.search("休暇"), other.search("休暇"))
    session = Session(exported)
    session.rows("SELECT set_config('statement_timeout', '20', false)")
    with pytest.raises(ExportError, match="statement timeout"):
        session.rows("SELECT pg_sleep(10)")
    session.close()
    with pytest.raises(ExportError, match="closed"):
        session.rows("SELECT 1")


def test_databases_that_are_empty_find_nothing(postgres: str, database: str, tmp_path: Path, toy_model: Path) -> None:
    model = StaticEmbedder.load(toy_model)
    with psycopg.connect(f"{postgres} dbname=postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
    second = f"{postgres} dbname=empty"
    with Index.open(tmp_path / "index", model=model) as index:
        index.add([{"id": "cat", "text": "猫が好きです。"}])
        index.delete(["cat"])
        for dsn in (database, second):
            export_postgres(index.folder, dsn)
    with open_postgres(database, second, model=model) as searcher:
        assert not searcher.search("猫").hits


def test_what_is_no_index_or_another_models_is_refused(
    database: str, exported: str, postgres: str, toy_model: Path
) -> None:
    with pytest.raises(ExportError, match="There is no index in the schema sakuin"):
        open_postgres(database)
    with pytest.raises(ExportError, match='database "nowhere" does not exist'):
        open_postgres(f"{postgres} dbname=nowhere")
    with pytest.raises(IndexFolderError, match="another model"):
        open_postgres(exported, model=StaticEmbedder.load(toy_model))
