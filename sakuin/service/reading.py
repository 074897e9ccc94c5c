"""Documents to be read over HTTP: text, passages and outline, passages around a hit, and the original file."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from sakuin.index.originals import Original, OriginalError, OriginalTooLargeError, open_located
from sakuin.search.reading import MAX_AROUND, UnknownDocumentError, named
from sakuin.search.searcher import Searcher
from sakuin.search.similar import MAX_SIMILAR, SimilarDocuments
from sakuin.service.bounded import with_list
from sakuin.service.filters import AddressCondition, read_conditions
from sakuin.service.refusals import Refusal
from sakuin.service.work import Threads

MAX_CHARACTERS = 1_000_000
"""Of a document's text in one answer."""

LARGEST = 2**53

PASSAGE: dict[str, Any] = {"pattern": "^([1-9][0-9]{0,8}|[0-9a-f]{16})$"}
"""What names a passage; that it does is told by `named`."""

FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bytes of the file, to be saved.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class PassageAnswer(BaseModel):
    """A passage as it stands in a document."""

    number: int = Field(description="Place in the document, from 1.")
    passage_id: str
    start: int = Field(description="Character offset in the document's text.")
    end: int
    heading: str
    position: dict[str, int | str] = Field(description="Where in the file it begins: page, sheet, row, slide or line.")


class HeadingAnswer(BaseModel):
    """A heading of a document."""

    text: str
    level: int = Field(description="1 for the top level.")
    start: int = Field(description="Character offset in the document's text.")
    position: dict[str, int | str] = Field(description="Where in the file the first passage from there on begins.")


class DocumentAnswer(BaseModel):
    """A document, or a part of it."""

    id: str
    uri: str
    file: str = Field(description="The file it was read from, as the index calls it; empty where a program added it.")
    title: str
    metadata: dict[str, Any]
    text: str = Field(description="Of the part.")
    start: int = Field(description="Where the part begins in the whole text, in characters.")
    end: int
    length: int = Field(description="Characters of the whole text.")
    passages: list[PassageAnswer] = Field(description="Those that begin in the part.")
    outline: list[HeadingAnswer] = Field(description="The headings that begin in the part.")
    index: str = Field(description="Names the index, where several are served.")


class ExcerptAnswer(BaseModel):
    """A passage with what stands around it."""

    id: str
    uri: str
    title: str
    metadata: dict[str, Any]
    text: str = Field(description="From the first of the passages to the last.")
    start: int = Field(description="Where that begins in the document's text, in characters.")
    end: int
    passage: PassageAnswer = Field(description="The one that was asked for.")
    passages: list[PassageAnswer]
    index: str = Field(description="Names the index, where several are served.")


def reading_router(searcher: Searcher, threads: Threads) -> APIRouter:
    """The routes by which documents are read.

    Args:
        searcher: Of the index.
        threads: The threads that answer.
    """
    router = APIRouter(tags=["reading"])

    async def answer(work: Callable[[], Any]) -> Response:
        def found() -> bytes:
            with refusing():
                return orjson.dumps(work())

        return Response(await threads.run(found), media_type="application/json")

    @router.get(
        "/similar",
        summary="Documents near a document in meaning, or near a passage of it",
        responses={200: {"model": SimilarDocuments}},
    )
    async def get_similar(
        id: Annotated[str, Query(description="Of the document.")],
        passage: Annotated[
            str | None,
            Query(
                description="Near this passage of it: its passage_id, or its number, from 1.",
                json_schema_extra=PASSAGE,
            ),
        ] = None,
        k: Annotated[int, Query(ge=1, le=MAX_SIMILAR, description="At most so many documents.")] = 10,
        where: Annotated[
            list[AddressCondition] | None, Query(description="Only documents that match, as for `/search`.")
        ] = None,
    ) -> Response:
        """Scores are cosines: of the means of both documents' passages, or of the passage and the nearest of each."""
        conditions = read_conditions(where or [])
        asked = None if passage is None else named(passage)

        def near() -> bytes:
            with refusing():
                found = searcher.similar(id, passage=asked, k=k, where=conditions)
            return with_list({"id": found.id, "by": found.by}, "documents", map(asdict, found.documents))

        return Response(await threads.run(near), media_type="application/json")

    @router.get("/read", summary="A passage and those around it", responses={200: {"model": ExcerptAnswer}})
    async def get_read(
        passage: Annotated[
            str,
            Query(description="Its passage_id, or its number in the document, from 1.", json_schema_extra=PASSAGE),
        ],
        id: Annotated[
            str | None, Query(description="Of the document; without it the first in which the passage stands.")
        ] = None,
        around: Annotated[int, Query(ge=0, le=MAX_AROUND, description="Passages before, and as many after.")] = 2,
    ) -> Response:
        return await answer(lambda: searcher.read(named(passage), document=id, around=around).to_dict())

    # Before the route of documents, whose ids may hold a slash.
    @router.get(
        "/documents/{document_id:path}/file",
        summary="The file a document was read from",
        responses=FILE,
        response_class=Response,
    )
    async def get_file(document_id: str) -> Response:
        """Only from where the index knows it to be, as it is now; of a member of an archive, the archive."""

        def opened() -> Original:
            with refusing():
                return open_located(searcher.file_location(document_id), document_id)

        try:
            original = await threads.run(opened)
        except Refusal as refusal:
            # A document may itself be called so.
            with suppress(Refusal):
                return await get_document(f"{document_id}/file")
            raise refusal
        return StreamingResponse(original.chunks(), headers=headers_of(original))

    @router.get(
        "/documents/{document_id:path}",
        summary="A document: text, metadata, passages with offsets, outline",
        responses={200: {"model": DocumentAnswer}},
    )
    async def get_document(
        document_id: str,
        start: Annotated[int, Query(ge=0, le=LARGEST, description="The character from which to read.")] = 0,
        characters: Annotated[int, Query(ge=1, le=MAX_CHARACTERS, description="To read at most.")] = MAX_CHARACTERS,
    ) -> Response:
        return await answer(lambda: searcher.document(document_id, start=start, most=characters).to_dict())

    return router


@contextmanager
def refusing() -> Iterator[None]:
    """Say of what is not there that it is not, and of what is too large that it is."""
    try:
        yield
    except UnknownDocumentError as error:
        raise Refusal(404, str(error), error.code) from error
    except OriginalTooLargeError as error:
        raise Refusal(413, str(error), error.code) from error
    except OriginalError as error:
        raise Refusal(404, str(error), error.code) from error


def headers_of(original: Original) -> Mapping[str, str]:
    """By which a browser saves a file and runs nothing of it, nor shows it in a page of another site."""
    name = quote(original.name.encode("utf-8", "surrogateescape"), safe="")
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(original.size),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
