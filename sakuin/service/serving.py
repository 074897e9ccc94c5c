"""Starts the service of an index and ends it."""

import errno
import ipaddress
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn

from sakuin.errors import SakuinError
from sakuin.search.searcher import Searcher
from sakuin.service.app import create_app

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
FEWEST_KEY_CHARACTERS = 16
# After a signal, how long answers under way may take.
LAST_SECONDS = 5


class ServiceError(SakuinError):
    """A service that cannot start: its port or address cannot be had, or its key is missing or unfit."""

    code = "service_unavailable"


class Server(uvicorn.Server):
    """Says when it can be reached, and takes a signal to end for no failure."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End once what is under way is answered; at a second signal, at once."""
        # uvicorn would also raise the signal again in the end, and the process would seem killed.
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(folder: Path, host: str, port: int, key_file: Path | None, ready: Callable[[str], None]) -> None:
    """Serve an index until Ctrl-C or SIGTERM.

    Args:
        folder: Of the index.
        host: The address to listen on; other than this machine's own only with a key.
        port: The port to listen on.
        key_file: Holds the key that clients must send; None to ask for none.
        ready: Called with the service's address once it answers.

    Raises:
        ServiceError: the port is in use, there is no such address, or the key is missing or unfit.
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
    shown = f"[{host}]" if ":" in host else host
    try:
        # Before the index is opened, which may take a while, so that a port in use is known at once.
        with listening(host, port) as listener, Searcher.open(folder) as searcher:
            # The first search loads what all others share: dictionary, tokenizer, tables.
            searcher.search("電車 train", k=1)
            app = create_app(searcher, key, LOOPBACK_NAMES | {shown} if local else None)
            config = uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=LAST_SECONDS,
            )
            Server(config, lambda: ready(f"http://{shown}:{port}")).run([listener])
    except KeyboardInterrupt:
        # Before the server was there to take the signal.
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
