"""The API in the browser, to read and to try, without asking another machine for anything."""

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

from sakuin.service.refusals import Refusal

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sakuin: the service</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null});\n'
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff"}
FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


def page_router() -> APIRouter:
    """The page and what it loads."""
    router = APIRouter(prefix="/docs", include_in_schema=False)

    @router.get("")
    async def get_page() -> Response:
        bundle("swagger-ui.css")
        return Response(PAGE, media_type="text/html", headers=HEADERS)

    @router.get("/start.js")
    async def get_start() -> Response:
        return Response(START, media_type="text/javascript", headers=HEADERS)

    for name, kind in FILES.items():
        router.get(f"/{name}")(serving(name, kind))
    return router


def serving(name: str, kind: str) -> Callable[[], Awaitable[Response]]:
    """What answers with a file of Swagger UI."""

    async def get_file() -> Response:
        return Response(bundle(name), media_type=kind, headers=HEADERS)

    return get_file


@cache
def bundle(name: str) -> bytes:
    """A file of Swagger UI; raises Refusal where it is not installed."""
    try:
        return (files("fastapi_offline") / "static" / name).read_bytes()
    except ModuleNotFoundError:
        message = "The page needs the extra `service`, which is not installed here: /openapi.json says the same."
        raise Refusal(404, message, "not_installed") from None
