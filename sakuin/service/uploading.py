"""Files that come over HTTP, as a form of a browser or `curl -F` sends them."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sakuin.facts import Value
from sakuin.index.settings import Settings
from sakuin.index.store.listing import documents_in, reading
from sakuin.index.uploads import MAX_FILES, add_uploads
from sakuin.service.refusals import Refusal

# It would write a line for each form that is damaged.
logging.getLogger("python_multipart").setLevel(logging.ERROR)

AT_ONCE = 4
"""Uploads under way: what has arrived of each lies on the disk until it is read."""


class KeptAnswer(BaseModel):
    """A file that is in the index now."""

    name: str = Field(description="As it was sent.")
    uri: str = Field(description="Its name in the index.")


class SkippedAnswer(BaseModel):
    """A file, or a part of one, that was left out, and why."""

    name: str
    code: str = Field(description="Names the reason for programs.")
    data: dict[str, Value] = Field(description="What its sentence speaks of.")
    message: str = Field(description="The sentence, in English.")


class UploadedAnswer(BaseModel):
    """What is committed of files."""

    stored: int = Field(description="Documents that the files have.")
    kept: list[KeptAnswer]
    skipped: list[SkippedAnswer]


class Uploads:
    """Files of requests, so many at a time. Used from one event loop."""

    def __init__(self) -> None:
        self._under_way = 0

    @asynccontextmanager
    async def sent(self, request: Request) -> AsyncIterator[list[tuple[str, BinaryIO]]]:
        """Names and contents of a request's files; raises Refusal where it has none, or cannot be read."""
        if self._under_way >= AT_ONCE:
            message = "Too many files are arriving: try again in a second."
            raise Refusal(503, message, "overloaded", headers={"Retry-After": "1"})
        self._under_way += 1
        try:
            async with request.form(max_files=MAX_FILES, max_fields=1) as form:
                yield files_of(form.multi_items())
        except HTTPException as error:
            raise Refusal(400, f"The form cannot be read: {error.detail.rstrip('.')}.", "unreadable_form") from error
        except ClientDisconnect:
            raise Refusal(400, "The form did not arrive as a whole.", "unreadable_form") from None
        finally:
            self._under_way -= 1


def files_of(items: Sequence[tuple[str, UploadFile | str]]) -> list[tuple[str, BinaryIO]]:
    """Names and contents of what a form has; raises Refusal where that is not files alone, one or more."""
    found = []
    for name, value in items:
        if isinstance(value, str):
            raise Refusal(400, f"The form has a field {name[:100]!r} that is no file: send files only.", param="files")
        found.append((value.filename or "", value.file))
    if not found:
        raise Refusal(400, "The form has no file: send one or more.", param="files")
    return found


def add_files(
    folder: Path, settings: Settings, *, files: Sequence[tuple[str, BinaryIO]], timeout: float
) -> Mapping[str, Any]:
    """Keep files and read them into an index; what `UploadedAnswer` says.

    Args:
        folder: The index.
        settings: Of the index.
        files: Names and contents.
        timeout: Seconds to wait for another writer.

    Raises:
        Refusal: nothing could be taken of any of them.
        IndexFolderError: as `add_uploads`.
    """
    contents = [(name, file.read()) for name, file in files]
    uploaded = add_uploads(contents, folder, settings=settings, timeout=timeout)
    skipped = [{"name": one.uri, **one.reason.to_dict()} for one in uploaded.skipped]
    if not uploaded.kept:
        told = "; ".join(f"{one['name']}: {one['message']}" for one in skipped[:3])
        raise Refusal(400, f"Nothing was taken of the files: {told}.", "nothing_readable", "files")
    uris = [uri for _, uri in uploaded.kept]
    with reading(folder) as connection:
        stored = sum(documents_in(connection, uris).values())
    kept = [{"name": name, "uri": uri} for name, uri in uploaded.kept]
    return {"stored": stored, "kept": kept, "skipped": skipped}
