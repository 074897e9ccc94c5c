"""Docstrings of what returns arrays name their shapes and dtypes; ruff holds the rest of their form."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("embedder", "index", "search", "training", "sakuin")
ARRAY = re.compile(r"(?:tuple\[.*)?(?:NDArray|Vectors\b|(?:torch\.)?Tensor)")
DTYPE = re.compile(r"\b(?:float(?:16|32|64)|u?int(?:8|16|32|64)|bool|dtype)\b")
SHAPE = re.compile(r"\(\w+(?:, ?[^()]*)?,?\)|\bshape\b")


@pytest.mark.parametrize("folder", FOLDERS)
def test_shapes_and_dtypes_of_returned_arrays_are_named(folder: str) -> None:
    lacking = [
        f"{path.relative_to(ROOT)}: {function.name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for function in public_functions(ast.parse(path.read_text(encoding="utf-8")))
        if not names_arrays(function)
    ]
    assert lacking == []


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions of a module and methods of its classes, but for private ones."""
    for node in tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else [node]
        yield from (each for each in inside if isinstance(each, ast.FunctionDef) and not each.name.startswith("_"))


def names_arrays(function: ast.FunctionDef) -> bool:
    """Whether a function returns no array, or says of what shape and, of numpy's, of what dtype it is."""
    returned = ast.unparse(function.returns) if function.returns else ""
    if not ARRAY.match(returned):
        return True
    text = ast.get_docstring(function) or ""
    # What carries out a protocol may refer to it.
    if re.match(r"(?:See|As) ", text):
        return True
    return bool(SHAPE.search(text) and ("Tensor" in returned or DTYPE.search(text)))
