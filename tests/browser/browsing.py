"""How the tests see the app in Chromium."""

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


@contextmanager
def served(folder: Path, log: Path, *options: str) -> Iterator[str]:
    """The address of the app, started for an index with options of `index ui`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "sakuin", "ui", "--index", str(folder), "--port", str(port), "--no-browser"]
    command += options
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder.parent,
            # Maps are kept there, and the user's own are no concern of a test.
            env={**os.environ, "XDG_CACHE_HOME": str(log.parent / "cache")},
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


def shoot(page: Any, name: str, part: str = "") -> None:
    """Keep a picture for the documentation where a folder for them is named."""
    if folder := os.environ.get("SAKUIN_SCREENSHOTS"):
        settle(page)
        page.mouse.move(0, 0)
        page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
        page.wait_for_timeout(1000)
        file = Path(folder) / name
        (page.locator(part).first if part else page).screenshot(path=str(file))
        # A third of the bytes, and nobody sees it.
        from PIL import Image

        with Image.open(file) as picture:
            picture.convert("RGB").quantize(96, dither=Image.Dither.NONE).save(file, optimize=True)
