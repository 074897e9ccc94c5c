"""PDF pages are read as they look: in order, lines and columns apart, with what was added to them."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.pdf_lines import without_running_lines
from sakuin.index.readers.pdf_properties import decoded
from sakuin.index.reasons import Reason
from tests.index.test_readers import make_pdf, one, read, skipped

FONTS = b"""<< /L << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>
/J << /Type /Font /Subtype /Type0 /BaseFont /M /Encoding /UniJIS-UTF16-H /DescendantFonts [3 0 R] >>
/V << /Type /Font /Subtype /Type0 /BaseFont /M /Encoding /UniJIS-UTF16-V /DescendantFonts [3 0 R] >>
/N << /Type /Font /Subtype /Type0 /BaseFont /N /Encoding /Identity-H /DescendantFonts [4 0 R] >> >>"""


def blocks_left(pages: Sequence[Sequence[list[str]]]) -> list[list[str]]:
    return [block for blocks in without_running_lines(pages) for block in blocks]


IMAGE = b"q 500 0 0 700 40 60 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \0 EI Q"


def drawn(pages: Sequence[bytes], page: bytes = b"", objects: Sequence[bytes] = (), catalog: bytes = b"") -> bytes:
    """A PDF of pages drawn by such operators; ``objects`` are numbered from 5."""
    descriptor = b"/FontDescriptor << /Type /FontDescriptor /FontName /M /Flags 4 /Ascent 880 /Descent -120 >>"
    first = 5 + len(objects)
    kids = b" ".join(b"%d 0 R" % (first + 2 * number) for number in range(len(pages)))
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /M /DW 1000 %s /CIDSystemInfo"
        b" << /Registry (Adobe) /Ordering (Japan1) /Supplement 6 >> >>" % descriptor,
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /N /DW 1000 %s /CIDSystemInfo"
        b" << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>" % descriptor,
        *objects,
    ]
    for number, operators in enumerate(pages):
        bodies += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font %s >> /Contents %d 0 R %s >>"
            % (FONTS, first + 2 * number + 1, page),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(operators), operators),
        ]
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, start)
    return bytes(out)


def put(text: str, x: float, y: float, size: float = 12, font: str = "", matrix: str = "1 0 0 1") -> bytes:
    """Draw a text at a place."""
    font = font or ("L" if text.isascii() else "J")
    encoded = f"({text})" if font == "L" else f"<{text.encode('utf-16-be').hex()}>"
    return f"BT /{font} {size} Tf {matrix} {x} {y} Tm {encoded} Tj ET\n".encode()


def text_of(folder: Path, *pages: bytes, page: bytes = b"") -> str:
    return one(folder, "a.pdf", drawn(pages, page)).text


LEFT = ["会議は月曜の朝に開かれ、", "各部の長が出席する。議事録は", "総務課が作る。"]
RIGHT = ["欠席する者は前日までに", "課長へ届け出る。代理を出す", "ことができる。"]
TWO_COLUMNS = (
    "会議は月曜の朝に開かれ、各部の長が出席する。議事録は総務課が作る。",
    "欠席する者は前日までに課長へ届け出る。代理を出すことができる。",
)


def is_font_missing() -> bool:
    """Whether no font of this machine has Japanese; where fonts cannot be listed, one is expected."""
    lister = shutil.which("fc-list")
    return bool(lister) and not subprocess.run([lister, ":lang=ja"], capture_output=True, check=False).stdout.strip()


# Where a PDF brings no font, PDFium takes one of the machine to place its characters by.
needs_font = pytest.mark.skipif(
    is_font_missing(), reason="no Japanese font is installed: apt install fonts-ipafont-gothic"
)


class TestOrder:
    @pytest.mark.parametrize(("matrix", "x"), [("0 1 -1 0", 100), ("0 -1 1 0", 500)])
    def test_lines_of_a_turned_page_are_apart(self, tmp_path: Path, matrix: str, x: int) -> None:
        step = 20 if x == 100 else -20
        lines = ["Rent rises in April", "Salaries stay frozen", "Travel is halved"]
        page = b"".join(put(line, x + n * step, 300, matrix=matrix) for n, line in enumerate(lines))
        for turned in (b"/Rotate 90", b""):
            assert text_of(tmp_path, page, page=turned) == " ".join(lines)

    @needs_font
    @pytest.mark.parametrize("is_mapped", [True, False])
    def test_vertical_lines_go_from_right_to_left(self, tmp_path: Path, is_mapped: bool) -> None:
        lines = [
            "吾輩は猫である。名前はまだ無い。ど",
            "こで生れたかとんと見当がつかぬ。何",
            "でも薄暗い所で泣いていた。",
        ]
        page = b""
        for number, line in enumerate(lines):
            x = 500 - 20 * number
            if is_mapped:
                page += put(line, x, 800, font="V")
            else:
                page += b"".join(put(character, x, 788 - 12 * n, font="J") for n, character in enumerate(line))
        assert (
            text_of(tmp_path, page)
            == "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗い所で泣いていた。"
        )

    @needs_font
    def test_vertical_text_in_two_tiers_with_a_heading_across(self, tmp_path: Path) -> None:
        page = put("社内報", 280, 810, 20)
        for number, line in enumerate(["上の段の一行目は次の", "行へ続く。終わる。"]):
            page += put(line, 500 - 20 * number, 780, font="V")
        for number, line in enumerate(["下の段の一行目も次の", "行へ続く。終わる。"]):
            page += put(line, 500 - 20 * number, 400, font="V")
        text = text_of(tmp_path, page)
        assert text.startswith("社内報")
        assert text.index("上の段の一行目は次の行へ続く。") < text.index("下の段の一行目も次の行へ続く。")

    @needs_font
    def test_digits_that_stand_across_a_vertical_line(self, tmp_path: Path) -> None:
        page = (
            put("会社は平成", 500, 800, font="V") + put("12", 493.5, 726) + put("年に設立された。", 500, 724, font="V")
        )
        page += put("次の行。", 480, 800, font="V")
        assert text_of(tmp_path, page).startswith("会社は平成12年に設立された。")

    def test_a_page_that_stands_on_its_head(self, tmp_path: Path) -> None:
        lines = ["Rent rises in April", "Salaries stay frozen"]
        page = b"".join(put(line, 500, 300 + 20 * n, matrix="-1 0 0 -1") for n, line in enumerate(lines))
        assert text_of(tmp_path, page, page=b"/Rotate 180") == " ".join(lines)

    def test_a_watermark_does_not_mix_with_the_text(self, tmp_path: Path) -> None:
        page = put("DRAFT", 100, 660, 40, matrix="0.7 0.7 -0.7 0.7")
        page += b"".join(
            put(f"Item {n}", 50, 720 - 20 * n) + put(f"{n} pieces", 300, 720 - 20 * n) for n in range(1, 6)
        )
        lines = text_of(tmp_path, page).split("\n")
        assert [f"Item {n} {n} pieces" in lines for n in range(1, 6)] == [True] * 5
        assert "DRAFT" in lines

    def test_hebrew_is_left_as_it_is(self, tmp_path: Path) -> None:
        assert text_of(tmp_path, put("שלום"[::-1], 50, 700), page=b"/Rotate 90") == "שלום"

    def test_a_large_sign_beside_lines_belongs_to_one(self, tmp_path: Path) -> None:
        page = put("O", 40, 677, 40) + put("nce upon a time", 80, 700) + put("there was a king.", 80, 685)
        page += put("1", 400, 700)
        assert text_of(tmp_path, page).replace("\n", " ").endswith("nce upon a time 1 there was a king.")

    @pytest.mark.parametrize("by_line", [True, False])
    def test_columns_are_read_one_by_one(self, tmp_path: Path, by_line: bool) -> None:
        left = [put(line, 50, 760 - 20 * n) for n, line in enumerate(LEFT)]
        right = [put(line, 320, 760 - 20 * n) for n, line in enumerate(RIGHT)]
        drawings = [part for pair in zip(left, right, strict=True) for part in pair] if by_line else left + right
        heading = put("会議の規程を定める題が左右の段にまたがって書かれている。", 50, 800, 16)
        text = text_of(tmp_path, heading + b"".join(drawings))
        assert text.startswith("会議の規程を定める")
        assert text.index(TWO_COLUMNS[0]) < text.index(TWO_COLUMNS[1])

    @needs_font
    def test_columns_whose_lines_stand_at_other_heights(self, tmp_path: Path) -> None:
        page = b"".join(
            put(left, 50, 760 - 20 * n) + put(right, 320, 751 - 20 * n)
            for n, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True))
        )
        text = text_of(tmp_path, page)
        assert text.index(TWO_COLUMNS[0]) < text.index(TWO_COLUMNS[1])

    def test_three_columns(self, tmp_path: Path) -> None:
        columns = [[f"{name} begins here and", "goes on below. It", "ends here."] for name in ("One", "Two", "Three")]
        page = b"".join(
            put(column[n], 40 + 180 * k, 700 - 15 * n) for n in range(3) for k, column in enumerate(columns)
        )
        text = text_of(tmp_path, page).replace("\n", " ")
        found = [text.index(f"{name} begins here and goes on below. It ends here.") for name in ("One", "Two", "Three")]
        assert found == sorted(found)

    @needs_font
    def test_rows_of_a_table_are_read_across(self, tmp_path: Path) -> None:
        rows = [("品名", "価格"), ("りんご", "100円"), ("みかん", "80円"), ("梨", "120円")]
        page = b"".join(put(a, 50, 700 - 20 * n) + put(b, 300, 700 - 20 * n) for n, (a, b) in enumerate(rows))
        assert text_of(tmp_path, page).split("\n") == ["品名 価格", "りんご 100円", "みかん 80円", "梨 120円"]


class TestWords:
    def test_the_mark_of_a_note_is_not_part_of_a_word(self, tmp_path: Path) -> None:
        page = put("Net revenue", 50, 700) + put("1", 115.4, 705, 7) + put(" grew by 5 m", 119.3, 700)
        assert text_of(tmp_path, page + put("2", 186, 705, 7)) == "Net revenue 1 grew by 5 m2"

    @needs_font
    def test_a_reading_stands_beside_its_word(self, tmp_path: Path) -> None:
        page = put("この漢字を読む。", 50, 700) + put("かんじ", 75, 713, 6)
        assert text_of(tmp_path, page) == "この漢字（かんじ）を読む。"

    def test_a_word_drawn_letter_by_letter_is_one(self, tmp_path: Path) -> None:
        page = b"".join(put(letter, 50 + 7 * n, 700) for n, letter in enumerate("noon")) + put("x", 300, 700)
        assert text_of(tmp_path, page) == "noon x"


class TestRunningLines:
    @pytest.mark.parametrize(
        "lines", [["在庫の数は次のとおり。", "48210"], ["2024", "年度の報告書である。"], ["沿革", "会社設立", "1987"]]
    )
    def test_a_number_on_one_page_is_kept(self, lines: list[str]) -> None:
        assert blocks_left([[lines]]) == [lines]
        assert blocks_left([[lines], [["次の頁", "終わり"]]]) == [lines, ["次の頁", "終わり"]]

    def test_those_that_count_up_with_the_pages_are_left_out(self) -> None:
        pages = [[["表紙"]], [["本文", "- 2 -"]], [["左"], ["右", "3 / 9"]], [["本文"], ["12"]]]
        assert blocks_left(pages) == [["表紙"], ["本文"], ["左"], ["右"], ["本文"], ["12"]]
        assert blocks_left([[["７"], ["本文"]], [["８", "本文"]]]) == [["本文"], ["本文"]]

    def test_a_running_title_is_kept_once(self) -> None:
        pages = [[["就業規則", "第一条の文が", f"{n} ページ"]] for n in range(1, 4)]
        assert blocks_left(pages) == [["就業規則", "第一条の文が"], ["第一条の文が"], ["第一条の文が"]]
        pages = [[[f"規則 {n}", f"本文{n * 7}", "社外秘"]] for n in range(1, 4)]
        assert blocks_left(pages) == [
            ["規則 1", "本文7", "社外秘"], ["規則 2", "本文14"], ["規則 3", "本文21"],
        ]  # fmt: skip

    def test_lines_that_are_alike_are_kept(self) -> None:
        pages = [[["支店の売上", f"合計 {n * n * 100} 円"]] for n in range(1, 4)] + [[["別紙", "注記"]]] * 4
        assert blocks_left(pages)[:3] == [block for page in pages[:3] for block in page]

    def test_years_that_follow_each_other_are_kept(self) -> None:
        pages = [[[str(2022 + n), f"{'甲乙丙'[n]}の年"]] for n in range(3)]
        assert blocks_left(pages) == [block for page in pages for block in page]


class TestAdded:
    def form(self, *annotations: bytes, fields: bytes = b"") -> bytes:
        numbers = b" ".join(b"%d 0 R" % (5 + n) for n in range(len(annotations)))
        return drawn(
            [put("氏名", 50, 705)],
            b"/Annots [%s]" % numbers,
            annotations,
            b"/AcroForm << /Fields [%s] >>" % (fields or numbers),
        )

    def value(self, text: str) -> bytes:
        return b"<feff%s>" % text.encode("utf-16-be").hex().encode()

    def test_values_of_fields_stand_where_they_were_typed(self, tmp_path: Path) -> None:
        typed = b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /V %s /Rect [100 700 300 720] >>"
        choice = b"<< /Type /Annot /Subtype /Widget /FT /Ch /Ff 131072 /T (b) /V (Osaka) /Rect [100 600 300 620] >>"
        secret = b"<< /Type /Annot /Subtype /Widget /FT /Tx /Ff 8192 /T (c) /V (secret) /Rect [100 500 300 520] >>"
        hidden = b"<< /Type /Annot /Subtype /Widget /FT /Tx /F 2 /T (d) /V (hidden) /Rect [100 400 300 420] >>"
        text = one(tmp_path, "a.pdf", self.form(typed % self.value("佐藤花子"), choice, secret, hidden)).text
        assert text.split("\n") == ["氏名 佐藤花子", "Osaka"]

    def test_a_value_that_stands_above_its_field(self, tmp_path: Path) -> None:
        kid = b"<< /Type /Annot /Subtype /Widget /Parent 6 0 R /Rect [100 700 300 720] >>"
        parent = b"<< /FT /Tx /T (a) /V %s /Kids [5 0 R] >>" % self.value("山田太郎")
        content = self.form(kid, parent, fields=b"6 0 R").replace(b"/Annots [5 0 R 6 0 R]", b"/Annots [5 0 R]      ")
        assert one(tmp_path, "a.pdf", content).text == "氏名 山田太郎"

    def test_text_boxes_and_comments(self, tmp_path: Path) -> None:
        box = b"<< /Type /Annot /Subtype /FreeText /Contents %s /Rect [100 700 300 720] >>" % self.value("枠の文")
        note = b"<< /Type /Annot /Subtype /Text /Contents %s /Rect [0 0 20 20] >>" % self.value("要確認\r次の行")
        mark = b"<< /Type /Annot /Subtype /Highlight /Contents (why?) /Rect [0 0 20 20] >>"
        link = b"<< /Type /Annot /Subtype /Link /Contents (go) /Rect [0 0 20 20] >>"
        text = one(tmp_path, "a.pdf", self.form(box, note, mark, link)).text
        assert text.split("\n") == ["氏名 枠の文", "", "要確認", "次の行", "why?"]


class TestPagesWithoutText:
    def test_scanned_pages_are_reported(self, tmp_path: Path) -> None:
        items = read(tmp_path, "a.pdf", drawn([put("契約書の表紙です。", 50, 700), IMAGE, b"", IMAGE]))
        assert isinstance(items[0], Document)
        assert skipped(items) == [Skipped(f"corpus/a.pdf#page={n}", Reason("scanned_page")) for n in (2, 4)]

    @needs_font
    def test_a_scanned_page_may_have_a_stamp(self, tmp_path: Path) -> None:
        pages = [
            put("契約書の表紙です。", 50, 700),
            IMAGE + put("- 2 -", 290, 20),
            put("図", 50, 700) + b"q 9 0 0 9 9 9 cm " + IMAGE[22:],
        ]
        assert [skip.uri for skip in skipped(read(tmp_path, "a.pdf", drawn(pages)))] == ["corpus/a.pdf#page=2"]

    def test_fonts_without_unicode_are_reported(self, tmp_path: Path) -> None:
        unnamed = b"BT /N 12 Tf 1 0 0 1 50 %d Tm <00030004000500060007> Tj ET\n"
        items = read(tmp_path, "a.pdf", drawn([put("表紙の文字です。", 50, 700), unnamed % 700]))
        assert [skip.reason.code for skip in skipped(items)] == ["unnamed_characters_page"]
        items = read(tmp_path, "b.pdf", drawn([put("読める文字が十分に並んでいる行です。", 50, 700) + unnamed % 600]))
        assert isinstance(items[0], Document)
        assert items[0].text == "読める文字が十分に並んでいる行です。"
        assert [skip.reason.code for skip in skipped(items)] == ["some_unnamed_characters"]
        with pytest.raises(ReadError) as caught:
            read(tmp_path, "c.pdf", drawn([unnamed % 700]))
        assert caught.value.reason.code == "unnamed_characters"

    def test_attached_files_are_reported(self, tmp_path: Path) -> None:
        file = b"<< /Type /EmbeddedFile /Length 1 >>\nstream\nx\nendstream"
        names = b"/Names << /EmbeddedFiles << /Names [(a) << /Type /Filespec /F (memo.txt) /EF << /F 5 0 R >> >>] >> >>"
        items = read(tmp_path, "a.pdf", drawn([put("本文", 50, 700)], objects=[file], catalog=names))
        assert skipped(items) == [Skipped("corpus/a.pdf#memo.txt", Reason("pdf_attachment"))]


class TestProperties:
    @pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "utf-8"])
    def test_titles_in_old_encodings(self, tmp_path: Path, encoding: str) -> None:
        title = "経費精算の手引".encode(encoding).hex()
        assert one(tmp_path, "a.pdf", make_pdf([["本文"]], f"/Title <{title}>".encode())).title == "経費精算の手引"

    @pytest.mark.parametrize("title", ["Résumé – Übersicht", "“Quoted” naïve", "Plain", "報告書", "Œuvre ﬁnale"])
    def test_titles_that_are_what_they_seem(self, title: str) -> None:
        assert decoded(title) == title


def test_a_hyphen_before_a_capital_letter_is_no_division(tmp_path: Path) -> None:
    lines = ["The stations of self-", "Service and the pre-", "pared report, INFOR-", "MATION."]
    text = one(tmp_path, "a.pdf", make_pdf([lines])).text
    assert text == "The stations of self-Service and the prepared report, INFORMATION."
