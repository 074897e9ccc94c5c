"""Where the tasks of a cluster run: in this process, or on the machines of a Ray cluster."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from sakuin.cluster.errors import ClusterError
from sakuin.extras import missing

RETRIES = 20
"""How often a task is begun again whose machine or process was lost, before the build gives up."""

CONNECT_SECONDS = 10
MOST_CPUS = 8
"""What a task that writes a shard claims: as many as `index.text.workers` has processes."""


class Nodes(Protocol):
    """What runs tasks."""

    def run(
        self, task: Callable[..., Any], calls: Sequence[tuple[Any, ...]], *, whole: bool = False
    ) -> Iterator[tuple[int, Any]]:
        """The result of each call, with its number, as they are done.

        Args:
            task: A function of a module, which is safe to begin again.
            calls: Its arguments.
            whole: Whether each writes an index, with all cores that an ordinary build uses.

        Raises:
            ClusterError: a task was lost again and again.
            Exception: what a task raises.
        """


class ThisProcess:
    """Runs one task after the other; each writer has processes of its own for all cores."""

    def run(
        self, task: Callable[..., Any], calls: Sequence[tuple[Any, ...]], *, whole: bool = False
    ) -> Iterator[tuple[int, Any]]:
        """See `Nodes`."""
        for number, arguments in enumerate(calls):
            yield number, task(*arguments)


class RayNodes:
    """Runs tasks on the machines of a Ray cluster. The machine that is lost costs the tasks it was at."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def run(
        self, task: Callable[..., Any], calls: Sequence[tuple[Any, ...]], *, whole: bool = False
    ) -> Iterator[tuple[int, Any]]:
        """See `Nodes`."""
        ray = self._ray
        cpus = self._cpus() if whole else 1
        remote = ray.remote(num_cpus=cpus, max_retries=RETRIES, scheduling_strategy="SPREAD")(_done)
        waiting = {remote.remote(task, *arguments): number for number, arguments in enumerate(calls)}
        try:
            while waiting:
                done, _ = ray.wait(list(waiting), num_returns=1)
                yield waiting.pop(done[0]), self._result(done[0])
        finally:
            for reference in waiting:
                ray.cancel(reference)

    def _cpus(self) -> int:
        """What every machine can give to one task."""
        each = [int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]]
        return min([*(number for number in each if number), MOST_CPUS])

    def _result(self, reference: Any) -> Any:
        from ray.exceptions import RayError, RayTaskError

        try:
            return self._ray.get(reference)
        except RayTaskError as error:
            # The task's own error, without what Ray writes around it.
            raise error.cause from error
        except RayError as error:
            raise ClusterError(
                f"A task of the cluster was lost {RETRIES + 1} times ({type(error).__name__}): see the memory and the "
                f"disks of its machines, then run the same command again; what is finished is not done again."
            ) from error


def _done(task: Callable[..., Any], *arguments: Any) -> Any:
    """What Ray runs: a function, which a task with some arguments given already is not."""
    return task(*arguments)


@contextmanager
def nodes_at(address: str | None) -> Iterator[Nodes]:
    """What runs tasks: a Ray cluster by its address, or this process where there is none.

    Args:
        address: ``ray://host:10001`` of a cluster elsewhere, ``auto`` for the one that this machine belongs to,
            ``local`` for a new one of this machine alone; None for no Ray.

    Raises:
        ClusterError: Ray is not installed, or no cluster answers there.
    """
    if address is None:
        yield ThisProcess()
        return
    with connected(address) as ray:
        yield RayNodes(ray)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module ``ray``, connected as `nodes_at` says; a connection that was there before is used and left."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ClusterError(f"--address needs the extra `cluster`: {missing('ray', 'cluster')}") from error
    if ray.is_initialized():
        yield ray
        return
    try:
        _require_answer(address)
        ray.init(address=address, include_dashboard=False if address == "local" else None, log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"No Ray cluster answers at {address} ({error}): start one by `ray start --head`, or leave --address out "
            f"to work on this machine alone."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Raise OSError where nothing listens at a host and port: Ray itself tries for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
