"""Lines of PDF pages to paragraphs; page numbers and running titles are left out."""

import re
from collections import Counter
from collections.abc import Sequence

from sakuin.index.passages import text_width
from sakuin.index.readers.plain import clean, join_wrapped

WHOLE = "\u2029"
"""Ends a line that does not go on in the next one, such as a row of a table. clean() makes a line break of it."""

# At the end of a line pdfium writes a hyphen as U+0002 or U+FFFE and goes on with the next line.
_LINE_END_HYPHENS = re.compile("[\u0002\ufffe\u00ad]\n?")
_HYPHEN_OF_A_NAME = re.compile("(?<=[a-z])[\u0002\ufffe]\n?(?=[A-Z])")
"""No word goes on in a capital letter: the hyphen of Tokyo-Osaka is its own."""

_HYPHEN = re.compile(r"(?<=[a-z])[-\u2010]\n(?=[a-z])")
_PAGE_NUMBER = re.compile(
    r"[-–—\s(]*(?:[Pp](?:age|\.)?\s*)?([0-9０-９]{1,5})(?:\s*(?:/|of|／)\s*[0-9０-９]{1,5})?\s*(?:ページ|頁)?[-–—\s)]*"
)
_MARK = "\ufdd0"  # no character, and left out of what is read
_Key = tuple[int, str | int]
_RUNNING_LINES = 2
"""Lines at each end of a page that may be such: a running title and a page number."""

_FEWEST_TITLES = 3
_LONGEST_TITLE = 100
_YEARS = range(1900, 2100)
_MANY = 5
_SENTENCE_ENDS = ("。", "．", ".", "！", "？", "!", "?", ":", "：")
_LIST_ITEM = re.compile(
    r"[-*•・●○■□◆◇▪▶※①-⑳]|[0-9０-９]{1,3}[.)．）、](?![0-9０-９])|第[0-9０-９一二三四五六七八九十百]+[条章節編項]"
)
_LEADERS = ".．…・"
_FEWEST_LEADERS = 3
_CONTENTS_LINE = re.compile(rf"(?:[{_LEADERS}]\s?){{{_FEWEST_LEADERS},}}\s*\w{{1,5}}\Z")
_FULL_LINE = 0.75
"""A line this wide, measured by the wide lines of its block, was broken because it was full."""


def lines_in(text: str) -> list[str]:
    """The lines of a page as pdfium gives it."""
    lines = [line.strip() for line in without_end_hyphens(clean(text)).split("\n")]
    return [line for line in lines if line]


def without_end_hyphens(text: str) -> str:
    """The text without pdfium's signs for hyphens at the ends of lines, and without those line breaks."""
    return _LINE_END_HYPHENS.sub("", _HYPHEN_OF_A_NAME.sub("-", text))


def without_running_lines(pages: Sequence[Sequence[list[str]]]) -> list[list[list[str]]]:
    """The blocks of each page without page numbers, and without running titles but where each stands first.

    A page number counts up with the pages: one that stands alone on but one page is a total, a year, the last entry of
    a list. A running title is the same line at the same end of at least half of the pages.

    Args:
        pages: Of each page its blocks, and of each block its lines.
    """
    kept = [[list(block) for block in blocks] for blocks in pages]
    for _ in range(_RUNNING_LINES):
        kept = [[block for block in blocks if block] for blocks in kept]
        _remove_running_lines(kept)
    return [[block for block in blocks if block] for blocks in kept]


def _remove_running_lines(pages: list[list[list[str]]]) -> None:
    """Remove the first and the last line of each page where they are such."""
    counts = Counter(
        key for number, blocks in enumerate(pages) for end in (0, -1) if (key := _key(blocks, end, number))
    )
    half = max(_FEWEST_TITLES, (len(pages) + 1) // 2)
    titles: set[_Key] = set()
    for number, blocks in enumerate(pages):
        for end in (0, -1):
            key = _key(blocks, end, number)
            if key is None:
                continue
            if isinstance(key[1], int):
                value = key[1] + number
                least = _MANY if value in _YEARS and value > len(pages) else 2
                is_running = counts[key] >= least
            else:
                is_running = counts[key] >= half and key in titles
                titles.add(key)
            if is_running:
                del blocks[end][end]


def _key(blocks: Sequence[list[str]], end: int, page: int) -> _Key | None:
    """What the line at one end of a page may have in common with those of other pages.

    That is the line itself, or of a page number how far it is from the number of the page.
    """
    if sum(map(len, blocks)) < 2 or not blocks[end]:
        return None
    line = blocks[end][end].rstrip(WHOLE)
    if page_number := _PAGE_NUMBER.fullmatch(line):
        return end, int(page_number[1]) - page
    return (end, line) if len(line) <= _LONGEST_TITLE else None


def joined(pages: Sequence[Sequence[list[str]]]) -> str:
    """Put blocks together: lines that were only full are joined, paragraphs, columns and pages are set apart.

    Args:
        pages: Of each page its blocks, and of each block its lines.

    Returns:
        The text, with marks that `without_marks` takes out; it can be cleaned before.
    """
    parts: list[str] = []
    for is_first, lines in ((not number, lines) for blocks in pages for number, lines in enumerate(blocks)):
        widths = [text_width(line) for line in lines]
        full = _FULL_LINE * sorted(widths)[len(widths) * 9 // 10] if lines else 0.0
        if parts and lines:
            # The last line of the block before was left open if its sentence may go on here.
            parts.append("\n" if parts[-1] == "" and not _LIST_ITEM.match(lines[0]) else "\n\n")
        for number, line in enumerate(lines, 1):
            is_whole = line.endswith(WHOLE)
            line = line.rstrip(WHOLE)
            parts.append(_marked(line) if is_first and number == 1 else line)
            ended = line.endswith(_SENTENCE_ENDS)
            # Only the end of the line matters, and a line of nothing but dots would take quadratic time.
            alone = is_whole or _is_of_contents(line[-100:])
            wide = widths[number - 1] >= full
            if number == len(lines):
                if wide and not ended and not alone and len(lines) > 1:
                    parts.append("")
            elif ended:
                parts.append(WHOLE if wide or is_whole else "\n\n")
            else:
                parts.append("\n" if wide and not alone and not _LIST_ITEM.match(lines[number]) else WHOLE)
    paragraphs = [join_wrapped(_HYPHEN.sub("", each)) for each in "".join(parts).split("\n\n")]
    return "\n\n".join(paragraphs)


def _is_of_contents(line: str) -> bool:
    return sum(map(line.count, _LEADERS)) >= _FEWEST_LEADERS and _CONTENTS_LINE.search(line) is not None


def _marked(line: str) -> str:
    """A line with the mark that a page begins with it, behind its first character: lines are joined by that."""
    return line[:1] + _MARK + line[1:] if len(line) > 1 else _MARK + line


def without_marks(text: str) -> tuple[str, list[int]]:
    """The text without marks of pages, and the character offset in it at which each page with text begins."""
    parts = text.split(_MARK)
    starts, length = [], 0
    for part in parts[:-1]:
        length += len(part)
        starts.append(length - (not part.endswith("\n") and length > 0))
    return "".join(parts), starts
