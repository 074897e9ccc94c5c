"""The query language: what of a query is searched for, and what every hit must have, or must not.

::

    経費 "出張の精算"            the words between quotes stand in every hit as they are
    契約 -解約 -"自動 更新"      no hit has these words
    title:就業規則 休暇          the title has the word
    請求書 OR invoice            every hit has one of them at least
    type:pdf author:田中         values of metadata, and id, uri, folder and type
    after:2024-04 before:2025    dates of documents: from the first on, before the second

Everything else is searched for as it stands: a hyphen inside a word or before a digit (``AB-1234``, ``-5℃``), a quote
that is never closed, a name before a colon that is no field of the index.
"""

import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sakuin.index.text.wording import Wording
from sakuin.index.values import order_of
from sakuin.index.where import AND, CONTAINS, EXISTS, FOLDER, GTE, ID, LT, NOT, OR, TYPE, YEARS, Where
from sakuin.patterns import pattern

Fields = Callable[[], Collection[str]]
"""Gives the fields of an index, as filters call them; finding them takes time, so it is asked only where need be."""

TITLE, AFTER, BEFORE, EITHER = "title", "after", "before", "OR"
_OWN = (TITLE, AFTER, BEFORE, ID, FOLDER, TYPE)

DATES = ("date", "日付", "published", "modified", "更新日", "lastmod", "created", "作成日")
"""Metadata that may say what a document's date is; the first that it has does. Rows of tables have Japanese names."""

_QUOTE, _HYPHEN, _COLON = '"“”＂', r"\-－−", ":："
# An inch is no quote: 3.5" of a disk.
_PHRASE = rf"(?<![0-9A-Za-z])[{_QUOTE}]([^{_QUOTE}]*)[{_QUOTE}](?![0-9A-Za-z])"
_phrase = pattern(_PHRASE)
_word = pattern(rf"(?:(?!{_PHRASE})\S)+")
_minus = pattern(rf"(?<!\S)[{_HYPHEN}](?=[^\s{_HYPHEN}])")
_name = pattern(rf"([^\s{_COLON}{_QUOTE}]+)[{_COLON}](?=[^\s{_COLON}])")
_month = pattern(r"^(\d{4})[.．](\d{1,2})$")
_EITHER = "OR|ＯＲ"
_either = pattern(_EITHER)
_may_have_syntax = pattern(rf"[{_QUOTE}{_COLON}]|(?<!\S)[{_HYPHEN}]|(?<!\S)(?:{_EITHER})(?!\S)")
_BRACKETS = {"(": ")", "[": "]", "{": "}", "（": "）", "［": "］", "「": "」", "『": "』", "【": "】"}
_PAUSES = ",.;:!?、。，．；：！？…"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Words that a hit must have, or must not.

    Attributes:
        words: The words.
        exact: They stood between quotes: they must stand in the hit as they are. Otherwise a word of letters may have
            any English ending.
        in_title: Of the document's title; else of title, heading or text.
    """

    words: str
    exact: bool = False
    in_title: bool = False

    @property
    def wording(self) -> Wording:
        """How the words are looked for."""
        return Wording(self.words, self.exact)


@dataclass(frozen=True, slots=True)
class Query:
    """A query, read.

    Attributes:
        text: What hits are ranked by.
        required: Of each of these a hit has one at least.
        excluded: A hit has none of these.
        where: What is asked of the metadata of a hit's document; None for nothing.
        mixed: An OR stands between words and a field, and was not used.
        undated: What stands behind ``after:`` or ``before:``, with that, and is no date; it was left out.
    """

    text: str
    required: tuple[tuple[Wanted, ...], ...] = ()
    excluded: tuple[Wanted, ...] = ()
    where: Where | None = None
    mixed: bool = False
    undated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of a query.

    Attributes:
        start, end: Where it stands.
        text: What of it hits are ranked by.
        wanted: The words it is, or asks for.
        where: What it asks of metadata.
        bound: Operator and value, where that is of the document's date.
        hard: It asks for something by itself; a plain word does so only beside an OR.
        minus: It excludes what it asks for.
        undated: It asks for a date that is none.
    """

    start: int
    end: int
    text: str
    wanted: Wanted | None = None
    where: Where | None = None
    bound: tuple[str, str] | None = None
    hard: bool = True
    minus: bool = False
    undated: bool = False

    @property
    def is_either(self) -> bool:
        """Whether it is an OR."""
        return not self.hard and _either.fullmatch(self.text) is not None


def may_have_syntax(query: str) -> bool:
    """Whether a query may say more than words: the names of the index's fields are needed only then."""
    return bool(_may_have_syntax.search(query))


def read_query(query: str, fields: Fields) -> Query:
    """Read a query.

    Args:
        query: As it was typed.
        fields: Gives those of the index.
    """
    tokens = _tokens(query, fields)
    # What a query of exclusions alone is about is what it seems to exclude: an option of a command, items of a list.
    if all(token.minus for token in tokens):
        return Query(query)
    required: list[tuple[Wanted, ...]] = []
    excluded: list[Wanted] = []
    where: list[Where] = []
    bounds: dict[str, str] = {}
    text, done, mixed = "", 0, False
    for group in _alternatives(tokens):
        operands = [token for token in group if not token.is_either]
        kinds = {token.where is None for token in operands}
        mixed |= len(operands) > 1 and len(kinds) > 1
        if len(operands) > 1 and kinds == {True}:
            required.append(tuple(dict.fromkeys(token.wanted for token in operands if token.wanted)))
        elif len(operands) > 1 and kinds == {False}:
            where.append({OR: [token.where for token in operands]})
        else:
            for token in operands:
                if token.bound and not token.minus:
                    bounds.update([token.bound])
                elif token.where is not None:
                    where.append({NOT: token.where} if token.minus else token.where)
                elif token.wanted and token.minus:
                    excluded.append(token.wanted)
                elif token.wanted and token.hard:
                    required.append((token.wanted,))
        for token in group:
            kept = token.text if not token.is_either or len(group) == 1 else ""
            text, done = text + query[done : token.start] + kept, token.end
    where += [dated(bounds, fields)] if bounds else []
    undated = tuple(query[token.start : token.end] for token in tokens if token.undated)
    if not (required or excluded or where or undated):
        return Query(query, mixed=mixed)
    text = " ".join((text + query[done:]).split())
    together = {AND: where} if len(where) > 1 else where[0] if where else None
    # What is asked for again is asked for once: each takes its time.
    return Query(text, tuple(dict.fromkeys(required)), tuple(dict.fromkeys(excluded)), together, mixed, undated)


def _tokens(query: str, fields: Fields) -> list[_Token]:
    """The pieces of a query, in order."""
    found: list[_Token] = []
    at = 0
    while at < len(query):
        if query[at].isspace():
            at += 1
            continue
        found.append(_token(query, at, fields))
        at = found[-1].end
    return found


def _token(query: str, start: int, fields: Fields) -> _Token:
    """The piece that begins at a place."""
    sign = _minus.match(query, start)
    at = sign.end() if sign else start
    named = _name.match(query, at)
    value_at = named.end() if named else at
    phrase = _phrase.match(query, value_at)
    word = _word.match(query, value_at)
    match = phrase or word
    assert match is not None
    value = phrase[1].strip() if phrase else match[0]
    end, minus = match.end(), bool(sign)
    says = any(map(_says, value))
    if named and says:
        name = own if (own := unicodedata.normalize("NFKC", named[1])) in _OWN else named[1]
        if name == TITLE:
            titled = Wanted(value if phrase else _bare(value), bool(phrase), True)
            return _Token(start, end, "" if minus else value, titled, minus=minus)
        if bound := _bound(name, value):
            return _Token(start, end, "", where=dated(dict([bound]), fields), bound=bound, minus=minus)
        if (where := _where(name, value, fields)) is not None:
            return _Token(start, end, "", where=where, minus=minus)
        if name in (AFTER, BEFORE):
            return _Token(start, end, "", hard=False, minus=minus, undated=True)
    if named and phrase:
        # What stands before the phrase is no field.
        return _Token(start, value_at, query[start:value_at], hard=False)
    if phrase:
        words = Wanted(value, exact=True) if says else None
        return _Token(start, end, "" if minus and says else value, words, minus=minus and says)
    if minus and says and not query[at].isdigit():
        return _Token(start, end, "", Wanted(_bare(query[at:end])), minus=True)
    return _Token(start, end, query[start:end], Wanted(_bare(query[start:end])), hard=False)


def _says(character: str) -> bool:
    """Whether a character can be looked for by itself: a letter, a digit, a sign such as 🦀, but no punctuation."""
    return character.isalnum() or unicodedata.category(character) == "So"


def _bare(word: str) -> str:
    """A word without what stands around it in a sentence: pauses behind it, brackets that it does not open and close.

    What is nothing else stays as it is; so do ``C++``, ``.NET`` and ``main()``.
    """
    bare = word
    while bare:
        if bare[-1] in _PAUSES or (bare[-1] in _BRACKETS.values() and not _opens(bare, bare[-1])):
            bare = bare[:-1]
        elif bare[0] in _BRACKETS and _BRACKETS[bare[0]] not in bare:
            bare = bare[1:]
        else:
            break
    return bare if any(map(_says, bare)) else word


def _opens(word: str, closing: str) -> bool:
    """Whether a word has the bracket that belongs to its closing one."""
    return any(close == closing and opening in word for opening, close in _BRACKETS.items())


def _alternatives(tokens: Sequence[_Token]) -> list[list[_Token]]:
    """The pieces in groups: those joined by OR together, with the ORs, every other by itself."""
    groups: list[list[_Token]] = []
    joins = False
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else None
        if token.is_either and groups and _joinable(groups[-1][-1]) and following and _joinable(following):
            groups[-1].append(token)
            joins = True
        elif joins:
            groups[-1].append(token)
            joins = False
        else:
            groups.append([token])
    return groups


def _joinable(token: _Token) -> bool:
    """Whether OR may stand beside a piece."""
    return not token.minus and not token.is_either and (token.wanted is not None or token.where is not None)


def _bound(name: str, value: str) -> tuple[str, str] | None:
    """What ``after:value`` or ``before:value`` asks of a date; None where that is no condition."""
    operator = {AFTER: GTE, BEFORE: LT}.get(name)
    # Elsewhere it is a number.
    value = _month.sub(r"\1-\2", value)
    order = order_of(value) if operator else None
    if operator is None or order is None or (order[0] == "number" and order[1] not in YEARS):
        return None
    return operator, value


def _where(name: str, value: str, fields: Fields) -> Where | None:
    """What ``name:value`` asks of metadata; None where that is no condition."""
    if name in (ID, FOLDER, TYPE):
        return {name: value}
    return {name: {CONTAINS: value}} if name in fields() else None


def dated(bounds: Where, fields: Fields) -> Where:
    """Documents whose date lies within bounds: the first of `DATES` that one has.

    Args:
        bounds: ``$gte`` and ``$lt``.
        fields: Of the index; where none is a date, ``date`` is asked for, which no document has.
    """
    known = [name for name in DATES if name in fields()] or [DATES[0]]
    parts = [{name: bounds, **{other: {EXISTS: False} for other in known[:place]}} for place, name in enumerate(known)]
    return parts[0] if len(parts) == 1 else {OR: parts}
