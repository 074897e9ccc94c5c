"""What the documents name is there: files, modules, commands."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sakuin.cli.main import cli

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "README.ja.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r'\]\(([^)#\s]+)[^)]*\)|(?:src|srcset)="([^"]+)"')
MODULE = re.compile(r"(?:python -m |::: |`)((?:sakuin|benchmarks|experiments)(?:\.\w+)+)")
COMMAND = re.compile(r"(?:^|`)index ([a-z]+)\b", re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_names_to_modules(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = (match[1] or match[2] for match in LINK.finditer(text))
    assert [link for link in links if not re.match("[a-z]+:", link) and not (document.parent / link).exists()] == []
    assert [name for name in MODULE.findall(text) if not exists(name)] == []


def exists(name: str) -> bool:
    """Whether a dotted name is that of a module, or of something that a module defines or imports."""
    *parents, last = name.split(".")
    path = ROOT.joinpath(*parents, last)
    if path.is_dir() or path.with_suffix(".py").exists():
        return True
    module = ROOT.joinpath(*parents)
    module = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
    if module.exists():
        return last in names_in(ast.parse(module.read_text(encoding="utf-8")))
    return bool(parents) and exists(".".join(parents))


def names_in(tree: ast.Module) -> Iterator[str]:
    """What a module defines or imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_a_readme_shows_every_command_and_no_other(name: str) -> None:
    assert set(COMMAND.findall((ROOT / name).read_text(encoding="utf-8"))) == set(cli.commands)
