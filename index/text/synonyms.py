"""Synonyms of the user's own, in Solr's format, and what a query's words are looked for by besides.

::

    # any of these finds the others
    2FA, 二要素認証, two-factor authentication
    在宅勤務, テレワーク, WFH
    # the first finds the second, and not the other way
    ノーパソ => ノートパソコン

A comma or a backslash that is meant stands behind a backslash. What stands to the left of an arrow is still looked for
itself, where Solr would put the right side in its place.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from sakuin.errors import SakuinError
from sakuin.index.outliving import SYNONYMS
from sakuin.index.text import other_scripts
from sakuin.index.text.wording import Wording, plain
from sakuin.patterns import pattern

MOST_BYTES = 10_000_000

_escaped = pattern(r"\\(.)")
_comma = pattern(r"(?<!\\),")
_arrow = pattern(r"(?<!\\)=>")


class SynonymError(SakuinError):
    """A file of synonyms that cannot be read; the message names the line."""

    code = "invalid_synonyms"


@dataclass(frozen=True, slots=True)
class Synonyms:
    """What words are looked for by besides.

    Attributes:
        terms: Other words, by the term of a single word of letters.
        phrases: Other words, by any other, see `wording.plain`.
    """

    terms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    phrases: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, query: str) -> Iterator[tuple[str, str]]:
        """For the words of a query that have any: the words, and each synonym."""
        if not (self.terms or self.phrases):
            return
        text = plain(query)
        found = {term: text[start:end] for term, start, end in other_scripts.word_spans(text)}
        for term, words in found.items():
            yield from ((words, other) for other in self.terms.get(term, ()))
        for words, others in self.phrases.items():
            if words in text and Wording(words, exact=True).stands_in(text):
                yield from ((words, other) for other in others)


class SynonymFile:
    """The synonyms of an index, read again when their file changes; safe for use by several threads."""

    def __init__(self, folder: Path) -> None:
        """Of the index in a folder; nothing is read yet."""
        self._path = folder / SYNONYMS
        self._lock = Lock()
        self._state: tuple[int, int] | None = None
        self._synonyms = Synonyms()

    def current(self) -> Synonyms:
        """What the file says now; the same object until it changes. Nothing where there is no file.

        Raises:
            SynonymError: a line makes no sense, or the file cannot be read.
        """
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            state = None
        else:
            state = (status.st_mtime_ns, status.st_size)
        with self._lock:
            if state != self._state:
                self._synonyms = read(self._path) if state else Synonyms()
                self._state = state
            return self._synonyms


def read(path: Path) -> Synonyms:
    """Read a file of synonyms; raises SynonymError where that cannot be done."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SynonymError(f"{path} cannot be read: {error.strerror}. Correct that, or move it away.") from error
    if len(content) > MOST_BYTES:
        raise SynonymError(f"{path} is larger than {MOST_BYTES // 1_000_000} MB: leave out what is not searched for.")
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            pairs = _pairs(line.decode())
        except UnicodeDecodeError:
            raise SynonymError(f"{path}, line {number}: it is not UTF-8. Save the file as UTF-8.") from None
        except ValueError as error:
            raise SynonymError(
                f"{path}, line {number}: {error}. Write `a, b, c` for words of which each finds the others, `a => b` "
                f"for one that finds another, # before a remark."
            ) from None
        for words, other in pairs:
            found.setdefault(words, {})[other] = None
    terms: dict[str, tuple[str, ...]] = {}
    phrases: dict[str, tuple[str, ...]] = {}
    for words, others in found.items():
        single = other_scripts.word_spans(words)
        if len(single) == 1 and single[0][1:] == (0, len(words)):
            terms[single[0][0]] = (*terms.get(single[0][0], ()), *others)
        else:
            phrases[words] = tuple(others)
    return Synonyms(terms, phrases)


def _pairs(line: str) -> list[tuple[str, str]]:
    """Which words a line has looked for by which; raises ValueError where it makes no sense."""
    line = line.strip()
    if not line or line.startswith("#"):
        return []
    sides = _arrow.split(line)
    if len(sides) > 2:
        raise ValueError("it has more than one =>")
    named = [[_escaped.sub(r"\1", words).strip() for words in _comma.split(side)] for side in sides]
    for words in (words for side in named for words in side):
        if not any(map(str.isalnum, words)):
            raise ValueError(f"a word is missing{f' in place of {words!r}' if words else ' beside , or =>'}")
    if len(named) == 2:
        return [(plain(left), right) for left in named[0] for right in named[1] if plain(left) != plain(right)]
    if len(named[0]) == 1:
        raise ValueError(f"{named[0][0]!r} stands alone")
    return [(plain(one), other) for one in named[0] for other in named[0] if plain(one) != plain(other)]
