"""What a process, and what it starts, may take of memory. Only Linux holds a process to it."""

from contextlib import suppress
from pathlib import Path

_STATUS = Path("/proc/self/status")
_DATA = "VmData:"
LEAST = 64 * 1024 * 1024
"""Bytes that a program has in any case: it says better what it lacks than one that does not start."""


def limit_memory(megabytes: int) -> None:
    """Let what is allocated from now on fail beyond so many megabytes in all; 0 for no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes * 1024 * 1024 if megabytes else hard
    # Of the address space only what can be written counts: libraries reserve much of it that they never use.
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def leave_the_rest(pid: int) -> int:
    """Let a program that was just started take what this process leaves of its own limit, so that both keep within it.

    Returns:
        The limit of both together, in megabytes; 0 where there is none.
    """
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
        if limit == resource.RLIM_INFINITY:
            return 0
        rest = max(limit - _taken(), LEAST)
        with suppress(OSError):  # it has ended
            resource.prlimit(pid, resource.RLIMIT_DATA, (rest, rest))
    except (ImportError, AttributeError):  # other systems
        return 0
    return limit // (1024 * 1024)


def _taken() -> int:
    """Bytes that count for the limit of this process."""
    with suppress(OSError, ValueError, IndexError):
        line = next((each for each in _STATUS.read_text().splitlines() if each.startswith(_DATA)), "")
        return int(line.split()[1]) * 1024
    return 0
