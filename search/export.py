"""The hits of a search as files for people: CSV for spreadsheets, Markdown for notes."""

import csv
import io
import json

from sakuin.patterns import pattern
from sakuin.search.results import Hit, SearchResult, located

COLUMNS = (
    "rank",
    "score",
    "relevance",
    "document",
    "title",
    "heading",
    "position",
    "start",
    "end",
    "text",
    "uri",
    "metadata",
)

INDEX = "index"
"""One more column where several indexes were searched."""

# What has a spreadsheet take a text for a formula; the wide forms do in Japanese settings.
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_marked = pattern(r"[\\`*_\[\]<>~|$&]")
_opening = pattern(r"^(\s*)([-+#=]|\d+(?=[.)]))")


def hits_csv(result: SearchResult) -> str:
    """A row for each hit, under `COLUMNS`, and `INDEX` of several; positions in words, metadata as JSON.

    A text that a spreadsheet would compute begins with an apostrophe, which it takes for "this is text".
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    several = any(hit.document.index for hit in result.hits)
    writer.writerow([*COLUMNS, INDEX] if several else COLUMNS)
    for hit in result.hits:
        cells = [*_cells(hit), hit.document.index] if several else _cells(hit)
        writer.writerow([defused(cell) if isinstance(cell, str) else cell for cell in cells])
    return file.getvalue()


def _cells(hit: Hit) -> list[str | float | None]:
    """The values of `COLUMNS`."""
    document = hit.document
    relevance = None if hit.relevance is None else round(hit.relevance, 4)
    position = ", ".join(map(str, located(hit.position)))
    metadata = json.dumps(document.metadata, ensure_ascii=False) if document.metadata else ""
    where = [document.id, document.title, hit.heading, position]
    return [hit.rank, round(hit.score, 6), relevance, *where, hit.start, hit.end, hit.text, document.uri, metadata]


def defused(text: str) -> str:
    """A text of which no spreadsheet makes a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def hits_markdown(result: SearchResult) -> str:
    """The query as a heading, and each hit with its place and its passage; texts are never read as Markdown."""
    parts = [f"# {plain(result.query)}\n"]
    parts += [f"\n{plain(str(notice))}\n" for notice in result.notices]
    for hit in result.hits:
        index = [plain(hit.document.index)] if hit.document.index else []
        where = ", ".join([*index, plain(hit.document.id), *map(plain, map(str, located(hit.position)))])
        quoted = "\n".join(f"> {plain(line)}".rstrip() + "  " for line in hit.text.splitlines())
        parts.append(f"\n## {hit.rank}\\. {plain(hit.document.title)}\n\n{where}\n\n{quoted}\n")
    return "".join(parts)


def plain(text: str) -> str:
    """A text on one line that Markdown shows as it is."""
    line = _marked.sub(r"\\\g<0>", " ".join(text.split()))
    return _opening.sub(lambda found: f"{found[1]}\\{found[2]}" if not found[2].isdigit() else f"{found[0]}\\", line)
