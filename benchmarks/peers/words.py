"""Words by MeCab, as users of fugashi get them."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any


@cache
def tagger() -> Any:
    """MeCab with the IPA dictionary, which writes words with spaces between."""
    from fugashi import GenericTagger
    from ipadic import MECAB_ARGS

    return GenericTagger(f"-Owakati {MECAB_ARGS}")


def tokens(text: str) -> list[str]:
    """The words of a text."""
    return str(tagger().parse(text)).split()


def tokens_of_all(texts: Sequence[str], processes: int) -> list[list[str]]:
    """The words of each text, by several processes where there are many."""
    if processes == 1:
        return [tokens(text) for text in texts]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return list(pool.map(tokens, texts, chunksize=2_000))
