import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sakuin.index import passages as cutting
from sakuin.index.documents import Document, Heading
from sakuin.index.passages import split, text_width

WIDTH = 60

# fmt: off
words = st.sampled_from([
    "吾輩は猫である。", "名前はまだ無い", "「そうか。」と言った。", "Mr. Smith left.", "word ", "、", "。", "\n",
    "\n\n", " ", "　", "- item\n", "1. one\n", "!?", "…", "か\u3099", "👨\u200d👩\u200d👧", "🇯🇵", "葛\U000e0100", "ﾊﾟ",
    "שלום עולם.", "(", "」", "\"'", "\x1c", "\x85", "a" * 70,
])
# fmt: on
texts = st.lists(words, max_size=40).map("".join) | st.text(max_size=300)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A document of any text, with headings anywhere in it."""
    text = draw(texts)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return Document(id="d.txt", title="d", text=text, headings=tuple(Heading(start, end, 1) for start, end in pairs))


def document(text: str, *headings: str) -> Document:
    found = tuple(Heading(text.index(words), text.index(words) + len(words), 1) for words in headings)
    return Document(id="d.txt", title="d", text=text, headings=found)


def passages(text: str, max_width: int = WIDTH) -> list[str]:
    return [text[p.start : p.end] for p in split(document(text), max_width)]


@settings(max_examples=400)
@given(documents(), st.integers(8, 200))
def test_every_visible_character_outside_headings_is_in_exactly_one_passage(doc: Document, max_width: int) -> None:
    times = [0] * len(doc.text)
    for passage in split(doc, max_width):
        for at in range(passage.start, passage.end):
            times[at] += 1
    in_heading = {at for heading in doc.headings for at in range(heading.start, heading.end)}
    for at, character in enumerate(doc.text):
        if not character.isspace():
            assert times[at] == 1 or (at in in_heading and times[at] == 0)
        assert times[at] <= 1


@settings(max_examples=400)
@given(documents(), st.integers(8, 200))
def test_passages_are_trimmed_in_order_and_no_wider_than_allowed(doc: Document, max_width: int) -> None:
    end = 0
    for passage in split(doc, max_width):
        assert end <= passage.start < passage.end <= len(doc.text)
        text = doc.text[passage.start : passage.end]
        assert text == text.strip()
        assert text_width(text) <= 1.25 * max_width
        end = passage.end


@settings(max_examples=400)
@given(documents(), st.integers(8, 200))
def test_no_passage_crosses_a_heading(doc: Document, max_width: int) -> None:
    for passage in split(doc, max_width):
        for heading in doc.headings:
            inside = heading.start <= passage.start and passage.end <= heading.end
            assert inside or passage.end <= heading.start or passage.start >= heading.end


@given(st.lists(words, max_size=60).map("".join), st.integers(8, 60))
def test_what_a_reader_sees_as_one_character_is_never_cut(text: str, max_width: int) -> None:
    for passage in split(document(text), max_width):
        first = text[passage.start]
        previous = text[passage.start - 1] if passage.start else ""
        if previous and not previous.isspace():
            assert not unicodedata.combining(first)
            assert first not in "ﾟ\u200d\U000e0100"
            assert previous != "\u200d"
            assert (previous, first) != ("🇯", "🇵")


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("日本", 4), ("日本 a", 6), ("ｱｲｳ", 3), ("　", 2), ("。", 2), ("😀", 2), ("é", 1)],
)
def test_width_counts_full_width_characters_twice(text: str, width: int) -> None:
    assert text_width(text) == width


@pytest.mark.parametrize("text", ["", " ", "\n\n　\n", "\x1c"])
def test_a_blank_document_has_no_passages(text: str) -> None:
    assert split(document(text)) == []


def test_a_short_document_is_one_passage() -> None:
    assert passages("  吾輩は猫である。名前はまだ無い。\n") == ["吾輩は猫である。名前はまだ無い。"]


def sentences(text: str) -> list[str]:
    """The sentences of a text, seen from outside: in so narrow a passage there is room for one only."""
    widest = max(text_width(part) for part in text.split("|"))
    joined = text.replace("|", "")
    parts = text.split("|")
    assert all(text_width(first) + text_width(second) > widest for first, second in pairwise(parts))
    return passages(joined, max(8, widest))


@pytest.mark.parametrize(
    "text",
    [
        "吾輩は猫である。|名前はまだ無いのである。",
        "彼は「もう終わったのだ。」と言った。|そして一人で家へ帰った。",
        "「本当にそうなのか？」と聞いた。|彼は答えなかったのだ。",
        "これは良い（すごい！）ですね。|それでは次へ行きます。",
        "本当にそうですか！？|はい、そうなんです。",
        "価格は約3.5ドルです。|とても高いですよね。",
        "Yahoo!ニュースを読む。|それから仕事をする。",
        "彼はすごい！と思った。|彼女もそう思った。",
        "次のリリースは３．５です。|お楽しみにしてください。",
        "今日はずっと雨だった.|明日はきっと晴れる.",
        "Dr. Smith went to the U.S. in May. |He liked it there very much, too.",
        "See Fig. 3 and No. 5, i.e. the map. |It is on the last page of the book.",
        'She asked him, "Why did you go?" |"Because I had to," he replied.',
        "The value is 3.14 or e.g. 2.71 here. |The file is called a.txt or b.txt.",
        "Is this really the end? |No, it is not. Not yet!",
    ],
)
def test_sentence_ends(text: str) -> None:
    assert sentences(text) == [part.strip() for part in text.split("|")]


def test_the_lines_of_a_list_are_sentences() -> None:
    assert sentences("買い物のリスト:\n|- りんごを三個\n|- みかんを五個") == [
        "買い物のリスト:",
        "- りんごを三個",
        "- みかんを五個",
    ]


def test_a_wrapped_line_is_not_the_end_of_a_sentence() -> None:
    first = "This is a line of a file that was wrapped by its author at\nsome width, as one does."
    second = "This is the next one, which is wrapped as well, as you can\nsee for yourself."
    assert passages(f"{first}\n{second}", 100) == [first, second]


def test_passages_are_as_full_as_whole_sentences_allow() -> None:
    sentence = "これは二十四文字の長さを持つ文でありますよね。"
    width = text_width(sentence)
    assert passages(sentence * 7, width * 3) == [sentence * 3, sentence * 3, sentence]


def test_a_paragraph_ends_a_passage_that_is_half_full() -> None:
    first, second = "短い段落がここにあります。" * 2, "次の段落です。"
    assert passages(f"{first}\n\n{second * 2}", 60) == [first, second * 2]
    assert passages(f"短い。\n\n{second}", 60) == [f"短い。\n\n{second}"]


def test_a_tiny_rest_joins_the_passage_before_it() -> None:
    sentence = "これはちょうど三十の幅の文だ。"
    assert passages(sentence * 2 + "短い。") == [sentence * 2 + "短い。"]
    assert passages(sentence * 2 + "短いがそれほどでもない。") == [sentence * 2, "短いがそれほどでもない。"]


def test_a_long_sentence_is_cut_at_a_comma_a_space_or_anywhere() -> None:
    assert passages("雨が降り、" * 10 + "止んだ。") == ["雨が降り、" * 6, "雨が降り、" * 4 + "止んだ。"]
    assert passages("word " * 20) == ["word " * 11 + "word", "word " * 7 + "word"]
    assert passages("あ" * 70) == ["あ" * 30, "あ" * 30, "あ" * 10]
    assert passages("1,000" * 20) == [("1,000" * 12), "1,000" * 8]


def test_headings_are_given_and_not_repeated() -> None:
    text = "まえがき。\n\n第1章\n\n本文一。\n\n第2章\n\n第3章\n\n本文三。"
    found = split(document(text, "第1章", "第2章", "第3章"))
    assert [(text[p.start : p.end], p.heading) for p in found] == [
        ("まえがき。", ""),
        ("本文一。", "第1章"),
        ("第2章", ""),
        ("本文三。", "第3章"),
    ]


def test_a_document_that_ends_with_a_heading_keeps_it() -> None:
    text = "本文。\n\n終わり"
    assert [text[p.start : p.end] for p in split(document(text, "終わり"))] == ["本文。", "終わり"]


def test_right_to_left_text() -> None:
    text = "שלום עולם. זה מבחן של טקסט ארוך מאוד שנכתב מימין לשמאל. " * 3
    assert "".join(passages(text)).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000_000,
        "あ" * 3_000_000,
        "吾輩は猫である。名前はまだ無い。" * 200_000,
        " " * 10_000_000 + "x",
        "a" + " " * 10_000_000 + "b",
        "。" * 3_000_000 + "と",
        "。" + "」" * 3_000_000 + "と",
        "か" + "\u3099" * 1_000_000,
        "🇯🇵" * 200_000,
        "." * 3_000_000 + "x",
        "\n" * 10_000_000 + "a",
    ],
    ids=lambda text: repr(text[:8]),
)
def test_a_huge_line_of_anything_is_split_in_linear_time(text: str) -> None:
    found = split(document(text))
    assert sum(len(text[p.start : p.end].replace(" ", "")) for p in found) == len("".join(text.split()))


def test_a_width_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="max_width"):
        split(document("abc"), 1)


@given(st.text("あい漢A b\n。. 、\u3000\t", max_size=120), st.integers(8, 200))
def test_a_short_text_is_cut_as_if_its_sentences_were_looked_for(text: str, max_width: int) -> None:
    document = Document(id="a", text=text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cutting, "_is_one_passage", lambda text, max_width: False)
        expected = split(document, max_width)
    assert split(document, max_width) == expected
