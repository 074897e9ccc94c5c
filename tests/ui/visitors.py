"""A browser before an application that gives away a secret to whoever reaches it."""

from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from sakuin.ui.door import Door


def visitor(**asked: Any) -> TestClient:
    """One who stands before the door, which asks as told."""

    async def page(_: object) -> PlainTextResponse:
        return PlainTextResponse("secret")

    async def socket(connection: WebSocket) -> None:
        await connection.accept()
        await connection.send_text("secret")
        async for text in connection.iter_text():
            await connection.send_text(f"secret {text}")

    routes = [Route("/{path:path}", page), WebSocketRoute("/stream", socket)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Door, **asked)]), follow_redirects=False)
