"""Markdown files. They are rendered to HTML and read as a page is, so both agree on what a block of text is."""

import io
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from sakuin.index.documents import Document, MetadataValue, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.dates import iso_date
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.fields import metadata_of
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.html import append_markup
from sakuin.index.readers.html_layout import LINE
from sakuin.index.readers.language import declared
from sakuin.index.readers.markdown_raw import add_rules, tell_text_from_tags
from sakuin.index.readers.plain import TextBuilder, one_line, require_text
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import title_of
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_TOML = re.compile(r"\+\+\+[ \t]*\n(.*?\n)??\+\+\+[ \t]*(?:\n|\Z)", re.S)
_KEY_VALUE = re.compile(r"^([\w-]+):[ \t]++(\S.*)", re.M)
# Possessive: a line may be read in one way only, or the time would double with each.
_KEY_VALUES = re.compile(r"(?:[\w-]++:(?:[ \t].*+)?\n|[ \t]++.*+\n|-[ \t].*+\n|#.*+\n|\n)++")
_KEY = re.compile(r"[\w.:/-]+(?: [\w.:/-]+)?")
_SENTENCE = re.compile(r"[。！？]\s*\Z|[a-z][.!?]\s*\Z")
# fmt: off
_USUAL_KEYS = frozenset({
    "aliases", "author", "authors", "categories", "category", "created", "date", "description", "draft", "id", "image",
    "keywords", "lang", "lastmod", "layout", "modified", "name", "permalink", "published", "slug", "subtitle",
    "summary", "tag", "tags", "title", "type", "updated", "version", "weight",
})
# fmt: on
_WITHOUT_TAG = frozenset({"inline", "html_block"})
_UNIFORM = {"lang": "language", "language": "language", "authors": "author"}
_DATES = {"date": "created", "created": "created", "published": "created", "modified": "modified",
          "updated": "modified", "lastmod": "modified"}  # fmt: skip
_MAX_FRONT_MATTER = 64 * 1024
_MAX_VALUE_CHARACTERS = 1000

# Parsed, Markdown takes up to 600 times its size: a table of 30 MB would fill 20 GB.
PIECE = 256 * 1024
LONGEST_PIECE = 1024 * 1024

_FENCE = re.compile(r" *(`{3,}|~{3,})(.*)")


def read(file: Source, *, piece: int = PIECE, longest_piece: int = LONGEST_PIECE) -> Iterator[Document | Skipped]:
    """Read a Markdown file as one document; YAML or TOML front matter becomes its title and metadata.

    Args:
        file: The file.
        piece: Characters rendered at once, if the file is longer than ``longest_piece``: up to the next blank line.
        longest_piece: Characters rendered at once where there is no blank line.

    Raises:
        ReadError: If it is empty, binary, too large, or its encoding cannot be told for certain.
    """
    source = decode(load_bytes(file))[0].replace("\r\n", "\n").replace("\r", "\n")
    metadata: dict[str, MetadataValue] = {}
    line = 1
    front = _FRONT_MATTER.match(source, 0, _MAX_FRONT_MATTER) or _TOML.match(source, 0, _MAX_FRONT_MATTER)
    if front and (found := _toml(front[1] or "") if source[0] == "+" else _front_matter(front[1] or "")) is not None:
        metadata = _uniform(found)
        line += source.count("\n", 0, front.end())
        source = source[front.end() :]
    given = metadata.pop("title", "")
    title = ", ".join(map(str, given)) if isinstance(given, list) else str(given)
    builder = TextBuilder()
    rendered = 0
    left_out: Reason | None = None
    for markup in _pieces(source, piece, longest_piece):
        if rendered and (late := file.late()):
            left_out = Reason("stopped_at", {"percent": 100 * rendered // len(source), **late.data})
            break
        append_markup(builder, _render(markup), line=line, has_own_tags="<" in markup)
        rendered += len(markup)
        line += markup.count("\n")
    text = require_text(builder.text())
    yield Document(
        id=file.uri,
        title=title_of(file.uri, stated=title, heading=builder.first_heading(), text=text),
        text=text,
        headings=builder.headings(),
        metadata=metadata,
        positions=builder.positions(),
    )
    if left_out:
        yield Skipped(file.uri, left_out)


def _pieces(source: str, piece: int, longest: int) -> Iterator[str]:
    """Cut a long source at blank lines outside of fenced code; if need be at any line, and a line at any character.

    What spans a cut is not understood: a reference to a link that is defined elsewhere, the table that a row belongs
    to. The words stay.
    """
    if len(source) <= longest:
        yield source
        return
    begun = at = 0
    fence = ""
    for line in io.StringIO(source):
        at += len(line)
        if match := _FENCE.match(line):
            if not fence:
                fence = match[1]
            elif match[1].startswith(fence) and not match[2].strip():
                fence = ""
        if (at - begun >= piece and not fence and line.isspace()) or at - begun >= longest:
            for start in range(begun, at, longest):
                yield source[start : min(at, start + longest)]
            begun = at
    yield source[begun:]


@cache
def _parser() -> "MarkdownIt":
    """The parser, which keeps nothing of what it parsed."""
    from markdown_it import MarkdownIt

    # Deeper nesting than the limit would be dropped in silence, and the usual limit is five lists in each other.
    markdown = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])
    add_rules(markdown)
    return markdown


def _render(source: str) -> str:
    markdown = _parser()
    try:
        environment: dict[str, Any] = {}
        tokens = markdown.parse(source, environment)
        tell_text_from_tags(tokens)
        for token in tokens:
            if token.map and token.nesting >= 0 and token.type not in _WITHOUT_TAG:
                token.attrSet(LINE, str(token.map[0] + (token.type == "fence")))
        return str(markdown.renderer.render(tokens, markdown.options, environment))
    except RecursionError as error:
        raise ReadError(Reason("nested_markdown")) from error


def _front_matter(source: str) -> dict[str, MetadataValue] | None:
    """Return the values of a YAML mapping, or None if it is not a mapping, or rather a text between two rules."""
    import yaml

    if not source.strip() or source[0] == "\n":
        return None
    try:
        # The base loader makes nothing but texts, lists and mappings: a date or a number stays as it was written.
        loaded = yaml.load(source, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        # Such as "title: Python: an introduction".
        loaded = dict(_KEY_VALUE.findall(source)) if _KEY_VALUES.fullmatch(source) else None
    if not isinstance(loaded, dict) or not loaded:
        return None
    named = {one_line(key): value for key, value in loaded.items() if isinstance(key, str)}
    if _USUAL_KEYS.isdisjoint(map(str.lower, named)) and _is_text(named):
        return None
    return metadata_of(named, _metadata_value)


def _toml(source: str) -> dict[str, MetadataValue] | None:
    """Return the values of TOML, as Hugo and Zola have it, or None if it is none."""
    import tomllib

    try:
        return metadata_of(tomllib.loads(source), _metadata_value)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _uniform(found: dict[str, MetadataValue]) -> dict[str, MetadataValue]:
    """What the file says under its own names, and again under those that all files have in common."""
    uniform: dict[str, MetadataValue] = {}
    for name, value in found.items():
        if (known := _DATES.get(name.lower())) and (day := iso_date(str(value))):
            uniform.setdefault(known, day)
        elif known := _UNIFORM.get(name.lower()):
            uniform[known] = declared(str(value)) or value if known == "language" else value
    return {**found, **{name: value for name, value in uniform.items() if name == "language" or name not in found}}


def _is_text(named: dict[str, Any]) -> bool:
    """Whether what looks like names and values is text, such as "受付: 九時からです。"."""
    return not all(map(_KEY.fullmatch, named)) or any(
        isinstance(value, str) and _SENTENCE.search(value) for value in named.values()
    )


def _metadata_value(value: object) -> str | None:
    return one_line(value, _MAX_VALUE_CHARACTERS) or None
