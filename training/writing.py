"""Files that are there whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sakuin.training.errors import TrainingError


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A path beside ``out`` to write to, which takes its place once the block is done; if not, ``out`` stays as it was.

    Raises:
        TrainingError: it cannot be written.
    """
    part = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(out)
    except OSError as error:
        raise TrainingError(f"Cannot write {out}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            part.unlink()
