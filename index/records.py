"""What programs give to be indexed, documents or dictionaries, as documents that can be stored."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from sakuin.index.documents import POSITION_NAMES, Document, Heading, MetadataValue, Position, Scalar
from sakuin.index.errors import DocumentError, MetadataTooLargeError
from sakuin.index.values import iso
from sakuin.patterns import pattern

FIELDS = ("id", "text", "title", "uri", "metadata", "heading_spans", "position_spans")

MAX_ID_CHARACTERS = 1_000
MAX_METADATA = 1_000_000
"""Bytes of a document's metadata, as JSON in UTF-8: it stands in each hit of the document."""

_UNSTORABLE = pattern("[\x00\ud800-\udfff]")


def documents_of(records: Iterable[Document | Mapping[str, Any]]) -> Iterator[Document]:
    """Documents, one after the other.

    Args:
        records: Documents, or dictionaries with "id", "text" and, if wanted, "title", "uri", "metadata" and
            "heading_spans", a list of start, end and level for each heading, and "position_spans", of start, values and
            whether it counts lines for each position; whatever else a dictionary holds is metadata too, so that a
            DataFrame of pandas can be given as it is. The last three may be JSON, as in a table.

    Raises:
        DocumentError: one has no id or no text, or metadata that is no text, number, boolean, date or list of these.
    """
    for number, record in enumerate(records, 1):
        if isinstance(record, Document):
            yield _document(number, record.id, record)
        elif isinstance(record, Mapping):
            yield _from_mapping(number, record)
        else:
            raise DocumentError(
                f"Document {number} is a {type(record).__name__}: give documents, or dictionaries with id and text."
            )


def records_of(given: Any) -> Iterable[Any]:
    """What is given to be added, one by one: a single document, many, or a DataFrame of pandas.

    Raises:
        DocumentError: it is nothing of that kind.
    """
    if isinstance(given, Document | Mapping):
        return [given]
    if hasattr(given, "columns") and hasattr(given, "to_dict"):
        records: list[Any] = given.to_dict("records")
        return records
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DocumentError(f"Give documents, or dictionaries with id and text, not a {type(given).__name__}.")
    return given


def _from_mapping(number: int, record: Mapping[str, Any]) -> Document:
    given = _unpacked(record.get("metadata"))
    if not _missing(given) and not isinstance(given, Mapping):
        raise DocumentError(f"Document {number}: its metadata is a {type(given).__name__}, not a dictionary.")
    others = {name: value for name, value in record.items() if name not in FIELDS}
    text, title, uri = ("" if _missing(record.get(name)) else record[name] for name in ("text", "title", "uri"))
    # A document takes what is empty, of whatever type, to be no uri.
    if not isinstance(uri, str):
        raise DocumentError(f"Document {number}: its uri is a {type(uri).__name__}, not a text.")
    metadata = {**others, **given} if isinstance(given, Mapping) else others
    headings = _headings(number, _unpacked(record.get("heading_spans")))
    positions = _position_spans(number, _unpacked(record.get("position_spans")))
    document = Document(
        id="", text=text, title=title, uri=uri, headings=headings, metadata=metadata, positions=positions
    )
    return _document(number, record.get("id"), document)


def _unpacked(value: Any) -> Any:
    """What a cell of a table holds as JSON, where it holds an object or a list; any other value as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _headings(number: int, spans: Any) -> tuple[Heading, ...]:
    """Headings by start, end and level; raises DocumentError where they are something else."""
    if _missing(spans):
        return ()
    if not isinstance(spans, list) or not all(
        isinstance(span, list) and len(span) == 3 and all(type(value) is int for value in span) for span in spans
    ):
        raise DocumentError(f"Document {number}: its heading_spans are no list of [start, end, level]: {spans!r:.100}.")
    return tuple(Heading(*span) for span in spans)


def _position_spans(number: int, spans: Any) -> tuple[Position, ...]:
    """Positions by start, values and whether they count lines; raises DocumentError where they are something else."""
    if _missing(spans):
        return ()
    if not isinstance(spans, list) or not all(
        isinstance(span, list) and tuple(map(type, span)) == (int, dict, bool) for span in spans
    ):
        raise DocumentError(
            f"Document {number}: its position_spans are no list of [start, values, counts lines]: {spans!r:.100}."
        )
    return tuple(Position(*span) for span in spans)


def _document(number: int, given: Any, record: Document) -> Document:
    """A document as it is stored, of an id as it was given."""
    name = _id(number, given)
    for part in ("text", "title", "uri"):
        value = getattr(record, part)
        if not isinstance(value, str):
            raise DocumentError(f"Document {name!r}: its {part} is a {type(value).__name__}, not a text.")
    if not isinstance(record.metadata, Mapping):
        raise DocumentError(f"Document {name!r}: its metadata is a {type(record.metadata).__name__}, not a dictionary.")
    _check_headings(name, record)
    if not record.text.strip():
        raise DocumentError(f"Document {name!r} has no text: there would be nothing to find.")
    metadata = dict(_metadata(name, record.metadata))
    if (size := metadata_size(metadata)) > MAX_METADATA:
        raise MetadataTooLargeError(
            f"Document {name!r} has {size:,} bytes of metadata; at most {MAX_METADATA:,}: put long ones into its text."
        )
    return Document(
        id=name,
        text=_storable(record.text),
        title=_storable(record.title),
        uri=_storable(record.uri),
        headings=tuple(record.headings or ()),
        metadata=metadata,
        positions=_positions(name, record),
    )


def metadata_size(metadata: Mapping[str, MetadataValue]) -> int:
    """Bytes of metadata as JSON in UTF-8."""
    return len(json.dumps(metadata, ensure_ascii=False).encode(errors="replace")) if metadata else 0


def _check_headings(name: str, record: Document) -> None:
    """Raises DocumentError where headings are not in order, or stand outside the text."""
    end = 0
    for heading in record.headings or ():
        if not isinstance(heading, Heading) or not end <= heading.start < heading.end <= len(record.text):
            raise DocumentError(
                f"Document {name!r}: its headings must be `Heading`s in order, each inside the text, not {heading!r}."
            )
        end = heading.end


def _positions(name: str, record: Document) -> tuple[Position, ...]:
    """Positions as they are stored; raises DocumentError where one is not in order, or of no known name."""
    before = -1
    for position in record.positions or ():
        known = isinstance(position, Position) and all(
            each in POSITION_NAMES and isinstance(value, str | int) for each, value in position.values.items()
        )
        counts = known and (not position.counts_lines or isinstance(position.values.get("line"), int))
        if not counts or not before < position.start < len(record.text):
            raise DocumentError(
                f"Document {name!r}: its positions must be `Position`s in order, each inside the text and with values "
                f"of {', '.join(POSITION_NAMES)}, not {position!r}."
            )
        before = position.start
    return tuple(record.positions or ())


def ids_of(given: Iterable[Any] | str) -> list[str]:
    """Ids as documents are stored by them, each once, in their order.

    Raises:
        DocumentError: one is no text and no whole number.
    """
    ids = [given] if isinstance(given, str | int) else given
    return list(dict.fromkeys(_id(number, one) for number, one in enumerate(ids, 1)))


def _storable(text: str) -> str:
    """A text as SQLite can hold it, of the same length: NUL and lone surrogates become replacement characters."""
    return _UNSTORABLE.sub("\ufffd", text)


def _id(number: int, given: Any) -> str:
    given = given.item() if hasattr(given, "item") and not _is_array(given) else given
    if isinstance(given, int) and not isinstance(given, bool) and -(2**63) <= given < 2**63:
        return str(given)
    if not isinstance(given, str) or not given.strip():
        raise DocumentError(f"Document {number} has no id: give each a text or a whole number of its own as `id`.")
    if len(given) > MAX_ID_CHARACTERS:
        raise DocumentError(f"Document {number} has an id of {len(given):,} characters; at most {MAX_ID_CHARACTERS:,}.")
    return _storable(given)


def _metadata(document_id: str, metadata: Mapping[str, Any]) -> Iterator[tuple[str, MetadataValue]]:
    for name, value in metadata.items():
        if not isinstance(name, str):
            raise DocumentError(f"Document {document_id!r}: the name {name!r} of its metadata is no text.")
        if _missing(value):
            continue
        where = f"Document {document_id!r}: its metadata {name!r}"
        # numpy's arrays, as cells of a table may hold.
        value = value.tolist() if _is_array(value) else value
        if isinstance(value, list | tuple | set | frozenset):
            elements = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
            yield _storable(name), [_scalar(where, one) for one in elements if not _missing(one)]
        else:
            yield _storable(name), _scalar(where, value)


def _scalar(where: str, value: Any) -> Scalar:
    """A value as JSON has it; dates as ISO 8601 writes them."""
    # numpy's numbers, as the records of a DataFrame may hold.
    if type(value).__name__ == "datetime64":
        # One of nanoseconds would give a number.
        value = value.astype("datetime64[us]")
    value = value.item() if hasattr(value, "item") and not _is_array(value) else value
    if isinstance(value, date):
        return iso(value)
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise DocumentError(f"{where} is a number of more than 64 bits: give it as a text.")
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise DocumentError(
        f"{where} is {value!r} ({type(value).__name__}): give a text, a number, a boolean, a date, or a list of these."
    )


def _is_array(value: Any) -> bool:
    """Whether a value is an array of numpy's, not a single number of its."""
    return hasattr(value, "tolist") and bool(getattr(value, "ndim", 0))


def _missing(value: Any) -> bool:
    """Whether a value stands for none: None, and what DataFrames have for it, which is not even equal to itself."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value
