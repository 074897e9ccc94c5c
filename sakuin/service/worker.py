"""One process that answers: it opens the index, searches once, and takes connections until it is to end."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

from sakuin.search.searcher import Searcher
from sakuin.service.app import create_app
from sakuin.service.connections import EXCESS, HEADER_SECONDS, Connection, most_connections
from sakuin.service.served import LAST_SECONDS, Served
from sakuin.service.shares import Share, shares
from sakuin.service.writing import written

SWITCH_SECONDS = 0.0005
"""How long a thread keeps Python's lock while others wait for it: at Python's 5 ms the event loop, which needs it for a
moment each time, waits for as long as several of these behind long answers."""

FULL_SECONDS = 0.05
"""How soon it is noticed that there is room for connections again."""


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
    """Takes connections itself: its share, where other processes take connections from the same port."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[Server], None], share: Share) -> None:
        super().__init__(config, ready)
        self.share = share
        self._taking: list[asyncio.Task[None]] = []
        self._making: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        self._taking = [asyncio.create_task(self._take(listener)) for listener in sockets or []]
        # uvicorn would take whatever it can get, and asyncio write a line for each that it cannot.
        await super().startup([])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and end once what is under way is answered."""
        for task in [*self._taking, *self._making]:
            task.cancel()
        await super().shutdown(sockets)

    async def _take(self, listener: socket.socket) -> None:
        most = most_connections() + EXCESS
        listener.setblocking(False)
        self.share.tell(0)
        while True:
            while len(self.server_state.connections) + len(self._making) >= most:
                await asyncio.sleep(FULL_SECONDS)
            if connection := await self.share.take(listener):
                # Not waited for: with TLS a client may take its time.
                task = asyncio.create_task(self._make(connection))
                self._making.add(task)
                task.add_done_callback(self._making.discard)

    async def _make(self, connection: socket.socket) -> None:
        """Have a connection answered."""
        loop = asyncio.get_running_loop()
        state, lifespan = self.server_state, self.lifespan.state
        tls = self.config.ssl
        try:
            await loop.connect_accepted_socket(
                lambda: Connection(self.config, state, lifespan, share=self.share),
                connection,
                ssl=tls,
                ssl_handshake_timeout=HEADER_SECONDS if tls else None,
            )
        except Exception:  # of a client that has gone, say: one connection must not end all others
            connection.close()


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
    sys.setswitchinterval(SWITCH_SECONDS)
    with Searcher.open(served.folder) as searcher, written(searcher, served.writable) as writing:
        # The first search loads what all others share: dictionary, tokenizer, tables.
        searcher.search("電車 train", k=1)
        config = uvicorn.Config(
            create_app(searcher, served, writing=writing),
            http=Connection,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=LAST_SECONDS,
            ssl_certfile=served.certificate,
            ssl_keyfile=served.certificate_key,
        )
        if os.name == "posix":
            server: Server = SharingServer(config, ready, share or shares(1)[0])
        else:
            # The event loop of Windows cannot tell when a connection waits.
            server = Server(config, ready)
        server.run([listener])
