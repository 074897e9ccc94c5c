"""Pages of results: which one is asked for, and the buttons to the one before and the one after."""

import streamlit as st

from sakuin.search.request import MAX_K
from sakuin.ui.html import pieces
from sakuin.ui.words import Words

# Of the page of results in the address.
ADDRESS = "results"
ASKED = "results_asked"


def page_asked(asked: object, k: int) -> int:
    """The number of the page of results that is asked for, from 1; the first again where something else is asked.

    Args:
        asked: What is searched for, without the page.
        k: Results on a page.
    """
    before = st.session_state.get(ASKED)
    st.session_state[ASKED] = asked
    if before is not None and before != asked:
        st.query_params.pop(ADDRESS, None)
    written = st.query_params.get(ADDRESS, "")
    number = int(written) if written.isdecimal() and len(written) < 6 else 1
    # So many results as can be left out.
    return min(max(number, 1), MAX_K // k)


def turn(page: int) -> None:
    """Go to another page of results."""
    # What explains a hit belongs to the page it stands on.
    st.query_params.pop("why", None)
    if page > 1:
        st.query_params[ADDRESS] = str(page)
    else:
        st.query_params.pop(ADDRESS, None)


def offer_pages(page: int, found: int, k: int, words: Words) -> None:
    """Buttons to the page before and after, where there are such.

    Args:
        page: The one that is shown.
        found: Results on it.
        k: Results on a page.
        words: In the reader's language.
    """
    more = found == k and page < MAX_K // k
    if page == 1 and not more:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", horizontal_alignment="center"):
        for key, icon, target, there in (
            ("results_before", ":material/chevron_left:", page - 1, page > 1),
            ("results_after", ":material/chevron_right:", page + 1, more),
        ):
            if key == "results_after":
                st.html(pieces.soft(words("results_page", n=page)), width="content")
            st.button(
                words(key), key=key, icon=icon, type="tertiary", disabled=not there, on_click=turn, args=(target,)
            )
