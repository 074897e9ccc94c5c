"""A service of several processes: one port, one index, and what happens when one of them dies."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from sakuin.index.build import add, build
from sakuin.index.settings import Settings
from sakuin.service import serving
from sakuin.service.served import Served, ServiceError
from sakuin.service.shares import shares
from tests.service.services import KEY, ROOT, Service, command, ended, free_port, started

pytestmark = pytest.mark.skipif(os.name != "posix", reason="several workers are for Linux and macOS")

LATEST_SECONDS = 60
"""How long a busy machine may take over what usually takes a second or two."""

MOST_CONNECTIONS = 30
"""Within which two processes have equally many, of which one had six more: within twelve, if none is ever late."""


@pytest.fixture
def folder(corpus: Path, tmp_path: Path, toy_model: Path) -> Path:
    build(corpus, tmp_path / "index", Settings(model=str(toy_model)))
    return tmp_path / "index"


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that answer, not the one that `multiprocessing` keeps beside them."""
    return [each for each in psutil.Process(process.pid).children() if "spawn_main" in " ".join(each.cmdline())]


def connections_of(worker: psutil.Process) -> int:
    return sum(each.status == psutil.CONN_ESTABLISHED for each in worker.net_connections())


def wait_until(true: Callable[[], bool]) -> None:
    latest = time.monotonic() + LATEST_SECONDS
    while not true():
        assert time.monotonic() < latest
        time.sleep(0.05)


def asked(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def asked_again(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    """What is answered on a connection, or on another if the service has closed it, as it does when it was idle."""
    try:
        return asked(connection, path)
    except ConnectionError:
        connection.close()
        return asked(connection, path)


def connected(port: int) -> http.client.HTTPConnection:
    """A connection that a worker has taken."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    assert asked(connection, "/health")[0] == 200
    return connection


def test_workers_share_port_key_and_connections_and_see_commits(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    more = tmp_path / "more.txt"
    more.write_text("The zebra crossed the river.", encoding="utf-8")
    with started(folder, "--workers", "2", "--key-file", str(tmp_path / "key")) as (process, port):
        first, second = workers_of(process)
        first.suspend()
        try:
            kept = [connected(port) for _ in range(6)]
        finally:
            first.resume()
        assert (connections_of(first), connections_of(second)) == (0, 6)
        # Who was stuck is the next that takes some, until it has as many. On a busy machine it is too late for one now
        # and then, which the other takes, and it has another to catch up with.
        while connections_of(first) < connections_of(second) and len(kept) < MOST_CONNECTIONS:
            kept.append(connected(port))
        assert connections_of(first) >= connections_of(second) > 0
        add([more], folder)
        for connection in kept:
            status, answer = asked_again(connection, "/search?query=zebra&mode=bm25")
            assert (status, len(json.loads(answer)["hits"])) == (200, 1)
        for _ in range(4):
            Service(port).refused(401, "GET", "/health")


def test_another_is_started_where_a_worker_dies_and_nobody_notices(folder: Path) -> None:
    with started(folder, "--workers", "2") as (process, port):
        assert process.stderr
        service, before = Service(port), workers_of(process)
        before[0].kill()
        # Those that come in now are answered by the other.
        for _ in range(10):
            assert service.get("/search", query="password", mode="bm25")["hits"]
        line = process.stderr.readline()
        assert f"process {before[0].pid}" in line
        assert "signal 9 (Killed). Another is started." in line
        wait_until(lambda: len(workers_of(process)) == 2)
        new = next(worker for worker in workers_of(process) if worker not in before)
        kept: list[http.client.HTTPConnection] = []

        def takes_some() -> bool:
            kept.append(connected(port))
            return connections_of(new) > 0

        wait_until(takes_some)
        process.terminate()
        assert process.communicate(timeout=LATEST_SECONDS)[1] == "No longer serving.\n"
        assert process.returncode == 0


def test_a_worker_that_cannot_start_again_ends_the_service(folder: Path) -> None:
    before = "from sakuin.service import supervisor; supervisor.MOST_DEATHS = 3"
    with started(folder, "--workers", "2", before=before) as (process, port):
        workers = workers_of(process)
        folder.rename(folder.parent / "elsewhere")
        Service(port).refused(503, "GET", "/health")
        workers[0].kill()
        _, errors = process.communicate(timeout=LATEST_SECONDS)
        assert process.returncode == 1
        *lines, last = errors.splitlines()
        assert [("Killed" in line, "could not start" in line) for line in lines] == [(True, False), (False, True)]
        assert last.startswith("Error: Workers of the service died 3 times")
        assert "build one with `index build" in last
        assert not psutil.wait_procs(workers, LATEST_SECONDS)[1]


def test_what_keeps_workers_from_starting_is_one_sentence(tmp_path: Path) -> None:
    assert "index build" in ended(tmp_path / "none", "--port", str(free_port()), "--workers", "2")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_signals_leave_no_process(folder: Path, number: signal.Signals) -> None:
    with started(folder, "--workers", "2") as (process, port):
        idle = connected(port)
        others = psutil.Process(process.pid).children()
        process.send_signal(number)
        _, errors = process.communicate(timeout=LATEST_SECONDS)
        assert not psutil.wait_procs(others, LATEST_SECONDS)[1]
        if number != signal.SIGKILL:
            assert (process.returncode, errors) == (0, "No longer serving.\n")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
        idle.close()


def test_ctrl_c_before_it_is_ready_is_no_failure(folder: Path) -> None:
    process = subprocess.Popen(
        command(folder, "--port", str(free_port()), "--workers", "2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        # As a terminal does, it goes to all of them.
        start_new_session=True,
    )
    # In the middle of what they load.
    wait_until(lambda: [each.cpu_times().user > 0.1 for each in workers_of(process)] == [True, True])
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=LATEST_SECONDS) == ("", "No longer serving.\n")
    assert process.returncode == 0


def test_several_workers_need_a_system_that_can(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "os", SimpleNamespace(name="nt"))
    with pytest.raises(ServiceError, match="leave --workers out"):
        serving.serve(Served(folder), "127.0.0.1", free_port(), workers=2, ready=print, died=print)


def test_who_has_more_connections_lets_others_go_first() -> None:
    async def taken() -> tuple[bool, bool, bool]:
        many, few = shares(2)
        many.tell(3)
        few.tell(2)
        with socket.create_server(("127.0.0.1", 0)) as listener, listener.dup() as same:
            listener.setblocking(False)
            taking = asyncio.create_task(many.take(listener))
            with socket.create_connection(listener.getsockname()):
                await asyncio.sleep(0.01)
                by_few = await few.take(same)
                by_many = await taking
            # A process that is stuck has few, but takes none.
            with socket.create_connection(listener.getsockname()):
                alone = await many.take(listener)
            for connection in (by_many, by_few, alone):
                if connection:
                    connection.close()
            return by_many is not None, by_few is not None, alone is not None

    assert asyncio.run(asyncio.wait_for(taken(), LATEST_SECONDS)) == (False, True, True)
