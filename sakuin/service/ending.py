"""What becomes of requests that are under way when the service has to end."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sakuin.service.refusals import Refusal


class Ending:
    """Tells clients whose requests are given up, as uvicorn does where they are not answered in time, that it ends."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:
            # Of an answer that was begun the client sees that it breaks off.
            if not begun:
                await ending().response()(scope, receive, send)


def ending() -> Refusal:
    """Of a request that is not answered because the service ends."""
    headers = {"Retry-After": "5", "Connection": "close"}
    return Refusal(503, "The service is ending: try again later.", "ending", headers=headers)
