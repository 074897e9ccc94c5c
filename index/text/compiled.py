"""The compiled part of the analysis, or None where there is none; all of it can be done without, only slower."""

from types import ModuleType
from typing import cast

INTERFACE = 3

try:
    from sakuin.index.text import native as _native
except ImportError:  # there was no compiler when the package was installed
    native = None
else:
    # After a change of a clone another may lie there until it is installed again.
    native = cast(ModuleType | None, _native) if getattr(_native, "INTERFACE", 0) == INTERFACE else None
