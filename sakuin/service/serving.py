"""Starts the service of an index and ends it."""

import os
import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sakuin.addresses import bare, in_url, is_loopback, listening
from sakuin.service.certificates import require_certificate
from sakuin.service.keys import FEWEST_CHARACTERS, read_keys
from sakuin.service.request_log import RequestLog
from sakuin.service.served import Served, ServiceError
from sakuin.service.supervisor import Supervisor

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})

_origin = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\sA-Z*]+")


def serve(
    served: Served,
    host: str,
    port: int,
    *,
    workers: int = 1,
    ready: Callable[[str], None],
    died: Callable[[str], None],
) -> None:
    """Serve an index until Ctrl-C or SIGTERM.

    Args:
        served: What is served; ``hosts`` follow from the address.
        host: The address to listen on; other than this machine's own only with a key.
        port: The port to listen on.
        workers: Processes that answer; with one it is this process.
        ready: Called with the service's address once all of them answer.
        died: Called with a sentence where a worker died, and another is started.

    Raises:
        AddressError: the port is in use, or there is no such address.
        ServiceError: keys, certificate or pages are missing or unfit, or workers cannot start or die again and again.
        IndexFolderError: there is no index, or it is damaged.
        ModelError: the index's model cannot be loaded.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    host = bare(host)
    if served.key_file:
        read_keys(served.key_file)
    local = is_loopback(host)
    if not local and served.key_file is None:
        raise ServiceError(
            f"Other machines can reach {host}, so clients must have a key: write one of {FEWEST_CHARACTERS} "
            f"characters or more into a file and give it with --key-file."
        )
    if workers > 1 and os.name != "posix":
        raise ServiceError("Several workers need Linux or macOS: on this system leave --workers out.")
    if workers > 1 and served.writable:
        raise ServiceError("One process writes: leave --workers out with --writable, or serve without --writable.")
    require_origins(served.origins, served.key_file)
    require_certificate(served.certificate, served.certificate_key)
    require_log(served.request_log)
    shown = in_url(host)
    served = replace(served, hosts=LOOPBACK_NAMES | {shown} if local else None)
    scheme = "https" if served.certificate else "http"

    def answers() -> None:
        ready(f"{scheme}://{shown}:{port}")

    try:
        # Before the index is opened, which may take a while, so that a port in use is known at once.
        with listening(host, port) as listener:
            if workers > 1:
                Supervisor(served, listener, workers).run(answers, died)
            else:
                # Loads much that a supervisor does without.
                from sakuin.service.worker import answer

                answer(served, listener, lambda _: answers())
    except KeyboardInterrupt:
        # Before there was anything to take the signal.
        return


def require_origins(origins: Sequence[str], key_file: Path | None) -> None:
    """Raise ServiceError where pages are not named as browsers name them, or all of them may ask without a key."""
    for origin in origins:
        if origin == "*" and key_file is None:
            raise ServiceError(
                "With --cors '*' any page that somebody opens could read the index: name pages, such as "
                "https://intranet.example, or give a key with --key-file."
            )
        if origin != "*" and not _origin.fullmatch(origin):
            raise ServiceError(
                f"--cors {origin!r} is not what a browser calls a page: give the beginning of its address in lower "
                f"case, such as https://intranet.example or http://localhost:3000, without a path."
            )


def require_log(path: Path | None) -> None:
    """Raise ServiceError where a request log cannot be written."""
    try:
        if path:
            RequestLog(path).close()
    except OSError as error:
        raise ServiceError(f"The log {path} cannot be written: {error.strerror or error}.") from error
