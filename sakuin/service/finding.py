"""What a search over HTTP answers, as JSON: hit by hit, for all explanations may need more memory than there is."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import orjson

from sakuin.search.explanation import Explanation
from sakuin.search.request import SearchError, SearchRequest
from sakuin.search.results import Hit, SearchResult
from sakuin.search.searcher import Searcher
from sakuin.service.bounded import with_list


def found(searcher: Searcher, request: SearchRequest) -> bytes:
    """What `SearchResult.to_dict` gives.

    Raises:
        Refusal: it would be too large.
        SearchError: as `Searcher.answer`.
    """
    if not request.explain:
        result = searcher.answer(request)
        return search_answer(result, result.hits)
    result = searcher.answer(replace(request, explain=False))
    try:
        return search_answer(result, explained(searcher, request, result))
    except SearchError:
        # The index has changed between the search and its explanation.
        result = searcher.answer(request)
        return search_answer(result, result.hits)


def explained(searcher: Searcher, request: SearchRequest, result: SearchResult) -> Iterator[Hit]:
    """Hits with what their scores are made of, each when it is asked for."""
    for hit in result.hits:
        explanation = searcher.explain(request.query, hit, dim=result.dim, syntax=request.syntax)
        yield replace(hit, explanation=explanation)


def search_answer(result: SearchResult, hits: Iterable[Hit]) -> bytes:
    """A result with these hits as JSON; raises Refusal where it is too large."""
    others = replace(result, hits=()).to_dict()
    del others["hits"]
    return with_list(others, "hits", map(hit_answer, hits))


def hit_answer(hit: Hit) -> orjson.Fragment:
    """What `Hit.to_dict` gives, put together from small parts."""
    if hit.explanation is None:
        return orjson.Fragment(orjson.dumps(hit.to_dict()))
    fields = replace(hit, explanation=None).to_dict() | {"explanation": explanation_answer(hit.explanation)}
    return orjson.Fragment(orjson.dumps(fields))


def explanation_answer(explanation: Explanation) -> orjson.Fragment:
    """What `Explanation.to_dict` gives. Its details first, one by one: no other thread runs while JSON is made."""
    fields = replace(explanation, details=()).to_dict()
    fields["details"] = [
        explanation_answer(detail) if detail.details else detail.to_dict() for detail in explanation.details
    ]
    return orjson.Fragment(orjson.dumps(fields))
