"""What the service asks of a request before it looks at what is wanted: where it is addressed, a key, and its size."""

import asyncio
import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sakuin.service.keys import Keys
from sakuin.service.refusals import Refusal

JSON_LINES = "application/x-ndjson"
MULTIPART = "multipart/form-data"
KINDS = ("application/json", JSON_LINES)
UPLOADS = "/documents"
"""Where forms with files are taken."""

MAX_BODY = 4_000_000
"""Bytes of a request's body."""

BODY_SECONDS = 30
"""How long a body may take to arrive."""

MAX_UPLOAD = 100_000_000
"""Bytes of a form with files, which is not held in memory."""

UPLOAD_SECONDS = 600

READING = ("GET", "HEAD", "OPTIONS")
READING_BY_POST = ("/search", "/v1/embeddings", "/v1/rerank", "/v2/rerank")
"""What a key may do that may only read."""

_host = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::\d*)?", re.IGNORECASE)


class Gate:
    """Lets through what is addressed to this machine, has the key, and is small enough; passes bodies on whole."""

    def __init__(
        self, app: ASGIApp, keys: Keys | None, hosts: frozenset[str] | None, origins: Collection[str] = ()
    ) -> None:
        """Stand before an application.

        Args:
            app: What is behind.
            keys: Of which clients must send one as ``Authorization: Bearer KEY``; None to ask for none.
            hosts: Names by which clients may call this machine; None for any.
            origins: Of pages that may send forms.
        """
        self._app = app
        self._keys = keys
        self._hosts = hosts
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the app do so."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        form = scope["method"] == "POST" and scope["path"] == UPLOADS and kind_of(headers) == MULTIPART
        try:
            self._check(scope["method"], scope["path"], headers=headers, form=form)
            if form:
                await self._app(scope, limited(receive), send)
                return
            body = await whole_body(receive)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, replayed(body, receive), send)

    def _check(self, method: str, path: str, *, headers: Headers, form: bool) -> None:
        """Raises Refusal over what the headers say."""
        if self._hosts is not None:
            # A page elsewhere that gives this machine its own name must not speak to it.
            found = _host.fullmatch(headers.get("host", ""))
            if not found or found[1].lower() not in self._hosts:
                raise Refusal(
                    403,
                    "The service answers to 127.0.0.1 and localhost only: use one of them in the address.",
                    "host_not_allowed",
                )
        if self._keys is not None:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = self._keys.right(given.strip()) if scheme.lower() == "bearer" else None
            if right is None:
                raise Refusal(
                    401,
                    "The key is missing or wrong: send the header `Authorization: Bearer KEY`.",
                    "invalid_api_key",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            if right == "read" and method not in READING and path not in READING_BY_POST:
                raise Refusal(403, "This key may only read: send one that may write.", "key_reads_only")
        # Any page may send a form, or plain text, to any address; JSON only where it is allowed to.
        if form:
            self._require_origin(headers)
        elif method == "POST" and kind_of(headers) not in KINDS and has_body(headers):
            raise Refusal(
                415,
                "The body must be JSON: send the header `Content-Type: application/json`.",
                "unsupported_content_type",
            )
        most = MAX_UPLOAD if form else MAX_BODY
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > most:
            raise too_large(most)

    def _require_origin(self, headers: Headers) -> None:
        """Raise Refusal where a form comes from a page that may not send any; browsers say where it comes from."""
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins and "*" not in self._origins:
            message = "Files are not taken from this page: name it with --cors, or send them by a program."
            raise Refusal(403, message, "origin_not_allowed")


def has_body(headers: Headers) -> bool:
    """Whether a request has a body, or may have one."""
    return "content-type" in headers or "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def kind_of(headers: Headers) -> str:
    """The type of a body, in lower case and without what follows it."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def whole_body(receive: Receive) -> bytes | None:
    """The body of a request, None where the client went away; raises Refusal if it is too large or too slow."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                part = message.get("body", b"")
                size += len(part)
                if size > MAX_BODY:
                    raise too_large(MAX_BODY)
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise too_slow(BODY_SECONDS) from None


def limited(receive: Receive) -> Receive:
    """What gives a form's parts as they come; raises Refusal if they are too many or too slow."""
    size = 0
    whole = False
    latest = asyncio.get_running_loop().time() + UPLOAD_SECONDS

    async def part() -> Message:
        nonlocal size, whole
        try:
            async with asyncio.timeout_at(None if whole else latest):
                message = await receive()
        except TimeoutError:
            raise too_slow(UPLOAD_SECONDS) from None
        size += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if size > MAX_UPLOAD:
            raise too_large(MAX_UPLOAD)
        return message

    return part


def too_slow(seconds: int) -> Refusal:
    """Of a body that does not arrive."""
    message = f"The body did not arrive within {seconds} seconds: send it at once."
    return Refusal(408, message, "body_timeout", headers={"Connection": "close"})


def too_large(most: int) -> Refusal:
    """Of a body of more bytes than are taken."""
    return Refusal(413, f"The body is larger than {most:,} bytes: send less at a time.", "body_too_large")


def replayed(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was read already, then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
