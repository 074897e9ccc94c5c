"""A connection of a client: how long it may take to send and to read, and what it is told where it sends no HTTP."""

import asyncio
import logging
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.server import ServerState

from sakuin.service.refusals import Refusal
from sakuin.service.shares import Share

HEADER_SECONDS = 10
"""How long a request's headers may take to arrive."""

SEND_SECONDS = 60
"""How long a client may take none of an answer that waits for it."""

KEPT_FILES = 128
"""Files that a process needs beside its connections: those of the index, and uploads."""

FEWEST_FILES = 1_024
"""Taken to be the limit of open files where the system does not tell."""

EXCESS = 32
"""Connections beyond the most that are taken all the same, to be told so; others wait to be taken."""

# What clients do wrong is told to them, and would fill the log of who serves.
_logger = logging.getLogger("sakuin.service")
_logger.setLevel(logging.ERROR)


def most_connections() -> int:
    """How many connections this process may have, by the number of files that it may have open."""
    try:
        import resource
    except ImportError:
        return FEWEST_FILES - KEPT_FILES
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        files = 1 << 16
    return max(files - KEPT_FILES, files // 2)


class Connection(H11Protocol):
    """A connection that is given up where its client is slow, and told so where there are too many."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        share: Share | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _logger
        self._share = share
        self._most = most_connections()
        self._headers_due: asyncio.TimerHandle | None = None
        self._reading_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        if len(self.connections) > self._most:
            self.app = too_many
        self._tell()
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        super().connection_lost(exc)
        self._tell()
        for timer in (self._headers_due, self._reading_due):
            if timer:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        super().data_received(data)
        self._await_headers()

    def on_response_complete(self) -> None:
        """See uvicorn."""
        super().on_response_complete()
        self._await_headers()

    def pause_writing(self) -> None:
        """See asyncio."""
        super().pause_writing()
        self._await_reading(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        if self._reading_due:
            self._reading_due.cancel()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, in the one form of errors."""
        message = "This is no request of HTTP that can be read: check the program that sent it."
        self._end(Refusal(400, message, "no_http"))

    def _tell(self) -> None:
        if self._share:
            self._share.tell(len(self.connections))

    def _await_headers(self) -> None:
        """See to it that headers that have begun to arrive, or that a new connection should send, do so in time."""
        answering = self.cycle is not None and not self.cycle.response_complete
        # uvicorn closes a connection that is kept for further requests after some idle seconds.
        if answering or self.timeout_keep_alive_task is not None or self.transport.is_closing():
            if self._headers_due:
                self._headers_due.cancel()
            self._headers_due = None
        elif self._headers_due is None:
            self._headers_due = self.loop.call_later(HEADER_SECONDS, self._headers_late)

    def _headers_late(self) -> None:
        begun, _ = self.conn.trailing_data
        if begun and self.conn.our_state is h11.IDLE:
            message = f"The headers did not arrive within {HEADER_SECONDS} seconds: send them at once."
            self._end(Refusal(408, message, "headers_timeout"))
        else:
            self.transport.close()

    def _await_reading(self, left: int) -> None:
        """See to it that the client takes some of an answer in time."""
        self._reading_due = self.loop.call_later(SEND_SECONDS, self._reading_late, left)

    def _reading_late(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left < before:
            self._await_reading(left)
        else:
            self.transport.abort()

    def _end(self, refusal: Refusal) -> None:
        """Answer outside of any request, and close the connection."""
        if self.transport.is_closing():
            return
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        response = refusal.response()
        headers = [*response.raw_headers, (b"connection", b"close")]
        reason = STATUS_PHRASES[refusal.status]
        events = (
            h11.Response(status_code=refusal.status, headers=headers, reason=reason),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        )
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.close()


async def too_many(scope: Scope, receive: Receive, send: Send) -> None:
    """What answers on connections beyond the most."""
    headers = {"Retry-After": "1", "Connection": "close"}
    message = "Too many connections are open: try again in a second."
    refusal = Refusal(503, message, "too_many_connections", headers=headers)
    await refusal.response()(scope, receive, send)
