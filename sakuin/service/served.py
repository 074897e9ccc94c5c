"""What is served, to whom, and what keeps it from being served; known to the process that starts others, too."""

from dataclasses import dataclass, field
from pathlib import Path

from sakuin.errors import SakuinError

LAST_SECONDS = 5
"""How long answers under way may take once the service is to end."""


class ServiceError(SakuinError):
    """A service that cannot start or go on: its port or address cannot be had, its key is unfit, or workers die."""

    code = "service_unavailable"


@dataclass(frozen=True)
class Served:
    """What is served, and to whom.

    Attributes:
        folder: Of the index.
        key: What clients must send; None to ask for none.
        hosts: Names by which clients may call this machine; None for any.
        model_name: What clients call the model; None for its own name.
        writable: Whether clients may write.
        origins: Of pages that may ask from a browser, such as ``https://intranet.example``.
        counts: The folder in which several processes count their requests together.
    """

    folder: Path
    key: str | None = field(repr=False)
    hosts: frozenset[str] | None
    model_name: str | None = None
    writable: bool = False
    origins: tuple[str, ...] = ()
    counts: Path | None = None
