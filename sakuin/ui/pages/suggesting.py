"""Suggestions while a query is typed: recent and saved ones, titles and headings. Offered, never searched unasked."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from sakuin.index.store.listing import reading
from sakuin.index.store.titles import read_titles
from sakuin.search import Searcher
from sakuin.ui import ASSETS
from sakuin.ui.clusters import folders_of
from sakuin.ui.completions import MOST, Completions
from sakuin.ui.pages.keeping import name_of
from sakuin.ui.words import Words


@st.fragment
def suggest(searchers: Sequence[Searcher], words: Words) -> None:
    """Suggestions under the box for the query, of one index or several; what is typed draws nothing else anew."""
    typed = str(st.session_state.get("suggestions", {}).get("typed") or "")
    found: list[str] = []
    for searcher in searchers if typed else ():
        for folder in folders_of(searcher.folder):
            found += completions_of(str(folder), searcher.manifest.generation).of(typed)
    said = {name: words(f"suggested_{name}") for name in ("label", "recent", "saved", "title")}
    index = name_of([searcher.folder for searcher in searchers])
    data = {"index": index, "typed": typed, "found": found[:MOST], "words": said}
    _component()(key="suggestions", data=data, height=0, on_typed_change=lambda: None)


@st.cache_resource(show_spinner=False, max_entries=8)
def completions_of(folder: str, generation: int) -> Completions:
    """The titles and headings of an index; ``generation`` is another after each commit."""
    with reading(Path(folder)) as connection:
        return Completions(read_titles(connection))


@cache
def _component() -> Any:
    """Draws below the box by text alone: what titles and the browser's storage say is never read as HTML."""
    script = "".join((ASSETS / name).read_text(encoding="utf-8") for name in ("kept.js", "suggestions.js"))
    return st.components.v2.component("sakuin_suggestions", js=script)
