"""Saving, sharing and finding searches again, in a browser."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.browser.browsing import opened, settle, shoot

pytestmark = pytest.mark.browser
FIRST, SECOND = "電車が遅れた証拠がほしい", "有給休暇の申請"
# Nothing of it is syntax of queries, by which nothing might be found.
MARKUP = "<img src=x onerror=window.hacked=1> 有給休暇"


def keep(page: Any) -> None:
    page.get_by_role("button", name="保存・共有").click()
    page.get_by_role("button", name="リンクをコピー").wait_for()


def test_searches_are_found_again_by_recency_and_by_name(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/?q={quote(FIRST)}&mode=bm25") as page:
        for query in (FIRST, SECOND, MARKUP):
            page.get_by_role("searchbox").fill(query)
            page.get_by_role("searchbox").press("Enter")
            page.locator(".sk-hit").first.wait_for()
            settle(page)
            page.wait_for_timeout(600)
        keep(page)
        page.get_by_label("この検索の名前").fill("<b>総務</b>")
        page.get_by_role("button", name="保存", exact=True).click()
        page.locator(".searches a", has_text="<b>総務</b>").wait_for()
        page.goto(example_url)
        page.locator(".searches li").nth(3).wait_for()
        names = page.locator(".searches a").all_inner_texts()
        assert names[0] == "<b>総務</b>"
        assert names[1:] == [MARKUP, SECOND, FIRST]
        assert page.locator(".searches b, .searches img, .searches script").count() == 0
        shoot(page, "recent.png")
        page.get_by_role("link", name=FIRST).click()
        page.locator(".sk-hit").first.wait_for()
        assert "mode=bm25" in page.url
        page.go_back()
        page.get_by_role("button", name=f"消す: {SECOND}").last.click()
        assert SECOND not in page.locator(".searches a").all_inner_texts()
        page.reload()
        page.locator(".searches li").nth(2).wait_for()
        assert SECOND not in page.locator(".searches a").all_inner_texts()


def test_hits_are_files_and_the_link_is_copied(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/?q={quote(FIRST)}&k=5", permissions=["clipboard-read"]) as page:
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        keep(page)
        saved = {}
        for name in ("CSV", "JSON", "Markdown"):
            with page.expect_download() as download:
                page.get_by_role("button", name=name).click()
            saved[name] = Path(download.value.path()).read_text(encoding="utf-8")
        rows = list(csv.DictReader(io.StringIO(saved["CSV"].removeprefix("\ufeff"))))
        assert [row["document"] for row in rows] == [hit["document"]["id"] for hit in json.loads(saved["JSON"])["hits"]]
        assert len(rows) == 5
        assert saved["CSV"].startswith("\ufeff")
        assert saved["Markdown"].startswith(f"# {FIRST}")
        page.get_by_role("button", name="リンクをコピー").click()
        page.get_by_text("リンクをコピーしました").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.url
        assert f"q={FIRST}" in unquote(copied)
