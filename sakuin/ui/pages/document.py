"""A document to read, opened from a hit or from the list of documents; of which one, the address says."""

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from sakuin.index.originals import OriginalError, open_original
from sakuin.index.store.listing import (
    ListedDocument,
    ListedPassage,
    count_passages,
    find_document,
    list_passages,
    read_metadata,
    reading,
)
from sakuin.search import Searcher, SearchError
from sakuin.search.contributions import analyser
from sakuin.search.highlights import highlight
from sakuin.search.reading import OutlineHeading, read_outline
from sakuin.search.results import located
from sakuin.ui import ASSETS
from sakuin.ui.html import listings, pieces
from sakuin.ui.originals import is_shown
from sakuin.ui.pages.document_text import PER_PAGE, part_of_text
from sakuin.ui.widgets import Position, choose_page, offer_file
from sakuin.ui.words import Words

MOST_MATCHES = 500
MOST_HEADINGS = 1_000
SIMILAR = 5
# What a browser does not take away at the beginning of a line.
INDENT = "\u2003"


def open_document(document_id: str | None, at: int | None = None, index: int | None = None) -> None:
    """Show one document, from a character of its text on, or what was there before it again.

    Args:
        document_id: Of the document; None for what was there before it.
        at: The character.
        index: Where several are searched, the place of the document's own among them; None for that of the open one.
    """
    st.session_state["part"] = None
    # The place first: Back stops between the two, at the document.
    if at is None:
        st.query_params.pop("at", None)
    if document_id is None:
        st.query_params.pop("doc", None)
        st.query_params.pop("of", None)
    if document_id is not None:
        # At once, for each change is an entry of the browser's history.
        place = {} if at is None else {"at": str(at)}
        st.query_params.update({"doc": document_id, **place, **({"of": str(index)} if index else {})})


def opened() -> str | None:
    """The document that the address names."""
    return st.query_params.get("doc")


def opened_in(indexes: int) -> int:
    """The place of the open document's index among so many."""
    asked = st.query_params.get("of", "")
    return int(asked) if asked.isdecimal() and len(asked) < 6 and int(asked) < indexes else 0


def show_document(
    searcher: Searcher, document_id: str, back: str, words: Words, query: str = "", whole: Searcher | None = None
) -> None:
    """A document's facts and its text, a part at a time, with ways to go on from there.

    Args:
        searcher: Of the index.
        document_id: Any text, as an address may hold it.
        back: Key of the words on the button that leads back.
        words: In the reader's language.
        query: Words of it are marked in the text, and passages that have some are stepped through.
        whole: What is searched, where the index is a shard of it.
    """
    whole = whole or searcher
    # Stays in sight while the text is read.
    bar = st.container(horizontal=True, gap="small", vertical_alignment="center", key="bar")
    bar.button(
        words(back), icon=":material/arrow_back:", type="tertiary", key="back", on_click=open_document, args=(None,)
    )
    with reading(searcher.folder) as connection:
        document = find_document(connection, document_id)
        if document is None:
            st.html(pieces.message(words("no_such_document_title"), words("no_such_document", uri=document_id)))
            return
        at = place_asked()
        text, starts = matches(searcher, document.id, query)
        with bar:
            step_through(document.id, starts, at, words)
            offer_original(searcher, whole.folder, document.id, position_of(connection, document, at), words)
        st.html(listings.document_facts(document, read_metadata(connection, document.number), words))
        offer_outline(searcher, document.id, words)
        rows = st.container()
        if not st.session_state.get("part"):
            before = count_passages(connection, document.number, at) if at is not None else 0
            st.session_state["part"] = min(before, max(document.passages - 1, 0)) // PER_PAGE + 1
        page = choose_page("part", document.passages, PER_PAGE)
        cut = st.toggle(words("passages_of"), key="cut", bind="query-params")
        rows.html(
            shown(connection, document, page, at, text, words)
            if cut
            else part_of_text(searcher, connection, document, page, at, text, words)
        )
    show_similar(whole, document.id, words)
    bring_into_view()(key="place", data={"document": document.id, "at": at}, height=0)


def offer_original(searcher: Searcher, named: Path, document_id: str, position: Position, words: Words) -> None:
    """The file that the document was read from, to be opened at a position, or saved, where it can be had.

    Args:
        searcher: Of the index.
        named: Folder that the pages show: the index's, or that of its cluster.
        document_id: Of the document.
        position: In the file.
        words: In the reader's language.
    """
    try:
        original = open_original(searcher.folder, document_id)
    except OriginalError:
        return
    original.file.close()
    if is_shown(original.name):
        offer_file(named, document_id, original.name, "file", position, words)
    st.download_button(
        words("original"),
        lambda: original_bytes(searcher, document_id),
        file_name=original.name.encode("utf-8", "replace").decode(),
        mime="application/octet-stream",
        icon=":material/download:",
        type="tertiary",
        key="original",
        on_click="ignore",
    )


def position_of(connection: sqlite3.Connection, document: ListedDocument, at: int | None) -> Position:
    """Where in its file the passage begins in which a character of a document stands."""
    if at is None:
        return {}
    before = count_passages(connection, document.number, at)
    return next((one.position for one in list_passages(connection, document.number, before, 1)), {})


def original_bytes(searcher: Searcher, document_id: str) -> bytes:
    """What is in that file now."""
    original = open_original(searcher.folder, document_id)
    with original.file:
        return original.file.read(original.size)


def matches(searcher: Searcher, document_id: str, query: str) -> tuple[str, list[int]]:
    """What is looked for of a query, with synonyms, and where in a document passages with it begin, ascending."""
    if not query.strip():
        return "", []
    try:
        found = searcher.search(query, k=MOST_MATCHES, mode="bm25", group="passage", where={"id": document_id})
    except SearchError:
        return query, []
    return searcher.snapshot.terms.widened(found.text), sorted({hit.start for hit in found.hits if hit.highlights})


def step_through(document_id: str, starts: Sequence[int], at: int | None, words: Words) -> None:
    """Buttons to the passages with words of the query before and after the one that is open."""
    if not starts:
        return
    now = -1 if at is None else at
    earlier, number = bisect_left(starts, now), bisect_right(starts, now)
    for key, icon, target in (
        ("match_previous", ":material/keyboard_arrow_up:", starts[earlier - 1] if earlier else None),
        ("match_next", ":material/keyboard_arrow_down:", starts[number] if number < len(starts) else None),
    ):
        st.button(
            words(key),
            key=key,
            type="tertiary",
            icon=icon,
            disabled=target is None,
            on_click=open_document,
            args=(document_id, target),
        )
    said = words("match_number", n=number, m=len(starts)) if number else words("matches", m=len(starts))
    st.html(pieces.soft(said))


def offer_outline(searcher: Searcher, document_id: str, words: Words) -> None:
    """The headings of the document, to go to one."""
    outline = outline_of(str(searcher.folder), searcher.manifest.generation, document_id)
    if not outline:
        return

    def go() -> None:
        chosen = st.session_state["outline"]
        st.session_state["outline"] = None
        if chosen is not None:
            open_document(document_id, outline[chosen].start)

    def named(number: int) -> str:
        heading = outline[number]
        where = ", ".join(map(words.fact, located(heading.position)))
        return f"{INDENT * (heading.level - 1)}{heading.text}{f' · {where}' if where else ''}"

    st.selectbox(
        words("outline"),
        range(len(outline)),
        index=None,
        key="outline",
        format_func=named,
        placeholder=outline_hint(len(outline), words),
        label_visibility="collapsed",
        on_change=go,
    )


def outline_hint(number: int, words: Words) -> str:
    """How many headings there are to go to, which may not be all."""
    return words("outline_hint" if number < MOST_HEADINGS else "outline_cut", n=f"{number:,}")


@st.cache_data(show_spinner=False, max_entries=8)
def outline_of(folder: str, generation: int, document_id: str) -> tuple[OutlineHeading, ...]:
    """The first headings of a document; ``generation`` is another after each commit."""
    return read_outline(Path(folder), document_id, MOST_HEADINGS)


def show_similar(searcher: Searcher, document_id: str, words: Words) -> None:
    """Documents near this one, each with a button that opens it where it is nearest."""
    with st.expander(words("similar_documents"), icon=":material/join_inner:"):
        try:
            found = searcher.similar(document_id, k=SIMILAR).documents
        except SearchError as error:
            st.html(pieces.soft(words.error(error)))
            return
        if not found:
            st.html(pieces.soft(words("no_similar")))
        for one in found:
            with st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="center"):
                st.html(listings.similar_document(one, words))
                st.button(
                    words("open_document"),
                    key=f"similar_{one.rank}",
                    type="tertiary",
                    on_click=open_document,
                    args=(one.document.id, one.nearest.start),
                )


@cache
def bring_into_view() -> Any:
    """An element that draws nothing, and scrolls to the passage that the address names."""
    return st.components.v2.component("sakuin_place", js=(ASSETS / "place.js").read_text(encoding="utf-8"))


def place_asked() -> int | None:
    """The character that the address names, None where it names none."""
    asked = st.query_params.get("at", "")
    # More digits than any text has characters SQLite would not take.
    return int(asked) if asked.isdecimal() and len(asked) < 16 else None


def shown(
    connection: sqlite3.Connection, document: ListedDocument, page: int, at: int | None, text: str, words: Words
) -> str:
    """A page of passages as HTML, words of a text marked, that which holds the place asked for set apart."""
    listed = list_passages(connection, document.number, (page - 1) * PER_PAGE, PER_PAGE)
    texts = [passage.text for passage in listed]
    marks = highlight(analyser(), text, texts) if text.strip() else [()] * len(texts)
    return listings.passages(listed, marks, holding(listed, at), words)


def holding(listed: list[ListedPassage], at: int | None) -> int | None:
    """The number of the passage in which a character stands, or the first after it: headings stand between them."""
    if at is None:
        return None
    return next((passage.number for passage in listed if passage.end > at), None)
