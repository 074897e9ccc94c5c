"""A document to read, in a browser."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sakuin import Index
from sakuin.index.build import build
from tests.browser.browsing import opened, served, settle, shoot

pytestmark = pytest.mark.browser

CONTENT = "".join(
    f"# {number} 番目の節\n\n{'三毛猫が寝ている' if number % 10 == 5 else '天気の'}話です。{'続きの文です。' * 12}\n\n"
    for number in range(40)
)


# Run, it would be the page itself: it could ask the index for anything.
TRAP = (
    "<title>罠</title><p id=told>罠を仕掛けたページです。</p>"
    "<script>document.getElementById('told').textContent = 'hacked'</script><img src=x onerror='alert(1)'>"
)


def is_seen(page: Any) -> bool:
    """Whether the passage that is open stands in the window."""
    return bool(
        page.locator(".sk-passage.chosen").evaluate(
            "e => { const r = e.getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight; }"
        )
    )


def test_a_document_is_read_from_match_to_match_and_saved(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "話.md").write_text(CONTENT, encoding="utf-8")
    (tmp_path / "corpus" / "罠.html").write_text(TRAP, encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / ".sakuin")
    with Index.open(tmp_path / ".sakuin") as index:
        index.add({"id": "weather", "title": "天気", "text": "天気の話をする文書です。"})
    with (
        served(tmp_path / ".sakuin", tmp_path / "log") as url,
        opened(browser, f"{url}?q=三毛猫&doc=話.md", accept_downloads=True) as page,
    ):
        following = page.locator(".st-key-match_next button")
        following.wait_for()
        settle(page)
        for number in (1, 2, 3):
            following.click()
            settle(page)
            page.get_by_text(f"4 件中 {number} 件目").wait_for()
            page.wait_for_timeout(1_000)
            assert page.locator(".sk-passage.chosen mark").count()
            assert is_seen(page)
        with page.expect_download() as download:
            page.locator(".st-key-original button").click()
        assert download.value.suggested_filename == "話.md"
        assert Path(download.value.path()).read_text(encoding="utf-8") == CONTENT
        with page.expect_popup() as popup:
            page.get_by_role("link", name="MDを開く").click()
        assert popup.value.locator("body").inner_text().startswith("# 0 番目の節")
        popup.value.close()
        outline = page.locator(".st-key-outline input")
        outline.click()
        outline.fill("38 番目")
        page.keyboard.press("Enter")
        settle(page)
        page.wait_for_timeout(1_000)
        assert is_seen(page)
        assert "38 番目の節" in page.locator(".sk-passage.chosen").inner_text()
        page.locator("[data-testid=stExpander] summary", has_text="似ている文書").click()
        page.locator(".st-key-similar_1 button").click()
        settle(page)
        assert "doc=weather" in page.url


def test_pictures(browser: Any, example_url: str) -> None:
    if not os.environ.get("SAKUIN_SCREENSHOTS"):
        pytest.skip("SAKUIN_SCREENSHOTS names no folder")
    asked = f"{example_url}/?q={quote('VPNがつながらない')}"
    document = f"{asked}&doc={quote('it/vpn-setsuzoku.md', safe='')}"
    row = f"{example_url}/?q={quote('燃えるごみの日')}&doc={quote('home/gomi-calendar.csv#row=3', safe='')}"
    phone = {"viewport": {"width": 390, "height": 844}}
    for name, address, options in (
        ("document.png", document, {}),
        ("document-dark.png", document, {"color_scheme": "dark"}),
        ("document-phone.png", document, phone),
        ("document-row.png", row, {"locale": "en-GB"}),
    ):
        with opened(browser, address, **options) as page:
            page.locator(".sk-reading").wait_for()
            shoot(page, name)
    with opened(browser, example_url) as page:
        page.get_by_role("searchbox").wait_for()
        shoot(page, "start.png")


def test_a_file_is_opened_from_a_hit_and_does_nothing_to_the_page(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "罠.html").write_text(TRAP, encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / ".sakuin")
    (tmp_path / "password").write_text("合言葉", encoding="utf-8")
    with (
        served(tmp_path / ".sakuin", tmp_path / "log", "--password-file", str(tmp_path / "password")) as url,
        opened(browser, f"{url}?q=罠") as page,
    ):
        page.locator("input").fill("合言葉")
        page.keyboard.press("Enter")
        link = page.get_by_role("link", name="HTMLを開く")
        link.wait_for()
        with page.expect_popup() as popup:
            link.click()
        assert popup.value.locator("#told").inner_text() == "罠を仕掛けたページです。"
        assert popup.value.title() == "罠"
        # Who was not let in gets nothing.
        with opened(browser, popup.value.url) as stranger:
            assert "罠" not in stranger.content()
