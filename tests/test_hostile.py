"""Forty bad files and as many bad queries: none stops a build or a search, each has a clear line."""

import io
import zipfile
from pathlib import Path

import pytest

from sakuin.index.build import build
from sakuin.search import MODES, Searcher

DOCX_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'wordprocessingml.document.main+xml"/></Types>'
)


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def bad_files() -> dict[str, bytes]:
    """Files of which nothing can be taken: each must be skipped with a reason."""
    return {
        "binary.txt": bytes(range(256)) * 50,
        "picture.txt": b"\x89PNG\r\n\x1a\n" + bytes(1000),
        "empty.txt": b"",
        "blank.txt": b" \n\t\r\n ",
        "bom.txt": b"\xef\xbb\xbf",
        "nul.txt": b"\x00" * 5000,
        "mixed.txt": "日本語の文書です。".encode("cp932") * 3 + "日本語の文書です。".encode() * 3 + b"\xff\xfe\x81",
        "empty.md": b"",
        "empty.html": b"<html><script>alert(1)</script></html>",
        "deep.html": b"<div>" * 50_000,
        "empty.csv": b"",
        "empty.jsonl": b"\n\n",
        "broken.jsonl": b'{"text": "abc\nnot json\n[1,2]\n',
        "nested.jsonl": b'{"text":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "broken.pdf": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>",
        "notpdf.pdf": b"hello, I am a text file",
        "empty.pdf": b"",
        "text.docx": b"not a zip file",
        "empty.docx": b"",
        "hollow.docx": zip_of({"hello.txt": b"hi"}),
        "bomb.docx": zip_of({"[Content_Types].xml": DOCX_TYPES.encode(), "word/document.xml": bytes(300_000_000)}),
        "truncated.docx": zip_of({"[Content_Types].xml": DOCX_TYPES.encode() * 50})[:200],
        "unknown.xyz": b"\x7fELF\0\1",
        "noextension": b"\x7fELF\0\1",
    }


def odd_files() -> dict[str, bytes]:
    """Files that are strange but readable: something of each must be found."""
    return {
        "long-line.txt": "長い行が続きます。".encode() * 370_000,
        "no-spaces.txt": b"x" * 2_000_000,
        "script.txt": b"<script>alert('x')</script> <img src=x onerror=alert(1)>",
        "rtl.txt": "مرحبا \u202eabc\u202c שלום".encode(),
        "emoji.txt": "🎉👩‍👩‍👧‍👦🇯🇵".encode() * 100,
        "zalgo.txt": ("ま" + "\u0301\u0302\u0303" * 200).encode() * 20,
        "sql.csv": b"name,text\nRobert'); DROP TABLE passages;--,little bobby tables\n",
        "sjis.txt": "これはシフトJISで書かれた文書です。".encode("cp932"),
        "euc.txt": "これは日本語ＥＵＣで書かれた文書です。".encode("euc_jp"),
        "utf16.txt": "これはUTF-16です。".encode("utf-16"),
        "iso2022.txt": "これはJISコードです。".encode("iso2022_jp"),
        "controls.txt": "制御\x01\x02文字\x1b[31mつき".encode() + "の普通の文書です。".encode() * 20,
        "quotes.csv": b'title,text\n"a ""quoted"" title","line one\nline two"\n',
        "wide.csv": ",".join(f"column{i}" for i in range(3000)).encode() + b"\n" + b",".join([b"v"] * 3000),
        "half.jsonl": '{"text": "最初の行"}\n{"text": 5}\n{"nothing": true}\n{"text": "最後の'.encode(),
        "日本語 と 空白 & <b>.md": "# 見出し\n\n本文[x](javascript:alert(1))".encode(),
    }


QUERIES = [
    "",
    " ",
    "\n\t",
    "\x00",
    "a\x00b",
    "\ud800",
    "猫" * 20_000,
    "a " * 200_000,
    "' OR 1=1; DROP TABLE passages; --",
    'title:"x" AND (a OR b*) NOT c~2^5',
    '"unclosed',
    "((((((((((",
    '+-&&||!(){}[]^"~*?:\\/',
    "*",
    "/.*/",
    "terms:*",
    "[a TO z]",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "%s%n{0}${x}",
    "😀🏳️‍🌈👨‍👩‍👧‍👦",
    "مرحبا بالعالم",
    "\u202e逆さま",
    "ｶﾞｷﾞｸﾞ ＡＢＣ ㈱",
    "\u0301\u0302\u0303",
    "\ufeff\u200b\u200d",
    "ーーーーー",
    "。。。、、、",
    "のはがを",
    "the of and",
    "NULL None undefined NaN",
    "\U0010ffff",
    "１２３４５６７８９０" * 100,
    "a" * 100_000,
    "-1",
    "--help",
    "SELECT * FROM documents WHERE text MATCH 'x'",
    "𠮷野家の﨑",
    "𒀀𒀁𒀂",
    "\r\n\r\n",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    corpus = tmp_path_factory.mktemp("hostile")
    files = bad_files() | odd_files()
    assert len(files) >= 40
    for name, content in files.items():
        (corpus / name).write_bytes(content)
    report = build(corpus, corpus / "index")
    reasons = {item.uri.split("#")[0]: str(item.reason) for item in report.skipped}
    for name in bad_files():
        assert reasons.get(name), f"{name} was not reported"
        assert "\n" not in reasons[name]
    assert set(odd_files()) & set(reasons) <= {"half.jsonl"}
    return corpus / "index"


def test_every_readable_file_is_found(hostile: Path) -> None:
    with Searcher.open(hostile) as searcher:
        assert searcher.counts()["skipped"] == len(bad_files()) + 1
        for query, uri in {
            "シフトJISで書かれた": "sjis.txt",
            "日本語EUCで書かれた": "euc.txt",
            "UTF-16": "utf16.txt",
            "JISコード": "iso2022.txt",
            "little bobby tables": "sql.csv#row=1",
            "最初の行": "half.jsonl#line=1",
            "制御文字つき": "controls.txt",
        }.items():
            assert uri in {hit.document.uri for hit in searcher.search(query).hits}, query
        assert not any("�" in hit.text for hit in searcher.search("日本語の文書", k=100).hits)


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_no_query_stops_a_search(hostile: Path, query: str) -> None:
    with Searcher.open(hostile) as searcher:
        for mode in MODES:
            result = searcher.search(query, mode=mode)
            assert all(-1.01 <= hit.score <= 1e6 for hit in result.hits)
