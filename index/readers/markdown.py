"""Markdown files. They are rendered to HTML and read as a page is, so both agree on what a block of text is."""

import re
from collections.abc import Iterator
from pathlib import Path

from index.documents import Document, MetadataValue
from index.errors import ReadError
from index.readers.encoding import decode
from index.readers.files import load_bytes
from index.readers.html import append_markup
from index.readers.plain import TextBuilder, one_line, require_text, stem_of

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_KEY_VALUE = re.compile(r"^([\w-]+):[ \t]++(\S.*)", re.M)
_MAX_FRONT_MATTER = 64 * 1024
_MAX_VALUE_CHARACTERS = 1000


def read(path: Path, uri: str) -> Iterator[Document]:
    """Read a Markdown file as one document; YAML front matter becomes its title and metadata.

    Raises:
        ReadError: If it is empty, binary, too large, or its encoding cannot be told for certain.
    """
    source = decode(load_bytes(path))[0].replace("\r\n", "\n").replace("\r", "\n")
    metadata: dict[str, MetadataValue] = {}
    front = _FRONT_MATTER.match(source, 0, _MAX_FRONT_MATTER)
    if front and (found := _front_matter(front[1] or "")) is not None:
        metadata = found
        source = source[front.end() :]
    title = str(metadata.pop("title", ""))
    builder = TextBuilder()
    append_markup(builder, _render(source))
    text = require_text(builder.text())
    yield Document(uri, one_line(title) or builder.first_heading() or stem_of(uri), text, builder.headings(), metadata)


def _render(source: str) -> str:
    from markdown_it import MarkdownIt

    try:
        # Deeper nesting than the limit would be dropped in silence, and the usual limit is five lists in each other.
        return str(MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"]).render(source))
    except RecursionError as error:
        raise ReadError("its Markdown is nested too deeply") from error


def _front_matter(source: str) -> dict[str, MetadataValue] | None:
    """Return the plain values of a YAML mapping (lists of them as one text), or None if it is not a mapping."""
    import yaml

    try:
        # The base loader makes nothing but texts, lists and mappings: a date or a number stays as it was written.
        loaded = yaml.load(source, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        loaded = dict(_KEY_VALUE.findall(source))  # such as "title: Python: an introduction"
    if not isinstance(loaded, dict) or not loaded:
        return None
    metadata: dict[str, MetadataValue] = {}
    for key, value in loaded.items():
        parts = value if isinstance(value, list) else [value]
        text = ", ".join(part for part in parts if isinstance(part, str) and part)
        if isinstance(key, str) and text:
            metadata[one_line(key)] = one_line(text, _MAX_VALUE_CHARACTERS)
    return metadata
