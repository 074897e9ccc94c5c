"""The command line, from a folder of tasks to tables and files."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sakuin.cli.evaluation import cli

Write = Callable[[str, Sequence[dict[str, Any]]], Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=True)


def cells(output: str, row: str) -> list[list[str]]:
    """The cells of every table's row of this name."""
    found = [line.split("|")[2:-1] for line in output.splitlines() if line.startswith(f"| {row} ")]
    return [[cell.strip() for cell in line] for line in found]


def test_every_family_is_measured_and_written(data: Path, tmp_path: Path) -> None:
    out, tables = tmp_path / "figures.json", tmp_path / "tables.md"
    result = invoke("--data", data, "--dims", "64,256", "--json", out, "--markdown", tables)
    assert result.exit_code == 0, result.output
    facts = json.loads(out.read_text(encoding="utf-8"))
    # Where it lies is of one machine, and figures are given to others.
    assert facts["arguments"]["data"] == data.name
    assert str(data.parent) not in json.dumps(facts)
    assert facts["version"] == 1
    assert facts["models"].keys() == {"default", "bm25", "hybrid"}
    default = facts["models"]["default"]
    assert (default["dims"], default["pooling"]) == ([256, 64], "even")
    assert default["tasks"]["pets"] == {
        "family": "retrieval",
        "metric": "ndcg@10",
        "scores": {"256": 1.0, "64": 1.0},
        "extra": {
            "mrr@10": {"256": 1.0, "64": 1.0},
            "map@10": {"256": 1.0, "64": 1.0},
            "hits@10": {"256": 1.0, "64": 1.0},
            "recall@10": {"256": 1.0, "64": 1.0},
            "size": {"queries": 2, "documents": 3},
        },
    }
    assert {task["family"] for task in default["tasks"].values()} == default["means"]["families"].keys()
    assert len(default["tasks"]) == 7
    assert facts["models"]["bm25"]["tasks"]["pets"]["scores"] == {"0": 1.0}
    assert facts["models"]["hybrid"]["tasks"].keys() == {"pets", "pets_reranking"}
    assert cells(result.stdout, "pets, nDCG@10") == [["100.0"] * 2, ["100.0"], ["100.0"], ["100.0"] * 3]
    assert tables.read_text(encoding="utf-8").strip() == result.stdout.strip()


def test_means_and_share_kept(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    invoke("--data", data, "--model", "default", "--dims", "256,2", "--json", out)
    model = json.loads(out.read_text(encoding="utf-8"))["models"]["default"]
    scores = {name: task["scores"] for name, task in model["tasks"].items()}
    # Every family has one task here.
    whole, cut = (sum(by_dim[dim] for by_dim in scores.values()) / 7 for dim in ("256", "2"))
    assert cut < whole
    assert model["means"]["mean"] == pytest.approx({"256": whole, "2": cut}, abs=1e-5)
    assert model["means"]["share_kept"] == pytest.approx({"256": 1, "2": cut / whole}, abs=1e-5)


def test_a_mean_of_families_counts_each_family_once(data: Path, tmp_path: Path) -> None:
    for name in ("corpus", "queries"):
        text = (data / f"pets_retrieval_{name}.jsonl").read_text(encoding="utf-8")
        (data / f"more_retrieval_{name}.jsonl").write_text(text, encoding="utf-8")
    out = tmp_path / "figures.json"
    invoke("--data", data, "--model", "default", "--dims", "2", "--families", "retrieval,sts", "--json", out)
    model = json.loads(out.read_text(encoding="utf-8"))["models"]["default"]
    scores = [model["tasks"][name]["scores"]["2"] for name in ("pets", "more", "same_valid")]
    expected = ((scores[0] + scores[1]) / 2 + scores[2]) / 2
    assert model["means"]["mean"]["2"] == pytest.approx(expected, abs=1e-5)


def test_a_second_run_takes_its_figures_from_the_cache(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = invoke("--data", data, "--dims", "64")
    monkeypatch.setattr("sakuin.evaluation.runner.evaluate_vectors", None)
    monkeypatch.setattr("sakuin.evaluation.runner.evaluate_search", None)
    assert invoke("--data", data, "--dims", "64").stdout == first.stdout
    for option in (["--fresh"], ["--no-cache"], ["--cache", tmp_path / "other"]):
        assert invoke("--data", data, "--dims", "64", *option).exception


def test_significance_of_models_and_of_dimensions(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    pairs = ["--significance", "default", "default@2", "--significance", "hybrid", "bm25"]
    result = invoke("--data", data, "--dims", "256,2", *pairs, "--json", out)
    assert result.exit_code == 0, result.output
    of_dims, of_modes = json.loads(out.read_text(encoding="utf-8"))["significance"]
    assert (of_dims["a"], of_dims["b"]) == ({"model": "default", "dim": 256}, {"model": "default", "dim": 2})
    assert of_dims["tasks"].keys() == {"pets", "pets_reranking", "same_valid", "topic", "entails", "phrases_bitext"}
    assert of_modes["tasks"]["pets"] == {"value": 0, "low": 0, "high": 0, "p": 1, "test": "randomisation"}
    assert "| default 256 - default 2 |" in result.stdout
    assert "no figure for each item" in result.stdout


def test_runs_say_what_was_measured(data: Path, tmp_path: Path) -> None:
    import pytrec_eval

    lines = [
        json.dumps({"docid": f"d {i}", "title": "", "text": f"猫の話その{i}。魚を{i}匹食べた。"}) for i in range(150)
    ]
    (data / "pets_retrieval_corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    asked = [{"query": f"魚を{i}匹", "relevant_docs": [f"d {i}", f"d {i + 1}"]} for i in range(0, 140, 7)]
    (data / "pets_retrieval_queries.jsonl").write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
    out, runs = tmp_path / "figures.json", tmp_path / "runs"
    result = invoke("--data", data, "--tasks", "pets", "--dims", "256,64", "--json", out, "--runs", runs)
    assert result.exit_code == 0, result.output
    assert {path.name for path in runs.iterdir()} == {
        "pets.qrels",
        "pets.default.run",
        "pets.bm25.run",
        "pets.hybrid.run",
    }
    models = json.loads(out.read_text(encoding="utf-8"))["models"]
    with (runs / "pets.qrels").open(encoding="utf-8") as file:
        judge = pytrec_eval.RelevanceEvaluator(pytrec_eval.parse_qrel(file), {"ndcg_cut.10"})
    for name, dim in (("default", "256"), ("hybrid", "256"), ("bm25", "0")):
        with (runs / f"pets.{name}.run").open(encoding="utf-8") as file:
            run = pytrec_eval.parse_run(file)
        assert max(map(len, run.values())) <= 100
        judged = judge.evaluate(run)
        mean = sum(each["ndcg_cut_10"] for each in judged.values()) / len(asked)
        # Documents of equal score are in another order there.
        assert models[name]["tasks"]["pets"]["scores"][dim] == pytest.approx(mean, abs=0.03), name
    assert len((runs / "pets.default.run").read_text(encoding="utf-8").splitlines()) == 20 * 100


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "--data"),
        (["--dims", "64,x"], 2, "numbers separated by commas"),
        (["--dims", "0"], 2, "numbers separated by commas"),
        (["--families", "sts,nothing"], 2, "no family nothing"),
        (["--significance", "default", "other"], 2, "other is not among the models"),
        (["--significance", "default", "default@77"], 2, "not evaluated at 77"),
        (["--tasks", "nothing"], 1, "There is no task nothing; there are: entails, pets"),
        (["--model", "no/such/folder"], 1, "no/such/folder"),
        (["--json", "/no/such/folder/figures.json"], 2, "no folder /no/such/folder that can be written to"),
        (["--markdown", "/"], 2, "is a directory"),
    ],
)
def test_nothing_is_printed_before_an_error(data: Path, arguments: list[str], code: int, message: str) -> None:
    result = invoke(*(["--data", data] if arguments else []), *arguments)
    assert result.stdout == ""
    assert message in result.stderr + str(result.exception)
    # What is no usage error is an error of the package, which embedder.command turns into exit code 1.
    assert (result.exit_code == 2) == (code == 2)


def test_dimensions_that_are_too_large_are_noted(data: Path) -> None:
    result = invoke("--data", data, "--tasks", "same_valid", "--model", "default", "--dims", "4096,64")
    assert result.exit_code == 0
    assert "Note: default has 1024 dimensions: left out 4096." in result.stderr
    assert cells(result.stdout, "same_valid, Spearman") == [["100.0"]]


def test_answers_that_are_not_in_the_corpus_are_noted(data: Path, write: Write) -> None:
    write("pets_retrieval_queries", [{"query": "猫の食べ物", "relevant_docs": ["1", "9"]}])
    result = invoke("--data", data, "--tasks", "pets", "--model", "bm25")
    assert result.exit_code == 0
    assert "pets: 1 of the documents that answer its queries are not in its corpus (one is '9')" in result.stderr


def test_models_without_a_common_task_are_not_compared(data: Path) -> None:
    result = invoke("--data", data, "--tasks", "same_valid", "--dims", "64", "--significance", "default", "bm25")
    assert "default 64 and bm25 share no task to be compared on." in result.stdout


def test_a_model_without_a_task_says_so(data: Path) -> None:
    result = invoke("--data", data, "--tasks", "same_valid", "--dims", "64")
    assert result.exit_code == 0
    assert "bm25 takes part in retrieval and reranking only." in result.stdout


def test_help_has_every_option_documented() -> None:
    document = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    for parameter in cli.params:
        for option in parameter.opts:
            assert f"`{option}" in document, option


def test_the_examples_have_help() -> None:
    from experiments.examples import cli as examples

    result = CliRunner().invoke(examples, ["--help"])
    assert result.exit_code == 0
    assert "python -m experiments.examples" in result.stdout
