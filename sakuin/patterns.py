"""Regular expressions that are compiled when they are first used.

A search from the command line uses few of those that its modules have, and one with large classes of characters, as
those of Japanese are, takes a millisecond to compile.
"""

import re
from typing import Any, cast


def pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile` gives, without an error where the source is none before it is used."""
    return cast(re.Pattern[str], _Pattern(source, flags))


class _Pattern:
    """Each attribute is the compiled pattern's; once it was asked for it costs no more than there."""

    def __init__(self, source: str, flags: int) -> None:
        """Nothing is compiled yet."""
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        value = re.compile(self._source, self._flags) if name == "_compiled" else getattr(self._compiled, name)
        setattr(self, name, value)
        return value
