"""Pictures (png, jpg, tiff, webp, bmp): the text in them, by OCR."""

from collections.abc import Iterator

from sakuin.index.documents import Document, Position
from sakuin.index.readers import ocr
from sakuin.index.readers.files import load_bytes
from sakuin.index.readers.pdf_lines import joined, without_marks
from sakuin.index.readers.plain import clean, require_text
from sakuin.index.readers.source import Source
from sakuin.index.readers.titles import title_of

MAX_BYTES = 128 * 1024 * 1024


def read(source: Source) -> Iterator[Document]:
    """Read the text in a picture as one document; of a TIFF that of all its pages.

    Raises:
        ReadError: If it is too large, there is no text in it, or tesseract is not there or cannot read it.
    """
    pages = ocr.pages_of(load_bytes(source, MAX_BYTES), source.allowance.deadline)
    text, starts = without_marks(clean(joined(pages)))
    numbers = [number for number, blocks in enumerate(pages, 1) if blocks] if len(pages) > 1 else []
    yield Document(
        id=source.uri,
        title=title_of(source.uri),
        text=require_text(text),
        metadata={"ocr": True},
        positions=tuple(Position(at, {"page": number}) for at, number in zip(starts, numbers, strict=False)),
    )
