"""The page Corpus, in a browser."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sakuin.index.build import build
from sakuin.index.store.listing import list_documents, reading
from tests.browser.browsing import opened, served, settle, shoot
from tests.examples import HOSTILE

pytestmark = pytest.mark.browser


def uris(folder: Path) -> set[str]:
    with reading(folder) as connection:
        return {document.id for document in list_documents(connection, most=1000)}


@pytest.fixture
def index(tmp_path: Path, corpus: Path) -> Path:
    # Not called "index": the server is started beside it, where that would be taken for the package.
    build(corpus, tmp_path / ".sakuin")
    return tmp_path / ".sakuin"


@pytest.fixture
def own_url(browser: Any, index: Path, tmp_path: Path) -> Iterator[str]:
    with served(index, tmp_path / "log.txt") as url:
        yield url


def test_a_file_is_added_found_and_removed(browser: Any, own_url: str, index: Path, corpus: Path) -> None:
    with opened(browser, f"{own_url}/corpus", locale="en-GB") as page:
        page.get_by_text("Add files").click()
        page.get_by_text("corpus/uploads, inside the folder of documents").wait_for()
        page.locator("input[type=file]").set_input_files(
            [
                {"name": "<img src=x onerror=alert(1)>.txt", "mimeType": "text/plain", "buffer": HOSTILE.encode()},
                {"name": "empty.txt", "mimeType": "text/plain", "buffer": b""},
            ]
        )
        page.get_by_role("button", name="Add to the index").click()
        page.get_by_text("Files added: 1").wait_for()
        settle(page)
        assert "the file is empty" in page.locator("[data-testid=stMain]").inner_text()
        assert page.locator("[data-testid=stMain] .sk img, [data-testid=stMain] .sk script").count() == 0
        [path] = (corpus / "uploads").iterdir()
        assert path.name == "_img src=x onerror=alert(1)_.txt"
        # The search page, whose index was open before, finds it.
        page.get_by_role("link", name="Search").click()
        box = page.get_by_label("What are you looking for?")
        box.fill("needle")
        box.press("Enter")
        page.get_by_text(f"uploads/{path.name}").first.wait_for()
        page.get_by_role("link", name="Documents").click()
        page.get_by_label("Find by name or title").fill("onerror")
        page.get_by_label("Find by name or title").press("Enter")
        page.get_by_text("1–1 of 1").wait_for()
        settle(page)
        assert "find=onerror" in page.url
        page.locator("[data-testid=stCheckbox] label").nth(1).click()
        page.get_by_role("button", name="Remove (1)").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("next index build brings them back").wait_for()
        dialog.get_by_text("Also delete 1 uploaded files").click()
        dialog.get_by_text("This cannot be undone").wait_for()
        dialog.get_by_role("button", name="Remove", exact=True).click()
        page.get_by_text("No document matches").wait_for()
        settle(page)
        assert not path.exists()
        assert uris(index) == {"leave.txt", "vpn.md", "rows.jsonl#a", "rows.jsonl#b"}


def test_closing_the_question_removes_nothing(browser: Any, own_url: str, index: Path) -> None:
    with opened(browser, f"{own_url}/corpus?find=leave", locale="en-GB") as page:
        page.get_by_text("1–1 of 1").wait_for()
        for close in ("Cancel", "Close"):
            if close == "Cancel":
                page.locator("[data-testid=stCheckbox] label").nth(1).click()
            page.get_by_role("button", name="Remove (1)").click()
            page.get_by_role("dialog").get_by_role("button", name=close).click()
            page.get_by_role("dialog").wait_for(state="detached")
            settle(page)
            assert page.get_by_role("dialog").count() == 0
        page.reload()
        page.get_by_text("1–1 of 1").wait_for()
    assert "leave.txt" in uris(index)


def test_pages_and_documents_have_addresses(browser: Any, example_url: str) -> None:
    with opened(browser, f"{example_url}/corpus", locale="en-GB", viewport={"width": 390, "height": 844}) as page:
        page.get_by_text("1–25 of 212").wait_for()
        page.locator("[data-testid=stPagination] button", has_text="2").first.click()
        page.get_by_text("26–50 of 212").wait_for()
        settle(page)
        assert "page=2" in page.url
        page.reload()
        page.get_by_text("26–50 of 212").wait_for()
        settle(page)
        # Nothing is wider than the window.
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        name = page.locator(".sk-doc .code").first.inner_text()
        page.locator("[class*=st-key-open_] button").first.click()
        page.get_by_role("button", name="Back to the list").click()
        page.get_by_text("26–50 of 212").wait_for()
        settle(page)
        page.locator("[class*=st-key-open_] button").first.click()
        page.locator(".sk-reading").first.wait_for()
        settle(page)
        assert "doc=" in page.url
        page.reload()
        page.locator(".sk-reading").first.wait_for()
        assert name in page.locator("[data-testid=stMain]").inner_text()


def test_hostile_documents_are_only_text(browser: Any, hostile_index: Path, tmp_path: Path) -> None:
    with served(hostile_index, tmp_path / "log.txt") as url:
        for address in (f"{url}/corpus", f"{url}/corpus?doc={quote('rows.jsonl#javascript:alert(1)')}"):
            with opened(browser, address, color_scheme="dark", viewport={"width": 390, "height": 844}) as page:
                page.locator(".sk-doc, .sk-reading").first.wait_for()
                settle(page)
                for summary in page.locator("[data-testid=stMain] summary").all():
                    summary.click()
                settle(page)
                main = page.locator("[data-testid=stMain]")
                assert "<script>" in main.inner_text()
                assert main.locator(".sk script, .sk img, .sk a, .katex, .sk strong").count() == 0
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_read_only_shows_no_way_to_change_anything(browser: Any, index: Path, tmp_path: Path) -> None:
    with (
        served(index, tmp_path / "log.txt", "--read-only") as url,
        opened(browser, f"{url}/corpus", locale="en-GB") as page,
    ):
        page.get_by_text("it is read-only").wait_for()
        settle(page)
        assert page.locator("[data-testid=stFileUploader], [data-testid=stCheckbox]").count() == 0


def test_pictures(browser: Any, example_url: str) -> None:
    if not os.environ.get("SAKUIN_SCREENSHOTS"):
        pytest.skip("SAKUIN_SCREENSHOTS names no folder")
    for scheme, name in (("light", "corpus.png"), ("dark", "corpus-dark.png")):
        with opened(browser, f"{example_url}/corpus", color_scheme=scheme) as page:
            page.locator(".sk-doc").first.wait_for()
            shoot(page, name)
