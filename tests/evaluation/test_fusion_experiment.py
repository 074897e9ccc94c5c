"""The experiment that compares fixed and adaptive fusion on tasks."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments import fusion


def test_sets_of_a_folder_are_compared(data: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        fusion.cli, ["--data", str(data), "--dim", "64", "--json", str(tmp_path / "facts.json")]
    )
    assert result.exit_code == 0, result.output
    facts = {own["name"]: own for own in json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))["sets"]}
    translations = [name for name in facts if "finds" in name]
    assert len(translations) == 2
    assert facts["pets"]["queries"] == 2
    # The words of both queries stand in their answers.
    assert facts["pets"]["bm25"] == facts["pets"]["adaptive"] == 1
    for own in facts.values():
        assert own["best"] >= max(own["fixed"], 0)
        assert own["against_fixed"]["value"] == pytest.approx(own["adaptive"] - own["fixed"])
        assert f"| {own['name']} |" in result.output
