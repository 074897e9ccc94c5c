"""What a reader keeps of a search: its hits as a file, its address, its name; and the searches of before."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from sakuin.search import SearchResult
from sakuin.search.export import hits_csv, hits_markdown
from sakuin.ui import ASSETS
from sakuin.ui.words import Words


def name_of(folders: Sequence[Path]) -> str:
    """What an index, or several as one, is called in the browser's storage, which must not tell where it lies."""
    return hashlib.sha256("\n".join(str(folder.resolve()) for folder in folders).encode()).hexdigest()[:12]


def offer_keeping(folders: Sequence[Path], result: SearchResult, words: Words) -> None:
    """A control that saves the search under a name, copies its address, and writes its hits into a file."""
    with st.popover(words("keep"), icon=":material/bookmark:", type="tertiary"):
        _searches(folders, words, saves=True, query=result.query)
        st.caption(words("kept_here"))
        # keys.js copies: only the browser knows its address, and only a press lets it write to the clipboard.
        if st.button(words("copy_link"), icon=":material/link:", key="copy_link"):
            st.toast(words("link_copied"))
        with st.container(horizontal=True, gap="small"):
            for kind, label, content in (
                # With a mark of its encoding, without which spreadsheets take it for another.
                ("csv", "CSV", lambda: hits_csv(result).encode("utf-8-sig")),
                ("json", "JSON", lambda: json.dumps(result.to_dict(), ensure_ascii=False, indent=2)),
                ("md", "Markdown", lambda: hits_markdown(result)),
            ):
                st.download_button(
                    label,
                    content,
                    file_name=f"hits.{kind}",
                    mime={"csv": "text/csv", "json": "application/json", "md": "text/markdown"}[kind],
                    key=f"save_{kind}",
                    icon=":material/download:",
                    on_click="ignore",
                )


def show_kept(folders: Sequence[Path], words: Words) -> None:
    """The searches that were saved, and the last ones, each a link."""
    _searches(folders, words, saves=False, query="")


def _searches(folders: Sequence[Path], words: Words, *, saves: bool, query: str) -> None:
    said = {name: words(f"kept_{name}") for name in ("saved", "recent", "forget", "name", "save")}
    data = {"index": name_of(folders), "saves": saves, "query": query, "words": said}
    _component()(key="searches_save" if saves else "searches", data=data)


@cache
def _component() -> Any:
    """Draws from the browser's storage, by text alone: what stands there is never read as HTML."""
    script = "".join((ASSETS / name).read_text(encoding="utf-8") for name in ("kept.js", "searches.js"))
    css = (ASSETS / "searches.css").read_text(encoding="utf-8")
    return st.components.v2.component("sakuin_searches", html='<div class="searches"></div>', css=css, js=script)
