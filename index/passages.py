"""Documents to passages: a few whole sentences each, never across a heading.

Sentence ends are found with one compiled regular expression and a few rules on what stands around each match.
fast-bunkai (Rust) was tried: it is no faster (35 MB/s against 80 and more), needs a 20-MB dictionary, knows no
English abbreviations, and ends sentences inside quotations (「もう終わった。|」と言った) and names (Yahoo!|知恵袋).
Where the rules are unsure they do not end the sentence: too long a sentence is cut later at a comma, while half a
sentence at the end of a passage cannot be mended.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from sakuin.index.documents import Document, Heading, Passage
from sakuin.patterns import pattern

MAX_WIDTH = 480
"""Default width of a passage: 240 Japanese characters or about 80 English words."""

_WIDE_RUNS = pattern(
    "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60"
    "\uffe0-\uffe6\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff\U00020000-\U0003fffd]+"
)

# A line break, or a run of full stops with what closes around them; then all white space. The first character is a
# plain set, which the regular expression engine can search for quickly, and nothing is ever tried twice: the time is
# linear whatever the text. Curly and straight quotes count as closing only where no letter follows.
_STOPS = pattern(
    r"[\n。｡．！？!?.‼⁇⁈⁉]"
    r"(?:(?<=\n)\s*+|(?<!\n)[。｡．！？!?.‼⁇⁈⁉]*+[」』）】〉》〕］｝\)\]}”’]*+(?:[\"'](?=\s|\Z))*+\s*+)"
)
_NOT_BLANK = pattern(r"\S")
_HIRAGANA = pattern("[\u3041-\u309f、，]")
_QUOTATION_GOES_ON = pattern("[とっのを、，]")
_WORD = pattern(r"[A-Za-z0-9_/]")
_LIST_ITEM = pattern(r"[-*+•・●○■□◆◇▪▶※>#|①-⑳(（【［\[<]|[0-9０-９]{1,3}[.)．）、:]|[a-zA-Z][.)]\s")
_ABBREVIATION = pattern(
    r"(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Mt|vs|Figs?|Nos?|Vol|Sec|Ch|Eq|pp?|al|cf|ca|e\.g|i\.e|approx|Inc|Ltd|Co|Corp|Gen|Gov"
    r"|Sen|Rep|Rev|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec|(?:[A-Za-z]\.)*[A-Z])"
)
_WRAPPED_LINE = 50
"""A line at least this wide that ends without a full stop was probably broken to fit a page."""

_CUT_AFTER = (("\n",), ("、", "，", "；", "：", "）", "」", ", ", "; ", ": "), (" ", "\u3000", "\t", "\xa0"))


def text_width(text: str) -> int:
    """Return the width of a text in columns: 2 for each full-width East Asian character, 1 for any other."""
    if text.isascii():
        return len(text)
    return len(text) + sum(map(len, _WIDE_RUNS.findall(text)))


def split(document: Document, max_width: int = MAX_WIDTH) -> list[Passage]:
    """Cut a document into passages.

    A passage is as many whole sentences of one section as fit; once it is half full, it ends with its paragraph. A
    very short rest joins the passage before it. A heading is not part of a passage's text: the passages of its section
    and of the sections below it name it in their ``heading``, as in ``Chapter › Section``, where it does not only
    repeat the document's title. A heading with nothing below it is a passage of its own, so that nothing is lost.

    Args:
        document: Any document; its headings must be in order and must not overlap.
        max_width: The width that a passage may have, as :func:`text_width` counts. A passage that took in a short
            rest may be a quarter wider.

    Returns:
        The passages in order. They do not overlap, begin and end with a visible character, and hold every visible
        character of the text outside headings.
    """
    if max_width < 8:
        raise ValueError(f"max_width must be at least 8, not {max_width}")
    text = document.text
    if not document.headings and len(text) <= max_width and _is_one_passage(text, max_width):
        return [Passage(_skip_blanks(text, 0, len(text)), len(text.rstrip()), "")]
    passages: list[Passage] = []
    first_end = document.headings[0].start if document.headings else len(text)
    passages += [Passage(start, end, "") for start, end in _section(text, 0, first_end, max_width)]
    above: list[Heading] = []
    for number, heading in enumerate(document.headings, 1):
        following = document.headings[number] if number < len(document.headings) else None
        above = [*(other for other in above if other.level < heading.level), heading]
        if spans := _section(text, heading.end, following.start if following else len(text), max_width):
            path = _path(document, above)
            passages += [Passage(start, end, path) for start, end in spans]
        elif following is None or following.level <= heading.level:
            path = _path(document, above[:-1])
            spans = _section(text, heading.start, heading.end, max_width)
            passages += [Passage(start, end, path) for start, end in spans]
    return passages


def _is_one_passage(text: str, max_width: int) -> bool:
    """Whether all of a text fits and is one paragraph: nothing would be gained by looking for its sentences."""
    fits = 2 * len(text) <= max_width or text_width(text) <= max_width
    return fits and text.count("\n") < 2 and bool(text) and not text.isspace()


def _path(document: Document, headings: Sequence[Heading]) -> str:
    """The words of headings, the highest first, without one that only repeats the title."""
    words = (" ".join(document.text[heading.start : heading.end].split()) for heading in headings)
    return " › ".join(part for part in words if part != document.title)


def _section(text: str, start: int, end: int, max_width: int) -> list[tuple[int, int]]:
    """Pack the sentences of one section into spans of at most ``max_width``."""
    spans: list[tuple[int, int]] = []
    open_start = open_end = -1
    width = 0
    for sentence_start, sentence_end, new_paragraph in _sentences(text, start, end):
        added = text_width(text[sentence_start:sentence_end])
        if open_start >= 0:
            gap = sentence_start - open_end
            if gap:
                gap = text_width(text[open_end:sentence_start])
            if width + gap + added <= max_width and not (new_paragraph and 2 * width >= max_width):
                open_end = sentence_end
                width += gap + added
                continue
            spans.append((open_start, open_end))
        if added > max_width:
            *whole, (sentence_start, sentence_end) = _cut(text, sentence_start, sentence_end, max_width)
            spans += whole
            added = text_width(text[sentence_start:sentence_end])
        open_start, open_end, width = sentence_start, sentence_end, added
    if open_start >= 0:
        spans.append((open_start, open_end))
    if len(spans) > 1 and 5 * width < max_width:
        before = spans[-2][0]
        # The gap may be megabytes of blanks, so its length is looked at before it is measured.
        if open_end - before <= 1.25 * max_width and text_width(text[before:open_end]) <= 1.25 * max_width:
            spans[-2:] = [(before, open_end)]
    return spans


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Yield each sentence without the white space around it, and whether it begins a paragraph."""
    new_paragraph = True
    # The expression takes the white space behind a stop with it, so a new sentence never begins with any.
    line_start = begin = _skip_blanks(text, start, end)
    for match in _STOPS.finditer(text, begin, end):
        stop = match.group()
        after = match.end()
        if stop == "。":
            yield begin, after, new_paragraph
            new_paragraph = False
            begin = after
            continue
        lines = stop.count("\n")
        if lines > 1 or after == end or _ends(text, match, line_start):
            yield begin, _trimmed(text, begin, after), new_paragraph
            begin = after
            new_paragraph = lines > 1
        if lines:
            line_start = after
    if begin < end:
        yield begin, _trimmed(text, begin, end), new_paragraph


def _trimmed(text: str, start: int, end: int) -> int:
    """Return the end of a piece of text without the white space at its end."""
    return start + len(text[start:end].rstrip())


def _skip_blanks(text: str, start: int, end: int) -> int:
    found = _NOT_BLANK.search(text, start, end)
    return found.start() if found else end


def _ends(text: str, match: re.Match[str], line_start: int) -> bool:
    """Tell whether a sentence ends at a match of ``_STOPS`` that has text behind it and no blank line in it."""
    stop = match.group()
    after = match.end()
    marks = stop.rstrip()
    following = text[after]
    if not marks:
        return _line_ends(text, match, line_start)
    spaced = len(stop) > len(marks)
    if "\n" in stop and not marks.endswith("."):
        return True
    if "。" in marks or "｡" in marks:
        return spaced or marks[-1] in "。｡" or not _HIRAGANA.match(following)
    if marks[0] == "．":
        return not following.isdigit()
    if marks[0] in "！？‼⁇⁈⁉":
        goes_on = _QUOTATION_GOES_ON if marks[-1] in "！？!?‼⁇⁈⁉" else _HIRAGANA
        return spaced or not goes_on.match(following)
    before = text[match.start() - 1] if match.start() else ""
    if marks[0] in "!?":
        if spaced:
            return not following.islower()  # "Why?" she asked.
        # Yahoo!ニュース and page?id=1 go on; すごい!そして does not.
        return not _WORD.match(before) and not _WORD.match(following) and not _QUOTATION_GOES_ON.match(following)
    return _full_stop_ends(text, match, before, spaced, line_start)


def _full_stop_ends(text: str, match: re.Match[str], before: str, spaced: bool, line_start: int) -> bool:
    """Tell whether a half-width full stop ends a sentence."""
    following = text[match.end()]
    if not spaced:
        # Some write Japanese with it: です.次に
        return bool(before) and _WIDE_RUNS.match(before) is not None and _WIDE_RUNS.match(following) is not None
    if following.islower():
        return False
    at = match.start()
    if before.isdigit() and at - line_start <= 3:
        return False  # "1." before a list item
    words = text[max(line_start, at - 12) : at].split() if match.group()[:2] in (". ", ".\n") else []
    word = words[-1].lstrip("([\"'“‘") if words else ""
    return not _ABBREVIATION.fullmatch(word)


def _line_ends(text: str, match: re.Match[str], line_start: int) -> bool:
    """Tell whether a line without a full stop ends a sentence, as the items of a list do, or was only wrapped."""
    following = text[match.end()]
    if following.islower():
        return False
    if not match.group().endswith("\n") or _LIST_ITEM.match(text, match.end()):
        return True  # the next line is indented or a list item
    at = match.start()
    before = text[at - 1] if at else "\n"
    if before in ":：":
        return True
    return (at - line_start) * (2 if _WIDE_RUNS.match(before) else 1) < _WRAPPED_LINE


def _cut(text: str, start: int, end: int, max_width: int) -> Iterator[tuple[int, int]]:
    """Cut a sentence that is too wide: at a line, a comma or a space where there is one, else anywhere."""
    while start < end:
        limit = reach(text, start, end, max_width)
        stop = limit if limit == end else _cut_point(text, start, limit)
        yield start, _trimmed(text, start, stop)
        start = _skip_blanks(text, stop, end)


def reach(text: str, start: int, end: int, max_width: int) -> int:
    """Return the furthest offset up to which the text is at most ``max_width`` wide, see `text_width`."""
    window = text[start : min(end, start + max_width)]
    if window.isascii():
        return start + len(window)
    width = position = 0
    for run in _WIDE_RUNS.finditer(window):
        width += run.start() - position
        if width >= max_width:
            return start + run.start() - (width - max_width)
        if width + 2 * (run.end() - run.start()) > max_width:
            return start + run.start() + (max_width - width) // 2
        width += 2 * (run.end() - run.start())
        position = run.end()
    return start + min(len(window), position + max_width - width)


def _cut_point(text: str, start: int, limit: int) -> int:
    """Return where to cut ``text[start:limit]``: in its second half, after a mark of the best kind there is."""
    half = start + (limit - start) // 2
    for marks in _CUT_AFTER:
        cut = max(text.rfind(mark, half, limit) + len(mark) for mark in marks)
        if cut > half and not _joined(text, cut):
            return cut
    cut = limit
    # Thirty marks on one letter is the most that Unicode's stream-safe format allows; more is not writing.
    while cut > max(start, limit - 32) and _joined(text, cut):
        cut -= 1
    return limit if cut == start or _joined(text, cut) else cut


def _joined(text: str, at: int) -> bool:
    """Tell whether the characters on both sides of an offset are one character to a reader."""
    if at >= len(text):
        return False
    after, before = text[at], text[at - 1]
    if after.isascii():
        return False
    if before == "\u200d" or after in "\u200d\uff9e\uff9f" or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    if "\U0001f1e6" <= after <= "\U0001f1ff":  # flags are pairs of letters
        first = at
        while first > max(0, at - 64) and "\U0001f1e6" <= text[first - 1] <= "\U0001f1ff":
            first -= 1
        return (at - first) % 2 == 1
    return unicodedata.category(after) in ("Mn", "Mc", "Me") or "\U000e0020" <= after <= "\U000e007f"
