"""JSON and Jupyter notebooks."""

import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import json_lines, markdown
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.fields import ID_NAMES, TEXT_NAMES, TITLE_NAMES, metadata_of, named
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.nested import append_document
from sakuin.index.readers.plain import TextBuilder, clean, one_line, require_text, stem_of
from sakuin.index.readers.source import Source
from sakuin.index.readers.terminal import without_sequences
from sakuin.index.readers.titles import first_line, title_of
from sakuin.index.reasons import Reason

MAX_DEPTH = 200
MAX_ID_CHARACTERS = 500
_LINES_LOOKED_AT = 5


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a JSON file: a list of objects with texts as a document each, anything else as one.

    One document has a line for each value, ``name.inner: value``, as people would look for it.

    Raises:
        ReadError: If it is empty, too large, or no JSON.
    """
    text = decode(load_bytes(source))[0]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if _is_json_lines(text):
            yield from json_lines.read(source)
            return
        # With comments or trailing commas, as configuration often has: as it stands.
        text = require_text(clean(text))
        if isinstance(error, RecursionError) or text[0] not in "[{/":
            raise ReadError(Reason("bad_json", _place(error))) from error
        yield Document(id=source.uri, title=title_of(source.uri), text=text)
        return
    if source.suffix == ".ipynb" and isinstance(value, dict) and isinstance(value.get("cells"), list):
        yield _notebook(value, source)
        return
    rows = value if isinstance(value, list) else []
    if rows and all(isinstance(row, dict) and _text_of(row)[1] for row in rows):
        yield from _rows(rows, source)
        return
    fields = value if isinstance(value, dict) else {}
    title = next((fields[key] for key in named(TITLE_NAMES, fields) if isinstance(fields[key], str)), "")
    yield Document(
        id=source.uri, title=title_of(source.uri, stated=title), text=require_text(clean("\n".join(_lines(value))))
    )


def _is_json_lines(text: str) -> bool:
    """Whether a file is JSON Lines whatever it is called, as databases export them: by its first lines."""
    first = list(islice((line for line in io.StringIO(text) if not line.isspace()), _LINES_LOOKED_AT))
    try:
        rows = [json.loads(line) for line in first]
    except (ValueError, RecursionError):
        return False
    return len(rows) > 1 and all(isinstance(row, dict) and _text_of(row)[1] for row in rows)


def _place(error: Exception) -> dict[str, str | int]:
    if isinstance(error, json.JSONDecodeError):
        return {"detail": error.msg, "column": error.colno}
    return {"detail": "nested too deeply", "column": 1}


def _text_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """The field that holds a text, and the text; "" where there is none."""
    for key in named(TEXT_NAMES, row):
        if isinstance(row[key], str) and row[key].strip():
            return key, row[key]
    return "", ""


def _rows(rows: list[dict[str, Any]], source: Source) -> Iterator[Document | Skipped]:
    taken: set[str] = set()
    for number, row in enumerate(rows, 1):
        text_key, text = _text_of(row)
        keys = [key for key in named(ID_NAMES, row) if isinstance(row[key], str | int)]
        name = one_line(row[keys[0]], MAX_ID_CHARACTERS) if keys else ""
        uri = f"{source.uri}#{name or f'item={number}'}"
        if uri in taken:
            yield Skipped(f"{source.uri}#item={number}", Reason("repeated_id", {"id": name}))
            continue
        taken.add(uri)
        titles = [key for key in named(TITLE_NAMES, row) if isinstance(row[key], str)][:1]
        text = clean(text)
        title = one_line(row[titles[0]]) if titles else first_line(text)
        used = {text_key, *titles, *keys[:1]}
        others = {clean(key): value for key, value in row.items() if key not in used}
        yield Document(
            id=uri,
            title=title or f"{stem_of(source.uri)} {name or number}",
            text=text,
            metadata=metadata_of(others, _stored),
        )


def _stored(value: object) -> str | int | float | bool | None:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value if isinstance(value, int | float) else None


def _lines(value: object) -> Iterator[str]:
    """A line for each single value, under its names; lists of values share a line."""
    waiting: list[tuple[str, object]] = [("", value)]
    while waiting:
        name, each = waiting.pop()
        if isinstance(each, dict):
            waiting += [(f"{name}.{key}" if name else str(key), inner) for key, inner in reversed(each.items())]
        elif isinstance(each, list):
            if all(not isinstance(inner, dict | list) for inner in each):
                each = ", ".join(_shown(inner) for inner in each if inner not in (None, ""))
                waiting.append((name, each)) if each else None
            else:
                waiting += [(name, inner) for inner in reversed(each)]
        elif each not in (None, ""):
            yield f"{name}: {_shown(each)}" if name else _shown(each)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _notebook(value: dict[str, Any], source: Source) -> Document:
    """A notebook: its texts with their headings, its programs, and what they printed."""
    builder = TextBuilder()
    for cell in value["cells"]:
        if not isinstance(cell, dict):
            continue
        words = _joined(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            if words.strip():
                for item in markdown.read(Source(uri="cell.md", data=words.encode("utf-8", "replace"))):
                    if isinstance(item, Document):
                        append_document(builder, item)
            continue
        builder.add(words)
        for output in cell.get("outputs") or []:
            if isinstance(output, dict):
                builder.add(without_sequences(_printed(output)))
    text = require_text(builder.text())
    return Document(
        id=source.uri,
        title=title_of(source.uri, heading=builder.first_heading()),
        text=text,
        headings=builder.headings(),
    )


def _printed(output: dict[str, Any]) -> str:
    """What a program printed, the value it ended in, or the error."""
    if output.get("output_type") == "error":
        return ": ".join(filter(None, (_joined(output.get("ename")), _joined(output.get("evalue")))))
    data = output.get("data")
    return _joined(output.get("text") or (data.get("text/plain") if isinstance(data, dict) else ""))


def _joined(lines: object) -> str:
    if isinstance(lines, list):
        return "".join(line for line in lines if isinstance(line, str))
    return lines if isinstance(lines, str) else ""
