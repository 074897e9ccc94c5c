"""What the endpoints of the service share: the threads that answer, and how arguments are read."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from sakuin.search.opening import AT_ONCE
from sakuin.service.refusals import Refusal

WAITING = 64
"""Requests that may wait for a thread; more than these would wait for seconds."""

MAX_ARGUMENTS = 100

T = TypeVar("T")


class Arguments(BaseModel):
    """Arguments of a request, of the types that JSON has, none unknown."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def few(cls, data: Any) -> Any:
        """Refuse a body of very many fields before each of them becomes an error."""
        if isinstance(data, dict) and len(data) > MAX_ARGUMENTS:
            raise ValueError(f"The body has {len(data):,} arguments: /openapi.json lists those that there are.")
        return data


class Threads:
    """A few threads that answer, and a bounded number of requests that wait for them. Used from one event loop."""

    def __init__(self, number: int = AT_ONCE) -> None:
        self._most = number + WAITING
        self._threads = ThreadPoolExecutor(number, "answering")
        self._taken = 0

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` gives, done in a thread; raises Refusal where too many are waiting."""
        if self._taken >= self._most:
            raise Refusal(
                503, "Too many requests are waiting: try again in a second.", "overloaded", headers={"Retry-After": "1"}
            )
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._taken -= 1
