import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sakuin.index.build import build
from tests.ui.pages import CHROMIUM, CHROMIUM_FLAGS, EXAMPLES, HOSTILE, served


@pytest.fixture(scope="session")
def example_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLES, base / "examples" / "corpus")
    build(base / "examples" / "corpus", base / ".sakuin")
    return base / ".sakuin"


@pytest.fixture(scope="session")
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
