"""Distinct passages to measure with: from files of pairs, or made from the example corpus."""

import random
from collections.abc import Iterator
from pathlib import Path

from index.corpus import find_files
from index.documents import Document
from index.passages import split
from index.readers import read_file

EXAMPLES = Path(__file__).parent.parent / "examples" / "corpus"


def distinct_passages(number: int, data: Path | None) -> list[str]:
    """``number`` different passages: of the pair files in ``data``, else mixed from sentences of the example corpus."""
    passages: dict[str, None] = {}
    for text in from_pairs(data) if data else from_examples():
        passages[text] = None
        if len(passages) == number:
            return list(passages)
    raise SystemExit(f"{data} has only {len(passages)} distinct passages: ask for fewer.")


def from_pairs(data: Path) -> Iterator[str]:
    """Passages of pair files, one of each file in turn."""
    from training.pairs import SUFFIXES, read_pairs

    paths = sorted(path for path in data.iterdir() if path.name.endswith(SUFFIXES) and "_scored" not in path.name)
    sources = [read_pairs(path, 50_000).passages for path in paths]
    for row in range(max(map(len, sources))):
        yield from (source[row] for source in sources if row < len(source))


def from_examples() -> Iterator[str]:
    """Endless passages of two to six sentences drawn from the example corpus."""
    rng = random.Random(0)
    sentences = []
    for found in find_files(EXAMPLES, EXAMPLES):
        for document in read_file(found.path, found.uri):
            if isinstance(document, Document):
                sentences += [document.text[p.start : p.end] for p in split(document, max_width=60)]
    while True:
        yield " ".join(rng.sample(sentences, rng.randint(2, 6)))
