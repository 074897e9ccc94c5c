"""Whether there is enough memory for a command: some libraries end the process without a word where there is not."""

import errno
import os

from sakuin.cli.language import say
from sakuin.errors import SakuinError

WRITING_MB, READING_MB, LIGHT_MB = 1_450, 900, 260
"""Address space that some ten thousand passages need, measured with the packaged model; an index that is mapped needs
its size more. The last is for commands that load neither model nor FAISS."""

STACK_MB = 16
"""Of address space for each core: some libraries start a thread on each."""

MB = 1024 * 1024

SIGNS = ("can't start new thread", "failed to map segment", "std::bad_alloc", "Cannot allocate memory")
"""By what a lack of memory shows in errors of other kinds."""


def require_address_space(megabytes: int, work: str) -> None:
    """See that a limit on this process's address space (``ulimit -v``) leaves room for libraries and models.

    Args:
        megabytes: Needed, besides the stacks of threads.
        work: What needs them.

    Raises:
        SakuinError: the limit is lower.
    """
    limit = address_space_limit()
    needed = megabytes + STACK_MB * (os.cpu_count() or 1)
    if limit is not None and limit < needed * MB:
        told = (
            "{work} needs {needed:,} MB of address space, and this process is limited to {limit:,} MB: raise "
            "the limit (`ulimit -v {kilobytes}`, or LimitAS of systemd) and run it again."
        )
        raise SakuinError(say(told, work=work, needed=needed, limit=limit // MB, kilobytes=needed * 1024))


def address_space_limit() -> int | None:
    """Bytes of address space that this process may have; None for any number."""
    if os.name != "posix":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def is_want_of_memory(error: BaseException) -> bool:
    """Whether an error comes of a lack of memory, as far as can be told."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if not isinstance(error, RuntimeError | ImportError):
        return False
    # Some libraries cannot say what they lack, such as MeCab of its dictionary.
    return any(sign in str(error) for sign in SIGNS) or (not str(error).strip() and address_space_limit() is not None)
