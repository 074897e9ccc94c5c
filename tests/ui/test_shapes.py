"""The form of a document's text, read again from its file and found in the words that the index has."""

import random
import string

import pytest

from sakuin.ui.blocks import Block, Form, blocks_of
from sakuin.ui.html.reading import Marked, reading
from sakuin.ui.shapes import Shape, shaped, shapes_of_html, shapes_of_markdown

MARKDOWN = """# 手順

- 一つめの
  続き
- 二つめ
  - 中の項目

3. 三番
4. 四番

```sh
cat a | grep b

echo "<b>"
```

| 項目 | 値 |
|---|---|
| 料金 | 1 円 |
"""
# As the reader of Markdown leaves it in the index.
TEXT = """手順

一つめの続き
二つめ

中の項目

三番
四番

cat a | grep b

echo "<b>"

項目| 値
料金| 1 円"""


def words_of(text: str, block: Block) -> list[list[str]]:
    return [[text[start:end] for start, end in row] for row in block.rows]


def test_code_lists_and_tables_of_markdown_are_found_in_the_text_of_the_index() -> None:
    form = Form({0: 1}, shaped(TEXT, shapes_of_markdown(MARKDOWN)))
    found = [(one.kind, one.level, one.mark, one.head, words_of(TEXT, one)) for one in blocks_of(TEXT, 0, form)]
    assert found == [
        ("heading", 1, "", False, [["手順"]]),
        ("item", 1, "", False, [["一つめの続き"]]),
        ("item", 1, "", False, [["二つめ"]]),
        ("item", 2, "", False, [["中の項目"]]),
        ("item", 1, "3.", False, [["三番"]]),
        ("item", 1, "4.", False, [["四番"]]),
        ("code", 0, "", False, [['cat a | grep b\n\necho "<b>"']]),
        ("table", 0, "", True, [["項目", "値"], ["料金", "1 円"]]),
    ]


def test_without_a_file_there_are_still_headings_tables_and_paragraphs() -> None:
    found = [one.kind for one in blocks_of(TEXT, 0, Form({0: 1}))]
    assert found == ["heading", "paragraph", "paragraph", "paragraph", "paragraph", "paragraph", "table"]
    # A single line with a sign may be anything.
    assert [one.kind for one in blocks_of("cat a | grep b\n\nx", 0, Form())] == ["paragraph", "paragraph"]
    assert [one.kind for one in blocks_of("a | b\nc | d", 0, Form(tables=False))] == ["paragraph"]
    assert [one.kind for one in blocks_of("a | b\n\n  c | d", 0, Form(code=True))] == ["code"]


@pytest.mark.parametrize(
    ("markup", "shapes"),
    [
        (
            "<ul><li>a<li>b<ol start=7><li>c</ol></ul>",
            [("item", "a", 1, ""), ("item", "b", 1, ""), ("item", "c", 2, "7.")],
        ),
        ("<li>no list<pre>x\n <b>y</b>&lt;</pre>", [("code", "x\n y<", 0, "")]),
        ("<ul><li><p>loose</p></ul><script>pre()</script>", [("item", "loose", 1, "")]),
        ("<table><tr><th>a<th>b<tr><th>row<td>1</table>", [("head", "ab", 0, "")]),
        ("<pre>never closed", [("code", "never closed", 0, "")]),
        ("</ul></pre></li><!-- <li>", []),
        (
            "<ol start=-5><li>x</ol><ol start=99999999999999999999><li>y</ol>",
            [("item", "x", 1, "1."), ("item", "y", 1, "1.")],
        ),
    ],
)
def test_shapes_of_pages(markup: str, shapes: list[tuple[str, str, int, str]]) -> None:
    assert [(one.kind, one.text.strip(), one.level, one.mark) for one in shapes_of_html(markup)] == shapes


def test_a_shape_that_the_text_has_only_within_a_line_is_not_found() -> None:
    text = "安くて速い機械\n\n速い\n\n終わり"
    [found] = shaped(text, [Shape("item", "速い", 1), Shape("code", "別の版だけにある")])
    assert text[found.start : found.end] == "速い"
    assert found.start > 5


def test_no_character_is_lost_or_shown_twice_whatever_the_text(subtests: pytest.Subtests) -> None:
    chance = random.Random(7)
    alphabet = "ab|| \n\n<&" + string.digits[:2]
    for number in range(300):
        text = "".join(chance.choices(alphabet, k=60))
        cuts = sorted(chance.sample(range(100, 160), 2))
        markup = "".join(chance.choices(["<li>", "<pre>", "</pre>", "<ul>", "a", "b", "\n", "<th>", "</ul>"], k=20))
        blocks = blocks_of(text, 100, Form({}, [], tables=bool(number % 2)), cuts)
        shown = "".join(text[start - 100 : end - 100] for one in blocks for row in one.rows for start, end in row)
        kept = str.maketrans("", "", " |\n")
        assert shown.translate(kept) == text.translate(kept)
        assert all(found.start < found.end for found in shaped(text, shapes_of_html(markup)))


def test_what_a_document_says_is_escaped_and_words_are_marked_in_every_kind_of_block() -> None:
    text = "<b>見出し\n\n<i>項目\n\n<u>a | 探す\nb | <script>\n\nx探す探す"
    form = Form({0: 1}, shaped(text, [Shape("item", "<i>項目", 1), Shape("code", "x探す探す")]))
    marks = [(place, place + 2) for place in range(len(text)) if text.startswith("探す", place)]
    html = reading(blocks_of(text, 0, form), Marked(text, 0, marks), (8, 14), [(8, "p. <2>")])
    assert "&lt;b&gt;見出し" in html
    assert "<mark>探す探す</mark></pre>" in html
    assert '<td dir="auto"><mark>探す</mark></td>' in html
    assert "p. &lt;2&gt;" in html
    for tag in ("<b>", "<i>", "<u>", "<script>", "<2>"):
        assert tag not in html
    [chosen] = html.split('<div class="sk-passage chosen">')[1:]
    assert "項目" in chosen.split("</div>")[0]
