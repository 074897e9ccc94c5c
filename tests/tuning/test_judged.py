"""Judged queries: their file, and what they name in an index."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakuin.index import store
from sakuin.index.build import build
from sakuin.search import Searcher
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.judged import (
    JudgedQuery,
    Source,
    judged_query,
    judgements_of,
    names_in_ranking,
    parse_judged,
    read_judged,
    sources_of,
)

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples" / "queries.jsonl"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "cat.md").write_text("# 猫\n\n猫は魚が好き。\n", encoding="utf-8")
    (corpus / "copy.md").write_text("# 猫\n\n猫は魚が好き。\n", encoding="utf-8")
    (corpus / "rows.csv").write_text("text\n犬は骨が好き。\n馬は草が好き。\n", encoding="utf-8")
    build(corpus, folder / "index")
    return folder / "index"


@pytest.fixture
def connection(index: Path) -> Iterator[sqlite3.Connection]:
    with closing(store.connect(index, read_only=True)) as opened:
        yield opened


def written(folder: Path, *lines: str) -> Path:
    path = folder / "judged.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "judged.jsonl"
    path.write_bytes('{"query": "雪", "relevant": ["a.md"]}\r\n'.encode("utf-8-sig"))
    assert read_judged(path) == [JudgedQuery("雪", {"a.md": 1.0})]
    assert parse_judged(path.read_bytes(), "judged.jsonl") == read_judged(path)
    path.write_bytes(b"\xef\xbb\xbf\r\n" + '{"query": "雪", "relevant": ["a.md"]}'.encode())
    assert read_judged(path) == [JudgedQuery("雪", {"a.md": 1.0})]


def test_the_forms_of_a_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '{"query": "猫", "relevant": ["cat.md", "copy.md"], "paraphrase": true}',
        "",
        '{"query": "犬", "relevant_docs": ["rows.csv"]}',
        '{"query": "馬", "relevant": {"rows.csv#row=2": 3, "cat.md": 0}}',
        '{"query": "猫", "relevant": {"cat.md": 2}}',
    )
    assert read_judged(path) == [
        JudgedQuery("猫", {"cat.md": 2, "copy.md": 1}),
        JudgedQuery("犬", {"rows.csv": 1}),
        JudgedQuery("馬", {"rows.csv#row=2": 3, "cat.md": 0}),
    ]


def test_the_example_queries_can_be_read() -> None:
    judged = read_judged(EXAMPLES)
    assert len(judged) == len(EXAMPLES.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"query": "犬"}', "'relevant' is missing"),
        ('{"relevant": ["cat.md"]}', "'query' is missing"),
        ('{"query": " ", "relevant": ["cat.md"]}', "empty"),
        ('{"query": 3, "relevant": ["cat.md"]}', "string"),
        ('{"query": "犬", "relevant": "cat.md"}', "must be a list of names, or an object"),
        ('{"query": "犬", "relevant": [1]}', "must be a list of names"),
        ('{"query": "犬", "relevant": []}', "nothing that should be found"),
        ('{"query": "犬", "relevant": {"cat.md": 0}}', "nothing that should be found"),
        ('{"query": "犬", "relevant": {"cat.md": -1}}', "0 or more"),
        ('{"query": "犬", "relevant": {"cat.md": true}}', "must be a number"),
        ('{"query": "犬", "relevant": {"cat.md": "3"}}', "must be a number"),
        ('["犬"]', "not an object"),
        ('{"query": ', "not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path: Path, line: str, reason: str) -> None:
    path = written(tmp_path, '{"query": "猫", "relevant": ["cat.md"]}', line)
    with pytest.raises(EvaluationError, match=f"{path}, line 2.*{reason}"):
        read_judged(path)


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="is empty"):
        read_judged(written(tmp_path))
    with pytest.raises(EvaluationError, match="Cannot read"):
        read_judged(tmp_path / "none.jsonl")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=5,
    )
)
def test_any_json_is_read_or_refused(relevant: object) -> None:
    try:
        query, gains = judged_query({"query": "猫", "relevant": relevant})
    except (KeyError, TypeError, ValueError):
        return
    assert query == "猫"
    assert max(gains.values()) > 0 <= min(gains.values())
    assert all(isinstance(name, str) for name in gains)
    json.dumps(gains, allow_nan=False)


def test_names_are_documents_files_or_passages(index: Path, connection: sqlite3.Connection) -> None:
    with Searcher.open(index) as searcher:
        cat = searcher.search("猫").hits[0].passage_id
    names = ["cat.md", "rows.csv", "rows.csv#row=2", cat]
    judged = [JudgedQuery("a", dict.fromkeys(names, 1.0)), JudgedQuery("b", {"gone.md": 1, "0" * 16: 1, "cat.md": 0})]
    judgements = judgements_of(judged, connection)
    assert judgements.queries == (judged[0],)
    assert judgements.unknown == ("gone.md", "0" * 16)
    assert judgements.left_out == 1


def test_judgements_of_another_index_are_refused(connection: sqlite3.Connection) -> None:
    with pytest.raises(EvaluationError, match=r"such as gone\.md, .*index search"):
        judgements_of([JudgedQuery("a", {"gone.md": 1, "too.md": 1})], connection)


def test_a_passage_counts_as_what_the_judgements_call_it(index: Path, connection: sqlite3.Connection) -> None:
    with Searcher.open(index) as searcher:
        passage_id = int(searcher.search("猫").hits[0].passage_id, 16)
    sources = sources_of([passage_id, 5], connection)
    assert sources == {passage_id: [Source("cat.md", "cat.md"), Source("copy.md", "copy.md")]}
    passage = f"{passage_id:016x}"
    rows = [Source("rows.csv#row=2", "rows.csv")]
    for own, gains, expected in [
        (sources[passage_id], {}, ["cat.md"]),
        (sources[passage_id], {"copy.md": 1.0}, ["copy.md"]),
        (sources[passage_id], {"copy.md": 1.0, "cat.md": 0.0}, ["cat.md", "copy.md"]),
        (sources[passage_id], {passage: 1.0, "cat.md": 1.0}, [passage]),
        (rows, {"rows.csv": 1.0}, ["rows.csv"]),
        (rows, {"rows.csv": 1.0, "rows.csv#row=2": 2.0}, ["rows.csv#row=2"]),
        ([], {}, [passage]),
    ]:
        assert names_in_ranking(passage_id, own, gains) == expected
