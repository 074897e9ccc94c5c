"""Commands that take one index: one that is named twice, or a cluster in its place, is refused, and told what to do."""

import re
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from sakuin import Index, IndexFolderError, Searcher, SearchError
from sakuin.cli import language
from sakuin.cli.main import cli
from sakuin.cli.options import FOR_CLUSTERS, TAKE_SEVERAL
from sakuin.index.backup import backup, restore
from sakuin.index.build import add, build, remove
from sakuin.index.clusters import CLUSTER, ClusterFolderError
from sakuin.index.integrity import verify
from sakuin.index.maintenance import compact, repair
from sakuin.index.settings import Settings
from sakuin.index.snapshot import open_index
from sakuin.tuning.errors import EvaluationError
from sakuin.tuning.judgements import require_judged
from tests.test_command_language import ENGLISH, commands

TAKE_CLUSTERS = ("serve", "mcp", "tune", "judgements")

COMMANDS = dict(commands(cli, ""))


def options(command: click.Command) -> set[str]:
    return {name for option in command.params for name in option.opts}


OF_AN_INDEX = sorted(name.strip() for name, command in COMMANDS.items() if "--index" in options(command))
TAKE_ONE = [name for name in OF_AN_INDEX if name not in TAKE_SEVERAL]
NO_CLUSTER = [name for name in TAKE_ONE if name not in TAKE_CLUSTERS]


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """What is known for a cluster."""
    (tmp_path / "papers" / "shards").mkdir(parents=True)
    (tmp_path / "papers" / CLUSTER).write_text("{}")
    return tmp_path / "papers"


def run(command: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [*command.split(), *map(str, arguments)])


def test_which_commands_take_several() -> None:
    assert set(TAKE_SEVERAL) < set(OF_AN_INDEX)
    for name in OF_AN_INDEX:
        # The others are made one of.
        of = {option.name: option.callback for option in COMMANDS[f" {name}"].params if "--index" in option.opts}
        assert of == {"folders": None} if name in TAKE_SEVERAL else of.get("folder")


@pytest.mark.parametrize("name", TAKE_ONE)
def test_an_index_that_is_named_twice_is_refused(name: str, tmp_path: Path) -> None:
    refused = run(name, "--index", tmp_path / "a", "--index", tmp_path / "b")
    assert refused.exit_code == 2
    assert f"--index is given 2 times, and `index {name}` takes one index" in refused.stderr
    assert ", ".join(TAKE_SEVERAL) in refused.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", OF_AN_INDEX)
def test_a_place_that_is_no_folder_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = run(name, "--index", "s3://bucket/papers")
    assert refused.exit_code == 2
    assert "--index takes a folder, and s3://bucket/papers is none." in refused.stderr
    assert "`index cluster serve s3://bucket/papers`" in refused.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["cluster build", "cluster encode"])
def test_a_place_that_is_named_twice_is_refused(name: str, tmp_path: Path) -> None:
    extra = ["--shards", "2"] if name == "cluster build" else []
    refused = run(name, tmp_path, "--out", tmp_path / "a", "--out", tmp_path / "b", *extra)
    assert refused.exit_code == 2
    assert "--out is given 2 times: give it once." in refused.stderr


def test_what_is_named_twice_is_told_in_japanese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "language", lambda: "ja")
    told = run("info", "--index", "a", "--index", "b").stderr
    assert "--index が 2 回指定されていますが、`index info` の索引は 1 つです。" in told


@pytest.mark.parametrize("name", NO_CLUSTER)
def test_a_cluster_in_the_place_of_an_index_is_told_what_to_do(
    name: str, papers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = FOR_CLUSTERS.get(name, "info {folder}").format(folder=papers)
    assert f" cluster {wanted.partition(' ')[0]}" in COMMANDS
    for named in (papers, papers / CLUSTER):
        error = run(name, "--index", named).exception
        assert isinstance(error, ClusterFolderError)
        assert str(error).startswith(f"{papers} is a cluster, and one index is wanted here: ")
        assert f"`index cluster {wanted}`" in str(error)
    monkeypatch.setattr(language, "language", lambda: "ja")
    told = language.failure(error)
    assert told.startswith(f"{papers} は索引ではなくクラスターです。")
    assert not ENGLISH.search(re.sub(r"`[^`]*`", "", told))


def test_a_cluster_is_no_index_to_programs(papers: Path, tmp_path: Path, toy_model: Path) -> None:
    (tmp_path / "corpus").mkdir()
    settings = Settings(str(toy_model))
    for call in (
        lambda: open_index(papers),
        lambda: verify(papers),
        lambda: repair(papers),
        lambda: compact(papers),
        lambda: backup(papers, tmp_path / "copy"),
        lambda: restore(papers, tmp_path / "other"),
        lambda: build(tmp_path / "corpus", papers, settings),
        lambda: add([tmp_path / "corpus"], papers, settings),
        lambda: remove(["a"], papers),
        lambda: Index.open(papers, model=str(toy_model)),
    ):
        with pytest.raises(ClusterFolderError, match=f"`index cluster info {re.escape(str(papers))}` names"):
            call()
    assert {path.name for path in papers.iterdir()} == {CLUSTER, "shards"}
    with pytest.raises(IndexFolderError, match="No index in"):
        open_index(tmp_path / "none")


def test_a_cluster_is_searched_alone(papers: Path, tmp_path: Path, toy_model: Path) -> None:
    with Index.open(tmp_path / "faq", model=str(toy_model)) as index:
        index.add([{"id": "a", "text": "cats"}])
    for cluster in (papers, papers / CLUSTER, "s3://bucket/papers"):
        for together in ([tmp_path / "faq", cluster], [cluster, tmp_path / "faq"]):
            with pytest.raises(SearchError, match=f"{cluster} is a cluster, which is searched alone"):
                Searcher.open(together)
    both = ("--index", tmp_path / "faq", "--index", papers)
    for command in ("search cats", "similar a", "duplicates", "read a"):
        assert "is a cluster, which is searched alone" in str(run(command, *both).exception)


def test_who_tunes_a_cluster_is_told_how_it_is_judged(papers: Path) -> None:
    for named in (papers, papers / CLUSTER):
        with pytest.raises(EvaluationError, match=r"from Python, by sakuin\.cluster\.tuned\.judge"):
            require_judged([], named)
    with pytest.raises(EvaluationError, match="on the page"):
        require_judged([], papers.parent)


def test_the_page_is_not_begun_with_a_cluster_among_several(
    papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform == "win32":
        pytest.skip("there it is another process")
    pytest.importorskip("streamlit", reason="the extra ui is not installed")
    begun: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _, command: begun.append(command))
    refused = run("ui", "--no-browser", "--port", "18613", "--index", tmp_path / "faq", "--index", papers)
    assert "is a cluster, which is searched alone" in str(refused.exception)
    assert not begun
    alone = run("ui", "--no-browser", "--port", "18613", "--index", papers / CLUSTER)
    assert alone.exit_code == 0
    assert "There is no index there" not in alone.stderr
    assert begun[0][-2:] == ["--index", str(papers)]
