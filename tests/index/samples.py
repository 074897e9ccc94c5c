"""Small files of all formats, with the word 見積 in each: made in memory, as the programs that write them do."""

import base64
import gzip
import io
import itertools
import struct
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime

import docx
import openpyxl

from tests.index.test_readers import make_pdf


def word_file() -> bytes:
    word = docx.Document()
    word.add_heading("見積の手引き", 1)
    word.add_paragraph("見積は三十日の間有効です。")
    out = io.BytesIO()
    word.save(out)
    return out.getvalue()


# 請求: 品名, 金額, 日付; as Excel 97 writes it.
OLD_SHEET = zlib.decompress(
    base64.b85decode(
        "c-rk)O=uHA6#izrX@1DhCZ<BGlu)p0Ed=r6rClv(PKi|tiWIalIh3|(30_(dt2GA|K@mhnghD-dsd`b13RVz=3iaop2tuNG@+2sD"
        "XtTa~*{!KYXg~{w{ldI?^WJ<rFY~|qVm_Fkywg;`FX%)aiiR8YWi~;{Z51?--!P<V<t|EwjsFU67Y$^+0}p)9opKE2co(4HwmM4^"
        "_&})_BS;Kq(vej}7st>iWDFf71+J0Bk4BCv#PSHsH7sv&&4(;^u;m=f4yv0M2QjZF+P0gs_<+*FK0oAh?=j~cTehMB&*UsVeqNO7"
        "I<Pa_-#1t*j%L-1DbPsA(wTHtmIJr}4=_rI4h=<9sXW3o3#RbRhyY)$<^DKg+gH~vK=$v;?an{gT{MW5?CuKoi;4=2!#K>VDhDrO"
        "s`Myg?o8L<0-`imz=`~`J-!~wUS5b_rtDMtZ9;`OdpbVWyGKisWoBf3zegSmyp3qfwh<pMFE7ay0;~slk!cj}!p$$Q;>m9P5L?Fi"
        "=qMd98)SGea6&SO>}OBil5Atf7M3UZsq0v8Vi~5uDR1p=FqPdCT;~*fTdAFGjMw_cGJO;2xzBs=H|IX;n@OLJ6~@BTZ}dsDP#30%"
        "FMktg7wzKe6^R+$%7wWZy=U3@+s5QlG&6R?JVgUolq-%9WLYZ7-VsYB#q2A|78Tfn*|I+#QTu|~PeO8Iy!2EdrsOFVcnb4WlUEv("
        "xnnZc>&)v^Lbxj{(I)y69@wy9!-fqTHf-3a5eU9)maf*SdGD8(cc=MXXOU9T{!CJ{*oR^I9i?}~UC2<L#b{OYXDuAUdX`ur$NF9<"
        "v7cJcVgN~wW1#B!OD{2^{Qs<&sQtYqRBijkYU2FI?f(GrI^~D"
    )
)


def sheet_file(*sheets: tuple[str, list[list[object]]]) -> bytes:
    """An .xlsx of sheets with their rows, None for an empty cell."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets or [("一覧", [["品名", "金額"], ["見積作成", 1200], ["点検", 80]])]:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMES = f'xmlns:p="urn:p" xmlns:a="urn:a" xmlns:c="urn:c" xmlns:mc="urn:mc" xmlns:r="{OFFICE}"'


def links(*each: tuple[str, str, str]) -> str:
    """The relationships of a part: their ids, kinds and targets."""
    rows = "".join(f'<Relationship Id="{i}" Type="{OFFICE}/{kind}" Target="{target}"/>' for i, kind, target in each)
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


def zipped(parts: dict[str, str | bytes]) -> bytes:
    """A zip archive of files by their names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_parts(data: bytes, parts: dict[str, str | bytes]) -> bytes:
    """A zip archive with more files in it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return zipped({name: archive.read(name) for name in archive.namelist()} | parts)


def shape(*lines: str, kind: str = "") -> str:
    """A shape of a slide with lines of text; of a placeholder's kind."""
    place = f'<p:ph type="{kind}"/>' if kind else ""
    text = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in lines)
    return f"<p:sp><p:nvSpPr><p:nvPr>{place}</p:nvPr></p:nvSpPr><p:txBody>{text}</p:txBody></p:sp>"


def slide_file(*slides: str, **parts: str) -> bytes:
    """A .pptx of slides, each its shapes; other parts by their names with "__" for "/"."""
    slides = slides or (shape("見積の手引き", kind="title") + shape("三十日の間有効です。"),)
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="rId{n}"/>' for n in range(len(slides)))
    files: dict[str, str | bytes] = {
        "_rels/.rels": links(("rId1", "officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {NAMES}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": links(
            *((f"rId{n}", "slide", f"slides/slide{n}.xml") for n in range(len(slides)))
        ),
    }
    for number, inner in enumerate(slides):
        tree = f"<p:cSld><p:spTree>{inner}</p:spTree></p:cSld>"
        files[f"ppt/slides/slide{number}.xml"] = f"<p:sld {NAMES}>{tree}</p:sld>"
    files |= {name.replace("__", "/"): content for name, content in parts.items()}
    return zipped(files)


def book_file() -> bytes:
    """An .epub of two pages."""
    spine = "".join(f'<itemref idref="p{number}"/>' for number in (2, 1))
    page = '<item id="p{0}" href="text/page%20{0}.xhtml" media-type="application/xhtml+xml"/>'
    items = "".join(map(page.format, (1, 2)))
    metadata = "<metadata><title>手引きの本</title><creator>山田</creator><date>2024-05-01</date></metadata>"
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<c><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></c>',
            "OEBPS/book.opf": f"<package>{metadata}<manifest>{items}</manifest><spine>{spine}</spine></package>",
            "OEBPS/text/page 1.xhtml": "<html><head><title/></head><body><h1>二章</h1><p>終わり。</p></body></html>",
            "OEBPS/text/page 2.xhtml": "<html><body><h1>一章</h1><p>見積の話。</p></body></html>",
        }
    )


def open_file(body: str = "", styles: str = "", **parts: str) -> bytes:
    """An OpenDocument file of what is in its body and its styles; other parts by their names with "__" for "/"."""
    body = body or "<text:h text:outline-level='1'>見積の手引き</text:h><text:p>三十日の間有効です。</text:p>"
    names = " ".join(
        f'xmlns:{name}="urn:{name}"'
        for name in ("office", "text", "table", "draw", "style", "svg", "xlink", "dc", "presentation", "meta")
    )
    text = f"<office:text>{body}</office:text>" if "<office:" not in body else body
    files: dict[str, str | bytes] = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": f"<office:content {names}>{styles}<office:body>{text}</office:body></office:content>",
        "styles.xml": f"<office:styles {names}>{styles}</office:styles>",
    }
    files |= {name.replace("__", "/"): content.replace("NAMES", names) for name, content in parts.items()}
    return zipped(files)


def calendar(*lines: str) -> str:
    """An .ics of one entry."""
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""])


def compound(streams: dict[str, bytes]) -> bytes:
    """An OLE file of streams by their paths; each is made 4,096 bytes long, below which another form is used."""
    none, end, fat_sector = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    entries: list[tuple[str, int, bytes]] = [("Root Entry", 5, b"")]
    folders: dict[str, int] = {"": 0}
    children: dict[int, list[int]] = {0: []}
    for path, data in streams.items():
        above = ""
        for part in path.split("/")[:-1]:
            inner = f"{above}{part}/"
            if inner not in folders:
                folders[inner] = len(entries)
                children[folders[above]].append(len(entries))
                children[len(entries)] = []
                entries.append((part, 1, b""))
            above = inner
        children[folders[above]].append(len(entries))
        entries.append((path.split("/")[-1], 2, data.ljust(4096, b"\0")))
    directory_sectors = -(-len(entries) // 4)
    sizes = [-(-len(data) // 512) for _, _, data in entries]
    fat_sectors = next(n for n in range(1, 99) if n * 128 >= n + directory_sectors + sum(sizes))
    fat = [fat_sector] * fat_sectors
    fat += [len(fat) + n + 1 for n in range(directory_sectors - 1)] + [end]
    starts = []
    for size in sizes:
        starts.append(len(fat) if size else 0)
        fat += [len(fat) + n + 1 for n in range(size - 1)] + [end] * bool(size)
    after = {one: two for each in children.values() for one, two in itertools.pairwise(each)}
    rows = []
    for number, (name, kind, data) in enumerate(entries):
        encoded = name.encode("utf-16-le")
        first = children.get(number) or [none]
        row = encoded.ljust(64, b"\0") + struct.pack(
            "<HBBIII", len(encoded) + 2, kind, 1, none, after.get(number, none), first[0]
        )
        rows.append(
            row + bytes(36) + struct.pack("<IQ", starts[number] if data else 0 if kind != 5 else end, len(data))
        )
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(512 * fat_sectors, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, fat_sectors, fat_sectors, 0, 4096, end, 0, end, 0)
    head += struct.pack(f"<{fat_sectors}I", *range(fat_sectors)).ljust(436, b"\xff")
    body = b"".join(data.ljust(-(-len(data) // 512) * 512, b"\0") for _, _, data in entries)
    return head + table + b"".join(rows).ljust(512 * directory_sectors, b"\0") + body


def outlook_file(texts: dict[int, str] | None = None, more: dict[str, bytes] | None = None) -> bytes:
    """A .msg of texts by the numbers of their properties, and other streams."""
    texts = texts or {0x0037: "見積の件", 0x1000: "見積書を送ります。", 0x0C1A: "山田"}
    sent = (
        int((datetime(2024, 5, 1, 1, 30, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
    )
    fixed = bytes(32) + struct.pack("<HHIQ", 0x0040, 0x0039, 6, sent) + struct.pack("<HHIQ", 3, 0x3FFD, 6, 932)
    streams = {"__properties_version1.0": fixed}
    streams |= {f"__substg1.0_{number:04X}001F": text.encode("utf-16-le") for number, text in texts.items()}
    return compound(streams | (more or {}))


def tnef(*attributes: tuple[int, bytes]) -> bytes:
    """A winmail.dat of attributes: their numbers and values."""
    parts = [b"\x78\x9f\x3e\x22\1\0"]
    for kind, value in attributes:
        parts += [b"\1", (0x60000 + kind).to_bytes(4, "little"), len(value).to_bytes(4, "little"), value, b"\0\0"]
    return b"".join(parts)


def properties(*each: tuple[int, int, bytes]) -> bytes:
    """The properties of an attribute: types, ids and values."""
    parts = [len(each).to_bytes(4, "little")]
    for kind, name, value in each:
        parts += [kind.to_bytes(2, "little"), name.to_bytes(2, "little")]
        if name >= 0x8000:
            parts.append(bytes(20) + b"\7\0\0\0")
        if kind != 3:
            parts += [b"\1\0\0\0", len(value).to_bytes(4, "little")]
        parts.append(value + bytes(-len(value) % 4))
    return b"".join(parts)


def winmail_file() -> bytes:
    """A winmail.dat of two attachments, one of them a mail."""
    inner = tnef((0x8004, "見積の転送\0".encode("cp932")), (0x800C, "中の見積".encode("cp932")))
    forwarded = properties((0xD, 0x3701, bytes(16) + inner), (3, 0x8001, b"\1\0\0\0"))
    rich = len(RICH).to_bytes(4, "little")
    packed = (
        (len(RICH) + 12).to_bytes(4, "little")
        + rich
        + b"LZFu"
        + bytes(4)
        + b"".join(b"\0" + RICH[at : at + 8] for at in range(0, len(RICH), 8))
    )
    return tnef(
        (0x9007, (932).to_bytes(8, "little")),
        (0x8004, "見積\0".encode("cp932")),
        (0x9003, properties((0x102, 0x1009, packed), (0x102, 0x1013, "<p>見積です</p>".encode("cp932")))),
        *((0x9002, b"\1"), (0x8010, b"a.txt\0"), (0x800F, "見積の中身".encode())),
        *((0x9002, b"\1"), (0x8010, "転送\0".encode("cp932")), (0x9005, forwarded)),
    )


RICH = rb"{\rtf1\ansi\ansicpg932 \'8c\'a9\'90\'cf\par b}"


def in_mail(packed: bytes) -> bytes:
    """A mail of Outlook that holds nothing but a winmail.dat."""
    head = "Subject: 見積\nContent-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n"
    return head.encode() + base64.encodebytes(packed)


CARD = """BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E8=A6=8B=E7=A9=8D;=E5=A4=AA=
=E9=83=8E
FN:見積 太郎
item1.TEL;TYPE=WORK;TYPE="home,cell":03-1234
BDAY:19900102T030405
PHOTO;ENCODING=b:AAAA
 BBBB
NOTE:一行\\n二行\\, 続き
END:VCARD
"""

SAMPLES: dict[str, Callable[[], bytes]] = {
    "a.txt": lambda: "見積の手引き\n\n有効な期間は三十日です。\n".encode(),
    "a.py": lambda: "# 見積\nprint(1)\n".encode(),
    "a.md": lambda: "# 見積\n\n本文です。\n".encode(),
    "a.html": lambda: "<title>題</title><h1>見積</h1><p>本文です。".encode(),
    "a.csv": lambda: "題名,本文\n一,見積です。\n二,請求です。\n".encode(),
    "a.jsonl": lambda: '{"id": 1, "text": "見積です。"}\n{"text": "請求です。"}\n'.encode(),
    "a.pdf": lambda: make_pdf([["見積です。"], ["次の頁です。"]]),
    "a.docx": word_file,
    "a.pptx": slide_file,
    "a.json": lambda: '{"題": "見積", "行": [{"数": 1}, {"数": 2.5}]}'.encode(),
    "b.json": lambda: '[{"id": 1, "text": "見積です。"}, {"text": "請求です。"}]'.encode(),
    "a.ipynb": lambda: '{"cells": [{"cell_type": "markdown", "source": ["# 見積"]}]}'.encode(),
    "a.yaml": lambda: "題: 見積\n数:\n  - 1\n".encode(),
    "a.xml": lambda: "<表><品 名='見積'>一</品></表>".encode(),
    "a.srt": lambda: "1\n00:00:01,000 --> 00:00:02,000\n見積です。\n".encode(),
    "a.epub": book_file,
    "a.ics": lambda: calendar("SUMMARY:見積の会議", "LOCATION:会議室").encode(),
    "a.vcf": lambda: CARD.encode(),
    "winmail.eml": lambda: in_mail(winmail_file()),
    "a.odt": open_file,
    "a.rtf": lambda: rb"{\rtf1\ansi\ansicpg932 \'8c\'a9\'90\'cf\par b}",
    "a.msg": outlook_file,
    "a.zip": lambda: zipped({"見積.txt": "見積です。", "b.csv": "題名,本文\n一,請求です。\n"}),
    "a.txt.gz": lambda: gzip.compress("見積です。".encode()),
    "a.eml": lambda: "From: 山田 <x@example.jp>\nSubject: 見積\n\n見積を送ります。\n".encode(),
    "a.mbox": lambda: "From x May 1 2024\nSubject: 見積\n\n見積を送ります。\n\nFrom y May 2 2024\nTo: z\n\n".encode(),
    "a.xlsx": sheet_file,
    "a.xls": lambda: OLD_SHEET,
}
