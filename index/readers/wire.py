"""What readers give, on its way through a pipe: messages of JSON behind their length, nothing that could run."""

import json
from typing import IO, Any

import orjson

from sakuin.index.documents import Document, Heading, Position, Skipped
from sakuin.index.reasons import Reason

LARGEST_BYTES = 2 * 1024 * 1024 * 1024
_FAST, _ANY = b"o", b"j"


def send(stream: IO[bytes], message: Any) -> None:
    """Write a message."""
    try:
        head, body = _FAST, orjson.dumps(message)
    except TypeError:  # halves of surrogate pairs, numbers of more than 64 bits
        head, body = _ANY, json.dumps(message).encode()
    stream.write(head + len(body).to_bytes(8))
    stream.write(body)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read a message.

    Raises:
        EOFError: The other side has gone.
        ValueError: It sent something else.
    """
    head = stream.read(9)
    if len(head) < 9:
        raise EOFError
    length = int.from_bytes(head[1:])
    if head[:1] not in (_FAST, _ANY) or length > LARGEST_BYTES:
        raise ValueError("no message of ours")
    body = stream.read(length)
    if len(body) < length:
        raise EOFError
    return orjson.loads(body) if head[:1] == _FAST else json.loads(body)


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
    return Skipped(value["uri"], Reason.from_dict(value["reason"]))
