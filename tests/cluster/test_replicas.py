"""Which replica of a shard is asked, and what becomes of a question whose replica dies or is late."""

import sqlite3
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sakuin.cluster import twins
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.places import Disk
from sakuin.cluster.remote import RemoteShards
from sakuin.cluster.replicas import ShardReplicas, ShardUnavailableError
from sakuin.cluster.shards import LocalShards
from sakuin.index.errors import FilterError, IndexFolderError

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
        if not waiting:
            raise ClusterError("no machine")
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
    shard = replicas(dying, dying, seconds=0.01)
    with pytest.raises(ShardUnavailableError, match="Shard 3 of the cluster in papers has no replica") as caught:
        shard.ask("state")
    assert caught.value.shard == 3
    assert not shard.lives()
    assert shard.counts["failed"] == 1


def test_a_question_waits_for_the_one_that_is_started_where_all_died() -> None:
    shard = replicas(dying, dying, lambda *question: question[-1], lambda *question: question[-1], number=2)
    with pytest.raises(ShardUnavailableError, match="has no replica"):
        shard.ask("cluster", "folder", 1, waits=False)
    assert shard.ask("cluster", "folder", 2) == 2
    assert shard.counts["failed"] == 1


def test_one_that_dies_while_nobody_asks_it_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    started = Event()

    def other(*question: Any) -> Any:
        started.set()
        return question[-1]

    shard = replicas(lambda *question: question[-1], dying, other, number=2)
    shard.look("cluster", "folder", "counts")
    assert [shard.ask("cluster", "folder", number) for number in range(5)] == [0, 1, 2, 3, 4]
    # A moment ago it was heard of.
    assert not any(twin.lost for twin in shard._twins)
    monkeypatch.setattr(twins, "UNHEARD_SECONDS", 0.0)
    while not started.wait(0.01):
        shard.look("cluster", "folder", "counts")
    assert shard.counts["retried"] == 0


def test_what_is_the_fault_of_no_copy_is_raised_as_it_is() -> None:
    def wrong(*question: Any) -> Any:
        raise exceptions.RayTaskError("ask", "traceback", KeyError("a bug"))

    with pytest.raises(KeyError, match="a bug"):
        replicas(wrong, wrong).ask(1)


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
        shard.ask(1, waits=False)
    dead.clear()
    assert not shard.lives()
    shard.look(2)
    while not shard.lives():
        pass
    assert shard.ask(3) == 3


def refusing(error: Exception) -> Callable[..., Any]:
    def refuse(*question: Any) -> Any:
        raise exceptions.RayTaskError("ask", "traceback", error)

    return refuse


def test_opening_does_not_wait_for_a_replica_that_is_not_there() -> None:
    never = Event()
    for lost in (False, True):
        shard = replicas(lambda *question: never.wait(LONG), lambda *question: question[-1])
        shard._twins[0].lost = lost
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(shard.open, "cluster", "folder").result(10) == "state"
        assert shard._twins[0].lost
    never.set()


def test_where_all_die_before_they_have_opened_a_folder_others_open_it() -> None:
    shard = replicas(dying, dying, lambda *question: question[-1], lambda *question: question[-1], number=2)
    state: Any = shard.open("cluster", "folder")
    assert state == "state"
    assert shard.lives()
    with pytest.raises(ShardUnavailableError, match="none could open its index"):
        replicas(dying, dying).open("cluster", "folder")


def test_a_replica_that_could_not_open_a_folder_is_asked_for_another_at_once() -> None:
    asked: list[str] = []

    def answer(cluster: str, folder: str, question: str) -> str:
        asked.append(folder)
        return refusing(IndexFolderError("gone"))() if folder == "old" else question

    shard = replicas(answer)
    (twin,) = shard._twins
    twin.lost = True
    for folder in ("old", "old", "new"):
        shard.look("cluster", folder, "counts")
        while twin.busy:
            pass
    assert asked == ["old", "new"]
    assert not twin.lost


def test_who_waits_for_a_replica_does_not_ask_another_again_that_refused() -> None:
    asked: list[str] = []

    def answer(cluster: str, folder: str, question: str) -> Any:
        asked.append(question)
        return refusing(IndexFolderError("gone"))() if question == "sizes" else question

    shard = replicas(dying, answer, seconds=0.5)
    with pytest.raises(ShardUnavailableError, match="gone"):
        shard.ask("cluster", "folder", "sizes")
    assert asked.count("sizes") == 1


def test_nobody_waits_for_a_replica_to_answer_about_a_state_of_before() -> None:
    never = Event()
    for other in (dying, lambda *question: never.wait(LONG)):
        shard = replicas(refusing(IndexFolderError("gone")), other)
        for twin in shard._twins:
            twin.actor.keep_only = SimpleNamespace(remote=lambda *news: None)
        shard.tell("cluster", ["new", "old"])
        with ThreadPoolExecutor(1) as pool, pytest.raises(ShardUnavailableError, match="gone"):
            pool.submit(shard.ask, "cluster", "old", "sizes").result(10)
    never.set()


def test_a_replica_that_was_slower_than_its_twin_is_not_lost() -> None:
    late = Event()
    shard = replicas(lambda name: name == "slow" and late.wait(LONG), lambda name: name)
    shard._took.extend([0.001] * 100)
    assert shard.ask("slow") == "slow"
    assert [(twin.late, twin.lost) for twin in shard._twins] == [(True, False), (False, False)]
    late.set()
    while shard._twins[0].late:
        shard.look("again")


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


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        IndexFolderError("damaged"),
        ClusterError("x"),
        sqlite3.DatabaseError("malformed"),
    ],
)
def test_what_only_one_machine_lacks_is_asked_of_the_twin(error: Exception) -> None:
    unable = refusing(error)
    shard = replicas(unable, lambda *question: question[-1])
    state: Any = shard.open("cluster", "folder")
    assert state == "state"
    assert [twin.lost for twin in shard._twins] == [True, False]
    shard._twins[0].lost = False
    assert shard.ask(1) == 1
    assert [twin.lost for twin in shard._twins] == [True, False]
    both = replicas(unable, unable)
    for question in (both.ask, both.open):
        with pytest.raises(ShardUnavailableError, match=f"Shard 3 .*{error.args[-1]}"):
            question("cluster", "folder")
    assert not both.lives()


def test_replicas_of_shards_that_are_no_more_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    told: list[tuple[Any, ...]] = []
    all_ended = Event()

    def kill(actor: Any) -> None:
        ended.append(actor.number)
        if len(ended) == 4:
            all_ended.set()

    numbers = iter(range(6))

    def start(self: RemoteShards, avoided: Collection[str]) -> tuple[Any, str]:
        tell = SimpleNamespace(remote=lambda *news: told.append(news))
        return SimpleNamespace(number=next(numbers), keep_only=tell), "a"

    monkeypatch.setattr(RemoteShards, "_start_one", start)
    shards = RemoteShards(SimpleNamespace(kill=kill), Disk(Path("papers")), 3, replicas=2, seconds=0.0)
    shards.keep(cast(Any, SimpleNamespace(id="id", shards=[SimpleNamespace(folder="folder")])))
    assert all_ended.wait(LONG)
    assert sorted(ended) == [2, 3, 4, 5]
    assert told == [("id", ["folder"])] * 2
    assert [one.shard for one in shards.replicas] == [0]


def test_who_asks_about_an_open_shard_does_not_wait_for_another_to_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    copied, copying = Event(), Event()

    def open_index(folder: Path) -> Any:
        if folder.name == "slow":
            copying.set()
            copied.wait(LONG)
        return SimpleNamespace(folder=folder)

    monkeypatch.setattr("sakuin.cluster.shards.open_index", open_index)
    shards = LocalShards(Disk(Path("papers")))
    with ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(shards.part, "id", "slow") for _ in range(2)]
        try:
            assert copying.wait(LONG)
            assert pool.submit(shards.part, "id", "quick").result(5).snapshot.folder.name == "quick"
        finally:
            copied.set()
        assert slow[0].result(LONG) is slow[1].result(LONG)
