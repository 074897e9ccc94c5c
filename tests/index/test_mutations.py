"""Changed by chance, no file breaks a reader, takes long or much memory, or gives what is no document."""

from pathlib import Path

import pytest

from sakuin.index.errors import ReadError
from sakuin.index.readers.contract import check_item
from sakuin.index.readers.guarded import GuardedReader, Limits
from tests.index.mutations import mutated

BROKEN = frozenset({"reader_failed", "reader_died", "needs_too_much_time", "needs_too_much_memory", "stopped"})
LIMITS = Limits(megabytes=400, seconds=20)


def read_all(folder: Path, number: int) -> list[str]:
    """Read so many files; returns what is wrong with their readers."""
    wrong = []
    with GuardedReader(LIMITS) as reader:
        for name, data in mutated(number):
            path = folder / name
            path.write_bytes(data)
            try:
                for item in reader.read(path, name):
                    check_item(item, name)
            except ReadError as error:
                if error.reason.code in BROKEN:
                    wrong.append(f"{name}: {error}")
            except Exception as error:
                wrong.append(f"{name}: {error!r}")
            path.unlink()
    return wrong


def test_a_hundred_changed_files(tmp_path: Path) -> None:
    assert read_all(tmp_path, 100) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_thousand_changed_files(tmp_path: Path) -> None:
    assert read_all(tmp_path, 2000) == []
