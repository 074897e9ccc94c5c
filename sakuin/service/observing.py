"""Sees every request and what became of it: counts it, and writes it down where that is wanted."""

import time
from collections.abc import Callable
from http import HTTPMethod
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sakuin.embedder.tokenising import replace_lone_surrogates
from sakuin.service.gate import MAX_BODY
from sakuin.service.paths import Endpoints
from sakuin.service.refusals import Refusal
from sakuin.service.request_log import MAX_PATH, RequestLog, query_of
from sakuin.service.work import Threads

if TYPE_CHECKING:
    from sakuin.service.metrics import Metrics

CLIENT_GONE = 499
"""The status of a request whose client went away before it was answered, as nginx has it."""

METHODS = frozenset(HTTPMethod)
OTHER = "other"
"""Stands for all methods and paths that there are none of, of which a client may think up any number."""


class Observed:
    """Lets all requests through."""

    def __init__(self, app: ASGIApp, metrics: "Metrics | None", log: RequestLog | None, endpoints: Endpoints) -> None:
        """Stand before an application.

        Args:
            app: What is behind.
            metrics: What counts; None for nothing.
            log: Where requests are written down; None for nowhere.
            endpoints: Those of the application.
        """
        self._app = app
        self._metrics = metrics
        self._log = log
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = Seen(lambda: self._note(scope, seen), with_body=bool(self._log and self._log.queries))
        try:
            await self._app(scope, seen.receiving(receive), seen.sending(send))
        except Exception:
            seen.status = 500
            raise
        finally:
            seen.end()

    def _note(self, scope: Scope, seen: "Seen") -> None:
        """Count a request and write it down."""
        seconds = time.perf_counter() - seen.started
        if self._metrics:
            method = scope["method"] if scope["method"] in METHODS else OTHER
            endpoint = self._endpoints.endpoint(scope["path"], method) or OTHER
            self._metrics.observe(method=method, endpoint=endpoint, status=seen.status, seconds=seconds)
        if self._log:
            line = {
                "client": scope["client"][0] if scope["client"] else None,
                "method": scope["method"][:MAX_PATH],
                "path": replace_lone_surrogates(scope["path"][:MAX_PATH]),
                "status": seen.status,
                "bytes": seen.size,
                "seconds": round(seconds, 6),
            }
            if self._log.queries:
                line["query"] = query_of(scope["query_string"], bytes(seen.body))
            self._log.write(line)


class Seen:
    """What is seen of a request.

    Attributes:
        started: When its headers came.
        status: Of its answer.
        size: Bytes of the answer's body.
        body: Of the request, where it is wanted.
    """

    def __init__(self, note: Callable[[], None], *, with_body: bool) -> None:
        """Begin to look.

        Args:
            note: Called once, before the client can have all of its answer.
            with_body: Whether the request's body is wanted.
        """
        self._note: Callable[[], None] | None = note
        self.started = time.perf_counter()
        self.status = CLIENT_GONE
        self.size = 0
        self.body = bytearray()
        self._with_body = with_body

    def receiving(self, receive: Receive) -> Receive:
        """What gives the parts of the request."""
        if not self._with_body:
            return receive

        async def part() -> Message:
            message = await receive()
            if len(self.body) <= MAX_BODY:
                self.body += message.get("body", b"")
            return message

        return part

    def sending(self, send: Send) -> Send:
        """What takes the parts of the answer."""

        async def part(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            self.size += len(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self.end()
            await send(message)

        return part

    def end(self) -> None:
        """No more is to be seen of it."""
        note, self._note = self._note, None
        if note:
            note()


FOR_PROMETHEUS: dict[int | str, dict[str, Any]] = {
    200: {"description": "In Prometheus's text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


def metrics_router(metrics: "Metrics | None") -> APIRouter:
    """The route by which Prometheus asks for what was counted."""
    router = APIRouter()
    # As who asks whether the service is well, who watches it does not wait for searches.
    watcher = Threads(1)

    @router.get(
        "/metrics",
        summary="Counts of requests, and sizes of the index",
        responses=FOR_PROMETHEUS,
        response_class=Response,
    )
    async def get_metrics() -> Response:
        if metrics is None:
            message = "Nothing is counted: this needs the extra `service`, which is not installed here."
            raise Refusal(404, message, "not_installed")
        from sakuin.service.metrics import MEDIA_TYPE

        return Response(await watcher.run(metrics.text), media_type=MEDIA_TYPE)

    return router
