"""The first walk of an office worker through the page, in a browser: find, read, narrow, exclude, judge, tune."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from sakuin.index.build import build
from sakuin.tuning.judgements import append, judgement_of, read
from tests.browser.browsing import opened, served, settle

pytestmark = pytest.mark.browser
TOPICS = (
    *("出張", "経費", "休暇", "会議", "備品", "研修", "契約", "請求", "採用", "防災", "駐車"),
    *("名刺", "印鑑", "健診", "保険", "通勤", "残業", "賞与", "退職", "育児", "介護", "表彰"),
)
RULE = """# 出張旅費の精算

## 宿泊費

| 地域 | 上限 |
|---|---|
| 東京 | 12,000円 |
| その他 | 9,800円 |

## 申請

出張から戻ったら十日以内に旅費の精算を申請します。
"""


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """An index of a small office: rules of some years, and what was judged before."""
    corpus = tmp_path / "corpus"
    for year in (2024, 2025, 2026):
        folder = corpus / f"規程{year}"
        folder.mkdir(parents=True)
        for topic in TOPICS:
            text = RULE if topic == "出張" else f"# {topic}の手引き\n\n{topic}の手続きについて説明します。\n"
            text += "海外の場合は部長に申し出ます。\n" if year == 2025 else ""
            (folder / f"{topic}.md").write_text(
                f"---\ndate: {year}-04-01\n---\n{text}{year}年版です。\n", encoding="utf-8"
            )
    build(corpus, tmp_path / ".sakuin")
    for topic in TOPICS[1:]:
        append(tmp_path / ".sakuin", judgement_of(f"{topic}の手続き", f"規程2026/{topic}.md", answers=True))
    return tmp_path / ".sakuin"


def found(page: Any) -> list[str]:
    """The documents that are listed."""
    names: list[str] = page.locator(".sk-hit .sk-where .code").all_inner_texts()
    return names


def ask(page: Any, query: str) -> None:
    """Ask by typing, and wait until the answer is there."""
    box = page.get_by_role("searchbox")
    box.fill(query)
    box.press("Enter")
    page.wait_for_function("query => new URL(location.href).searchParams.get('q') === query", arg=query)
    page.locator(".sk-hit").first.wait_for()
    settle(page)


def test_an_office_worker_finds_reads_narrows_excludes_and_judges(browser: Any, office: Path, tmp_path: Path) -> None:
    with served(office, tmp_path / "log.txt") as url, opened(browser, url) as page:
        page.get_by_role("searchbox").wait_for()
        settle(page)
        # Find, with the date told.
        ask(page, "出張の宿泊費の上限")
        assert set(found(page)[:3]) == {f"規程{year}/出張.md" for year in (2024, 2025, 2026)}
        assert "-04-01" in page.locator(".sk-hit .sk-where").first.inner_text()
        # Open at the place: the table as it is in the file.
        page.locator(".st-key-open_1 button").click()
        page.locator(".sk-passage.chosen").wait_for()
        settle(page)
        assert page.locator(".sk-reading td", has_text="12,000円").is_visible()
        assert page.locator(".sk-reading th").all_inner_texts() == ["地域", "上限"]
        assert page.locator(".sk-reading mark").count()
        # Back.
        page.locator(".st-key-back button").click()
        page.locator(".sk-hit").first.wait_for()
        settle(page)
        assert "doc=" not in page.url
        # Narrow by folder, then by date instead.
        page.locator(".st-key-facet_0 input").click()
        page.get_by_role("option", name="規程2025").click()
        page.wait_for_url(lambda address: "in.folder=" in address)
        settle(page)
        assert found(page)
        assert all(name.startswith("規程2025/") for name in found(page))
        page.locator(".st-key-chips input").focus()
        page.keyboard.press("Backspace")
        page.locator(".st-key-chips").wait_for(state="detached")
        settle(page)
        ask(page, "出張の宿泊費の上限 after:2026")
        assert all(name.startswith("規程2026/") for name in found(page))
        # Exclude a word that only one year's rules have.
        ask(page, "出張の宿泊費の上限 -海外")
        assert set(found(page)[:2]) == {"規程2024/出張.md", "規程2026/出張.md"}
        assert not any(name.startswith("規程2025/") for name in found(page))
        assert "海外" in page.locator(".sk-summary").inner_text()
        # Judge the first, and see it on the page where one tunes.
        first = found(page)[0]
        page.get_by_role("radiogroup", name="1 位は答えですか").get_by_role("radio", name="答え").click()
        page.get_by_role("radio", checked=True, name="答え").wait_for()
        settle(page)
        assert read(office)[-1].document == first
        page.get_by_role("button", name="しくみを見る").click()
        page.get_by_role("menuitem", name="評価").click()
        tune = page.get_by_role("button", name="件で調整する").first
        tune.wait_for()
        settle(page)
        assert str(len(read(office))) in tune.inner_text()
        assert tune.is_enabled()
        tune.click()
        # What it made of it is told, whatever that is.
        page.locator(".sk-note, .sk-empty", has_text="nDCG").first.wait_for(timeout=120_000)
        settle(page)
        # The search of before is still in the address after Back.
        page.go_back()
        page.wait_for_url(lambda address: "海外" in unquote(address))
        page.locator(".sk-hit").first.wait_for()


def test_on_a_phone_the_first_hit_and_the_way_back_are_seen(browser: Any, office: Path, tmp_path: Path) -> None:
    viewport = {"width": 390, "height": 844}
    with (
        served(office, tmp_path / "log.txt") as url,
        opened(browser, f"{url}/?q=出張の宿泊費の上限", viewport=viewport) as page,
    ):
        hit = page.locator(".sk-hit").first
        hit.wait_for()
        settle(page)
        place = hit.bounding_box()
        assert place["y"] + place["height"] <= viewport["height"]
        page.locator(".st-key-open_1 button").click()
        page.locator(".sk-passage.chosen").wait_for()
        settle(page)
        # Scrolled to the end of a document, back and the matches stand in one row in sight.
        page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo(0, main.scrollHeight)")
        buttons = [button.bounding_box() for button in page.locator(".st-key-bar button").all()]
        assert len(buttons) >= 4
        assert max(box["y"] for box in buttons) - min(box["y"] for box in buttons) < 8
        assert all(0 <= box["y"] < 200 and box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in buttons)
        assert page.get_by_role("button", name="検索結果に戻る").count() == 1
        page.locator(".st-key-back button").click()
        page.locator(".sk-hit").first.wait_for()
