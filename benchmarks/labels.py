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
    "sample": "trained on a share of {}",
    "nprobe": "nprobe {}",
    "nprobes": "nprobes {}",
    "refine_factor": "refine_factor {}",
    "k_factor": "k_factor {}",
    "ef": "ef {}",
    "m": "m {}",
    "ef_construction": "ef_construction {}",
    "num_partitions": "{} partitions",
}
# Where nothing is set at all.
NOTHING = "as it comes"
ROLES = {"default": "{} (its default)", "best": "{} (best found)", "both": "{} (its default, and best found)"}


def same(label: str) -> str:
    """English, which labels are written in."""
    return label


def setting(values: Mapping[str, Any], say: Say = same) -> str:
    """A setting in words, such as "batches of 4,096, threads: 1"."""
    parts = []
    for name, value in values.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        parts.append(say(SETTINGS[name]).format(shown) if name in SETTINGS else say(shown))
    return say(", ").join(parts)


def row(figure: Mapping[str, Any], say: Say = same) -> str:
    """What was measured: its name and version, what of it, how it was set, and why so."""
    parts = [named(figure, say)]
    words = setting(figure.get("setting", {}), say)
    parts.append(say(ROLES.get(figure.get("role", ""), "{}")).format(words) if words else "")
    return say(", ").join(filter(None, parts))


def named(figure: Mapping[str, Any], say: Say = same) -> str:
    """What was measured, without how it was set.

    A figure has a ``title`` where names of several packages and their versions stand in one, else a ``name`` and
    perhaps a ``version``; and perhaps ``what`` of it was measured, and at how many dimensions (``dim``).
    """
    version = figure.get("version") if figure.get("role") else None
    name = figure.get("title") or " ".join(filter(None, (say(figure["name"]), version)))
    dim = say("{} dimensions").format(f"{figure['dim']:,}") if "dim" in figure else ""
    return say(", ").join(filter(None, (name, say(figure.get("what", "")), dim)))
