"""What `verify` finds wrong with an index: a code, its data, and the sentence they make."""

from collections.abc import Mapping
from typing import ClassVar

from sakuin.facts import Fact


class Problem(Fact):
    """Something of an index that is not as it was written."""

    __slots__ = ()

    SENTENCES: ClassVar[Mapping[str, str]] = {
        # The documents themselves, and what is noted of them.
        "database": "documents.db is damaged: {detail}",
        "schema": "documents.db: {part} of the schema has changed since it was written",
        "homeless_passages": "documents.db holds {number:,} passages of documents that are not there",
        "homeless_texts": "documents.db holds {number:,} blocks of texts of documents that are not there",
        "file_state": "documents.db: what is noted of the file {file} has changed since it was written",
        "document": "documents.db: the document {document} has changed since it was written",
        "passages": "documents.db: the passages of the document {document} have changed since they were written",
        "passage_count": "documents.db holds {number:,} passages, the manifest says {noted:,}",
        "row_count": "documents.db holds {number:,} {kind}, the manifest says {noted:,}",
        "unreadable": "{detail}",
        "last_commit": "{detail}",
        # What is derived from them.
        "changed_file": "{path} has changed since it was written",
        "unreadable_file": "{path} cannot be read: {detail}",
        "derived_files": "{detail}",
        "derived_count": "{part} hold {number:,} passages, documents.db {passages:,}",
    }

    @property
    def repairable(self) -> bool:
        """Whether `repair` mends it: vectors and terms can be made anew from the documents, which have no copy."""
        return self.code in ("changed_file", "unreadable_file", "derived_files", "derived_count")
