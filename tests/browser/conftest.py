from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.browsing import CHROMIUM, CHROMIUM_FLAGS, served


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def example_url(browser: Any, example_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(example_index, tmp_path_factory.mktemp("log") / "log.txt") as url:
        yield url
