"""Answers a request: what was found, read and marked, as the result of a search."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.index.errors import IndexFolderError
from sakuin.search.breakdown import explain_hit
from sakuin.search.did_you_mean import suggested
from sakuin.search.filtering import Restricted, check_sortable
from sakuin.search.grouping import find
from sakuin.search.highlights import highlight
from sakuin.search.hits import hit_of
from sakuin.search.matches import matches
from sakuin.search.request import BY_DOCUMENT, SearchRequest
from sakuin.search.rerank.opinion import Opinions
from sakuin.search.results import SearchResult
from sakuin.search.whole import Whole


def answer(
    current: Callable[[], Whole],
    model: StaticEmbedder,
    request: SearchRequest,
    *,
    opinions: Opinions,
    vector: NDArray[np.float32] | None = None,
) -> SearchResult:
    """What answers a request, but for the time it took.

    Args:
        current: Gives what is searched, as it was last committed.
        model: That of the index.
        request: What is asked.
        opinions: Of transformers, on its passages.
        vector: float32 (dim,), of length 1, for a dense search of no query; None to encode the query.

    Raises:
        SearchError: the index stores fewer dimensions, no document has such a field, or hits are to be left out by
            their relevance in an index too small to tell it.
    """
    by_document = request.group == BY_DOCUMENT
    asked: Whole | None = None
    while True:
        whole = current()
        if whole is asked:
            raise IndexFolderError(
                f"The index in {whole.place} ranks passages it does not hold. Check it with `index verify`."
            )
        asked = whole
        compared = request.dimensions(whole.manifest.dim)
        if request.sort:
            check_sortable(whole, request.sort)
        search = Restricted.of(whole, request)
        query, within = search.request.text, search.within
        found = find(
            whole,
            model,
            search.request,
            within=within,
            vector=vector,
            conditions=search.words,
            opinions=opinions,
        )
        ids = found.passage_ids()
        rows = whole.passages(ids, within)
        matched = None
        if request.facets is not False:
            names = None if request.facets is True else list(request.facets)
            matched = matches(whole, model, search, names, vector)
        # A passage that vanished was removed by a writer since the snapshot was opened: ask the new one. So too
        # where documents were named by their numbers, which may be others' by now.
        if found.stands_in(rows) and not ((within or by_document or matched) and whole.outdated()):
            break
    texts = highlight(whole.terms.analyser, whole.terms.widened(query), [rows[passage_id].text for passage_id in ids])
    marked = dict(zip(ids, texts, strict=True))
    hits = tuple(hit_of(group, rows, marked, by_document=by_document) for group in found.groups)
    if request.explain:
        hits = tuple(replace(hit, explanation=explain_hit(whole, model, query, hit, dim=compared)) for hit in hits)
    return SearchResult(
        query=request.query,
        mode=request.mode,
        k=request.k,
        dim=None if request.mode == "bm25" else compared,
        hits=hits,
        notices=search.notices(found, request),
        seconds=0.0,
        answered=found.answered,
        read=search.read,
        suggestions=suggested(whole, model, request.text, query),
        matches=matched,
    )
