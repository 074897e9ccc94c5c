"""Gives memory that was freed back to the system, in commands that run for days.

Only for glibc, which keeps an arena for each thread that runs beside others, and in each arena what was once needed
there. A commit runs threads of tantivy that need some 10 MB for a moment, so every commit could leave as much in
another arena.
"""

import ctypes
import os
from functools import cache

_M_ARENA_MAX = -8


def limit_arenas() -> None:
    """Have the threads of this process share as many arenas as there are cores, and no more; call it early."""
    if libc := _glibc():
        libc.mallopt(_M_ARENA_MAX, os.cpu_count() or 1)


def trim() -> None:
    """Give back what is free; takes some milliseconds."""
    if libc := _glibc():
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    libc = ctypes.CDLL(None) if os.name == "posix" else None
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
