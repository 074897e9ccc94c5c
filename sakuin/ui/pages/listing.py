"""The list of documents on the page *Documents*: what narrows it, and its rows."""

from collections.abc import Sequence

import streamlit as st

from sakuin.index.store.listing import ListedDocument, Order
from sakuin.ui.html import listings
from sakuin.ui.pages.document import open_document
from sakuin.ui.widgets import of_address, to_address
from sakuin.ui.words import Words

PER_PAGE = 25
MAX_FIND = 200


def show_row(document: ListedDocument, number: int, words: Words, read_only: bool) -> bool:
    """One document of the list; whether it is chosen."""
    with st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="center"):
        picked = not read_only and st.checkbox(
            words("choose_one", n=number), key=row_key(document), label_visibility="collapsed"
        )
        st.html(listings.listed_document(document, words))
        st.button(
            words("open_document"),
            key=f"open_{number}",
            type="tertiary",
            on_click=open_document,
            args=(document.id,),
        )
    return picked


def row_key(document: ListedDocument) -> str:
    """What the box before a document is known by."""
    return f"choose_{document.number}"


def list_options(available: list[str], orders: Sequence[Order], words: Words) -> tuple[str, str, Order]:
    """Part of a name, kind of file, and order."""
    some = st.text_input(
        words("find_document"),
        key="find",
        type="search",
        max_chars=MAX_FIND,
        placeholder=words("find_document_hint"),
        on_change=to_first_page,
        bind="query-params",
        persist_state="session",
    )
    # Side by side on a phone too.
    row = st.container(horizontal=True, gap="small")
    kind = row.selectbox(
        words("kind"),
        available,
        index=None,
        key="type",
        placeholder=words("all_kinds"),
        on_change=to_first_page,
        width=130,
        bind="query-params",
        persist_state="session",
    )
    of_address("order", "order", orders)
    order = row.selectbox(
        words("order"),
        orders,
        key="order",
        format_func=lambda name: words(f"order_{name}"),
        on_change=to_first_page,
        width=200,
        persist_state="session",
    )
    to_address("order", order, orders[0])
    return (some or "").strip(), kind or "", order


def to_first_page() -> None:
    """Show the first of another list."""
    st.session_state["page"] = 1
