"""Searches kept to documents by their metadata, folder and type, and counts of what there is to choose from."""

import json
import random
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sakuin.cli.main import cli
from sakuin.embedder.model import normalized
from sakuin.index.build import build
from sakuin.index.errors import IndexFolderError
from sakuin.index.store.checksums import row_checksum
from sakuin.index.store.facets import Facet, facets, field_names
from sakuin.index.store.filters import matching_documents
from sakuin.index.store.tables import create_tables
from sakuin.index.terms import reader
from sakuin.index.vectors import Vectors, as_int8, segment, write_segment
from sakuin.index.where import BUILT_IN, called, condition_of
from sakuin.search import MODES, Notice, Searcher, SearchError
from sakuin.search.candidates import CANDIDATES
from sakuin.search.fusion import Scaling
from sakuin.search.late_interaction import FIRST

WORDS = ["猫", "犬", "会社", "休暇", "電車", "遅延", "経費", "password", "invoice", "train", "garden", "tea", "温泉"]
QUERIES = ["猫と温泉", "経費 invoice", "the train is late", "休暇を取る", "tea"]
FOLDERS = ["office", "office/rules", "home", ""]
SHARED = "この文書は社外秘です。Do not share this page."


def documents() -> dict[str, dict[str, Any]]:
    """Files of JSON Lines with what is on each line; one passage a document, and one passage in many."""
    chance = random.Random(0)
    files: dict[str, dict[str, Any]] = {}
    for number in range(420):
        folder = chance.choice(FOLDERS)
        name = f"{folder}/rows.{chance.choice(['jsonl', 'JSONL'])}".lstrip("/")
        shared = number % 30 == 7
        files.setdefault(name, {})[str(number)] = {
            "id": str(number),
            "title": "お知らせ" if shared else f"題 {number}",
            "text": SHARED if shared else " ".join(chance.choices(WORDS, k=8)) + f" {number}",
            "author": chance.choice(["山田", "Smith", 'O"Hara\\', "O'Neil %_"]),
            "year": chance.choice([2022, 2023, 2024]),
            "draft": chance.random() < 0.1,
            **({"type": "memo"} if number % 5 == 0 else {}),
        }
    return files


FILES = documents()
FIELDS = {
    f"{name}#{key}": {**{k: v for k, v in line.items() if k not in ("id", "title", "text")}, "file": name}
    for name, lines in FILES.items()
    for key, line in lines.items()
}


def text_of(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def matches(fields: Mapping[str, Any], where: Mapping[str, Sequence[str]]) -> bool:
    """The definition, over again."""

    def values(name: str) -> set[str]:
        parts = fields["file"].split("/")
        if name == "folder":
            return {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        if name == "type":
            return {parts[-1].rsplit(".", 1)[1].lower()}
        name = name.removeprefix("metadata.")
        return {text_of(fields[name])} if name in fields else set()

    return all(values(name) & set(wanted) for name, wanted in where.items())


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filters")
    for name, lines in FILES.items():
        path = folder / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines.values()), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "CODED_FROM", 300)
        build(folder / "corpus", folder / "index")
    return folder / "index"


@pytest.fixture(scope="module", params=["few", "many"])
def searcher(index: Path, request: pytest.FixtureRequest) -> Iterator[Searcher]:
    """Both ways of keeping each leg to some passages: by naming them, and by passing over the others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "CODED_FROM", 300)
        patch.setattr(reader, "NAMED", 10**9)
        if request.param == "many":
            patch.setattr(reader, "NAMED", 0)
            patch.setattr(segment, "COMPARED_CHOSEN", 0)
        with Searcher.open(index) as opened:
            assert opened.snapshot.vectors.segments[0].codes is not None
            yield opened


WHERES = st.fixed_dictionaries(
    {},
    optional={
        "author": st.lists(st.sampled_from(["山田", "Smith", 'O"Hara\\', "O'Neil %_", "nobody"]), min_size=1),
        "year": st.lists(st.sampled_from(["2022", "2023", "20"]), min_size=1),
        "draft": st.sampled_from([["true"], ["false"], ["True"], ["1"]]),
        "folder": st.lists(st.sampled_from(["office", "office/rules", "home", "off"]), min_size=1, max_size=2),
        "type": st.sampled_from([["jsonl"], ["md"], ["md", "jsonl"]]),
        "metadata.type": st.just(["memo"]),
    },
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WHERES, st.sampled_from(QUERIES), st.sampled_from(MODES), st.integers(1, 500))
def test_a_filtered_search_is_the_whole_ranking_filtered(
    searcher: Searcher, where: dict[str, list[str]], query: str, mode: str, k: int
) -> None:
    snapshot = searcher.snapshot
    allowed = {uri for uri, fields in FIELDS.items() if matches(fields, where)}
    everything = snapshot.vectors.ids
    rows = snapshot.passages(everything.tolist())
    shared = {n for n, row in rows.items() if row.text == SHARED}
    assert len(shared) == 1
    uris_of = {n: {row.places[0].uri} for n, row in rows.items()}
    for n in shared:
        uris_of[n] = {f"{name}#{key}" for name, lines in FILES.items() for key in lines if int(key) % 30 == 7}
    kept = {n for n in everything.tolist() if uris_of[n] & allowed}
    # Each leg by itself: every passage scored, the rest passed over.
    vector = searcher.model.encode([query], normalize=True)[0][: snapshot.manifest.dim]
    vector /= np.linalg.norm(vector)
    cosines = dict(zip(everything.tolist(), (snapshot.vectors.rows(everything, len(vector)) @ vector), strict=True))
    words = dict(zip(*(a.tolist() for a in snapshot.terms.search(query, len(everything))), strict=True))
    dense = sorted(kept, key=lambda n: (-cosines[n], n))
    bm25 = sorted(kept & words.keys(), key=lambda n: (-words[n], n))

    result = searcher.search(query, k=k, mode=mode, where=where, group="passage")
    found = [int(hit.passage_id, 16) for hit in result.hits]
    assert all(hit.document.uri in uris_of[n] & allowed for n, hit in zip(found, result.hits, strict=True))
    if not kept:
        assert result.notices == (Notice("nothing_matches_filter"),)
        assert not found
        return
    assert (Notice("bm25_no_match_in_filter") in result.notices) == (mode != "dense" and not bm25)
    if mode == "dense" or (mode == "hybrid" and not bm25):
        assert found == dense[:k]
        assert [hit.score for hit in result.hits] == pytest.approx([cosines[n] for n in found], abs=1e-5)
        return
    if mode == "bm25":
        assert found == bm25[:k]
        assert [hit.score for hit in result.hits] == pytest.approx([words[n] for n in found], abs=2e-4)
        return
    # What both legs list first is ranked together, and all else behind it.
    candidates = sorted({*dense[:CANDIDATES], *bm25[:CANDIDATES]})
    assert len(found) == min(k, len(kept))
    assert set(found[: len(candidates)]) <= set(candidates)
    hits, behind = result.hits[: len(candidates)], result.hits[len(candidates) :]
    assert hits[0].bm25 is not None
    scaling = hits[0].bm25.scaling
    assert scaling is not None
    of_each = [np.array([leg.get(n, 0) for n in candidates], np.float32) for leg in (cosines, words)]
    shares = [
        weight * Scaling.of(scores, weight).normalised(scores)
        for scores, weight in zip(of_each, (1 - scaling.weight, scaling.weight), strict=True)
    ]
    expected = dict(zip(candidates, np.sum(shares, axis=0).tolist(), strict=True))
    scores = [hit.dense.share + hit.bm25.share for hit in hits if hit.dense and hit.bm25]
    assert scores == pytest.approx([expected[n] for n in found[: len(hits)]], abs=1e-4)
    if k >= FIRST:
        # Late interaction only puts the first of them into another order.
        assert sorted(scores, reverse=True) == pytest.approx(sorted(expected.values(), reverse=True)[:k], abs=1e-4)
        assert scores[FIRST:] == sorted(scores[FIRST:], reverse=True)
    lower = [hit.score for hit in behind]
    assert lower == sorted(lower, reverse=True)
    assert max(lower, default=0) <= min(scores)
    for hit, n in zip(hits, found[: len(hits)], strict=True):
        for leg, ranking in ((hit.dense, dense[:CANDIDATES]), (hit.bm25, bm25[:CANDIDATES])):
            assert leg is not None
            assert leg.rank == (ranking.index(n) + 1 if n in ranking else None)


def test_no_filter_is_no_filter(searcher: Searcher) -> None:
    whole = searcher.search("猫と温泉", k=20).hits
    assert searcher.search("猫と温泉", k=20, where={}).hits == whole
    assert searcher.search("猫と温泉", k=20, where={"type": "jsonl"}).hits == whole


def test_explanations_of_filtered_hits_add_up(searcher: Searcher) -> None:
    query = "社外秘の文書を share"
    result = searcher.search(query, k=5, explain=True, where={"year": "2023", "folder": "office"})
    assert result.hits
    for hit in result.hits:
        assert hit.explanation is not None
        total = sum(detail.value for detail in hit.explanation.details)
        assert total == pytest.approx(hit.score, abs=1e-6)
        assert searcher.explain(query, hit).value == pytest.approx(hit.score)


def test_values_may_be_numbers_and_names_may_be_written_in_other_ways(searcher: Searcher) -> None:
    def uris(**where: Any) -> list[str]:
        return [hit.document.uri for hit in searcher.search("tea", k=500, mode="dense", where=where).hits]

    assert uris(year=2023, draft=True) == uris(year="2023", draft="true") != []
    assert uris(folder="office/") == uris(folder="./office") == uris(folder="office/x/..") == uris(folder=["office"])
    assert uris(type=".JSONL") == uris(type="jsonl") == uris(folder=".")
    assert uris(**{"metadata.author": "山田"}) == uris(author="山田")


def test_what_cannot_match_is_told(searcher: Searcher) -> None:
    with pytest.raises(SearchError, match=r"'autor'.*folder, type, author, draft, metadata\.type, year"):
        searcher.search("tea", where={"autor": "山田"})
    with pytest.raises(SearchError, match="No value is given for the field 'author'"):
        searcher.search("tea", where={"author": []})
    with pytest.raises(SearchError, match="'autor'"):
        searcher.facets(names=["autor"])
    with pytest.raises(SearchError, match="'autor'"):
        searcher.facets(where={"autor": "山田"})
    nothing = searcher.search("tea", where={"author": "') OR 1 --"})
    assert (nothing.hits, nothing.notices) == ((), (Notice("nothing_matches_filter"),))


def test_facets_count_documents(searcher: Searcher) -> None:
    def counted(name: str, where: Mapping[str, Sequence[str]]) -> dict[str, int]:
        kept = [fields for fields in FIELDS.values() if matches(fields, where)]
        if name == "folder":
            return Counter(fields["file"].split("/")[0] for fields in kept if "/" in fields["file"])
        if name == "type":
            return {"jsonl": len(kept)}
        key = name.removeprefix("metadata.")
        return Counter(text_of(fields[key]) for fields in kept if key in fields)

    for where in ({}, {"author": ["山田", "Smith"], "folder": ["office"]}):
        facets = searcher.facets(where)
        assert [facet.name for facet in facets] == ["folder", "type", "author", "draft", "year", "metadata.type"]
        for facet in facets:
            assert dict(facet.values) == counted(facet.name, where)
            assert list(facet.values) == sorted(facet.values, key=lambda pair: (-pair[1], pair[0]))
            # Every value that is offered finds as many documents as it promises.
            for value, number in facet.values:
                both = {**where, facet.name: [value]}
                if facet.name not in where:
                    assert len(searcher.snapshot.selection(condition_of(both)).documents) == number
    assert [(f.name, len(f.values)) for f in searcher.facets(names=["year", "folder"], limit=1)] == [
        ("folder", 1),
        ("year", 1),
    ]
    assert searcher.facets({"author": "nobody"}) == []


def test_fields_of_many_values_are_counted_when_asked_for(tmp_path: Path) -> None:
    lines = [
        {"text": f"{n} 番の文書", "number": n, "half": n // 2, "once": "x" if n == 3 else None} for n in range(101)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    build(tmp_path, tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        assert [facet.name for facet in searcher.facets()] == ["type"]
        (facet,) = searcher.facets(names=["half"], limit=2)
        assert facet.values == (("0", 2), ("1", 2))
        assert searcher.facets(names=["once"])[0].values == (("x", 1),)
        assert len(searcher.facets(names=["number"], limit=1000)[0].values) == 101


def test_filters_see_what_others_commit(corpus: Path, tmp_path: Path) -> None:
    build(corpus, tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        where = {"folder": "new"}
        assert searcher.search("猫", where=where).hits == ()
        assert [facet.name for facet in searcher.facets()] == ["type"]
        (corpus / "new").mkdir()
        (corpus / "new" / "猫.txt").write_text("猫が増えた。", encoding="utf-8")
        build(corpus, tmp_path / "index")
        assert [hit.document.uri for hit in searcher.search("猫", where=where).hits] == ["new/猫.txt"]
        assert searcher.facets()[0] == Facet("folder", (("new", 1),))


def test_folders_are_found_in_either_form_of_unicode(corpus: Path, tmp_path: Path) -> None:
    """macOS lists file names decomposed, and people type them composed."""
    decomposed = corpus / "カ\u3099イト\u3099"
    decomposed.mkdir()
    (decomposed / "a.txt").write_text("猫の案内。", encoding="utf-8")
    build(corpus, tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        for name in ("ガイド", decomposed.name):
            assert len(searcher.search("猫", where={"folder": name}).hits) == 1
        assert searcher.facets(names=["folder"])[0].values == (("ガイド", 1),)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False), st.sampled_from(["", "1", "赤"])
) | st.text(st.characters(codec="utf-8"), max_size=4)
KEYS = st.sampled_from(["a", "b", 'q"\\', "\n", "\\u8d64", "type", "metadata.a", "赤", ""])


@given(
    st.lists(st.dictionaries(KEYS, SCALARS | st.lists(SCALARS, max_size=3), max_size=3), max_size=8),
    KEYS,
    st.lists(SCALARS.filter(lambda value: value is not None), min_size=1, max_size=3),
)
def test_any_metadata_is_matched_and_counted_as_text(
    stored: list[dict[str, Any]], key: str, values: list[str | int | float | bool]
) -> None:
    def texts(value: object) -> set[str]:
        elements = value if isinstance(value, list) else [value]
        return {unicodedata.normalize("NFKC", text_of(element)) for element in elements if element is not None}

    connection = sqlite3.connect(":memory:")
    create_tables(connection)
    for number, metadata in enumerate(stored):
        written = json.dumps(metadata, ensure_ascii=False)
        label = (f"f#{number}", f"f#{number}", "f", "t", written, "[]")
        row = (number, *label, row_checksum(label), 0, "x")
        connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    assert field_names(connection) == [*BUILT_IN, *sorted({called(key) for metadata in stored for key in metadata})]
    wanted = texts(values)
    expected = [n for n, metadata in enumerate(stored) if key in metadata and texts(metadata[key]) & wanted]
    # Every name of metadata may have the prefix, and some must.
    conditions = condition_of({f"metadata.{key}": values})
    assert matching_documents(connection, conditions).tolist() == expected
    for facet in facets(connection, names=[called(key)], limit=1000):
        counted = Counter(text for metadata in stored if key in metadata for text in texts(metadata[key]))
        assert dict(facet.values) == counted


def test_names_of_fields_are_not_guessed_from_damaged_metadata() -> None:
    for metadata, damaged in (("[1]", False), ("5", False), ('{"a": 1', True)):
        connection = sqlite3.connect(":memory:")
        create_tables(connection)
        row = (1, "f", "f", "f", "t", metadata, "[]", 0, 0, "x")
        connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        with pytest.raises(IndexFolderError, match="damaged") if damaged else nullcontext():
            assert field_names(connection) == [*BUILT_IN]


@pytest.mark.parametrize("given", ["2024", "２０２４", 2024])
def test_widths_of_values_make_no_difference(tmp_path: Path, given: object) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    rows = ["甲,雪かき,２０２４,ｱﾙﾌｧ", "乙,雪かき,2024,アルファ", "丙,雪かき,2023,ベータ"]
    (corpus / "n.csv").write_text("\n".join(["title,text,year,kind", *rows]), encoding="utf-8")
    build(corpus, tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        found = searcher.search("雪かき", mode="bm25", where={"year": given}).hits
        assert sorted(place.document.title for hit in found for place in hit.places) == ["乙", "甲"]
        assert len(searcher.search("雪かき", mode="bm25", where={"kind": {"$prefix": "ｱﾙ"}}).hits) == 2
        assert len(searcher.search("雪かき", mode="bm25", where={"kind": {"$ne": "アルファ"}}).hits) == 1
        assert searcher.facets(names=["year"])[0].values == (("2024", 2), ("2023", 1))


def made_rows(number: int, seed: int) -> NDArray[np.int8]:
    """Rows of 64 dimensions whose first matter most, as Matryoshka vectors have them."""
    rows = np.random.default_rng(seed).normal(size=(number, 64)) / np.sqrt(1 + np.arange(64))
    return as_int8(rows.astype(np.float32))


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_codes_find_the_nearest_of_the_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    monkeypatch.setattr(segment, "CODED_FROM", 4000)
    monkeypatch.setattr(segment, "COMPARED_CHOSEN", 0)
    rows = made_rows(5000, 0)
    write_segment(tmp_path, "big", [(np.arange(4500), rows[:4500])])
    write_segment(tmp_path, "few", [(np.arange(4500, 5000), rows[4500:])])
    removed = np.arange(0, 5000, 7)
    opened = Vectors(tmp_path, ["big", "few"], removed)
    found = 0
    for number in range(30):
        query = made_rows(1, 1 + number)[0].astype(np.float32)
        query /= np.linalg.norm(query)
        cosines = normalized(rows.astype(np.float32)) @ query
        # None of the nearest, so that the best codes are all of others, and some that are removed.
        chosen = np.sort(np.random.default_rng(number).choice(np.argsort(cosines)[:-200], int(5000 * share), False))
        alive = np.setdiff1d(chosen, removed)
        ids, scores = opened.search(query, 10, rescored=200, within=opened.chosen(chosen))
        np.testing.assert_allclose(scores, cosines[ids], atol=1e-5)
        assert set(ids.tolist()) <= set(alive.tolist())
        found += len(set(ids.tolist()) & set(alive[np.argsort(-cosines[alive])[:10]].tolist()))
    assert found >= 0.97 * 300


def test_none_chosen_none_found(tmp_path: Path) -> None:
    write_segment(tmp_path, "one", [(np.arange(50), made_rows(50, 0))])
    opened = Vectors(tmp_path, ["one"], np.zeros(0, np.int64))
    query = normalized(made_rows(1, 1).astype(np.float32))[0]
    ids, scores = opened.search(query, 5, within=opened.chosen(np.array([77])))
    assert (len(ids), len(scores)) == (0, 0)


def invoke(index: Path, *arguments: str) -> Any:
    return CliRunner().invoke(cli, [*arguments, "--index", str(index)])


def test_the_command_line_filters(index: Path) -> None:
    conditions = ["--where", "folder=office", "--where", "author=山田", "--where", "author=O'Neil %_"]
    hits = json.loads(invoke(index, "search", "tea", "-k", "300", "--mode", "dense", "--json", *conditions).stdout)[
        "hits"
    ]
    expected = [
        uri
        for uri, fields in FIELDS.items()
        if matches(fields, {"folder": ["office"], "author": ["山田", "O'Neil %_"]}) and int(uri.split("#")[1]) % 30 != 7
    ]
    assert sorted(h["document"]["uri"] for h in hits if h["text"] != SHARED) == sorted(expected)
    malformed = invoke(index, "search", "tea", "--where", "author")
    assert (malformed.exit_code, "FIELD=VALUE, such as" in malformed.output) == (2, True)
    nothing = invoke(index, "search", "tea", "--where", "author=nobody")
    assert nothing.exit_code == 0
    assert "No document matches the filter" in nothing.output
    assert "index info --facets" in nothing.output
    unknown = invoke(index, "search", "tea", "--where", "colour=red")
    assert isinstance(unknown.exception, SearchError)


def test_info_lists_fields_and_values(index: Path) -> None:
    told = invoke(index, "info", "--facets").stdout
    with Searcher.open(index) as searcher:
        for facet in searcher.facets():
            for value, number in facet.values:
                assert f"{number:8}  {facet.name}={value}" in told.splitlines()
    facts = json.loads(invoke(index, "info", "--facets", "--json").stdout)
    assert {"value": "true", "documents": sum(f["draft"] for f in FIELDS.values())} in next(
        facet["values"] for facet in facts["facets"] if facet["name"] == "draft"
    )
    assert "facets" not in json.loads(invoke(index, "info", "--json").stdout)
