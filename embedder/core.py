"""The compiled core, `native`, where it could be built when the package was installed; None where not.

What it computes is computed without it too, to the same bits: it is a matter of speed alone.
"""

from types import ModuleType
from typing import cast

try:
    from sakuin.embedder import native as _native
except ImportError:
    native = None
else:
    native = cast(ModuleType | None, _native)
