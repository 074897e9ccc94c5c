"""What is told to people and to programs alike: a code, its data, and the sentence they make.

Programs, pages and translations go by the code; nobody has to recognise a sentence by how it begins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Fact:
    """Something worth telling; each kind of fact is a subclass with sentences of its own.

    Attributes:
        code: Which fact it is, a key of ``SENTENCES``.
        data: What the sentence speaks of, by the names of its fields.
    """

    SENTENCES: ClassVar[Mapping[str, str]] = {}
    """English sentences by code, with ``{name}`` where data goes."""

    code: str
    data: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.code not in self.SENTENCES:
            raise ValueError(f"{type(self).__name__} has no sentence for the code {self.code!r}")

    def __str__(self) -> str:
        return self.SENTENCES[self.code].format(**self.data)

    def __hash__(self) -> int:
        return hash((self.code, tuple(sorted(self.data.items()))))

    def to_dict(self) -> dict[str, Any]:
        """``code``, ``data`` and the English sentence as ``message``, ready for JSON."""
        return {"code": self.code, "data": dict(self.data), "message": str(self)}
