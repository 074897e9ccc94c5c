"""What hinders people who see little, or not at all: contrast, names, roles and order, by axe."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sakuin.tuning.judgements import append, judgement_of
from tests.browser.browsing import opened, served, settle

pytestmark = pytest.mark.browser
QUERY, DOCUMENT = quote("有給休暇の申請"), quote("office/yukyu-kyuka.md", safe="")
# Streamlit's own: the list of pages on a phone, and the field that takes files.
NOT_OURS = ("[data-testid=stSidebarNavItems]", "[data-testid=stFileUploaderDropzone]")
READ = (f"/?q={QUERY}", f"/?q={QUERY}&doc={DOCUMENT}&at=20", "/")
UNDERSTOOD = (
    "/corpus",
    "/evaluate",
    "/similarity",
    f"/dimensions?q={QUERY}",
    f"/map?q={QUERY}",
    f"/?q={QUERY}&side=true",
    f"/?q={QUERY}&doc={quote('home/gomi-calendar.csv#row=2', safe='')}",
    f"/?q={QUERY}&doc={DOCUMENT}&cut=true",
    "/?q=%22zzqq%22",
)

WAYS: list[dict[str, Any]] = [
    {"locale": "ja-JP", "color_scheme": "light"},
    {"locale": "en-GB", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
]


def hindrances(page: Any) -> list[str]:
    """What axe finds, one line for each element."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    context = {"include": [["body"]], "exclude": [[selector] for selector in NOT_OURS]}
    found = axe.run(page, context=context).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node['any'][0]['message'] if node['any'] else ''}"
        for rule in found
        for node in rule["nodes"]
    ]


def walk(browser: Any, url: str, pages: Sequence[str], **options: Any) -> None:
    """Look at pages as somebody would who goes from one to another."""
    with opened(browser, url + pages[0], **options) as page:
        for address in pages:
            page.goto(url + address)
            page.locator(".stMain .sk:not(.sk-brand)").first.wait_for()
            settle(page)
            if address == READ[0]:
                page.locator("[class*=st-key-why_] button").first.click()
                page.locator(".sk-why").wait_for()
                settle(page)
            if address == "/":
                page.get_by_role("searchbox").press_sequentially("有給", delay=30)
                page.get_by_role("option").first.wait_for()
            assert hindrances(page) == [], address


@pytest.mark.parametrize("options", WAYS, ids=["light-japanese", "dark-english-phone"])
def test_nothing_hinders_reading(browser: Any, example_url: str, options: dict[str, Any]) -> None:
    walk(browser, example_url, READ, **options)


@pytest.mark.slow
@pytest.mark.parametrize("options", WAYS, ids=["light-japanese", "dark-english-phone"])
def test_nothing_hinders_on_any_page(
    browser: Any, example_index: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    index = Path(shutil.copytree(example_index, tmp_path / ".sakuin"))
    append(index, judgement_of("有給休暇", "office/yukyu-kyuka.md", answers=False))
    with served(index, tmp_path / "log.txt") as url:
        walk(browser, url, UNDERSTOOD, **options)
