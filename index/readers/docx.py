"""Word files (.docx): what Word shows, each where a reader sees it.

python-docx opens all parts, refuses a file for one that is missing, and knows no automatic numbers, notes, equations or
text boxes; what others know of them is in docs/experiments/reading.md.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.nested import embedded
from sakuin.index.readers.office_properties import properties_of
from sakuin.index.readers.package import Package, child, open_package
from sakuin.index.readers.pictures import Pictures
from sakuin.index.readers.plain import TextBuilder, one_line
from sakuin.index.readers.source import MEMBER, Source
from sakuin.index.readers.titles import first_paragraph, title_of
from sakuin.index.readers.word_body import WordBody, WordParts
from sakuin.index.readers.word_notes import notes_of, page_furniture
from sakuin.index.readers.word_styles import Numbering, styles_of
from sakuin.index.reasons import Reason

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_USUAL_PART = "word/document.xml"


def read(source: Source) -> Iterator[Document | Skipped]:
    """Read a Word file as one document, and files that were put into it as documents of their own.

    Paragraphs with the numbers that Word writes before them, tables, equations, text boxes; footnotes, comments and
    the words for pictures after the paragraph they hang on, endnotes at the end, headers and footers once.

    Raises:
        ReadError: If it is not a Word file, is encrypted or damaged, or would unpack to too much.
    """
    builder = TextBuilder()
    with open_package(source, "Word", ".docx") as package:
        pictures = Pictures(source, package)
        others = _append(builder, source, package, pictures)
        title, metadata = properties_of(package)
    text = pictures.require_text(builder.text())
    yield Document(
        id=source.uri,
        title=title_of(source.uri, stated=title, heading=builder.first_heading(), text=first_paragraph(text)),
        text=text,
        headings=builder.headings(),
        metadata=metadata | pictures.metadata(),
    )
    yield from others
    yield from pictures.left_out()


def _append(builder: TextBuilder, source: Source, package: Package, pictures: Pictures) -> list[Document | Skipped]:
    """Append all that the file shows; returns what of it could not be read, and the documents put into it."""
    main = package.main_part(_USUAL_PART)
    root = child(package.xml(main), "body")
    if root is None:
        raise ReadError(Reason("not_office", {"type": "Word", "detail": f"no {main}"}))
    related = package.related(main)

    left_out: list[Skipped] = []

    def part(kind: str) -> "Element | None":
        """A part beside the body: one that is missing or damaged does not cost the rest."""
        name = next((each.target for each in related.values() if each.kind == kind and not each.external), "")
        try:
            return package.xml(name) if name else None
        except (ReadError, MemoryError):
            raise
        except Exception as error:
            left_out.append(Skipped(f"{source.uri}{MEMBER}{name}", Reason("damaged_part", {"detail": one_line(error)})))
            return None

    styles, settings = styles_of(part("styles")), part("settings")
    numbering, notes = Numbering(part("numbering"), styles), notes_of(part, settings)
    parts = WordParts(source, package, related, styles, numbering, notes, pictures)
    body = WordBody(builder, parts)
    body.left_out = left_out
    around = {
        kind: [(package.related(name), root) for name, root in found]
        for kind, found in page_furniture(package, root, related, settings).items()
    }
    body.append_once(around["header"])
    body.append(root)
    body.append_endnotes()
    body.append_once(around["footer"])
    return [*body.left_out, *embedded(source, package, related.values())]
