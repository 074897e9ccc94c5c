"""Adds single documents to an index, and removes them: what `Index.add` and `Index.delete` do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sakuin.index import store
from sakuin.index.documents import Document, Passage
from sakuin.index.errors import DocumentError
from sakuin.index.lock import WAIT_SECONDS
from sakuin.index.passages import split
from sakuin.index.records import documents_of
from sakuin.index.settings import Settings
from sakuin.index.writer import IndexWriter


@dataclass(frozen=True, slots=True)
class Changes:
    """How many documents were added, replaced, left as they were, or removed."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0


def add_documents(
    records: Iterable[Document | Mapping[str, Any]],
    folder: Path,
    settings: Settings = Settings(),
    *,
    cut: bool = True,
    timeout: float = WAIT_SECONDS,
) -> Changes:
    """Add documents, in place of those of the same ids, in one commit.

    They are read one after the other; however many there are, memory holds only some thousands.

    Args:
        records: As `records.documents_of` takes them.
        folder: The index; made if it is not there.
        settings: As for `IndexWriter`.
        cut: Cut texts into passages; if not, each text is one passage.
        timeout: Seconds to wait for another writer.

    Raises:
        DocumentError: one cannot be added; nothing is changed then.
        IndexFolderError, ModelError: as `IndexWriter`.
    """
    numbers = {"added": 0, "updated": 0, "unchanged": 0}
    with IndexWriter(folder, settings, timeout=timeout) as writer:
        for document in documents_of(records):
            numbers[_upsert(writer, document, cut)] += 1
        writer.commit()
    return Changes(**numbers)


def _upsert(writer: IndexWriter, document: Document, cut: bool) -> str:
    """Add one document; returns "added", "updated" or "unchanged"."""
    whole = [Passage(0, len(document.text), "")]
    passages = split(document, writer.manifest.passage_width) if cut else whole
    known = store.document_number(writer.connection, document.id)
    if known is None:
        writer.add(document, "", passages)
        return "added"
    number, file = known
    if file:
        raise DocumentError(
            f"The index has a document {document.id!r} of the file {file}, which is kept in step with that file: give "
            f"yours another id, or remove the file's first. Nothing was changed."
        )
    if writer.has(number, document, "", passages):
        return "unchanged"
    writer.remove([number])
    writer.add(document, "", passages)
    return "updated"


def delete_documents(
    ids: Sequence[str], folder: Path, settings: Settings = Settings(), *, timeout: float = WAIT_SECONDS
) -> Changes:
    """Remove documents in one commit; ids of which there is none are passed over.

    A file whose only document is removed is forgotten with it; the next build of its folder reads it again.

    Args:
        ids: Of the documents.
        folder: The index.
        settings: As for `IndexWriter`.
        timeout: Seconds to wait for another writer.

    Raises:
        IndexFolderError: as `IndexWriter`, or there is no index.
    """
    store.connect(folder, read_only=True).close()
    with IndexWriter(folder, settings, timeout=timeout) as writer:
        known = {one: store.document_number(writer.connection, one) for one in dict.fromkeys(ids)}
        found = {one: row for one, row in known.items() if row}
        writer.remove([number for number, _ in found.values()])
        for one, (_, file) in found.items():
            if one == file:
                writer.drop_file(file)
        writer.commit()
    return Changes(removed=len(found))
