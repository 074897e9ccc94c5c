"""What is encoded and analysed for a query or a passage, and where its characters stand."""

from collections.abc import Iterable
from dataclasses import dataclass

from sakuin.index.store import indexed_text


@dataclass(frozen=True, slots=True)
class Span:
    """Characters that a part of a score comes from.

    Attributes:
        part: "query", or of what is indexed of a passage "title", "heading" or "text", which is `Hit.text`.
        start, end: Character offsets in that part.
    """

    part: str
    start: int
    end: int

    def to_dict(self) -> dict[str, str | int]:
        """The fields; `asdict` takes thirty times as long, and an explanation has a hundred thousand spans."""
        return {"part": self.part, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is encoded and analysed for a query or a passage.

    Attributes:
        text: All of it.
        parts: Name and start and end in ``text`` of each part, in order.
    """

    text: str
    parts: tuple[tuple[str, int, int], ...]

    @classmethod
    def query(cls, text: str) -> "Indexed":
        """A query is one part."""
        return cls(text, (("query", 0, len(text)),))

    @classmethod
    def passage(cls, title: str, heading: str, text: str) -> "Indexed":
        """A passage as `indexed_text` joins it; of equal parts one is indexed, called text or title."""
        names = {heading: "heading", title: "title", text: "text"}
        parts = []
        start = 0
        for part in dict.fromkeys(part for part in (title, heading, text) if part):
            parts.append((names[part], start, start + len(part)))
            start += len(part) + 1
        return cls(indexed_text(title, heading, text), tuple(parts))

    def spans(self, offsets: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
        """Offsets (start, end) in ``text`` as spans of its parts, each once; one over several parts becomes several."""
        return tuple(
            Span(name, max(start, first) - first, min(end, last) - first)
            for start, end in dict.fromkeys(offsets)
            for name, first, last in self.parts
            if max(start, first) < min(end, last)
        )
