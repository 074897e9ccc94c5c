"""The page *Search* in a browser: from the key Enter to the hits.

    python -m benchmarks.page --data ../shared/data/pairs --passages 100000
    python -m benchmarks.page --index .sakuin

Starts the app, types queries into its box in headless Chromium, and watches the page from inside: when the first hit of
the new result stands in it, and when all do and the app is at rest. Queries are those of `benchmarks.search`. The
passages that are built lie in ten folders and have a category and a year, so that there are filters to draw.
"""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.passages import distinct_passages
from benchmarks.processes import run
from benchmarks.questions import asked_of
from benchmarks.results import Figure, json_option, write
from benchmarks.search import passages_of

FOLDERS = 10
WARMING = 10
# Milliseconds after which a query counts as one whose first hit is that of the query before.
PATIENCE = 5_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# Resolves to the milliseconds from Enter to the first new hit and to the last one with the app at rest.
WATCH = """() => {
  const first = () => document.querySelector('.sk-hit')?.dataset.passage;
  const resting = () => document.querySelector('.stApp').dataset.testScriptState === 'notRunning';
  const before = first();
  window.measured = new Promise(resolve => {
    let started, drawn;
    addEventListener('keydown', () => { started = performance.now(); }, { capture: true, once: true });
    const observer = new MutationObserver(() => {
      if (started === undefined) return;
      if (drawn === undefined && first() && first() !== before) drawn = performance.now() - started;
      if (drawn !== undefined && resting()) {
        observer.disconnect();
        resolve([drawn, performance.now() - started]);
      }
    });
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    setTimeout(() => { observer.disconnect(); resolve(null); }, PATIENCE);
  });
}""".replace("PATIENCE", str(PATIENCE))


@click.command()
@click.option("--passages", default=100_000, show_default=True, help="How many to build an index of.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--index", "folder", type=click.Path(path_type=Path), help="Measure this index, and build none.")
@click.option("--queries", default=100, show_default=True, help="Queries to type.")
@json_option
def main(passages: int, data: Path | None, folder: Path | None, queries: int, as_json: Path | None) -> None:
    """Measure the page Search."""
    with tempfile.TemporaryDirectory() as temporary:
        if folder is None:
            write_folders(Path(temporary, "corpus"), distinct_passages(passages, data))
            folder = Path(temporary, ".sakuin")
            run("build", str(Path(temporary, "corpus")), "--index", str(folder))
        asked = asked_of(passages_of(folder), queries + WARMING)
        with served(folder.resolve()) as address:
            write(as_json, "benchmarks.page", report(typed(address, asked)[WARMING:]))


def write_folders(folder: Path, texts: Sequence[str]) -> None:
    """A corpus of folders with one JSON Lines file each, whose documents have metadata."""
    for part in range(FOLDERS):
        path = folder / f"folder-{part}" / "passages.jsonl"
        path.parent.mkdir(parents=True)
        rows = (
            {"id": str(number), "text": texts[number], "category": f"category {number % 7}", "year": 2000 + number % 25}
            for number in range(part, len(texts), FOLDERS)
        )
        path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the app, started for an index."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "sakuin", "ui", "--index", str(folder), "--port", str(port), "--no-browser"]
    app = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                break
            except OSError:
                if app.poll() is not None:
                    raise click.ClickException(f"The app did not start: try {' '.join(command[1:])}.") from None
                time.sleep(0.1)
        yield address
    finally:
        app.terminate()
        app.wait(timeout=30)


def typed(address: str, asked: Sequence[str]) -> list[tuple[float, float, float] | None]:
    """Milliseconds of each query: to the first hit, to the last, and of the search alone.

    None stands for a query whose first hit is that of the query before.
    """
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(locale="en-GB", viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(f"{address}/?q=index")
        page.locator(".sk-hit").first.wait_for()
        return [ask(page, query) for query in asked]


def ask(page: Any, query: str) -> tuple[float, float, float] | None:
    """Type one query."""
    box = page.get_by_role("searchbox")
    box.fill(query)
    page.evaluate(WATCH)
    box.press("Enter")
    measured = page.evaluate("() => window.measured")
    if measured is None:
        return None
    search = re.search(r"([\d.]+) ms", page.locator(".sk-summary").inner_text())
    return measured[0], measured[1], float(search[1]) if search else 0.0


def report(measured: Sequence[tuple[float, float, float] | None]) -> list[Figure]:
    """Print medians and 95th percentiles, and return them."""
    times = np.array([row for row in measured if row is not None])
    print(f"{len(times)} queries typed, {len(measured) - len(times)} with the first hit of the one before left out")
    print(f"{'milliseconds':44}{'p50':>10}{'p95':>10}")
    figures: list[Figure] = []
    for name, column in zip(
        ("Enter to the first hit", "Enter to the last hit", "of it the search"), times.T, strict=True
    ):
        p50, p95 = (float(np.percentile(column, share)) for share in (50, 95))
        print(f"{name:44}{p50:10.1f}{p95:10.1f}")
        figures.append({"name": name, "p50_ms": p50, "p95_ms": p95})
    return figures


if __name__ == "__main__":
    main()
