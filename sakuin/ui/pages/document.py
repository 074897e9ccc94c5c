"""A document to read, opened from a hit or from the list of documents; of which one, the address says."""

import sqlite3
from pathlib import Path

import streamlit as st

from sakuin.index.store.listing import (
    ListedDocument,
    ListedPassage,
    count_passages,
    find_document,
    list_passages,
    read_metadata,
    reading,
)
from sakuin.search.contributions import analyser
from sakuin.search.highlights import highlight
from sakuin.ui.html import listings, pieces
from sakuin.ui.widgets import choose_page
from sakuin.ui.words import Words

PER_PAGE = 25


def open_document(document_id: str | None, at: int | None = None) -> None:
    """Show one document, from a character of its text on, or what was there before it again."""
    st.session_state["part"] = None
    # The place first: Back stops between the two, at the document.
    if at is None:
        st.query_params.pop("at", None)
    if document_id is None:
        st.query_params.pop("doc", None)
    if document_id is not None:
        # At once, for each change is an entry of the browser's history.
        st.query_params.update({"doc": document_id, **({} if at is None else {"at": str(at)})})


def opened() -> str | None:
    """The document that the address names."""
    return st.query_params.get("doc")


def show_document(folder: Path, document_id: str, back: str, words: Words, query: str = "") -> None:
    """A document's facts and its passages, some at a time.

    Args:
        folder: Of the index.
        document_id: Any text, as an address may hold it.
        back: Key of the words on the button that leads back.
        words: In the reader's language.
        query: Words of it are marked in the text.
    """
    st.button(
        words(back), icon=":material/arrow_back:", type="tertiary", key="back", on_click=open_document, args=(None,)
    )
    with reading(folder) as connection:
        document = find_document(connection, document_id)
        if document is None:
            st.html(pieces.message(words("no_such_document_title"), words("no_such_document", uri=document_id)))
            return
        st.html(listings.document_facts(document, read_metadata(connection, document.number), words))
        at = place_asked()
        rows = st.container()
        if not st.session_state.get("part"):
            before = count_passages(connection, document.number, at) if at is not None else 1
            st.session_state["part"] = max(before - 1, 0) // PER_PAGE + 1
        page = choose_page("part", document.passages, PER_PAGE)
        rows.html(shown(connection, document, page, at, query, words))


def place_asked() -> int | None:
    """The character that the address names, None where it names none."""
    asked = st.query_params.get("at", "")
    # More digits than any text has characters SQLite would not take.
    return int(asked) if asked.isdecimal() and len(asked) < 16 else None


def shown(
    connection: sqlite3.Connection, document: ListedDocument, page: int, at: int | None, query: str, words: Words
) -> str:
    """A page of passages as HTML, words of the query marked, that which holds the place asked for set apart."""
    listed = list_passages(connection, document.number, (page - 1) * PER_PAGE, PER_PAGE)
    texts = [passage.text for passage in listed]
    marks = highlight(analyser(), query, texts) if query.strip() else [()] * len(texts)
    return listings.passages(listed, marks, holding(listed, at), words)


def holding(listed: list[ListedPassage], at: int | None) -> int | None:
    """The number of the passage in which a character stands."""
    if at is None:
        return None
    return next((passage.number for passage in reversed(listed) if passage.start <= at), None)
