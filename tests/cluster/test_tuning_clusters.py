"""What is judged in a cluster, and how its searches are tuned by that."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sakuin import Index, Searcher
from sakuin.cli.main import cli
from sakuin.cluster.building import build_of_rows
from sakuin.cluster.changing import add_documents
from sakuin.cluster.dealing import home
from sakuin.cluster.manifest import require
from sakuin.cluster.moving import backup
from sakuin.cluster.nodes import ThisProcess
from sakuin.cluster.opening import open_cluster
from sakuin.cluster.places import Bucket, Disk
from sakuin.cluster.rebalancing import rebalance
from sakuin.cluster.tuned import judge, keep_fusion, keep_opinion
from sakuin.index.settings import Settings
from sakuin.search.fusion import Fusion
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.fitting import compare_fusions
from sakuin.tuning.judged import JudgedQuery
from tests.cluster.test_building_clusters import write_rows
from tests.cluster.test_searching_clusters import rows_of
from tests.search.test_several import documents

HERE = ThisProcess()
SHARDS = 2


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    made = sorted(documents()[:60], key=lambda one: home(one.id, SHARDS))
    rows = str(write_rows(folder / "rows.jsonl", rows_of(made)))
    build_of_rows(rows, Disk(folder / "cluster"), HERE, shards=SHARDS, settings=Settings(str(toy_model), 64))
    with Index.open(folder / "one", model=str(toy_model), dim=64) as index:
        index.add(made)
    return folder


def judged() -> list[JudgedQuery]:
    """Some sentences, each with the document that it stands in."""
    return [JudgedQuery(one.text.partition("\n")[0][:40], {one.id: 1.0}) for one in documents()[1:40]]


def test_a_cluster_in_a_bucket_is_not_judged_and_says_what_to_do() -> None:
    bucket = Bucket("memory://papers")
    with pytest.raises(EvaluationError, match="`index cluster backup memory://papers FOLDER`"):
        judge(bucket, "猫", None, answers=False)
    assert bucket.names("") == []


def test_a_cluster_is_tuned_as_one_index(built: Path) -> None:
    with Searcher.open(built / "cluster") as cluster, Searcher.open(built / "one") as one:
        found, expected = (compare_fusions(each, judged()) for each in (cluster, one))
        assert len(found.judgements.queries) == len(expected.judgements.queries) > 20
        for own, other in zip(found.rows, expected.rows, strict=True):
            assert own.way == other.way
            assert own.ndcg.value == pytest.approx(other.ndcg.value, abs=1e-3)


def test_what_is_kept_is_used_by_searches_and_stays_with_the_cluster(built: Path, tmp_path: Path) -> None:
    place = Disk(tmp_path / "cluster")
    backup(Disk(built / "cluster"), place, HERE)
    fusion = Fusion(0.9, 0.0)
    with open_cluster(place.uri) as searcher:
        before = [hit.score for hit in searcher.search("出張の経費").hits]
        keep_fusion(place, fusion)
        assert require(place).generation == 2
        assert Fusion.of(searcher.manifest.fusion) == fusion
        assert [hit.score for hit in searcher.search("出張の経費").hits] != before
        add_documents({"id": "new", "text": "温泉"}, place, HERE)
        assert Fusion.of(searcher.manifest.fusion) == fusion
        rebalance(place, HERE, shards=1)
        assert Fusion.of(searcher.manifest.fusion) == fusion
        keep_opinion(place, "e5-small")
        assert searcher.manifest.rerank == "e5-small"
        done = CliRunner().invoke(cli, ["tune", "--reset", "--index", place.uri], catch_exceptions=False)
        assert "default again" in done.output
        assert (searcher.manifest.fusion, searcher.manifest.rerank) == ({}, "")


def told(*command: str, at: Path) -> str:
    return CliRunner().invoke(cli, [*command, "--index", str(at)], catch_exceptions=False).output


def test_judgements_lie_in_the_folder_of_the_cluster(built: Path, tmp_path: Path) -> None:
    place = Disk(tmp_path / "cluster")
    backup(Disk(built / "cluster"), place, HERE)
    assert "sakuin.cluster.tuned.judge" in told("judgements", at=place.folder)
    for query in judged():
        judge(place, query.query, *query.gains)
    with pytest.raises(EvaluationError, match="not in the index"):
        judge(place, "猫", "nobody")
    # None of what lies there is in the way of commands that look for what is no part of a cluster.
    backup(place, Disk(tmp_path / "copy"), HERE)
    lines = told("judgements", "--jsonl", at=tmp_path / "copy").splitlines()
    assert [json.loads(line)["query"] for line in lines] == list(dict.fromkeys(one.query for one in judged()))
    result: dict[str, Any] = json.loads(told("tune", "--json", "--dry-run", at=place.folder / "cluster.json"))
    assert result["queries"] == len(lines)
    assert not result["kept"]
