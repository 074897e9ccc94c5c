"""A folder as offices have them, of a hundred files in all formats: each is found by the code that stands in it."""

import json
import runpy
from pathlib import Path

from sakuin.index.build import build
from sakuin.search import Searcher

SCRIPT = Path(__file__).parents[2] / "examples" / "office.py"


def test_every_file_of_an_office_folder_is_found(tmp_path: Path) -> None:
    corpus = tmp_path / "office"
    runpy.run_path(str(SCRIPT))["main"](corpus)
    codes = json.loads((corpus / "codes.json").read_text(encoding="utf-8"))
    (corpus / "codes.json").unlink()
    report = build(corpus, tmp_path / "index")
    assert (report.added, report.skipped) == (100, [])
    missed = {}
    with Searcher.open(tmp_path / "index") as searcher:
        for name, code in codes.items():
            found = {place.document.id for hit in searcher.search(code, mode="bm25").hits for place in hit.places}
            if not any(each.startswith(name) for each in found):
                missed[name] = found
    assert missed == {}


def test_the_folder_comes_out_the_same_each_time(tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        runpy.run_path(str(SCRIPT))["main"](tmp_path / name)
        written.append(
            {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        )
    assert written[0] == written[1]
