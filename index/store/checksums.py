"""By what a reader sees that a row is as it was written: SQLite's own check does not look into values."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import cast

from sakuin.index.errors import IndexFolderError

NAME = "documents.db"


def passage_id_of(text: str) -> int:
    """The id of a passage, 0 to 2**63 - 1: the start of the BLAKE2b hash of what is indexed of it.

    The same passage has the same id wherever it stands and whenever it came, so it is encoded and counted once, and
    an index orders ties alike however it was made. Of ten million passages two share an id with probability 1e-5.
    """
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 1


def indexed_text(title: str, heading: str, text: str) -> str:
    """What is encoded and analysed for a passage: its title and heading give it context."""
    parts = dict.fromkeys((title, heading, text))
    parts.pop("", None)
    return "\n".join(parts)


def row_checksum(row: Sequence[str | int]) -> int:
    """The checksum of a row of texts and whole numbers."""
    return passage_id_of("\0".join(map(str, row)))


def place_checksum(document_id: str, passage_id: int, start: int, end: int, heading: str, position: str) -> int:
    """The checksum of a place where a passage stands; one without a position has that of before there were any."""
    # As `row_checksum`, in a third of the time: there is one for each passage.
    row = f"{document_id}\0{passage_id}\0{start}\0{end}\0{heading}"
    return passage_id_of(f"{row}\0{position}" if position else row)


KINDS = {"s": str, "i": int}


def is_kind(row: Sequence[object], kinds: str) -> bool:
    """Whether the values of a row are texts ("s") and whole numbers ("i") just so: SQLite holds any in any column.

    A number in place of its digits has their checksum.
    """
    return [type(value) for value in row] == [KINDS[kind] for kind in kinds]


def is_as_written(label: Sequence[object], checksum: int) -> bool:
    """Whether the columns of a document besides its text, see `LABEL_COLUMNS`, are the texts that were written."""
    return set(map(type, label)) == {str} and row_checksum(cast(Sequence[str], label)) == checksum


def require_label(label: Sequence[object], checksum: int) -> None:
    """Raise IndexFolderError where they are not: nothing of them is to be parsed, compared or shown."""
    if not is_as_written(label, checksum):
        raise damaged(f"the document {label[0]!s}")


def damaged(what: str) -> IndexFolderError:
    """What to raise where a reader finds that something of the database has changed."""
    return IndexFolderError(
        f"{NAME} is damaged: {what} has changed since it was written. Check the index with `index verify`."
    )
