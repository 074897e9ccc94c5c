"""Of pages of manuals the words are read, and not the links that lead through them; their sources have titles."""

from pathlib import Path

import pytest

from tests.index.test_readers import headings, one

ROW = '<a accesskey="p" href="a">Prev</a> <a accesskey="u" href="u">Up</a> <a accesskey="n" href="b">Next</a>'


def html(folder: Path, markup: str) -> str:
    return one(folder, "a.html", markup).text


@pytest.mark.parametrize(
    "heading",
    [
        '<h2>Yeast<a class="headerlink" href="#yeast">¶</a></h2>',
        '<h2>Yeast <a class="headerlink" href="#yeast" title="Link to this heading">\uf0c1</a></h2>',
        '<h2><a href="#yeast">§</a>Yeast</h2>',
        '<h2><span>Yeast</span><span><a href="p.html#yeast"> # </a></span></h2>',
        '<div><h2>Yeast</h2> <a href="#yeast">🔗</a></div>',
        '<a class="anchor" href="#yeast">→</a><h2>Yeast</h2>',
    ],
)
def test_a_link_of_a_heading_to_itself_is_no_text(tmp_path: Path, heading: str) -> None:
    document = one(tmp_path, "a.html", f"{heading}<p>It rises.</p>")
    assert document.text == "Yeast\n\nIt rises."
    assert headings(document) == [("Yeast", 2)]


def test_nor_is_that_of_an_entry_or_of_a_heading_of_markdown(tmp_path: Path) -> None:
    entry = '<dl><dt>knead(dough)<a class="headerlink" href="#knead">¶</a><dd>Kneads it.</dl>'
    assert html(tmp_path, entry) == "knead(dough)\nKneads it."
    assert one(tmp_path, "a.md", '## Yeast <a href="#yeast">#</a>\n\nIt rises.').text == "Yeast\n\nIt rises."


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ('<h2><a class="anchor" href="#c">Yeast</a></h2>', "Yeast"),
        ('<h2><a class="header" href="#c">§ 3</a> 発酵</h2>', "§ 3 発酵"),
        ('<h2><a class="anchor" href="#c">序</a></h2>', "序"),
        ('<p>See <a href="#c">§</a> of the code, and C<a href="#d">#</a>.</p>', "See § of the code, and C#."),
        ('<h2>Language C<a href="/sharp">#</a></h2>', "Language C#"),
        ('<h2><a class="anchor" href="#c"><img alt="麦の穂"></a></h2>', "麦の穂"),
    ],
)
def test_other_links_with_signs_are_text(tmp_path: Path, markup: str, text: str) -> None:
    assert html(tmp_path, markup) == text


@pytest.mark.parametrize(
    "row",
    [
        # DocBook, whose rows have the names of the neighbours beside the links
        f'<div class="navheader"><table><tr><th>Chapter 5. Ovens</th></tr><tr><td>{ROW}</td></tr></table></div>',
        f'<div class="navfooter"><table><tr><td>{ROW}<tr><td>4.2. How long a dough of wheat has to rest'
        '<td><a accesskey="h" href="i">Home</a><td>5.1. How hot an oven for a dough of rye must be</table></div>',
        '<div class="navfooter"><a accesskey="n" href="b"><img alt="Next"></a> 2. Ovens</div>',
        # the same without its classes
        f'<div><table><tr><td>{ROW}<tr><td><a accesskey="h" href="i">Home</a></table></div>',
        # Texinfo
        '<div><p>Next: <a rel="next" href="b">Ovens</a>, Previous: <a rel="prev" href="a">Dough</a> '
        '[<a href="i" rel="index">Index</a>]</p></div>',
        '<ul class="pager"><li><a rel="prev" href="a">より古い投稿</a><li><a rel="next" href="b">より新しい</a></ul>',
        # Sphinx
        '<div class="related"><h3>Navigation</h3><ul><li><a href="i">index</a><li><a href="n">next</a> |'
        '<li><a href="/">The handbook of breads and cakes</a> » <li>Ovens and how they are heated, and what with</ul>'
        "<script>show('a long call that nobody sees, of the field for searching');</script></div>",
        '<div role="navigation"><h3>目次</h3><ul><li><a href="#a">窯</a><li><a href="#b">薪</a></ul></div>',
        '<ol class="breadcrumb"><li><a href="/">Home</a><li><a href="/b">Breads</a><li>Ovens</ol>',
        '<div aria-label="breadcrumb"><a href="/">Home</a> / Ovens</div>',
    ],
)
def test_rows_of_links_to_other_pages_are_left_out(tmp_path: Path, row: str) -> None:
    title = "<title>Ovens and how they are heated, and what with — The handbook</title>"
    assert html(tmp_path, f"{title}<p>Before.</p>{row}<p>Wood is put in</p>") == "Before.\n\nWood is put in"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (f"<div>{ROW}<p>Bake it</p></div>", "Prev Up Next\n\nBake it"),
        (f"<div><div>{ROW}</div><div>Bake it</div></div>", "Bake it"),
        (f"<div>{ROW} Bake it. Then eat.</div>", "Prev Up Next Bake it. Then eat."),
        (f"<section>{ROW}</section><p>Bake it</p>", "Prev Up Next\n\nBake it"),
        ('<div>Go on with <a rel="next" href="b">ovens</a></div>', "Go on with ovens"),
        ('<div><h1><a rel="home" href="/">Breads</a></h1><a rel="next" href="b">Ovens</a></div>', "Breads\n\nOvens"),
        ('<div role="navigation">閉館は六時です</div>', "閉館は六時です"),
        ('<div class="related"><a href="b">Ovens</a> are hot. Take care.</div>', "Ovens are hot. Take care."),
        ('<div class="navheader">Bake it</div>', "Bake it"),
        (f'<div class="navfooter"><p>Bake it at once<div class="never">{ROW}', "Bake it at once\n\nPrev Up Next"),
    ],
)
def test_what_has_words_of_its_own_is_read(tmp_path: Path, markup: str, text: str) -> None:
    assert html(tmp_path, markup) == text


@pytest.mark.parametrize(
    ("name", "source", "title"),
    [
        ("a.rst", ".. currentmodule:: bread\n\n.. _oven:\n\nOvens\n=====\n\nHot.", "Ovens"),
        ("a.rst", ":orphan:\n\n=======\n Ovens\n=======\n\nHot.", "Ovens"),
        ("a.rst", "A sentence comes first.\n\n窯の種類\n--------\n\n三つある。", "窯の種類"),
        ("a.rst.txt", "They are hot\n\nOvens\n=====\nHot.\n", "Ovens"),
        ("a.txt", ".. highlight:: sh\n\n:mod:`oven` --- Heating, ``rye`` and `wheat <w.html>`_\n####\n\nHot.",
         "oven --- Heating, rye and wheat"),
        ("a.rst", "Hot.\n\n----\n\n  Indented\n  ========\n\n====  ====\na     b\n====  ====\n", "a"),
        ("a.txt", "Date: Fri, 1 May 2020\nFrom: A. Baker <a@example.org>\nSubject: Ovens\n of wood\n\nHot.", "Ovens"),
        ("a.txt", "件名：窯の点検\n差出人：山田\n\n本文です。\n", "窯の点検"),
        ("a.txt", "From: A. Baker\nAbstract: Heating\n with wood.\n\nOvens\n=====\nHot.\n", "Ovens"),
        ("a.txt", "Date: 1 May 2020\n\nOvens\n\nHot.", "Ovens"),
        ("a.txt", "Ovens: a list\n\nHot.", "Ovens: a list"),
        ("a.txt", "// by the bakers\n/* all\n of them */\n\nOvens\n\nHot.", "Ovens"),
        ("a.txt", "Copyright (c) 2020 The bakers\n\nOvens may be lit.", "a"),
        ("a.txt", "BAKE(1)      Manual of bakers      BAKE(1)\n\nNAME\n", "BAKE(1)"),
        ("a.txt", ":mod:`oven`\n\nHot.", ":mod:`oven`"),
    ],
)  # fmt: skip
def test_a_text_is_called_what_its_reader_would_call_it(tmp_path: Path, name: str, source: str, title: str) -> None:
    assert one(tmp_path, name, source).title == title
