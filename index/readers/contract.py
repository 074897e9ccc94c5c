"""The contract of readers, as a function that any reader can be run through, in a test of whoever wrote it.

::

    from sakuin.index.readers.contract import check_reader

    def test_it_keeps_the_contract() -> None:
        check_reader(my_package.read, "plan.dwg", Path("plan.dwg").read_bytes())
"""

import random
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.checking import flaw
from sakuin.index.readers.plain import clean
from sakuin.index.readers.source import Source

DAMAGED = 40
"""Damaged copies of a good file that a reader is tried on."""

URI = "folder/名前"


def check_reader(read: Callable[[Source], Iterable[Document | Skipped]], name: str, data: bytes) -> list[Document]:
    """Run a reader on a good file, on the same file damaged in many ways, and on nothing.

    Args:
        read: The reader.
        name: A file's name, whose suffix the reader is for.
        data: A file that has text in it.

    Returns:
        The documents of the good file.

    Raises:
        AssertionError: The reader breaks the contract; the message says where.
    """
    uri = f"{URI}/{name}"
    items = list(read(Source(uri=uri, data=data)))
    documents = [item for item in items if isinstance(item, Document)]
    assert documents, f"{name}: a good file gives no document: {items}"
    for item in items:
        check_item(item, uri)
    ids = [document.id for document in documents]
    assert len(set(ids)) == len(ids), f"{name}: two documents of one id: {sorted(ids)}"
    assert list(read(Source(uri=uri, data=data))) == items, f"{name}: read again it gives something else"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        assert list(read(Source(uri=uri, path=path))) == items, f"{name}: from the disk it gives something else"
        assert [each.name for each in Path(folder).iterdir()] == [name], f"{name}: it leaves files behind"
    for number, damaged in enumerate(damage(data)):
        try:
            for item in read(Source(uri=uri, data=damaged)):
                check_item(item, uri)
        except ReadError:
            continue
        except Exception as error:
            raise AssertionError(f"{name}, damaged copy {number}: {error!r} instead of a ReadError") from error
    try:
        nothing = list(read(Source(uri=uri, data=b"")))
    except ReadError:
        return documents
    raise AssertionError(f"{name}: an empty file gives {nothing} instead of a ReadError")


def check_item(item: Document | Skipped, uri: str) -> None:
    """Check what a reader yields; raises AssertionError."""
    said = flaw(item, uri)
    assert not said, said
    if isinstance(item, Document):
        assert item.text == clean(item.text), f"{item.id}: the text is not clean (sakuin.index.readers.plain.clean)"
        assert item.title == " ".join(clean(item.title).split()), f"{item.id}: the title is not on one line"
        for heading in item.headings:
            words = item.text[heading.start : heading.end]
            assert words == words.strip(), f"{item.id}: {heading} begins or ends with white space"


def damage(data: bytes, number: int = DAMAGED) -> Iterable[bytes]:
    """Yield copies of a file that are cut off, have bytes changed, or parts gone or doubled; always the same ones."""
    randomness = random.Random(len(data))
    for each in range(number):
        at = randomness.randrange(len(data))
        end = min(len(data), at + randomness.randrange(1, 200))
        match each % 4:
            case 0:
                yield data[:at]
            case 1:
                yield data[:at] + randomness.randbytes(end - at) + data[end:]
            case 2:
                yield data[:at] + data[end:]
            case _:
                yield data[:end] + data[at:]
