"""Rows of a table in a file, of which each is a document: its text names the columns, line by line."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sakuin.index.store.contents import LabelRow

Span = tuple[int, int]

_FIELD = re.compile(r"^([^\n]{1,80}?): ", re.M)


@dataclass(frozen=True, slots=True)
class Record:
    """A row.

    Attributes:
        id: Of the document.
        text: Of the document.
        fields: Of each column that it has something in, where that stands in the text.
    """

    id: str
    text: str
    fields: dict[str, Span]


def records_of(documents: Sequence[tuple[LabelRow, str]]) -> list[Record]:
    """Documents, with their texts, as rows; without those whose text is not that of one."""
    records = [Record(label.id, text, _fields(label, text)) for label, text in documents]
    return [record for record in records if len(record.fields) > 1]


def columns_of(records: Collection[Record]) -> list[str]:
    """The names of all columns, in the order in which they come."""
    return list(dict.fromkeys(name for record in records for name in record.fields))


def _fields(label: LabelRow, text: str) -> dict[str, Span]:
    """The columns of a text: those of its metadata, and that of its title, which is not always among them."""
    known = {name for name, value in label.metadata.items() if isinstance(value, str)}
    found = [
        (match[1], match.start(), match.end())
        for match in _FIELD.finditer(text)
        if match[1] in known or text.startswith(label.title, match.end())
    ]
    if not found or found[0][1]:
        return {}
    ends = [*(start - 1 for _, start, _ in found[1:]), len(text)]
    return {name: (begins, end) for (name, _, begins), end in zip(found, ends, strict=True)}
