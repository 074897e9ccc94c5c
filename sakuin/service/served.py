"""What is served, to whom, and what keeps it from being served; known to the process that starts others, too."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sakuin.errors import SakuinError

if TYPE_CHECKING:
    from sakuin.search.searcher import Opening

LAST_SECONDS = 5
"""How long answers under way may take once the service is to end."""


class ServiceError(SakuinError):
    """A service that cannot start or go on: its key or certificate is unfit, or workers die."""

    code = "service_unavailable"


@dataclass(frozen=True)
class Served:
    """What is served, and to whom.

    Attributes:
        folder: Of the index, or of a cluster.
        opening: Opens what is searched, where that is not what lies in the folder; by one process only.
        key_file: Holds the keys of which clients must send one; None to ask for none.
        hosts: Names by which clients may call this machine; None for any.
        model_name: What clients call the model; None for its own name.
        writable: Whether clients may write.
        origins: Of pages that may ask from a browser, such as ``https://intranet.example``.
        certificate: File of the certificate for TLS, and those that vouch for it; None to do without TLS.
        certificate_key: File of the certificate's private key; None where it stands in the same file.
        request_log: File to which a line is appended for each request, "-" for stderr; None to write none.
        log_queries: Write down what was searched for, too.
        counts: The folder in which several processes count their requests together.
    """

    folder: Path
    opening: "Opening | None" = None
    key_file: Path | None = None
    hosts: frozenset[str] | None = None
    model_name: str | None = None
    writable: bool = False
    origins: tuple[str, ...] = ()
    certificate: Path | None = None
    certificate_key: Path | None = None
    request_log: Path | None = None
    log_queries: bool = False
    counts: Path | None = None
