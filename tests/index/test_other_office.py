"""OpenDocument, rich text, mails of Outlook, and files of the old kind."""

import stat
from pathlib import Path

import pytest

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.outlook import unpacked
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import Source
from tests.index.samples import OLD_SHEET, compound, open_file, outlook_file, word_file


def items(name: str, data: bytes) -> list[Document | Skipped]:
    return list(read_source(Source(uri=name, data=data)))


def one(name: str, data: bytes) -> Document:
    (document,) = items(name, data)
    assert isinstance(document, Document)
    return document


def p(words: str) -> str:
    return f"<text:p>{words}</text:p>"


def item(*inner: str) -> str:
    return f"<text:list-item>{''.join(inner)}</text:list-item>"


def blocks(document: Document) -> list[str]:
    return document.text.split("\n\n")


class TestOpenDocument:
    def test_text_notes_tables_and_text_boxes_stand_where_a_reader_sees_them(self) -> None:
        mark = "<text:note-citation>1</text:note-citation>"
        note = f"<text:note>{mark}<text:note-body>{p('土日を除く。')}</text:note-body></text:note>"
        comment = f"<office:annotation><dc:creator>山田</dc:creator>{p('要確認')}</office:annotation>"
        box = f"<draw:text-box>{p('箱の言葉')}</draw:text-box>"
        frame = f"<draw:frame>{box}<svg:desc>図の言葉</svg:desc></draw:frame>"
        cells = "".join(f"<table:table-cell>{p(words)}</table:table-cell>" for words in ("品", "数"))
        row = f"<table:table-row>{cells}</table:table-row>"
        ruby = "<text:ruby><text:ruby-base>漢字</text:ruby-base><text:ruby-text>かんじ</text:ruby-text></text:ruby>"
        body = (
            "<text:tracked-changes><text:p>消した</text:p></text:tracked-changes>"
            "<text:h text:outline-level='2'>見出し</text:h>"
            f"<text:p>期限は<text:s text:c='2'/>十日{note}と{comment}する。{frame}</text:p>"
            f"<text:section><table:table>{row}{row}</table:table></text:section>"
            f"{p(ruby + 'です。')}"
        )
        document = one("a.odt", open_file(f"<office:text>{body}</office:text>"))
        noted = ("期限は  十日[1]とする。", "[1] 土日を除く。", "山田: 要確認")
        expected = ["見出し", *noted, "箱の言葉", "図の言葉", "品 | 数\n品 | 数", "漢字（かんじ）です。"]
        assert blocks(document) == expected
        assert document.headings[0].level == 2

    def test_automatic_numbers(self) -> None:
        def level(number: int, extra: str) -> str:
            return f"<text:list-level-style-number text:level='{number}' {extra}/>"

        levels = level(1, "style:num-prefix='第' style:num-suffix='条' style:num-format='1'")
        levels += level(2, "style:num-suffix=')' style:num-format='a'")
        bullets = "<text:list-level-style-bullet text:level='1' text:bullet-char='•'/>"
        styles = (
            f"<text:list-style style:name='L1'>{levels}</text:list-style>"
            f"<text:list-style style:name='L2'>{bullets}</text:list-style>"
        )
        inner = f"<text:list>{item(p('甲'))}{item(p('乙'))}</text:list>"
        body = (
            f"<text:list text:style-name='L1'>{item(p('目的'))}{item(p('定義'), inner)}</text:list>"
            f"<text:list text:style-name='L1' text:continue-numbering='true'>{item(p('解約'))}</text:list>"
            f"<text:list text:style-name='L2'>{item(p('点'))}</text:list>"
        )
        expected = ["第1条 目的", "第2条 定義", "a) 甲", "b) 乙", "第3条 解約", "点"]
        assert blocks(one("a.odt", open_file(body, styles))) == expected

    def test_headers_equations_and_properties(self) -> None:
        header = f"<style:header>{p('規程 KX-1')}</style:header><style:footer>{p('- 1 -')}</style:footer>"
        equation = "<math><semantics><mi>x</mi><annotation>{a} over {b}</annotation></semantics></math>"
        meta = (
            "<office:document-meta NAMES><dc:title>旅費規程</dc:title><meta:initial-creator>山田</meta:initial-creator>"
            "<dc:creator>佐藤</dc:creator><meta:creation-date>2024-05-01T09:00:00</meta:creation-date>"
            "<dc:date>2025-01-31T09:00:00</dc:date></office:document-meta>"
        )
        data = open_file(
            "<text:p>式は<draw:frame><draw:object xlink:href='./Object 1'/></draw:frame>です。</text:p>",
            f"<style:master-page>{header}</style:master-page>",
            **{
                "Object 1__content.xml": equation,
                "meta.xml": meta,
            },
        )
        document = one("a.odt", data)
        assert blocks(document) == ["規程 KX-1", "式はです。", "{a} over {b}"]
        assert document.title == "旅費規程"
        assert document.metadata == {
            "author": "山田", "modified_by": "佐藤", "created": "2024-05-01", "modified": "2025-01-31",
        }  # fmt: skip

    def test_a_mark_in_superscript_is_no_part_of_its_word(self) -> None:
        styles = "<style:style style:name='T1'><style:text-properties style:text-position='super 58%'/></style:style>"
        raised = "<text:span text:style-name='T1'>{}</text:span>"
        body = p(f"revenue{raised.format(1)} of 5 km{raised.format(2)}")
        assert one("a.odt", open_file(body, styles)).text == "revenue 1 of 5 km2"

    def test_pages_of_a_presentation_are_sections(self) -> None:
        def frame(words: str, kind: str) -> str:
            box = f"<draw:text-box>{p(words)}</draw:text-box>"
            return f"<draw:frame presentation:class='{kind}'>{box}</draw:frame>"

        pages = "".join(
            f"<draw:page>{frame('本文' + name, 'outline')}{frame('題' + name, 'title')}{frame('7', 'page-number')}"
            f"<presentation:notes>{frame('話' + name, 'notes')}</presentation:notes></draw:page>"
            for name in ("一", "二")
        )
        document = one("a.odp", open_file(f"<office:presentation>{pages}</office:presentation>"))
        assert blocks(document) == ["題一", "本文一", "話一", "題二", "本文二", "話二"]
        assert len(document.headings) == 2

    def test_what_is_hidden_is_not_read_and_hidden_pages_are_told(self) -> None:
        styles = (
            "<style:style style:name='H'><style:text-properties text:display='none'/></style:style>"
            "<style:style style:name='P'><style:drawing-page-properties presentation:visibility='hidden'/>"
            "</style:style>"
        )
        body = (
            "<text:p>見える<text:span text:style-name='H'>隠し</text:span></text:p>"
            "<text:p text:style-name='H'>段落</text:p>"
            f"<text:section text:display='none'>{p('節')}</text:section><text:section>{p('後')}</text:section>"
            "<text:p><text:hidden-text text:is-hidden='true'>語</text:hidden-text>末</text:p>"
            "<text:p><text:hidden-paragraph text:is-hidden='true'/>文</text:p>"
        )
        assert blocks(one("a.odt", open_file(body, styles))) == ["見える", "後", "末"]
        box = f"<draw:frame><draw:text-box>{p('控え')}</draw:text-box></draw:frame>"
        pages = f"<draw:page>{box}</draw:page><draw:page draw:style-name='P'>{box}</draw:page>"
        slides = one("a.odp", open_file(f"<office:presentation>{pages}</office:presentation>", styles))
        assert slides.metadata["hidden_slides"] == [2]

    @pytest.mark.parametrize("content", [b"PK\3\4 no", b"\xd0\xcf\x11\xe0" * 99, word_file(), b"text"])
    def test_other_files_are_refused(self, content: bytes) -> None:
        with pytest.raises(ReadError, match="OpenDocument"):
            items("a.odt", content)


class TestRichText:
    def test_text_in_the_encodings_of_its_fonts(self) -> None:
        source = (
            rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset128 MS Mincho;}}"
            rb"{\info{\title\f1 \'8c\'a9\'90\'cf}{\author Yamada}}"
            rb"\f0 caf\'e9 \f1\'8c\'a9\'90\'cf\par \u26085?\u26412?\par}"
        )
        document = one("a.rtf", source)
        assert (document.title, document.text) == ("見積", "café 見積\n日本")
        assert document.metadata == {"author": "Yamada"}

    def test_footnotes_and_headers_are_not_lost(self) -> None:
        source = rb"{\rtf1\ansi\ansicpg932 {\header KX-1\par}\'8c\'a9{\super 1{\footnote note \'90\'cf}} end\par}"
        assert blocks(one("a.rtf", source)) == ["見1 end", "KX-1", "note 積"]

    def test_what_is_hidden_or_deleted_is_not_read(self) -> None:
        page = rb"{\rtf1\ansi\ansicpg932 "
        inner = rb"seen{\v \'89\'42\u26085? {\b deep}} here\v gone\v0  too{\deleted old} \v lost\plain  end\par}"
        assert one("a.rtf", page + inner).text == "seen here too  end"

    def test_it_is_known_under_another_name(self) -> None:
        assert one("a.doc", rb"{\rtf1\ansi words}").text == "words"
        assert one("a.bin", rb"{\rtf1\ansi words}").text == "words"


class TestOutlook:
    def test_a_mail(self) -> None:
        texts = {
            0x0037: "見積の件",
            0x1000: "本文です。",
            0x0C1A: "山田",
            0x5D01: "yamada@example.jp",
            0x0E04: "佐藤; 田中",
        }
        document = one("a.msg", outlook_file(texts))
        assert document.title == "見積の件"
        assert document.text == "From: 山田 <yamada@example.jp>\nTo: 佐藤, 田中\n\n本文です。"
        assert document.metadata == {
            "author": "山田 <yamada@example.jp>", "from": "山田 <yamada@example.jp>", "to": ["佐藤", "田中"],
            "created": "2024-05-01T01:30:00+00:00",
        }  # fmt: skip

    def test_attachments_and_mails_within(self) -> None:
        first, second = "__attach_version1.0_#00000000/", "__attach_version1.0_#00000001/"
        inner = f"{second}__substg1.0_3701000D/"
        more = {
            f"{first}__substg1.0_3707001F": "見積書.docx".encode("utf-16-le"),
            f"{first}__substg1.0_37010102": word_file(),
            f"{inner}__substg1.0_0037001F": "元の件".encode("utf-16-le"),
            f"{inner}__substg1.0_1000001F": "元の本文です。".encode("utf-16-le"),
        }
        found = items("a.msg", outlook_file(more=more))
        assert [each.id for each in found if isinstance(each, Document)] == [
            "a.msg",
            "a.msg!/見積書.docx",
            "a.msg!/元の件.eml",
        ]
        last = found[-1]
        assert isinstance(last, Document)
        assert last.text == "元の本文です。"

    def test_old_texts_are_in_the_code_page_of_the_mail(self) -> None:
        more = {
            "__substg1.0_0037001E": "古い件名".encode("cp932"),
            "__substg1.0_1000001E": "古い本文です。".encode("cp932"),
        }
        document = one("a.msg", outlook_file({0x0C1A: "x"}, more))
        assert (document.title, document.text.split("\n\n")[1]) == ("古い件名", "古い本文です。")

    def test_compressed_rich_text(self) -> None:
        # The two examples of MS-OXRTFCP.
        first = bytes.fromhex(
            "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
        )
        assert unpacked(first) == rb"{\rtf1\ansi\ansicpg1252\pard hello world}" + b"\r\n"
        second = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
        assert unpacked(second) == rb"{\rtf1 WXYZWXYZWXYZWXYZWXYZ}"


class TestOldOffice:
    WORD = compound({"WordDocument": b"\xec\xa5" * 99})

    def test_without_libreoffice_the_reason_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        with pytest.raises(ReadError, match=r"install LibreOffice, or save it as \.docx"):
            items("a.doc", self.WORD)
        with pytest.raises(ReadError, match=r"install LibreOffice, or save it as \.pptx"):
            items("a.ppt", compound({"PowerPoint Document": b"x"}))

    def test_what_libreoffice_makes_of_it_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "made.docx").write_bytes(word_file())
        program = tmp_path / "soffice"
        # Its arguments end in --outdir, the folder, and the file.
        program.write_text(f'#!/bin/sh\nfor last; do :; done\ncp "{tmp_path}/made.docx" "${{last%.doc}}.docx"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        document = one("古い.doc", self.WORD)
        assert (document.id, document.title) == ("古い.doc", "見積の手引き")
        program.write_text("#!/bin/sh\nexit 1\n")
        with pytest.raises(ReadError, match="could not convert"):
            items("古い.doc", self.WORD)

    def test_kinds_are_told_by_what_is_in_them(self) -> None:
        assert "見積作成" in items("a.doc", OLD_SHEET)[0].text  # type: ignore[union-attr]
        assert one("a.bin", outlook_file()).title == "見積の件"
        assert one("a.doc", "<html><p>ページ</p>".encode()).text == "ページ"
        with pytest.raises(ReadError, match="binary"):
            items("a.doc", compound({"Something": b"x"}))
