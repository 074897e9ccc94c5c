"""What serves HTTP in commands that run until Ctrl-C."""

import socket
from collections.abc import Callable
from types import FrameType

import uvicorn


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
