"""MeCab with the IPA dictionary: Japanese words and their dictionary forms."""

import os
from functools import cache
from threading import Lock
from typing import Any

_PIECE_CHARACTERS = 2_000
"""MeCab gets no longer piece than this; its time and memory on one sentence grow with the sentence."""

_BASE_FORM = 6
"""Which field of an entry of the IPA dictionary holds the dictionary form."""

_BASES = f'-F "%f[{_BASE_FORM}] " -U "%m " -E ""'
"""Has MeCab print dictionary forms parted by spaces; unknown words as they stand."""

_WORDS_AND_BASES = f'-F "%m\\t%f[{_BASE_FORM}]\\n" -U "%m\\t%m\\n" -E ""'
"""Has MeCab print each word, a tab, and its dictionary form on a line."""

_READING = 7
"""Which field holds the reading, in katakana."""

_READINGS = f'-F "%f[{_READING}] " -U "? " -E ""'
"""Has MeCab print readings, each with a space behind it; a question mark for words that it does not know."""

_parsing = Lock()
if hasattr(os, "register_at_fork"):
    # A process that is forked while another thread parses would wait for that thread for ever.
    os.register_at_fork(before=_parsing.acquire, after_in_parent=_parsing.release, after_in_child=_parsing.release)


@cache
def _tagger(form: str) -> Any:
    """MeCab with the IPA dictionary, printing in a form.

    One of each form serves the process: fugashi never frees one, which takes 2 MB and grows to 9, and more of them
    would not be faster, for it holds Python's lock while it parses.
    """
    from fugashi import GenericTagger
    from ipadic import DICDIR

    return GenericTagger(f'-r "{os.devnull}" -d "{DICDIR}" {form}')


def _parse(form: str, piece: str) -> str:
    with _parsing:
        return str(_tagger(form).parse(piece))


def pieces(runs: str) -> list[str]:
    """Runs, parted by spaces, in pieces short enough for MeCab."""
    pieces: list[str] = []
    start = 0
    while len(runs) - start > _PIECE_CHARACTERS:
        cut = runs.rfind(" ", start + 1, start + _PIECE_CHARACTERS)
        end = cut if cut > 0 else start + _PIECE_CHARACTERS
        pieces.append(runs[start:end])
        start = end
    pieces.append(runs[start:])
    return pieces


def bases(runs: str) -> str:
    """The dictionary forms of the words of runs, parted by spaces as these are; unknown words as they stand."""
    return " ".join([_parse(_BASES, piece) for piece in pieces(runs)])


def words_and_bases(piece: str) -> list[list[str]]:
    """The words of one of the `pieces`, as they stand, each with its dictionary form."""
    return [line.split("\t") for line in _parse(_WORDS_AND_BASES, piece).splitlines()]


def reading(word: str) -> str:
    """How a word is read, in katakana; "" where it is more than one word, or unknown."""
    found = _parse(_READINGS, word).split()
    return found[0] if len(found) == 1 and found[0] != "?" else ""
