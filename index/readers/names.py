"""Names for what would have the same name within one file: ``a.pdf`` is ``a (2).pdf`` the second time."""

from collections.abc import Sequence


class FreeNames:
    """Gives each of a file's members a name that none before it has."""

    def __init__(self) -> None:
        """Begin with none taken."""
        self._taken: set[str] = set()
        self._times: dict[str, int] = {}

    def take(self, name: str) -> str:
        """Return ``name``, or where it is taken the same with a number before its suffix."""
        stem, dot, suffix = name.rpartition(".")
        if not dot or "/" in suffix:
            stem, dot, suffix = name, "", ""
        free = name
        while free in self._taken:
            # Counted on from the last time: of ten thousand alike none looks at all before it.
            self._times[name] = self._times.get(name, 1) + 1
            free = f"{stem} ({self._times[name]}){dot}{suffix}"
        self._taken.add(free)
        return free


def unlike(names: Sequence[str]) -> list[str]:
    """Names of columns, no two of them alike: ``id``, ``id`` are ``id``, ``id 2``. Those of "" have none and stay.

    A name that is made up is never one that a column further on has of its own.
    """
    own, free = set(names), FreeNames()
    seen: set[str] = set()
    found: list[str] = []
    for number, name in enumerate(names, 1):
        if name in seen and f"{name} {number}" not in own:
            name = f"{name} {number}"
        seen.add(name)
        found.append(free.take(name) if name else "")
    return found
