"""The text of a document in the form that its file had, a part at a time."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from sakuin.index.errors import ReadError
from sakuin.index.file_types import MANY_DOCUMENTS, READERS
from sakuin.index.originals import OriginalError, open_original
from sakuin.index.readers.encoding import decode
from sakuin.index.store.contents import LabelRow, read_label
from sakuin.index.store.listing import ListedDocument, ListedPassage, list_passages, reading
from sakuin.index.store.neighbours import read_neighbours
from sakuin.index.store.texts import text_length, text_part
from sakuin.search import Searcher
from sakuin.search.contributions import analyser
from sakuin.search.highlights import highlight
from sakuin.search.results import located
from sakuin.ui.blocks import Form, Span, blocks_of
from sakuin.ui.html.reading import Marked, records
from sakuin.ui.html.reading import reading as drawn
from sakuin.ui.records import columns_of, records_of
from sakuin.ui.shapes import Shaped, shaped, shapes_of_html, shapes_of_markdown
from sakuin.ui.words import Words

PER_PAGE = 25
# Bytes of a file, and characters of a text, whose form is looked for: somebody waits.
MOST_SHAPED = 500_000
# Rows of a table before the one that is open, and as many after.
ROWS_AROUND = 10
MARKUP = {"markdown": shapes_of_markdown, "html": shapes_of_html}
# Text that programs read; and what readers of plain text leave as it is.
# fmt: off
CODE = frozenset({
    "bash", "bat", "c", "cc", "cfg", "cpp", "cs", "css", "go", "h", "hpp", "ini",
    "java", "js", "json", "jsx", "kt", "lua", "php", "pl", "ps1", "py", "r", "rb",
    "rs", "scala", "sh", "sql", "swift", "toml", "ts", "tsx", "vb", "xml", "yaml", "yml",
})
# fmt: on
PLAIN = frozenset({"", "txt", "text", "log"})
# Where one is in a file, said between its words where that changes; rows and lines would change all the time.
TOLD = ("chapter", "page", "sheet", "slide")


def part_of_text(
    searcher: Searcher,
    connection: sqlite3.Connection,
    document: ListedDocument,
    page: int,
    at: int | None,
    query: str,
    words: Words,
) -> str:
    """A part of a document as HTML.

    Args:
        searcher: Of the index.
        connection: To its database.
        document: In it.
        page: Which part, from 1: of `PER_PAGE` passages each.
        at: The character from which the document was opened; its passage is set apart.
        query: Words of it are marked.
        words: In the reader's language.
    """
    label = read_label(connection, document.id)
    assert label is not None  # found a moment ago, in the same transaction
    if f".{document.kind}" in MANY_DOCUMENTS and (table := rows_around(connection, label, query)):
        return table
    first = (page - 1) * PER_PAGE
    listed = list_passages(connection, document.number, max(first - 1, 0), PER_PAGE + bool(first))
    before = listed.pop(0).end if first and listed else 0
    last = not listed or listed[-1].number == document.passages
    end = document.characters if last else listed[-1].end
    text = text_part(connection, document.number, document.id, before, end)
    chosen = chosen_span(listed, at) if at is not None and at >= before else None
    blocks = blocks_of(text, before, form_of(searcher, label, document), chosen or ())
    marks = highlight(analyser(), query, [text])[0] if query.strip() else ()
    spans = [(start + before, stop + before) for start, stop in marks]
    return drawn(blocks, Marked(text, before, spans), chosen, places_told(listed, words))


def chosen_span(listed: Sequence[ListedPassage], at: int) -> Span | None:
    """Where the passage stands that has a character, or the first after it together with the heading between."""
    passage = next((one for one in listed if one.end > at), None)
    return (min(passage.start, at), passage.end) if passage else None


def places_told(listed: Sequence[ListedPassage], words: Words) -> list[tuple[int, str]]:
    """Where another page or sheet begins, and what it is called."""
    told: list[tuple[int, str]] = []
    before = ""
    for passage in listed:
        position = {name: passage.position[name] for name in TOLD if name in passage.position}
        now = ", ".join(map(words.fact, located(position)))
        if now and now != before:
            told.append((passage.start, now))
        before = now
    return told


def rows_around(connection: sqlite3.Connection, label: LabelRow, query: str) -> str:
    """A row of a table with those before and after it, as HTML; "" of a document that is no row."""
    around = records_of(read_neighbours(connection, label, ROWS_AROUND))
    number = next((number for number, record in enumerate(around) if record.id == label.id), None)
    if number is None:
        return ""
    names = columns_of(around)
    texts = [record.text for record in around]
    marks: Sequence[Sequence[Span]] = highlight(analyser(), query, texts) if query.strip() else [()] * len(texts)
    marked = [Marked(text, 0, spans) for text, spans in zip(texts, marks, strict=True)]
    rows = [
        [draw(record.fields[name]) if name in record.fields else "" for name in names]
        for record, draw in zip(around, marked, strict=True)
    ]
    return records(names, rows, number)


def form_of(searcher: Searcher, label: LabelRow, document: ListedDocument) -> Form:
    """What is known of the form of a document."""
    headings: Mapping[int, int] = {heading.start: heading.level for heading in label.headings}
    shapes: tuple[Shaped, ...] = ()
    if READERS.get(f".{document.kind}") in MARKUP and document.characters <= MOST_SHAPED:
        shapes = shapes_of(str(searcher.folder), searcher.manifest.generation, label.id, document.kind)
    return Form(headings, shapes, code=document.kind in CODE, tables=document.kind not in PLAIN)


@st.cache_data(show_spinner=False, max_entries=8)
def shapes_of(folder: str, generation: int, document_id: str, kind: str) -> tuple[Shaped, ...]:
    """What the file of a document says of its form, none where it cannot be had; ``generation`` is that of a commit."""
    try:
        original = open_original(Path(folder), document_id, most=MOST_SHAPED)
        with original.file:
            source = decode(original.file.read(original.size))[0]
    except (OriginalError, ReadError, OSError):
        return ()
    with reading(Path(folder)) as connection:
        label = read_label(connection, document_id)
        if label is None:
            return ()
        text = text_part(connection, label.number, label.id, 0, text_length(connection, label.number, label.id))
    return shaped(text, MARKUP[READERS[f".{kind}"]](source))
