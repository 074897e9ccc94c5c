"""What readers give, on its way through a pipe: messages of JSON behind their length, nothing that could run."""

import json
from typing import IO, Any

import orjson

from sakuin.index.documents import Document, Heading, Position, Skipped
from sakuin.index.reasons import Reason

_FAST, _ANY = b"o", b"j"
PART = "part"
"""The file in a worker's folder that holds the number of the part of a file at which it works."""

_SHARE = 4
"""Of what a file may take in memory, a message is at most a fourth: what reads it makes several times as much of it."""


def largest(megabytes: int) -> int:
    """The bytes of a message about a file that may take so much memory."""
    return megabytes * 1024 * 1024 // _SHARE


def send(stream: IO[bytes], message: Any, at_most: int) -> None:
    """Write a message; raises MemoryError where it has more than so many bytes, before any of it is written."""
    try:
        head, body = _FAST, orjson.dumps(message)
    except TypeError:  # halves of surrogate pairs, numbers of more than 64 bits
        head, body = _ANY, json.dumps(message).encode()
    if len(body) > at_most:
        raise MemoryError
    stream.write(head + len(body).to_bytes(8))
    stream.write(body)
    stream.flush()


def receive(stream: IO[bytes], at_most: int) -> Any:
    """Read a message of at most so many bytes.

    Raises:
        EOFError: The other side has gone.
        ValueError: It sent something else, or more, or what is nested without end.
    """
    head = stream.read(9)
    if len(head) < 9:
        raise EOFError
    length = int.from_bytes(head[1:])
    if head[:1] not in (_FAST, _ANY) or length > at_most:
        raise ValueError("no message of ours")
    body = stream.read(length)
    if len(body) < length:
        raise EOFError
    try:
        return orjson.loads(body) if head[:1] == _FAST else json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def plain(item: Document | Skipped) -> dict[str, Any]:
    """What a reader gave, as JSON has it."""
    if isinstance(item, Skipped):
        return {"uri": item.uri, "reason": item.reason.to_dict()}
    return {
        "id": item.id,
        "text": item.text,
        "title": item.title,
        "uri": item.uri,
        "headings": [(heading.start, heading.end, heading.level) for heading in item.headings],
        "metadata": dict(item.metadata),
        "positions": [(each.start, dict(each.values), each.counts_lines) for each in item.positions],
    }


def document_of(value: dict[str, Any]) -> Document:
    """The document that `plain` gave."""
    headings = tuple(Heading(*heading) for heading in value["headings"])
    positions = tuple(Position(*position) for position in value["positions"])
    return Document(**{**value, "headings": headings, "positions": positions})


def skipped_of(value: dict[str, Any]) -> Skipped:
    """The skipped part that `plain` gave."""
    return Skipped(value["uri"], reason_of(value["reason"]))


def reason_of(value: Any) -> Reason:
    """The reason that a reader told.

    Raises:
        ValueError: It is none that could be kept and told.
    """
    try:
        reason = Reason.from_dict(value)
        str(reason)
        if not all(_is_flat(each) for each in (reason.data, *(part.position for part in reason.parts))):
            raise ValueError("no reason")
    except (TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError("no reason") from error
    return reason


def _is_flat(values: Any) -> bool:
    return isinstance(values, dict) and all(
        each is None or isinstance(each, str | int | float | bool) for each in values.values()
    )
