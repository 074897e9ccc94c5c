"""What a document is called: by what its file says of itself, a heading, its first line, or the name of the file."""

import re
from collections.abc import Iterable

from sakuin.index.readers.plain import one_line, stem_of
from sakuin.index.readers.table_header import MAX_NAME_CHARACTERS, NUMBER

# What programs put there by themselves says nothing of the document.
_NO_TITLE = re.compile(
    r"(?:Microsoft \w+ - .*|.*\.(?:docx?|pptx?|xlsx?|odt|odp|ods|rtf|indd|tex|pdf|jtd)|untitled ?\d*|無題.*|文書 ?\d*"
    r"|document ?\d*|presentation ?\d*|book ?\d*|powerpoint (?:presentation|プレゼンテーション)|プレゼンテーション ?\d*"
    r"|スライド ?\d*|slide ?\d*|タイトルなし|名称未設定.*|no title|タイトル|about:blank|(?:[a-z]:\\|\\\\|/|file://).*|\(unspecified\)|unspecified)",
    re.IGNORECASE,
)
_FIRST_LINE_CHARACTERS = 60
_SENTENCE_ENDS = ("。", "．", ".", "、", "，", ",", ";", "；")
_LETTER = re.compile(r"[^\W\d_]")


def title_of(uri: str, *, stated: str = "", heading: str = "", text: str = "") -> str:
    """The title of a document by the best evidence that there is.

    Args:
        uri: Of the file: its name is the title where nothing else is.
        stated: What the file says of itself, which a program may have made up.
        heading: The first heading.
        text: The text, whose first line is the title where it looks like one; "" where it cannot be.
    """
    return good_title(stated) or one_line(heading) or first_line(text) or stem_of(uri)


def good_title(title: str) -> str:
    """A title on one line, or "" for one that a program made up."""
    line = one_line(title)
    return "" if _NO_TITLE.fullmatch(line) else line


def first_line(text: str) -> str:
    """The first line where it looks like a title, else "": short, with text below it, no sentence and no number."""
    line, _, rest = text.lstrip().partition("\n")
    line = line.strip()
    if not line or len(line) > _FIRST_LINE_CHARACTERS or not rest or rest.isspace():
        return ""
    if line.endswith(_SENTENCE_ENDS) or NUMBER.fullmatch(line) or not _LETTER.search(line):
        return ""
    return one_line(line)


def first_paragraph(text: str) -> str:
    """A text of paragraphs whose first one may be its title, as `title_of` takes it: where that is a single line."""
    return "" if "\n" in text.partition("\n\n")[0] else text


def first_words(cells: Iterable[str]) -> str:
    """The first cell of a row that can stand for it: short, and not a number or a date."""
    short = (cell for cell in cells if 0 < len(cell) <= MAX_NAME_CHARACTERS and not NUMBER.fullmatch(cell))
    return one_line(next(short, ""))
