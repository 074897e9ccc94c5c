"""A hit while its passages are not fetched yet."""

from dataclasses import dataclass, replace

from sakuin.search.ranked import Ranked


@dataclass(frozen=True, slots=True)
class Group:
    """A hit before its passages are fetched.

    Attributes:
        rank: Of the hit, from 1.
        passages: Best first; never empty. Each with the number of the place, of all its places, that the hit is about.
        more: How many more passages of the document are among the candidates.
        document: Its number, where hits are documents.
        sorted_by: See `Hit.sorted_by`.
    """

    rank: int
    passages: tuple[tuple[Ranked, int], ...]
    more: int = 0
    document: int | None = None
    sorted_by: str | None = None

    @property
    def key(self) -> int:
        """What tells the hit from others of its search."""
        return self.passages[0][0].passage_id if self.document is None else self.document

    def first(self, most: int) -> "Group":
        """The same with so many of its passages; the others are counted."""
        spare = max(0, len(self.passages) - most)
        return replace(self, passages=self.passages[:most], more=self.more + spare) if spare else self
