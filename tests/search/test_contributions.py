"""What is drawn of a score adds up to it, and points at the text as it stands."""

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sakuin.embedder import StaticEmbedder
from sakuin.index.build import build
from sakuin.index.snapshot import open_index
from sakuin.search import MODES, Searcher
from sakuin.search.breakdown import term_scores
from sakuin.search.contributions import coloured, cosines, runs, strongest_pairs
from sakuin.search.spans import Indexed
from sakuin.search.token_pairs import token_pairs

TEXTS = {
    "leave.md": "# 休暇\n\n## 申請\n\n有給休暇の申請は三日前までに出してください。申請書は㈱サクインの棚にある。\n",
    "vpn.md": "# VPN\n\nReset your password before you connect. The password is long.\n",
    "cat.md": "# 猫の餌\n\n魚が好きです。ﾊﾞﾅﾅではありません。ＡＢＣ を知りません。\n",
    "same.md": "# 同じ\n\n同じ\n",
    "unknown.txt": "\u10a0\u10a1\u10a2",
}
TWO = "猫が好き", "魚が好きな猫"
QUERY = "猫 password 休暇 同じ"


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    folder = tmp_path_factory.mktemp("coloured")
    (folder / "corpus").mkdir()
    for name, text in TEXTS.items():
        (folder / "corpus" / name).write_text(text, encoding="utf-8")
    build(folder / "corpus", folder / "index")
    with Searcher.open(folder / "index") as opened:
        yield opened


@pytest.mark.parametrize("mode", MODES)
def test_runs_give_each_part_back(searcher: Searcher, mode: str) -> None:
    result = searcher.search(QUERY, mode=mode)
    assert result.hits
    for hit, colours in zip(result.hits, coloured(searcher.model, result), strict=True):
        parts = (colours.title, colours.heading, colours.text)
        texts = (hit.document.title, hit.heading, hit.text)
        assert tuple("".join(run.text for run in part) for part in parts) == texts
        at = 0
        for run in colours.text:
            inside = any(start <= at and at + len(run.text) <= end for start, end in hit.highlights)
            assert run.matched == inside
            at += len(run.text)


@pytest.mark.parametrize("dim", [None, 64])
def test_a_character_has_the_share_of_its_token(searcher: Searcher, dim: int | None) -> None:
    result = searcher.search(QUERY, mode="dense", dim=dim, explain=True)
    checked = 0
    for hit, colours in zip(result.hits, coloured(searcher.model, result), strict=True):
        passage = Indexed.passage(hit.document.title, hit.heading, hit.text)
        found = token_pairs(searcher.model, QUERY, passage.text, result.dim)
        assert hit.dense
        assert hit.explanation
        # The index has the passage's vector in int8; what that rounds is the explanation's last part.
        rounded = hit.explanation.details[-1]
        assert rounded.code == "vector_rounding"
        assert found.shares.sum() + rounded.value == pytest.approx(hit.dense.score, abs=1e-6)
        drawn: dict[str, list[float]] = {}
        for name, part in (("title", colours.title), ("heading", colours.heading), ("text", colours.text)):
            drawn[name] = [run.share for run in part for _ in run.text]
        spans = [span for token in found.passage for span in token.spans]
        for token, share in zip(found.passage, found.shares.sum(axis=0).tolist(), strict=True):
            for span in token.spans:
                if spans.count(span) == 1:
                    for place in passage.spans([span]):
                        assert drawn[place.part][place.start : place.end] == pytest.approx(
                            [share] * (place.end - place.start)
                        )
                        checked += 1
    assert checked > 20


def test_what_only_the_title_has_is_marked_there(searcher: Searcher) -> None:
    result = searcher.search("猫")
    place, hit = next((i, hit) for i, hit in enumerate(result.hits) if hit.document.uri == "cat.md")
    assert hit.highlights == ()
    colours = coloured(searcher.model, result)[place]
    assert [run.text for run in colours.title if run.matched] == ["猫"]
    # It adds the most to the cosine, too.
    assert max(colours.title, key=lambda run: run.share).text == "猫"
    assert colours.strongest == max(run.share for run in colours.title)


def test_equal_title_and_text_are_coloured_alike(searcher: Searcher) -> None:
    result = searcher.search("同じ")
    colours = coloured(searcher.model, result)[[hit.document.uri for hit in result.hits].index("same.md")]
    assert colours.title == colours.text
    assert colours.text[0].share > 0.5


def test_without_a_dense_leg_nothing_is_shaded(searcher: Searcher) -> None:
    for result in (searcher.search(QUERY, mode="bm25"), searcher.search("\u10a0\u10a1\u10a2")):
        assert result.hits
        assert [each.strongest for each in coloured(searcher.model, result)] == [0.0] * len(result.hits)


@given(st.lists(st.tuples(st.sampled_from("あいa "), st.sampled_from([0.0, 0.1, 0.2]), st.booleans()), max_size=12))
def test_runs_are_as_long_as_they_can_be(characters: list[tuple[str, float, bool]]) -> None:
    text = "".join(character for character, _, _ in characters)
    found = list(
        runs(text, np.array([share for _, share, _ in characters]), np.array([m for _, _, m in characters], bool))
    )
    assert [(c, run.share, run.matched) for run in found for c in run.text] == characters
    assert all((one.share, one.matched) != (other.share, other.matched) for one, other in pairwise(found))


@settings(max_examples=40)
@given(
    st.text(st.sampled_from("猫は魚が好き会社を休む有給 abc㈱ﾊﾞ"), max_size=40),
    st.text(st.sampled_from("猫は魚が好き会社を休む有給 abc㈱ﾊﾞ"), max_size=80),
    st.integers(1, 4),
    st.integers(1, 6),
)
def test_a_cut_table_of_pairs_adds_up_to_the_cosine(query: str, passage: str, rows: int, columns: int) -> None:
    model = StaticEmbedder.load()
    found = token_pairs(model, query, passage, 128)
    table = strongest_pairs(found, query, passage, rows, columns)
    cosine = float(model.similarity(*(model.encode([text], 128) for text in (query, passage)))[0, 0])
    assert table.values.sum() == pytest.approx(cosine, abs=1e-5)
    assert table.values.shape == (
        len(table.query) + (table.others[0] > 0),
        len(table.passage) + (table.others[1] > 0),
    )
    assert (len(table.query) + table.others[0], len(table.passage) + table.others[1]) == found.shares.shape
    # What is named is not weaker than what is not, and stands in the text.
    first = [query[slice(*token.spans[0])] for token in found.query]
    sums = np.sort(np.abs(found.shares).sum(axis=1))[::-1]
    named = [np.abs(shares).sum() for shares, text in zip(found.shares, first, strict=True) if text in table.query]
    assert sum(named) >= sums[: len(table.query)].sum() - 1e-9
    assert all(name in passage for name in table.passage)


def test_cosines_are_those_of_the_encoder(searcher: Searcher) -> None:
    model, dims = searcher.model, [32, 64, 256]
    expected = [float(model.similarity(*(model.encode([text], dim) for text in TWO))[0, 0]) for dim in dims]
    assert cosines(model, *TWO, dims) == pytest.approx(expected, abs=1e-6)
    assert cosines(model, "", "猫", dims) == [0, 0, 0]


@pytest.mark.parametrize("mode", ["hybrid", "bm25"])
def test_terms_are_read_back_as_the_index_gives_them(searcher: Searcher, mode: str) -> None:
    with closing(open_index(searcher.folder)) as snapshot:
        for hit in searcher.search(QUERY, mode=mode).hits:
            expected = snapshot.terms.explained(QUERY, int(hit.passage_id, 16))
            found = term_scores(searcher.explain(QUERY, hit))
            assert [term.term for term in found] == [term.term for term in expected]
            for one, other in zip(found, expected, strict=True):
                assert one.value == pytest.approx(other.value, rel=1e-5)
                for name in ("weight", "factor", "idf", "having", "saturation", "frequency", "length", "mean_length"):
                    assert getattr(one, name) == getattr(other, name)
    assert term_scores(searcher.explain(QUERY, searcher.search(QUERY, mode="dense").hits[0])) == []


def test_a_corpus_without_headings(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.jsonl").write_text('{"text": "猫"}\n', encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index")
    with Searcher.open(tmp_path / "index") as searcher:
        result = searcher.search("猫")
        (colours,) = coloured(searcher.model, result)
        assert "".join(run.text for run in colours.heading) == result.hits[0].heading
        assert colours.text[0].matched


def test_what_is_asked_of_documents_colours_nothing(searcher: Searcher) -> None:
    written = searcher.search("魚が好き id:cat.md")
    assert [hit.document.id for hit in written.hits] == ["cat.md"]
    chosen = searcher.search("魚が好き", where={"id": "cat.md"})
    assert coloured(searcher.model, written) == coloured(searcher.model, chosen)
