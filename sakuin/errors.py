"""The root of every error this software raises on purpose."""

from typing import ClassVar


class SakuinError(Exception):
    """Something the user can act on: the message says what happened, where, and what to do next.

    Attributes:
        code: Names the kind of failure for programs; one for each class.
    """

    code: ClassVar[str] = "failed"
