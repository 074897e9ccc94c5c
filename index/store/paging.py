"""Names, titles and metadata of an index's documents, some at a time."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from sakuin.index.documents import MetadataValue
from sakuin.index.store.checksums import require_label
from sakuin.index.store.filters import matching_documents
from sakuin.index.store.parsing import parsed
from sakuin.index.store.schema import LABEL, one_row
from sakuin.index.where import EVERYTHING, Condition


@dataclass(frozen=True, slots=True)
class LabelledDocument:
    """A document without its text.

    Attributes:
        number: Of the document in the database: those that came later have higher ones, until they are changed.
        id: Its name.
        uri: Where it comes from.
        title: What it is called; may be empty.
        metadata: Whatever else is known of it.
        passages: How many it is cut into.
        index: In which it is, as hits name it, where several are searched as one.
    """

    number: int
    id: str
    uri: str
    title: str
    metadata: dict[str, MetadataValue]
    passages: int
    index: str = ""


def documents_after(
    connection: sqlite3.Connection, number: int, *, condition: Condition = EVERYTHING, most: int
) -> Iterator[LabelledDocument]:
    """Documents that came after another, in the order in which they came.

    Args:
        connection: Of `listing.reading`.
        number: Of the document before the first; 0 to begin.
        condition: Only those that pass a filter.
        most: At most so many.

    Raises:
        IndexFolderError: a document is not what was written.
    """
    numbers = matching_documents(connection, condition, after=number, most=most).tolist()
    read = (
        f"SELECT label_checksum, (SELECT count(*) FROM passages WHERE document = documents.number), {LABEL} "
        "FROM documents WHERE number = ?"
    )
    for each in numbers:
        checksum, passages, *label = one_row(connection, read, each)
        require_label(label, checksum)
        document_id, uri, _, title, metadata, _ = label
        yield LabelledDocument(each, document_id, uri, title, parsed(metadata), passages)
