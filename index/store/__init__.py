"""`documents.db`: what an index holds, in SQLite; the only place with SQL.

The manifest is a table of the same database, so that the documents and the names of the vector and term files that
belong to them change in one transaction. A manifest in a file of its own would make a commit two steps, and a kill
between them an index that lies.
"""

from sakuin.index.store.checksums import NAME, indexed_text, passage_id_of
from sakuin.index.store.documents import (
    NewDocument,
    delete_documents,
    document_number,
    document_numbers,
    documents_of_file,
    has_document,
    insert_documents,
    read_documents,
    stored_documents,
)
from sakuin.index.store.files import (
    FileState,
    count_documents_by_file,
    counts,
    drop_file,
    forget_hashes,
    has_documents,
    put_file,
    read_files,
    read_skipped,
)
from sakuin.index.store.integrity import count_passages, damaged_rows, integrity_problems, schema_problems
from sakuin.index.store.manifest import (
    FORMAT,
    Manifest,
    committed_manifest,
    has_manifest,
    is_last_commit,
    own_version,
    read_manifest,
    require_commit,
    write_manifest,
)
from sakuin.index.store.passages import (
    PassageRow,
    PlaceRow,
    existing,
    forget_removed,
    indexed_texts,
    note_removed,
    read_passages,
    removed_passages,
)
from sakuin.index.store.schema import Unchanging, begin, checkpoint, connect, data_version, has_tables, require_schema
from sakuin.index.store.tables import add_columns, create_tables
from sakuin.index.store.texts import has_blocks, make_blocks
from sakuin.index.store.whole import note_commit, require_lookups, require_whole, row_counts, state_of

__all__ = [
    "FORMAT",
    "NAME",
    "FileState",
    "Manifest",
    "NewDocument",
    "PassageRow",
    "PlaceRow",
    "Unchanging",
    "add_columns",
    "begin",
    "checkpoint",
    "committed_manifest",
    "connect",
    "count_documents_by_file",
    "count_passages",
    "counts",
    "create_tables",
    "damaged_rows",
    "data_version",
    "delete_documents",
    "document_number",
    "document_numbers",
    "documents_of_file",
    "drop_file",
    "existing",
    "forget_hashes",
    "forget_removed",
    "has_blocks",
    "has_document",
    "has_documents",
    "has_manifest",
    "has_tables",
    "indexed_text",
    "indexed_texts",
    "insert_documents",
    "integrity_problems",
    "is_last_commit",
    "make_blocks",
    "note_commit",
    "note_removed",
    "own_version",
    "passage_id_of",
    "put_file",
    "read_documents",
    "read_files",
    "read_manifest",
    "read_passages",
    "read_skipped",
    "removed_passages",
    "require_commit",
    "require_lookups",
    "require_schema",
    "require_whole",
    "row_counts",
    "schema_problems",
    "state_of",
    "stored_documents",
    "write_manifest",
]
