import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sakuin.index.errors import ReadError
from sakuin.index.readers.encoding import decode

SENTENCES = [
    "梅雨の時期が始まることを梅雨入りという。",
    "今日は天気がいいですね！",
    "東京都の人口は約1,400万人です。",
    "データベースの設定を変更してください。",
    "「表示」と「機能」の違いは何ですか？",
    "Python 3.11 を使います。",
    "彼女は（とても）嬉しそうに笑った。\n",
    "価格：１，２００円　税込",
    "ソフトウェアの予約は能登支店へ。\r\n",
    "The quick brown fox. ",
]
japanese = (
    st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=30)
    .map("".join)
    .filter(lambda text: any("\u3041" <= character <= "\u3096" for character in text))
)
anything = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"], exclude_characters="\ufeff"), max_size=200
)


@given(japanese, st.sampled_from(["cp932", "euc_jp", "iso2022_jp", "utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_japanese_text_comes_back_whatever_its_encoding(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


@given(japanese, st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_utf16_without_a_mark_is_known_by_its_nul_bytes(text: str, encoding: str) -> None:
    text += " - 1\n"
    assert decode(text.encode(encoding)) == (text, encoding)


def may_be_euc_jp(text: str) -> bool:
    try:
        text.encode().decode("euc_jp")
    except UnicodeDecodeError:
        return False
    return not text.isascii()


@given(anything.filter(lambda text: not may_be_euc_jp(text)), st.sampled_from(["utf-8", "utf-8-sig"]))
def test_any_unicode_text_comes_back_from_utf8(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_a_read_error(data: bytes) -> None:
    try:
        text, encoding = decode(data)
    except ReadError:
        return
    # Nothing was lost or replaced on the way.
    assert "\ufffd" not in text or "\ufffd".encode(encoding) in data
    assert isinstance(text, str)


# Includes ソ, 表, 能, 予, whose second byte is a backslash or a letter, vendors' characters, words of rare kanji only.
# fmt: off
SHORT = [
    "あ", "ア", "はい", "日本", "梅雨", "表示", "ソ", "能", "予定", "檸檬", "薔薇", "①", "①②", "資料㈱", "髙橋", "～",
    "。", "金", "山田 太郎\n", "データ,1", "hello 世界", "A日B", "1,ﾔﾏﾀﾞ,100\n2,ｽｽﾞｷ,200\n", "ｶﾀｶﾅ", "ｱｲｳ",
]
# fmt: on


@pytest.mark.parametrize("text", SHORT)
def test_short_shift_jis(text: str) -> None:
    assert decode(text.encode("cp932")) == (text, "cp932")


@pytest.mark.parametrize(
    "text", ["日本", "はい", "東京都", "テスト", "山田 太郎\n", "価格表", "会議の①資料", "印刷", "今日は天気がいい。"]
)
def test_short_euc_jp(text: str) -> None:
    assert decode(text.encode("euc_jis_2004"))[0] == text


def test_long_texts_in_the_old_encodings() -> None:
    text = "".join(random.Random(1).choices(SENTENCES, k=3000))
    for encoding in ("cp932", "euc_jp", "iso2022_jp"):
        assert decode(text.encode(encoding)) == (text, encoding)


def test_japanese_far_behind_ascii_is_found() -> None:
    text = "plain line\n" * 20_000 + "やっと日本語です。"
    assert decode(text.encode("cp932")) == (text, "cp932")
    assert decode(text.encode("euc_jp")) == (text, "euc_jp")


def test_iso_2022_jp_with_vendor_characters_and_half_width_katakana() -> None:
    vendor = b"\x1b$B-!\x1b(B no 1"
    assert decode(vendor) == ("① no 1", "iso2022_jp")
    assert decode("カナとｶﾅ".encode("iso2022_jp_ext"))[0] == "カナとｶﾅ"


@pytest.mark.parametrize(
    "text", ["café au lait", "Résumé of Müller", "Où êtes-vous? Là-bas.", "Price £5 — 10°", "“quoted”"]
)
def test_western_text(text: str) -> None:
    assert decode(text.encode("cp1252")) == (text, "cp1252")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Привет, как дела? Это проверка кодировки.", "cp1251"),
        ("中文文本，测试一下编码。我们今天去公园散步，天气很好。", "gb18030"),
        ("안녕하세요. 테스트입니다. 한국어 문장을 읽어 보겠습니다.", "cp949"),
    ],
)
def test_other_languages_are_not_taken_for_japanese(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, encoding)


def test_a_declared_encoding_is_believed_where_it_fits() -> None:
    assert decode("café £5".encode("cp1250", "ignore"), "windows-1250")[1] == "cp1250"
    assert decode("表示".encode("cp932"), "x-sjis") == ("表示", "cp932")
    # Declared by a template, but saved in something else.
    assert decode("表示する。".encode(), "shift_jis") == ("表示する。", "utf-8")
    assert decode("今日は天気がいい。".encode("euc_jp"), "shift_jis") == ("今日は天気がいい。", "euc_jp")
    assert decode("表示する".encode("cp932"), "no-such-charset") == ("表示する", "cp932")
    assert decode("表示する".encode("cp932"), "rot13") == ("表示する", "cp932")


APOSTROPHES = ["We don’t deliver on Sundays. It’s the driver’s day off.", "You’ll need the owner’s key.", "I’m late."]


@pytest.mark.parametrize("text", APOSTROPHES)
def test_apostrophes_of_windows_are_no_kanji(text: str) -> None:
    assert decode(text.encode("cp1252")) == (text, "cp1252")


@pytest.mark.parametrize(
    "text",
    [
        "請求書\n合計金額\n消費税込み 120,000円\n",
        "id,name\n1,佐藤太郎\n2,鈴木花子\n",
        "目次\n第一章 総則\n第二章 会員\n",
        "1970年",
    ],
)
def test_euc_jp_without_kana_is_neither_korean_nor_chinese(text: str) -> None:
    assert decode(text.encode("euc_jp")) == (text, "euc_jp")


@pytest.mark.parametrize("text", ["café", "Ünal", "naïve ½", "αβγ", "Привет", "£5"])
def test_a_few_letters_in_utf8_are_no_euc_jp(text: str) -> None:
    assert decode(text.encode()) == (text, "utf-8")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Zażółć gęślą jaźń. To jest książka, której szukałem.", "cp1250"),
        ("Καλημέρα σας, πώς είστε σήμερα;", "cp1253"),
        ("Yarın sabah görüşmek üzere, iyi akşamlar dilerim.", "cp1254"),
        ("Привет, как дела? Это проверка.", "koi8_r"),
        ("Привет, как дела? Это проверка.", "cp866"),
        ("我們今天去公園散步，天氣很好。", "cp950"),
        ("It’s the driver’s day off, and we don’t mind.", "mac_roman"),
    ],
)
def test_encodings_of_other_systems(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, encoding)


@pytest.mark.parametrize("data", [b"\xc5\xc5 1", b"x\xb1\xb2y", "Tháng Năm".encode("cp1258")])
def test_what_may_be_several_things_is_refused(data: bytes) -> None:
    with pytest.raises(ReadError, match="certain"):
        decode(data)


def test_what_is_declared_decides_between_two_readings() -> None:
    data = "Tháng Năm".encode("cp1258")
    assert decode(data, "windows-1258") == ("Tháng Năm".encode("cp1258").decode("cp1258"), "cp1258")


def test_a_line_of_another_kind_far_down_is_seen() -> None:
    text = "It’s late.\n" + "plain line\n" * 50_000 + "The café isn’t open.\n"
    assert decode(text.encode("cp1252")) == (text, "cp1252")


@pytest.mark.parametrize("filler", ["x " * 60_000, "y\n" * 60_000, "z" * 200_000])
@pytest.mark.parametrize("between", ["", "表示を予約する。"])
def test_what_stands_far_down_or_in_a_long_line_is_seen(filler: str, between: str) -> None:
    text = between + filler + "東京で会いましょう。" + filler + "終わり"
    for encoding in ("cp932", "euc_jp"):
        assert decode(text.encode(encoding)) == (text, encoding)


def test_nothing_but_a_mark_is_an_empty_text() -> None:
    assert decode(b"\xef\xbb\xbf")[0] == ""
    assert decode(b"\xff\xfe")[0] == ""


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4,
        bytes(range(256)),
        b"abc\0def",
        b"\0" * 1000,
        random.Random(0).randbytes(100_000),
        b"%PDF-1.4 readable header\n" * 10 + random.Random(0).randbytes(100_000),
        b"\xff\xfe" + b"\x01\x00\x02\xe0" * 100,
    ],
)
def test_binary_data(data: bytes) -> None:
    with pytest.raises(ReadError, match="binary"):
        decode(data)


def test_a_stray_nul_does_not_make_a_text_binary() -> None:
    assert decode(b"hello world " * 50 + b"\0")[1] == "utf-8"


@pytest.mark.parametrize(
    "data",
    [
        "日本語です。".encode() + "日本語です。".encode("cp932"),
        "日本語です。".encode("cp932") * 20 + "日本語です。".encode(),
        "日本語です。".encode("euc_jp") * 20 + "日本語です。".encode(),
        "日本語です。".encode()[:-1],
        ("plain text " * 100 + "“é”").encode() + b"\x93x\x94",
    ],
)
def test_text_that_cannot_be_decoded_without_loss_is_refused(data: bytes) -> None:
    with pytest.raises(ReadError, match="byte"):
        decode(data)


def test_a_wrong_byte_order_mark_is_refused() -> None:
    with pytest.raises(ReadError, match="UTF-16"):
        decode(b"\xff\xfea")
    with pytest.raises(ReadError, match="UTF-8"):
        decode(b"\xef\xbb\xbf\xff")


@pytest.mark.parametrize("cut", [1, 2, -1, -2])
def test_utf_8_that_was_cut_within_a_character_is_read(cut: int) -> None:
    data = "予約は三日前までに申し込む。".encode()
    assert decode(data[cut:] if cut > 0 else data[:cut]) == (
        "約は三日前までに申し込む。" if cut > 0 else "予約は三日前までに申し込む", "utf-8",
    )  # fmt: skip


def test_little_that_was_cut_and_what_is_broken_inside_is_not() -> None:
    for data in ("申請書".encode()[:-1], "予約は三日前".encode() + b"\xe3" + "までに申し込む。".encode()):
        with pytest.raises(ReadError):
            decode(data)
