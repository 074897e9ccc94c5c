"""The compiled parts of the analysis, each None where there is none; all can be done without, only slower."""

from importlib import import_module
from typing import Any

INTERFACES = {"native": 4, "libmecab": 1}


def _compiled(name: str) -> Any:
    try:
        module = import_module(f"sakuin.index.text.{name}")
    except ImportError:  # there was no compiler when the package was installed
        return None
    # After a change of a clone another may lie there until it is installed again.
    return module if getattr(module, "INTERFACE", 0) == INTERFACES[name] else None


native = _compiled("native")
libmecab = _compiled("libmecab")
