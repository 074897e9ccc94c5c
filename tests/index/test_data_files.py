"""JSON, notebooks, XML, subtitles, books."""

import json

import pytest

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Source
from tests.index.samples import book_file, calendar


def items(name: str, content: str | bytes) -> list[Document | Skipped]:
    data = content if isinstance(content, bytes) else content.encode()
    return list(read_source(Source(uri=name, data=data)))


def one(name: str, content: str | bytes) -> Document:
    (document,) = items(name, content)
    assert isinstance(document, Document)
    return document


class TestJson:
    def test_values_are_lines_under_their_names(self) -> None:
        value = {"title": "設定", "色": ["赤", "青"], "店": {"名": "東京\\支店", "広さ": 1.5, "休": None, "開": True}}
        document = one("a.json", json.dumps(value))
        assert document.title == "設定"
        assert document.text == "title: 設定\n色: 赤, 青\n店.名: 東京\\支店\n店.広さ: 1.5\n店.開: true"

    def test_a_list_of_texts_is_a_document_each(self) -> None:
        first_row = {"id": "q1", "本文": "つながりません。", "件名": "VPN", "tags": ["網", "急"]}
        rows = [first_row, {"本文": "二行目"}, {"id": "q1", "本文": "x"}]
        first, second, skipped = items("a.json", json.dumps(rows))
        assert isinstance(first, Document)
        assert (first.id, first.title, first.text, first.metadata) == (
            "a.json#q1", "VPN", "つながりません。", {"tags": ["網", "急"]},
        )  # fmt: skip
        assert isinstance(second, Document)
        assert (second.id, second.title) == ("a.json#item=2", "a 2")
        assert isinstance(skipped, Skipped)
        assert skipped.reason.code == "repeated_id"

    def test_json_lines_are_known_whatever_they_are_called(self) -> None:
        first, second = items("a.json", '{"id": "x", "text": "一つ目"}\n\n{"text": "二つ目"}\n')
        assert isinstance(first, Document)
        assert isinstance(second, Document)
        assert [(each.id, each.text) for each in (first, second)] == [
            ("a.json#x", "一つ目"),
            ("a.json#line=3", "二つ目"),
        ]
        assert one("a.json", '{"n": 1}\n{"n": 2}').text == '{"n": 1}\n{"n": 2}'

    def test_with_comments_it_is_read_as_it_stands(self) -> None:
        assert "// 見積の色" in one("settings.json", '{\n  // 見積の色\n  "a": 1,\n}').text

    @pytest.mark.parametrize("content", ["ただの文", "[" * 100_000, "{}", "[]", '""'])
    def test_what_is_no_json_or_empty_is_refused(self, content: str) -> None:
        with pytest.raises(ReadError):
            items("a.json", content)

    def test_a_notebook_is_its_cells(self) -> None:
        output = {"text": ["合計は三百円\n"]}
        cells = [
            {"cell_type": "markdown", "source": ["# 売上\n", "\n", "**本文**です。"]},
            {"cell_type": "code", "source": "print(売上)", "outputs": [output, {"data": {"text/plain": ["<図>"]}}]},
        ]
        document = one("a.ipynb", json.dumps({"cells": cells, "metadata": {"kernelspec": {"name": "python3"}}}))
        assert document.title == "売上"
        assert document.text == "売上\n\n本文です。\n\nprint(売上)\n\n合計は三百円\n\n<図>"

    def test_errors_of_a_notebook_are_read_and_colours_are_none(self) -> None:
        outputs = [
            {"output_type": "stream", "text": ["\x1b[31m赤い\x1b[0m行"]},
            {"output_type": "error", "ename": "ValueError", "evalue": "悪い値", "traceback": ["\x1b[0;31m---"]},
        ]
        cells = [{"cell_type": "code", "source": "f()", "outputs": outputs}]
        assert one("a.ipynb", json.dumps({"cells": cells, "nbformat": 4})).text == "f()\n\n赤い行\n\nValueError: 悪い値"


class TestXml:
    def test_texts_stand_under_their_names(self) -> None:
        source = '<注文 番号="KX-1"><品 色="赤"><名>りんご</名><数>3</数></品><注>これは<b>太字</b>の文。</注></注文>'
        assert one("a.xml", source).text == "番号: KX-1\n色: 赤\n名: りんご\n数: 3\nこれは太字の文。"

    def test_encodings_entities_and_a_title(self) -> None:
        source = '<?xml version="1.0" encoding="Shift_JIS"?><feed><title>知らせ</title><body>&#x8ACB;求</body></feed>'
        document = one("a.xml", source.encode("cp932"))
        assert (document.title, document.text) == ("知らせ", "title: 知らせ\nbody: 請求")

    def test_words_of_a_drawing(self) -> None:
        inner = '<path d="M 0 a"/><text>受<tspan>付</tspan></text><desc>図</desc>'
        assert one("a.svg", f'<svg xmlns="http://www.w3.org/2000/svg">{inner}</svg>').text == "受付\n図"

    def test_pages_within_a_drawing(self) -> None:
        page = (
            '<foreignObject><div xmlns="http://www.w3.org/1999/xhtml"><p>一段落</p><p>二段落</p></div></foreignObject>'
        )
        drawing = f"<switch>{page}<text>一段...</text></switch><g>{page.replace('一', '三')}</g>"
        assert one("a.svg", f'<svg xmlns="http://www.w3.org/2000/svg">{drawing}</svg>').text == (
            "一段落\n\n二段落\n三段落\n\n二段落"
        )

    def test_damaged_xml_is_read_as_it_stands_and_nothing_outside_is(self) -> None:
        assert one("a.xml", "<a>閉じない<b>").text == "<a>閉じない<b>"
        bomb = '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY f SYSTEM "file:///etc/passwd">]><a>本文&x;&f;</a>'
        assert "root:" not in one("a.xml", bomb).text


class TestSubtitles:
    def test_cues_are_lines(self) -> None:
        source = (
            "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>見積を</i>\r\n送ります。\r\n\r\n"
            "2\r\n00:00:03,000 --> 00:00:04,000\r\n{\\an8}See you\r\nsoon.\r\n"
        )
        assert one("a.srt", source).text == "見積を送ります。\nSee you soon."

    def test_the_form_of_the_web(self) -> None:
        source = (
            "WEBVTT - 題\n\nNOTE 覚え\n\nSTYLE\n::cue {}\n\n"
            "intro\n00:01.000 --> 00:02.000 align:start\n<v 山田>はい。</v>\n\n"
            "00:02.000 --> 00:03.000\nはい<00:02.500><c>。</c>\n\n00:03.000 --> 00:04.000\nはい。\n"
        )
        assert one("a.vtt", source).text == "山田: はい。\nはい。"

    def test_readings_entities_and_two_speakers(self) -> None:
        cue = "00:01.000 --> 00:02.000\n{}\n"
        words = "A &amp; B <ruby>漢<rt>かん</rt></ruby>"
        assert one("a.vtt", "WEBVTT\n\n" + cue.format(words)).text == "A & B 漢（かん）"
        assert one("a.srt", "1\n00:" + cue.format("- はい\nそうです\n- &amp; 次")).text == "- はいそうです\n- &amp; 次"


def test_a_book_is_read_in_the_order_of_its_spine() -> None:
    document = one("a.epub", book_file())
    assert document.title == "手引きの本"
    assert document.text == "一章\n\n見積の話。\n\n二章\n\n終わり。"
    assert document.metadata == {"author": "山田", "created": "2024-05-01"}
    assert len(document.headings) == 2


class TestCards:
    def test_lines_that_were_folded_are_whole(self) -> None:
        folded = "SUMMARY:定例会\r\n 議の件"
        raw = calendar(folded, "DTSTART;TZID=Asia/Tokyo:20250603T100000", "DESCRIPTION:一行\\n二行\\, 続き", "UID:7@x")
        document = one("a.ics", raw)
        assert document.title == "定例会議の件"
        assert document.text == "Summary: 定例会議の件\nDtstart: 2025-06-03 10:00\nDescription: 一行\n二行, 続き"

    def test_a_fold_within_a_character(self) -> None:
        data = calendar("SUMMARY:会議").encode().replace("議".encode(), b"\xe8\r\n \xad\xb0")
        assert one("a.ics", data).text == "Summary: 会議"

    def test_cards_in_old_encodings(self) -> None:
        name = "N;CHARSET=SHIFT_JIS;ENCODING=QUOTED-PRINTABLE:=8E=52=\r\n=93=63;=91=BE=98=59"
        photo = "PHOTO;ENCODING=b:AAAA\r\n BBBB"
        card = f"BEGIN:VCARD\r\n{name}\r\n{photo}\r\nitem1.TEL;TYPE=WORK:03-1234\r\nEND:VCARD\r\n"
        assert (
            one("a.vcf", card + "BEGIN:VCARD\r\nFN:佐藤\r\nEND:VCARD").text == "N: 山田 太郎\nTel: 03-1234\n\nFn: 佐藤"
        )

    def test_what_says_nothing_is_refused(self) -> None:
        with pytest.raises(ReadError, match="no text"):
            items("a.ics", calendar("UID:1"))
