"""A second opinion as an index's default: kept where it is better beyond chance, asked in hybrid searches, undone."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sakuin import Index
from sakuin.cli.main import cli
from sakuin.index.integrity import verify
from sakuin.search import MODES, Searcher
from sakuin.search.rerank import loading
from sakuin.search.rerank.models import Floats
from sakuin.search.side_by_side import side_by_side
from sakuin.tuning.judged import JudgedQuery
from sakuin.tuning.opinion import compare_opinion, keep_opinion

# A document has a number, a query the letter that stands for it, which no leg knows.
LETTERS = "アイウエオカキクケコサシスセソタチツテト"
ASKED = f"休暇の申請 {LETTERS[17]}"


class Oracle:
    """A cross-encoder that knows which document is asked for, and likes it or does not."""

    def __init__(self, likes: bool = True) -> None:
        self.sign = 1.0 if likes else -1.0
        self.asked = 0

    def scores(self, query: str, texts: Sequence[str]) -> Floats:
        self.asked += 1
        wanted = LETTERS.index(query[-1])
        return np.array([self.sign * (f"第{wanted}号" in text) for text in texts], np.float32)


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Oracle:
    model = Oracle()
    monkeypatch.setitem(loading._loaded, "oracle", model)
    return model


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("opinion") / "index"
    with Index.open(folder) as index:
        index.add([{"id": f"{n}", "text": f"会社の規程、第{n}号。休暇の申請について。"} for n in range(20)])
    return folder


@pytest.fixture
def index(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "index")
    return tmp_path / "index"


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    lines = [json.dumps({"query": f"休暇の申請 {LETTERS[n]}", "relevant": [f"{n}"]}) for n in range(20)]
    (tmp_path / "judged.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "judged.jsonl"


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def asks(index: Path) -> str:
    with Searcher.open(index) as searcher:
        return searcher.manifest.rerank


def test_what_is_better_is_asked_from_then_on_and_reset_undoes_it(index: Path, queries: Path, oracle: Oracle) -> None:
    shown = run("tune", "--queries", queries, "--index", index, "--rerank", "oracle", "--dry-run")
    assert "no second opinion, as asked for by --dry-run" in shown
    assert asks(index) == ""
    shown = run("tune", "--queries", queries, "--index", index, "--rerank", "oracle")
    assert "Second opinion by oracle" in shown
    assert "hybrid searches ask for it from now on" in shown
    assert asks(index) == "oracle"
    assert verify(index) == []
    assert json.loads(run("info", "--index", index, "--json"))["rerank"] == "oracle"
    found = json.loads(run("search", ASKED, "--index", index, "--json"))["hits"]
    assert [hit["document"]["id"] for hit in found if hit["rerank"]["rank"] == 1] == ["17"]
    assert "rerank #1 1.000" in run("search", ASKED, "--index", index)
    plain = json.loads(run("search", ASKED, "--index", index, "--json", "--rerank", "none"))["hits"]
    assert all(hit["rerank"] is None for hit in plain)
    shown = run("tune", "--reset", "--dry-run", "--index", index)
    assert "without --dry-run asks for no second opinion any more" in shown
    assert asks(index) == "oracle"
    assert "asks for no second opinion any more" in run("tune", "--reset", "--index", index)
    assert asks(index) == ""
    named = json.loads(run("search", ASKED, "--index", index, "--json", "--rerank", "oracle"))["hits"]
    assert [hit["document"]["id"] for hit in named] == [hit["document"]["id"] for hit in found]


def test_what_is_no_better_is_not_asked(
    index: Path, queries: Path, monkeypatch: pytest.MonkeyPatch, oracle: Oracle
) -> None:
    monkeypatch.setitem(loading._loaded, "hater", Oracle(likes=False))
    keep_opinion(index, "oracle")
    facts = json.loads(run("tune", "--queries", queries, "--index", index, "--rerank", "hater", "--json"))
    assert not facts["rerank"]["better"]
    assert asks(index) == ""


def test_its_worth_is_the_difference_of_two_searches(index: Path, oracle: Oracle) -> None:
    judged = [JudgedQuery(f"休暇の申請 {LETTERS[n]}", {f"{n}": 1.0}) for n in range(20)]
    told: list[int] = []
    # Whatever the index asks by itself changes nothing.
    keep_opinion(index, "oracle")
    with Searcher.open(index) as searcher:
        found = compare_opinion(searcher, judged, "oracle", progress=lambda query, done, total: told.append(done))
        for figure, rerank in ((found.without, False), (found.with_it, "oracle")):
            ranks = [
                [hit.document.id for hit in searcher.search(one.query, k=20, rerank=rerank).hits].index(f"{n}") + 1
                for n, one in enumerate(judged)
            ]
            gains = [1 / np.log2(rank + 1) if rank <= 10 else 0 for rank in ranks]
            assert figure.value == pytest.approx(np.mean(gains))
    assert found.difference.value == pytest.approx(found.with_it.value - found.without.value)
    assert found.better
    assert told == list(range(1, 41))


def test_the_index_asks_in_hybrid_searches_only(index: Path, oracle: Oracle) -> None:
    keep_opinion(index, "oracle")
    with Searcher.open(index) as searcher:
        for mode in MODES:
            hits = searcher.search(f"休暇の申請 {LETTERS[3]}", mode=mode).hits
            assert all((hit.rerank is not None) == (mode == "hybrid") for hit in hits)
        by_meaning = searcher.search(f"休暇の申請 {LETTERS[3]}", k=20, mode="dense", rerank=True).hits
        assert [hit.document.id for hit in by_meaning if hit.rerank and hit.rerank.rank == 1] == ["3"]
        before = oracle.asked
        assert not searcher.search(f"休暇の申請 {LETTERS[3]}", rerank=False).hits[0].rerank
        side_by_side(searcher, f"休暇の申請 {LETTERS[3]}")
        assert oracle.asked == before


def test_a_default_that_cannot_be_had_is_said_and_costs_nothing_else(index: Path, tmp_path: Path) -> None:
    keep_opinion(index, str(tmp_path / "gone"))
    with Searcher.open(index) as searcher:
        result = searcher.search(f"休暇の申請 {LETTERS[3]}")
        (notice,) = [notice for notice in result.notices if notice.code == "no_opinion"]
        assert "gone" in str(notice)
        plain = searcher.search(f"休暇の申請 {LETTERS[3]}", rerank=False)
        assert [(hit.passage_id, hit.score) for hit in result.hits] == [
            (hit.passage_id, hit.score) for hit in plain.hits
        ]
        assert "no_opinion" not in {notice.code for notice in plain.notices}


def test_the_library_tunes_too(index: Path, queries: Path, oracle: Oracle) -> None:
    with Index.open(index) as opened:
        opened.tune(queries, rerank="oracle")
    assert asks(index) == "oracle"


def test_an_index_of_before_there_were_defaults_is_read_and_written(index: Path) -> None:
    from sakuin.index.store import connect
    from sakuin.index.store.manifest import manifest_checksum

    connection = connect(index, read_only=False)
    connection.execute("DELETE FROM manifest WHERE key = 'rerank'")
    rows = dict(connection.execute("SELECT key, value FROM manifest").fetchall())
    connection.execute("UPDATE manifest SET value = ? WHERE key = 'checksum'", (json.dumps(manifest_checksum(rows)),))
    connection.commit()
    connection.close()
    assert asks(index) == ""
    keep_opinion(index, "oracle")
    assert asks(index) == "oracle"
