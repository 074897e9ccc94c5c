"""The analyser: what is folded together, what can be found by part, and where a term stands in its text."""

import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sakuin.index.text import MAX_TERM_CHARACTERS, Analyser, folding, is_japanese, japanese, mecab, other_scripts
from sakuin.index.text.compiled import native
from sakuin.index.text.signs import ALL, signs

ANALYSER = Analyser()

AWKWARD = st.text(
    st.one_of(
        st.characters(),  # every character there is, lone surrogates among them
        st.sampled_from(
            "ｶﾞﾊﾟｻｰ-ー〜~ヴァィサバ々佐木髙﨑\u3099\u0301\u1112\u1161\u11abの走ったAaé１Ⅷ㈱㍿ﬁ_.,'’+# \n\t\x00\ud800"
        ),
    ),
    max_size=60,
)


def words_at(text: str) -> list[tuple[str, str]]:
    return [(term, text[start:end]) for term, start, end in ANALYSER.spans(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("ｻｰﾊﾞｰ", "サーバー"),
        ("ｻ-ﾊﾞ-", "サーバー"),
        ("サーバー", "サーバ"),
        ("サーバーを再起動", "サーバを再起動"),
        ("すごーーーい", "すごーい"),
        ("ら〜めん", "らーめん"),
        ("らーめん", "ら～めん"),
        ("コンピュ−タ", "コンピュータ"),
        ("ヴァイオリン", "バイオリン"),
        ("髙島屋", "高島屋"),
        ("山﨑", "山崎"),
        ("國學院", "国学院"),
        ("関ヶ原", "関ケ原"),
        ("佐々木", "佐佐木"),
        ("㈱", "(株)"),
        ("か\u3099", "が"),
        ("running", "runs"),
        ("Connections", "connection"),
        ("STRASSE", "Straße"),
        ("Café", "cafe"),
        ("Don’t", "don't"),
        ("France's", "France"),
        ("Don‘t", "Donʼt"),
        ("社⻑の⻄口", "社長の西口"),
        ("⻘空の⺠", "青空の民"),
        ("⽇本", "日本"),
        ("部下を𠮟る", "部下を叱る"),
        ("𠮷田", "吉田"),
        ("冨田", "富田"),
        ("桒原", "桑原"),
        ("渡邉", "渡邊"),
        ("綠燈", "緑灯"),
        ("福\ufa1b", "福福"),
        ("辻\U000e0100さん", "辻さん"),
        ("葛\ufe00城", "葛城"),
        ("請\u200b求\u200b書", "請求書"),
        ("elec\u00adtro\u00admag\u00adnetic", "electromagnetic"),
        ("electro\u00ad\n magnetic", "electromagnetic"),
        ("re\u2060placed", "replaced"),
        ("micro\u200bprocessor", "microprocessor"),
        ("\ufeffword", "word"),
        ("ab\u200dc", "abc"),
        ("WK‐6064", "WK-6064"),
        ("WK‑6064", "WK-6064"),
        ("WK−6064", "WK-6064"),
        ("WK–6064", "WK-6064"),
        ("WK—6064", "WK-6064"),
        ("WKー6064", "WK-6064"),
        ("ＷＫ－６０６４", "WK-6064"),
        ("well‑known", "well-known"),
        ("サ−バ−", "サーバー"),
        ("サ―ビス", "サービス"),
        ("サ－ビス", "サービス"),
        ("コピ−を取る", "コピーを取る"),
        ("ら－めん", "らーめん"),
        ("👍🏽", "👍"),
        ("❤️", "❤"),
    ],
)
def test_written_differently_and_read_alike(one: str, other: str) -> None:
    assert Counter(ANALYSER.terms(one)) == Counter(ANALYSER.terms(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("コピー", "コピ"),
        ("カレー", "彼"),
        ("サーバ", "サバ"),
        ("й", "и"),
        ("東京", "京東"),
        ("C++", "C"),
        ("1.5", "15"),
        ("🎉", "👍"),
        ("🇯🇵", "🇵🇯"),
        ("one—two", "onetwo"),
        ("タワー1−2", "タワー12"),
    ],
)
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert Counter(ANALYSER.terms(one)) != Counter(ANALYSER.terms(other))


@pytest.mark.parametrize("word", ["りそな", "あさがお", "せたな", "さつま", "みかん", "まつりばやし", "らー"])
@pytest.mark.parametrize(
    "sentence", ["{}の窓口は三時に閉まる。", "新しい{}と古い{}の違い。", "夏休みに{}を見た。", "これは{}です"]
)
def test_words_in_hiragana_are_found_in_sentences(word: str, sentence: str) -> None:
    wanted = set(ANALYSER.terms(word))
    assert wanted
    assert wanted & set(ANALYSER.terms(sentence.format(word, word)))
    assert {term for term in wanted if len(term) == 2} <= set(ANALYSER.terms(sentence.format(word, word)))


def test_endings_and_particles_make_no_terms() -> None:
    assert not ANALYSER.terms("について、は、から、まで、している")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("走る", "猫が走った。"),
        ("決済", "資金決済法の改正"),
        ("資金決済", "資金決済法の改正"),
        ("鯛", "真鯛の刺身"),
        ("東京", "東\n京タワー"),
        ("foo_bar", "call foo_bar()"),
        ("bar", "call foo_bar()"),
        ("fooBar", "call foo_bar()"),
        ("AB1234", "型番AB-1234です"),
        ("1234", "型番AB-1234です"),
        ("v1.2.3", "release v1.2.3, yesterday"),
        ("C++", "言語はC++です"),
        ("c#", "written in C#."),
        ("1000", "１，０００円"),
        ("привет", "Привет, мир"),
        ("हिन्दी", "यह हिन्दी है"),
        ("한국어", "한국어 문서"),
        ("مرحبا", "مرحبا بالعالم"),
        ("𠮷", "𠮷野家"),
    ],
)
def test_every_term_of_the_query_is_in_the_text(query: str, text: str) -> None:
    terms = set(ANALYSER.terms(query))
    assert terms
    assert terms <= set(ANALYSER.terms(text))


@pytest.mark.parametrize("text", ["", " \n", "、。！？", "§†", "\x00", "\ud800", "のは"])
def test_nothing_to_index(text: str) -> None:
    assert ANALYSER.terms(text) == []
    assert ANALYSER.spans(text) == []


@pytest.mark.parametrize(
    ("text", "term", "original"),
    [
        ("社名は㈱ＡＢＣです", "abc", "ＡＢＣ"),
        ("社名は㈱ＡＢＣです", "株", "㈱"),
        ("全部ｶﾞｷﾞの話", "ガギ", "ｶﾞｷﾞ"),
        ("大きなヴァイオリン", "バイオリン", "ヴァイオリン"),
        ("猫は走った", "走る", "走っ"),
        ("サーバーが", "サーバ", "サーバー"),
        ("東\n京に", "東京", "東\n京"),
        ("ﬁles and more", "file", "ﬁles"),
        ("一行目\x00\r\nfoo-bar", "foobar", "foo-bar"),
    ],
)
def test_spans_point_at_the_original_characters(text: str, term: str, original: str) -> None:
    assert (term, original) in words_at(text)


@settings(max_examples=400)
@given(AWKWARD)
@example("ー" * 10)
@example("々々々々ヽ")
@example("ヴ" * 5)
@example("サーバーーーー〜〜")
@example("あ" * 4100 + "。ａ")
@example("漢字 " * 1500)
def test_spans_are_the_terms_and_lie_in_the_text(text: str) -> None:
    spans = ANALYSER.spans(text)
    assert Counter(ANALYSER.terms(text)) == Counter(term for term, _, _ in spans)
    for term, start, end in spans:
        assert 0 <= start < end <= len(text)
        assert 0 < len(term) <= MAX_TERM_CHARACTERS
        assert not any(character.isspace() for character in term)
        term.encode()


def test_every_character_that_composes_keeps_spans_and_terms_together() -> None:
    composing = [
        chr(code)
        for code in range(0x80, sys.maxunicode + 1)
        if unicodedata.category(chr(code))[0] == "M" or 0x1100 <= code <= 0x11FF or 0xFF66 <= code <= 0xFFDC
    ]
    for mark in composing:
        text = f"a{mark}か{mark}\u1112{mark}"
        assert Counter(ANALYSER.terms(text)) == Counter(term for term, _, _ in ANALYSER.spans(text))


def test_a_batch_is_its_texts_one_by_one() -> None:
    texts = ["猫が走る", "", "running dogs", "東京"]
    assert ANALYSER.joined(texts) == [" ".join(ANALYSER.terms(text)) for text in texts]


def test_terms_are_japanese_or_not() -> None:
    assert all(map(is_japanese, ANALYSER.terms("京都の寺院サーバー")))
    assert not any(map(is_japanese, ANALYSER.terms("foo_bar C++ 12 привет 한국어")))


def test_the_name_carries_the_dictionary() -> None:
    assert "ipadic-" in ANALYSER.name
    assert Analyser().name == ANALYSER.name


def test_a_long_text_without_a_break() -> None:
    assert ANALYSER.terms("吾輩は猫である" * 20_000).count("吾輩") >= 20_000


def same_by_patterns(text: str) -> bool:
    return all(japanese.terms(text, s) == japanese.terms_by_patterns(text, s) for s in (signs(text), ALL))


@pytest.mark.skipif(native is None, reason="it was not compiled: is there a C compiler?")
@given(
    stream=st.text("休暇のーコ々𠮷ﾊa \n", max_size=40),
    anything=st.text(max_size=40),
    katakana=st.text("サバーー  \n\u3000あ漢a-𠮷ﾊ\u3099々ゝヽ", max_size=40),
    words=st.lists(
        st.sampled_from(["サーバー", "コピー", "佐々木", "いすゞ", "ハヽ", "走った", "これ", "ので", "の", "騒々しい"])
    ).map("".join),
)
@settings(max_examples=300)
@example("サーバー の サー バー、コピー。サーバーー", "漢\x1c字 \n字\u2028字\x00ー", "々々々 漢々々ゝヽ", "")
@example("アスパラガスー" * 400, "サ" * 1999 + " バー" * 9, " 佐" * 3000, "")
def test_terms_are_the_same_compiled_and_by_patterns(stream: str, anything: str, katakana: str, words: str) -> None:
    for text in (stream, anything, katakana, words, stream + anything + words, anything + katakana + stream):
        assert same_by_patterns(text)


@pytest.mark.skipif(native is None, reason="it was not compiled: is there a C compiler?")
def test_so_are_those_of_every_character() -> None:
    assert same_by_patterns("".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000))


@pytest.mark.skipif(native is None, reason="it was not compiled: is there a C compiler?")
def test_so_are_those_around_every_character() -> None:
    every = [chr(code) for code in range(0x10100) if not 0xD800 <= code < 0xE000 and (code < 0x3400 or code >= 0xFA00)]
    for text in ("あ".join(every), "アアー".join(every), "".join(f"漢{c}字" for c in every)):
        assert same_by_patterns(text)


def test_no_japanese_word_is_longer_than_a_term() -> None:
    text = "".join(map(chr, range(ord("ァ"), ord("ヺ")))) * 20 + "亜" * 3000 + "ー" * 300
    assert max(map(len, Analyser().terms(text))) <= MAX_TERM_CHARACTERS


@pytest.mark.skipif(native is None, reason="it was not compiled: is there a C compiler?")
def test_no_sign_is_missed() -> None:
    """Every pattern that matches has its sign: of each character by itself, and between neighbours of all kinds."""
    beside = [
        "",
        "a",
        "1",
        "９",
        "～",
        "あ",
        "ア",
        "ー",
        "ヴ",
        "漢",
        " ",
        "-",
        "~",
        "ﾊ",
        "'",
        "々",
        "\u3099",
        "é",
        "、",
    ]
    every = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and (c < 0x3400 or c >= 0xA000 or c % 97 == 0)]
    texts = [*every, *(a + b + c for a in beside for b in beside for c in beside)]
    texts += [a + c + b for c in "-‐–—―−─━－﹘〜~ー'’ゝヽ々,._" for a in beside for b in beside]
    for text, plain in zip(texts, folded_by_patterns(texts), strict=True):
        compiled = folding.folded(text)
        assert compiled == plain, ascii(text)
        found = signs(compiled)
        assert sorted(japanese.terms(compiled, found).split()) == sorted(japanese.terms(compiled, ALL).split()), ascii(
            text
        )
        assert other_scripts.terms(compiled, found) == other_scripts.terms(compiled, ALL), ascii(text)


@pytest.mark.skipif(native is None, reason="it was not compiled: is there a C compiler?")
@given(
    st.text("aZ09'-_.,+# あ漢ー", max_size=30), st.text("サーヴァ髙﨑𠮷ヶＡ９～＇－！　ー〜~a", max_size=20), AWKWARD
)
@settings(max_examples=300)
@example("don't-stop 1,000-2,000_x 1-2 a-1 'tis ''a C++ c#x", "サー～～バ", "")
def test_words_and_folding_are_the_same_compiled_and_by_patterns(words: str, wide: str, anything: str) -> None:
    for text in (words, wide, anything, words + wide, wide + anything):
        folded = folding.folded(text)
        assert [folded] == folded_by_patterns([text])
        assert other_scripts.terms(folded, signs(folded)) == other_scripts.terms(folded, ALL)


def folded_by_patterns(texts: Sequence[str]) -> list[str]:
    """Texts folded by trying every pattern."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(folding, "signs", lambda _: ALL)
        return [folding.folded(text) for text in texts]


def by_fugashi(monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> object:
    with monkeypatch.context() as patched:
        patched.setattr(mecab, "_direct", lambda: None)
        return call()


@pytest.mark.skipif(native is None, reason="the analysis was not compiled when sakuin was installed")
class TestWordsFoundByOurselves:
    def test_is_what_is_used(self) -> None:
        assert mecab._direct()

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        text=st.lists(
            st.one_of(
                st.sampled_from("東京都に住んだ人サーバー々ゞヴィ走ったりんご怪我を見す𠮟るるｶaé１,=…٣Яαｦ"),
                st.sampled_from(
                    ["すもももも", "ああああああ", "ヴヷヹ" * 5, "一二三四", "漢字仮名交じり文", "🍺", "  "]
                ),
                st.characters(categories=("L", "N", "P", "S")),
            ),
            max_size=60,
        ).map("".join)
    )
    @example(text="")
    @example(text="  ")
    @example(text="ワード " * 3)
    @example(text="ヴ" * 24 + "外ヴ" + "ヴ" * 25)
    @example(text="すもももももももものうち" * 150)
    @example(text="a" * 300 + "𠮟" * 300)
    def test_are_those_of_mecab(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for call in (
            lambda: mecab.bases(text).split(),
            lambda: [mecab.words_and_bases(piece) for piece in mecab.pieces(text)],
            lambda: mecab.reading(text),
        ):
            assert call() == by_fugashi(monkeypatch, call)

    @pytest.mark.parametrize("text", [b"\xe3", b"\xf0", b"ab"])
    def test_nothing_but_strings_is_read(self, text: bytes) -> None:
        """Bytes need not be UTF-8, and what seems to begin there may end behind them."""
        for function, arguments in (
            (native.parse, (mecab._direct(), text, 6, True, None)),
            (native.terms, (mecab._direct(), text, ALL)),
            (native.words, (text, ALL)),
            (native.signs, (text,)),
            (native.narrowed, (text,)),
            (native.formed, (text,)),
        ):
            with pytest.raises(TypeError):
                function(*arguments)

    def test_a_dictionary_at_an_odd_place_in_memory_is_refused(self) -> None:
        whole = [mecab._mapped(Path(mecab._folder(), name))[:] for name in ("unk.dic", "unk.dic", "matrix.bin")]
        characters = mecab._mapped(Path(mecab._folder(), "char.bin"))
        assert native.load(*whole, characters)
        for at, file in enumerate(whole):
            moved = [*whole]
            moved[at] = memoryview(b"\0" + file)[1:]  # type: ignore[call-overload]
            with pytest.raises(ValueError, match="no dictionary"):
                native.load(*moved, characters)

    def test_a_dictionary_of_another_kind_is_left_to_mecab(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = mecab._mapped

        def cut(path: Path) -> bytes:
            return whole(path)[:-1]

        monkeypatch.setattr(mecab, "_mapped", cut)
        assert mecab._direct.__wrapped__() is None

        def other(path: Path) -> bytes:
            return whole(path)[:].replace(b"utf8\0", b"euc\0\0", 1)

        monkeypatch.setattr(mecab, "_mapped", other)
        assert mecab._direct.__wrapped__() is None
        monkeypatch.setattr(mecab, "_folder", lambda: "/no/such")
        monkeypatch.setattr(mecab, "_mapped", whole)
        assert mecab._direct.__wrapped__() is None

    def test_a_damaged_dictionary_breaks_nothing(self) -> None:
        files = [mecab._mapped(Path(mecab._folder(), name))[:] for name in mecab._FILES]
        random = Random(1)
        for _ in range(4):
            damaged = [bytearray(file) for file in files[1:]]
            for file in damaged:
                for _ in range(len(file) // 50):
                    file[random.randrange(len(file))] = random.randrange(256)
                file[:72] = files[1 + damaged.index(file)][:72]
            words = bytearray(files[0])
            for _ in range(100_000):
                words[random.randrange(72, len(words) - 1)] = random.randrange(256)
            try:
                dictionary = native.load(bytes(words), *map(bytes, damaged))
            except ValueError:
                continue
            with suppress(UnicodeDecodeError):
                assert native.parse(dictionary, "東京都に住んだ人のサーバーが走る", 6, True, None)
