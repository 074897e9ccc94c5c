"""Which endpoint a path belongs to, and what methods it takes, by the API's description of itself."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

_PARAMETER = re.compile(r"\\\{\w+\\\}")


class Endpoints:
    """The endpoints of an application."""

    def __init__(self, described: Callable[[], Mapping[str, Mapping[str, Any]]]) -> None:
        """Take what gives the ``paths`` of an OpenAPI description, once the application is whole."""
        self._described = described

    @cached_property
    def _methods(self) -> Mapping[str, Sequence[str]]:
        return {path: sorted(method.upper() for method in told) for path, told in self._described().items()}

    @cached_property
    def _patterns(self) -> Sequence[tuple[str, re.Pattern[str]]]:
        # A parameter may hold slashes, as ids of documents do. What is told most closely comes first.
        longest = sorted((path for path in self._methods if "{" in path), key=len, reverse=True)
        return [(path, re.compile(_PARAMETER.sub(".+", re.escape(path)), re.DOTALL)) for path in longest]

    def endpoint(self, path: str, method: str) -> str | None:
        """The path as the API describes it, such as ``/documents/{document_id}``; None where there is no such."""
        found = self._matching(path)
        return next((each for each in found if method in self._methods[each]), found[0] if found else None)

    def methods(self, path: str) -> Sequence[str]:
        """What methods the endpoint of a path takes, in alphabetical order: of several, the one told most closely."""
        return self._methods[found[0]] if (found := self._matching(path)) else []

    def _matching(self, path: str) -> list[str]:
        literal = [path] if path in self._methods and "{" not in path else []
        return literal + [each for each, pattern in self._patterns if pattern.fullmatch(path)]
