import contextlib
import io
import json
import os
import random
import re
import zipfile
import zlib
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from sakuin.index.documents import Document, Position, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.file_types import SUFFIXES
from sakuin.index.readers import read_file
from sakuin.index.reasons import Reason

Content = str | bytes


def read(folder: Path, name: str, content: Content) -> list[Document | Skipped]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_file(path, f"corpus/{name}"))


def one(folder: Path, name: str, content: Content) -> Document:
    (document,) = read(folder, name, content)
    assert isinstance(document, Document)
    for heading in document.headings:
        words = document.text[heading.start : heading.end]
        assert words == words.strip() != ""
    return document


def documents(items: list[Document | Skipped]) -> list[Document]:
    return [item for item in items if isinstance(item, Document)]


def skipped(items: list[Document | Skipped]) -> list[Skipped]:
    return [item for item in items if isinstance(item, Skipped)]


def headings(document: Document) -> list[tuple[str, int]]:
    return [(document.text[heading.start : heading.end], heading.level) for heading in document.headings]


class TestAnyFile:
    @pytest.mark.parametrize("suffix", sorted(SUFFIXES))
    @pytest.mark.parametrize("content", [b"", b" \n\t\r\n ", b"\xef\xbb\xbf", b"\xff\xfe"])
    def test_one_without_text_is_refused(self, tmp_path: Path, suffix: str, content: bytes) -> None:
        with pytest.raises(ReadError):
            read(tmp_path, f"a{suffix}", content)

    @pytest.mark.parametrize("suffix", sorted(SUFFIXES))
    @pytest.mark.parametrize(
        "content", [b"\x7fELF\2\1\1" + bytes(range(256)) * 50, b"\0" * 5000, random.Random(3).randbytes(5000)]
    )
    def test_binary_data_are_refused(self, tmp_path: Path, suffix: str, content: bytes) -> None:
        with pytest.raises(ReadError) as caught:
            read(tmp_path, f"a{suffix}", content)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("suffix", sorted(SUFFIXES))
    def test_folders_and_pipes_are_refused_at_once(self, tmp_path: Path, suffix: str) -> None:
        folder, pipe = tmp_path / f"folder{suffix}", tmp_path / f"pipe{suffix}"
        folder.mkdir()
        os.mkfifo(pipe)
        for path in (folder, pipe, tmp_path / f"missing{suffix}"):
            with pytest.raises(ReadError):
                list(read_file(path, path.name))

    @pytest.mark.parametrize("suffix", [".txt", ".md", ".html", ".pdf", ".docx"])
    def test_a_file_too_large_for_the_memory_is_refused_unread(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"large{suffix}"
        with path.open("wb") as file:
            file.truncate(300 * 1024 * 1024)  # takes no room on the disk
        with pytest.raises(ReadError, match="too large"):
            list(read_file(path, path.name))

    def test_other_suffixes_are_read_by_what_is_in_them(self, tmp_path: Path) -> None:
        for name in ("README", "a.py", "a.日本語"):
            document = one(tmp_path, name, "import os\n\n売上 = 1\n")
            assert (document.title, document.text) == (name, "import os\n\n売上 = 1")
        assert one(tmp_path, "report.PDF.bak", make_pdf([["本文です。"]])).text == "本文です。"
        assert one(tmp_path, "page.tmp", "<!DOCTYPE HTML><title>題</title><p>本文").text == "本文"
        assert one(tmp_path, "book.plist", "<?xml version='1.0'?><a><b>本文</b></a>").text == "b: 本文"
        assert one(tmp_path, "old.log", "開始しました。\n".encode("cp932")).text == "開始しました。"
        with pytest.raises(ReadError, match=r"\.exe"):
            read(tmp_path, "a.exe", b"MZ\x90")
        with pytest.raises(ReadError, match="without a suffix"):
            read(tmp_path, "core", b"\x7fELF")

    def test_the_case_of_the_suffix_does_not_matter(self, tmp_path: Path) -> None:
        assert one(tmp_path, "A.TXT", "text").uri == "corpus/A.TXT"

    @pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "iso2022_jp", "utf-16", "utf-8-sig"])
    @pytest.mark.parametrize("suffix", [".txt", ".md", ".html", ".csv"])
    def test_old_encodings(self, tmp_path: Path, suffix: str, encoding: str) -> None:
        assert "表示を予約する。" in one(tmp_path, f"a{suffix}", "本文\n表示を予約する。\n".encode(encoding)).text


class TestText:
    def test_a_short_first_line_is_the_title(self, tmp_path: Path) -> None:
        document = one(tmp_path, "a.txt", "\n題名\n\n本文です。\n")
        assert (document.title, document.text, document.headings) == ("題名", "題名\n\n本文です。", ())

    def test_without_one_the_name_of_the_file_is(self, tmp_path: Path) -> None:
        assert one(tmp_path, "名前.txt", "ただの一行").title == "名前"
        assert one(tmp_path, "名前.txt", "長い一行目" * 20 + "\n次").title == "名前"

    def test_the_text_is_cleaned_a_little_and_no_more(self, tmp_path: Path) -> None:
        text = "ﾊﾝｶｸ ＡＢＣ ① ㌔ \x85次\r\nb \t\rc\n\n\n\n　字下げ\u2028d" + " plain" * 40 + "\0 \n \n"
        assert one(tmp_path, "a.txt", text).text == "ﾊﾝｶｸ ＡＢＣ ① ㌔\n次\nb\nc\n\n　字下げ\nd" + " plain" * 40

    def test_right_to_left_text_and_emoji_stay_as_they_are(self, tmp_path: Path) -> None:
        text = "שלום 👨\u200d👩\u200d👧 مرحبا 葛\U000e0100"
        assert one(tmp_path, "a.txt", text).text == text

    def test_a_line_of_ten_megabytes(self, tmp_path: Path) -> None:
        text = "吾輩は猫である。" * 420_000
        assert one(tmp_path, "a.txt", text).text == text

    def test_two_encodings_in_one_file_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ReadError, match="two encodings"):
            read(tmp_path, "a.txt", "日本語".encode() * 9 + "日本語です".encode("cp932"))


class TestMarkdown:
    def test_words_and_headings(self, tmp_path: Path) -> None:
        source = """# 見出し *一*

本文は
ここで続く。English
lines too. **bold** [link](http://x) `code`

Setext
------
- a
- b

| x | y |
|---|---|
| 1 | 2 |

```python
def f():
    return 1
```
<b>html</b> <script>alert(1)</script> <!-- note -->
"""
        document = one(tmp_path, "a.md", source)
        assert document.title == "見出し 一"
        assert headings(document) == [("見出し 一", 1), ("Setext", 2)]
        assert "本文はここで続く。English lines too. bold link code" in document.text
        assert "a\nb\n\nx | y\n1 | 2\n\ndef f():\n    return 1" in document.text
        assert "alert" not in document.text
        assert "note" not in document.text

    def test_front_matter(self, tmp_path: Path) -> None:
        source = "---\ntitle: '題: 名'\ntags: [a, b]\ndate: 2024-05-01\ncode: 0123\ndeep: {x: 1}\n---\n# 見出し\n本文"
        document = one(tmp_path, "a.markdown", source)
        assert document.title == "題: 名"
        assert document.text == "見出し\n\n本文"
        assert document.metadata == {
            "tags": ["a", "b"],
            "date": "2024-05-01",
            "created": "2024-05-01",
            "code": "0123",
            "deep.x": "1",
        }

    def test_front_matter_that_is_not_quite_yaml(self, tmp_path: Path) -> None:
        document = one(tmp_path, "a.md", "---\ntitle: Python: an introduction\nauthor: A\n---\nbody")
        assert (document.title, document.metadata, document.text) == (
            "Python: an introduction",
            {"author": "A"},
            "body",
        )

    @pytest.mark.parametrize("front", ["!!python/object/apply:os.system [true]", "[" * 5000, "a: &a [*a]", "- x"])
    def test_hostile_front_matter_does_nothing(self, tmp_path: Path, front: str) -> None:
        assert "body" in one(tmp_path, "a.md", f"---\n{front}\n---\nbody").text

    def test_a_line_above_the_text_is_not_front_matter(self, tmp_path: Path) -> None:
        assert "intro" in one(tmp_path, "a.md", "---\n\nintro\n\n---\n\nbody").text

    @pytest.mark.parametrize("source", ["[" * 20_000, "*a " * 20_000, "> " * 5000 + "x", "`a``" * 20_000, "<" * 20_000])
    def test_hostile_markdown_ends(self, tmp_path: Path, source: str) -> None:
        assert one(tmp_path, "a.md", f"{source}\n\nend").text.endswith("end")


class TestHtml:
    PAGE = """<!doctype html><html lang="ja"><head><title> 題 &amp;
 名 </title><meta name="author" content="山田"><style>p {}</style></head>
<body><nav>menu</nav><header><h1>見出し<br>二行</h1></header>
<p>これは<b>太字</b>の
文です。Two
lines.<br>改行</p>tail<div>one<div>two</div>three</div>
<ul><li>a<li>b</ul><table><tr><th>品<th>価格<tr><td>茶<td>100円</table>
<pre>  code
    more</pre><h2>次<ruby>回<rp>(</rp><rt>かい</rt><rp>)</rp></ruby></h2>end
<script>if (i<n) alert("<p>no</p>")</script><!-- no --><footer>foot</footer></body></html>"""

    def test_a_page(self, tmp_path: Path) -> None:
        document = one(tmp_path, "a.html", self.PAGE)
        assert document.title == "題 & 名"
        assert document.metadata == {"author": "山田", "language": "ja"}
        assert headings(document) == [("見出し二行", 1), ("次回（かい）", 2)]
        assert document.text == (
            "見出し二行\n\nこれは太字の文です。Two lines.\n改行\n\ntail\none\ntwo\nthree\n\na\nb\n\n品 | 価格\n"
            "茶 | 100円\n\n  code\n    more\n\n次回（かい）\n\nend"
        )

    def test_without_a_title_the_first_heading_is_it(self, tmp_path: Path) -> None:
        assert one(tmp_path, "a.htm", "<title> </title><p>x<h3>見出し</h3>").title == "見出し"
        assert one(tmp_path, "b.htm", "<p>x").title == "b"

    @pytest.mark.parametrize(
        "declared", ['<meta charset="Shift_JIS">', "<meta content='text/html; charset=x-sjis'>", ""]
    )
    def test_the_declared_encoding(self, tmp_path: Path, declared: str) -> None:
        assert one(tmp_path, "a.html", f"{declared}<title>表示</title><p>能".encode("cp932")).title == "表示"

    def test_a_declaration_left_behind_is_not_believed(self, tmp_path: Path) -> None:
        assert one(tmp_path, "a.html", '<meta charset="Shift_JIS"><p>表示する').text == "表示する"

    def test_xhtml(self, tmp_path: Path) -> None:
        head = '<?xml version="1.0" encoding="EUC-JP"?><html><head><title/><script src="x"/></head>'
        page = head + "<body><p>本文</p></body></html>"
        assert one(tmp_path, "a.xhtml", page.encode("euc_jp")).text == "本文"

    def test_a_page_without_visible_text_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ReadError, match="no text"):
            read(tmp_path, "a.html", "<title>x</title><script>y</script><template>z</template>")

    @pytest.mark.parametrize("tag", ["<div>", "<a>", "<b><p>", "<table><tr><td>"])
    def test_deeply_nested_tags_are_refused_before_they_are_parsed(self, tmp_path: Path, tag: str) -> None:
        with pytest.raises(ReadError, match="tags open at once"):
            read(tmp_path, "a.html", tag * 200_000 + "x")

    def test_tags_that_close_themselves_are_not_nested(self, tmp_path: Path) -> None:
        page = (
            "<p>x<br><li>y" * 5000 + "<svg>" + "<path d='M0'/>" * 5000 + "</svg><script>" + "i<n;" * 5000 + "</script>"
        )
        assert one(tmp_path, "a.html", page).text.count("y") == 5000

    @pytest.mark.parametrize(
        "page", ["<p", "x<!-- ", "x<script>", "x<" * 9999, "<p>x" + "</div>" * 9999, "x<![CDATA[y"]
    )
    def test_broken_pages(self, tmp_path: Path, page: str) -> None:
        with contextlib.suppress(ReadError):
            assert documents(read(tmp_path, "a.html", page))[0].text


class TestTables:
    def test_every_row_is_a_document(self, tmp_path: Path) -> None:
        table = '題名,本文,年\r\nあ,"一行目\r\n二行目 ""引用"", です。",2020\r\n\r\nい,,2021\r\nう,短い,2022,余り\r\n'
        items = read(tmp_path, "a.csv", table)
        assert items == [
            Document(
                id="corpus/a.csv#row=1",
                title="あ",
                text='一行目\n二行目 "引用", です。',
                metadata={"年": "2020"},
                positions=(Position(0, {"row": 1}),),
            ),
            Skipped("corpus/a.csv#row=2", Reason("empty_row")),
            Document(
                id="corpus/a.csv#row=3",
                title="う",
                text="短い\n余り",
                metadata={"年": "2022"},
                positions=(Position(0, {"row": 3}),),
            ),
        ]

    def test_without_a_text_column_all_columns_are_the_text(self, tmp_path: Path) -> None:
        first, second = documents(read(tmp_path, "a.csv", "品名;価格\nりんご;100\nみかん;\n"))
        assert (first.text, first.title, first.metadata) == (
            "品名: りんご\n価格: 100",
            "りんご",
            {"品名": "りんご", "価格": "100"},
        )
        assert second.text == "品名: みかん"

    @pytest.mark.parametrize(
        "table", ["りんご,100\nみかん,80\n", "これは文です。\nこれも文です。\n", "2024-01-01\tx\n2024-01-02\ty\n"]
    )
    def test_a_table_without_a_header_loses_no_row(self, tmp_path: Path, table: str) -> None:
        assert [document.text for document in documents(read(tmp_path, "a.csv", table))] == [
            row.replace(",", "\n").replace("\t", "\n") for row in table.splitlines()
        ]

    @pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
    @pytest.mark.parametrize("suffix", [".csv", ".tsv"])
    def test_the_delimiter_is_found(self, tmp_path: Path, suffix: str, delimiter: str) -> None:
        rows = [["title", "text"], ["T1", "a, b; c | d"], ["T2", "one, two"]]
        table = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
        first, second = documents(read(tmp_path, f"a{suffix}", table))
        assert (first.title, first.text, second.text) == ("T1", "a, b; c | d", "one, two")

    def test_commas_in_a_text_are_no_delimiters_of_a_tsv(self, tmp_path: Path) -> None:
        assert one(tmp_path, "a.tsv", "text\ttitle\nabc, def, ghi\tT\n").text == "abc, def, ghi"

    def test_a_huge_cell(self, tmp_path: Path) -> None:
        cell = "あ" * 300_000  # more than the csv module's own limit
        assert one(tmp_path, "a.csv", f'title,text\nT,"{cell}"\n').text == cell

    @pytest.mark.parametrize(
        ("name", "table", "texts"),
        [
            # Marks that are never closed, or close in another row.
            ("a.csv", 'title,text\nA,fine\nB,"open\nC,here\nD,too\n', ["fine", '"open', "here", "too"]),
            ("a.tsv", 'id\ttext\n1\t"起\n2\t承\n3\t"転"句\n4\t結\n', ['"起', "承", '"転"句', "結"]),
            ("a.tsv", 'id\ttext\n1\t"起\n2\t承\n3\t転"\n4\t結\n', ['"起', "承", '転"', "結"]),
            ("a.csv", 'id,text\n1,"one\n2,two\n3,three"\n4,four\n', ['"one', "two", 'three"', "four"]),
            # Marks inside a cell.
            ("a.csv", 'id,text,n\n1,"Say "hi" to\nhim, now",5\n2,b,6\n', ['Say "hi" to\nhim, now', "b"]),
            ("a.csv", 'id,text\n1,"a", b and c\n2,d\n', ["a, b and c", "d"]),
            ("a.csv", 'id,text\n1,"Hello" she said, and left\n2,d\n', ['"Hello" she said, and left', "d"]),
            ("a.csv", 'id,text\n1,5" pipe\n2,"6"" pipe"\n', ['5" pipe', '6" pipe']),
            # Marks with a backslash.
            ("a.csv", 'id,text\n1,"She said \\"hi\\", twice"\n2,"C:\\\\dir"\n', ['She said "hi", twice', "C:\\dir"]),
            ("a.csv", 'id,text\n1,"C:\\new\\"\n2,"D:\\"\n', ["C:\\new\\", "D:\\"]),
            # Spaces around cells.
            ("a.csv", 'id, text\n1, "a, b" \n2, "c, d"\n', ["a, b", "c, d"]),
            # Cells of several lines.
            ("a.tsv", 'id\ttext\n1\t"two\nlines"\n2\tone\n', ["two\nlines", "one"]),
            ("a.csv", 'id,text\n1,"Dear all,\nyes, we are"\n2,b\n', ["Dear all,\nyes, we are", "b"]),
            # Delimiters that were not quoted.
            (
                "a.csv",
                "id,text\n1,We sell apples, pears, and quinces.\n2,b\n",
                ["We sell apples, pears, and quinces.", "b"],
            ),
            ("a.csv", "id,text,year\n1,a, b,2024\n2,c,2023\n", ["a, b", "c"]),
            ("a.csv", "text\nHello, walrus\nGood, morning\n", ["Hello, walrus", "Good, morning"]),
            ("a.csv", "text,id\nHello, walrus,1\nbye,2\n", ["Hello, walrus", "bye"]),
            ("a.csv", "id,text\n1,a,,,\n2,b\n", ["a", "b"]),
            # A row that ends too soon.
            ("a.csv", "id,title,text\n1,a,b\nthree\n4,c,d\n", ["b", "three", "d"]),
            # The delimiter is said.
            ("a.csv", "sep=;\nid;text\n1;a, b\n2;c\n", ["a, b", "c"]),
            ("a.csv", '"sep=|"\r\nid|text\r\n1|a, b; c\r\n2|d, e; f\r\n', ["a, b; c", "d, e; f"]),
            # What keeps spreadsheets from making numbers of texts.
            ("a.csv", 'id,text\n1,="0012"\n', ["0012"]),
        ],
    )
    def test_rows_are_never_merged_nor_cut(self, tmp_path: Path, name: str, table: str, texts: list[str]) -> None:
        items = read(tmp_path, name, table)
        assert [document.text for document in documents(items)] == texts
        assert not skipped(items)

    def test_many_marks_that_are_never_closed_take_no_longer(self, tmp_path: Path) -> None:
        rows = [f'{number},"open' for number in range(20_000)]
        items = read(tmp_path, "a.csv", "id,text\n" + "\n".join(rows))
        assert [document.text for document in documents(items)] == ['"open'] * 20_000

    @pytest.mark.parametrize(
        "table",
        [
            "佐藤花子,営業部\n鈴木一郎,総務部\n高橋次郎,経理部\n",
            "林,営業部\n鈴木一郎,総務部\n高橋次郎,経理部\n",
            "John Smith,Sales\nMary Jones,Support\nAnn Lee,Sales\n",
            "東京都,千代田区\n大阪府,大阪市\n東京都,港区\n",
        ],
    )
    def test_a_first_row_like_all_others_is_no_header(self, tmp_path: Path, table: str) -> None:
        found = [document.text for document in documents(read(tmp_path, "a.csv", table))]
        assert found == [row.replace(",", "\n") for row in table.splitlines()]

    @pytest.mark.parametrize(
        "table",
        [
            "氏名,部署\n佐藤花子,営業部\n鈴木一郎,総務部\n",
            "品名,産地\nりんご,青森\nみかん,愛媛\n",
            "name,dept\nJohn Smith,Sales\nMary Jones,Support\n",
            "とれる所,いくら\n青森,100\n愛媛,80\n",
            "start_at,place\n10:00,Room A\n11:00,Room B\n",
        ],
    )
    def test_a_first_row_of_names_is_a_header(self, tmp_path: Path, table: str) -> None:
        names, first, *_ = [line.split(",") for line in table.splitlines()]
        document = documents(read(tmp_path, "a.csv", table))[0]
        assert document.metadata | {"title": document.title} == dict(zip(names, first, strict=True)) | {
            "title": document.title
        } or set(document.metadata.values()) <= set(first)
        assert document.text != "\n".join(names)

    @pytest.mark.parametrize(
        "above", ["売上一覧\n2024年4月\n\n", "売上一覧,,\n,,2024年4月\n", "売上一覧\n作成者,佐藤\n\n"]
    )
    def test_a_header_further_down(self, tmp_path: Path, above: str) -> None:
        table = f"{above}品名,数量,単価\nりんご,3,100\nみかん,5,80\nなし,1,120\n"
        top, first, *others = documents(read(tmp_path, "a.csv", table))
        assert (first.id, first.text) == ("corpus/a.csv#row=1", "品名: りんご\n数量: 3\n単価: 100")
        assert (top.id, top.title) == ("corpus/a.csv#row=0", "売上一覧")
        assert all(word in top.text for word in above.replace(",", " ").split())
        assert len(others) == 2

    def test_a_line_beyond_all_limits_costs_that_row(self, tmp_path: Path) -> None:
        items = read(tmp_path, "a.csv", b"id,text\n1,a\n2," + b"x" * (17 * 1024 * 1024) + b"\n3,c\n")
        assert [document.text for document in documents(items)] == ["a", "c"]
        assert [(skip.uri, skip.reason.code) for skip in skipped(items)] == [("corpus/a.csv#row=2", "long_cell")]

    def test_a_cell_beyond_all_limits_is_reported(self, tmp_path: Path) -> None:
        items = read(tmp_path, "a.csv", b"title,text\nA,fine\nB," + b"x" * (17 * 1024 * 1024))
        assert len(documents(items)) == len(skipped(items)) == 1

    @pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
    def test_all_line_ends(self, tmp_path: Path, newline: str) -> None:
        assert [d.text for d in documents(read(tmp_path, "a.csv", newline.join(["text", "x", "y", ""])))] == ["x", "y"]

    def test_a_row_without_anything_to_call_it_by_is_called_by_its_number(self, tmp_path: Path) -> None:
        assert one(tmp_path, "表.csv", "id,text\n7,long sentence\n").title == "表 row 1"

    def test_nul_characters_in_a_cell(self, tmp_path: Path) -> None:
        assert one(tmp_path, "a.csv", "text\n" + "plain " * 50 + "a\0b\n").text.endswith("plain ab")


class TestJsonLines:
    @staticmethod
    def at_line(number: int) -> tuple[Position, ...]:
        return (Position(0, {"line": number}),)

    def lines(self, *values: object) -> str:
        return "".join(
            (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) + "\n" for value in values
        )

    def test_fields(self, tmp_path: Path) -> None:
        items = read(
            tmp_path,
            "a.jsonl",
            self.lines(
                {"id": 7, "title": "題", "text": "本文。\r\n二行。", "n": 1.5, "yes": True, "no": None, "list": [1]}
                | {
                    "metadata": {"year": 2023, "tags": ["c"], "n": 9},
                    "by": [{"name": "A"}, {"name": "B"}],
                    "of": {"a": {"b": 2}},
                },
                {"docid": "x", "body": "first line\nmore"},
                "",
                {"passage": "p", "_id": ""},
            ),
        )
        assert items == [
            Document(
                id="corpus/a.jsonl#7",
                title="題",
                text="本文。\n二行。",
                metadata={
                    "year": 2023,
                    "tags": ["c"],
                    "n": 1.5,
                    "yes": True,
                    "list": [1],
                    "by.name": ["A", "B"],
                    "of.a.b": 2,
                },
                positions=self.at_line(1),
            ),
            Document(id="corpus/a.jsonl#x", title="first line", text="first line\nmore", positions=self.at_line(2)),
            Document(
                id="corpus/a.jsonl#line=4", title="a line=4", text="p", metadata={"_id": ""}, positions=self.at_line(4)
            ),
        ]

    def test_bad_lines_are_skipped_with_a_reason(self, tmp_path: Path) -> None:
        deep = "[" * 100_000
        items = read(
            tmp_path,
            "a.ndjson",
            self.lines(
                [1], {"id": "a", "text": "A"}, {"id": "a", "text": "again"}, deep, '{"text": ' + deep, {"text": " "}
            )
            + '{"x": 1}\n{"text": 5}\n{"text": "B"}\n{"text": "cut o',
        )
        assert [document.text for document in documents(items)] == ["A", "B"]
        reasons = {skip.uri.removeprefix("corpus/a.ndjson#"): skip.reason for skip in skipped(items)}
        assert list(reasons) == [f"line={number}" for number in (1, 3, 4, 5, 6, 7, 8, 10)]
        assert [reason.code for reason in reasons.values()] == [
            "no_object",
            "repeated_id",
            "bad_json",
            "bad_json",
            "empty_field",
            "no_text_field",
            "empty_field",
            "bad_json",
        ]
        assert reasons["line=3"].data == {"id": "a"}

    def test_what_other_writers_write(self, tmp_path: Path) -> None:
        line = '{"text": "x\\ud800y\\u0000", "nan": NaN, "big": 123456789012345678901234567890}'
        document = one(tmp_path, "a.jsonl", b"\xef\xbb\xbf" + line.encode())
        assert document.text == "xy"
        assert document.metadata == {"big": "123456789012345678901234567890"}

    def test_shift_jis(self, tmp_path: Path) -> None:
        assert one(tmp_path, "a.jsonl", '{"text": "表示を予約する。"}\n'.encode("cp932")).text == "表示を予約する。"

    @pytest.mark.parametrize("encoding", ["iso2022_jp", "euc_jp", "cp932"])
    def test_the_encoding_is_decided_once_for_the_file(self, tmp_path: Path, encoding: str) -> None:
        lines = [{"id": i, "text": text} for i, text in enumerate(["plain", "議事録です。", "年", "表示", "ア"])]
        content = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode(encoding)
        assert [d.text for d in documents(read(tmp_path, "a.jsonl", content))] == [line["text"] for line in lines]

    def test_letters_of_windows(self, tmp_path: Path) -> None:
        content = '{"text": "It’s here."}\n{"text": "café"}\n'.encode("cp1252")
        assert [d.text for d in documents(read(tmp_path, "a.jsonl", content))] == ["It’s here.", "café"]

    def test_a_line_in_another_encoding_costs_that_line(self, tmp_path: Path) -> None:
        good = '{"text": "日本語の文です。"}\n'
        items = read(tmp_path, "a.jsonl", good.encode() + '{"text": "表示"}\n'.encode("cp932") + good.encode())
        assert [skip.uri for skip in skipped(items)] == ["corpus/a.jsonl#line=2"]
        assert skipped(items)[0].reason.code == "mixed_encodings"
        assert len(documents(items)) == 2

    def test_an_encoding_that_only_shows_far_down(self, tmp_path: Path) -> None:
        content = b'{"text": "plain"}\n' * 70_000 + '{"text": "表示を予約する。"}\n'.encode("cp932")
        assert documents(read(tmp_path, "a.jsonl", content))[-1].text == "表示を予約する。"

    def test_an_id_that_looks_like_a_line_is_not_mistaken_for_one(self, tmp_path: Path) -> None:
        items = documents(read(tmp_path, "a.jsonl", '{"text": "a"}\n{"id": "line=1", "text": "b"}\n'))
        assert len({document.uri for document in items}) == 2

    def test_an_indented_json_file_gets_one_reason(self, tmp_path: Path) -> None:
        with pytest.raises(ReadError, match="none of its lines is a document; the first: line 1: not valid JSON"):
            read(tmp_path, "a.jsonl", json.dumps([{"text": "x"}] * 200, indent=1))

    def test_utf16_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ReadError, match="UTF-16"):
            read(tmp_path, "a.jsonl", '{"text": "x"}'.encode("utf-16"))


def make_pdf(pages: list[list[str]], info: bytes = b"", trailer: bytes = b"", extra: bytes = b"") -> bytes:
    """A PDF with one string a line, in a Japanese font that is not embedded."""
    count = len(pages)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % (6 + 2 * n) for n in range(count)), count),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /M /Encoding /UniJIS-UTF16-H /DescendantFonts [4 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /M /DW 1000 /FontDescriptor 5 0 R"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 6 >> >>",
        b"<< /Type /FontDescriptor /FontName /M /Flags 4 /FontBBox [0 -120 1000 880] /ItalicAngle 0 /Ascent 880"
        b" /Descent -120 /CapHeight 700 /StemV 80 >>",
    ]
    for number, lines in enumerate(pages):
        drawn = b" T* ".join(b"<%s> Tj" % line.encode("utf-16-be").hex().encode() for line in lines)
        stream = zlib.compress(b"BT /F 10 Tf 12 TL 20 800 Td %s ET" % drawn)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F 3 0 R >> >>"
            b" /Contents %d 0 R >>" % (7 + 2 * number),
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
    objects += [b"<< %s >>" % info, extra or b"null"]
    out = bytearray(b"%PDF-1.5\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R /Info %d 0 R %s >>\n" % (len(objects) + 1, len(objects) - 1, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


class TestPdf:
    LINES = (
        "第一章 はじめに",
        "この文書は全文検索の使い方を説明するために書かれ",
        "たものである。次の文もここから続いて二行目に渡り",
        "ます。",
    )

    def test_lines_are_joined_to_sentences(self, tmp_path: Path) -> None:
        english = [
            "This is an English sentence that goes on to the next",
            "line, and there is one long hyphen-",
            "ated word in it.",
        ]
        document = one(tmp_path, "a.pdf", make_pdf([[*self.LINES, *english]]))
        assert "第一章 はじめに\nこの文書は全文検索の使い方を説明するために書かれたものである。" in document.text
        assert "二行目に渡ります。" in document.text
        assert "goes on to the next line, and there is one long hyphenated word in it." in document.text

    def test_pages_are_set_apart_unless_a_sentence_goes_on(self, tmp_path: Path) -> None:
        pages = [[*self.LINES[:2], "1"], [*self.LINES[2:], "- 2 -"], ["次の頁。"]]
        text = one(tmp_path, "a.pdf", make_pdf(pages)).text
        assert "書かれたものである。" in text
        assert text.endswith("渡ります。\n\n次の頁。")

    def test_title_and_metadata(self, tmp_path: Path) -> None:
        title = b"\xfe\xff" + "報告書".encode("utf-16-be")
        info = b"/Title <%s> /Author (A. B.) /CreationDate (D:20240501120000+09'00')" % title.hex().encode()
        document = one(tmp_path, "a.pdf", make_pdf([["本文"], ["続き"]], info))
        assert document.title == "報告書"
        assert document.metadata == {"pages": 2, "author": "A. B.", "created": "2024-05-01"}

    @pytest.mark.parametrize(
        ("given", "title"),
        [("Microsoft Word - plan.docx", "plan"), ("untitled", "name"), ("about:blank", "name"), ("", "name")],
    )
    def test_titles_that_programs_make_up(self, tmp_path: Path, given: str, title: str) -> None:
        assert one(tmp_path, "name.pdf", make_pdf([["x"]], f"/Title ({given})".encode())).title == title

    def test_a_scanned_pdf_is_refused_with_the_remedy(self, tmp_path: Path) -> None:
        with pytest.raises(ReadError, match=r"scanned PDF.*OCR"):
            read(tmp_path, "a.pdf", make_pdf([[], []]))

    def test_an_encrypted_pdf_is_refused_with_the_remedy(self, tmp_path: Path) -> None:
        encryption = b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (b"41" * 32, b"42" * 32)
        trailer = b"/Encrypt 9 0 R /ID [<41> <41>]"
        with pytest.raises(ReadError, match=r"encrypted.*password"):
            read(tmp_path, "a.pdf", make_pdf([["x"]], trailer=trailer, extra=encryption))

    @pytest.mark.parametrize("content", [b"%PDF-1.7", b"%PDF-1.7\n" + b"junk " * 500, b"not a pdf", b"\0" * 100])
    def test_a_broken_pdf_is_refused(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(ReadError, match="PDF"):
            read(tmp_path, "a.pdf", content)

    def test_a_pdf_cut_off_anywhere_is_read_or_refused(self, tmp_path: Path) -> None:
        whole = make_pdf([["本文です。"]] * 3)
        for end in range(20, len(whole), 97):
            with contextlib.suppress(ReadError):
                read(tmp_path, "a.pdf", whole[:end])

    def test_more_pages_than_the_limit_are_reported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sakuin.index.readers.pdf.MAX_PAGES", 2)
        document, skip = read(tmp_path, "a.pdf", make_pdf([["一頁目"], ["二頁目"], ["三頁目"]]))
        assert isinstance(document, Document)
        assert "三" not in document.text
        assert isinstance(skip, Skipped)
        assert skip.uri == "corpus/a.pdf#page=3"


def word_bytes(word: "docx.document.Document") -> bytes:
    buffer = io.BytesIO()
    word.save(buffer)
    return buffer.getvalue()


def with_member(archive: bytes, name: str, change: "re.Pattern[bytes]", to: bytes) -> bytes:
    """Return a zip archive with one member changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            data = old.read(member)
            new.writestr(member.filename, change.sub(lambda _: to, data, count=1) if member.filename == name else data)
    return out.getvalue()


class TestDocx:
    def test_paragraphs_headings_and_tables(self, tmp_path: Path) -> None:
        word = docx.Document()
        word.add_heading("規程", 0)
        word.add_heading("第1条", 2)
        word.add_paragraph("本文は").add_run("ここ\tです。\n改行")
        table = word.add_table(2, 3)
        for place, cell in enumerate(table._cells):
            cell.text = f"c{place}"
        table.cell(0, 0).merge(table.cell(0, 1))
        word.add_paragraph("項目", style="List Bullet")
        word.core_properties.title, word.core_properties.author = "", "総務課"
        document = one(tmp_path, "a.docx", word_bytes(word))
        assert document.title == "規程"
        assert headings(document) == [("規程", 1), ("第1条", 2)]
        assert document.text == "規程\n\n第1条\n\n本文はここ\tです。\n改行\n\nc0 c1 | c2\nc3 | c4 | c5\n\n項目"
        assert document.metadata["author"] == "総務課"

    def test_the_title_property_comes_first(self, tmp_path: Path) -> None:
        word = docx.Document()
        word.add_heading("見出し", 1)
        word.core_properties.title = "文書の題"
        assert one(tmp_path, "a.docx", word_bytes(word)).title == "文書の題"

    def test_styles_made_from_heading_styles_are_headings(self, tmp_path: Path) -> None:
        word = docx.Document()
        style = word.styles.add_style("社内見出し", 1)
        style.base_style = word.styles["Heading 3"]
        word.add_paragraph("目的", style="社内見出し")
        word.add_paragraph("本文")
        assert headings(one(tmp_path, "a.docx", word_bytes(word))) == [("目的", 3)]

    def test_content_controls_insertions_and_rubies(self, tmp_path: Path) -> None:
        word = docx.Document()
        run = "<w:r><w:t>{}</w:t></w:r>"
        inserted = f"<w:ins w:id='1' w:author='a'>{run.format('追加')}</w:ins>"
        deleted = "<w:del w:id='2' w:author='a'><w:r><w:delText>削除</w:delText></w:r></w:del>"
        base = f"<w:rt>{run.format('かん')}</w:rt><w:rubyBase>{run.format('漢')}</w:rubyBase>"
        paragraph = f"<w:p>{run.format('中身')}{inserted}{deleted}<w:r><w:ruby>{base}</w:ruby></w:r></w:p>"
        control = f"<w:sdt {nsdecls('w')}><w:sdtContent>{paragraph}</w:sdtContent></w:sdt>"
        word.element.body.insert(0, parse_xml(control))
        assert one(tmp_path, "a.docx", word_bytes(word)).text == "中身追加漢（かん）"

    def test_a_zip_bomb_is_refused_before_it_unfolds(self, tmp_path: Path) -> None:
        word = docx.Document()
        word.add_paragraph("x")
        huge = b"<w:t>" + b" " * (50 * 1024 * 1024) + b"x"
        with pytest.raises(ReadError, match="unpacks to"):
            read(tmp_path, "a.docx", with_member(word_bytes(word), "word/document.xml", re.compile(b"<w:t>x"), huge))

    def test_a_bomb_that_lies_about_its_size_is_refused(self, tmp_path: Path) -> None:
        word = docx.Document()
        word.add_paragraph("x")
        archive = bytearray(
            with_member(word_bytes(word), "word/document.xml", re.compile(b"<w:t>x"), b"<w:t>" + b" " * 50_000_000)
        )
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            size = opened.getinfo("word/document.xml").file_size.to_bytes(4, "little")
        # The size stands in the member's own header and in the directory at the end.
        assert archive.count(size) == 2
        with pytest.raises(ReadError):
            read(tmp_path, "a.docx", bytes(archive).replace(size, (1000).to_bytes(4, "little")))

    def test_external_entities_are_not_read(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret.txt"
        secret.write_text("TOP SECRET")
        word = docx.Document()
        word.add_paragraph("public MARK")
        archive = with_member(
            word_bytes(word),
            "word/document.xml",
            re.compile(rb"<w:document "),
            f'<!DOCTYPE d [<!ENTITY e SYSTEM "{secret.as_uri()}">]><w:document '.encode(),
        )
        archive = with_member(archive, "word/document.xml", re.compile(b"MARK"), b"&e;")
        try:
            text = one(tmp_path, "a.docx", archive).text
        except ReadError:
            return
        assert "SECRET" not in text

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"not a zip", "not a Word file"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99, "old Word file"),
            (b"PK\3\4" * 9, "not a"),
        ],
    )
    def test_other_files_are_refused(self, tmp_path: Path, content: bytes, reason: str) -> None:
        with pytest.raises(ReadError, match=reason):
            read(tmp_path, "a.docx", content)

    def test_another_kind_of_zip_is_refused(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("x.txt", "x")
        with pytest.raises(ReadError, match="not a Word file"):
            read(tmp_path, "a.docx", buffer.getvalue())

    def test_damaged_xml_is_refused(self, tmp_path: Path) -> None:
        word = docx.Document()
        word.add_paragraph("x")
        with pytest.raises(ReadError, match="damaged"):
            read(
                tmp_path, "a.docx", with_member(word_bytes(word), "word/document.xml", re.compile(b"</w:p>"), b"</w:q>")
            )

    def test_a_word_file_cut_off_anywhere_is_refused(self, tmp_path: Path) -> None:
        word = docx.Document()
        word.add_paragraph("x")
        whole = word_bytes(word)
        for end in range(1, len(whole) - 1, len(whole) // 20):
            with pytest.raises(ReadError):
                read(tmp_path, "a.docx", whole[:end])
