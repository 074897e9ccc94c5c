"""Starts the service of an index and ends it."""

import errno
import ipaddress
import os
import re
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from sakuin.service.served import Served, ServiceError
from sakuin.service.supervisor import Supervisor

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
FEWEST_KEY_CHARACTERS = 16

_origin = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\sA-Z*]+")


def serve(
    folder: Path,
    host: str,
    port: int,
    key_file: Path | None,
    *,
    workers: int,
    model_name: str | None = None,
    writable: bool = False,
    origins: Sequence[str] = (),
    ready: Callable[[str], None],
    died: Callable[[str], None],
) -> None:
    """Serve an index until Ctrl-C or SIGTERM.

    Args:
        folder: Of the index.
        host: The address to listen on; other than this machine's own only with a key.
        port: The port to listen on.
        key_file: Holds the key that clients must send; None to ask for none.
        workers: Processes that answer; with one it is this process.
        model_name: What clients of /v1 call the model; None for its own name.
        writable: Let clients write; with one worker only.
        origins: Of pages that may ask from a browser; "*", for all, only with a key.
        ready: Called with the service's address once all of them answer.
        died: Called with a sentence where a worker died, and another is started.

    Raises:
        ServiceError: the port is in use, there is no such address, the key is missing or unfit, or workers cannot start
            or die again and again.
        IndexFolderError: there is no index, or it is damaged.
        ModelError: the index's model cannot be loaded.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    key = read_key(key_file) if key_file else None
    local = is_loopback(host)
    if not local and key is None:
        raise ServiceError(
            f"Other machines can reach {host}, so clients must have a key: write one of {FEWEST_KEY_CHARACTERS} "
            f"characters or more into a file and give it with --key-file."
        )
    if workers > 1 and os.name != "posix":
        raise ServiceError("Several workers need Linux or macOS: on this system leave --workers out.")
    if workers > 1 and writable:
        raise ServiceError("One process writes: leave --workers out with --writable, or serve without --writable.")
    require_origins(origins, key)
    shown = f"[{host}]" if ":" in host else host
    served = Served(folder, key, LOOPBACK_NAMES | {shown} if local else None, model_name, writable, tuple(origins))

    def answers() -> None:
        ready(f"http://{shown}:{port}")

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


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_key(path: Path) -> str:
    """The key in a file; raises ServiceError if there is none that can be sent in a header, or a short one."""
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceError(f"The key in {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if len(key) < FEWEST_KEY_CHARACTERS or not key.isascii() or not key.isprintable() or " " in key:
        raise ServiceError(
            f"The key in {path} must be one word of {FEWEST_KEY_CHARACTERS} ASCII characters or more. "
            f'Make one with: python -c "import secrets; print(secrets.token_urlsafe())" > {path}'
        )
    return key


def require_origins(origins: Sequence[str], key: str | None) -> None:
    """Raise ServiceError where pages are not named as browsers name them, or all of them may ask without a key."""
    for origin in origins:
        if origin == "*" and key is None:
            raise ServiceError(
                "With --cors '*' any page that somebody opens could read the index: name pages, such as "
                "https://intranet.example, or give a key with --key-file."
            )
        if origin != "*" and not _origin.fullmatch(origin):
            raise ServiceError(
                f"--cors {origin!r} is not what a browser calls a page: give the beginning of its address in lower "
                f"case, such as https://intranet.example or http://localhost:3000, without a path."
            )


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections; raises ServiceError where there can be none."""
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        if os.name == "posix":
            # A service that ended a moment ago does not keep its port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        if listener:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            remedy = "is in use: end the program that uses it, or choose another with --port"
        else:
            remedy = f"cannot be had ({error.strerror or error}): choose others with --port and --host"
        raise ServiceError(f"Port {port} of {host} {remedy}.") from error
    return listener
