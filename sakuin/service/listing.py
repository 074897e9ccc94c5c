"""The documents of an index over HTTP, some at a time, without their texts."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from sakuin.index.documents import MetadataValue
from sakuin.index.where import Where
from sakuin.search.request import SearchError
from sakuin.search.searcher import Searcher
from sakuin.service.filters import ADDRESS_WHERE, AddressCondition, read_conditions
from sakuin.service.refusals import Refusal
from sakuin.service.work import Arguments, Threads

MAX_LISTED = 1_000
MAX_LISTED_BYTES = 4_000_000
"""Of one answer, but for a single document that alone is larger."""


class ListingQuery(Arguments):
    """Which documents to list."""

    model_config = ConfigDict(strict=False)

    limit: int = Field(default=100, ge=1, le=MAX_LISTED, description="At most so many documents.")
    after: int = Field(default=0, ge=0, lt=2**63, description="Go on after here: `next` of the answer before.")
    where: list[AddressCondition] = Field(
        default_factory=list, description=f"Only documents that match. {ADDRESS_WHERE}"
    )


class ListedAnswer(BaseModel):
    """A document without its text."""

    id: str
    uri: str
    title: str
    metadata: dict[str, MetadataValue]
    passages: int = Field(description="How many it is cut into.")


class ListingAnswer(BaseModel):
    """Documents in the order in which they came."""

    documents: list[ListedAnswer]
    next: int | None = Field(description="Give it as `after` for those that follow; null where there are none.")


def listing_router(searcher: Searcher, threads: Threads) -> APIRouter:
    """The route that lists documents.

    Args:
        searcher: Of the index.
        threads: The threads in which it is read.
    """
    router = APIRouter(tags=["reading"])

    def listed(asked: ListingQuery, where: Where) -> bytes:
        try:
            return page(searcher, where, after=asked.after, limit=asked.limit)
        except SearchError as error:
            raise Refusal(400, str(error), error.code, "where") from error

    @router.get(
        "/documents",
        summary="Documents of the index, some at a time, without their texts",
        responses={200: {"model": ListingAnswer}},
    )
    async def get_documents(asked: Annotated[ListingQuery, Query()]) -> Response:
        """One that is changed meanwhile may come again; all that stay as they are come once."""
        where = read_conditions(asked.where)
        return Response(await threads.run(lambda: listed(asked, where)), media_type="application/json")

    return router


def page(searcher: Searcher, where: Where, *, after: int, limit: int, most_bytes: int = MAX_LISTED_BYTES) -> bytes:
    """The answer, as JSON."""
    found = searcher.documents(where=where, after=after, most=limit, most_bytes=most_bytes)
    told = [
        {"id": one.id, "uri": one.uri, "title": one.title, "metadata": one.metadata, "passages": one.passages}
        for one in found.documents
    ]
    following = found.documents[-1].number if found.more else None
    return orjson.dumps({"documents": told, "next": following})
