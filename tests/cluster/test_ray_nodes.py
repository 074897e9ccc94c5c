"""Clusters on several nodes of Ray on this machine, of which one may die."""

import sys
import time
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from sakuin.cluster.building import build_of_rows
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.nodes import RayNodes, nodes_at
from sakuin.cluster.places import Disk
from sakuin.index.errors import DocumentError
from sakuin.index.integrity import verify
from sakuin.index.settings import Settings
from tests.cluster.nodes import STORE_BYTES
from tests.cluster.test_building_clusters import ROWS, held, write_rows

ray = pytest.importorskip("ray", reason="the extra `cluster` is not installed")
pytestmark = pytest.mark.slow  # a node takes seconds to start


def node_of(folder: str, number: int) -> str:
    """The node that a task runs on, once three are running."""
    (Path(folder) / str(number)).touch()
    while len(list(Path(folder).iterdir())) < 3:
        time.sleep(0.05)
    return str(ray.get_runtime_context().get_node_id())


def fail(sentence: str) -> None:
    raise DocumentError(sentence)


def test_no_ray_is_an_error_with_a_remedy() -> None:
    with (
        pytest.raises(ClusterError, match=r"No Ray cluster answers at 127.0.0.1:1 .*ray start --head"),
        nodes_at("127.0.0.1:1"),
    ):
        pass


def test_tasks_run_on_all_nodes_and_say_what_went_wrong(cluster: Any, tmp_path: Path) -> None:
    # Nodes cannot import what only tests have.
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with nodes_at(cluster.address) as nodes:
        assert isinstance(nodes, RayNodes)
        where = dict(nodes.run(node_of, [(str(tmp_path), number) for number in range(3)], whole=True))
        assert sorted(where) == [0, 1, 2]
        assert len(set(where.values())) == 3
        with pytest.raises(DocumentError) as caught:
            list(nodes.run(fail, [("row 7: no text",)]))
    assert str(caught.value) == "row 7: no text"
    assert ray.is_initialized()


def test_a_node_that_dies_costs_its_tasks_only(cluster: Any, tmp_path: Path, toy_model: Path) -> None:
    node = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    rows = [{**row, "id": f"{row['id']}-{copy}"} for row in ROWS for copy in range(50)]
    corpus = str(write_rows(tmp_path / "rows.jsonl", rows))
    place = Disk(tmp_path / "out")
    with nodes_at(cluster.address) as nodes:
        killing = Timer(1.5, lambda: cluster.remove_node(node, allow_graceful=False))
        killing.start()
        settings = Settings(model=str(toy_model))
        built = build_of_rows(corpus, place, nodes, shards=6, settings=settings, part_bytes=10_000)
        killing.join()
    documents = {one for shard in held(place, built.manifest) for one in shard}
    assert len(documents) == len(rows) == built.manifest.documents
    assert not any(verify(place.folder / shard.folder) for shard in built.manifest.shards)
