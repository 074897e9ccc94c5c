"""The two ways in which clients reach a server: over stdin and stdout, and over HTTP."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from mcp.server import MCPServer

from sakuin.mcp.server import create_server
from sakuin.search.searcher import Opening
from sakuin.server import Server


@contextmanager
def opened(opening: Opening, *, writable: bool) -> Iterator[MCPServer[Any]]:
    """The server of an index, with all loaded that the first search would wait for.

    Raises:
        IndexFolderError: there is no index, or it is damaged.
        ModelError: the index's model cannot be loaded.
    """
    with opening() as searcher:
        searcher.search("電車 train", k=1)
        yield create_server(searcher, writable=writable)


def run_stdio(opening: Opening, *, writable: bool = False) -> None:
    """Answer a client over stdin and stdout until it closes them; raises as `opened`."""
    with opened(opening, writable=writable) as server:
        server.run("stdio")


def run_http(opening: Opening, listener: socket.socket, ready: Callable[[], None], *, writable: bool = False) -> None:
    """Answer clients on this machine, at /mcp, until Ctrl-C or SIGTERM; raises as `opened`.

    Args:
        opening: Opens the index.
        listener: What they connect to, of an address of this machine only.
        ready: Called once they are answered.
        writable: Let clients add documents.
    """
    with opened(opening, writable=writable) as server:
        # Nothing is kept between two calls, so that clients may come back after a restart.
        app = server.streamable_http_app(stateless_http=True, host="127.0.0.1")
        asyncio.run(Server(uvicorn.Config(app, log_level="warning"), lambda _: ready()).serve([listener]))
