"""However many hits are asked for, and from whichever on, they are those of one list, in its order."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sakuin import Index, Searcher
from sakuin.index.documents import Document
from sakuin.index.terms import FirstStage
from sakuin.search import MODES, Hit

WORDS = ["経費", "精算", "出張", "旅費", "申請", "休暇", "password", "reset", "領収書", "期限"]
SAME = "経費の精算は月末までに申請してください。領収書を添えること。"
QUERIES = [
    "経費の精算",
    '"経費の精算"',
    "出張の経費 -旅費",
    "title:規程 経費",
    '領収書 OR "password reset"',
    "休暇の申請 kind:memo",
    "経費 after:2021 before:2024",
    "password reset",
]
MORE: list[dict[str, Any]] = [
    {"sort": "-date"},
    {"recency": "1y"},
    {"min_relevance": 0.001},
    {"where": {"kind": ["memo"]}, "passages": 1},
]
WAYS: list[dict[str, Any]] = [
    {"mode": mode, "group": group, **more}
    for mode, others in zip(MODES, (MORE, [], []), strict=True)
    for group in ("document", "passage")
    for more in ({}, *others)
]


def documents() -> list[Document]:
    """One document has a third of all passages; many others differ in a number alone, or in nothing."""
    chance = random.Random(26)

    def sentence(number: int) -> str:
        if number % 3:
            return f"{'の'.join(WORDS[(number + step) % 4] for step in range(3))}は{number}番です。"
        return f"{'の'.join(chance.sample(WORDS, 3))}を{chance.choice(['確認', '提出'])}する。経費の精算も。"

    long = "\n\n".join(f"# 第{number}節\n\n{sentence(number)}" for number in range(140))
    made = [Document(id="all", text=long, title="経費規程集", metadata={"kind": "rules", "date": "2023-04-01"})]
    for number in range(190):
        texts = [sentence(number)] if number % 4 else [SAME, sentence(number // 8)]
        made.append(
            Document(
                id=f"d{number}",
                text="\n\n".join(f"# 節{place}\n\n{text}" for place, text in enumerate(texts)),
                title="規程" if number % 2 else "覚え書き",
                metadata={"kind": "memo" if number % 5 else "note", "date": f"{2019 + number % 7}-01-01"},
            )
        )
    return made


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> list[Path]:
    """The same documents in one index, and in two others."""
    made = documents()
    found = []
    for name, some in {"one": made, "a": made[::2], "b": made[1::2]}.items():
        found.append(tmp_path_factory.mktemp(name) / "index")
        with Index.open(found[-1], model=str(toy_model), dim=64) as index:
            index.add(some)
    return found


@pytest.fixture(scope="module", params=["one", "staged", "several"])
def searcher(folders: list[Path], request: pytest.FixtureRequest) -> Iterator[Searcher]:
    """Of one index, of one that counts as large, and of several."""
    with Searcher.open(folders[1:] if request.param == "several" else folders[0]) as searcher:
        if request.param == "staged":
            searcher.snapshot.terms.first_stage = FirstStage(from_passages=50, common=0.3, enough=5)
            assert any(map(searcher.snapshot.terms.leaves_out, QUERIES))
        yield searcher


def told(hits: tuple[Hit, ...], *, scores: bool) -> list[tuple[Any, ...]]:
    """What a reader sees of hits; what one gains by its age falls from one search to the next."""
    return [
        (
            hit.rank,
            hit.document.id,
            hit.document.index,
            hit.passage_id,
            [one.passage_id for one in hit.passages],
            hit.more_passages,
            *((hit.score, hit.dense, hit.bm25, hit.interaction) if scores else ()),
        )
        for hit in hits
    ]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_fewer_hits_are_the_first_of_more(searcher: Searcher, way: dict[str, Any]) -> None:
    # Every fourth query is enough for each way to search.
    for query in QUERIES[WAYS.index(way) % 4 :: 4]:
        many = searcher.search(query, k=100, **way)
        listed = told(many.hits, scores="recency" not in way)
        for k in (1, 9, 45):
            few = searcher.search(query, k=k, **way)
            assert told(few.hits, scores="recency" not in way) == listed[:k]
            assert few.answered == many.answered


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("group", ["document", "passage"])
def test_pages_are_those_of_the_whole_list(searcher: Searcher, mode: str, group: str) -> None:
    for query in QUERIES[MODES.index(mode) :: 4]:
        whole = searcher.search(query, k=1_000, mode=mode, group=group).hits
        keys = [(hit.document.index, hit.document.id, hit.passage_id) for hit in whole]
        assert len(set(keys)) == len(keys)
        for k, offset in ((7, 5), (150, 60), (90, 250)):
            page = searcher.search(query, k=k, offset=offset, mode=mode, group=group).hits
            assert told(page, scores=True) == told(whole[offset : offset + k], scores=True)


def test_all_that_can_be_found_is_listed_with_falling_scores(searcher: Searcher) -> None:
    passages = searcher.search("経費の精算", k=1_000, group="passage").hits
    assert len(passages) == searcher.manifest.passages > 190
    named = {hit.document.id for hit in searcher.search("経費の精算", k=1_000).hits}
    assert named == {document.id for document in documents()}
    scores = [hit.score for hit in passages]
    assert scores == sorted(scores, reverse=True)
    for hit in passages:
        assert sum(leg.share for leg in hit.legs.values()) == pytest.approx(hit.score, abs=1e-6)


def test_documents_stand_where_the_best_passage_does_that_has_the_words(tmp_path: Path, toy_model: Path) -> None:
    texts = {
        "far": "# 一\n\n経費の精算の経費の精算。\n\n# 二\n\n長い話の終わりに、期限 付き 休暇 とあり、ほかは違う話。",
        "near": "# 一\n\n経費の精算と、期限 付き 休暇 の話。",
    }
    with Index.open(tmp_path / "index", model=str(toy_model), dim=64) as index:
        index.add([Document(id=name, text=text) for name, text in texts.items()])
        with index.searcher() as searcher:
            hits = searcher.search('経費の精算 "期限 付き 休暇"', mode="bm25").hits
            assert [hit.document.id for hit in hits] == ["near", "far"]
            assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
