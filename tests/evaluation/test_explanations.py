from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.explanations import cli, largest_error, largest_rounding
from sakuin.index.build import build
from sakuin.search import Explanation


def test_random_hits_of_an_index_add_up(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    for number, text in enumerate(("猫が好きです。", "the cat sat on the mat", "会社を休む手続き")):
        (tmp_path / "corpus" / f"{number}.txt").write_text(text, encoding="utf-8")
    build(tmp_path / "corpus", tmp_path / "index")
    result = CliRunner().invoke(cli, ["--index", str(tmp_path / "index"), "--pairs", "60"])
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines() if line.startswith(("hybrid", "dense", "bm25"))]
    assert sum(int(row[1]) for row in rows) == 60
    assert all(row[3] == "0" for row in rows)


@pytest.mark.parametrize(("operation", "expected"), [("sum", 0.5), ("product", 3.5 - 2.0), ("", 0.0)])
def test_what_does_not_add_up_is_found(operation: str, expected: float) -> None:
    parts = (Explanation("low", value=1.0), Explanation("vector_rounding", value=2.0))
    wrong = Explanation("cosine", {"dim": 1, "of": 1}, value=3.5, details=parts, operation=operation)
    assert largest_error(Explanation("fused", value=3.5, details=(wrong,), operation="sum")) == pytest.approx(expected)
    assert largest_rounding(wrong) == 2.0
