"""Mails, mailboxes and what is attached."""

import base64
from email.header import Header
from email.message import EmailMessage
from email.mime.text import MIMEText

import pytest

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.readers.reading import read_source
from sakuin.index.readers.source import MAX_NESTING, Source
from sakuin.index.reasons import Reason
from tests.index.samples import properties, sheet_file, tnef, word_file


def items(data: bytes, name: str = "a.eml") -> list[Document | Skipped]:
    return list(read_source(Source(uri=name, data=data)))


def one(data: bytes, name: str = "a.eml") -> Document:
    (document,) = items(data, name)
    assert isinstance(document, Document)
    return document


def mail(subject: str = "お見積の件", body: str = "見積書を送ります。\n") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "山田 太郎 <yamada@example.jp>"
    message["To"] = "佐藤 <sato@example.jp>, tanaka@example.jp"
    message["Subject"] = subject
    message["Date"] = "Wed, 01 May 2024 10:30:00 +0900"
    message.set_content(body)
    return message


def test_headers_are_metadata_and_the_text_is_the_body() -> None:
    document = one(mail().as_bytes())
    assert document.title == "お見積の件"
    assert document.text == (
        "From: 山田 太郎 <yamada@example.jp>\nTo: 佐藤 <sato@example.jp>, tanaka@example.jp\n\n見積書を送ります。"
    )
    assert document.metadata == {
        "from": "山田 太郎 <yamada@example.jp>",
        "to": ["佐藤 <sato@example.jp>", "tanaka@example.jp"],
        "created": "2024-05-01T10:30:00+09:00",
        "author": "山田 太郎 <yamada@example.jp>",
    }


def test_attachments_are_documents_of_their_own() -> None:
    message = mail()
    for name, data in (
        ("見積書.docx", word_file()),
        ("明細.xlsx", sheet_file()),
        ("見積書.docx", b"no"),
        ("図.png", b"\x89PNG"),
    ):
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    found = items(message.as_bytes())
    assert [each.id for each in found if isinstance(each, Document)] == [
        "a.eml", "a.eml!/見積書.docx", "a.eml!/明細.xlsx#一覧!2", "a.eml!/明細.xlsx#一覧!3",
    ]  # fmt: skip
    assert [(each.uri, each.reason.code) for each in found if isinstance(each, Skipped)] == [
        ("a.eml!/見積書 (2).docx", "not_office"),
        ("a.eml!/図.png", "picture"),
    ]
    first = found[0]
    assert isinstance(first, Document)
    assert first.metadata["attachments"] == ["見積書.docx", "明細.xlsx", "見積書.docx", "図.png"]
    assert first.text.endswith("明細.xlsx\n見積書.docx\n図.png")


def test_of_two_forms_the_plain_one_is_read_unless_it_only_points_to_the_other() -> None:
    message = mail(body="本文の言葉です。")
    message.add_alternative("<p>本文の<b>言葉</b>です。</p>", subtype="html")
    assert one(message.as_bytes()).text.endswith("\n\n本文の言葉です。")
    message = mail(body="HTMLで見てください。")
    message.add_alternative(f"<h1>報告</h1><p>{'中身の言葉です。' * 20}</p>", subtype="html")
    document = one(message.as_bytes())
    assert "HTMLで" not in document.text
    (heading,) = document.headings
    assert document.text[heading.start : heading.end] == "報告"


@pytest.mark.parametrize("charset", ["iso-2022-jp", "shift_jis", "euc-jp", "utf-8"])
def test_old_encodings(charset: str) -> None:
    message = MIMEText("打ち合わせの議事録です。", _charset=charset)
    message["Subject"] = Header("議事録の送付について、長い題名でも切れた所で化けないこと", charset)
    message["From"] = "x@example.jp"
    document = one(message.as_bytes())
    assert document.title == "議事録の送付について、長い題名でも切れた所で化けないこと"
    assert document.text.endswith("打ち合わせの議事録です。")


def test_vendor_characters_in_iso_2022_jp() -> None:
    body = b"\x1b$B" + bytes(byte & 0x7F for byte in "①番の㈱".encode("euc_jis_2004")) + b"\x1b(B"
    data = b"From: x@example.jp\nContent-Type: text/plain; charset=iso-2022-jp\n\n" + body
    assert one(data).text.endswith("①番の㈱")


def test_headers_that_are_not_as_they_should_be() -> None:
    name = base64.b64encode("資料.txt".encode("cp932")).decode()
    halves = "会議".encode("cp932")
    words = [base64.b64encode(halves[:3]).decode(), base64.b64encode(halves[3:]).decode()]
    data = (
        f"Subject: =?Shift_JIS?B?{words[0]}?=\n =?Shift_JIS?B?{words[1]}?=\nFrom: ".encode()
        + "山田".encode("cp932")
        + b" <x@example.jp>\nDate: someday\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        + f'--b\nContent-Type: application/octet-stream; name="=?Shift_JIS?B?{name}?="\n'.encode()
        + b"Content-Transfer-Encoding: base64\n\n"
        + base64.b64encode("資料の中身".encode())
        + b"\n--b--\n"
    )
    letter, attached = items(data)
    assert isinstance(letter, Document)
    assert letter.title == "会議"
    assert letter.metadata["from"] == "山田 <x@example.jp>"
    assert "created" not in letter.metadata
    assert isinstance(attached, Document)
    assert (attached.id, attached.text) == ("a.eml!/資料.txt", "資料の中身")


def test_a_mailbox_and_mails_within_mails() -> None:
    outer = mail("転送", "下のとおりです。\nFrom 五月からです。\n")
    outer.add_attachment(mail("元の件", "元の本文です。"))
    text = outer.as_bytes(unixfrom=False).replace(b"\nFrom ", b"\n>From ")
    box = b"".join(
        b"From x@example.jp Wed May  1 10:30:00 2024\n" + each + b"\n\n" for each in (text, mail().as_bytes())
    )
    found = items(box, "box.mbox")
    assert [each.id for each in found if isinstance(each, Document)] == [
        "box.mbox#message=1", "box.mbox#message=1!/元の件.eml", "box.mbox#message=2",
    ]  # fmt: skip
    inner = found[1]
    assert isinstance(inner, Document)
    assert inner.text.endswith("元の本文です。")


def test_mails_are_read_only_so_deep() -> None:
    message = mail("中")
    for number in range(MAX_NESTING + 2):
        outer = mail(f"外{number}")
        outer.add_attachment(message)
        message = outer
    found = items(message.as_bytes())
    assert len([each for each in found if isinstance(each, Document)]) == MAX_NESTING + 1
    assert [each.reason.code for each in found if isinstance(each, Skipped)] == ["nested_archives"]


def test_a_page_saved_as_one_file() -> None:
    data = (
        b"From: <Saved by Blink>\nSubject: =?utf-8?B?"
        + base64.b64encode("案内の頁".encode())
        + b"?=\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/related; type=text/html; boundary=b\n\n"
        b"--b\nContent-Type: text/html; charset=utf-8\n\n"
        + "<h1>案内</h1><p>本文です。".encode()
        + b"\n--b\nContent-Type: image/png\nContent-Location: a.png\n\nx\n--b--\n"
    )
    document = one(data, "a.mht")
    assert (document.title, document.text) == ("案内の頁", "案内\n\n本文です。")


def test_a_mail_without_a_suffix_is_known_by_its_headers() -> None:
    data = b"Return-Path: <x@example.jp>\r\nReceived: by a;\r\n\tb\r\n" + mail().as_bytes()
    assert one(data, "cur/1714520000.M1:2,S").title == "お見積の件"


def test_what_is_no_mail_is_refused() -> None:
    with pytest.raises(ReadError, match="not a mail"):
        items("ただの文です。".encode())
    with pytest.raises(ReadError, match="not a mail"):
        items("ただの文です。".encode(), "a.mbox")


def body(text: str, kind: str = 'text/plain; charset="utf-8"', coding: str = "utf-8") -> str:
    return one(f"Subject: x\r\nContent-Type: {kind}\r\n\r\n".encode() + text.encode(coding)).text


def test_lines_that_were_broken_to_travel_are_whole() -> None:
    flowed = 'text/plain; charset="utf-8"; format=flowed'
    assert body("The quick \r\nbrown fox.\r\nNext\r\n", flowed) == "The quick brown fox.\nNext"
    assert body("会 \r\n議室 \r\nの件。\r\n", f"{flowed}; delsp=yes") == "会議室の件。"
    quoted = ">> one \r\n>> two\r\n> three \r\nfour\r\n From here\r\n-- \r\nYamada"
    assert body(quoted, flowed) == ">> one two\n> three\nfour\nFrom here\n--\nYamada"
    assert body("The quick \r\nbrown fox.") == "The quick\nbrown fox."


def test_utf_7_is_read() -> None:
    assert body("見積の件", "text/plain; charset=utf-7", "utf-7") == "見積の件"


def with_winmail(packed: bytes, text: str = "本文です。") -> bytes:
    message = mail(body=text)
    message.add_attachment(packed, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    return message.as_bytes()


def test_what_outlook_packs_is_unpacked() -> None:
    name = "見積書 六月.txt".encode("utf-16-le") + b"\0\0"
    said = properties((3, 0x8001, b"\1\0\0\0"), (0x1F, 0x3707, name))
    inner = tnef((0x8004, b"Inner\0"), (0x800C, "中の本文".encode("cp932")), (0x9007, (932).to_bytes(8, "little")))
    forwarded = properties((0xD, 0x3701, bytes(16) + inner))
    packed = tnef(
        (0x9007, (932).to_bytes(8, "little")),
        (0x9003, properties((0x102, 0x1013, "<p>飾った本文</p>".encode("cp932")))),
        *((0x9002, b"\1"), (0x8010, b"MITSUM~1.TXT\0"), (0x800F, "見積の中身".encode()), (0x9005, said)),
        *((0x9002, b"\1"), (0x8010, "転送\0".encode("cp932")), (0x9005, forwarded)),
    )
    letter, first, second = items(with_winmail(packed))
    assert isinstance(letter, Document)
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert letter.metadata["attachments"] == ["見積書 六月.txt", "転送.eml"]
    assert "本文です。" in letter.text
    assert "飾った本文" not in letter.text
    assert (first.id, first.text) == ("a.eml!/見積書 六月.txt", "見積の中身")
    assert (second.id, second.title) == ("a.eml!/転送.eml", "Inner")
    bare, *_ = items(with_winmail(packed, "\n"))
    assert isinstance(bare, Document)
    assert "飾った本文" in bare.text


def test_a_damaged_winmail_costs_itself() -> None:
    packed = tnef((0x9002, b"\1"), (0x9005, b"\1\0\0\0\x1f\0\7\x37"))
    letter, told = items(with_winmail(packed))
    assert isinstance(letter, Document)
    assert isinstance(told, Skipped)
    assert (told.uri, told.reason.code) == ("a.eml!/winmail.dat", "damaged_part")
    whole = [(0x9002, b"\1"), (0x8010, b"a.txt"), (0x800F, b"words of a")]
    letter, told, first = items(with_winmail(tnef(*whole, *whole)[:-9]))
    assert isinstance(first, Document)
    assert (first.id, first.text) == ("a.eml!/a.txt", "words of a")
    assert told == Skipped("a.eml!/winmail.dat", Reason("damaged_part", {"detail": "it is cut off"}))
