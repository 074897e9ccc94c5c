"""What a browser shows of web pages and Markdown is read, in order, and its words are whole."""

import time
from pathlib import Path

import pytest

from sakuin.index.documents import Document, Skipped
from sakuin.index.errors import ReadError
from sakuin.index.reasons import Reason
from tests.index.test_readers import headings, one, read


def html(folder: Path, markup: str) -> str:
    return one(folder, "a.html", markup).text


def markdown(folder: Path, source: str) -> str:
    return one(folder, "a.md", source).text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<h2><button>返品はできますか</button></h2><div>可能です。</div>", "返品はできますか\n\n可能です。"),
        ('<p>地図 <img alt="非常口は東側">。<img src=x alt="IMG_01.png">', "地図 非常口は東側 。"),
        ('<map><area alt="第一倉庫"></map><input type=image alt="検索">', "第一倉庫 検索"),
        ("<article>名言<footer>出典は論語</footer></article>", "名言\n\n出典は論語"),
        ("<blockquote>学びて<footer>門人の記録</footer></blockquote>", "学びて\n\n門人の記録"),
        (
            "<div>一<footer>甲の投稿</footer></div><div>二<footer>乙の投稿</footer></div>",
            "一\n\n甲の投稿\n\n二\n\n乙の投稿",
        ),
        ("<article><header>冒頭</header>本文</article>", "冒頭\n\n本文"),
        ("<svg><title>構成</title><style>a</style><text>認証<tspan x=1>局</tspan></text></svg>", "構成\n認証 局"),
        ("図<svg><foreignObject><p>監査ログ</p></foreignObject></svg>", "図\n\n監査ログ"),
        ("<x-card><template shadowrootmode=open><p>影の中</p></template>光</x-card>", "影の中\n\n光"),
        ("<svg><template shadowrootmode=open><text>図</text></template></svg>", "図"),
        ("<template>見えない</template>見える", "見える"),
        ('<iframe srcdoc="<p>枠の中</p>">no</iframe>', "枠の中"),
        ("<frameset><frame><noframes><p>枠のない版</noframes></frameset>", "枠のない版"),
        ("<details><summary>質問</summary>答え</details>", "質問\n答え"),
        ("<select><optgroup label=北日本><option>北海道<option>青森</select>", "北日本\n北海道\n青森"),
        ("<select><option label=大阪><option label=京都>上書き</select>", "大阪\n京都"),
        ('<svg role=img aria-label="売上の推移"></svg>', "売上の推移"),
        ("本文<textarea>書きかけ", "本文\n書きかけ"),
        ("<textarea>自由記入</textarea><input value=佐藤><input type=hidden value=秘密>", "自由記入\n佐藤"),
        (
            '<input type=submit value="送信"><input placeholder="例: 山田"><input type=password value=x>',
            "送信 例: 山田",
        ),
        ("<noscript>画像の説明</noscript><noscript>Please enable JavaScript.</noscript>", "画像の説明"),
        ("<img alt=猫の図><noscript><img alt=猫の図></noscript>", "猫の図"),
        ("<p>式 <math><msup><mi>x</mi><mn>2</mn></msup><annotation>tex</annotation></math>", "式 x^2"),
        ("<math><mfrac><mn>1</mn> <mn>2</mn></mfrac></math>", "1 /2"),
        ("<object>代わりの文</object><canvas>no</canvas>", "代わりの文"),
    ],
)
def test_what_a_browser_shows(tmp_path: Path, markup: str, text: str) -> None:
    assert html(tmp_path, markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("見える<p hidden>見えない<b>所</b></p>", "見える"),
        ("見える<p hidden=until-found>探せば見える</p>", "見える\n\n探せば見える"),
        ('<p hidden style="display: block">見える</p>', "見える"),
        ('前<span style="color:red; DISPLAY : None !important; display:inline">ない</span>後', "前後"),
        ('前<b style="display:none;display:inline">ある</b>後', "前ある後"),
        ('前<b style="/* display:none */">ある</b><i style="x-display:none">も</i>', "前あるも"),
        ('前<div style="visibility:hidden">ない</div>後', "前後"),
        ('<div style="visibility:hidden">ない<p style="visibility:visible">ある</p></div>', "ない\n\nある"),
        (
            "<p aria-hidden=true>見える</p><details><summary>問</summary>閉じた答え</details>",
            "見える\n\n問\n閉じた答え",
        ),
        ("<svg><text>図</text><text display=none>ない</text><g visibility=hidden><text>ない</text></g></svg>", "図"),
        ("<body style='display:none'><p>読み込むと見える</p>", "読み込むと見える"),
        ("前<div hidden>閉じない<p>本文", "前\n閉じない\n\n本文"),
        ("<x-a><template shadowrootmode=open><p hidden>ない</p>影</template></x-a>", "影"),
        ('<iframe srcdoc="<p hidden>ない</p><p>枠</p>"></iframe>', "枠"),
        (
            "<pre hidden>ない</pre><table><tr><td>甲<td hidden>ない<td>乙</table><h2 hidden>ない</h2>続き",
            "甲 | 乙\n\n続き",
        ),
    ],
)
def test_what_markup_hides_is_not_read(tmp_path: Path, markup: str, text: str) -> None:
    assert html(tmp_path, markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<nav><a>Home</a> | <a>会社</a></nav>本文", "本文"),
        ("<nav><p>休業日は金曜です。</p></nav>本文", "休業日は金曜です。\n\n本文"),
        ("<p>先頭<nav><ul><li>ホーム</ul><div><p>休業日は金曜。</p></div>", "先頭\n\nホーム\n\n休業日は金曜。"),
        ("<nav><a>議事録</a> <a>予定</a></nav>", "議事録 予定"),
        ("<div><main>本文</main><footer>© 2024</footer></div><script>x</script>", "本文"),
        ("本文<footer>© 2024", "本文\n\n© 2024"),
        ("<footer>上の注</footer>" + "<p>本文が続く。</p>" * 50, "上の注\n\n" + "\n\n".join(["本文が続く。"] * 50)),
    ],
)
def test_only_what_is_truly_navigation_is_left_out(tmp_path: Path, markup: str, text: str) -> None:
    assert html(tmp_path, markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("Net revenue<sup>1</sup> grew, margins<sup>a</sup> fell", "Net revenue 1 grew, margins a fell"),
        ("1<sup>st</sup> m<sup>2</sup> mc<sup>2</sup> M<sup>me</sup> XVIII<sup>e</sup>", "1st m2 mc2 Mme XVIIIe"),
        ("10<sup>6</sup> 10<sup>-3</sup> 2019<sup><a>3</a></sup> H<sub>2</sub>O", "10^6 10^-3 2019 3 H2O"),
        ("Brand<sup>TM</sup> word<sup>[1]</sup> 売上<sup>注1</sup>", "Brand TM word[1] 売上注1"),
        ("<a>Home</a><a>About</a> <a>東京</a><a>大学</a>", "Home About 東京大学"),
        (
            "<span>2024-01-02</span><span>News</span> <code><span>get</span><span>Name</span></code>",
            "2024-01-02 News getName",
        ),
        ("<button>Save</button><button>Cancel</button> <my-a>foo</my-a><my-b>bar</my-b>", "Save Cancel foo bar"),
        (
            "one<nav>Two sentences. Here.</nav>three<dialog>four</dialog>five",
            "one\n\nTwo sentences. Here.\n\nthree\n\nfour\n\nfive",
        ),
        ("electro&shy;mag&#8203;netic a<wbr>b 請&#8288;求書", "electromagnetic ab 請求書"),
        ("before<video>after", "before\nafter"),
    ],
)
def test_words_stay_whole_and_apart(tmp_path: Path, markup: str, text: str) -> None:
    assert html(tmp_path, markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>を", "漢字（かんじ）を"),
        ("<ruby>東<rt>とう</rt></ruby><ruby>京<rt>きょう</rt></ruby>で", "東京（とうきょう）で"),
        ("<ruby>食<rt>た</rt></ruby>べる<ruby>人<rt>ひと</rt></ruby>", "食べる（た）人（ひと）"),
        ("<ruby>食<rt>た</rt></ruby>べ<ruby>物<rt>もの</rt></ruby>", "食べ物（たもの）"),
        (
            "<ruby>京<rt>きょう</rt></ruby>都は<ruby>WHO<rt>World Health</rt></ruby>",
            "京都（きょう）はWHO（World Health）",
        ),
        ("<ruby>未<rt>み", "未（み）"),
    ],
)
def test_readings_stand_beside_their_words(tmp_path: Path, markup: str, text: str) -> None:
    assert html(tmp_path, markup) == text


def test_a_heading_that_is_never_closed_is_one_line(tmp_path: Path) -> None:
    assert headings(one(tmp_path, "a.html", "<h1>題<p>一つ目<p>二つ目")) == [("題", 1)]


@pytest.mark.parametrize(("markup", "tag"), [("<!-- 注 ", "!--"), ("<style> p {} ", "style"), ("<title>", "title")])
def test_what_hides_the_rest_of_a_page_is_reported(tmp_path: Path, markup: str, tag: str) -> None:
    reason = Reason("unclosed_tag", {"tag": tag})
    document, skip = read(tmp_path, "a.html", f"<p>先頭{markup}<p>残り")
    assert isinstance(document, Document)
    assert skip == Skipped("corpus/a.html", reason)
    with pytest.raises(ReadError) as caught:
        read(tmp_path, "b.html", f"{markup}<p>残り")
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "markup",
    [
        "<!-->" + "<div>" * 200_000,
        "<!--->" + "<div>" * 200_000,
        "<svg><title>" + "<div>" * 200_000,
        '<div><p title="</div>">' * 200_000,
        '<p a=="><div>' * 200_000,
        '<a ="><div>' * 200_000,
        "<optgroup>" * 200_000,
        "<ruby><rt>" * 200_000,
        "<p " + " ".join(f"a{number}" for number in range(200_000)) + ">",
        "<p>" + "".join(f"<b i={number}>" for number in range(900)) + "</p>" + "<p>x" * 200_000,
        '<iframe srcdoc="' + "<div>" * 200_000 + '">',
        '<p a="' * 200_000,
        "<a" + " " * 1_000_000 + ">",
        "<!" * 500_000,
    ],
)
def test_markup_that_would_take_quadratic_time(tmp_path: Path, markup: str) -> None:
    started = time.process_time()
    with pytest.raises(ReadError):
        read(tmp_path, "a.html", markup)
    assert time.process_time() - started < 3


def test_readings_without_end_tags_are_not_deep(tmp_path: Path) -> None:
    assert html(tmp_path, "<ruby>漢<rt>かん</ruby>、" * 2000).count("（かん）") == 2000


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Use the <select> element.\n\nEnd", "Use the <select> element.\n\nEnd"),
        ("Avoid <style> and <title>.\n\nEnd", "Avoid <style> and <title>.\n\nEnd"),
        ("from <nav> to </nav>, <style> to </style>", "from <nav> to </nav>, <style> to </style>"),
        ("cp <source> <target file> List<String>", "cp <source> <target file> List<String>"),
        ("<氏名> と <b>太字</b> <kbd>Ctrl</kbd> <font color=red>赤", "<氏名> と 太字 Ctrl 赤"),
        ("<style> hides.\n\n# 見出し\n\n本文", "<style> hides.\n\n見出し\n\n本文"),
        ("<!-- 注\n\n本文", "<!-- 注\n\n本文"),
        ("<!-- 注\n\n隠す -->\n\n本文", "本文"),
        ("<nav> element.\n\n本文", "<nav> element.\n\n本文"),
        ("- <select>\n- <br>\n- <template>", "<select>\n<br>\n<template>"),
        ("<config>\n<path>/x</path>\n</config>", "<config> <path>/x</path> </config>"),
        ('<Tabs>\n<Tab value="a">\n\n中身\n\n</Tab>\n</Tabs>', "中身"),
        ("<details>\n<summary>質問</summary>\n\n答え\n\n</details>", "質問\n\n答え"),
        ("<script>x = 1</script>\n\n本文 <script>alert(1)</script>", "本文"),
        ("<iframe src=x />\n\n本文", "<iframe src=x />\n\n本文"),
        ("| <select> | b |\n|---|---|\n| <title> | d |", "<select> | b\n<title> | d"),
        ("# <title> の使い方", "<title> の使い方"),
        ("<plaintext>\n\n本文", "<plaintext>\n\n本文"),
        ("![配置図](a.png)", "配置図"),
    ],
)
def test_tags_that_a_text_is_about(tmp_path: Path, source: str, text: str) -> None:
    assert markdown(tmp_path, source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("保管する[^1]。\n\n[^1]: 会社法による。\n[^b]: 税法", "保管する[^1]。\n\n[^1]: 会社法による。\n[^b]: 税法"),
        ("[予約]: 前日までに電話する\n[取消]: 当日は不可", "[予約]: 前日までに電話する\n[取消]: 当日は不可"),
        ("[期日]: 明日/明後日は、休館", "[期日]: 明日/明後日は、休館"),
        ("[a]: http://x.y/z '題'\n[b]: ./図.png\n[c]: 図/配置.png\n[//]: # (注)\n\n[見る][a]", "見る"),
        ("[x]: <a b>\n\n本文", "本文"),
    ],
)
def test_notes_and_definitions_that_lead_nowhere(tmp_path: Path, source: str, text: str) -> None:
    assert markdown(tmp_path, source) == text


@pytest.mark.parametrize(
    ("source", "text", "metadata"),
    [
        ("---\n\n受付: 九時から\n\n---\n本文", "受付: 九時から\n\n本文", {}),
        ("---\n受付: 九時からです。\n---\n本文", "受付: 九時からです。\n\n本文", {}),
        ("---\n受付の時間\n電話: 九時: 五時\n---\n本文", "受付の時間電話: 九時: 五時\n\n本文", {}),
        ("---\n状態: 確定\n---\n本文", "本文", {"状態": "確定"}),
        ("---\ntags:\n- a\n\nnote: x: y\n---\n本文", "本文", {"note": "x: y"}),
    ],
)
def test_a_rule_on_the_first_line_is_not_front_matter(
    tmp_path: Path, source: str, text: str, metadata: dict[str, str]
) -> None:
    document = one(tmp_path, "a.md", source)
    assert document.text == text
    assert document.metadata == metadata


def test_front_matter_in_toml(tmp_path: Path) -> None:
    document = one(tmp_path, "a.md", '+++\ntitle = "題"\ndate = 2025-06-03\ntags = ["a", "b"]\n+++\n\n本文')
    assert (document.title, document.text) == ("題", "本文")
    assert document.metadata == {"date": "2025-06-03", "created": "2025-06-03", "tags": ["a", "b"]}
    assert one(tmp_path, "b.md", "+++\nno = \n+++\n\n本文").text.startswith("+++")


def test_fences_of_notes_stand_on_lines_of_their_own(tmp_path: Path) -> None:
    document = one(tmp_path, "a.md", "前\n:::message 注意\n警告の文\n続き\n:::\n後の文 ::: 中\n\n後")
    assert document.text == "前\n:::message 注意\n警告の文続き\n\n後の文 ::: 中\n\n後"
