"""Highlights point at the words of the query, in the text as it stands."""

from hypothesis import given
from hypothesis import strategies as st

from sakuin.index.text import Analyser
from sakuin.search.highlights import highlight, inside_a_word

ANALYSER = Analyser()


def marked(query: str, text: str) -> list[str]:
    (spans,) = highlight(ANALYSER, query, [text])
    return [text[start:end] for start, end in spans]


def test_words_are_marked_in_any_form() -> None:
    assert marked("password", "Reset your ＰＡＳＳＷＯＲＤ, or all passwords.") == ["ＰＡＳＳＷＯＲＤ", "passwords"]
    assert marked("サーバー", "ｻｰﾊﾞを再起動する") == ["ｻｰﾊﾞ"]
    assert marked("猫", "猫と子猫") == ["猫", "猫"]


def test_irregular_forms_are_marked() -> None:
    assert marked("要する時間", "時間を要しない") == ["時間", "要し"]
    assert marked("騒々しい", "騒騒しく、騒々しく") == ["騒騒しく", "騒々しく"]
    assert marked("くる", "昨日、きた") == ["き"]


def test_one_kanji_of_a_word_is_not_marked_elsewhere() -> None:
    assert marked("証拠", "証明書の証拠") == ["証拠"]


JAPANESE = st.text(st.sampled_from("検索索引走るりったコピーバ猫は、。ＡＢc ｻｰﾞ々"), max_size=30)


@given(JAPANESE, JAPANESE)
def test_marks_are_those_of_the_terms_that_both_have(query: str, text: str) -> None:
    wanted = {term for term, start, end in ANALYSER.spans(query) if not inside_a_word(query, start, end)}
    places = {i for term, start, end in ANALYSER.spans(text) if term in wanted for i in range(start, end)}
    (spans,) = highlight(ANALYSER, query, [text])
    found = {i for start, end in spans for i in range(start, end)}
    assert found <= places
    # The long vowel that ends a word and is not part of its term may be left unmarked, and a mark that repeats a kanji,
    # with the sound mark that is attached to it.
    assert all(text[i] in "ーｰ々ﾞ" for i in places - found)


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=80))
def test_spans_are_sorted_disjoint_and_inside(query: str, text: str) -> None:
    (spans,) = highlight(ANALYSER, query, [text])
    at = -1
    for start, end in spans:
        assert at < start < end <= len(text)
        at = end
