"""What the service says where it does not do as asked: an error in the form of OpenAI's API, whatever the cause."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from sakuin.arguments import ERRORS_SHOWN, NAME_CHARACTERS, field_of, sentence
from sakuin.embedder.tokenising import replace_lone_surrogates
from sakuin.errors import SakuinError
from sakuin.search.request import SearchError
from sakuin.service.hiding import without_paths
from sakuin.service.paths import Endpoints

LISTED = "/openapi.json lists those that there are"


class Refusal(Exception):
    """A request that is not done as asked.

    Attributes:
        status: HTTP's number for it.
        message: What happened, where, and what to do.
        code: Names the case for programs.
        param: The argument at fault.
        headers: Of the answer, beside the usual ones.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.headers = headers

    def response(self) -> Response:
        """The answer: ``{"error": {"message", "type", "param", "code"}}``."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return Response(orjson.dumps({"error": error}), self.status, self.headers, "application/json")


class ErrorFields(BaseModel):
    """What went wrong."""

    message: str = Field(description="What happened, where, and what to do.")
    type: str = Field(description="`invalid_request_error` or `server_error`.")
    param: str | None = Field(description="The argument at fault.")
    code: str | None = Field(description="Names the case for programs.")


class ErrorAnswer(BaseModel):
    """Every answer whose status is 400 or more."""

    error: ErrorFields


def answer_refusals(app: FastAPI, endpoints: Endpoints, folder: Path) -> None:
    """Make an app answer every error in the one form.

    Args:
        app: The application.
        endpoints: Its endpoints.
        folder: Of the index, which is not told to clients.
    """

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return error.response()

    @app.exception_handler(SearchError)
    async def wrongly_asked(request: Request, error: SearchError) -> Response:
        return Refusal(400, replace_lone_surrogates(str(error)), error.code).response()

    @app.exception_handler(SakuinError)
    async def unavailable(request: Request, error: SakuinError) -> Response:
        message = without_paths(replace_lone_surrogates(str(error)), folder)
        return Refusal(503, message, error.code).response()

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> Response:
        errors = error.errors()
        message = " ".join(sentence(each, LISTED) for each in errors[:ERRORS_SHOWN])
        return Refusal(400, message, param=field_of(errors[0]) or None).response()

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> Response:
        path = request.url.path[:NAME_CHARACTERS]
        if error.status_code == HTTPStatus.NOT_FOUND:
            return Refusal(
                404, f"There is nothing at {path}: /openapi.json lists what there is.", "not_found"
            ).response()
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # Of routes with the same path the error knows the first alone.
            methods = ", ".join(endpoints.methods(request.url.path)) or "GET"
            message = f"{path} takes {methods}, not {request.method[:NAME_CHARACTERS]}."
            return Refusal(405, message, "method_not_allowed", headers={"Allow": methods}).response()
        # A body nested so deeply, or with a number so long, that Python does not read it.
        return Refusal(error.status_code, "The body cannot be read: send a JSON object.").response()

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        # The server that runs the app writes the traceback to stderr.
        return Refusal(500, "The service failed. What went wrong stands in its log.", "internal_error").response()
