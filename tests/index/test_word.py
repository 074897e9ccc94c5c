"""What Word shows of a .docx is read, each where a reader sees it."""

import io
import zipfile

import pytest

from sakuin.index.documents import Document, Skipped
from sakuin.index.readers.counting import counted
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Source
from tests.index.samples import sheet_file, with_parts

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
NAMESPACES = (
    f'xmlns:w="{W}" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:wp="urn:wp" xmlns:wps="urn:wps" '
    'xmlns:c="urn:chart" xmlns:dgm="urn:diagram" xmlns:a="urn:drawing"'
)
RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def relationships(*each: tuple[str, str, str]) -> str:
    rows = "".join(f'<Relationship Id="{name}" Type="{TYPE}{kind}" Target="{target}"/>' for name, kind, target in each)
    return f'<Relationships xmlns="{RELATIONSHIPS}">{rows}</Relationships>'


def part(root: str, inner: str) -> str:
    return f"<w:{root} {NAMESPACES}>{inner}</w:{root}>"


def p(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def run(inner: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr>{inner}</w:r>"


def say(words: str) -> str:
    return run(f"<w:t>{words}</w:t>")


def refer(kind: str, name: int) -> str:
    return run(f'<w:{kind}Reference w:id="{name}"/>')


def word(body: str, links: tuple[tuple[str, str, str], ...] = (), **parts: str | bytes) -> bytes:
    """A .docx of a body and other parts, by the names of their files without suffix, or with "__" for a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("_rels/.rels", relationships(("rId1", "officeDocument", "word/document.xml")))
        archive.writestr("word/document.xml", part("document", f"<w:body>{body}</w:body>"))
        usual = tuple((name, name.rstrip("123"), f"{name}.xml") for name in parts if "__" not in name)
        archive.writestr("word/_rels/document.xml.rels", relationships(*usual, *links))
        for name, content in parts.items():
            archive.writestr("word/" + (name.replace("__", ".") if "__" in name else f"{name}.xml"), content)
    return out.getvalue()


def items(data: bytes) -> list[Document | Skipped]:
    return list(read_source(Source(uri="a.docx", data=data)))


def text(data: bytes) -> str:
    (document,) = items(data)
    assert isinstance(document, Document)
    return document.text


def test_footnotes_endnotes_and_comments_stand_by_their_marks() -> None:
    cell = f"<w:tc><w:p>{say('表の中')}{refer('footnote', 3)}</w:p></w:tc>"
    body = (
        f"<w:p>{say('期限は十日')}{refer('footnote', 2)}"
        f"{say('とする。')}{refer('endnote', 1)}{refer('comment', 0)}</w:p>"
        f"<w:tbl><w:tr>{cell}</w:tr></w:tbl>{p('次の段落。')}"
    )
    separator = '<w:footnote w:type="separator" w:id="0"><w:p/></w:footnote>'
    notes = f'<w:footnote w:id="2">{p("土日を除く。")}</w:footnote><w:footnote w:id="3">{p("税別。")}</w:footnote>'
    data = word(
        body,
        footnotes=part("footnotes", separator + notes),
        endnotes=part("endnotes", f'<w:endnote w:id="1">{p("旧規程による。")}</w:endnote>'),
        comments=part("comments", f'<w:comment w:id="0" w:author="山田">{p("要確認")}</w:comment>'),
    )
    assert text(data).split("\n\n") == [
        "期限は十日[1]とする。[i]",
        "[1] 土日を除く。",
        "山田: 要確認",
        "表の中[2]",
        "[2] 税別。",
        "次の段落。",
        "[i] 旧規程による。",
    ]


def test_headers_and_footers_are_read_once_and_without_page_numbers() -> None:
    def section(extra: str = "") -> str:
        links = "".join(
            f'<w:{kind}Reference w:type="{which}" r:id="{name}"/>'
            for kind, which, name in (
                ("header", "default", "header1"),
                ("header", "first", "header2"),
                ("header", "even", "header3"),
                ("footer", "default", "footer1"),
            )
        )
        return f"<w:sectPr>{links}{extra}</w:sectPr>"

    body = f"{p('第一部', section())}{p('第二部')}{section('<w:titlePg/>')}"
    art = '<w:p><w:r><w:pict><v:shape><v:textpath string="社外秘"/></v:shape></w:pict></w:r></w:p>'
    data = word(
        body,
        header1=part("hdr", p("規程集 KX-1") + art),
        header2=part("hdr", p("表紙の柱")),
        header3=part("hdr", p("見せない柱")),
        footer1=part("ftr", p("- 3 / 12 ページ -") + p("総務部")),
    )
    assert text(data) == "規程集 KX-1\n社外秘\n表紙の柱\n\n第一部\n\n第二部\n\n総務部"


NUMBERING = """
<w:abstractNum w:abstractNumId="7">
 <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="第%1条"/></w:lvl>
 <w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="japaneseCounting"/>
  <w:suff w:val="nothing"/><w:lvlText w:val="%2、"/></w:lvl>
 <w:lvl w:ilvl="2"><w:start w:val="3"/><w:numFmt w:val="lowerRoman"/><w:isLgl/><w:lvlText w:val="%1.%3"/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="8">
 <w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="&#xF0B7;"/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="9">
 <w:lvl w:ilvl="0"><w:numFmt w:val="upperLetter"/><w:pStyle w:val="Clause"/><w:lvlText w:val="(%1)"/></w:lvl>
</w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="7"/>
 <w:lvlOverride w:ilvl="0"><w:startOverride w:val="9"/></w:lvlOverride></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="8"/></w:num>
<w:num w:numId="4"><w:abstractNumId w:val="9"/></w:num>
"""


def test_numbers_that_word_writes_by_itself() -> None:
    def numbered(words: str, number: int, level: int = 0) -> str:
        return p(words, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')

    styles = (
        '<w:style w:type="paragraph" w:styleId="Base"><w:name w:val="heading 2"/>'
        '<w:pPr><w:numPr><w:numId w:val="4"/></w:numPr></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="Clause"><w:name w:val="条"/><w:basedOn w:val="Base"/></w:style>'
    )
    body = "".join(
        [
            numbered("目的", 1),
            numbered("定義", 1),
            numbered("甲とは", 1, 1),
            numbered("乙とは", 1, 1),
            numbered("細目", 1, 2),
            numbered("解約", 1),
            numbered("丙とは", 1, 1),
            numbered("点", 3),
            numbered("別の契約", 2),
            numbered("続き", 2),
            p("見出し", '<w:pStyle w:val="Clause"/>'),
            p("次の見出し", '<w:pStyle w:val="Clause"/>'),
            p("番号なし", '<w:pStyle w:val="Clause"/><w:numPr><w:numId w:val="0"/></w:numPr>'),
        ]
    )
    (document,) = items(word(body, numbering=part("numbering", NUMBERING), styles=part("styles", styles)))
    assert isinstance(document, Document)
    assert document.text.split("\n\n") == [
        "第1条 目的", "第2条 定義", "一、甲とは", "二、乙とは", "2.3 細目", "第3条 解約", "一、丙とは", "点",
        "第9条 別の契約", "第10条 続き", "(A) 見出し", "(B) 次の見出し", "番号なし",
    ]  # fmt: skip
    first = document.headings[0]
    assert document.text[first.start : first.end] == "(A) 見出し"


@pytest.mark.parametrize(
    ("style", "numbers"),
    [
        ("decimal", ["1", "12", "230"]),
        ("upperRoman", ["I", "XII", "CCXXX"]),
        ("lowerLetter", ["a", "l", "v" * 9]),
        ("japaneseCounting", ["一", "十二", "二百三十"]),
        ("japaneseLegal", ["壱", "拾弐", "弐百参拾"]),
        ("decimalEnclosedCircle", ["①", "⑫", "230"]),
        ("decimalFullWidth", ["１", "１２", "２３０"]),
        ("aiueoFullWidth", ["ア", "シ", "ン"]),
        ("ideographTraditional", ["甲", "乙", "癸"]),
        ("ordinal", ["1st", "12th", "230th"]),
        ("unheardOf", ["1", "12", "230"]),
    ],
)
def test_ways_to_write_numbers(style: str, numbers: list[str]) -> None:
    assert [counted(number, style) for number in (1, 12, 230)] == numbers


def test_equations_stay_in_their_sentence() -> None:
    def term(words: str) -> str:
        return f"<m:r><m:t>{words}</m:t></m:r>"

    fraction = f"<m:f><m:fPr/><m:num>{term('a+b')}</m:num><m:den>{term('c')}</m:den></m:f>"
    root = f"<m:rad><m:radPr/><m:deg/><m:e>{term('x')}</m:e></m:rad>"
    power = f"<m:sSup><m:e>{term('r')}</m:e><m:sup>{term('2')}</m:sup></m:sSup>"
    group = f"<m:d><m:dPr><m:begChr m:val='['/><m:endChr m:val=']'/></m:dPr><m:e>{power}</m:e></m:d>"
    equation = f"<m:oMath>{fraction}{term('=')}{root}{group}</m:oMath>"
    assert text(word(f"<w:p>{say('値は')}{equation}{say('です。')}</w:p>")) == "値は(a+b)/c=√(x)[r^2]です。"


def test_text_boxes_and_words_for_pictures_follow_the_paragraph_they_hang_on() -> None:
    box = f"<w:txbxContent>{p('箱の一行目')}{p('箱の二行目')}</w:txbxContent>"
    drawing = f"<wp:docPr descr='避難経路の図' name='図 1'/><wps:txbx>{box}</wps:txbx>"
    choice = f"<mc:Choice><w:drawing>{drawing}</w:drawing></mc:Choice>"
    fallback = f"<mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback>"
    alternate = f"<mc:AlternateContent>{choice}{fallback}</mc:AlternateContent>"
    only_fallback = f"<mc:AlternateContent><mc:Choice/>{fallback.replace('箱', '古い箱')}</mc:AlternateContent>"
    first = f"<w:p>{say('本文は')}<w:r>{alternate}</w:r>{say('続く。')}</w:p>"
    body = f"{first}<w:p><w:r>{only_fallback}</w:r></w:p>"
    assert text(word(body)) == (
        "本文は続く。\n\n避難経路の図\n\n箱の一行目\n\n箱の二行目\n\n古い箱の一行目\n\n古い箱の二行目"
    )


def test_charts_and_diagrams_have_words() -> None:
    chart = "<w:p><w:r><w:drawing><a:graphicData><c:chart r:id='rId5'/></a:graphicData></w:drawing></w:r></w:p>"
    diagram = chart.replace("c:chart r:id='rId5'", "dgm:relIds r:dm='rId6'")
    missing = chart.replace("rId5", "rId7")
    links = (("rId5", "chart", "chart__xml"), ("rId6", "diagramData", "diagram__xml"), ("rId7", "chart", "gone.xml"))
    title = "<c:title><a:p><a:r><a:t>売上の</a:t></a:r><a:r><a:t>推移</a:t></a:r></a:p></c:title>"
    cache = "<c:strCache><c:pt><c:v>四月</c:v></c:pt></c:strCache><c:numCache><c:pt><c:v>3.1</c:v></c:pt></c:numCache>"
    data = word(
        chart + diagram + missing,
        tuple((name, kind, target.replace("__", ".")) for name, kind, target in links),
        chart__xml=f"<c:chartSpace {NAMESPACES}>{title}{cache}</c:chartSpace>",
        diagram__xml=f"<dgm:dataModel {NAMESPACES}><a:p><a:r><a:t>受付</a:t></a:r></a:p></dgm:dataModel>",
    )
    assert text(data) == "売上の推移\n四月\n\n受付"


def test_a_document_that_is_shown_in_another_is_read_in_its_place() -> None:
    links = (("rId9", "aFChunk", "chunk.html"), ("rId8", "aFChunk", "chunk.bin"))
    body = f"{p('前')}<w:altChunk r:id='rId9'/><w:altChunk r:id='rId8'/>{p('後')}"
    data = word(body, links, chunk__html="<h2>報告</h2><p>埋め込み。</p>".encode(), chunk__bin=b"\0\1\2")
    document, skipped = items(data)
    assert isinstance(document, Document)
    assert document.text == "前\n\n報告\n\n埋め込み。\n\n後"
    assert document.headings[0].level == 2
    assert isinstance(skipped, Skipped)
    assert (skipped.uri, skipped.reason.code) == ("a.docx!/word/chunk.bin", "unknown_type")


def test_a_mark_in_superscript_is_no_part_of_its_word() -> None:
    def raised(words: str, mark: str) -> str:
        return say(words) + run(f"<w:t>{mark}</w:t>", '<w:vertAlign w:val="superscript"/>')

    pairs = (("revenue", "1"), (" of 5 km", "2"), (" on the 1", "st"), (" margin", "3,4"))
    body = "".join(raised(words, mark) for words, mark in pairs)
    assert text(word(f"<w:p>{body}</w:p>")) == "revenue 1 of 5 km2 on the 1st margin 3,4"


def test_a_damaged_part_beside_the_body_is_told_and_costs_itself() -> None:
    data = word(p("本文は無事です。"), footnotes="<open>", styles=part("styles", ""))
    document, skipped = items(data)
    assert isinstance(document, Document)
    assert document.text == "本文は無事です。"
    assert isinstance(skipped, Skipped)
    assert (skipped.uri, skipped.reason.code) == ("a.docx!/word/footnotes.xml", "damaged_part")


def test_what_is_named_and_missing_costs_nothing() -> None:
    links = (("rId1", "image", "../NULL"), ("rId2", "footnotes", "gone.xml"), ("rId3", "header", "nowhere.xml"))
    body = f"{p('本文は無事です。')}<w:sectPr><w:headerReference w:type='default' r:id='rId3'/></w:sectPr>"
    assert text(word(body, links)) == "本文は無事です。"


def test_the_strict_form_of_the_standard_and_separators_of_windows() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word(p("厳密な本文。")))) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            new.writestr(member.filename.replace("/", "\\"), old.read(member).replace(W.encode(), STRICT.encode()))
    assert text(out.getvalue()) == "厳密な本文。"


def test_properties() -> None:
    out = io.BytesIO(word(p("本文。")))
    core = (
        '<cp:coreProperties xmlns:cp="urn:cp" xmlns:dc="urn:dc" xmlns:t="urn:t"><dc:title>{}</dc:title>'
        "<dc:creator>総務課</dc:creator><t:created>2024-05-01T09:00:00Z</t:created><cp:lastModifiedBy>佐藤</cp:lastModifiedBy>"
        "<t:modified>2025-01-31T09:00:00Z</t:modified><dc:language/></cp:coreProperties>"
    )
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("docProps/core.xml", core.format("就業規則"))
    (document,) = items(out.getvalue())
    assert isinstance(document, Document)
    assert document.title == "就業規則"
    assert document.metadata == {
        "author": "総務課", "created": "2024-05-01", "modified_by": "佐藤", "modified": "2025-01-31",
    }  # fmt: skip


@pytest.mark.parametrize("made_up", ["文書 1", "Document1", "Microsoft Word - 見積書.doc", "無題", "report_v3.docx"])
def test_titles_that_programs_make_up_are_none(made_up: str) -> None:
    out = io.BytesIO(word(p("本文。")))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("docProps/core.xml", f"<c xmlns='urn:c'><title>{made_up}</title></c>")
    (document,) = items(out.getvalue())
    assert isinstance(document, Document)
    assert document.title == "a"


HIDDEN = "<w:vanish/>"


def test_hidden_text_is_not_shown_and_not_read() -> None:
    styles = part(
        "styles",
        '<w:style w:type="character" w:styleId="Secret"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:type="character" w:styleId="Inner"><w:basedOn w:val="Secret"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="Draft"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="Shown"><w:basedOn w:val="Draft"/>'
        '<w:rPr><w:vanish w:val="0"/></w:rPr></w:style>',
    )
    hidden = [
        run("<w:t>itself</w:t>", HIDDEN),
        run("<w:t>style</w:t>", '<w:rStyle w:val="Secret"/>'),
        run("<w:t>base</w:t>", '<w:rStyle w:val="Inner"/>'),
    ]
    shown = [
        say("seen"),
        run("<w:t>off</w:t>", '<w:vanish w:val="false"/>'),
        run("<w:t>again</w:t>", '<w:rStyle w:val="Secret"/><w:vanish w:val="0"/>'),
        run("<w:t>white</w:t>", '<w:color w:val="FFFFFF"/>'),
    ]
    body = f"<w:p>{''.join(hidden + shown)}</w:p>"
    draft = run("<w:t>kept</w:t>", '<w:vanish w:val="0"/>')
    body += f'<w:p><w:pPr><w:pStyle w:val="Draft"/></w:pPr>{say("draft")}{draft}</w:p>'
    body += p("shown", '<w:pStyle w:val="Shown"/>')
    row = "<w:tr><w:trPr>{}</w:trPr><w:tc>{}</w:tc></w:tr>"
    body += f"<w:tbl>{row.format('<w:hidden/>', p('row'))}{row.format('', p('cell'))}</w:tbl>"
    assert text(word(body, styles=styles)) == "seenoffagainwhite\n\nkept\n\nshown\n\ncell"


def test_what_was_deleted_is_not_read_and_what_was_inserted_is() -> None:
    deleted = f"<w:del>{run('<w:delText>old</w:delText>')}</w:del><w:moveFrom>{say('from')}</w:moveFrom>"
    body = f"<w:p>{deleted}<w:ins>{say('new ')}</w:ins><w:moveTo>{say('to')}</w:moveTo></w:p>"
    assert text(word(body)) == "new to"


def test_files_that_were_put_into_it_are_documents_of_their_own() -> None:
    link = ("rId5", "package", "embeddings/book.xlsx")
    data = word(p("本文"), (link, ("rId6", "package", "embeddings/x.bin"), ("rId7", "package", "embeddings/no.xlsx")))
    data = with_parts(data, {"word/embeddings/book.xlsx": sheet_file(), "word/embeddings/x.bin": b"x"})
    assert [item.uri for item in items(data)] == ["a.docx", *(f"a.docx!/book.xlsx#一覧!{row}" for row in (2, 3))]
