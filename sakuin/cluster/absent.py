"""What is taken for the answers of a shard of which no replica answers, where a search may do without it."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.index.store.passages import Source
from sakuin.search.parts import Doubled, Listed, Listing, Within


class Absent:
    """Answers to the questions that `search.parts.Part` is asked for a search."""

    @staticmethod
    def passage_ids() -> NDArray[np.int64]:
        """int64 (0,)."""
        return np.zeros(0, np.int64)

    @staticmethod
    def doubled(passage_ids: Sequence[int]) -> Doubled:
        """None counts."""
        return Doubled(0, 0, {})

    @staticmethod
    def pool(most: int) -> tuple[NDArray[np.int64], list[set[Source]]]:
        """No ids, int64 (0,), so no documents."""
        return np.zeros(0, np.int64), []

    @staticmethod
    def sources(passage_ids: Sequence[int]) -> list[set[Source]]:
        """They stand nowhere."""
        return [set() for _ in passage_ids]

    @staticmethod
    def having(terms: Sequence[str]) -> list[int]:
        """No passage has any."""
        return [0] * len(terms)

    @staticmethod
    def beginning(prefix: str) -> list[tuple[str, int]]:
        """No term begins so."""
        return []

    @staticmethod
    def sizes(within: Within) -> tuple[int, int]:
        """Nothing passes a filter."""
        return 0, 0

    @staticmethod
    def listed(listing: Listing) -> Listed:
        """Neither leg lists any."""
        none = np.zeros(0, np.float32)
        return Listed(None, none, None, none, {} if listing.standing else None)

    @staticmethod
    def listed_each(listings: Sequence[Listing]) -> list[Listed]:
        """Nor of many."""
        return [Absent.listed(listing) for listing in listings]

    @staticmethod
    def documents_of(passage_ids: Sequence[int], within: Within | None) -> dict[int, list[int]]:
        """They stand nowhere."""
        return {}

    @staticmethod
    def passages(passage_ids: Sequence[int], within: Within | None) -> dict[int, Any]:
        """None is there."""
        return {}

    @staticmethod
    def indexed(passage_ids: Sequence[int]) -> dict[int, str]:
        """None is there."""
        return {}

    @staticmethod
    def explained(asked: Any, passage_ids: Sequence[int]) -> list[list[Any]]:
        """No term adds anything."""
        return [[] for _ in passage_ids]

    @staticmethod
    def scores(passage_ids: Sequence[int], asked: Any, vector: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cosines and BM25 scores, float32 (n,), of what is not here."""
        return np.zeros(len(passage_ids), np.float32), np.zeros(len(passage_ids), np.float32)

    @staticmethod
    def rows(passage_ids: Sequence[int], dim: int) -> NDArray[np.float32]:
        """float32 (n, dim), of zeros."""
        return np.zeros((len(passage_ids), dim), np.float32)

    @staticmethod
    def holding(within: Within, passage_ids: Sequence[int]) -> list[int]:
        """None has the words."""
        return []

    @staticmethod
    def shown(within: Within, documents: Sequence[tuple[int, Sequence[int]]], most: int) -> list[list[int]]:
        """None is a hit."""
        return [[] for _ in documents]

    @staticmethod
    def field_names() -> list[str]:
        """No document has any."""
        return []

    @staticmethod
    def facets(condition: Any, names: Collection[str] | None, limit: int) -> list[Any]:
        """No document has any."""
        return []

    @staticmethod
    def counted(documents: Sequence[int], names: Collection[str] | None) -> list[Any]:
        """No document has any."""
        return []

    @staticmethod
    def counts() -> dict[str, int]:
        """Nothing to be counted."""
        return {}
