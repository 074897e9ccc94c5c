"""A replica as whoever asks it knows it: where it is, and whether it answers."""

import time
from typing import Any

AGAIN_SECONDS = 30.0
"""After which a replica that lives and cannot open a folder is asked to once more; of another it is asked at once."""

UNHEARD_SECONDS = 15.0
"""After which a replica that was not asked is asked whether it lives: where one is enough, its twin could be dead for
days, and missed when it is needed."""


class Twin:
    """A replica of a shard.

    Attributes:
        actor: The process.
        machine: The one it is on.
        busy: How many questions of ours it is at.
        lost: Whether it did not answer when it was last asked: it is dead, cannot read the shard, or takes too long.
        late: Whether its twin was faster when both were asked last.
    """

    def __init__(self, actor: Any, machine: str) -> None:
        self.busy = 0
        self.replace(actor, machine)
        self.lost = False

    def replace(self, actor: Any, machine: str) -> None:
        """Another process, which has not answered yet."""
        self.actor, self.machine = actor, machine
        self.lost, self.late = True, False
        self._refused: tuple[Any, ...] = ()
        self._again = 0.0
        self._heard = time.monotonic()

    def answered(self) -> None:
        """Note that it did."""
        self.lost = self.late = False
        self._heard = time.monotonic()

    def refused(self, which: tuple[Any, ...]) -> None:
        """Note that it lives, and could not open a folder: its disk is full, its copy damaged, or the folder gone."""
        self._refused, self._again = which, time.monotonic() + AGAIN_SECONDS

    def to_be_looked_at(self, which: tuple[Any, ...]) -> bool:
        """Whether it is to be asked whether it answers; to try a folder that it could not open takes its time."""
        now = time.monotonic()
        if self.lost or self.late:
            return not self.busy and (which != self._refused or now >= self._again)
        return not self.busy and now - self._heard >= UNHEARD_SECONDS
