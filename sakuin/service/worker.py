"""One process that answers: it opens the index, searches once, and takes connections until it is to end."""

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Callable

import uvicorn

from sakuin.search.searcher import Searcher
from sakuin.server import Server
from sakuin.service.app import create_app
from sakuin.service.certificates import Certificate
from sakuin.service.connections import EXCESS, HEADER_SECONDS, Connection, most_connections
from sakuin.service.served import LAST_SECONDS, Served
from sakuin.service.shares import Share, shares
from sakuin.service.writing import written

SWITCH_SECONDS = 0.0005
"""How long a thread keeps Python's lock while others wait for it: at Python's 5 ms the event loop, which needs it for a
moment each time, waits for as long as several of these behind long answers."""

COLLECTIONS = (700, 10, 500)
"""When Python looks for garbage in cycles: of all objects fifty times as seldom as by default, for that stops all
threads. Explanations are many objects, none of them in a cycle."""

FULL_SECONDS = 0.05
"""How soon it is noticed that there is room for connections again."""


class SecureServer(Server):
    """Shows the certificate that stands in the files, also once it was renewed."""

    certificate: Certificate | None = None

    def __init__(self, config: uvicorn.Config, ready: Callable[[Server], None], served: Served) -> None:
        super().__init__(config, ready)
        self._served = served

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        if self._served.certificate and self.config.ssl:
            self.certificate = Certificate(self.config.ssl, self._served.certificate, self._served.certificate_key)
        await super().startup(sockets)

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn, which calls this ten times a second."""
        if self.certificate and counter % 10 == 0:
            self.certificate.refresh()
        return await super().on_tick(counter)


class SharingServer(SecureServer):
    """Takes connections itself: its share, where other processes take connections from the same port."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[Server], None], served: Served, share: Share) -> None:
        super().__init__(config, ready, served)
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
    opened = served.opening() if served.opening else Searcher.open(served.folder)
    with opened as searcher, written(searcher, served.writable) as writing:
        # The first search loads what all others share: dictionary, tokenizer, tables.
        searcher.search("電車 train", k=1)
        app = create_app(searcher, served, writing=writing)
        # What stays for as long as the process need not be looked at again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTIONS)
        config = uvicorn.Config(
            app,
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
            server: Server = SharingServer(config, ready, served, share or shares(1)[0])
        else:
            # The event loop of Windows cannot tell when a connection waits.
            server = SecureServer(config, ready, served)
        server.run([listener])
