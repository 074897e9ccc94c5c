"""The pages in a real browser, and, without one, what they draw."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from streamlit.testing.v1 import AppTest

from index.build import build
from search import Notice
from ui.cards import marked, table
from ui.words import NOTICES, WORDS, Words

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "corpus"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PARAPHRASE, ANSWER = "電車が遅れた証拠がほしい", "travel/chien-shomei.txt"
HOSTILE = (
    'needle <script>window.hacked = 1</script> <img src=x onerror="window.hacked = 1; alert(1)"> '
    "[click](javascript:window.hacked=1) $\\frac{a}{b}$ :smile: :red[colour] **bold** שלום ‮evil"
)


@pytest.fixture(scope="module")
def example_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLES, base / "examples" / "corpus")
    build(base / "examples" / "corpus", base / ".sakuin")
    return base / ".sakuin"


@pytest.fixture(scope="module")
def hostile_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("hostile")
    corpus = base / "corpus"
    corpus.mkdir()
    (corpus / "<img src=x onerror=alert(1)> [x](javascript:alert(1)) $a$ :smile: **b**.txt").write_text(
        HOSTILE, encoding="utf-8"
    )
    rows = {"id": "javascript:alert(1)", "title": HOSTILE, "text": HOSTILE, "<b>author</b>": HOSTILE}
    (corpus / "rows.jsonl").write_text(json.dumps(rows), encoding="utf-8")
    (corpus / "<script>alert(1)</script>.zip".replace("/", "⁄")).write_bytes(b"PK")
    build(corpus, base / "<b>index</b>".replace("/", "⁄"))
    return base / "<b>index</b>".replace("/", "⁄")


# Without a browser.


def run_app(monkeypatch: pytest.MonkeyPatch, folder: Path, **query: str) -> AppTest:
    """The search page of an index, as Streamlit would draw it."""
    monkeypatch.setattr(sys, "argv", ["app.py", "--index", str(folder)])
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def html_of(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html") if not element.proto.body.startswith("<style"))


def test_without_an_index_the_page_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    app = run_app(monkeypatch, tmp_path / "none")
    assert "There is no index yet" in html_of(app)
    assert app.code[0].value == f"index build CORPUS_DIR --index {tmp_path / 'none'}"
    build(EXAMPLES, tmp_path / "none")
    app.run()
    assert "There is no index yet" not in html_of(app)


def test_an_empty_index_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    build(tmp_path / "corpus", tmp_path / "index")
    assert "holds no documents" in html_of(run_app(monkeypatch, tmp_path / "index", q="x"))


def test_a_damaged_index_is_a_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "documents.db").write_bytes(b"not a database" * 100)
    assert "cannot be opened as an index" in html_of(run_app(monkeypatch, tmp_path))


def test_a_search_shows_its_hits(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    app = run_app(monkeypatch, example_index, q=PARAPHRASE)
    assert ANSWER in html_of(app)
    assert html_of(app).count("<article") == 10
    app.selectbox(key="k").set_value(5).run()
    assert html_of(app).count("<article") == 5


@pytest.mark.parametrize("mode", ["hybrid", "dense", "bm25"])
def test_the_address_chooses_mode_dimension_and_number(
    monkeypatch: pytest.MonkeyPatch, example_index: Path, mode: str
) -> None:
    html = html_of(run_app(monkeypatch, example_index, q="有給休暇", mode=mode, dim="64", k="5"))
    assert 1 <= html.count("<article") <= 5
    assert ("64 dimensions" in html) == (mode != "bm25")
    assert ("cosine" in html) == (mode != "bm25")
    assert ("BM25" in html) == (mode != "dense")


@pytest.mark.parametrize("wrong", [{"mode": "x"}, {"dim": "3"}, {"dim": "<b>"}, {"k": "-1"}, {"k": "1e9"}])
def test_nonsense_in_the_address_is_ignored(
    monkeypatch: pytest.MonkeyPatch, example_index: Path, wrong: dict[str, str]
) -> None:
    assert html_of(run_app(monkeypatch, example_index, q="有給休暇", **wrong)).count("<article") == 10


def test_nothing_found(monkeypatch: pytest.MonkeyPatch, example_index: Path) -> None:
    html = html_of(run_app(monkeypatch, example_index, q="\U00013000\U00013001", mode="bm25"))
    assert "<article" not in html
    assert "Nothing found" in html
    assert "BM25 was left out" in html


def test_hostile_text_is_escaped_and_never_markdown(monkeypatch: pytest.MonkeyPatch, hostile_index: Path) -> None:
    app = run_app(monkeypatch, hostile_index, q="needle")
    html = html_of(app)
    assert html.count("<article") == 2
    tags = set(re.findall(r"</?([a-z0-9]+)", html))
    assert not tags & {"script", "img", "a", "b⁄script"}
    assert "&lt;script&gt;window.hacked = 1&lt;" in html
    for kind in ("markdown", "caption", "button", "expander"):
        for element in app.get(kind):
            assert "hacked" not in str(element)


def page_of_similarity() -> None:
    import app
    from ui.words import Words

    app.similarity_page(None, Words("en"))


def test_similarity_without_an_index() -> None:
    app = AppTest.from_function(page_of_similarity, default_timeout=60).run()
    assert not app.exception
    first = html_of(app)
    assert "My train is delayed" in first
    app.select_slider(key="cut").set_value(32).run()
    assert html_of(app) != first
    app.segmented_control(key="view").set_value("matrix").run()
    assert "A cat is asleep" in html_of(app)
    assert "<table" not in html_of(app)


@pytest.mark.parametrize("many", ["", " \n ", "one", "\n".join(["猫"] * 300), "長" * 6000 + "\n" + HOSTILE])
def test_similarity_takes_any_texts(many: str) -> None:
    app = AppTest.from_function(page_of_similarity, default_timeout=60).run()
    for key, view in (("many", "rank"), ("all", "matrix")):
        app.segmented_control(key="view").set_value(view).run()
        app.text_area(key=key).set_value(many).run()
        assert not app.exception
        html = html_of(app)
        assert "<script" not in html
        assert ("too many" in html) == (many.count("\n") > 200)
        assert ("too long" in html) == (len(many) > 5500)
        assert html.count('class="sk-row"') <= 200


def test_marks_are_put_around_escaped_text() -> None:
    assert marked("a<b>&c", ((1, 3), (4, 5))) == "a<mark>&lt;b</mark>&gt;<mark>&amp;</mark>c"
    assert marked("<", ()) == "&lt;"
    assert "<th>1</th><td>0.500</td>" in table(["32"], [[0.5]])


def test_every_word_is_in_both_languages() -> None:
    for key, (japanese, english) in WORDS.items():
        assert set(re.findall(r"{(\w+)}", japanese)) == set(re.findall(r"{(\w+)}", english)), key
    used = set()
    for path in (ROOT / "app.py", ROOT / "ui" / "cards.py", ROOT / "ui" / "charts.py"):
        used |= set(re.findall(r'words\(\s*"(\w+)"', path.read_text(encoding="utf-8")))
    assert used <= WORDS.keys()


def test_notices_are_translated() -> None:
    assert NOTICES.keys() == set(Notice)
    assert {Words("ja").notice(notice) for notice in Notice}.isdisjoint(Notice)
    assert Words("en").notice(Notice.EMPTY) == "The query is empty."


# With a browser.


@contextmanager
def served(folder: Path, log: Path) -> Iterator[str]:
    """The address of the app, started for an index."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "index", "ui", "--index", str(folder), "--port", str(port), "--no-browser"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder.parent,
        )
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
                    break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def example_url(browser: Any, example_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(example_index, tmp_path_factory.mktemp("log") / "log.txt") as url:
        yield url


@contextmanager
def opened(browser: Any, url: str, **options: Any) -> Iterator[Any]:
    """A page of its own; fails if a dialog opened or a script put into a text ran."""
    settings = {"locale": "ja-JP", "viewport": {"width": 1280, "height": 900}}
    context = browser.new_context(**settings | options)
    context.set_default_timeout(30_000)
    page = context.new_page()
    dialogs: list[str] = []

    def dismiss(dialog: Any) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    try:
        page.goto(url)
        yield page
        assert not dialogs
        assert page.evaluate("window.hacked") is None
        assert page.locator("[data-testid=stException]").count() == 0
    finally:
        context.close()


def settle(page: Any) -> None:
    """Wait until the app has nothing left to run."""
    page.wait_for_timeout(300)
    page.wait_for_selector("[data-test-script-state=notRunning]")
    page.wait_for_timeout(200)


def press(page: Any, name: str) -> None:
    page.locator("[data-testid=stButtonGroup] button", has_text=re.compile(f"^{re.escape(name)}$")).click()
    settle(page)


def shoot(page: Any, name: str) -> None:
    """Keep a picture for the README where a folder for them is named."""
    if folder := os.environ.get("SAKUIN_SCREENSHOTS"):
        settle(page)
        page.mouse.move(0, 0)
        page.wait_for_timeout(1000)
        page.screenshot(path=str(Path(folder) / name))


@pytest.mark.browser
def test_typing_a_paraphrase_finds_the_document(browser: Any, example_url: str) -> None:
    with opened(browser, example_url) as page:
        box = page.get_by_role("searchbox")
        box.fill(PARAPHRASE)
        box.press("Enter")
        page.locator(".sk-hit").first.wait_for()
        assert ANSWER in page.locator(".sk-hit .code").all_inner_texts()
        assert PARAPHRASE in unquote(page.url)
        # An example that is clicked replaces the query; a page on its own address shows the same.
        page.get_by_role("button", name="Clear input").or_(page.get_by_label("Clear")).first.click()
        page.get_by_role("button", name="家で働くときのルール").click()
        page.locator(".sk-code, .sk-hit").first.wait_for()
        assert "家で働くときのルール" in unquote(page.url)


@pytest.mark.browser
def test_mode_and_dimension_change_the_result_and_the_address(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/?q={quote('有給休暇')}") as page:
        page.locator(".sk-hit").first.wait_for()
        assert page.locator(".sk-hit").first.locator(".sk-legs > span").count() == 2
        page.locator(".sk-hit mark").first.wait_for()
        press(page, "単語")
        assert "mode=bm25" in page.url
        assert page.locator(".sk-hit").first.locator(".sk-legs > span").all_inner_texts()[0].startswith("単語")
        press(page, "意味")
        assert "mode=dense" in page.url
        before = page.locator(".sk-hits").inner_text()
        slider = page.get_by_role("slider")
        for dimension in (128, 64, 32):
            slider.press("ArrowLeft")
            settle(page)
            assert f"dim={dimension}" in page.url
        assert "32 次元" in page.locator(".sk", has_text="ミリ秒").last.inner_text()
        after = page.locator(".sk-hits").inner_text()
        assert after != before
        page.reload()
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert page.locator(".sk-hits").inner_text() == after
        press(page, "English")
        assert "mode=dense" in page.url
        assert "dim=32" in page.url
        assert "About this document" in page.locator(".sk-hits").inner_text()
        # The search is still there after a look at the other page.
        page.get_by_role("link", name="Similarity").click()
        page.locator(".sk-list").wait_for()
        page.get_by_role("link", name="Search").click()
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert "mode=dense" in page.url
        assert "dim=32" in page.url


@pytest.mark.browser
def test_similarity_changes_with_the_dimension(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/similarity", locale="en-GB") as page:
        scores = page.locator(".sk-row b")
        scores.first.wait_for()
        before = scores.all_inner_texts()
        page.get_by_role("slider").press("ArrowLeft")
        settle(page)
        assert scores.all_inner_texts() != before
        box = page.get_by_label("Texts to compare it with")
        box.fill(f"{HOSTILE}\n電車が遅れて遅刻しそうです")
        box.press("Control+Enter")
        settle(page)
        assert page.locator(".sk-row").all_inner_texts()[0].endswith("1.000")
        assert "<script>" in page.locator(".sk-row").nth(1).inner_text()
        press(page, "All with all")
        page.get_by_label("Texts (one a line)").fill(f"{HOSTILE}\n<img src=x onerror=alert(1)>")
        page.get_by_label("Texts (one a line)").press("Control+Enter")
        settle(page)
        chart = page.locator("[data-testid=stVegaLiteChart]")
        box_of_chart = chart.bounding_box()
        page.mouse.move(box_of_chart["x"] + box_of_chart["width"] / 3, box_of_chart["y"] + 30)
        tooltip = page.locator("#vg-tooltip-element.visible")
        tooltip.wait_for()
        assert tooltip.locator("img, script").count() == 0
        assert "<script>" in tooltip.inner_text()


@pytest.mark.browser
def test_without_an_index(browser: Any, tmp_path: Path) -> None:
    with (
        served(tmp_path / "none", tmp_path / "log.txt") as url,
        opened(browser, url, viewport={"width": 390, "height": 844}) as page,
    ):
        page.get_by_text("まだ索引がありません").wait_for()
        assert "index build CORPUS_DIR" in page.locator("[data-testid=stCode]").inner_text()
        page.goto(f"{url}/similarity")
        page.locator(".sk-list").wait_for()


@pytest.mark.browser
def test_hostile_documents_are_only_text(browser: Any, hostile_index: Path, tmp_path: Path) -> None:
    for scheme, width in (("light", 1280), ("dark", 390)):
        with (
            served(hostile_index, tmp_path / "log.txt") as url,
            opened(
                browser,
                f"{url}/?q={quote('needle ' + HOSTILE)}",
                color_scheme=scheme,
                viewport={"width": width, "height": 900},
            ) as page,
        ):
            page.locator(".sk-hit").first.wait_for()
            settle(page)
            page.locator(".sk-hit summary").first.click()
            cards = page.locator(".sk-hits")
            assert page.locator(".sk-hit").count() == 2
            text = cards.inner_text()
            for piece in ("<script>", "<img src=x", "[click](javascript:", "$\\frac{a}{b}$", ":smile:", "**bold**"):
                assert piece in text
            assert cards.locator("script, img, a, strong, .katex").count() == 0
            assert page.locator(".sk script, .sk img, .sk a, .katex").count() == 0
            # Nothing is wider than the window, however long its words are.
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.browser
def test_pictures(browser: Any, example_url: str) -> None:
    if not os.environ.get("SAKUIN_SCREENSHOTS"):
        pytest.skip("SAKUIN_SCREENSHOTS names no folder")
    Path(os.environ["SAKUIN_SCREENSHOTS"]).mkdir(parents=True, exist_ok=True)
    for scheme, name in (("light", "search.png"), ("dark", "search-dark.png")):
        with opened(browser, f"{example_url}/?q={quote(PARAPHRASE)}", color_scheme=scheme) as page:
            page.locator(".sk-hit").first.wait_for()
            shoot(page, name)
    with opened(browser, f"{example_url}/similarity") as page:
        page.locator(".sk-list").wait_for()
        press(page, "文どうし")
        shoot(page, "similarity.png")
