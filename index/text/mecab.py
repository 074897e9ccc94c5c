"""MeCab's IPA dictionary: Japanese words and their dictionary forms.

Where our code was compiled it reads the dictionary and finds the words itself, else MeCab does, by fugashi: the words
are the same, in a third of the time.
"""

import mmap
import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from sakuin.index.text.compiled import native

_PIECE_CHARACTERS = 2_000
"""MeCab gets no longer piece than this; its time and memory on one sentence grow with the sentence."""


@dataclass(frozen=True, slots=True)
class _Form:
    """What MeCab prints of each word.

    Attributes:
        field: Of its entry in the IPA dictionary, from 0.
        with_words: The word itself and a tab before it, and a line break behind it; else a space behind it.
        unknown: In place of the field, of words that are not in the dictionary; None for the words as they stand.
    """

    field: int
    with_words: bool = False
    unknown: str | None = None

    def options(self) -> str:
        """The same as MeCab's options."""
        before, behind = ("%m\\t", "\\n") if self.with_words else ("", " ")
        return f'-F "{before}%f[{self.field}]{behind}" -U "{before}{self.unknown or "%m"}{behind}" -E ""'


_BASES = _Form(6)
_WORDS_AND_BASES = _Form(6, with_words=True)
_READINGS = _Form(7, unknown="?")

_PROBE = "東京に住んだゔぃろ"
_PROBED = "東京\t東京\nに\tに\n住ん\t住む\nだ\tだ\nゔぃろ\tゔぃろ\n"
_FILES = ("sys.dic", "unk.dic", "matrix.bin", "char.bin")

_parsing = Lock()
if hasattr(os, "register_at_fork"):
    # A process that is forked while another thread parses would wait for that thread for ever.
    os.register_at_fork(before=_parsing.acquire, after_in_parent=_parsing.release, after_in_child=_parsing.release)


@cache
def _direct() -> Any:
    """The dictionary for `native.parse`; None where that was not compiled, or the dictionary is none as it knows."""
    if native is None:
        return None
    try:
        dictionary = native.load(*[_mapped(Path(_folder(), name)) for name in _FILES])
        form = _WORDS_AND_BASES
        found = native.parse(dictionary, _PROBE, form.field, form.with_words, form.unknown)
        return dictionary if found == _PROBED else None
    except (OSError, ValueError):
        return None


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _folder() -> str:
    from ipadic import DICDIR

    return str(DICDIR)


@cache
def dictionary_version() -> str:
    """The version of the package that the dictionary came in."""
    spec = find_spec("ipadic")
    installed = [*Path(spec.origin).parent.parent.glob("ipadic-*.dist-info")] if spec and spec.origin else []
    if len(installed) == 1:
        return installed[0].name.removeprefix("ipadic-").removesuffix(".dist-info")
    # Reads it wherever it is, and takes as long to import as a search of a small index.
    from importlib.metadata import version

    return version("ipadic")


@cache
def _tagger(form: _Form) -> Any:
    """MeCab by fugashi, printing in a form.

    One of each form serves the process: fugashi never frees one, which takes 2 MB and grows to 9, and more of them
    would not be faster, for it holds Python's lock while it parses.
    """
    from fugashi import GenericTagger

    return GenericTagger(f'-r "{os.devnull}" -d "{_folder()}" {form.options()}')


def _parse(form: _Form, piece: str) -> str:
    with _parsing:
        if dictionary := _direct():
            return str(native.parse(dictionary, piece, form.field, form.with_words, form.unknown))
        return str(_tagger(form).parse(piece))


def compiled_terms(text: str, signs: int) -> str | None:
    """What `japanese.terms` gives; None where that was not compiled."""
    with _parsing:
        dictionary = _direct()
        return str(native.terms(dictionary, text, signs)) if dictionary else None


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
