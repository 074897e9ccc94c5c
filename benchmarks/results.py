"""Figures as JSON, with what they were measured with: what the tables of the READMEs are made from.

A benchmark writes them where its ``--json`` says. Those that tables use lie in ``benchmarks/results/COMMIT/``.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sakuin.embedder.core import native
from sakuin.evaluation.provenance import provenance
from sakuin.files import atomic_write

FOLDER = Path(__file__).parent / "results"

Figure = dict[str, Any]
"""One line of a benchmark: what was measured, and its figures by their names.

What can be set has a ``role``: ``default``, ``best``, ``both`` or ``tried``; a ``setting``; and a ``version``.
"""

json_option = click.option(
    "--json",
    "as_json",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the figures to this file; those for the READMEs go to benchmarks/results/COMMIT/NAME.json.",
)


def write(path: Path | None, benchmark: str, figures: Sequence[Figure]) -> None:
    """Write the figures of a benchmark with the arguments of its command, if they are wanted.

    Args:
        path: The file; None writes nothing.
        benchmark: The module that measured them.
        figures: In the order they are shown.
    """
    if path is None:
        return
    arguments = {name: value for name, value in click.get_current_context().params.items() if name != "as_json"}
    facts = {
        "benchmark": benchmark,
        **provenance(arguments),
        "compiled_core": native is not None,
        "figures": list(figures),
    }
    with atomic_write(path) as part:
        part.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def newest(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """All results in a folder, the newest first.

    Raises:
        ValueError: a file holds no JSON.
    """
    results = [json.loads(path.read_bytes()) for path in sorted(folder.glob("*/*.json"))]
    return sorted(results, key=lambda result: str(result["date"]), reverse=True)
