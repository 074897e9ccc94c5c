"""The page *Search*: ask the index, and see why a passage was found."""

from pathlib import Path

import streamlit as st

from search import MODES, Searcher
from ui import cards
from ui.widgets import dimensions_up_to
from ui.words import EXAMPLE_QUERIES, Words

# The query is part of the address, and the server refuses addresses of more than 64 kB.
MAX_QUERY = 5_000
NUMBERS_OF_HITS = (5, 10, 20, 50, 100)


def search_page(searcher: Searcher, words: Words) -> None:
    """Ask the index."""
    query = st.text_input(
        words("query"),
        key="q",
        type="search",
        max_chars=MAX_QUERY,
        placeholder=words("query_placeholder"),
        label_visibility="collapsed",
        bind="query-params",
        persist_state="session",
    )
    mode, dim, k = search_options(searcher.manifest.dim, words)
    if not (query or "").strip():
        show_hints(searcher, words)
        return
    result = searcher.search(query or "", k=k, mode=mode, dim=dim)
    for notice in result.notices:
        st.html(cards.note(words.notice(notice)))
    if not result.hits:
        st.html(cards.message(words("no_hits_title"), words("no_hits")))
        return
    st.html(cards.summary(result, words))
    st.html(cards.hits(result, words))
    with st.expander(words("how_scored")):
        st.write(words(f"how_scored_{mode}"))


def search_options(stored: int, words: Words) -> tuple[str, int, int]:
    """Mode, dimension and number of hits."""
    # Streamlit's own binding would put the mode's label, which depends on the language, into the address.
    asked = st.query_params.get("mode")
    if "mode" not in st.session_state and asked in MODES:
        st.session_state["mode"] = asked
    row = st.container(horizontal=True, gap="medium", vertical_alignment="top")
    mode = row.segmented_control(
        words("mode"),
        MODES,
        default=None if "mode" in st.session_state else MODES[0],
        required=True,
        format_func=lambda name: words(f"mode_{name}"),
        help=words("mode_help"),
        key="mode",
        persist_state="session",
    )
    dim = row.select_slider(
        words("dimension"),
        dimensions_up_to(stored),
        value=stored,
        help=words("dimension_help"),
        key="dim",
        disabled=mode == "bm25",
        bind="query-params",
        persist_state="session",
    )
    k = row.selectbox(
        words("k"), NUMBERS_OF_HITS, index=1, key="k", width=92, bind="query-params", persist_state="session"
    )
    if mode and mode != MODES[0]:
        st.query_params["mode"] = mode
    else:
        st.query_params.pop("mode", None)
    return mode or MODES[0], int(dim), int(k)


def show_hints(searcher: Searcher, words: Words) -> None:
    """What to ask, before anything was asked."""
    st.html(cards.message(words("hint_title"), words("hint")))
    if not Path(searcher.manifest.corpus).as_posix().endswith("examples/corpus"):
        return
    st.caption(words("examples"))
    with st.container(horizontal=True, gap="small"):
        for example in EXAMPLE_QUERIES:
            st.button(example, on_click=ask, args=(example,))


def ask(query: str) -> None:
    """Put a query into the box."""
    st.session_state["q"] = query
