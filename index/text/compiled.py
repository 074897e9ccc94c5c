"""The compiled part of the analysis, None where there is none; all can be done without, only slower."""

from importlib import import_module
from typing import Any

INTERFACE = 7


def _compiled() -> Any:
    try:
        module = import_module("sakuin.index.text.native")
    except ImportError:  # there was no compiler when the package was installed
        return None
    # After a change of a clone another may lie there until it is installed again.
    return module if getattr(module, "INTERFACE", 0) == INTERFACE else None


native = _compiled()
