"""PowerPoint files: what is on slides and in their notes."""

import pytest

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Source
from tests.index.samples import NAMES, links, shape, slide_file, with_parts, word_file


def one(data: bytes) -> Document:
    (document,) = read_source(Source(uri="発表.pptx", data=data))
    assert isinstance(document, Document)
    return document


def headings(document: Document) -> list[str]:
    return [document.text[each.start : each.end] for each in document.headings]


def test_slides_are_sections_under_their_titles() -> None:
    row = "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody></a:tc>" for cell in ("品", "数"))
    rows = f"<a:tr>{row}</a:tr><a:tr>{row}</a:tr>"
    table = f"<p:graphicFrame><a:graphic><a:tbl>{rows}</a:tbl></a:graphic></p:graphicFrame>"
    group = f"<p:grpSp><p:nvGrpSpPr><p:cNvPr descr='体制図'/></p:nvGrpSpPr>{shape('組の中')}</p:grpSp>"
    picture = "<p:pic><p:nvPicPr><p:cNvPr id='4' name='図 3' descr='避難経路'/></p:nvPicPr></p:pic>"
    document = one(
        slide_file(
            shape("本文が先", "二行目") + shape("売上の", "報告", kind="ctrTitle") + shape("3", kind="sldNum"),
            table + group + picture + shape("社外秘", kind="ftr"),
            shape("終わりに", kind="title") + shape("社外秘", kind="ftr"),
        )
    )
    assert document.title == "売上の 報告"
    assert headings(document) == ["売上の 報告", "#2", "終わりに"]
    blocks = (
        "売上の 報告",
        "本文が先\n二行目",
        "#2",
        "品 | 数\n品 | 数",
        "体制図",
        "組の中",
        "避難経路",
        "終わりに",
        "社外秘",
    )
    assert tuple(document.text.split("\n\n")) == blocks
    assert document.metadata["slides"] == 3


def test_notes_comments_and_charts() -> None:
    chart = "<p:graphicFrame><a:graphic><c:chart r:id='rId3'/></a:graphic></p:graphicFrame>"
    notes = shape("", kind="sldImg") + shape("ここで話す言葉。", kind="body") + shape("1", kind="sldNum")
    document = one(
        slide_file(
            shape("題", kind="title") + chart,
            **{
                "ppt/slides/_rels/slide0.xml.rels": links(
                    ("rId1", "notesSlide", "../notesSlides/n.xml"),
                    ("rId2", "comments", "../comments/c.xml"),
                    ("rId3", "chart", "../charts/chart.xml"),
                    ("rId4", "image", "../media/NULL"),
                ),
                "ppt/notesSlides/n.xml": f"<p:notes {NAMES}><p:cSld><p:spTree>{notes}</p:spTree></p:cSld></p:notes>",
                "ppt/comments/c.xml": f"<p:cmLst {NAMES}><p:cm><p:text>数字を直す</p:text></p:cm></p:cmLst>",
                "ppt/charts/chart.xml": f"<c:c {NAMES}><c:strCache><c:pt><c:v>四月</c:v></c:pt></c:strCache></c:c>",
            },
        )
    )
    assert document.text == "題\n\n四月\n\nここで話す言葉。\n\n数字を直す"


def test_a_damaged_slide_costs_that_slide() -> None:
    data = slide_file(shape("一", kind="title"), shape("二", kind="title") + "<open>", shape("三", kind="title"))
    document, skipped = read_source(Source(uri="a.pptx", data=data))
    assert isinstance(document, Document)
    assert document.text == "一\n\n三"
    assert isinstance(skipped, Skipped)
    assert (skipped.uri, skipped.reason.code) == ("a.pptx#slide=2", "damaged_part")


@pytest.mark.parametrize("content", [b"PK\3\4 no archive", b"\xd0\xcf\x11\xe0" * 99, word_file(), b"text"])
def test_what_is_no_presentation_is_refused(content: bytes) -> None:
    with pytest.raises(ReadError, match="PowerPoint"):
        one(content)


def test_a_mark_in_superscript_is_no_part_of_its_word() -> None:
    runs = "<a:r><a:t>revenue</a:t></a:r><a:r><a:rPr baseline='30000'/><a:t>1</a:t></a:r>"
    data = slide_file(f"<p:sp><p:txBody><a:p>{runs}</a:p></p:txBody></p:sp>")
    assert one(data).text == "#1\n\nrevenue 1"


def test_hidden_slides_are_read_and_told() -> None:
    tree = f"<p:cSld><p:spTree>{shape('控えの一枚', kind='title')}</p:spTree></p:cSld>"
    hidden = f'<p:sld show="0" {NAMES}>{tree}</p:sld>'
    data = slide_file(shape("一枚目", kind="title"), shape("どこにもない", kind="title"))
    document = one(with_parts(data, {"ppt/slides/slide1.xml": hidden}))
    assert document.metadata["hidden_slides"] == [2]
    assert "控えの一枚" in document.text


def test_files_that_were_put_into_slides_are_documents_of_their_own() -> None:
    data = slide_file(
        shape("題", kind="title"),
        **{"ppt__slides___rels__slide0.xml.rels": links(("rId5", "package", "../embeddings/a.docx"))},
    )
    items = read_source(Source(uri="a.pptx", data=with_parts(data, {"ppt/embeddings/a.docx": word_file()})))
    assert [item.uri for item in items] == ["a.pptx", "a.pptx!/a.docx"]
