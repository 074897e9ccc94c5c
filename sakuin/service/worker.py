"""One process that answers: it opens the index, searches once, and takes connections until it is to end."""

import asyncio
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sakuin.search.searcher import Searcher
from sakuin.service.app import create_app
from sakuin.service.served import LAST_SECONDS, Served
from sakuin.service.shares import Share
from sakuin.service.writing import written


class Server(uvicorn.Server):
    """Says when it can be reached, and takes a signal to end for no failure."""

    def __init__(self, config: uvicorn.Config, ready: Callable[["Server"], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self._ready(self)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End once what is under way is answered; at a second signal, at once."""
        # uvicorn would also raise the signal again in the end, and the process would seem killed.
        self.force_exit = self.should_exit
        self.should_exit = True


class SharingServer(Server):
    """Takes its share of the connections to a port that other processes take connections from too."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[Server], None], share: Share) -> None:
        super().__init__(config, ready)
        self.share = share
        self._taking: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        self._taking = [asyncio.create_task(self._take(listener)) for listener in sockets or []]
        # uvicorn would take whatever it can get.
        await super().startup([])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and end once what is under way is answered."""
        for task in self._taking:
            task.cancel()
        await super().shutdown(sockets)

    async def _take(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        self.share.tell(0)
        while True:
            if connection := await self.share.take(listener):
                try:
                    await loop.connect_accepted_socket(lambda: Connection(self), connection)
                except Exception:  # of a client that has gone, say: one connection must not end all others
                    connection.close()


class Connection(H11Protocol):
    """A connection that counts in its process's share."""

    def __init__(self, server: SharingServer) -> None:
        super().__init__(server.config, server.server_state, server.lifespan.state)
        self._share = server.share

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        self._share.tell(len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        super().connection_lost(exc)
        self._share.tell(len(self.connections))


def answer(
    served: Served, listener: socket.socket, ready: Callable[[Server], None], share: Share | None = None
) -> None:
    """Answer until a signal.

    Args:
        served: What is served.
        listener: Where connections come in.
        ready: Called once the service answers.
        share: Of the connections, where other processes take some too.

    Raises:
        IndexFolderError: there is no index, or it is damaged.
        ModelError: the index's model cannot be loaded.
    """
    with Searcher.open(served.folder) as searcher, written(searcher, served.writable) as writing:
        # The first search loads what all others share: dictionary, tokenizer, tables.
        searcher.search("電車 train", k=1)
        config = uvicorn.Config(
            create_app(searcher, served, writing=writing),
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
        server = Server(config, ready) if share is None else SharingServer(config, ready, share)
        server.run([listener])
