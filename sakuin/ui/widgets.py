"""What several pages need: choices, input bounds and messages."""

import os
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from sakuin.errors import SakuinError
from sakuin.index import DEFAULT_INDEX
from sakuin.index.file_types import READERS
from sakuin.index.store import NAME as DATABASE
from sakuin.search import Searcher
from sakuin.ui import ASSETS
from sakuin.ui.html import pieces
from sakuin.ui.originals import address_of, is_shown
from sakuin.ui.words import Words, examples

# The query is part of the address, and the server refuses addresses of more than 64 kB.
MAX_QUERY = 5_000
Position = Mapping[str, int | str]
DIMENSIONS = (32, 64, 128, 256, 512, 1024)
# Some pages compare all texts with all, on a machine that may serve others.
MAX_TEXTS = 200
MAX_CHARACTERS = 5_000


def dimensions_up_to(most: int) -> list[int]:
    """Choices of a dimension, ending with all there are."""
    return [dimension for dimension in DIMENSIONS if dimension < most] + [most]


def query_box(words: Words) -> str:
    """The box for a query, "" while it is empty; all pages that have it share what stands in it."""
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
    return query or ""


def keys(words: Words, index: str, *, focus: bool) -> None:
    """Keys to search by, Back and Forward between searches, recent searches, and the address to copy.

    Args:
        words: In the reader's language.
        index: What it is called in the browser's storage.
        focus: Begin in the box, unless the reader is elsewhere already.
    """
    keyboard()(key="keys", data={"lang": words.language, "focus": focus, "index": index}, height=0)


@cache
def keyboard() -> Any:
    """An element that draws nothing, and listens."""
    script = "".join((ASSETS / name).read_text(encoding="utf-8") for name in ("kept.js", "keys.js"))
    return st.components.v2.component("sakuin_keys", js=script)


def holds_examples(searcher: Searcher) -> bool:
    """Whether an index is that of the example corpus."""
    return Path(searcher.manifest.corpus).as_posix().endswith("examples/corpus")


def offer_queries() -> None:
    """Buttons that put a query on the example corpus into the box for queries."""
    with st.container(horizontal=True, gap="small"):
        for query in examples()["queries"]:
            st.button(query, on_click=ask, args=(query,))


def ask(query: str) -> None:
    """Put a query into the box."""
    st.session_state["q"] = query


def of_address(name: str, key: str, options: Sequence[object]) -> None:
    """Choose what the address names, when the page opens.

    Streamlit's own binding would put labels, which depend on the language, into the address.
    """
    asked = {str(option): option for option in options}.get(st.query_params.get(name, ""))
    if key not in st.session_state and asked is not None:
        st.session_state[key] = asked


def to_address(name: str, chosen: object, default: object) -> None:
    """Put what was chosen into the address."""
    if chosen == default:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = str(chosen)


def choose_page(key: str, number: int, per_page: int) -> int:
    """Buttons for pages of ``number`` things, drawn here; the page that is asked for, in the address too."""
    pages = max(-(-number // per_page), 1)
    # What was there may have become less since.
    if st.session_state.get(key, 1) > pages:
        st.session_state[key] = pages
    with st.container(horizontal_alignment="center"):
        return st.pagination(pages, key=key, bind="query-params", persist_state="session") if pages > 1 else 1


def show_error(error: SakuinError, words: Words) -> None:
    """What went wrong and what to do, in the error's own words."""
    st.html(pieces.message(words("error_title"), words.error(error)))
    st.button(words("reload"))


def short_path(path: Path) -> str:
    """A path as seen from where the app was started, or from the user's home."""
    for base, prefix in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return prefix + path.relative_to(base).as_posix()
    return str(path)


def offer_file(folder: Path, document_id: str, name: str, key: str, position: Position, words: Words) -> None:
    """A link to the file of a document, in a tab of its own; nothing where files are not given out.

    Args:
        folder: Of the index.
        document_id: Of the document.
        name: Of the file.
        key: Of the element.
        position: In the file, from which it is shown where a browser can.
        words: In the reader's language.
    """
    address = address_of(folder, document_id, position)
    if not address:
        return
    suffix = Path(name).suffix.lower()
    # Streamlit reads labels as Markdown: of a name only what is known stands in one.
    kind = suffix.removeprefix(".").upper() if suffix in READERS else words("file_any")
    shown = is_shown(name)
    st.link_button(
        words("file_open" if shown else "file_save", kind=kind),
        address,
        type="tertiary",
        icon=":material/open_in_new:" if shown else ":material/download:",
        key=key,
    )


def not_there(folder: Path) -> str:
    """Key of what is said where nothing can be searched yet: of an index that is being made, or of none."""
    return "building" if (folder / DATABASE).exists() else "no_index"


def show_command(key: str, folder: Path, words: Words) -> None:
    """Say that there is nothing to search, and the command that changes it."""
    st.html(pieces.message(words(f"{key}_title"), words(key, folder=short_path(folder))))
    command = ["index", "build", "CORPUS_DIR"]
    if folder.resolve() != Path(DEFAULT_INDEX).resolve():
        command += ["--index", os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)]
    st.code(shlex.join(command), language=None, wrap_lines=True)
    st.caption(words("then_reload"))
    st.button(words("reload"))


def bounded(lines: str, words: Words) -> list[str]:
    """The texts of an input box, one a line, as many and as long as can be compared; says so where it cuts."""
    texts = [line.strip() for line in lines.splitlines() if line.strip()]
    if len(texts) > MAX_TEXTS:
        st.html(pieces.note(words("too_many", n=MAX_TEXTS)))
    texts = texts[:MAX_TEXTS]
    if any(len(text) > MAX_CHARACTERS for text in texts):
        st.html(pieces.note(words("too_long", n=MAX_CHARACTERS)))
    return [text[:MAX_CHARACTERS] for text in texts]
