"""Programs of Node: skipped where it, or a package, is not there."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def run(arguments: list[str], *, package: str, timeout: float = 60) -> Any:
    """What a program of Node prints, as JSON.

    Args:
        arguments: Of `node`; a script's path is relative to this folder.
        package: What it needs of `package.json`.
        timeout: Seconds that it may take.
    """
    node = shutil.which("node")
    if not node:
        pytest.skip("Node is not installed")
    if not (HERE / "node_modules" / package).exists():
        pytest.skip(f"{package} is not installed: run `npm install` in tests/clients")
    done = subprocess.run([node, *arguments], capture_output=True, text=True, cwd=HERE, timeout=timeout)
    assert done.returncode == 0, done.stderr or done.stdout
    return json.loads(done.stdout)
