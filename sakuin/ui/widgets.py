"""What several pages need: choices, input bounds and messages."""

import os
import shlex
from pathlib import Path

import streamlit as st

from sakuin.embedder import SakuinError
from sakuin.index import DEFAULT_INDEX
from sakuin.ui import cards
from sakuin.ui.words import Words

DIMENSIONS = (32, 64, 128, 256, 512, 1024)
# Some pages compare all texts with all, on a machine that may serve others.
MAX_TEXTS = 200
MAX_CHARACTERS = 5_000


def dimensions_up_to(most: int) -> list[int]:
    """Choices of a dimension, ending with all there are."""
    return [dimension for dimension in DIMENSIONS if dimension < most] + [most]


def show_error(error: SakuinError, words: Words) -> None:
    """What went wrong and what to do, in the error's own words."""
    st.html(cards.message(words("error_title"), str(error)))
    st.button(words("reload"))


def short_path(path: Path) -> str:
    """A path as seen from where the app was started, or from the user's home."""
    for base, prefix in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return prefix + path.relative_to(base).as_posix()
    return str(path)


def show_command(key: str, folder: Path, words: Words) -> None:
    """Say that there is nothing to search, and the command that changes it."""
    st.html(cards.message(words(f"{key}_title"), words(key, folder=short_path(folder))))
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
        st.html(cards.note(words("too_many", n=MAX_TEXTS)))
    texts = texts[:MAX_TEXTS]
    if any(len(text) > MAX_CHARACTERS for text in texts):
        st.html(cards.note(words("too_long", n=MAX_CHARACTERS)))
    return [text[:MAX_CHARACTERS] for text in texts]
