"""Documents that come and go over HTTP."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema

from sakuin.index.documents import Document
from sakuin.index.errors import DocumentError
from sakuin.index.records import MAX_ID_CHARACTERS, MAX_METADATA, documents_of, ids_of
from sakuin.index.uploads import MAX_FILES
from sakuin.index.where import Where
from sakuin.service.filters import read_where
from sakuin.service.gate import JSON_LINES, MULTIPART, kind_of
from sakuin.service.refusals import Refusal
from sakuin.service.uploading import UploadedAnswer, Uploads
from sakuin.service.work import Arguments, Threads
from sakuin.service.writing import Job, Writing

MAX_DOCUMENTS = 1_000
"""Of one request."""

NOT_BLANK = "^[\\s\\S]*\\S[\\s\\S]*$"
"""The pattern of a text that is not blank."""

SCALAR: list[dict[str, Any]] = [
    {"type": "string"},
    {"type": "number"},
    {"type": "boolean"},
    {"type": "null"},
]
VALUE = {"anyOf": [*SCALAR, {"type": "array", "items": {"anyOf": SCALAR}}]}
"""The schema of a value of metadata."""

PROPERTIES: dict[str, Any] = {
    "text": {"type": "string", "pattern": NOT_BLANK},
    "title": {"type": ["string", "null"]},
    "uri": {"type": ["string", "null"]},
    "metadata": {"type": ["object", "null"], "additionalProperties": VALUE},
}
DOCUMENT: dict[str, Any] = {
    "type": "object",
    "description": f"A document. Whatever else it has is metadata too; that has {MAX_METADATA:,} bytes at most.",
    "properties": PROPERTIES,
    "required": ["text"],
    "additionalProperties": VALUE,
}
NAME: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": NOT_BLANK, "maxLength": MAX_ID_CHARACTERS},
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    ]
}
IDENTIFIED = {**DOCUMENT, "properties": {"id": NAME, **PROPERTIES}, "required": ["id", "text"]}
BATCH = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        IDENTIFIED,
                        {"type": "array", "items": IDENTIFIED, "minItems": 1, "maxItems": MAX_DOCUMENTS},
                    ]
                }
            },
            JSON_LINES: {"schema": {"type": "string", "description": "A document in JSON on each line."}},
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "description": f"Files of any kind that is read, {MAX_FILES} and 100 MB at most.",
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
                    },
                    "required": ["files"],
                }
            },
        },
    }
}
SINGLE = {"requestBody": {"required": True, "content": {"application/json": {"schema": DOCUMENT}}}}


class StoredAnswer(BaseModel):
    """What is committed."""

    stored: int = Field(description="Documents that are in the index now as they were sent.")


class RemovedAnswer(BaseModel):
    """What is committed."""

    removed: int = Field(description="Documents that were there and are gone.")


def read_condition(given: Any) -> Where:
    """A filter that keeps something; raises ValueError where it is none."""
    if not given:
        raise ValueError("The argument 'where' is empty, and would remove all documents: name a field.")
    return read_where(given)


class DeleteBody(Arguments):
    """Which documents are to go."""

    where: Annotated[
        Where,
        PlainValidator(read_condition),
        WithJsonSchema({"type": "object", "minProperties": 1, "description": "A filter, as that of `POST /search`."}),
    ]


def documents_router(writing: Writing | None, threads: Threads) -> APIRouter:
    """The routes below /documents that write.

    Args:
        writing: Writes to the index; None where it is not to be written to.
        threads: The threads in which requests are read.
    """
    router = APIRouter(prefix="/documents", tags=["writing"])
    uploads = Uploads()

    async def committed(job: Job) -> Any:
        # Not cancelled with a request whose client has gone: it is committed with others.
        return await asyncio.shield(asyncio.wrap_future(allowed().submit(job)))

    def allowed() -> Writing:
        if writing is None:
            raise Refusal(403, "This service only reads: start it with --writable to write.", "read_only")
        return writing

    async def sent(request: Request, read: Callable[[bytes], Any]) -> Sequence[Document]:
        """The documents of a request, one or more."""
        allowed()
        body = await request.body()
        return await threads.run(lambda: checked(read(body)))

    @router.post("", summary="Add documents, in place of those of the same ids", openapi_extra=BATCH)
    async def post_documents(request: Request) -> StoredAnswer | UploadedAnswer:
        """Answered once they are committed; all of them or, with an error, none. Of files, those that can be read."""
        kind = kind_of(request.headers)
        if kind == MULTIPART:
            allowed()
            async with uploads.sent(request) as files:
                return UploadedAnswer.model_validate(await committed(Job(files=files)))
        documents = await sent(request, read_lines if kind == JSON_LINES else read_json)
        return StoredAnswer.model_validate(await committed(Job(documents=documents)))

    @router.post("/delete", summary="Remove the documents that match a filter")
    async def post_delete(asked: DeleteBody) -> RemovedAnswer:
        """Answered once it is committed."""
        return RemovedAnswer.model_validate(await committed(Job(where=asked.where)))

    @router.put(
        "/{document_id:path}", summary="Add a document, or put it in the place of another", openapi_extra=SINGLE
    )
    async def put_document(document_id: str, request: Request) -> StoredAnswer:
        """Answered once it is committed."""

        def read(body: bytes) -> Any:
            record = read_json(body)
            if not isinstance(record, dict) or record.get("id", document_id) != document_id:
                raise Refusal(400, "The body should be a document, with the id of the address or none.", param="id")
            return record | {"id": document_id}

        return StoredAnswer.model_validate(await committed(Job(documents=await sent(request, read))))

    @router.delete("/{document_id:path}", summary="Remove a document")
    async def delete_document(document_id: str) -> RemovedAnswer:
        """Answered once it is committed; one that is not there is no error."""
        try:
            ids = ids_of(document_id)
        except DocumentError as error:
            raise Refusal(400, str(error), error.code, "id") from error
        return RemovedAnswer.model_validate(await committed(Job(ids=ids)))

    return router


def read_json(body: bytes) -> Any:
    """What a body holds; raises Refusal where it is not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"The body is not JSON: {error}.") from None


def read_lines(body: bytes) -> list[Any]:
    """What the lines of a body hold; raises Refusal where one is not JSON."""
    found = []
    for number, line in enumerate(body.splitlines(), 1):
        try:
            found += [orjson.loads(line)] if line.strip() else []
        except orjson.JSONDecodeError as error:
            raise Refusal(400, f"Line {number} of the body is not JSON: {error}.") from None
    return found


def checked(given: Any) -> list[Document]:
    """Documents as they are stored; raises Refusal where one cannot be, or there are none or too many."""
    records = given if isinstance(given, list) else [given]
    if not records:
        raise Refusal(400, "The body has no document: send one or more.")
    if len(records) > MAX_DOCUMENTS:
        message = f"The body has {len(records):,} documents: send at most {MAX_DOCUMENTS:,} at a time."
        raise Refusal(413, message, "too_many_documents")
    try:
        return list(documents_of(records))
    except DocumentError as error:
        raise Refusal(400, str(error), error.code) from error
