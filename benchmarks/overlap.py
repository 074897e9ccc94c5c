"""How much of the evaluation sets stands in the training pairs: `python -m benchmarks.overlap PAIRS EVAL`.

Counts texts that are equal but for white space, and relevant passages that share a sentence with a training text.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from sakuin.cli.running import run
from sakuin.evaluation.tasks import RetrievalTask, read_tasks
from sakuin.training.errors import TrainingError
from sakuin.training.pairs import SUFFIXES, read_pairs

# Shorter sentences are phrases that anybody uses.
SENTENCE_CHARACTERS = 20
ENDS = re.compile(r"[。．！？!?\n]|\. ")


@click.command()
@click.argument("pairs", type=click.Path(path_type=Path))
@click.argument("data", metavar="EVAL", type=click.Path(path_type=Path))
def cli(pairs: Path, data: Path) -> None:
    """Print, for each retrieval task in EVAL, what of it stands in the pair files of the folder PAIRS."""
    if not pairs.is_dir():
        raise TrainingError(f"No folder {pairs}: name the one with the pair files.")
    seen: set[int] = set()
    sentences: set[int] = set()
    for path in sorted(pairs.iterdir()):
        if path.name.endswith(SUFFIXES) and "_scored" not in path.name:
            texts = read_pairs(path, cap=10**9)
            for side in (texts.queries, texts.passages):
                seen.update(map(key, side))
                sentences.update(key(sentence) for text in side for sentence in long_sentences(text))
    for task in read_tasks(data):
        if isinstance(task, RetrievalTask):
            # A text is title, newline, body where there is a title; pairs hold bodies.
            bodies = {docid: text.split("\n", 1)[-1] for docid, text in zip(task.docids, task.texts, strict=True)}
            relevant = frozenset().union(*task.relevant)
            trained = {docid for docid, body in bodies.items() if key(body) in seen}
            shared = sum(any(key(s) in sentences for s in long_sentences(bodies[docid])) for docid in relevant)
            asked = sum(key(query) in seen for query in task.queries)
            click.echo(
                f"{task.name}: {len(trained)} of {len(task.docids)} passages ({len(trained & relevant)} of them "
                f"relevant), {asked} of {len(task.queries)} queries; {shared} of {len(relevant)} relevant passages "
                f"share a sentence of {SENTENCE_CHARACTERS} characters or more with a training text"
            )


def long_sentences(text: str) -> Iterator[str]:
    """The sentences of a text that are long enough to tell."""
    return (part for part in ENDS.split(text) if len("".join(part.split())) >= SENTENCE_CHARACTERS)


def key(text: str) -> int:
    """Equal for texts that differ only in white space."""
    return hash("".join(text.split()))


if __name__ == "__main__":
    run(cli, "python -m benchmarks.overlap", interrupted="Nothing was written.")
