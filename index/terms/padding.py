"""Passages that nothing finds, beside those of a generation: they make its mean length that of several indexes.

A BM25 score depends on how long a passage is beside the mean. tantivy takes the mean of what it searches, and there is
no other way to tell it one.
"""

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sakuin.index.terms.storage import META, TERMS_FIELD, link_to, linked, schema

if TYPE_CHECKING:
    import tantivy

PADDING = "\ue000"
"""The term of such passages, of Unicode's private use: no query has it."""

TRIED = 64
"""Numbers of passages that are tried, for one that gives the mean nearly to the last bit."""

SAME = 1e-7
"""Means that differ by less, as a share, are one number to tantivy."""

LONGEST = 50_000
"""Terms of a passage of padding, but for as many as the mean: written out they are in memory, 4 bytes each."""

MAX_DOC = "max_doc"
"""In `META`, of a segment: how many passages it has, by which tantivy divides."""

_HEAP_BYTES = 50_000_000


def with_padding(folder: Path, passages: int, own: float, mean: float) -> "tuple[tantivy.Searcher, int] | None":
    """A generation with padding.

    Args:
        folder: Of the generation.
        passages: How many it counts.
        own: Their mean length.
        mean: What it is to be.

    Returns:
        What searches it, and how many passages that counts; None where the mean is right already.
    """
    import tantivy

    if not passages or not mean or abs(own - mean) <= SAME * mean:
        return None
    number, terms = padding_of(passages, own, mean)
    # Its files are mapped when it is searched for the first time, and may go then.
    with (
        linked(folder) as together,
        TemporaryDirectory(prefix="sakuin-", ignore_cleanup_errors=True) as added,
    ):
        padding = tantivy.Index(schema(), path=added)
        writer = padding.writer(_HEAP_BYTES, 1)
        lengths = lengths_of(number, terms)
        for length in lengths:
            document = tantivy.Document()
            document.add_text(TERMS_FIELD, " ".join([PADDING] * length))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        for file in Path(added).iterdir():
            if file.suffix not in (".json", ".lock"):
                link_to(file, Path(together, file.name))
        meta, of_padding = (json.loads(Path(one, META).read_text()) for one in (folder, added))
        # Passages without terms need only be counted: millions are, where those here are far longer than the mean.
        of_padding["segments"][-1][MAX_DOC] += number - len(lengths)
        meta["segments"] += of_padding["segments"]
        Path(together, META).unlink()
        Path(together, META).write_text(json.dumps(meta))
        index = tantivy.Index.open(together)
        index.config_reader("manual")
        searcher = index.searcher()
        searcher.doc_freq(TERMS_FIELD, PADDING)
    return searcher, passages + number


def padding_of(passages: int, own: float, mean: float) -> tuple[int, int]:
    """How many passages of padding there are to be, and with how many terms together.

    Args:
        passages: How many there are already.
        own: Their mean length.
        mean: What it is to be.
    """
    lacking = passages * (mean - own)
    fewest = max(1, math.ceil(passages * own / mean) - passages, math.ceil(lacking / LONGEST))

    def terms(number: int) -> float:
        return mean * (passages + number) - own * passages

    number = min(range(fewest, fewest + TRIED), key=lambda one: abs(terms(one) - round(terms(one))))
    return number, max(0, round(terms(number)))


def lengths_of(number: int, terms: int) -> list[int]:
    """Lengths of the passages of padding that are written; of so many with so many terms, the others have none."""
    written = min(number, max(1, math.ceil(terms / LONGEST)))
    each, more = divmod(terms, written)
    return [each + (place < more) for place in range(written)]
