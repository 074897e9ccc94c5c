"""Which replica of a shard is asked, and what becomes of a question whose replica dies or is late."""

from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from sakuin.cluster.replicas import ShardReplicas, ShardUnavailableError
from sakuin.index.errors import FilterError

exceptions = pytest.importorskip("ray.exceptions", reason="the extra `cluster` is not installed")

LONG = 60.0


class Threads:
    """Does with threads what Ray does with processes."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(16)

    def wait(self, waiting: list[Future[Any]], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        done, others = wait(waiting, timeout, FIRST_COMPLETED)
        return [*done][:num_returns], [*others]

    def get(self, future: Future[Any], timeout: float | None = None) -> Any:
        return future.result(timeout)

    def actor(self, answer: Callable[..., Any]) -> Any:
        return SimpleNamespace(ask=SimpleNamespace(remote=lambda *question: self.pool.submit(answer, *question)))


def replicas(*answers: Callable[..., Any], number: int = 0, seconds: float = LONG) -> ShardReplicas:
    ray = Threads()
    waiting = list(answers)

    def start(avoided: Collection[str]) -> tuple[Any, str]:
        machine = next(one for one in ("a", "b", "c") if one not in avoided)
        return ray.actor(waiting.pop(0)), machine

    return ShardReplicas(ray, "papers", 3, number=number or len(answers), start=start, seconds=seconds)


def dying(*question: Any) -> Any:
    raise exceptions.ActorDiedError


def away(*question: Any) -> Any:
    raise exceptions.ActorUnavailableError("not now", None)


def test_questions_go_to_the_replica_that_answers() -> None:
    asked: list[str] = []
    shard = replicas(lambda name: asked.append("a") or name, lambda name: asked.append("b") or name)
    assert [shard.ask(number) for number in range(4)] == [0, 1, 2, 3]
    assert shard.lives()
    assert shard.counts["asked"] == len(asked) == 4
    assert shard.counts["hedged"] == shard.counts["retried"] == shard.counts["failed"] == 0


def test_a_question_whose_replica_died_is_asked_of_its_twin() -> None:
    shard = replicas(dying, lambda name: name)
    assert [shard.ask(number) for number in range(5)] == [0, 1, 2, 3, 4]
    # The one that died comes last from then on.
    assert shard.counts["retried"] == 1
    assert shard.lives()


def test_a_shard_of_which_all_died_is_an_error_that_names_it() -> None:
    shard = replicas(dying, dying)
    with pytest.raises(ShardUnavailableError, match="Shard 3 of the cluster in papers has no replica") as caught:
        shard.ask("state")
    assert caught.value.shard == 3
    assert not shard.lives()
    assert shard.counts["failed"] == 1


def test_the_twin_of_a_late_replica_is_asked_too() -> None:
    late, slow = Event(), Event()

    def first(name: int) -> int:
        if name == 99:
            slow.set()
            late.wait(LONG)
        return name

    # Of the first answers is learned how long they take.
    shard = replicas(first, lambda name: slow.wait(LONG) and name)
    for number in range(30):
        assert shard.ask(number) == number
    assert shard.counts["hedged"] == 0
    assert shard.ask(99) == 99
    assert shard.counts["hedged"] == 1
    # Who was late comes last.
    assert shard.ask(100) == 100
    late.set()


def test_a_shard_that_does_not_answer_in_time_is_an_error() -> None:
    never = Event()
    shard = replicas(lambda name: never.wait(LONG), lambda name: never.wait(LONG), seconds=0.2)
    with pytest.raises(ShardUnavailableError, match=r"did not answer within 0\.2 seconds"):
        shard.ask("state")
    never.set()


def test_what_a_shard_raises_is_raised() -> None:
    def wrong(*question: Any) -> Any:
        raise exceptions.RayTaskError("ask", "traceback", FilterError("no such field"))

    shard = replicas(wrong, lambda name: name)
    with pytest.raises(FilterError, match="no such field"):
        shard.ask("sizes")
    assert shard.counts["retried"] == 0


def test_a_replica_that_is_back_is_asked_again() -> None:
    dead = Event()
    dead.set()
    shard = replicas(lambda name: away() if dead.is_set() else name)
    with pytest.raises(ShardUnavailableError):
        shard.ask(1)
    dead.clear()
    assert not shard.lives()
    shard.look(2)
    while not shard.lives():
        pass
    assert shard.ask(3) == 3


def test_another_is_started_for_one_that_died_and_not_beside_its_twin() -> None:
    shard = replicas(dying, lambda name: name, lambda name: -name, number=2)
    assert shard.machines() == ["a", "b"]
    assert shard.ask(1) == 1
    shard.look(2)
    # Of two that answer, the first one is asked.
    while shard.ask(3) == 3:
        shard.look(4)
    assert shard.machines() == ["a", "b"]
    assert shard.lives()
