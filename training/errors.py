"""Errors of the training commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from sakuin.errors import SakuinError


class TrainingError(SakuinError):
    """A recipe, a source of pairs or a checkpoint that cannot be used."""

    code = "training_failed"


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Within the block, a failure to write ``path`` becomes an error that says what to do.

    Raises:
        TrainingError: for the OSError or SafetensorError of the block.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TrainingError(f"Cannot write {path} ({reason}): free some space, or choose another place.") from error
