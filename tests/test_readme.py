"""Programs in documents run as they stand there."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sakuin.index.build import build
from sakuin.index.settings import Settings

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_the_first_program_finds_what_it_says(name: str, corpus: Path, tmp_path: Path) -> None:
    corpus.rename(tmp_path / "docs")
    program = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)[0]
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stderr
    # Only one document is of 2024, and it is the one that says how to get proof of a delay.
    assert re.fullmatch(r"1 [\d.]+ \S+ delay .*遅延証明書.*\n", run.stdout)


@pytest.mark.parametrize(
    "page",
    [
        "library",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("langchain", "llama-index", "haystack")
            if importlib.util.find_spec({"langchain": "langchain_core", "llama-index": "llama_index"}.get(name, name))
        ),
    ],
)
def test_programs_of_a_page_run_one_after_the_other(page: str, corpus: Path, tmp_path: Path) -> None:
    corpus.rename(tmp_path / "docs")
    (tmp_path / "docs" / "leave.txt").rename(tmp_path / "docs" / "leave.md")
    build(tmp_path / "docs", tmp_path / ".sakuin")
    programs = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL)
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(programs)],
        cwd=tmp_path,
        env=os.environ | {"HAYSTACK_TELEMETRY_ENABLED": "False", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert run.returncode == 0, run.stderr
    assert "leave.md" in run.stdout


def test_a_pool_of_processes_searches(corpus: Path, tmp_path: Path, toy_model: Path) -> None:
    build(corpus, tmp_path / ".sakuin", Settings(model=str(toy_model)))
    section = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").partition("## In several processes")[2]
    program = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    run = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "有給休暇の申請方法 leave.txt\nreset my password vpn.md\n"
