"""The first program of a README runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_the_first_program_finds_what_it_says(name: str, corpus: Path, tmp_path: Path) -> None:
    corpus.rename(tmp_path / "docs")
    program = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)[0]
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stderr
    # Only one document is of 2024, and it is the one that says how to get proof of a delay.
    assert re.fullmatch(r"1 [\d.]+ \S+ delay .*遅延証明書.*\n", run.stdout)
