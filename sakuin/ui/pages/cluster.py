"""The page *Documents* of a cluster: what is in it. Only commands change it."""

from pathlib import Path

import streamlit as st

from sakuin.index.documents import Skipped
from sakuin.search import Searcher
from sakuin.ui.clusters import ORDERS, committed, count_all, kinds_of, list_all, skipped_of
from sakuin.ui.html import listings, pieces
from sakuin.ui.opening import searcher_of
from sakuin.ui.pages.document import opened, show_document
from sakuin.ui.pages.listing import PER_PAGE, list_options, show_row
from sakuin.ui.widgets import choose_page, short_path
from sakuin.ui.words import Words


def cluster_page(searcher: Searcher, words: Words) -> None:
    """Draw the page."""
    document = opened()
    if document:
        show_document(searcher_of(searcher, document), document, "back_to_list", words, whole=searcher)
        return
    folder, generation = searcher.folder, searcher.manifest.generation
    st.html(listings.figures(searcher.counts(), words))
    skipped, left_out = skipped_in(str(folder), generation)
    if left_out:
        with st.expander(words("skipped", n=left_out)):
            st.html(listings.skipped_files(skipped, left_out, words))
    st.html(pieces.soft(words("cluster_read_only", n=len(committed(folder).shards))))
    some, kind, order = list_options(kinds_in(str(folder), generation), ORDERS, words)
    bar, rows = st.container(), st.container(gap="xsmall")
    number = count_all(folder, some, kind)
    page = choose_page("page", number, PER_PAGE)
    first = (page - 1) * PER_PAGE
    documents = list_all(folder, some, kind, order, first=first, most=PER_PAGE)
    if not documents:
        st.html(pieces.message(words("no_documents_title"), words("no_documents")))
        return
    bar.html(pieces.soft(words("shown", first=first + 1, last=first + len(documents), n=f"{number:,}")))
    with rows:
        for place, one in enumerate(documents, first + 1):
            show_row(one, place, words, read_only=True)


def cluster_message(folder: Path, words: Words) -> None:
    """Say that a page shows one index, and how to see one of the shards."""
    st.html(pieces.message(words("cluster_one_title"), words("cluster_one", folder=short_path(folder))))
    st.code(f"index ui --index {folder / committed(folder).shards[0].folder}", language=None, wrap_lines=True)


@st.cache_data(show_spinner=False, max_entries=4)
def kinds_in(folder: str, generation: int) -> list[str]:
    """Kinds of files in a cluster; ``generation`` is another after each commit."""
    return kinds_of(Path(folder))


@st.cache_data(show_spinner=False, max_entries=4)
def skipped_in(folder: str, generation: int) -> tuple[list[Skipped], int]:
    """Files that were left out, the first of them, and how many; ``generation`` is another after each commit."""
    return skipped_of(Path(folder), pieces.MAX_SKIPPED)
