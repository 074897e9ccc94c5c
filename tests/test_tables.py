"""The tables of the READMEs are those of the results."""

from pathlib import Path

import pytest

from benchmarks.results import newest
from benchmarks.tables import MARKED, READMES, ROOT, SEARCHES, TABLES, filled


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


def test_of_settings_only_the_default_and_the_best_stand_in_tables() -> None:
    rates = {"tried": 9000, "default": 3000, "best": 8000}
    figures = [
        {"name": "peer", "version": "1.0", "role": role, "setting": {"batch_size": size}, "dim": 256}
        | {"passages_per_second": rates[role], "ratio": rates[role] / 8000}
        for role, size in (("tried", 7), ("default", 32), ("best", 4096))
    ]
    result = {"benchmark": "benchmarks.encode", "date": "2026-02-01", "figures": figures}
    english = filled("<!-- table: encode -->\n<!-- end of table -->", [result], japanese=False)
    assert "| peer 1.0, 256 dimensions, batches of 32 (its default) | 3,000 | 0.4 |" in english
    assert "| peer 1.0, 256 dimensions, batches of 4,096 (best found) | 8,000 | 1.0 |" in english
    assert "9,000" not in english
    japanese = filled("<!-- table: encode -->\n<!-- end of table -->", [result], japanese=True)
    assert "| peer 1.0、256 次元、バッチ 4,096 件（見つけた最速） | 8,000 | 1.0 |" in japanese


def search_result(passages: int, setting: dict[str, object]) -> dict[str, object]:
    own = {"role": "", "p50_ms": 2.0, "p99_ms": 4.0, "queries_per_second": 400.4, "recall": 0.99, "found": 0.9}
    figures = [own | {"name": name, "passages": passages} for name in SEARCHES]
    peer = {"name": "peer hybrid", "title": "peer 1.0", "what": "hybrid", "passages": passages, "setting": setting}
    for role, milliseconds in (("tried", 1.0), ("default", 10.0), ("best", 3.0)):
        figures.append(peer | {"role": role, "p50_ms": milliseconds, "p99_ms": 20.0, "recall": 0.5, "found": 0.7})
    return {"benchmark": "benchmarks.search", "date": "2026-02-01", "figures": figures}


def test_searches_say_what_they_find_and_how_they_were_set_at_each_size() -> None:
    text = "<!-- table: search -->\n<!-- end of table -->"
    results = [search_result(1000, {}), search_result(2000, {"index": "HnswSq", "ef": 400})]
    rows = filled(text, results, japanese=False)
    assert "| sakuin, hybrid | 2.0 / 4.0 (99, 90 %) | 2.0 / 4.0 (99, 90 %) |  |" in rows
    set_so = "1,000: as it comes; 2,000: HnswSq, ef 400 (best found)"
    assert f"| peer 1.0, hybrid | 3.0 / 20.0 (50, 70 %) | 3.0 / 20.0 (50, 70 %) | {set_so} |" in rows
    assert "| 1.0 / 20.0" not in rows
    same = filled(text, [search_result(size, {"words": "ICU's words"}) for size in (1000, 2000)], japanese=True)
    assert "| peer 1.0、ハイブリッド | 10.0 / 20.0 (50, 70 %) | 10.0 / 20.0 (50, 70 %) | ICU の単語（既定） |" in same
