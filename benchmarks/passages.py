"""Distinct Japanese passages to measure with: from files of pairs, or made from the example corpus."""

import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from sakuin.index.corpus import find_files
from sakuin.index.documents import Document
from sakuin.index.passages import MAX_WIDTH, split, text_width
from sakuin.index.readers import read_file

EXAMPLES = Path(__file__).parent.parent / "examples" / "corpus"
# Single words and short sentences, of which the pairs hold many, are no passages; what is wider would become two.
SHORTEST = 80
# Japanese costs more than English to analyse, and the pairs hold both.
KANA = re.compile("[ぁ-ん]")


def distinct_passages(number: int, data: Path | None) -> list[str]:
    """``number`` different passages: of the pair files in ``data``, else mixed from sentences of the example corpus."""
    passages: dict[str, None] = {}
    for text in from_pairs(data) if data else from_examples():
        passages[text] = None
        if len(passages) == number:
            break
    return list(passages)


def from_pairs(data: Path) -> Iterator[str]:
    """Passages of pair files, one of each file in turn; when all are through, endless variations of them.

    A variation is the first half of one passage and the second half of another, with a number between them: as long as
    a real passage, with as many different words, and no near double of any other.
    """
    from sakuin.training.pairs import SUFFIXES, read_pairs

    paths = sorted(path for path in data.iterdir() if path.name.endswith(SUFFIXES) and "_scored" not in path.name)
    sources = [iter(read_pairs(path, cap=sys.maxsize).passages) for path in paths]
    real: dict[str, None] = {}
    while sources:
        for source in list(sources):
            text = next((text for text in source if is_passage(text) and text not in real), None)
            if text is None:
                sources.remove(source)
            else:
                real[text] = None
                yield text
    print(f"{len(real)} passages of {data}, then variations", file=sys.stderr)
    texts, rng, made = list(real), random.Random(0), 0
    while True:
        made += 1
        first, second = rng.choice(texts), rng.choice(texts)
        variation = f"{first[: len(first) // 2]} ({made}) {second[len(second) // 2 :]}"
        if is_passage(variation):
            yield variation


def is_passage(text: str) -> bool:
    """Whether a text is Japanese and would be one passage of an index, and not a mere phrase."""
    return len(text) >= SHORTEST and text_width(text) <= MAX_WIDTH and KANA.search(text) is not None


def from_examples() -> Iterator[str]:
    """Endless passages of two to six sentences drawn from the example corpus."""
    rng = random.Random(0)
    sentences = []
    for found in find_files(EXAMPLES, EXAMPLES):
        if found.reason:
            continue
        for document in read_file(found.path, found.uri):
            if isinstance(document, Document):
                sentences += [document.text[p.start : p.end] for p in split(document, max_width=60)]
    while True:
        yield " ".join(rng.sample(sentences, rng.randint(2, 6)))
