"""Adds single documents to an index, and removes them: what `Index.add` and `Index.delete` do."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sakuin.index import store
from sakuin.index.documents import Document, Passage
from sakuin.index.errors import DocumentError
from sakuin.index.lock import WAIT_SECONDS
from sakuin.index.lots import Lot
from sakuin.index.passages import split
from sakuin.index.records import documents_of, ids_of
from sakuin.index.settings import Settings
from sakuin.index.writer import IndexWriter

T = TypeVar("T")


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
    numbers = Counter(added=0, updated=0, unchanged=0)
    lot = Lot()
    failed: Exception | None = None
    with IndexWriter(folder, settings, timeout=timeout) as writer:
        try:
            for document in documents_of(_guarded(records)):
                lot.add(document)
                if lot.is_full:
                    numbers += _upsert(writer, lot.documents, cut)
                    lot = Lot()
            numbers += _upsert(writer, lot.documents, cut)
        except _CallersError as error:
            failed = error.error
        else:
            writer.commit()
    if failed is not None:
        raise failed
    return Changes(**numbers)


class _CallersError(Exception):
    """An error of who gives the documents, which must not be taken for one of the index."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _guarded(records: Iterable[T]) -> Iterator[T]:
    """The records; what giving them raises is told apart from what storing them does."""
    try:
        yield from records
    except Exception as error:
        raise _CallersError(error) from error


def _upsert(writer: IndexWriter, documents: Sequence[Document], cut: bool) -> Counter[str]:
    """Add documents; returns how many are "added", "updated" and "unchanged".

    Raises:
        DocumentError: the index has one of that id from a file.
    """
    numbers: Counter[str] = Counter()
    new: dict[str, tuple[Document, Sequence[Passage]]] = {}
    known = store.document_numbers(writer.connection, [document.id for document in documents])
    for document in documents:
        if document.id in new:
            # Given twice: the first is to be stored before it is replaced.
            writer.add_all(new.values(), "")
            known.update(store.document_numbers(writer.connection, list(new)))
            new.clear()
        whole = [Passage(0, len(document.text), "")]
        passages = split(document, writer.manifest.passage_width) if cut else whole
        if document.id not in known:
            numbers["added"] += 1
        else:
            number, file = known[document.id]
            if file:
                raise DocumentError(
                    f"The index has a document {document.id!r} of the file {file}, which is kept in step with that "
                    f"file: give yours another id, or remove the file's first. Nothing was changed."
                )
            if writer.has(number, document, "", passages):
                numbers["unchanged"] += 1
                continue
            writer.remove([number])
            numbers["updated"] += 1
        new[document.id] = (document, passages)
    if new:
        writer.add_all(new.values(), "")
    return numbers


def delete_documents(
    ids: Iterable[str | int], folder: Path, settings: Settings = Settings(), *, timeout: float = WAIT_SECONDS
) -> Changes:
    """Remove documents in one commit; ids of which there is none are passed over.

    A file whose last document is removed is forgotten with it, so that the next build of its folder reads it again; a
    document that others of its file outlive stays away until that file changes.

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
        known = {one: store.document_number(writer.connection, one) for one in ids_of(ids)}
        found = {one: row for one, row in known.items() if row}
        writer.remove([number for number, _ in found.values()])
        for file in {file for _, file in found.values() if file}:
            if not store.has_documents(writer.connection, file):
                writer.drop_file(file)
        if found:
            # Names that were taken are free now.
            store.forget_hashes(writer.connection, "same_document_name")
        writer.commit()
    return Changes(removed=len(found))
