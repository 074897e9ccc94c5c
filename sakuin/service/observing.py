"""Sees every request and what became of it: counts it."""

import time
from http import HTTPMethod
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sakuin.service.paths import Endpoints
from sakuin.service.refusals import Refusal
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

    def __init__(self, app: ASGIApp, metrics: "Metrics | None", endpoints: Endpoints) -> None:
        """Stand before an application.

        Args:
            app: What is behind.
            metrics: What counts; None for nothing.
            endpoints: Those of the application.
        """
        self._app = app
        self._metrics = metrics
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = CLIENT_GONE

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            status = 500
            raise
        finally:
            if self._metrics:
                method = scope["method"] if scope["method"] in METHODS else OTHER
                endpoint = self._endpoints.endpoint(scope["path"], method) or OTHER
                seconds = time.perf_counter() - started
                self._metrics.observe(method=method, endpoint=endpoint, status=status, seconds=seconds)


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
