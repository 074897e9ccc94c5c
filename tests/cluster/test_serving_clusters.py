"""A cluster served by replicas on several nodes, of which some die."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from sakuin import Searcher
from sakuin.cluster import serving
from sakuin.cluster.building import build_of_rows
from sakuin.cluster.changing import add_documents
from sakuin.cluster.dealing import home
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.nodes import ThisProcess
from sakuin.cluster.places import Disk
from sakuin.cluster.replicas import ShardUnavailableError
from sakuin.cluster.serving import RemoteSearcher, remote_searcher
from sakuin.cluster.writing import writable
from sakuin.index.settings import Settings
from sakuin.search import SearchError
from sakuin.service.app import create_app
from sakuin.service.served import Served
from tests.cluster.campaign import BACK_SECONDS
from tests.cluster.nodes import ROOT, STORE_BYTES
from tests.cluster.test_building_clusters import write_rows
from tests.cluster.test_searching_clusters import rows_of
from tests.search.test_several import QUERIES, documents, require_same

ray = pytest.importorskip("ray", reason="the extra `cluster` is not installed")
pytestmark = pytest.mark.slow  # a node takes seconds to start

SHARDS = 3
SECONDS = 60.0
"""What a busy machine may take; no test waits for so long where all is well."""


@pytest.fixture
def place(tmp_path: Path, toy_model: Path) -> Disk:
    place = Disk(tmp_path / "out")
    rows = str(write_rows(tmp_path / "rows.jsonl", rows_of(documents())))
    build_of_rows(rows, place, ThisProcess(), shards=SHARDS, settings=Settings(model=str(toy_model)))
    return place


def until(true: Callable[[], bool]) -> None:
    """Wait for something that is to become true."""
    latest = time.monotonic() + BACK_SECONDS
    while not true():
        assert time.monotonic() < latest
        time.sleep(0.1)


def test_replicas_answer_as_one_process_does(cluster: Any, place: Disk) -> None:
    with (
        remote_searcher(place, cluster.address, replicas=2, seconds=SECONDS) as remote,
        Searcher.open(place.folder) as local,
    ):
        for query in QUERIES:
            require_same(remote.search(query, explain=True), local.search(query, explain=True))
        require_same(remote.search("猫", where={"folder": "a"}), local.search("猫", where={"folder": "a"}))
        name = documents()[0].id
        assert remote.document(name) == local.document(name)
        assert remote.read(1, document=name) == local.read(1, document=name)
        assert remote.similar(name) == local.similar(name)
        assert remote.duplicates(above=0.9) == local.duplicates(above=0.9)
        assert remote.documents(most=40) == local.documents(most=40)
        assert remote.file_location(name) == local.file_location(name)
        with pytest.raises(SearchError, match="has a field 'nothing'"):
            remote.search("猫", where={"nothing": 1})
        made = [{"id": name, "text": "版数の猫"}]
        add_documents(made, place, ThisProcess())
        until(lambda: remote.manifest.generation == 2)
        assert remote.search("版数", k=1).hits[0].document.id == name
        # What is written by way of the service is found once it is committed.
        assert writable(remote, timeout=1).add({"id": "another", "text": "版数の犬"}).added == 1
        assert remote.search("版数の犬", k=1).hits[0].document.id == "another"


def test_a_node_that_dies_costs_no_answer(cluster: Any, place: Disk) -> None:
    node = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    with (
        remote_searcher(place, cluster.address, replicas=2, seconds=SECONDS) as remote,
        Searcher.open(place.folder) as local,
    ):
        expected = local.search("出張の経費")
        for _ in range(20):
            require_same(remote.search("出張の経費"), expected)
        cluster.remove_node(node, allow_graceful=False)
        for _ in range(40):
            require_same(remote.search("出張の経費"), expected)
        assert sum(counts["failed"] for counts in remote.shard_counts()) == 0
        twins = [twin for each in remote._shards.replicas for twin in each._twins]
        until(lambda: not any(twin.lost or twin.machine == node.node_id for twin in twins))
        assert remote.manifest.generation == 1


def test_a_replica_that_cannot_open_a_state_of_before_is_asked_for_the_one_of_now(
    cluster: Any, place: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody notices the commits.
    monkeypatch.setattr(serving, "LOOK_SECONDS", 3600.0)
    with remote_searcher(place, cluster.address, replicas=1, seconds=SECONDS) as remote:
        for version in range(2):
            rows = [{"id": one.id, "text": f"版数{version}の猫"} for one in documents()]
            add_documents(rows, place, ThisProcess())
        assert remote.search("版数").hits[0].text != "版数1の猫"
        # As those that were started anew have.
        for replicas in remote._shards.replicas:
            ray.get([twin.actor.keep_only.remote("another", []) for twin in replicas._twins])
        assert remote.search("版数").hits[0].text == "版数1の猫"
        assert remote.manifest.generation == 3


def no_machine(avoided: Collection[str]) -> tuple[Any, str]:
    raise ClusterError("The Ray cluster has no machine.")


def test_a_shard_without_replicas_is_named(cluster: Any, place: Disk) -> None:
    served = Served(place.folder, opening=lambda: remote_searcher(place, cluster.address, replicas=1, seconds=SECONDS))
    assert served.opening
    with served.opening() as searcher:
        assert isinstance(searcher, RemoteSearcher)
        client = TestClient(create_app(searcher, served), base_url="http://127.0.0.1")
        assert client.get("/health").json()["status"] == "ok"
        assert client.get("/search", params={"query": "猫"}).json()["hits"]
        assert client.get("/info").json()["documents"] == len(documents())
        assert client.get("/facets").json()["fields"]
        gone = searcher._shards.replicas[1]
        gone._start, gone._seconds = no_machine, 0.5
        for twin in gone._twins:
            ray.kill(twin.actor)
        with pytest.raises(ShardUnavailableError, match="Shard 1 of the cluster"):
            searcher.search("猫")
        answer = client.get("/search", params={"query": "猫"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "shard_unavailable")
        assert "Shard 1" in answer.json()["error"]["message"]
        assert client.get("/health").status_code == 503
        metrics = client.get("/metrics").text
        assert 'sakuin_shard_failed_total{shard="1"}' in metrics
        assert 'sakuin_shard_failed_total{shard="1"} 0.0' not in metrics
        assert 'sakuin_shard_failed_total{shard="0"} 0.0' in metrics


def test_a_search_may_do_without_a_shard_and_says_so(cluster: Any, place: Disk) -> None:
    with (
        remote_searcher(place, cluster.address, replicas=1, seconds=SECONDS, allow_partial=True) as remote,
        Searcher.open(place.folder) as local,
    ):
        whole = local.search("猫", k=100)
        require_same(remote.search("猫", k=100), whole)
        for each in remote._shards.replicas:
            each._start = no_machine
        for twin in remote._shards.replicas[1]._twins:
            ray.kill(twin.actor)
        for query in ("猫", "温泉の予定", '"経費" 申請'):
            found = remote.search(query, k=100)
            assert found.notices[-1].to_dict()["data"] == {"shards": "1"}
            there = [hit for hit in local.search(query, k=100).hits if home(hit.document.id, SHARDS) != 1]
            assert {hit.document.id for hit in found.hits} >= {hit.document.id for hit in there}
            assert all(home(hit.document.id, SHARDS) != 1 for hit in found.hits)
        for shard in (0, 2):
            for twin in remote._shards.replicas[shard]._twins:
                ray.kill(twin.actor)
        with pytest.raises(ShardUnavailableError, match="No shard"):
            remote.search("猫")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_command_serves_until_a_signal(cluster: Any, place: Disk) -> None:
    port = free_port()
    command = [sys.executable, "-m", "sakuin", "cluster", "serve", str(place.folder), "--address", cluster.address]
    process = subprocess.Popen(
        [*command, "--replicas", "1", "--port", str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        assert "serves" in process.stdout.readline()
        found = httpx.get(f"http://127.0.0.1:{port}/search", params={"query": "猫", "k": 3}, timeout=SECONDS).json()
        with Searcher.open(place.folder) as local:
            expected = [hit.document.id for hit in local.search("猫", k=3).hits]
        assert [hit["document"]["id"] for hit in found["hits"]] == expected
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
