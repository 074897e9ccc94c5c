"""Replicas of shards: processes on the machines of a Ray cluster, of which any one of a shard can be asked.

The one asked is the least busy of those that answered last time. Where it dies, its question is asked of its twin;
where it is late, or has no good copy of the shard, its twin is asked too, and the first answer counts. Another is
started in the place of one that died, on a machine that has no twin of it: Ray's own restarts would put both on one.
"""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sakuin.cluster.errors import ClusterError
from sakuin.cluster.places import place_of
from sakuin.cluster.shards import LocalShards
from sakuin.cluster.twins import Twin
from sakuin.errors import SakuinError
from sakuin.index.errors import IndexFolderError
from sakuin.memory import limit_arenas
from sakuin.search.parts import PartState

AT_ONCE = 4
"""Questions that a replica answers at the same time."""

LATE_SHARE, LATE_LEAST_SECONDS, REMEMBERED = 0.95, 0.02, 200
"""An answer is late that takes longer than so many of the last ones did, and longer than this: its twin is asked too.
So few questions are asked twice, however slow all are."""

OPEN_SECONDS = 3600.0
"""How long copying a shard to a machine and opening it may take."""

OPEN_ATTEMPTS = 3
"""How often it is opened where all replicas die meanwhile, others then."""

MOMENT_SECONDS = 1.0
"""How long others have at least to open a shard once one replica has; at most as long again as that one took."""

BACK_SECONDS = 0.2
"""After which it is looked again whether a replica is back, by a question that waits for one."""

OF_A_COPY = (IndexFolderError, ClusterError, OSError, sqlite3.Error)
"""What only the copy or the disk of one replica may be the cause of."""

Start = Callable[[Collection[str]], tuple[Any, str]]
"""Starts a replica, rather not on some machines; returns it, and the machine it is on."""


class ShardUnavailableError(ClusterError):
    """No replica of a shard answers: none lives, or none can read the shard.

    Attributes:
        shard: Its number.
    """

    code = "shard_unavailable"

    def __init__(self, message: str, shard: int) -> None:
        super().__init__(message)
        self.shard = shard

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.shard)


class Replica:
    """A process that answers for one shard. It opens a folder when it is first asked about it."""

    def __init__(self, uri: str, copies: str | None) -> None:
        limit_arenas()
        self._shards = LocalShards(place_of(uri), Path(copies) if copies else None)

    def ask(self, cluster: str, folder: str, question: str, *arguments: Any) -> Any:
        """What a `ClusterPart` answers.

        Args:
            cluster: `ClusterManifest.id`.
            folder: Of the shard in its state.
            question: A method's name.
            arguments: The method's.
        """
        return getattr(self._shards.part(cluster, folder), question)(*arguments)

    def keep_only(self, cluster: str, folders: Sequence[str]) -> None:
        """Let go of all other folders."""
        self._shards.keep_only(cluster, folders)


def is_of_question(error: BaseException) -> bool:
    """Whether a question itself caused an error, which every replica would raise, and not the disk or copy of one."""
    return isinstance(error, SakuinError) and not isinstance(error, IndexFolderError | ClusterError)


class ShardReplicas:
    """The replicas of one shard. Safe to use from several threads.

    Attributes:
        shard: Its number.
        counts: Questions that were ``asked``, ``hedged`` (asked of a twin, for the first one was late), ``retried`` (of
            a twin, for the first one died) and ``failed``, and the ``seconds`` they took.
    """

    def __init__(self, ray: Any, uri: str, shard: int, *, number: int, start: Start, seconds: float) -> None:
        """Start the replicas, and ask nothing yet.

        Args:
            ray: The module, connected.
            uri: Of the cluster, for messages.
            shard: Its number.
            number: Of replicas.
            start: Starts one.
            seconds: How long an answer may take.
        """
        self.shard = shard
        self.counts = {"asked": 0, "hedged": 0, "retried": 0, "failed": 0, "seconds": 0.0}
        self._ray = ray
        self._uri = uri
        self._seconds = seconds
        self._start = start
        self._newest: tuple[Any, ...] = ()
        self._twins: list[Twin] = []
        for _ in range(number):
            self._twins.append(Twin(*start(self.machines())))
        self._lock = threading.Lock()
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    def machines(self) -> list[str]:
        """On which they are."""
        return [twin.machine for twin in self._twins]

    def ask(self, *question: Any, waits: bool = True) -> Any:
        """What one of the replicas answers.

        Args:
            question: See `Replica.ask`.
            waits: Where all have died, for one that is started in the place of another, as long as an answer may take.

        Raises:
            ShardUnavailableError: none does.
            SakuinError: what the question itself makes every replica raise.
        """
        started = time.monotonic()
        self._count("asked", 1)
        try:
            return self._ask(question, started, waits)
        except ShardUnavailableError:
            self._count("failed", 1)
            raise
        finally:
            self._count("seconds", time.monotonic() - started)

    def open(self, *which: str) -> PartState:
        """Have a folder opened by all of them, and copied before where that is to be; returns its state.

        Once one has it open, the others have a moment more; those that were lost or late before are not waited for.
        Where all have died, as on a machine that was not yet missed when they were started, others are asked.

        Args:
            which: The cluster's id and the folder, see `Replica.ask`.

        Raises:
            ShardUnavailableError: none can.
            SakuinError: what the question itself makes every replica raise.
        """
        for _ in range(OPEN_ATTEMPTS - 1):
            try:
                return self._open(which)
            except ShardUnavailableError:
                if not self._are_others(which):
                    raise
        return self._open(which)

    def _open(self, which: tuple[str, ...]) -> PartState:
        from ray.exceptions import RayError, RayTaskError

        refused: dict[Twin, Exception] = {}
        opening = {twin.actor.ask.remote(*which, "state"): twin for twin in self._twins}
        state: PartState | None = None
        started, seconds = time.monotonic(), OPEN_SECONDS
        while opening and not (state and all(twin.lost or twin.late for twin in opening.values())):
            done, _ = self._ray.wait(list(opening), num_returns=1, timeout=seconds)
            if not done:
                break
            twin = opening.pop(done[0])
            try:
                state = self._ray.get(done[0])
                twin.answered()
                seconds = min(self._seconds, max(MOMENT_SECONDS, time.monotonic() - started))
            except RayTaskError as error:
                if is_of_question(error.cause):
                    raise error.cause from error
                refused[twin] = error.cause
            except RayError:
                twin.lost = True
        for twin in (*opening.values(), *refused):
            twin.lost = True
        if state is None:
            raise self._refused([*refused.values()]) or self._unavailable("none could open its index")
        return state

    def _are_others(self, which: tuple[str, ...]) -> bool:
        """Start others for those that died; whether there are some, or some answer by now."""
        before = [twin.actor for twin in self._twins]
        for twin in self._twins:
            with self._lock:
                twin.busy += 1
            self._look(twin, (*which, "counts"))
        return any(not twin.lost or twin.actor is not actor for twin, actor in zip(self._twins, before, strict=True))

    def lives(self) -> bool:
        """Whether one of the replicas answered when it was last asked."""
        return not all(twin.lost for twin in self._twins)

    def look(self, *question: Any) -> None:
        """Ask those that did not answer, or were not asked for a while; start others for the dead; wait for none."""
        for twin in self._twins:
            with self._lock:
                if not twin.to_be_looked_at(question[:2]):
                    continue
                twin.busy += 1
            threading.Thread(target=self._look, args=(twin, question), daemon=True).start()

    def tell(self, cluster: str, folders: Sequence[str]) -> None:
        """Call `Replica.keep_only` of all, and wait for none; the first folder is of the state that is searched now."""
        self._newest = (cluster, folders[0])
        for twin in self._twins:
            twin.actor.keep_only.remote(cluster, folders)

    def stop(self) -> None:
        """End all of them."""
        for twin in self._twins:
            self._ray.kill(twin.actor)

    def _ask(self, question: tuple[Any, ...], started: float, waits: bool) -> Any:
        from ray.exceptions import RayError, RayTaskError

        waiting: dict[Any, Twin] = {}
        deaths: list[str] = []
        refused: dict[Twin, Exception] = {}
        left = self._in_turn()
        try:
            while True:
                if not waiting:
                    if not left and deaths and waits:
                        left = self._back(question, started, refused)
                    if not left:
                        raise self._refused([*refused.values()]) or self._unavailable(
                            f"its processes have died: {', '.join(deaths)}"
                        )
                    self._begin(left.pop(0), question, waiting)
                wait = self._seconds - (time.monotonic() - started)
                if left:
                    wait = min(wait, self._late() - (time.monotonic() - started))
                done, _ = self._ray.wait(list(waiting), num_returns=1, timeout=max(0.0, wait))
                if not done:
                    if time.monotonic() - started >= self._seconds:
                        for twin in waiting.values():
                            twin.lost = True
                        raise self._unavailable(f"it did not answer within {self._seconds:g} seconds")
                    self._count("hedged", 1)
                    self._begin(left.pop(0), question, waiting)
                    continue
                twin = waiting.pop(done[0])
                try:
                    answer = self._ray.get(done[0])
                except RayTaskError as error:
                    if is_of_question(error.cause):
                        raise error.cause from error
                    refused[twin] = error.cause
                    self._count("retried", 1)
                    if self._is_of_before(question):
                        # No other is waited for, which may be a minute from being there.
                        raise self._refusal(error.cause) from error
                    continue
                except RayError as error:
                    deaths.append(type(error).__name__)
                    twin.lost = True
                    self._count("retried", 1)
                    continue
                finally:
                    self._end(twin)
                twin.answered()
                self._took.append(time.monotonic() - started)
                # They come last until they answer another.
                for other in waiting.values():
                    other.late = True
                for other in refused:
                    other.lost = True
                return answer
        finally:
            for twin in waiting.values():
                self._end(twin)

    def _in_turn(self) -> list[Twin]:
        """The replicas in the order in which they are to be asked."""
        return sorted(self._twins, key=lambda twin: (twin.lost, twin.late, twin.busy))

    def _back(self, question: tuple[Any, ...], started: float, refused: Collection[Twin]) -> list[Twin]:
        """The replicas that answer again, once there are some; none where that takes longer than an answer may.

        Nor where another state is searched by now: whoever asks can ask that.

        Args:
            question: See `Replica.ask`.
            started: When it was asked.
            refused: Those that live and could not answer it: they will not be able to.
        """
        while not self._is_of_before(question) and (rest := self._seconds - (time.monotonic() - started)) > 0:
            self.look(*question[:2], "counts")
            if back := [twin for twin in self._in_turn() if not twin.lost and twin not in refused]:
                return back
            time.sleep(min(BACK_SECONDS, rest))
        return []

    def _is_of_before(self, question: tuple[Any, ...]) -> bool:
        """Whether another state is searched by now: the folder may be gone, and a new replica could not open it."""
        return bool(self._newest) and question[:2] != self._newest

    def _begin(self, twin: Twin, question: tuple[Any, ...], waiting: dict[Any, Twin]) -> None:
        with self._lock:
            twin.busy += 1
        waiting[twin.actor.ask.remote(*question)] = twin

    def _end(self, twin: Twin) -> None:
        with self._lock:
            twin.busy -= 1

    def _late(self) -> float:
        """Seconds after which an answer is late; what was never asked before may open an index first."""
        took = sorted(self._took)
        if len(took) < REMEMBERED // 10:
            return self._seconds / 2
        return max(LATE_LEAST_SECONDS, took[int(LATE_SHARE * (len(took) - 1))])

    def _look(self, twin: Twin, question: tuple[Any, ...]) -> None:
        from ray.exceptions import ActorDiedError, ActorUnschedulableError, RayError, RayTaskError

        try:
            self._ray.get(twin.actor.ask.remote(*question), timeout=self._seconds)
            twin.answered()
        except (ActorDiedError, ActorUnschedulableError):
            # It does not come back. Where there is no machine for another, the next look may find one.
            others = [other.machine for other in self._twins if other is not twin]
            with suppress(ClusterError):
                twin.replace(*self._start(others))
        except RayTaskError:
            twin.lost = True
            twin.refused(question[:2])
        except RayError:
            twin.lost = True
        finally:
            self._end(twin)

    def _count(self, name: str, more: float) -> None:
        with self._lock:
            self.counts[name] += more

    def _refused(self, errors: Sequence[Exception]) -> Exception | None:
        """What to raise where no replica answered and some have said why; None where none has."""
        ordered = sorted(errors, key=lambda error: isinstance(error, OF_A_COPY))
        return self._refusal(ordered[0]) if ordered else None

    def _refusal(self, error: Exception) -> Exception:
        """What to raise for what a replica said."""
        if not isinstance(error, OF_A_COPY):
            return error
        if isinstance(error, IndexFolderError | ClusterError):
            sentence = f"Shard {self.shard} of the cluster in {self._uri} cannot be read by its replicas: {error}"
            return ShardUnavailableError(sentence, self.shard)
        return self._unavailable(f"{type(error).__name__}: {error}")

    def _unavailable(self, why: str) -> ShardUnavailableError:
        return ShardUnavailableError(
            f"Shard {self.shard} of the cluster in {self._uri} has no replica that answers ({why}): ask again in a "
            f"moment, for others are started; see whether the machines of the Ray cluster live (`ray status`).",
            self.shard,
        )
