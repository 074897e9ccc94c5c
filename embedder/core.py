"""The compiled core, `native`, where it could be built when the package was installed; None where not.

What it computes is computed without it too, to the same bits: it is a matter of speed alone.
"""

from types import ModuleType
from typing import cast

INTERFACE = 3
"""Of the core that this code calls. After a change of a clone another may lie there until it is installed again."""

try:
    from sakuin.embedder import native as _native
except ImportError:
    native = None
else:
    native = cast(ModuleType | None, _native) if getattr(_native, "INTERFACE", 0) == INTERFACE else None
