"""Answers of a bounded size: put together one part after the other, so that memory is bounded too."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from sakuin.service.refusals import Refusal

MAX_ANSWER = 32_000_000
"""Bytes of an answer. A document's metadata stands in each of its hits, and an explanation has a part for each pair of
tokens, so that a small request may ask for a thousand times as much."""


def with_list(answer: Mapping[str, Any], name: str, items: Iterable[Any], *, most: int = MAX_ANSWER) -> bytes:
    """An answer as JSON, one field of which is a list.

    Args:
        answer: All other fields.
        name: Of the field.
        items: Its values; asked for one by one.
        most: Bytes of the whole, at most.

    Raises:
        Refusal: it would be larger.
    """
    head = orjson.dumps(answer)
    parts: list[bytes] = []
    size = len(head) + len(name)
    for item in items:
        part = orjson.dumps(item)
        size += len(part) + 1
        if size > most:
            raise Refusal(
                413,
                f"The answer would be larger than {most:,} bytes, for what is asked for is long: ask for less at a "
                f"time, or without explanations.",
                "answer_too_large",
            )
        parts.append(part)
    return b"%b%b%b:[%b]}" % (head[:-1], b"," if answer else b"", orjson.dumps(name), b",".join(parts))
