"""Words in the other kana are found where nothing has them as they are written."""

from collections.abc import Iterator

import pytest

from sakuin import Index
from sakuin.index.text.kana import in_other_kana
from sakuin.search import Searcher
from sakuin.search.breakdown import term_scores

TEXTS = {
    "password": "パスワードの長さは十二文字以上にする。",
    "mail": "メールボックスの容量を増やす。",
    "injury": "けがをしたときの届け。",
    "note": "これについてのノート。",
}


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    folder = tmp_path_factory.mktemp("kana")
    with Index.open(folder) as index:
        index.add([{"id": name, "text": text} for name, text in TEXTS.items()])
    with Searcher.open(folder) as searcher:
        yield searcher


@pytest.mark.parametrize(
    ("query", "expected", "marked"),
    [
        ("ぱすわーど", "password", "パスワード"),
        ("ぱすわーどをわすれた", "password", "パスワード"),
        ("めーるぼっくすのようりょう", "mail", "メールボックス"),
        ("ケガ", "injury", "けが"),
        ("ｹｶﾞ", "injury", "けが"),
    ],
)
def test_a_word_in_the_other_kana_is_found_marked_and_told(
    searcher: Searcher, query: str, expected: str, marked: str
) -> None:
    hit = searcher.search(query, mode="bm25", explain=True).hits[0]
    assert hit.document.id == expected
    assert marked in [hit.text[start:end] for start, end in hit.highlights]
    assert hit.explanation is not None
    assert any(score.synonym_of for score in term_scores(hit.explanation))


@pytest.mark.parametrize("query", ["パスワード", "について", "けが", "しています", "のーと", "", "memo"])
def test_what_is_found_as_it_is_written_is_not_widened(searcher: Searcher, query: str) -> None:
    assert list(in_other_kana(query, searcher.snapshot.terms.having)) == []


def test_parts_of_a_stretch_of_hiragana_are_the_longest_and_disjoint() -> None:
    known = {"メールボックス", "メール", "ボックス", "サーバ"}
    assert list(in_other_kana("めーるぼっくすとさば", lambda term: term in known)) == [
        ("めーるぼっくす", "メールボックス")
    ]
    assert list(in_other_kana("さーばーのめーるぼっくす", lambda term: term in known)) == [
        ("さーばー", "サーバ"),
        ("めーるぼっくす", "メールボックス"),
    ]
