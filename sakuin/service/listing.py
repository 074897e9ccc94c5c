"""The documents of an index over HTTP, some at a time, without their texts."""

from pathlib import Path
from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from sakuin.index.documents import MetadataValue
from sakuin.index.errors import FilterError
from sakuin.index.store.listing import reading
from sakuin.index.store.paging import documents_after
from sakuin.index.where import Condition, condition_of
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

    def listed(asked: ListingQuery, condition: Condition) -> bytes:
        # Where the index was replaced, this says so.
        folder = searcher.snapshot.folder
        try:
            return page(folder, condition, after=asked.after, limit=asked.limit)
        except FilterError as error:
            raise Refusal(400, str(error), error.code, "where") from error

    @router.get(
        "/documents",
        summary="Documents of the index, some at a time, without their texts",
        responses={200: {"model": ListingAnswer}},
    )
    async def get_documents(asked: Annotated[ListingQuery, Query()]) -> Response:
        """One that is changed meanwhile may come again; all that stay as they are come once."""
        condition = condition_of(read_conditions(asked.where))
        return Response(await threads.run(lambda: listed(asked, condition)), media_type="application/json")

    return router


def page(folder: Path, condition: Condition, *, after: int, limit: int, most_bytes: int = MAX_LISTED_BYTES) -> bytes:
    """The answer, as JSON."""
    parts: list[bytes] = []
    size, last, following = 0, after, None
    with reading(folder) as connection:
        for document in documents_after(connection, after, condition=condition, most=limit + 1):
            told = {
                "id": document.id,
                "uri": document.uri,
                "title": document.title,
                "metadata": document.metadata,
                "passages": document.passages,
            }
            part = orjson.dumps(told)
            if len(parts) == limit or (parts and size + len(part) > most_bytes):
                following = last
                break
            parts.append(part)
            size += len(part)
            last = document.number
    return b'{"documents":[%b],"next":%b}' % (b",".join(parts), orjson.dumps(following))
