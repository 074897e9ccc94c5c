"""Long benchmarks in steps: what is done is kept in a folder, so that a stopped run goes on where it was."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.passages import distinct_passages
from benchmarks.results import Figure
from sakuin.evaluation.provenance import commit
from sakuin.files import atomic_write

work_option = click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that keeps what is built and measured: the same command goes on there where it was stopped.",
)


class Place:
    """A folder with passages, vectors, and the figures of the steps that are done."""

    def __init__(self, folder: Path, passages: int, data: Path | None) -> None:
        """Open it; what another commit measured there is forgotten.

        Args:
            folder: It may not exist yet.
            passages: How many distinct ones.
            data: Folder of pair files, or None for the example corpus.
        """
        self.folder, self._passages, self._data = folder, passages, data
        self.corpus = folder / "corpus"
        self._steps = folder / "steps.json"
        self._texts: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        done = json.loads(self._steps.read_bytes()) if self._steps.exists() else {}
        self._done: dict[str, list[Figure]] = done.get(str(commit()), {})

    def texts(self) -> list[str]:
        """The passages, each in a line of the corpus's one file."""
        path = self.corpus / "passages.jsonl"
        if not self._texts and path.exists():
            self._texts = read_texts(path)
        if not self._texts:
            self._texts = distinct_passages(self._passages, self._data)
            write_corpus(self.corpus, self._texts)
        return self._texts

    def vectors(self, name: str, make: Callable[[], NDArray[np.float32]]) -> Path:
        """The file of vectors of that name, made if it is not there."""
        path = self.folder / f"{name}.npy"
        if not path.exists():
            with atomic_write(path) as part, part.open("wb") as file:
                np.save(file, make())
        return path

    def step(self, name: str, work: Callable[[], Sequence[Figure]]) -> list[Figure]:
        """The figures of a step, measured now unless they are there."""
        if name in self._done:
            print(f"  {name}: measured before")
        else:
            self._done[name] = list(work())
            with atomic_write(self._steps) as part:
                part.write_text(json.dumps({str(commit()): self._done}), encoding="utf-8")
        return self._done[name]


@contextmanager
def place(work: Path | None, passages: int, data: Path | None) -> Iterator[Place]:
    """Where to measure with a number of passages: below the folder ``work``, or else in one that is gone afterwards."""
    if work:
        yield Place(work / str(passages), passages, data)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Place(Path(folder), passages, data)


def write_corpus(folder: Path, texts: Sequence[str]) -> None:
    """A folder of one JSON Lines file."""
    folder.mkdir(exist_ok=True)
    with atomic_write(folder / "passages.jsonl") as part, part.open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")


def read_texts(path: Path) -> list[str]:
    """The passages of a file that `write_corpus` wrote."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]
