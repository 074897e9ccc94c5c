"""Title, author and the like of a PDF: also of old programs, which wrote bytes of their own encoding."""

import re
from collections.abc import Mapping

from sakuin.index.documents import MetadataValue
from sakuin.index.errors import ReadError
from sakuin.index.readers.dates import iso_date
from sakuin.index.readers.encoding import decode
from sakuin.index.readers.plain import one_line

_NO_TITLE = re.compile(
    r"^Microsoft \w+ - |\.(?:docx?|pptx?|xlsx?|indd|tex|dvi|pdf)$|^(?:untitled|無題).*$", re.IGNORECASE
)
# A single one among Latin letters is two of them, taken for one: "Œuvre" would be "勃vre".
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff66-\uff9f]{2}")

# What PDFDocEncoding has in place of Latin-1, by the first byte of each stretch.
_STRETCHES = {
    0x18: "˘ˇˆ˙˝˛˚˜",
    0x80: "•†‡…—–ƒ⁄‹›−‰„“”‘’‚™ﬁﬂŁŒŠŸŽıłœšž",
    0xA0: "€",
}
_BYTES = {chr(byte): byte for byte in [*range(0x18), *range(0x20, 0x7F), *range(0xA1, 0x100)]} | {
    character: first + number for first, stretch in _STRETCHES.items() for number, character in enumerate(stretch)
}


def stated_title(properties: Mapping[str, str]) -> str:
    """Return the title that a PDF says it has, without what word processors make up around a file's name."""
    return _NO_TITLE.sub("", one_line(decoded(properties.get("Title", ""))))


def metadata_of(properties: Mapping[str, str], page_count: int, language: str) -> dict[str, MetadataValue]:
    """Return what a PDF says about itself; its language is "" where it does not say."""
    metadata: dict[str, MetadataValue] = {"pages": page_count}
    for name in ("Author", "Subject", "Keywords"):
        value = one_line(decoded(properties.get(name, "")), 1000)
        if value and value != "(unspecified)":
            metadata[name.lower()] = value
    for name, key in (("created", "CreationDate"), ("modified", "ModDate")):
        if day := iso_date(properties.get(key, "")):
            metadata[name] = day
    if language:
        metadata["language"] = language
    return metadata


# One character in so many, at most, is beyond ASCII in what is written in Latin letters.
FEW = 3


def decoded(value: str) -> str:
    """Return a property as it was meant: text that is not in Unicode is said to be in PDFDocEncoding, and may not be.

    Args:
        value: The property, its bytes taken for PDFDocEncoding if they had no mark of Unicode.

    Returns:
        The text; "" where its encoding cannot be told for certain.
    """
    if value.isascii() or not all(character in _BYTES for character in value):
        return value
    data = bytes(_BYTES[character] for character in value)
    try:
        text = decode(data)[0]
    except ReadError:
        # PDFDocEncoding is what the format says; but of Japanese read in it, most characters are beyond ASCII.
        beyond = sum(not character.isascii() for character in value)
        return value if FEW * beyond <= len(value) else ""
    return text if _CJK.search(text) else value
