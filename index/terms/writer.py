"""Writes a generation of terms."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from sakuin.files import sync_file, sync_folder
from sakuin.index.errors import IndexFolderError, full_disk, has_no_room
from sakuin.index.terms.storage import (
    COPIED,
    ID_FIELD,
    READ_REMEDY,
    TERMS_FIELD,
    WRITE_REMEDY,
    explained,
    link,
    schema,
)
from sakuin.index.text import Analyser

WRITER_HEAP_BYTES = 512_000_000
"""At most; the fuller a segment is when it is written, the fewer there are to search."""

WRITER_THREADS = 1
"""One beside the thread that analyses, which is the slower of the two."""


class TermsWriter:
    """Prepares a new generation of the term index in a folder of its own.

    Nothing of it can be searched before ``commit``, which is also the writer's end. A writer that is dropped without
    leaves a folder that nobody needs.
    """

    def __init__(self, folder: Path, base: Path | None) -> None:
        """Starts a generation.

        Args:
            folder: Where it will lie; must not exist or be empty.
            base: Folder of the committed generation that it adds to or removes from; None to start with nothing.

        Raises:
            IndexFolderError: ``folder`` is in use or cannot be written, or ``base`` is damaged.
        """
        import tantivy

        self._folder = folder
        self._analyser = Analyser()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise IndexFolderError(f"{folder} is not empty: a new generation of terms needs a folder of its own.")
            if base is not None:
                link(base, folder)
        except OSError as error:
            if has_no_room(folder, error):
                raise full_disk(folder.parents[1]) from error
            raise IndexFolderError(f"Cannot prepare the term index in {folder}: {error}. {WRITE_REMEDY}") from error
        with explained(folder, "cannot be prepared", WRITE_REMEDY if base is None else READ_REMEDY):
            index = tantivy.Index(schema(), path=str(folder)) if base is None else tantivy.Index.open(str(folder))
            self._schema = index.schema
            self._writer = index.writer(WRITER_HEAP_BYTES, WRITER_THREADS)

    def add(self, passage_ids: Sequence[int], texts: Sequence[str]) -> None:
        """Adds passages; an id that is in the index already must be removed first."""
        self.add_analysed(passage_ids, self._analyser.joined(texts))

    def add_analysed(self, passage_ids: Sequence[int], terms: Sequence[str]) -> None:
        """Adds passages whose terms, parted by spaces, are known (see `sakuin.index.text.workers`)."""
        from tantivy import Document

        with explained(self._folder, "cannot be written", WRITE_REMEDY):
            for passage_id, joined in zip(passage_ids, terms, strict=True):
                document = Document()
                document.add_unsigned(ID_FIELD, int(passage_id))
                document.add_text(TERMS_FIELD, joined)
                self._writer.add_document(document)

    def remove(self, passage_ids: Sequence[int]) -> None:
        """Removes passages; ids that are not in the index are passed over."""
        from tantivy import Query

        if not len(passage_ids):
            return
        with explained(self._folder, "cannot be written", WRITE_REMEDY):
            # By query: delete_documents_by_term takes every int for a signed number and finds none in this field.
            chosen = Query.term_set_query(self._schema, ID_FIELD, [int(passage_id) for passage_id in passage_ids])
            self._writer.delete_documents_by_query(chosen)

    def commit(self) -> None:
        """Makes the generation durable, waits for merges, sweeps what they left over and closes the writer."""
        with explained(self._folder, "cannot be written", WRITE_REMEDY):
            self._writer.commit()
            self._writer.garbage_collect_files()
            self._writer.wait_merging_threads()
            self._share()
            for name in COPIED:
                # tantivy makes its own files durable, but not those that were copied and that it left as they were.
                if (self._folder / name).exists():
                    sync_file(self._folder / name)
        sync_folder(self._folder)

    def _share(self) -> None:
        """Let those read the index who may read its segments; tantivy keeps some files to their owner."""
        segments = [path for path in self._folder.iterdir() if path.suffix in (".term", ".idx")]
        for name in COPIED if segments else ():
            shutil.copymode(segments[0], self._folder / name)
