"""Lines of PDF pages to paragraphs; page numbers, which count up with the pages, are left out."""

import re
from collections import Counter
from collections.abc import Sequence

from sakuin.index.passages import text_width
from sakuin.index.readers.plain import clean, join_wrapped

WHOLE = "\u2029"
"""Ends a line that does not go on in the next one, such as a row of a table. clean() makes a line break of it."""

# At the end of a line pdfium writes a hyphen as U+0002 or U+FFFE and goes on with the next line.
_LINE_END_HYPHENS = re.compile("[\u0002\ufffe\u00ad]\n?")
_HYPHEN = re.compile(r"(?<=[a-z])[-\u2010]\n(?=[a-z])")
_PAGE_NUMBER = re.compile(
    r"[-–—\s(]*(?:[Pp](?:age|\.)?\s*)?([0-9０-９]{1,5})(?:\s*(?:/|of|／)\s*[0-9０-９]{1,5})?\s*(?:ページ|頁)?[-–—\s)]*"
)
_YEARS = range(1900, 2100)
_MANY = 5
_SENTENCE_ENDS = ("。", "．", ".", "！", "？", "!", "?", ":", "：")
_LIST_ITEM = re.compile(
    r"[-*•・●○■□◆◇▪▶※①-⑳]|[0-9０-９]{1,3}[.)．）、](?![0-9０-９])|第[0-9０-９一二三四五六七八九十百]+[条章節編項]"
)
_CONTENTS_LINE = re.compile(r"(?:[.．…・]\s?){3,}\s*\w{1,5}\Z")
_FULL_LINE = 0.75
"""A line this wide, measured by the wide lines of its block, was broken because it was full."""


def lines_in(text: str) -> list[str]:
    """The lines of a page as pdfium gives it."""
    lines = [line.strip() for line in without_end_hyphens(clean(text)).split("\n")]
    return [line for line in lines if line]


def without_end_hyphens(text: str) -> str:
    """The text without pdfium's signs for hyphens at the ends of lines, and without those line breaks."""
    return _LINE_END_HYPHENS.sub("", text)


def without_page_numbers(pages: Sequence[Sequence[list[str]]]) -> list[list[str]]:
    """The blocks of all pages without the first or last line of a page that is a number which counts up with the pages.

    A number that stands alone on but one page is a total, a year, the last entry of a list.

    Args:
        pages: Of each page its blocks, and of each block its lines.
    """
    counts: Counter[tuple[int, int]] = Counter()
    for number, blocks in enumerate(pages):
        counts.update({(end, value - number) for end, value in _end_numbers(blocks)})
    result: list[list[str]] = []
    for number, blocks in enumerate(pages):
        kept = [list(block) for block in blocks]
        for end, value in _end_numbers(blocks):
            if counts[end, value - number] >= (_MANY if value in _YEARS and value > len(pages) else 2):
                del kept[end][end]
        result += [block for block in kept if block]
    return result


def _end_numbers(blocks: Sequence[list[str]]) -> list[tuple[int, int]]:
    """The first and the last line of a page where they are numbers: 0 or -1, and the number."""
    if sum(map(len, blocks)) < 2:
        return []
    found = [(end, _PAGE_NUMBER.fullmatch(blocks[end][end])) for end in (0, -1)]
    return [(end, int(match[1])) for end, match in found if match]


def joined(blocks: Sequence[list[str]]) -> str:
    """Put blocks together: lines that were only full are joined, paragraphs, columns and pages are set apart."""
    parts: list[str] = []
    for lines in blocks:
        widths = [text_width(line) for line in lines]
        full = _FULL_LINE * sorted(widths)[len(widths) * 9 // 10] if lines else 0.0
        if parts and lines:
            # The last line of the block before was left open if its sentence may go on here.
            parts.append("\n" if parts[-1] == "" and not _LIST_ITEM.match(lines[0]) else "\n\n")
        for number, line in enumerate(lines, 1):
            is_whole = line.endswith(WHOLE)
            line = line.rstrip(WHOLE)
            parts.append(line)
            ended = line.endswith(_SENTENCE_ENDS)
            # Only the end of the line matters, and a line of nothing but dots would take quadratic time.
            alone = is_whole or _CONTENTS_LINE.search(line[-100:]) is not None
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
