"""`index search`: several indexes, queries that begin with a hyphen, files to write to."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sakuin import Index
from sakuin.cli.main import cli
from sakuin.embedder import StaticEmbedder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> list[str]:
    folder, model = tmp_path_factory.mktemp("command"), StaticEmbedder.load(toy_model)
    found = []
    for name, text in (("office", "契約と解約の話です。"), ("archive", "契約の話です。気温は-5℃でした。")):
        with Index.open(folder / name, model=model) as index:
            index.add([{"id": f"{name}.md", "text": text, "title": "=題", "kind": name}])
        found.append(str(folder / name))
    return found


def search(folders: list[str], *args: str) -> Result:
    indexes = [part for folder in folders for part in ("--index", folder)]
    return CliRunner().invoke(cli, ["search", *indexes, *args])


def test_several_indexes_are_named_in_hits(folders: list[str]) -> None:
    found = json.loads(search(folders, "契約", "--json").stdout)["hits"]
    assert {(hit["document"]["index"], hit["document"]["id"]) for hit in found} == {
        (folders[0], "office.md"),
        (folders[1], "archive.md"),
    }
    assert f"{folders[1]}: archive.md" in search(folders, "契約").stdout
    assert f"{folders[0]}: " not in search(folders[:1], "契約").stdout
    rows = list(csv.DictReader(search(folders, "契約", "--format", "csv").stdout.splitlines()))
    assert {row["index"] for row in rows} == set(folders)
    assert folders[0].rsplit("/", 1)[1] in search(folders, "契約", "--format", "md").stdout


@pytest.mark.parametrize(
    "args",
    [
        ["-解約"],
        ["-5℃"],
        ["-keyword"],
        ["--", "-k"],
        ["-k3", "猫"],
        ["-k", "3", "猫"],
        ["--k がない"],
        ["--mode=bm25", "-x"],
    ],
)
def test_a_query_may_begin_with_a_hyphen(folders: list[str], args: list[str]) -> None:
    result = search(folders[:1], "--json", *args)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["query"] == args[-1]


def test_a_mistyped_option_is_none_and_says_how_to_ask_for_it(folders: list[str]) -> None:
    result = search(folders, "--modee", "猫")
    assert result.exit_code == 2
    assert "-- QUERY" in result.output
    assert "--mode" in result.output
    assert search(folders, "--where", "-x=1", "猫").exit_code != 0


def test_hits_are_written_as_the_ending_says(folders: list[str], tmp_path: Path) -> None:
    result = search(folders, "契約", "--output", str(tmp_path / "hits.csv"))
    assert result.exit_code == 0
    assert not result.stdout
    written = (tmp_path / "hits.csv").read_bytes()
    # Excel takes a file without this mark for one in the system's own encoding.
    assert written.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(written.decode("utf-8-sig").splitlines()))
    assert {row["document"] for row in rows} == {"office.md", "archive.md"}
    assert rows[0]["title"] == "'=題"
    search(folders, "契約", "--output", str(tmp_path / "hits.json"))
    assert len(json.loads((tmp_path / "hits.json").read_text(encoding="utf-8"))["hits"]) == 2
    search(folders, "契約", "--format", "md", "--output", str(tmp_path / "notes.txt"))
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8").startswith("# 契約")
    refused = search(folders, "契約", "--output", str(tmp_path / "hits.xls"))
    assert refused.exit_code == 2
    assert ".json, .csv and .md" in refused.output


def test_facets_of_what_matches_are_printed(folders: list[str]) -> None:
    printed = search(folders, "契約", "--mode", "bm25", "--facets").stdout
    assert "2 documents match:" in printed
    assert "kind  archive 1, office 1" in printed
    assert "match:" not in search(folders, "契約").stdout
    assert (
        json.loads(search(folders, "契約", "--mode", "bm25", "--facets", "--json").stdout)["matches"]["documents"] == 2
    )


def test_facets_of_several_are_summed(folders: list[str]) -> None:
    from sakuin import Searcher

    with Searcher.open(folders) as searcher:
        counted = {facet.name: dict(facet.values) for facet in searcher.facets()}
        assert counted == {"kind": {"office": 1, "archive": 1}}
        assert [dict(facet.values) for facet in searcher.facets({"kind": "office"}, names=["kind"])] == [{"office": 1}]
