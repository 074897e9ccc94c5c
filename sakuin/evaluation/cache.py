"""What need not be done again: vectors of slow models, and figures of tasks that were finished.

Files are named for a hash of everything they depend on, so nothing in the cache is ever out of date, only unused. A
damaged file is made again.
"""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

import sakuin
from sakuin.evaluation.results import TaskResult
from sakuin.files import atomic_write, cache_folder
from sakuin.tuning.errors import EvaluationError


def default_folder() -> Path:
    """``sakuin/evaluation`` in the user's cache folder."""
    return cache_folder("evaluation")


class Cache:
    """Vectors and figures in a folder."""

    def __init__(self, folder: Path | None, fresh: bool = False) -> None:
        """Nothing is read or written yet.

        Args:
            folder: Made when it is first written to; None to keep nothing.
            fresh: Find no finished figures.
        """
        self.folder = folder
        self.fresh = fresh

    def vectors(
        self, key: Sequence[Any], shape: tuple[int, int], make: Callable[[], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """The vectors of a key: from the cache, or made and kept.

        Args:
            key: Everything they depend on.
            shape: Theirs; a file of another shape is damaged.
            make: Makes them.

        Returns:
            float32 (texts, dim).
        """
        if self.folder is None:
            return make()
        path = self.folder / "vectors" / f"{hashed(key)}.npy"
        try:
            found = np.load(path, allow_pickle=False)
            if found.shape == shape and found.dtype == np.float32:
                return found  # type: ignore[no-any-return]
        except (OSError, ValueError, EOFError):
            pass
        made = make()
        write(path, lambda file: np.save(file, made, allow_pickle=False))
        return made

    def figures(self, key: Sequence[Any]) -> TaskResult | None:
        """Finished figures; None where there are none."""
        if self.folder is None or self.fresh:
            return None
        try:
            found = orjson.loads((self.folder / "figures" / f"{hashed(key)}.json").read_bytes())
            return TaskResult(float(found["score"]), np.array(found["items"], np.float64), dict(found["extra"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, key: Sequence[Any], measured: TaskResult) -> None:
        """Keep finished figures."""
        if self.folder is not None:
            facts = {"score": measured.score, "items": measured.items, "extra": measured.extra}
            content = orjson.dumps(facts, option=orjson.OPT_SERIALIZE_NUMPY)
            write(self.folder / "figures" / f"{hashed(key)}.json", lambda file: file.write(content))


def hashed(key: Sequence[Any]) -> str:
    """Name of a key's file."""
    return hashlib.sha256(orjson.dumps(key)).hexdigest()[:40]


def hash_of_texts(texts: Sequence[str]) -> str:
    """Hash of texts and their order."""
    digest = hashlib.sha256()
    for text in texts:
        content = text.encode(errors="surrogatepass")
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


@functools.cache
def hash_of_code(searching: bool) -> str:
    """Hash of the source code that figures depend on, so that no change of it goes unmeasured."""
    packages = ["embedder", "evaluation", "tuning", *(("index", "search") if searching else ())]
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((Path(sakuin.__file__).parent / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def write(path: Path, fill: Callable[[BinaryIO], Any]) -> None:
    """Write a file as a whole or not at all.

    Raises:
        EvaluationError: the folder cannot be written to.
    """
    try:
        with atomic_write(path) as part, part.open("wb") as file:
            fill(file)
    except OSError as error:
        raise EvaluationError(
            f"Cannot write to {path.parent} ({error.strerror or error}): choose another folder by --cache, "
            "or keep nothing with --no-cache."
        ) from error
