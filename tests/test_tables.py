"""The tables of the READMEs are those of the results."""

from pathlib import Path

import pytest

from benchmarks.results import newest
from benchmarks.tables import MARKED, READMES, ROOT, TABLES, filled


@pytest.mark.parametrize("name", READMES)
def test_the_tables_of_a_readme_are_made_from_the_results(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert {match[2] for match in MARKED.finditer(text)} == set(TABLES)
    assert filled(text, newest(), japanese=READMES[name]) == text, "run `python -m benchmarks.tables`"


def test_newer_figures_take_the_place_of_older_ones() -> None:
    older = {"benchmark": "benchmarks.train", "date": "2026-01-01", "figures": []}
    newer = older | {"date": "2026-02-01", "figures": [{"name": "sakuin", "pairs_per_second": 1234.4, "ratio": 123.4}]}
    text = "<!-- table: train -->\n| gone |\n<!-- end of table -->"
    assert "| sakuin | 1,234 | 123 |" in filled(text, [newer, older], japanese=False)
    assert "gone" not in filled(text, [newer, older], japanese=False)


def test_every_result_says_what_it_was_measured_with() -> None:
    for result in newest():
        assert {"benchmark", "commit", "date", "machine", "versions", "arguments"} <= set(result)
    for path in (ROOT / "benchmarks" / "results").glob("*/*.json"):
        assert f'"commit": "{path.parent.name}"' in Path(path).read_text(encoding="utf-8")
