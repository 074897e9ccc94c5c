"""`Index`, as a program uses it."""

import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sakuin import Document, DocumentError, FilterError, Index, IndexFolderError, SearchError, StaticEmbedder
from sakuin.index.lock import acquire
from sakuin.index.readers.guarded import Limits
from tests.examples import EXAMPLES


@pytest.fixture(scope="session")
def model(toy_model: Path) -> StaticEmbedder:
    return StaticEmbedder.load(toy_model)


@pytest.fixture
def index(tmp_path: Path, model: StaticEmbedder) -> Iterator[Index]:
    with Index.open(tmp_path / "index", model=model) as opened:
        yield opened


def ids(index: Index, query: str, **options: Any) -> list[str]:
    """Documents that a search by words finds, with all places of each passage."""
    with index.searcher() as searcher:
        hits = searcher.search(query, mode="bm25", group="passage", **options).hits
    return [place.document.id for hit in hits for place in hit.places]


def test_documents_come_are_replaced_and_go(index: Index) -> None:
    assert len(index) == 0
    first = {"id": "faq-1", "text": "猫が好きです。", "title": "猫", "year": 2024, "tags": ["a", "b"]}
    second = Document(id="faq-2", text="The cat sat on the mat.", uri="https://example.com/2")
    assert index.add([first, second]).added == 2
    assert ids(index, "猫") == ["faq-1"]
    assert index.add([first, second]).unchanged == 2
    assert index.add({"id": "faq-1", "text": "犬が好きです。"}).updated == 1
    assert (ids(index, "猫"), ids(index, "犬")) == ([], ["faq-1"])
    assert index.get(["faq-2", "nobody", "faq-1"]) == [second, Document(id="faq-1", text="犬が好きです。")]
    assert index.delete(["faq-1", "nobody"]).removed == 1
    assert [document.id for document in index.documents()] == ["faq-2"]
    assert index.verify() == []
    index.compact()
    index.repair()
    assert index.verify() == []


@pytest.mark.parametrize("together", [1, 2, 3, 256])
def test_of_documents_of_one_id_the_last_counts(index: Index, monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    """However many are stored together."""
    monkeypatch.setattr("sakuin.index.lots.DOCUMENTS_AT_ONCE", together)
    rng = random.Random(together)
    held: dict[str, str] = {}
    for _ in range(3):
        records = [{"id": rng.choice("abcde"), "text": f"text {rng.randrange(3)}"} for _ in range(20)]
        expected = {"added": 0, "updated": 0, "unchanged": 0, "removed": 0}
        for record in records:
            same = held.get(record["id"]) == record["text"]
            expected["unchanged" if same else "updated" if record["id"] in held else "added"] += 1
            held[record["id"]] = record["text"]
        assert asdict(index.add(records)) == expected
        assert {document.id: document.text for document in index.documents()} == held
        assert index.verify() == []


def test_one_call_is_one_commit(index: Index) -> None:
    index.add({"id": "a", "text": "猫です。"})

    def records() -> Iterator[dict[str, Any]]:
        yield {"id": "a", "text": "犬です。"}
        yield {"id": "b", "text": "鳥です。"}
        yield {"id": "c", "text": "魚です。", "metadata": {"owner": {"name": "x"}}}

    with pytest.raises(DocumentError, match=r"'c'.*'owner'.*dict"):
        index.add(records())
    assert [document.text for document in index.documents()] == ["猫です。"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": "猫"}, "no id"),
        ({"id": " ", "text": "猫"}, "no id"),
        ({"id": True, "text": "猫"}, "no id"),
        ({"id": "x"}, "no text"),
        ({"id": "x", "text": None}, "no text"),
        ({"id": "x", "text": 3}, "text is a int"),
        ({"id": "x", "text": "猫", "size": {1: 2}}, "'size'"),
        ({"id": "x", "text": "猫", "size": [b"1"]}, "bytes"),
        ({"id": "x", "text": "猫", "size": float("inf")}, "inf"),
        ({"id": "x", "text": "猫", "metadata": "none"}, "not a dictionary"),
        ({"id": "x", "text": "猫", "metadata": "{none"}, "not a dictionary"),
        ({"id": "x", "text": "猫", "metadata": "[1]"}, "not a dictionary"),
        ({"id": "x", "text": "猫", "heading_spans": "[[0, 1]]"}, "no list of"),
        ({"id": "x", "text": "猫", "heading_spans": [[0, 9, 1]]}, "inside the text"),
        ({"id": "x", "text": "猫", "size": 10**30}, "64 bits"),
        ("猫", "give documents"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(index: Index, record: Any, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        index.add([{"id": "fine", "text": "犬"}, record])
    assert len(index) == 0


def test_metadata_is_kept_as_json_has_it(index: Index) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "id": [1, 2],
            "text": ["猫です。", "犬です。"],
            "score": [1.5, None],
            "day": [pandas.Timestamp("2024-05-01"), pandas.NaT],
            "n": np.array([7, 8]),
        }
    )
    index.add(frame)
    index.add(
        {"id": "d", "text": "鳥です。", "on": date(2024, 1, 2), "at": datetime(2024, 1, 2, 3, tzinfo=UTC), "x": None}
    )
    found = {document.id: document.metadata for document in index.documents()}
    assert found["1"] == {"score": 1.5, "day": "2024-05-01", "n": 7}
    assert found["2"] == {"n": 8}
    assert found["d"] == {"on": "2024-01-02", "at": "2024-01-02T03:00:00+00:00"}


def test_twins_are_both_found(index: Index) -> None:
    text = "会社を休むときは早く知らせる。"
    index.add([{"id": "a", "text": text, "year": 2023}, {"id": "b", "text": text, "year": 2024}])
    assert ids(index, "会社") == ["a", "b"]
    with index.searcher() as searcher:
        (hit,) = searcher.search("会社", mode="bm25", where={"year": 2024}, group="passage").hits
        assert (hit.document.id, [place.document.id for place in hit.places], hit.place_count) == ("b", ["b"], 1)
    index.delete(["a"])
    assert ids(index, "会社") == ["b"]
    index.add({"id": "a", "text": text})
    assert sorted(ids(index, "会社")) == ["a", "b"]


def test_ready_made_passages_are_not_cut(index: Index) -> None:
    text = "一つ目の文です。" * 100
    index.add({"id": "whole", "text": text}, split=False)
    index.add({"id": "cut", "text": text + "終わり。"})
    with index.searcher() as searcher:
        whole, cut = (
            searcher.search("文", mode="bm25", where={"id": name}, group="passage").hits for name in ("whole", "cut")
        )
        assert [hit.text for hit in whole] == [text]
        assert len(cut) > 1


FIELDS: dict[str, dict[str, Any]] = {
    "faq-1": {"year": 2021, "tags": ["a", "b"], "due": "2024-05-01"},
    "faq-2": {"year": 2024, "tags": "b", "due": date(2024, 6, 30), "author": "山田"},
    "doc-1": {"year": "1,999", "due": "2023年12月"},
    "doc-2": {},
}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"year": 2024}, "faq-2"),
        ({"year": [2021, "2024"]}, "faq-1 faq-2"),
        ({"year": {"$gte": 2021, "$lt": 2024}}, "faq-1"),
        ({"year": {"$lt": 2021}}, "doc-1"),
        ({"year": 2024.0}, "faq-2"),
        ({"due": {"$gte": "2024"}}, "faq-1 faq-2"),
        ({"due": date(2024, 6, 30)}, "faq-2"),
        ({"year": {"$ne": 2021}}, "faq-2 doc-1 doc-2"),
        ({"year": {"$nin": [2021, 2024]}}, "doc-1 doc-2"),
        ({"tags": "b"}, "faq-1 faq-2"),
        ({"due": {"$gt": "2024-05-01"}}, "faq-2"),
        ({"due": {"$lte": date(2024, 5, 1)}}, "faq-1 doc-1"),
        ({"author": {"$exists": True}}, "faq-2"),
        ({"author": {"$exists": False}}, "faq-1 doc-1 doc-2"),
        ({"id": {"$prefix": "faq-"}}, "faq-1 faq-2"),
        ({"id": ["doc-2", "faq-1"]}, "faq-1 doc-2"),
        ({"uri": {"$prefix": "doc"}, "year": {"$exists": True}}, "doc-1"),
        ({"$or": [{"year": 2024}, {"id": "doc-2"}]}, "faq-2 doc-2"),
        ({"$not": {"$or": [{"year": 2024}, {"id": "doc-2"}]}}, "faq-1 doc-1"),
        ({"$and": [{"tags": "a"}, {"tags": "b"}]}, "faq-1"),
    ],
)
def test_one_language_of_filters(index: Index, where: dict[str, Any], found: str) -> None:
    index.add({"id": name, "text": f"猫が好きです。{name}", "metadata": fields} for name, fields in FIELDS.items())
    with pytest.raises(FilterError, match="'yaer'"):
        list(index.documents(where={"yaer": 2024}))
    assert [document.id for document in index.documents(where=where)] == found.split()
    assert sorted(ids(index, "猫", where=where)) == sorted(found.split())


@pytest.mark.parametrize(
    "where",
    [
        {"year": {"$near": 3}},
        {"$xor": [{"year": 1}]},
        {"year": {"$gt": "recent"}},
        {"year": []},
        {"year": {}},
        {"year": {"$exists": 1}},
        {"year": {"$gt": [1, 2]}},
        {"$or": []},
        {"year": {"a": {"b": 1}}},
        ["year"],
    ],
)
def test_a_filter_that_makes_no_sense_is_an_error(index: Index, where: Any) -> None:
    index.add({"id": "a", "text": "猫です。", "year": 2024})
    with pytest.raises(FilterError):
        list(index.documents(where=where))
    with index.searcher() as searcher, pytest.raises(SearchError):
        searcher.search("猫", where=where)


def test_writers_wait_for_each_other(index: Index) -> None:
    threads = [threading.Thread(target=index.add, args=({"id": n, "text": f"文書 {n}"},)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(index) == 6


def test_a_writer_that_does_not_end_is_named(index: Index, model: StaticEmbedder) -> None:
    lock = acquire(index.folder, 5)
    try:
        started = time.monotonic()
        with pytest.raises(IndexFolderError, match=r"Process \d+ is writing"):
            Index.open(index.folder, model=model, timeout=0.2).add({"id": "a", "text": "猫"})
        assert time.monotonic() - started < 20
    finally:
        lock.release()
    assert index.add({"id": "a", "text": "猫"}).added == 1


def test_another_model_or_dimension_is_refused(index: Index, tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="another model"):
        Index.open(index.folder, model=StaticEmbedder.load())
    with pytest.raises(IndexFolderError, match="dim"):
        Index.open(index.folder, model=index.model, dim=32)
    assert Index.open(index.folder, model=index.model).folder == index.folder


def test_files_and_documents_live_side_by_side(index: Index, corpus: Path) -> None:
    index.add({"id": "mine", "text": "会社の予定です。"})
    report = index.sync(corpus)
    assert (report.added, len(index)) == (3, 5)
    assert index.sync(corpus).unchanged == 3
    with pytest.raises(DocumentError, match=r"leave\.txt"):
        index.add({"id": "leave.txt", "text": "別の文書"})
    assert index.delete(["leave.txt", "rows.jsonl#a"]).removed == 2
    assert index.sync(corpus).added == 1
    assert "mine" in [document.id for document in index.documents()]
    index.remove_files(["vpn.md"])
    index.add_files(corpus / "vpn.md")
    assert {document.id for document in index.documents()} >= {"mine", "vpn.md", "leave.txt"}


def test_files_are_left_out_checked_and_bounded_as_on_the_command_line(index: Index, corpus: Path) -> None:
    index.sync(corpus, exclude=["*.md"])
    assert "vpn.md" not in [document.id for document in index.documents()]
    index.add_files(corpus, exclude=["*.jsonl", "leave.txt"], checksum=True)
    assert "vpn.md" in [document.id for document in index.documents()]
    (corpus / "page.html").write_text(f"<p>{'長いページ。' * 20_000}</p>", encoding="utf-8")
    report = index.sync(corpus, limits=Limits(seconds=-10.0))
    assert [(skipped.uri, skipped.reason.code) for skipped in report.skipped] == [("page.html", "needs_too_much_time")]


def test_a_long_stream_goes_through_files(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a commit holds back beyond some vectors is in a file, which is gone after it."""
    monkeypatch.setattr("sakuin.index.pending.SPOOLED_FROM", 10)
    monkeypatch.setattr("sakuin.index.writer.BATCH", 4)
    index.add({"id": n, "text": f"猫 {n} 匹"} for n in range(50))
    index.add({"id": n, "text": f"猫 {n} 匹"} for n in range(50, 95))
    assert (len(index), index.verify()) == (95, [])
    assert not list((index.folder / "vectors").glob("spool*"))
    with index.searcher() as searcher:
        assert searcher.search("猫", k=100, mode="dense").hits[-1].rank == 95


SCALARS = (
    st.text(max_size=6)
    | st.integers(-(2**50), 2**50)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=4),
        st.tuples(
            st.text(min_size=1, max_size=30).filter(str.strip),
            st.dictionaries(st.text(max_size=4), SCALARS | st.lists(SCALARS, max_size=3), max_size=3),
        ),
        max_size=5,
    )
)
def test_what_is_added_is_what_is_got(model: StaticEmbedder, tmp_path_factory: Any, records: dict[str, Any]) -> None:
    def stored(value: Any) -> Any:
        if isinstance(value, str):
            return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)
        return [stored(one) for one in value] if isinstance(value, list) else value

    given = {stored(name): own for name, own in records.items() if name.strip()}
    with Index.open(tmp_path_factory.mktemp("any") / "index", model=model) as index:
        index.add({"id": name, "text": text, "metadata": metadata} for name, (text, metadata) in given.items())
        for document in index.get(list(given)):
            text, metadata = given[document.id]
            assert document.text == stored(text)
            assert document.metadata == {stored(name): stored(value) for name, value in metadata.items()}
        assert len(index) == len(given)
        index.delete(list(given))
        assert len(index) == 0


def test_a_place_that_was_tampered_with_is_not_shown(index: Index) -> None:
    index.add({"id": name, "text": "会社の予定です。"} for name in "abc")
    for change in ("heading = 'other'", "start = 1", "document = 1"):
        with closing(sqlite3.connect(index.folder / "documents.db")) as connection:
            connection.execute(f"UPDATE passages SET {change} WHERE document = 3")
            with index.searcher() as searcher:
                connection.commit()
                with pytest.raises(IndexFolderError, match="damaged"):
                    searcher.search("会社", mode="bm25")
        assert index.verify()
        index.delete(["c"])
        with closing(sqlite3.connect(index.folder / "documents.db")) as connection:
            connection.execute("DELETE FROM passages WHERE document = 1 AND id > 1")
            connection.commit()
        index.add({"id": "c", "text": "会社の予定です。"})


def test_damage_does_not_become_whole_by_merging(index: Index) -> None:
    index.add({"id": n, "text": f"猫 {n} 匹"} for n in range(40))
    index.add({"id": "one", "text": "犬 一 匹"})
    path = min((index.folder / "vectors").glob("*.int8.npy"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 0xFF
    path.write_bytes(data)
    assert [problem.code for problem in index.verify()] == ["changed_file"]
    with pytest.raises(IndexFolderError, match="index repair"):
        index.compact()
    assert [problem.code for problem in index.verify()] == ["changed_file"]
    index.repair()
    assert index.verify() == []


def test_several_make_a_new_index_at_once(tmp_path: Path, model: StaticEmbedder) -> None:
    failed: list[BaseException] = []

    def work(name: int) -> None:
        try:
            Index.open(tmp_path / "new", model=model).add({"id": name, "text": f"文書 {name}"})
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(Index.open(tmp_path / "new", model=model)) == 6


def test_the_callers_errors_are_not_those_of_the_index(index: Index) -> None:
    def records() -> Iterator[dict[str, Any]]:
        yield {"id": "a", "text": "猫"}
        raise FileNotFoundError("theirs")

    with pytest.raises(FileNotFoundError, match="theirs"):
        index.add(records())
    assert len(index) == 0


@pytest.mark.parametrize("by", ["delete", "remove_files"])
def test_a_file_whose_name_was_taken_is_read_once_it_is_free(index: Index, corpus: Path, by: str) -> None:
    index.add({"id": "rows.jsonl#a", "text": "別の文書です。"})
    assert "same_document_name" in str([skipped.reason.to_dict() for skipped in index.sync(corpus).skipped])
    getattr(index, by)(["rows.jsonl#a"])
    report = index.sync(corpus)
    assert (report.updated, report.skipped) == (1, [])
    assert index.get(["rows.jsonl#a"])[0].text == "猫は魚が好きです。"


def test_a_document_is_removed_though_a_file_is_called_so(index: Index, corpus: Path) -> None:
    index.add({"id": "leave.txt", "text": "別の文書です。"})
    index.sync(corpus)
    index.remove_files(["leave.txt"])
    assert not index.get(["leave.txt"])
    assert index.sync(corpus).added == 1


def test_a_file_of_which_nothing_is_left_is_read_again(index: Index, corpus: Path) -> None:
    index.sync(corpus)
    index.delete(["rows.jsonl#a", "rows.jsonl#b", "vpn.md"])
    assert index.sync(corpus).added == 2
    assert [document.id for document in index.get(["vpn.md", "rows.jsonl#a"])] == ["vpn.md", "rows.jsonl#a"]


def test_endless_marks_take_no_endless_time(index: Index) -> None:
    """Normalising sorts them, in time that grows with the square of their number."""
    marks = "\u0315" * 50_000 + "\u0300" * 50_000
    started = time.process_time()
    index.add({"id": "a", "text": f"cat {marks}", "title": marks, "n": marks})
    with index.searcher() as searcher:
        searcher.search(f"cat {marks}", where={"n": {"$exists": True}})
        assert not searcher.search("cat", where={"n": {"$gt": 1}}).hits
        with pytest.raises(SearchError, match="at most"):
            searcher.search("cat", where={"n": {"$gt": marks}})
    assert time.process_time() - started < 20


def test_tuning_is_kept_where_it_is_better(example_index: Path, tmp_path: Path) -> None:
    shutil.copytree(example_index, tmp_path / "index")
    with Index.open(tmp_path / "index") as index:
        comparison = index.tune(EXAMPLES.parent / "queries.jsonl")
        with index.searcher() as searcher:
            assert searcher.model is index.model
            tuned = searcher.manifest.fusion
    assert comparison.better
    assert tuned == asdict(comparison.tuned)
