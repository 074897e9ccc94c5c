"""What office files say of themselves: title, author, dates."""

import re

from sakuin.index.documents import MetadataValue
from sakuin.index.readers.package import Package, local
from sakuin.index.readers.plain import one_line

# What programs put there by themselves says nothing of the document.
_NO_TITLE = re.compile(
    r"(?:Microsoft \w+ - .*|.*\.(?:docx?|pptx?|xlsx?|odt|odp|ods|rtf|indd|tex|pdf|jtd)|untitled ?\d*|無題.*|文書 ?\d*"
    r"|document ?\d*|presentation ?\d*|book ?\d*|powerpoint (?:presentation|プレゼンテーション)|プレゼンテーション ?\d*"
    r"|スライド ?\d*|slide ?\d*|タイトルなし|名称未設定.*|no title|タイトル)",
    re.IGNORECASE,
)
_NAMES = {
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "description": "description",
    "category": "category",
    "lastModifiedBy": "modified_by",
    "created": "date",
    "modified": "modified",
    "language": "language",
}
_DATES = ("date", "modified")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def good_title(title: str) -> str:
    """A title on one line, or "" for one that a program made up."""
    line = one_line(title)
    return "" if _NO_TITLE.fullmatch(line) else line


def properties_of(package: Package) -> tuple[str, dict[str, MetadataValue]]:
    """The title and metadata of an OOXML package; whatever is wrong with them, the document is not."""
    related = package.related("")
    part = next((each.target for each in related.values() if each.kind == "core-properties"), "docProps/core.xml")
    try:
        root = package.xml(part)
    except Exception:  # a damaged part that nobody sees
        root = None
    title = ""
    metadata: dict[str, MetadataValue] = {}
    for element in () if root is None else root.iterchildren():
        name, text = local(element), one_line(element.text or "", 1000)
        if name == "title":
            title = good_title(text)
        elif text and (known := _NAMES.get(name)):
            if known in _DATES:
                match = _DATE.match(text)
                text = match[0] if match else ""
            if text:
                metadata[known] = text
    return title, metadata
