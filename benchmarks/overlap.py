"""How much of the evaluation sets stands in the training pairs: `python -m benchmarks.overlap PAIRS EVAL`.

Counts texts that are equal but for white space; texts that only share sentences are not counted.
"""

import sys
from pathlib import Path

from evaluation.tasks import RetrievalTask, read_tasks
from training.pairs import SUFFIXES, read_pairs


def main(pairs: Path, data: Path) -> None:
    """Print, for each retrieval task, passages, relevant passages and queries that were trained on."""
    seen: set[int] = set()
    for path in sorted(pairs.iterdir()):
        if path.name.endswith(SUFFIXES) and "_scored" not in path.name:
            texts = read_pairs(path, 10**9)
            for side in (texts.queries, texts.passages):
                seen.update(map(key, side))
    for task in read_tasks(data):
        if isinstance(task, RetrievalTask):
            # A text is title, newline, body where there is a title; pairs hold bodies.
            bodies = (text.split("\n", 1)[-1] for text in task.texts)
            trained = {docid for docid, body in zip(task.docids, bodies, strict=True) if key(body) in seen}
            answers = trained & frozenset().union(*task.relevant)
            asked = sum(key(query) in seen for query in task.queries)
            print(
                f"{task.name}: {len(trained)} of {len(task.docids)} passages ({len(answers)} of them relevant), "
                f"{asked} of {len(task.queries)} queries"
            )


def key(text: str) -> int:
    """Equal for texts that differ only in white space."""
    return hash("".join(text.split()))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
