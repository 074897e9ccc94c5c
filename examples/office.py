"""Writes a folder as offices have them: a hundred small invented files in all formats that are read.

    python examples/office.py FOLDER

Each file holds a code of its own, such as KX-1042, by which a search must find it; FOLDER/codes.json says which is
where. The same folder comes out each time.
"""

import base64
import gzip
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

FILES = 100
FIRST_CODE = 1001
TOPICS = [
    ("出張旅費の精算", "出張から戻ったら十日以内に精算書を出します。", "宿泊費は一泊一万二千円までです。"),
    ("会議室の予約", "会議室は二週間先まで予約できます。", "使わなくなったら早めに取り消してください。"),
    ("VPN への接続", "社外からは VPN でつなぎます。", "証明書は一年ごとに更新します。"),
    ("健康診断の案内", "健康診断は毎年六月に受けます。", "再検査の費用は会社が持ちます。"),
    ("見積書の書き方", "見積書には有効期限を書きます。", "三十日を過ぎたら出し直します。"),
    ("避難訓練", "訓練は三月と九月に行います。", "エレベーターは使わず、階段で降ります。"),
    ("Onboarding guide", "New staff receive a laptop on the first day.", "Ask the help desk for a badge."),
    ("Printer trouble", "Open the tray and remove the paper slowly.", "Then restart the printer."),
    ("在庫の棚卸し", "棚卸しは四半期の末日に行います。", "差異は翌営業日までに報告します。"),
    ("採用面接の手順", "面接は二回行います。", "評価は当日のうちに入力します。"),
]
WHEN = (2024, 5, 1, 9, 0, 0)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

Writer = Callable[[str, list[str]], bytes]


def zipped(parts: dict[str, str | bytes]) -> bytes:
    """A zip archive of files by their names, all of one time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts.items():
            member = zipfile.ZipInfo(name, WHEN)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return out.getvalue()


def links(*each: tuple[str, str]) -> str:
    """The relationships of a part of an OOXML file: kinds and targets; their ids are rId1, rId2 ..."""
    rows = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/{kind}" Target="{to}"/>' for n, (kind, to) in enumerate(each, 1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{rows}</Relationships>'


def text(title: str, lines: list[str], encoding: str = "utf-8") -> bytes:
    return f"{title}\n\n".encode(encoding) + "".join(f"{line}\n" for line in lines).encode(encoding)


def markdown(title: str, lines: list[str]) -> bytes:
    front = f"---\ntitle: {title}\ntags: [社内, 手引き]\n---\n\n"
    return f"{front}# {title}\n\n{lines[0]}\n\n- {lines[1]}\n- {lines[2]}\n".encode()


def page(title: str, lines: list[str], encoding: str = "utf-8") -> bytes:
    body = "".join(f"<p>{escape(line)}</p>" for line in lines)
    head = f"<meta charset={encoding}><title>{escape(title)}</title>"
    return f"<!doctype html><html><head>{head}</head><body><h1>{escape(title)}</h1>{body}</body></html>".encode(
        encoding
    )


def table(title: str, lines: list[str], separator: str = ",") -> bytes:
    rows = [("番号", "題名", "本文"), *((str(n), title, line) for n, line in enumerate(lines, 1))]
    return "".join(separator.join(row) + "\r\n" for row in rows).encode("cp932")


def json_lines(title: str, lines: list[str]) -> bytes:
    rows = ({"id": n, "title": title, "text": line} for n, line in enumerate(lines, 1))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def json_file(title: str, lines: list[str]) -> bytes:
    return json.dumps({"title": title, "説明": lines, "設定": {"期限": 30}}, ensure_ascii=False, indent=1).encode()


def yaml_file(title: str, lines: list[str]) -> bytes:
    return (f"title: {title}\nsteps:\n" + "".join(f"  - {line}\n" for line in lines)).encode()


def xml_file(title: str, lines: list[str]) -> bytes:
    inner = "".join(f"<step>{escape(line)}</step>" for line in lines)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<guide title="{escape(title)}">{inner}</guide>'.encode()


def drawing(title: str, lines: list[str]) -> bytes:
    inner = "".join(f'<text y="{20 * n}">{escape(line)}</text>' for n, line in enumerate(lines, 2))
    return f'<svg xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>{inner}</svg>'.encode()


def log(title: str, lines: list[str]) -> bytes:
    return "".join(f"2024-05-01 09:00:0{n} INFO {title}: {line}\n" for n, line in enumerate(lines)).encode()


def program(title: str, lines: list[str]) -> bytes:
    return f'"""{title}: {lines[0]}"""\n\n# {lines[1]}\nMESSAGE = "{lines[2]}"\n'.encode()


def script(title: str, lines: list[str]) -> bytes:
    return f"-- {title}\n-- {lines[0]} {lines[1]}\nSELECT '{lines[2]}';\n".encode()


def subtitles(title: str, lines: list[str]) -> bytes:
    cues = (f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{line}\n" for n, line in enumerate([title, *lines], 1))
    return "\n".join(cues).encode()


def web_subtitles(title: str, lines: list[str]) -> bytes:
    cues = (f"00:0{n}.000 --> 00:0{n}.900\n<v 司会>{line}\n" for n, line in enumerate([title, *lines], 1))
    return ("WEBVTT\n\n" + "\n".join(cues)).encode()


def notebook(title: str, lines: list[str]) -> bytes:
    cells = [
        {"cell_type": "markdown", "source": [f"# {title}\n", "\n", lines[0]]},
        {"cell_type": "code", "source": [f"print('{lines[1]}')"], "outputs": [{"text": [lines[2]]}]},
    ]
    return json.dumps({"cells": cells, "nbformat": 4}, ensure_ascii=False).encode()


def word(title: str, lines: list[str]) -> bytes:
    w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"

    def paragraph(words: str, properties: str = "", more: str = "") -> str:
        return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{escape(words)}</w:t></w:r>{more}</w:p>"

    heading = '<w:style w:type="paragraph" w:styleId="H"><w:name w:val="heading 1"/></w:style>'
    level = '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="第%1条"/></w:lvl>'
    lists = f'<w:abstractNum w:abstractNumId="0">{level}</w:abstractNum>'
    lists += '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    numbered = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    note = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    foot = f'<w:footnote w:id="2">{paragraph(lines[2])}</w:footnote>'
    body = (
        paragraph(title, '<w:pStyle w:val="H"/>') + paragraph(lines[0], numbered) + paragraph(lines[1], numbered, note)
    )
    return zipped(
        {
            "_rels/.rels": links(("officeDocument", "word/document.xml")),
            "word/_rels/document.xml.rels": links(
                ("styles", "styles.xml"), ("numbering", "numbering.xml"), ("footnotes", "footnotes.xml")
            ),
            "word/document.xml": f'<w:document xmlns:w="{w}"><w:body>{body}</w:body></w:document>',
            "word/styles.xml": f'<w:styles xmlns:w="{w}">{heading}</w:styles>',
            "word/numbering.xml": f'<w:numbering xmlns:w="{w}">{lists}</w:numbering>',
            "word/footnotes.xml": f'<w:footnotes xmlns:w="{w}">{foot}</w:footnotes>',
        }
    )


def slides(title: str, lines: list[str]) -> bytes:
    names = f'xmlns:p="urn:p" xmlns:a="urn:a" xmlns:r="{OFFICE}"'

    def shape(words: str, kind: str = "") -> str:
        place = f'<p:ph type="{kind}"/>' if kind else ""
        words = f"<a:p><a:r><a:t>{escape(words)}</a:t></a:r></a:p>"
        return f"<p:sp><p:nvSpPr><p:nvPr>{place}</p:nvPr></p:nvSpPr><p:txBody>{words}</p:txBody></p:sp>"

    def slide(kind: str, inner: str) -> str:
        return f"<p:{kind} {names}><p:cSld><p:spTree>{inner}</p:spTree></p:cSld></p:{kind}>"

    order = '<p:sldId id="256" r:id="rId1"/>'
    return zipped(
        {
            "_rels/.rels": links(("officeDocument", "ppt/presentation.xml")),
            "ppt/presentation.xml": f"<p:presentation {names}><p:sldIdLst>{order}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": links(("slide", "slides/slide1.xml")),
            "ppt/slides/slide1.xml": slide("sld", shape(title, "title") + shape(lines[0]) + shape(lines[1])),
            "ppt/slides/_rels/slide1.xml.rels": links(("notesSlide", "../notesSlides/notesSlide1.xml")),
            "ppt/notesSlides/notesSlide1.xml": slide("notes", shape(lines[2], "body")),
        }
    )


def sheet(title: str, lines: list[str]) -> bytes:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rows = [[title], [], ["番号", "内容", "数量"], *([str(n), line, n * 100] for n, line in enumerate(lines, 1))]

    def cell(place: str, value: str | int) -> str:
        if isinstance(value, int):
            return f'<c r="{place}"><v>{value}</v></c>'
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'

    data = "".join(
        f'<row r="{n}">{"".join(cell(f"{chr(65 + m)}{n}", value) for m, value in enumerate(row))}</row>'
        for n, row in enumerate(rows, 1)
    )
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    default = '<Default Extension="xml" ContentType="application/xml"/>'
    names = '<sheet name="一覧" sheetId="1" r:id="rId1"/>'
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{types}">{default}</Types>',
            "_rels/.rels": links(("officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": links(("worksheet", "worksheets/sheet1.xml")),
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{data}</sheetData></worksheet>',
        }
    )


def open_document(kind: str) -> Writer:
    """A writer of OpenDocument files of a kind: "text", "presentation" or "spreadsheet"."""
    urn = "urn:oasis:names:tc:opendocument:xmlns:"
    names = {
        "office": "office:1.0",
        "text": "text:1.0",
        "table": "table:1.0",
        "draw": "drawing:1.0",
        "presentation": "presentation:1.0",
    }
    declared = " ".join(f'xmlns:{name}="{urn}{value}"' for name, value in names.items())

    def paragraph(words: str) -> str:
        return f"<text:p>{escape(words)}</text:p>"

    def write(title: str, lines: list[str]) -> bytes:
        if kind == "text":
            inner = f'<text:h text:outline-level="1">{escape(title)}</text:h>' + "".join(map(paragraph, lines))
        elif kind == "presentation":
            frames = ((title, "title"), *((line, "outline") for line in lines))
            boxes = ((role, f"<draw:text-box>{paragraph(words)}</draw:text-box>") for words, role in frames)
            inner = "".join(f'<draw:frame presentation:class="{role}">{box}</draw:frame>' for role, box in boxes)
            inner = f"<draw:page>{inner}</draw:page>"
        else:
            begin = '<table:table-row><table:table-cell office:value-type="string">'
            end = "</table:table-cell></table:table-row>"
            inner = "".join(f"{begin}{paragraph(each)}{end}" for each in (title, *lines))
            inner = f'<table:table table:name="一覧">{inner}</table:table>'
        body = f"<office:body><office:{kind}>{inner}</office:{kind}></office:body>"
        mime = f"application/vnd.oasis.opendocument.{kind}"
        space = f'xmlns:manifest="{urn}manifest:1.0"'
        entry = f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/>'
        document = f'<office:document-content {declared} office:version="1.2">{body}</office:document-content>'
        return zipped(
            {
                "mimetype": mime,
                "META-INF/manifest.xml": f"<manifest:manifest {space}>{entry}</manifest:manifest>",
                "content.xml": f'<?xml version="1.0"?>{document}',
            }
        )

    return write


def rich_text(title: str, lines: list[str]) -> bytes:
    def plain(words: str) -> str:
        return "".join(c if c.isascii() else "".join(f"\\'{byte:02x}" for byte in c.encode("cp932")) for c in words)

    body = "\\par\n".join(map(plain, [title, *lines]))
    return f"{{\\rtf1\\ansi\\ansicpg932{{\\fonttbl{{\\f0\\fcharset128 Mincho;}}}}\\f0 {body}\\par}}".encode("ascii")


def book(title: str, lines: list[str]) -> bytes:
    pages = {"a.xhtml": page(title, lines).decode()}
    said = f"<metadata><title>{escape(title)}</title></metadata>"
    spine = '<spine><itemref idref="a"/></spine>'
    item = '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>',
            "book.opf": f"<package>{said}<manifest>{item}</manifest>{spine}</package>",
            **pages,
        }
    )


def mail(title: str, lines: list[str]) -> bytes:
    def encoded(words: str) -> str:
        return f"=?ISO-2022-JP?B?{base64.b64encode(words.encode('iso2022_jp')).decode()}?="

    attached = base64.encodebytes(word(title, lines)).decode()
    body = base64.encodebytes(f"{lines[0]}\n{lines[1]}\n".encode("iso2022_jp")).decode()
    return (
        f"From: {encoded('総務課')} <soumu@example.jp>\nTo: all@example.jp\nSubject: {encoded(title)}\n"
        "Date: Wed, 01 May 2024 09:00:00 +0900\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=part\n\n"
        f"--part\nContent-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: base64\n\n{body}\n"
        "--part\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
        f'Content-Disposition: attachment; filename="{encoded("資料")}.docx"\n\n{attached}\n--part--\n'
    ).encode("ascii")


def mailbox(title: str, lines: list[str]) -> bytes:
    mails = (
        b"From x@example.jp Wed May  1 09:00:00 2024\n" + mail(title, [line, *lines[1:]]) + b"\n" for line in lines[:2]
    )
    return b"".join(mails)


def saved_page(title: str, lines: list[str]) -> bytes:
    inner = base64.encodebytes(page(title, lines)).decode()
    return (
        "From: <Saved>\nMIME-Version: 1.0\nContent-Type: multipart/related; type=text/html; boundary=part\n\n"
        f"--part\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{inner}\n--part--\n"
    ).encode("ascii")


def archive(title: str, lines: list[str]) -> bytes:
    return zipped({f"資料/{title}.txt": text(title, lines), "表/一覧.xlsx": sheet(title, lines)})


def packed(title: str, lines: list[str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        content = text(title, lines)
        member = tarfile.TarInfo(f"{title}.txt")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def portable(title: str, lines: list[str]) -> bytes:
    """A PDF in the fonts that every viewer has, so of its ASCII words only."""
    words = [line.encode("ascii", "ignore").decode().strip() for line in (title, *lines)]
    shown = " ".join(f"({line}) Tj 0 -20 Td" for line in words if line)
    stream = f"BT /F1 12 Tf 72 720 Td {shown} ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = "%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{each}\nendobj\n"
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}"
    return f"{out}{end}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n".encode(
        "ascii"
    )


FORMATS: list[tuple[str, Writer]] = [
    (".txt", text),
    (".sjis.txt", lambda title, lines: text(title, lines, "cp932")),
    (".jis.txt", lambda title, lines: text(title, lines, "iso2022_jp")),
    (".utf16.txt", lambda title, lines: text(title, lines, "utf-16")),
    (".md", markdown),
    (".html", page),
    (".htm", lambda title, lines: page(title, lines, "shift_jis")),
    (".csv", table),
    (".tsv", lambda title, lines: table(title, lines, "\t")),
    (".jsonl", json_lines),
    (".json", json_file),
    (".yaml", yaml_file),
    (".xml", xml_file),
    (".svg", drawing),
    (".log", log),
    (".py", program),
    (".sql", script),
    ("", text),
    (".srt", subtitles),
    (".vtt", web_subtitles),
    (".ipynb", notebook),
    (".docx", word),
    (".pptx", slides),
    (".xlsx", sheet),
    (".odt", open_document("text")),
    (".odp", open_document("presentation")),
    (".ods", open_document("spreadsheet")),
    (".rtf", rich_text),
    (".epub", book),
    (".eml", mail),
    (".mbox", mailbox),
    (".mht", saved_page),
    (".zip", archive),
    (".tar.gz", packed),
    (".pdf", portable),
]


def main(folder: Path) -> None:
    """Write the files."""
    codes = {}
    for number in range(FILES):
        suffix, write = FORMATS[number % len(FORMATS)]
        title, first, second = TOPICS[number % len(TOPICS)]
        code = f"KX-{FIRST_CODE + number}"
        name = f"{number % 7 + 1}課/{title.replace(' ', '_')}_{number:03}{suffix}"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(write(title, [first, second, f"管理番号は {code} です。" if number % 2 else f"番号 {code}"]))
        codes[name] = code
    folder.joinpath("codes.json").write_text(json.dumps(codes, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
