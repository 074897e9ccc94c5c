from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

from experiments.documents import FIRST, SHARES, Passages, cli

Write = Callable[[str, Sequence[dict[str, Any]]], Path]


def test_a_document_gains_a_share_of_its_next_best_passage_alone() -> None:
    found = Passages(np.array([0.9, 0.8, 0.7, 0.6]), ["a", "b", "b", "b"])
    assert found.documents(0.0) == ["a", "b"]
    assert found.documents(0.1) == ["a", "b"]
    assert found.documents(0.2) == ["b", "a"]


def test_passages_behind_the_first_add_nothing() -> None:
    docids = ["a", "b", *(f"{number}" for number in range(FIRST - 2)), "b"]
    found = Passages(np.linspace(1, 0.9, len(docids)), docids)
    assert found.documents(0.4)[0] == "a"


def test_the_command_prints_what_each_share_adds(write: Write, tmp_path: Path) -> None:
    rows = [{"docid": str(i), "title": "", "text": f"{word}について説明します。"} for i, word in enumerate("猫犬馬鳥")]
    write("pets_retrieval_corpus", [*rows, {"docid": "empty", "title": "", "text": ""}])
    write("pets_retrieval_queries", [{"query": "犬", "relevant_docs": ["1"]}])
    shown = CliRunner().invoke(cli, ["--data", str(tmp_path / "data")], catch_exceptions=False)
    assert shown.stdout.splitlines()[-1] == f"| pets | 0.8 | 100.0 | {' | '.join(['+0.00'] * (len(SHARES) - 1))} |"
