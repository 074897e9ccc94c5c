"""Titles that files say of themselves, but for those that programs make up."""

import re

from sakuin.index.readers.plain import one_line

# What programs put there by themselves says nothing of the document.
_NO_TITLE = re.compile(
    r"(?:Microsoft \w+ - .*|.*\.(?:docx?|pptx?|xlsx?|odt|odp|ods|rtf|indd|tex|pdf|jtd)|untitled ?\d*|無題.*|文書 ?\d*"
    r"|document ?\d*|presentation ?\d*|book ?\d*|powerpoint (?:presentation|プレゼンテーション)|プレゼンテーション ?\d*"
    r"|スライド ?\d*|slide ?\d*|タイトルなし|名称未設定.*|no title|タイトル|(?:[a-z]:\\|\\\\|/|file://).*|\(unspecified\)|unspecified)",
    re.IGNORECASE,
)


def good_title(title: str) -> str:
    """A title on one line, or "" for one that a program made up."""
    line = one_line(title)
    return "" if _NO_TITLE.fullmatch(line) else line
