"""Judged queries that go wrong in an index as it is now: where its owner starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sakuin.search import Searcher
from sakuin.search.request import BY_DOCUMENT
from sakuin.tuning.judgements import DOES_NOT_ANSWER, Judgement

FIRST_WRONG = "first_wrong"
UNANSWERED = "unanswered"
NOTHING_ANSWERS = "nothing_answers"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A judged query for which the index does badly.

    Attributes:
        query: As asked.
        codes: Why: "first_wrong" (the document that comes first was judged not to answer), "unanswered" (the search
            finds no good match), "nothing_answers" (so it was judged).
        first: Title of the document that comes first; None where nothing is found.
    """

    query: str
    codes: tuple[str, ...]
    first: str | None


def find_troubles(
    searcher: Searcher,
    judgements: Sequence[Judgement],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Trouble]:
    """Search for every query that was judged, and give those that go wrong, the last judged first.

    Args:
        searcher: Of the index.
        judgements: Those that stand, in the order in which they were made.
        progress: Told of searches done, and of all.
    """
    said = {(one.query, one.document): one.judgement for one in judgements}
    queries = list(dict.fromkeys(one.query for one in reversed(judgements)))
    troubles = []
    for done, query in enumerate(queries, 1):
        result = searcher.search(query, k=1, group=BY_DOCUMENT)
        first = result.hits[0].document if result.hits else None
        of_first = said.get((query, first.id)) if first else None
        found = {
            FIRST_WRONG: of_first == DOES_NOT_ANSWER,
            UNANSWERED: result.answered is False,
            NOTHING_ANSWERS: (query, None) in said,
        }
        if codes := tuple(code for code, holds in found.items() if holds):
            troubles.append(Trouble(query, codes, first.title if first else None))
        progress(done, len(queries))
    return troubles
