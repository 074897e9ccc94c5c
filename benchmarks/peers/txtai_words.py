"""txtai's BM25 over MeCab's words: txtai loads a scoring method by its name."""

from collections.abc import Callable

from txtai.scoring import BM25

from benchmarks.peers.words import tokens


class MecabBM25(BM25):  # type: ignore[misc]
    """BM25 with another tokenizer."""

    def loadtokenizer(self) -> Callable[[str], list[str]]:
        """What cuts passages and queries."""
        return tokens
