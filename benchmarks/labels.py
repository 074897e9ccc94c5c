"""Words for settings and rows, in printed tables and in those of the READMEs."""

from collections.abc import Callable, Mapping
from typing import Any

Say = Callable[[str], str]
"""A label in the language of a README."""

# By the name of an argument; what is not here stands as it is.
SETTINGS = {
    "batch_size": "batches of {}",
    "threads": "threads: {}",
    "processes": "processes: {}",
    "candidates": "{} candidates",
}
ROLES = {"default": "{} (its default)", "best": "{} (best found)"}


def same(label: str) -> str:
    """English, which labels are written in."""
    return label


def setting(values: Mapping[str, Any], say: Say = same) -> str:
    """A setting in words, such as "batches of 4,096, threads: 1"."""
    parts = []
    for name, value in values.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        parts.append(say(SETTINGS[name]).format(shown) if name in SETTINGS else shown)
    return say(", ").join(parts)


def row(figure: Mapping[str, Any], say: Say = same) -> str:
    """What was measured: its name and version, at how many dimensions, how it was set, and why so."""
    name = " ".join(filter(None, (say(figure["name"]), figure.get("version") if figure.get("role") else None)))
    parts = [name, say("{} dimensions").format(f"{figure['dim']:,}") if "dim" in figure else ""]
    words = setting(figure.get("setting", {}), say)
    parts.append(say(ROLES.get(figure.get("role", ""), "{}")).format(words) if words else "")
    return say(", ").join(filter(None, parts))
