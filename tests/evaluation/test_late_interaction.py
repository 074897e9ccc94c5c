from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from experiments.late_interaction import SETTINGS, WHOLE, Asked, chosen_by_others, cli

Write = Callable[[str, Sequence[dict[str, Any]]], Path]


def test_interaction_reorders_by_its_weight() -> None:
    asked = Asked([["a"], ["b", "c"]], np.array([0.9, 0.8]), {WHOLE: np.array([0.1, 0.9])})
    assert asked.ranking(()) == ["a", "b", "c"]
    assert asked.ranking(((WHOLE, 0.2),)) == ["b", "c", "a"]


def test_a_set_has_no_part_in_what_is_chosen_for_it() -> None:
    table = np.array([[9.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert chosen_by_others(table).tolist() == [1, 0, 0]


def test_the_command_prints_a_line_for_each_setting(write: Write, tmp_path: Path) -> None:
    for name, thing in (("first", "駅"), ("second", "recipe")):
        texts = [f"{thing} {number}番の{word}について説明します。" for number in range(6) for word in "猫犬馬鳥魚牛"]
        rows = [{"docid": str(i), "title": "", "text": text} for i, text in enumerate(texts)]
        write(f"{name}_retrieval_corpus", rows)
        queries = [{"query": text[:-7], "relevant_docs": [str(i)]} for i, text in enumerate(texts)]
        write(f"{name}_retrieval_queries", queries)
    shown = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "--queries", "5"], catch_exceptions=False)
    lines = shown.stdout.splitlines()
    assert lines[0] == "| weights, windows | first | second | mean |"
    assert len(lines) == 2 + len(SETTINGS) + 1
    assert lines[-1].startswith("| chosen by the others | ")
    assert all(line.count("|") == 5 for line in lines)


@pytest.mark.parametrize("name", ["first", "second"])
def test_one_task_is_too_few(write: Write, tmp_path: Path, name: str) -> None:
    write(f"{name}_retrieval_corpus", [{"docid": "1", "text": "駅"}])
    write(f"{name}_retrieval_queries", [{"query": "駅", "relevant_docs": ["1"]}])
    shown = CliRunner().invoke(cli, ["--data", str(tmp_path / "data")])
    assert shown.exit_code
    assert "takes two" in str(shown.exception)
