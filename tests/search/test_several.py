"""Several indexes are searched as one: the same hits, scores, relevance and explanations as in one of all documents."""

import itertools
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from sakuin import Index, Searcher
from sakuin.cli.main import cli
from sakuin.index.documents import Document, Heading
from sakuin.index.errors import IndexFolderError
from sakuin.index.terms import FirstStage
from sakuin.search import SearchError, SearchRequest, SearchResult, local_documents
from sakuin.search.explanation import Explanation
from sakuin.search.joining import in_one_before, join
from sakuin.search.local_part import LocalPart
from sakuin.search.ranking import rank
from sakuin.search.reading import UnknownDocumentError

NUMBERS = (2, 3, 7)
# BM25 scores are rounded to four decimals, and a sum in another order may fall on the other side of an edge.
BM25 = 1.5e-4
SHARE = 5e-5
RELEVANCE = 2e-4

WORDS = [
    "猫",
    "犬",
    "出張",
    "経費",
    "申請",
    "休暇",
    "password",
    "reset",
    "電車",
    "遅延",
    "証明",
    "温泉",
    "meeting",
    "予定",
]
ENDS = ["の手順を説明します。", "について話した。", "は来月から変わる。", " is described here.", "が好きな人は多い。"]
DISCLAIMER = "この文書は社外秘です。無断で転載しないでください。"

SEARCHES: list[dict[str, Any]] = [
    {},
    {"mode": "bm25"},
    {"mode": "dense"},
    {"group": "passage", "k": 25},
    {"offset": 7, "k": 6},
    {"dim": 32},
    {"where": {"year": {"$gte": 2020}}},
    {"where": {"folder": "a"}, "mode": "bm25"},
    {"sort": "-year", "k": 8},
    {"recency": "5y"},
    {"min_relevance": 0.2},
    {"k": 120, "passages": 5},
]
QUERIES = [
    "出張の経費を申請する",
    "reset my password",
    "猫と犬はどちらが好き",
    "meetingの予定",
    "社外秘",
    '"経費" 申請',
    "電車 -遅延",
    "title:猫 温泉",
    "休暇 OR 温泉 year:2021",
    "けいひ",
    "わからないことば zzzzz",
    "",
]


def documents() -> list[Document]:
    """150 documents of one to six passages, some of which stand in many of them."""
    rng = random.Random(5)
    made = []
    for number in range(150):
        sentences = []
        for _ in range(rng.randint(1, 12)):
            sentences.append("と".join(rng.sample(WORDS, rng.randint(1, 4))) + rng.choice(ENDS))
        if not number % 4:
            sentences.append("\n\n" + DISCLAIMER)
        uri = f"{rng.choice('abc')}/{number}.md"
        title = rng.choice(WORDS) if number % 3 else ""
        if not number % 10:
            # One passage of many documents, and of all indexes.
            sentences, title = [DISCLAIMER], ""
        made.append(
            Document(id=uri, uri=uri, text="\n\n".join(sentences), title=title, metadata={"year": 2015 + number % 11})
        )
    return made


def write(folder: Path, some: Sequence[Document], model: Path, dim: int | None = 64) -> Path:
    with Index.open(folder, model=str(model), dim=dim) as index:
        index.add(some)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> dict[int, list[Path]]:
    """The same documents in one index, and dealt to several of unlike sizes; the second has some long ones."""
    folder = tmp_path_factory.mktemp("several")
    # Places of a passage are in the order in which its documents came, so they come in the order of the indexes.
    rng = random.Random(7)
    made = sorted(documents(), key=lambda one: (len(one.text) > 250, rng.random()))
    found = {1: [write(folder / "one", made, toy_model)]}
    for number in NUMBERS:
        cuts = [round(len(made) * (place / number) ** 1.5) for place in range(number + 1)]
        parts = [made[start:end] for start, end in itertools.pairwise(cuts)]
        found[number] = [write(folder / f"{number}-{place}", part, toy_model) for place, part in enumerate(parts)]
    return found


@pytest.fixture(scope="module")
def one(folders: dict[int, list[Path]]) -> Iterator[Searcher]:
    with Searcher.open(folders[1]) as searcher:
        yield searcher


@pytest.fixture(scope="module", params=NUMBERS)
def several(folders: dict[int, list[Path]], request: pytest.FixtureRequest) -> Iterator[Searcher]:
    with Searcher.open(folders[request.param]) as searcher:
        yield searcher


def require_same(found: SearchResult, expected: SearchResult) -> None:
    """The same hits in the same order, but for those whose scores are the same."""
    assert found.answered == expected.answered
    assert found.notices == expected.notices
    assert found.suggestions == expected.suggestions
    assert [hit.score for hit in found.hits] == pytest.approx([hit.score for hit in expected.hits], abs=BM25)
    ties = {round(hit.score, 3) for hit in expected.hits}
    if len(ties) == len(expected.hits):
        assert [hit.document.id for hit in found.hits] == [hit.document.id for hit in expected.hits]
    theirs = {(hit.document.id, hit.passage_id): hit for hit in expected.hits}
    last = expected.hits[-1].score if expected.hits else 0.0
    for hit in found.hits:
        if (other := theirs.get((hit.document.id, hit.passage_id))) is None:
            assert hit.score == pytest.approx(last, abs=BM25)
            continue
        assert hit.text == other.text
        assert hit.highlights == other.highlights
        assert (hit.relevance is None) == (other.relevance is None)
        assert hit.relevance == pytest.approx(other.relevance, abs=RELEVANCE)
        assert hit.place_count == other.place_count
        assert {place.document.id for place in hit.places} == {place.document.id for place in other.places}
        assert hit.more_passages == other.more_passages
        assert [passage.passage_id for passage in hit.passages] == [passage.passage_id for passage in other.passages]
        assert hit.legs.keys() == other.legs.keys()
        for name, leg in hit.legs.items():
            assert leg.score == pytest.approx(other.legs[name].score, abs=BM25)
            assert leg.share == pytest.approx(other.legs[name].share, abs=BM25 if leg.scaling is None else SHARE)
        if hit.explanation and other.explanation:
            require_same_parts(hit.explanation, other.explanation)


def order_of(part: Explanation) -> tuple[str, str, str]:
    return part.code, str(sorted(part.data.items())), str(part.spans)


def require_same_parts(found: Explanation, expected: Explanation) -> None:
    """The same explanation, but for what rounding makes of it."""
    assert found.code == expected.code
    assert found.value == pytest.approx(expected.value, abs=BM25, rel=1e-5)
    known = [part for part in expected.details if not part.code.endswith("rounding")]
    own = [part for part in found.details if not part.code.endswith("rounding")]
    assert len(own) == len(known)
    for part, other in zip(sorted(own, key=order_of), sorted(known, key=order_of), strict=True):
        require_same_parts(part, other)


@pytest.mark.parametrize("search", SEARCHES, ids=str)
def test_they_rank_as_one(one: Searcher, several: Searcher, search: dict[str, Any]) -> None:
    # Every other query is enough for each way to search.
    for query in QUERIES[SEARCHES.index(search) % 2 :: 2] if search else QUERIES:
        explain = search.keys() <= {"dim", "recency"}
        require_same(several.search(query, explain=explain, **search), one.search(query, explain=explain, **search))


def test_a_whole_of_one_part_is_that_index(one: Searcher) -> None:
    with ThreadPoolExecutor(1) as beside, Searcher.open(one.folder) as searcher:
        part = LocalPart(searcher.snapshot, beside)
        joined = join([part], searcher.model)
        assert joined.manifest.background == one.manifest.background
        for query in QUERIES[:5]:
            request = SearchRequest(query=query)
            found, expected = (rank(whole, searcher.model, request) for whole in (joined, searcher.whole))
            assert [hit.passage_id for hit in found.hits] == [hit.passage_id for hit in expected.hits]
            assert [hit.score for hit in found.hits] == pytest.approx([hit.score for hit in expected.hits], abs=SHARE)


def test_what_chance_gives_is_that_of_all(one: Searcher, several: Searcher) -> None:
    assert several.manifest.passages == one.manifest.passages
    assert several.manifest.background == one.manifest.background
    assert one.manifest.background


def test_a_first_stage_lists_the_same(one: Searcher, several: Searcher) -> None:
    staged = FirstStage(from_passages=50, common=0.3, enough=5)
    queries = ["猫餌と東京の出張の経費", "reset the password of 電車", "温泉と犬の予定"]
    with Searcher.open(one.folder) as alone, Searcher.open(several.folders) as together:
        alone.snapshot.terms.first_stage = staged
        together.whole.terms.reader.first_stage = staged
        assert any(alone.whole.terms.asked(query).leaves_out for query in queries)
        for query in queries:
            require_same(together.search(query), alone.search(query))


def test_hits_name_their_index_and_explain_themselves_again(several: Searcher) -> None:
    hits = several.search("出張の経費", k=40).hits
    assert len({hit.document.index for hit in hits}) > 1
    assert {hit.document.index for hit in hits} <= set(map(str, several.folders))
    for hit in hits[:5]:
        with Searcher.open(hit.document.index) as own:
            assert own.document(hit.document.id).text[hit.start : hit.end] == hit.text
        assert several.explain("出張の経費", hit).value == pytest.approx(hit.score)
    with pytest.raises(SearchError, match="another score"):
        several.explain("別の質問", hits[0])
    assert several.vectors(hits).any(axis=1).all()


def test_one_document_id_in_two_indexes_is_two_documents(tmp_path: Path, toy_model: Path) -> None:
    texts = ["猫の話です。", "猫と犬の話です。"]
    folders = [
        write(tmp_path / str(place), [Document(id="a.md", text=text), Document(id="b.md", text=DISCLAIMER)], toy_model)
        for place, text in enumerate(texts)
    ]
    with Searcher.open(folders) as searcher:
        found = [hit for hit in searcher.search("猫の話").hits if hit.document.id == "a.md"]
        assert {(hit.document.index, hit.text) for hit in found} == set(zip(map(str, folders), texts, strict=True))
        # A passage of both is one passage, with a place in each.
        both = searcher.search("社外秘", group="passage", k=1).hits[0]
        assert [place.document.index for place in both.places] == list(map(str, folders))
        assert both.place_count == 2
        assert searcher.manifest.passages == 3


def test_a_commit_to_one_is_seen(tmp_path: Path, toy_model: Path) -> None:
    folders = [
        write(tmp_path / name, [Document(id=f"{name}.md", text=f"{name}の猫の話です。")], toy_model) for name in "ab"
    ]
    with Searcher.open(folders) as searcher:
        assert len(searcher.search("猫").hits) == 2
        with Index.open(folders[1]) as index:
            index.add([Document(id="c.md", text="遅れて来た猫の話です。")])
        assert {hit.document.id for hit in searcher.search("猫").hits} == {"a.md", "b.md", "c.md"}


def test_of_unlike_dimensions_the_smaller_is_compared(tmp_path: Path, toy_model: Path) -> None:
    one = write(tmp_path / "a", [Document(id="a.md", text="猫の話です。")], toy_model, dim=64)
    two = write(tmp_path / "b", [Document(id="b.md", text="犬の話です。")], toy_model, dim=32)
    with Searcher.open([one, two]) as searcher:
        result = searcher.search("猫と犬")
        assert result.dim == 32
        assert len(result.hits) == 2
        with pytest.raises(SearchError, match="32"):
            searcher.search("猫", dim=64)


def test_what_cannot_be_searched_together_is_refused(tmp_path: Path, toy_model: Path) -> None:
    one = write(tmp_path / "a", [Document(id="a.md", text="猫の話です。")], toy_model)
    other = tmp_path / "b"
    with Index.open(other) as index:
        index.add([Document(id="b.md", text="犬の話です。")])
    with pytest.raises(IndexFolderError, match=r"different models.*Build one of them again"):
        Searcher.open([one, other])
    with pytest.raises(SearchError, match="named twice"):
        Searcher.open([one, tmp_path / "." / "a"])
    with pytest.raises(SearchError, match="No index is named"):
        Searcher.open([])


def test_of_several_what_is_asked_of_one_says_so(several: Searcher) -> None:
    with pytest.raises(SearchError, match="open the index that a hit names"):
        several.skipped()


def test_documents_of_several_are_near_each_other(one: Searcher, several: Searcher) -> None:
    hit = several.search("出張の経費", k=1).hits[0]
    found, expected = several.similar(hit), one.similar(hit.document.id, passage=hit.passage_id)
    assert found.id == expected.id == hit.document.id
    scores = [near.score for near in expected.documents]
    assert [near.score for near in found.documents] == pytest.approx(scores, abs=2e-6)
    indexes = set(map(str, several.folders))
    assert all(near.document.index in indexes for near in found.documents)
    assert len({near.document.index for near in found.documents}) > 1
    same, theirs = several.duplicates(above=0.99), one.duplicates(above=0.99)
    assert [group.count for group in same.exact] == [group.count for group in theirs.exact]
    assert {document.index for group in same.exact for document in group.documents} == indexes


def test_no_document_is_near_itself_where_a_copy_lies_elsewhere(
    tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_documents, "AVERAGED", 5)
    headings = tuple(Heading(number * 20, number * 20 + 1, 1) for number in range(8))
    text = "".join(f"{number} 猫と{WORDS[number]}の話です。".ljust(19) + "\n" for number in range(8))
    documents = [Document(id=name, text=text, headings=headings) for name in ("long", "copy")]
    documents += [Document(id=name, text=f"{name}の犬の話です。") for name in "xy"]
    folders = [write(tmp_path / f"{place}", documents[place::2], toy_model) for place in range(2)]
    with Searcher.open(folders) as searcher:
        assert searcher.manifest.passages == 10
        for name, other in (("long", "copy"), ("copy", "long")):
            found = searcher.similar(name).documents
            assert found[0].document.id == other
            assert found[0].score == pytest.approx(1, abs=1e-5)
            assert {one.document.id for one in found} == {other, "x", "y"}


def test_a_hit_of_several_is_known_in_its_own_index(tmp_path: Path, toy_model: Path) -> None:
    folders = [
        write(
            tmp_path / name,
            [Document(id=f"{name}{n}", text=f"{name}の猫の{n}番目の話です。") for n in range(3)],
            toy_model,
        )
        for name in "ab"
    ]
    with Searcher.open(folders) as searcher:
        (hit,) = searcher.search("aの猫の1番目の話です。", mode="bm25", k=1).hits
    assert (hit.document.id, hit.document.index) == ("a1", str(folders[0]))
    with Searcher.open(folders[0]) as own:
        assert {one.document.id for one in own.similar(hit).documents} == {"a0", "a2"}
        assert own.read(hit).id == "a1"


def test_what_an_index_before_has_too_is_found_in_however_many_they_are() -> None:
    rng = random.Random(0)
    for number in range(1, 6):
        each = [np.array(sorted(rng.sample(range(60), rng.randrange(40))), np.int64) for _ in range(number)]
        found = in_one_before(each)
        for place, own in enumerate(each):
            before = {one for ids in each[:place] for one in ids.tolist()}
            assert found[place].tolist() == [one for one in own.tolist() if one in before]


def test_documents_are_read_from_the_index_that_has_them(several: Searcher) -> None:
    for hit in several.search("出張の経費", k=6).hits:
        document = several.document(hit.document.id)
        assert document.text[hit.start : hit.end] == hit.text
        assert document.index == hit.document.index
        having = [name for name in map(str, several.folders) if several.file_location(hit.document.id, index=name)]
        assert having == [hit.document.index]
        excerpt = several.read(hit, around=1)
        assert (excerpt.id, excerpt.index) == (hit.document.id, hit.document.index)
        assert hit.text in excerpt.text
        assert several.read(hit.passage_id, document=hit.document.id).id == hit.document.id
        assert several.read(1, document=hit.document.id, index=hit.document.index).passage.number == 1
    with pytest.raises(UnknownDocumentError):
        several.document("nowhere.md")
    with pytest.raises(SearchError, match="No index here is called 'x'"):
        several.document("a/1.md", index="x")


def test_of_two_documents_of_an_id_the_first_is_read_or_that_of_the_index(tmp_path: Path, toy_model: Path) -> None:
    folders = [
        write(tmp_path / name, [Document(id="a.md", text=f"{name}の猫の話です。")], toy_model) for name in ("一", "二")
    ]
    with Searcher.open(folders) as searcher:
        assert searcher.document("a.md").text == "一の猫の話です。"
        for hit in searcher.search("猫").hits:
            assert searcher.read(hit).text == hit.text
            assert searcher.document("a.md", index=hit.document.index).text == hit.text
        listed = searcher.documents().documents
        assert [(one.id, one.index) for one in listed] == [("a.md", str(folder)) for folder in folders]
        with pytest.raises(SearchError, match="No index here is called 'x'"):
            searcher.file_location("a.md", index="x")
        for wrong in ({"most": 0}, {"most": True}, {"after": -1}, {"most_bytes": 0}):
            with pytest.raises(SearchError, match=f"by {next(iter(wrong))} = "):
                searcher.documents(**wrong)
    run = CliRunner().invoke(cli, ["read", "a.md", *(f"--index={folder}" for folder in folders[::-1])])
    assert run.output.split("\n")[:2] == [f"  {folders[1]}: a.md", "二の猫の話です。"]
    run = CliRunner().invoke(cli, ["duplicates", "--above=0", *(f"--index={folder}" for folder in folders)])
    assert [line.strip() for line in run.output.splitlines()[1:]] == [f"{folder}: a.md" for folder in folders]
