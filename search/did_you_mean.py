"""What a query may have meant: words that the index does not know, beside the nearest that it does.

Near words are read from the term dictionary of the keyword index, those that begin with the same character: nothing is
built or kept. How they stand in documents is read from a few passages that have them. Nothing is searched for in place
of what was asked.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sakuin.embedder import StaticEmbedder
from sakuin.index.text.characters import KATAKANA
from sakuin.index.text.folding import aligned, folded
from sakuin.index.text.other_scripts import word_spans
from sakuin.patterns import pattern

if TYPE_CHECKING:
    from sakuin.search.whole import Whole

MOST_WORDS = 8
"""Words of a query that near ones are looked for."""

MOST_OFFERED = 3

RARE, FAR_RARER = 5, 100
"""A word that at most so many passages have is taken for a mistake where so many times as many have one that differs
by a single letter."""

SHORTEST_TERM = 4
"""What a misspelt word begins with may be a term from so many letters on."""

NEAR_TERMS, PASSAGES_READ = 8, 5
"""So many terms are read up in so many passages each, to see how they are written."""

_katakana = pattern(f"[{KATAKANA}ー]{{3,}}")
_latin = pattern("[A-Za-z\u00c0-\u024f]{4,40}")
_code = pattern(r"[0-9_./@#\\:+]")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A query to offer in place of the one that was asked.

    Attributes:
        query: All of it.
        replaced: Each word as it was typed, and as it is offered.
    """

    query: str
    replaced: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a query that may be misspelt.

    Attributes:
        term: By which the index counts it.
        start, end: Where it stands in the query.
        form: As it stands there, folded.
        having: How many passages have it.
    """

    term: str
    start: int
    end: int
    form: str
    having: int

    @property
    def in_katakana(self) -> bool:
        return _katakana.fullmatch(self.form) is not None

    def compared(self, others: Sequence[str]) -> list[str]:
        """What of words, or terms, is compared: their case counts nothing, nor do marks of long vowels of katakana."""
        if self.in_katakana:
            return [other.replace("ー", "") for other in others]
        return [other.casefold() for other in others]

    def distance(self, other: str) -> int:
        """How many letters are left out, put in, taken for others or for each other's place."""
        from rapidfuzz.distance import OSA

        return int(OSA.distance(*self.compared([self.form, other])))

    @property
    def most_distant(self) -> int:
        """How many letters a near word, or its term, may differ by: of shorter words two make any other word."""
        return 2 if len(self.form) >= (6 if self.in_katakana else 9) and not self.having else 1

    @property
    def fewest(self) -> int:
        """How many passages have a word that is offered in its place."""
        return max(1, FAR_RARER * self.having)


def suggested(whole: "Whole", model: StaticEmbedder, query: str, text: str) -> tuple[Suggestion, ...]:
    """Queries to offer, likeliest first; none where every word is found well.

    Where several words look misspelt, one query replaces them all.

    Args:
        whole: What is searched.
        model: That of the index. A word of letters that its tokenizer knows whole is no misspelling.
        query: As it was typed.
        text: What of it hits are ranked by; words elsewhere in the query are conditions, and stay.
    """
    plain = folded(text)
    doubtful = (word for word in _unknown(whole, query) if word.form in plain and not _known_whole(model, word))
    near = [(word, _near(whole, word)) for word in islice(doubtful, MOST_WORDS)]
    near = [(word, forms) for word, forms in near if forms]
    if len(near) == 1:
        [(word, forms)] = near
        return tuple(_replaced(query, [(word, form)]) for form in forms[:MOST_OFFERED])
    return (_replaced(query, [(word, forms[0]) for word, forms in near]),) if near else ()


def _unknown(whole: "Whole", query: str) -> Iterator[_Word]:
    """The words of a query, of letters or in katakana, that no passage has, or few."""
    plain, starts, ends = aligned(query)
    for term, start, end in word_spans(plain):
        beside = plain[max(0, start - 1) : start] + plain[end : end + 1]
        if _latin.fullmatch(plain, start, end) and not _code.search(beside):
            having = whole.terms.having(term)
            if having <= RARE:
                yield _Word(term, starts[start], ends[end - 1], plain[start:end], having)
    for run in _katakana.finditer(plain):
        # MeCab cuts what it does not know as it cuts compounds.
        words = [term for term, _ in whole.terms.analyser.words(run[0])]
        if words and not all(map(whole.terms.having, words)):
            term = words[0] if len(words) == 1 else run[0]
            yield _Word(term, starts[run.start()], ends[run.end() - 1], run[0], whole.terms.having(term))


def _known_whole(model: StaticEmbedder, word: _Word) -> bool:
    """Whether a word of letters is one piece to the model's tokenizer, as hardly a misspelt one is."""
    return not word.in_katakana and model.is_one_token(word.form.casefold())


def _near(whole: "Whole", word: _Word) -> list[str]:
    """The nearest words of the index, as documents have them; of equally near ones the commonest first."""
    found: dict[str, tuple[int, int]] = {}
    for term, distance, having in _near_terms(whole, word):
        form = _form(whole, term, word)
        if form and (word.distance(form) <= word.most_distant or distance == 1):
            found.setdefault(form, (word.distance(form), -having))
    nearest = min(found.values(), default=(0, 0))[0]
    return sorted((form for form in found if found[form][0] == nearest), key=lambda form: (found[form], form))


def _near_terms(whole: "Whole", word: _Word) -> list[tuple[str, int, int]]:
    """Terms that words near to one may be counted by: each with its distance, and how many passages have it.

    A misspelt ending is not taken off as the right one is, so what an unknown word begins with may be the term.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    fewest = word.fewest
    terms = dict(whole.terms.beginning(word.term[0]))
    terms.pop(word.term, None)
    if fewest > 1:
        terms = {term: having for term, having in terms.items() if having >= fewest}
    names = [term for term in terms if _katakana.fullmatch(term)] if word.in_katakana else list(terms)
    # Terms have no case.
    compared = word.compared(names) if word.in_katakana else names
    [sought] = word.compared([word.term])
    near = process.extract(sought, compared, scorer=OSA.distance, score_cutoff=word.most_distant, limit=None)
    distances = {names[number]: int(distance) for _, distance, number in near}
    form = word.form.casefold()
    for end in range(SHORTEST_TERM, len(form)):
        if form[:end] in terms:
            distances.setdefault(form[:end], len(form) - end)
    nearest = sorted(distances, key=lambda term: (distances[term], -terms[term], term))[:NEAR_TERMS]
    return [(term, distances[term], terms[term]) for term in nearest]


def _form(whole: "Whole", term: str, word: _Word) -> str | None:
    """How a term is written in documents: the nearest to a word, of equally near ones the commonest."""
    forms: Counter[str] = Counter()
    for text in whole.indexed(whole.terms.some_with(term, PASSAGES_READ)).values():
        forms.update(whole.terms.analyser.forms(term, text))
    # Begun with a capital it may only have begun a sentence.
    if word.form.islower():
        forms = Counter({form.lower(): 0 for form in forms}) + Counter(form.lower() for form in forms.elements())
    return min(forms, key=lambda form: (word.distance(folded(form)), -forms[form], form), default=None)


def _replaced(query: str, words: Sequence[tuple[_Word, str]]) -> Suggestion:
    """A query with words in the place of others."""
    parts, done = "", 0
    for word, form in sorted(words, key=lambda pair: pair[0].start):
        parts, done = parts + query[done : word.start] + form, word.end
    replaced = tuple((query[word.start : word.end], form) for word, form in words)
    return Suggestion(parts + query[done:], replaced)
