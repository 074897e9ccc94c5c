"""Explanations add up to the scores that are shown."""

import json
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tantivy import Query

from sakuin.embedder import StaticEmbedder
from sakuin.index.build import build, remove
from sakuin.index.settings import Settings
from sakuin.index.snapshot import open_index
from sakuin.index.store import indexed_text
from sakuin.index.terms import Terms
from sakuin.index.text import Analyser
from sakuin.search import MODES, Explanation, Hit, Searcher, SearchError
from sakuin.search.breakdown import MAX_PAIR_SPANS, explain_cosine
from sakuin.search.spans import Indexed, Span

DIMS = (1024, 512, 256, 128, 64, 32)
PIECES = (
    "猫は魚が好き",
    "有給休暇の申請",
    "password",
    " reset ",
    "ＡＢＣ",
    "㈱",
    "ﾊﾞﾅﾅ",
    "か\u3099",
    "C++",
    "犬",
    "\x01",
    "。",
)
QUERIES = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), min_size=1, max_size=6).map("".join)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    """An index of all 1024 dimensions, from which passages were removed since it was built."""
    folder = tmp_path_factory.mktemp("explained")
    corpus = folder / "corpus"
    corpus.mkdir()
    texts = {
        "leave.md": "# 休暇\n\n## 申請\n\n有給休暇の申請は三日前までに出してください。申請書は㈱サクインの棚にある。\n",
        "vpn.md": "# VPN\n\nReset your password before you connect. The password is long.\n",
        "cat.md": "# 猫\n\n猫は魚が好きです。猫の餌はﾊﾞﾅﾅではありません。猫は ＡＢＣ を知りません。\n",
        "\u10a2.txt": "\u10a0\u10a1\u10a2",
        "same.md": "# 同じ\n\n同じ\n",
        "removed.txt": "猫と犬と鳥と password を忘れる。",
        "dog.txt": "The dog likes bones.\n犬は骨が好き。\n" * 3,
    }
    for name, text in texts.items():
        (corpus / name).write_text(text, encoding="utf-8")
    build(corpus, folder / "index", Settings(dim=1024))
    remove(["removed.txt"], folder / "index")
    with Searcher.open(folder / "index") as opened:
        yield opened


def assert_adds_up(explanation: Explanation) -> None:
    """Every sum and product is that of its details."""
    values = [detail.value for detail in explanation.details]
    if explanation.operation == "sum":
        assert math.fsum(values) == pytest.approx(explanation.value, abs=1e-5)
    elif explanation.operation == "product":
        assert math.prod(values) == pytest.approx(explanation.value, rel=1e-6, abs=1e-5)
    for detail in explanation.details:
        assert_adds_up(detail)


def nodes(explanation: Explanation, code: str, **data: str) -> list[Explanation]:
    """All parts of an explanation of a code and with that data."""
    own = [explanation] if explanation.code == code and data.items() <= explanation.data.items() else []
    return own + [found for detail in explanation.details for found in nodes(detail, code, **data)]


def top(searcher: Searcher, query: str, mode: str, name: str, dim: int | None = None) -> Hit:
    """The explained hit in a file."""
    hits = searcher.search(query, mode=mode, dim=dim, explain=True).hits
    return next(hit for hit in hits if hit.document.uri == name)


def explained(hit: Hit) -> Explanation:
    assert hit.explanation is not None
    return hit.explanation


@settings(max_examples=60)
@given(query=QUERIES, mode=st.sampled_from(MODES), dim=st.sampled_from(DIMS), by=st.sampled_from(["passage", "query"]))
def test_everything_adds_up_to_the_score_shown(searcher: Searcher, query: str, mode: str, dim: int, by: str) -> None:
    for hit in searcher.search(query, mode=mode, dim=dim, explain=True).hits:
        explanation = explained(hit)
        assert explanation.value == hit.score
        assert_adds_up(explanation)
        # Rounding is small, or it would hide whatever is wrong.
        for rounding in nodes(explanation, "vector_rounding"):
            assert abs(rounding.value) < 5e-3
        for rounding in nodes(explanation, "score_rounding"):
            assert abs(rounding.value) < 1e-4 + 1e-6 * hit.score
        again = searcher.explain(query, hit, dim=dim, by=by)  # type: ignore[arg-type]
        assert again.value == hit.score
        assert_adds_up(again)
        json.dumps(again.to_dict())


@pytest.mark.parametrize("dim", DIMS)
def test_a_cosine_is_split_as_the_encoder_computes_it(searcher: Searcher, dim: int) -> None:
    """Leaving a token out of the sum leaves the cosine's numerator without its row."""
    model = searcher.model
    query, passage = "猫は魚が好き", "魚を食べる猫と犬"
    cosine = float(model.similarity(*(model.encode([text], dim) for text in (query, passage)))[0, 0])
    views = [
        explain_cosine(model, Indexed.query(query), Indexed.passage("", "", passage), dim=dim, shown=cosine, by=by)
        for by in ("passage", "query")
    ]
    for view in views:
        assert abs(view.value - math.fsum(part.value for part in view.details if part.operation)) < 1e-6
    cat = next(token for token in model.tokens(passage) if token.piece == "猫")
    vector = model.encode([passage], dim)[0]
    own = cat.weight * model.rows([cat], dim)[0]
    expected = own @ model.encode([query], dim, normalize=True)[0] / np.linalg.norm(vector)
    assert nodes(views[0], "token", side="passage", token="猫")[0].value == pytest.approx(float(expected), abs=1e-6)
    transposed = [part.value for part in nodes(views[1], "token_pair", side="passage", token="猫")]
    assert math.fsum(transposed) == pytest.approx(float(expected), abs=1e-6)


def searched_one_by_one(terms: Terms, query: str, passage_id: int) -> dict[str, float]:
    """The score of a passage for each term by itself, as a search gives it."""
    parts = {}
    for term, weight in terms.asked(query).weights.items():
        weighted = Query.boost_query(terms._term(term), weight)
        for score, _ in terms._searcher.search(terms._within([passage_id], weighted), 1, count=False).hits:
            parts[term] = float(score)
    return parts


def test_bm25_parts_are_those_of_the_index(searcher: Searcher) -> None:
    query = "猫は魚が好き password ＡＢＣ"
    with closing(open_index(searcher.folder)) as snapshot:
        terms = snapshot.terms
        for name in ("cat.md", "vpn.md", "dog.txt"):
            hit = top(searcher, query, "bm25", name)
            explanation = explained(hit)
            parts = searched_one_by_one(terms, query, int(hit.passage_id, 16))
            found = {node.data["term"]: node for node in nodes(explanation, "term")}
            assert set(parts) == set(found)
            analysed = Analyser().terms(indexed_text(hit.document.title, hit.heading, hit.text))
            for term, value in parts.items():
                node = found[term]
                assert node.value == pytest.approx(value, rel=1e-4)
                (frequency,) = nodes(node, "frequency")
                assert frequency.value == analysed.count(term)
                (length,) = nodes(node, "length")
                assert len(analysed) / 1.125 <= length.value <= len(analysed)


def test_the_formulas_are_what_their_descriptions_say(searcher: Searcher) -> None:
    for node in nodes(explained(top(searcher, "password", "bm25", "vpn.md")), "term"):
        (idf,), (tf,) = nodes(node, "idf"), nodes(node, "saturation")
        n, passages = (detail.value for detail in idf.details)
        assert idf.value == pytest.approx(math.log(1 + (passages - n + 0.5) / (n + 0.5)), rel=1e-5)
        freq, k1, b, dl, avgdl = (detail.value for detail in tf.details)
        assert tf.value == pytest.approx(freq / (freq + k1 * (1 - b + b * dl / avgdl)), rel=1e-5)
    for node in nodes(explained(top(searcher, "password", "hybrid", "vpn.md")), "normalised"):
        score, low, high = (detail.value for detail in node.details)
        assert node.value == pytest.approx((score - low) / (high - low))


def stretches(hit: Hit, node: Explanation, query: str) -> set[tuple[str, str]]:
    """The characters that a part of a score points at, with the part of the passage they stand in."""
    parts = {"query": query, "title": hit.document.title, "heading": hit.heading, "text": hit.text}
    return {(span.part, parts[span.part][span.start : span.end]) for span in node.spans}


@pytest.mark.parametrize(
    ("name", "query", "piece", "expected"),
    [
        ("cat.md", "猫", "▁abc", {("text", "ＡＢＣ")}),
        ("cat.md", "猫", "ハ", {("text", "ﾊ")}),
        ("cat.md", "猫", "猫", {("title", "猫"), ("text", "猫")}),
        ("leave.md", "申請", "株", {("text", "㈱")}),
        ("same.md", "同じ", "▁同じ", {("text", "同じ")}),
    ],
)
def test_tokens_point_at_the_original_characters(
    searcher: Searcher, name: str, query: str, piece: str, expected: set[tuple[str, str]]
) -> None:
    hit = top(searcher, query, "dense", name)
    (node,) = nodes(explained(hit), "token", side="passage", token=piece)
    assert stretches(hit, node, query) == expected


def test_tokens_of_the_query_point_into_the_query(searcher: Searcher) -> None:
    query = "㈱ の ﾊﾞﾅﾅ ＡＢＣ"
    hit = top(searcher, query, "dense", "cat.md")
    explanation = searcher.explain(query, hit, by="query")
    for piece, characters in {"株": "㈱", "ナ": "ﾅ", "▁abc": "ＡＢＣ"}.items():
        node = next(node for node in explanation.details if node.data.get("token") == piece)
        assert stretches(hit, node, query) == {("query", characters)}


def test_terms_point_at_their_characters(searcher: Searcher) -> None:
    hit = top(searcher, "有給休暇", "bm25", "leave.md")
    (node,) = nodes(explained(hit), "term", term="休暇")
    found = stretches(hit, node, "有給休暇")
    assert {("query", "休暇"), ("text", "休暇")} <= found
    assert {characters for _, characters in found} == {"休暇"}
    assert {span.part for span in node.spans} & {"title", "heading"}


def test_a_passage_without_known_tokens(searcher: Searcher) -> None:
    hit = top(searcher, "猫", "dense", "\u10a2.txt")
    explanation = explained(hit)
    assert (explanation.value, explanation.details) == (0, ())
    model = searcher.model
    nothing = explain_cosine(model, Indexed.query(""), Indexed.passage("", "", "猫"), dim=64, shown=0.0)
    assert nothing.value == 0
    assert_adds_up(nothing)


def test_a_hybrid_with_a_blind_leg(searcher: Searcher) -> None:
    words = top(searcher, "\u10a0\u10a1\u10a2", "hybrid", "\u10a2.txt")
    assert words.dense is None
    assert explained(words).code == "bm25"
    assert_adds_up(explained(words))
    meaning = searcher.search("feline", explain=True).hits[0]
    assert meaning.bm25 is None
    assert explained(meaning).code == "cosine"
    assert_adds_up(explained(meaning))


def test_a_hit_is_explained_only_by_the_search_that_found_it(searcher: Searcher) -> None:
    hit = searcher.search("猫は魚が好き", dim=128).hits[0]
    assert hit.explanation is None
    assert searcher.explain("猫は魚が好き", hit, dim=128).value == hit.score
    for query, dim in (("犬", 128), ("猫は魚が好き", 32), ("猫は魚が好き", 2000)):
        with pytest.raises(SearchError):
            searcher.explain(query, hit, dim=dim)
    with pytest.raises(SearchError, match="search again"):
        searcher.explain("猫は魚が好き", replace(hit, passage_id=f"{1:016x}"), dim=128)


def test_a_part_is_known_by_its_code_and_told_by_its_sentence(searcher: Searcher) -> None:
    explanation = explained(top(searcher, "猫は魚が好き", "hybrid", "cat.md"))
    told = explanation.to_dict()
    assert (told["code"], told["description"]) == ("fused", "fused score")
    assert {share["data"]["leg"] for share in told["details"]} == {"dense", "bm25", "interaction"}
    (term,) = (node.to_dict() for node in nodes(explanation, "term", term="魚"))
    assert term["description"] == 'term "魚"'
    assert {"part": "query", "start": 2, "end": 3} in term["spans"]
    (cosine,) = nodes(explanation, "cosine")
    assert cosine.data == {"dim": 1024, "of": 1024}


def test_text_is_indented_and_can_be_cut(searcher: Searcher) -> None:
    explanation = explained(top(searcher, "猫は魚が好き", "hybrid", "cat.md"))
    lines = str(explanation).splitlines()
    assert lines[0].endswith("fused score, sum of:")
    assert all(line.startswith("  ") for line in lines[1:])
    assert len(explanation.text(depth=1).splitlines()) == 4
    assert explanation.text(depth=0) == f"{explanation.value:.6g} = fused score"
    (cosine,) = nodes(explanation, "cosine")
    cut = cosine.text(depth=1, width=2).splitlines()
    assert len(cut) == 4
    assert math.fsum(float(line.split(" = ")[0]) for line in cut[1:]) == pytest.approx(cosine.value, abs=1e-4)


@given(
    title=st.sampled_from(["", "猫", "VPN\n社内"]),
    heading=st.sampled_from(["", "猫", "概要"]),
    text=st.sampled_from(["猫", "魚が好き", "VPN"]),
)
def test_every_character_of_a_passage_is_in_one_part(title: str, heading: str, text: str) -> None:
    indexed = Indexed.passage(title, heading, text)
    parts = {"title": title, "heading": heading, "text": text}
    for name, start, end in indexed.parts:
        assert indexed.text[start:end] == parts[name]
    assert "\n".join(parts[name] for name, _, _ in indexed.parts) == indexed.text
    assert "text" in {span.part for span in indexed.spans([(0, len(indexed.text))])}


def test_very_long_texts_stay_bounded_and_exact() -> None:
    model = StaticEmbedder.load()
    long = "".join(chr(0x4E00 + 7 * number) for number in range(1500))
    cosine = float(model.similarity(model.encode(["猫の会社"]), model.encode([long]))[0, 0])
    asked, passage = Indexed.query("猫の会社"), Indexed.passage("", "", long)
    explanation = explain_cosine(model, asked, passage, dim=1024, shown=cosine, by="query")
    assert_adds_up(explanation)
    assert abs(math.fsum(detail.value for detail in explanation.details if detail.operation) - cosine) < 1e-5
    assert all(len(detail.details) < 300 for detail in explanation.details)


def test_the_packaged_model_explains_beyond_an_index() -> None:
    model = StaticEmbedder.load()
    texts = "有給休暇はいつまでに申請しますか", "休みたいときは三日前までに届けを出します"
    cosine = float(model.similarity(model.encode(texts[:1]), model.encode(texts[1:]))[0, 0])
    asked, passage = Indexed.query(texts[0]), Indexed.passage("", "", texts[1])
    explanation = explain_cosine(model, asked, passage, dim=1024, shown=cosine)
    assert_adds_up(explanation)
    assert all(abs(node.value) < 1e-6 for node in nodes(explanation, "vector_rounding"))


def test_a_token_that_stands_everywhere_does_not_multiply_the_explanation(searcher: Searcher) -> None:
    (hit, *_) = searcher.search("有給休暇の申請。" * 200, k=1, mode="dense", explain=True).hits
    assert hit.explanation is not None
    pairs = [pair for token in hit.explanation.details for pair in token.details if pair.code == "token_pair"]
    assert pairs
    assert max(len(pair.spans) for pair in pairs) == MAX_PAIR_SPANS
    assert math.isclose(math.fsum(part.value for part in hit.explanation.details), hit.score, abs_tol=1e-6)


def test_spans_tell_all_their_fields() -> None:
    span = Span("text", 1, 3)
    assert span.to_dict() == asdict(span)
