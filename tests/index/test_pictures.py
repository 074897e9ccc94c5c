"""Pictures within office files and books: read by an installed tesseract where that is asked for, else counted."""

import pytest

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers import ocr, package, pictures, read_source
from sakuin.index.readers.guarded import Limits
from sakuin.index.readers.package import open_package
from sakuin.index.readers.source import Allowance, Source
from sakuin.index.reasons import Reason
from tests.index.samples import links, open_file, shape, sheet_file, slide_file, with_parts, zipped
from tests.index.test_ocr import WORDS, needs_tesseract, picture
from tests.index.test_word import p, word

CM = 360_000


def drawn(width: int = 12, height: int = 6, link: str = "rId9") -> str:
    """A picture in a Word file, shown so many centimetres wide and high."""
    return (
        f'<w:p><w:r><w:drawing><wp:inline xmlns:wp="urn:wp"><wp:extent cx="{width * CM}" cy="{height * CM}"/>'
        f'<a:blip xmlns:a="urn:a" xmlns:r="urn:r" r:embed="{link}"/></wp:inline></w:drawing></w:r></w:p>'
    )


def files() -> dict[str, bytes]:
    """Office files of each kind with one picture of words, and a text beside it."""
    image = picture(WORDS)
    blip = '<a:blip r:embed="rId5"/>'
    size = f'<spPr><a:xfrm><a:ext cx="{12 * CM}" cy="{6 * CM}"/></a:xfrm></spPr>'
    shown = f"<p:pic><p:nvPicPr><p:nvPr/></p:nvPicPr><p:blipFill>{blip}</p:blipFill>{size}</p:pic>"
    slides = slide_file(
        shape("題", kind="title") + shown,
        **{
            "ppt__slides___rels__slide0.xml.rels": links(("rId5", "image", "../media/image1.png")),
            "ppt__media__image1.png": image,
        },
    )
    frame = '<draw:frame svg:width="12cm" svg:height="60mm"><draw:image xlink:href="Pictures/1.png"/></draw:frame>'
    text = with_parts(open_file(f"<text:p>題{frame}</text:p>"), {"Pictures/1.png": image})
    return {"a.docx": in_word(drawn(), image), "a.pptx": slides, "a.odt": text, "a.epub": book(image)}


def in_word(body: str, image: bytes) -> bytes:
    return word(p("題") + body, (("rId9", "image", "image1.png"),), image1__png=image)


def book(image: bytes) -> bytes:
    """A book of a page of text and one that is a picture."""
    page = '<item id="p{0}" href="{0}.xhtml" media-type="application/xhtml+xml"/>'
    return zipped(
        {
            "META-INF/container.xml": '<c><rootfiles><rootfile full-path="O/book.opf"/></rootfiles></c>',
            "O/book.opf": f"<package><manifest>{page.format(1)}{page.format(2)}</manifest>"
            '<spine><itemref idref="p1"/><itemref idref="p2"/></spine></package>',
            "O/1.xhtml": "<html><body><p>題</p></body></html>",
            "O/2.xhtml": '<html><body><img class="x" src="i/scan.png"/><img src="i/cover.png"/></body></html>',
            "O/i/scan.png": image,
            "O/i/cover.png": image,
        }
    )


def items(name: str, data: bytes, *, with_ocr: bool = False) -> list[Document | Skipped]:
    return list(read_source(Source(uri=name, data=data, allowance=Allowance(ocr=with_ocr))))


@needs_tesseract
@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.odt", "a.epub"])
def test_text_in_pictures_is_read_where_it_stands(name: str) -> None:
    (document,) = items(name, files()[name], with_ocr=True)
    assert isinstance(document, Document)
    assert document.text.split("\n\n")[:2] == ["題", WORDS]
    assert document.metadata["ocr"] is True


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.odt", "a.epub"])
def test_without_it_they_are_counted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document, told = items(name, files()[name])
    assert isinstance(document, Document)
    assert "ocr" not in document.metadata
    assert told == Skipped(name, Reason("pictures", {"number": 1}))
    monkeypatch.setattr(ocr, "program", lambda: "tesseract")
    assert Limits(ocr=True).are_raised(Reason.of_parts([], 0)) is False
    assert Limits(ocr=True).are_raised(told.reason)


@needs_tesseract
def test_pictures_beside_cells() -> None:
    anchor = '<xdr:pic xmlns:xdr="urn:x"><a:blip xmlns:a="urn:a" xmlns:r="urn:r" r:embed="rId5"/></xdr:pic>'
    data = with_parts(
        sheet_file(("表", [["値"]])),
        {
            "xl/worksheets/_rels/sheet1.xml.rels": links(("rId7", "drawing", "../drawings/drawing9.xml")),
            "xl/drawings/drawing9.xml": f"<d>{anchor}</d>",
            "xl/drawings/_rels/drawing9.xml.rels": links(("rId5", "image", "../media/image1.png")),
            "xl/media/image1.png": picture(WORDS),
        },
    )
    (document,) = items("a.xlsx", data, with_ocr=True)
    assert isinstance(document, Document)
    assert document.text == f"値\n{WORDS}"
    assert items("a.xlsx", data)[1] == Skipped("a.xlsx", Reason("pictures", {"number": 1}))


def test_logos_bullets_and_repetitions_are_not_counted() -> None:
    image = picture(WORDS)
    assert len(items("a.docx", in_word(drawn(3, 2), image))) == 1
    bullet = '<a:buBlip xmlns:a="urn:a"><a:blip xmlns:r="urn:r" r:embed="rId9"/></a:buBlip>'
    assert len(items("a.docx", in_word(f"<w:p>{bullet}</w:p>", image))) == 1
    (_, told) = items("a.docx", in_word(drawn() + drawn(), image))
    assert told == Skipped("a.docx", Reason("pictures", {"number": 1}))


def test_a_file_of_nothing_but_pictures_says_so() -> None:
    data = word(drawn(), (("rId9", "image", "image1.png"),), image1__png=picture(WORDS))
    with pytest.raises(ReadError) as caught:
        items("a.docx", data)
    assert caught.value.reason == Reason("pictures", {"number": 1})
    assert "--ocr" in str(caught.value.reason)


def test_their_number_and_size_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(ocr, "pages_of", lambda data, deadline: read.append(data) or [[["words"]]])
    both = word(
        p("題") + drawn() + drawn(link="rId10"),
        (("rId9", "image", "image1.png"), ("rId10", "image", "image2.png")),
        image1__png=b"1",
        image2__png=b"22",
    )
    for limit in ("MAX_PICTURES", "MAX_PICTURE_BYTES", "MAX_BYTES"):
        read.clear()
        with monkeypatch.context() as patched:
            patched.setattr(pictures, limit, 1)
            document, told = items("a.docx", both, with_ocr=True)
        assert isinstance(document, Document)
        assert (read, document.text) == ([b"1"], "題\n\nwords"), limit
        assert told == Skipped("a.docx", Reason("too_many_pictures", {"number": 1}))


def test_what_tesseract_lacks_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "program", lambda: None)
    document, told = items("a.docx", in_word(drawn(), picture(WORDS)), with_ocr=True)
    assert isinstance(document, Document)
    assert told == Skipped("a.docx", Reason("needs_tesseract"))


def test_a_part_that_is_read_again_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = zipped({"a.xml": b"x" * 1000, "b.xml": b"y" * 1000})
    monkeypatch.setattr(package, "MAX_UNPACKED_BYTES", 1500)
    with open_package(Source(uri="a.docx", data=data), "Word", ".docx") as parts:
        assert parts.read("a.xml") == parts.read("A.xml") == b"x" * 1000
        with pytest.raises(ReadError, match="unpacks"):
            parts.read("b.xml")
