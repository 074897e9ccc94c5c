"""The documents that match a query, and which values they have: the facets of one search.

By meaning every document is near a query, and by words nearly each has a character of it. So a match is a document of
which a passage scores a third of the best score or more: of a single word all that have it, of a question those that
have much of it. On 30,000 passages those are a median of 100 by words, of 200 by both.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder
from sakuin.search.filtering import Restricted, check_fields
from sakuin.search.grouping import by_documents, kept_documents
from sakuin.search.hits import with_relevance
from sakuin.search.ranking import rank
from sakuin.search.results import Matches
from sakuin.search.whole import Whole

LOOKED_AT = 500
"""Passages that may match, the best: of a large index thousands more would be read to no purpose."""

SHARE = 1 / 3
"""Of the best score, that a match has at least."""


def matches(
    whole: Whole,
    model: StaticEmbedder,
    search: Restricted,
    names: Sequence[str] | None,
    vector: NDArray[np.float32] | None = None,
) -> Matches:
    """Count the documents that match.

    Args:
        whole: What is searched.
        model: That of the index.
        search: The request, read.
        names: Of the fields to count; None for those that are worth listing.
        vector: float32 (dim,), of length 1, for a dense search of no query; None to encode the query.

    Raises:
        SearchError: no document has such a field.
    """
    if names is not None:
        check_fields(whole, names)
    request = replace(search.request, k=LOOKED_AT, offset=0)
    ranking = rank(whole, model, request, within=search.within, vector=vector)
    ranked, _ = with_relevance(whole, request, ranking)
    standing = ranking.standing
    if standing is None:
        standing = whole.documents_of([hit.passage_id for hit in ranked], search.within)
    groups = by_documents(ranked, standing)
    best = max((group.passages[0][0].score for group in groups), default=0.0)
    groups = [group for group in groups if group.passages[0][0].score >= SHARE * best]
    if search.words and groups:
        groups = kept_documents(whole, groups, search.words, len(groups), 1)
    documents = [group.document for group in groups if group.document is not None]
    return Matches(len(documents), tuple(whole.counted(documents, names)))
