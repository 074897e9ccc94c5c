"""Ends `index adapt` inside its calls to the system: a model is there whole, or there is none.

    python -m tests.training.adapt_kills --kills 30

As `tests/index/kills.py` does with an index, whose shim it uses.
"""

import random
import shutil
from hashlib import sha256
from pathlib import Path

from tests.index.kills import GOES_ON, Prepared, State, Subject, command_of, ended_well, run
from tests.training.made_up import write_belonging, write_made_up_model

ADAPT = """
    from sakuin.training.adapt import adapt
    done = adapt(corpus, work / 'adapted', model=str(corpus.parent / 'model'), steps=30)
    assert done.folder, 'nothing was learnt'
"""


def made(folder: Path) -> tuple[Path, Path]:
    """An empty folder, and a corpus beside it with a model."""
    corpus, start = folder / "corpus", folder / "start"
    start.mkdir()
    write_belonging(corpus)
    write_made_up_model(folder / "model")
    return start, corpus


def held(work: Path) -> State:
    """The files of the new model; None where there is none."""
    model = work / "adapted"
    if not model.exists():
        return None
    files = (path for path in sorted(model.rglob("*")) if path.is_file())
    return [(path.relative_to(model).as_posix(), sha256(path.read_bytes()).hexdigest()) for path in files]


def perform(name: str, folder: Path, work: Path, corpus: Path, shim: dict[str, str]) -> bool:
    """Adapt; whether it came to its end; AssertionError where no sentence says why not."""
    return ended_well(run(ADAPT, folder, work, corpus, **shim), shim)


def looked(folder: Path, one: Prepared, work: Path, *, ended: bool, rng: random.Random) -> str:
    """Whether there is the model that there should be, or none; and the same command makes it."""
    if held(work) not in ([one.after] if ended else [None, one.after]):
        return f"miss: {'ended, but ' if ended else ''}there is {held(work)}"
    if rng.random() < GOES_ON:
        shutil.rmtree(work / "adapted", ignore_errors=True)
        run(ADAPT, folder, work, one.corpus)
        if held(work) != one.after:
            return "miss: done again, it is another"
    return "ok"


MODEL = Subject(["adapt"], made, lambda name, own: None, held, perform, looked)

if __name__ == "__main__":
    command_of(MODEL)()
