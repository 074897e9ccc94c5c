"""Command line of evaluation."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sakuin.cli.running import run
from sakuin.embedder.pooling import POOLINGS
from sakuin.evaluation.cache import Cache, default_folder
from sakuin.evaluation.families import FAMILIES
from sakuin.evaluation.protocols import JMTEB, OWN, PROTOCOLS, differences, under

if TYPE_CHECKING:
    from sakuin.evaluation.families import Task
    from sakuin.evaluation.results import ModelResults

NOT_LEFT = "What was finished is kept: the same command goes on from there."


def dimensions(context: click.Context, parameter: click.Parameter, value: str | None) -> list[int] | None:
    """Positive numbers separated by commas."""
    if value is None:
        return None
    try:
        found = [int(part) for part in value.split(",") if part.strip()]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise click.BadParameter("give numbers separated by commas, such as 1024,256,64")
    return found


def words(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """Words separated by commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def known_families(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """Names of families separated by commas."""
    families = words(context, parameter, value)
    unknown = [family for family in families if family not in FAMILIES]
    if unknown:
        raise click.BadParameter(f"no family {', '.join(unknown)}; there are {', '.join(FAMILIES)}")
    return families


def new_file(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """A file that can be written once all is evaluated: that its folder is missing should be said before."""
    if value and not (value.absolute().parent.is_dir() and os.access(value.absolute().parent, os.W_OK)):
        raise click.BadParameter(f"no folder {value.parent} that can be written to")
    return value


OUTPUT = click.Path(path_type=Path, dir_okay=False, writable=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--data", type=click.Path(path_type=Path), help="Folder of tasks; docs/evaluation.md has the formats.")
@click.option(
    "--hub",
    multiple=True,
    metavar="NAME",
    help="Tasks of the Hugging Face hub: jmteb, jqara, jacwir, or one of JMTEB's, as jmteb/jsts. May be given again.",
)
@click.option(
    "--model",
    "names",
    multiple=True,
    metavar="MODEL",
    help="default (the packaged model), bm25, hybrid, either with a second opinion as hybrid+e5-small, e5-small alone, "
    "a folder or hub name of a static model, or st:NAME for any sentence-transformers model. May be given again. "
    "[default: default, bm25 and hybrid]",
)
@click.option("--dims", callback=dimensions, help="Dimensions, separated by commas [default: the model's own to 32].")
@click.option("--tasks", default="", callback=words, help="Names of tasks, separated by commas [default: all].")
@click.option("--families", default="", callback=known_families, help=f"Of {', '.join(FAMILIES)} [default: all].")
@click.option("--pooling", type=click.Choice(POOLINGS), help="Of static models, instead of their own.")
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default=OWN,
    show_default=True,
    help="How tasks are scored: jmteb and mteb as those benchmarks do, but for what a note says.",
)
@click.option("--query-prompt", help="For st: models without prompts of their own; E5 models need 'query: '.")
@click.option("--passage-prompt", help="For st: models without prompts of their own; E5 models need 'passage: '.")
@click.option("--json", "as_json", type=OUTPUT, callback=new_file, help="Also write all figures to this file, 0 to 1.")
@click.option("--markdown", type=OUTPUT, callback=new_file, help="Also write the tables to this file.")
@click.option(
    "--runs", type=click.Path(path_type=Path), help="Also write TREC qrels and runs of retrieval to this folder."
)
@click.option(
    "--significance",
    nargs=2,
    multiple=True,
    metavar="A B",
    help="Test the difference of two of the models; MODEL@DIM takes another dimension than the largest. "
    "May be given again.",
)
@click.option("--cache", "folder", type=click.Path(path_type=Path), help=f"Cache folder [default: {default_folder()}].")
@click.option("--no-cache", is_flag=True, help="Keep nothing, and take nothing from the cache.")
@click.option("--fresh", is_flag=True, help="Measure again what is finished; vectors of st: models are kept.")
def cli(
    data: Path | None,
    hub: tuple[str, ...],
    names: tuple[str, ...],
    dims: list[int] | None,
    tasks: tuple[str, ...],
    families: tuple[str, ...],
    pooling: Any,
    protocol: str,
    query_prompt: str | None,
    passage_prompt: str | None,
    as_json: Path | None,
    markdown: Path | None,
    runs: Path | None,
    significance: tuple[tuple[str, str], ...],
    folder: Path | None,
    no_cache: bool,
    fresh: bool,
) -> None:
    """Evaluate models on JMTEB's families of tasks, at every dimension they can be cut to.

    Prints a table for each model, times 100, and one of all models. A run that is stopped goes on where it was.

    \b
    python -m sakuin.evaluation --data ../shared/eval
    python -m sakuin.evaluation --data ../shared/eval --model default --model runs/new --significance runs/new default
    python -m sakuin.evaluation --data ../shared/eval --families retrieval,sts --dims 1024,64 --json figures.json
    python -m sakuin.evaluation --hub jqara --hub jacwir --hub jmteb/jsts
    python -m sakuin.evaluation --data ../shared/eval --model default --model st:intfloat/multilingual-e5-small
        --query-prompt "query: " --passage-prompt "passage: "
    """
    if data is None and not hub:
        raise click.UsageError("Name a folder of tasks by --data, or tasks of the hub by --hub.")
    from sakuin.evaluation.hub import find_hub_tasks
    from sakuin.evaluation.models import DEFAULT_MODELS, load_models
    from sakuin.evaluation.provenance import provenance
    from sakuin.evaluation.report import comparison_table, model_table, to_json
    from sakuin.evaluation.results import in_order
    from sakuin.evaluation.runner import dims_of, evaluate
    from sakuin.evaluation.tasks import RetrievalTask, find_tasks, select
    from sakuin.evaluation.trec import write_runs

    names = names or DEFAULT_MODELS
    pairs = [(named(a, names), named(b, names)) for a, b in significance]
    found = find_tasks(data) if data else {}
    for name in hub:
        found |= find_hub_tasks(name, dev=protocol == JMTEB)
    read = [task.read() for task in select(found, names=tasks, families=families)]
    chosen = in_order([under(protocol, task) for task in read], FAMILIES)
    models, notes = load_models(names, pooling=pooling, prompts={"query": query_prompt, "passage": passage_prompt})
    notes += differences(protocol, chosen)
    own_dims = {}
    for model in models:
        own_dims[model.name], note = dims_of(model, dims)
        notes += [note] if note else []
    for task in chosen:
        if isinstance(task, RetrievalTask) and (missing := task.missing()):
            notes.append(
                f"{task.name}: {len(missing):,} of the documents that answer its queries are not in its corpus (one is "
                f"{min(missing)!r}), and count as not found."
            )
    for note in notes:
        click.echo(f"Note: {note}", err=True)
    check_dims(pairs, own_dims)

    cache = Cache(None if no_cache else folder or default_folder(), fresh)
    results, tables = [], []

    def show(table: str) -> None:
        if table:
            tables.append(table)
            click.echo(f"{table}\n")

    for each in evaluate(models, chosen, dims=own_dims, cache=cache):
        results.append(each)
        show(model_table(each, chosen) or f"{each.name} takes part in retrieval and reranking only.")
    if len(results) > 1:
        show(comparison_table(results, chosen))
    facts = {"protocol": protocol, **to_json(results, chosen)}
    if pairs:
        facts["significance"] = compare_pairs(pairs, {each.name: each for each in results}, chosen, show)
    if as_json:
        facts = {"benchmark": "sakuin.evaluation", **provenance(click.get_current_context().params), **facts}
        as_json.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if markdown:
        markdown.write_text("\n\n".join(tables) + "\n", encoding="utf-8")
    if runs:
        searched = [task for task in chosen if isinstance(task, RetrievalTask)]
        write_runs(runs, models, tasks=searched, dims=own_dims, cache=cache)


def named(given: str, names: Sequence[str]) -> tuple[str, int | None]:
    """A model of the run and, after @, one of its dimensions."""
    name, at, dim = given.rpartition("@")
    if given in names:
        return given, None
    if at and name in names and dim.isdigit():
        return name, int(dim)
    raise click.UsageError(f"--significance: {given} is not among the models of the run: {', '.join(names)}.")


def check_dims(pairs: Sequence[tuple[tuple[str, int | None], ...]], dims: dict[str, list[int]]) -> None:
    """Refuse a comparison at a dimension that is not evaluated."""
    for pair in pairs:
        for name, dim in pair:
            if dim is not None and dim not in dims[name]:
                there = ", ".join(map(str, dims[name]))
                raise click.UsageError(f"--significance: {name} is not evaluated at {dim}, but at {there}.")


def compare_pairs(
    pairs: Sequence[tuple[tuple[str, int | None], tuple[str, int | None]]],
    results: "dict[str, ModelResults]",
    tasks: "Sequence[Task]",
    show: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Test and show the difference of each pair of models; returns it as JSON has it."""
    from dataclasses import asdict

    from sakuin.evaluation.report import significance_table
    from sakuin.evaluation.significance import task_difference

    facts = []
    for pair in pairs:
        (a, dim_a), (b, dim_b) = ((results[name], dim or results[name].dims[0]) for name, dim in pair)
        tests = {
            task.name: task_difference(task, a.tasks[task.name][dim_a], b.tasks[task.name][dim_b])
            for task in tasks
            if task.name in a.tasks and task.name in b.tasks
        }
        names = labelled(a, dim_a), labelled(b, dim_b)
        show(significance_table(*names, tests) if tests else f"{' and '.join(names)} share no task to be compared on.")
        facts.append(
            {
                "a": {"model": a.name, "dim": dim_a},
                "b": {"model": b.name, "dim": dim_b},
                "tasks": {name: asdict(test) for name, test in tests.items() if test},
            }
        )
    return facts


def labelled(results: "ModelResults", dim: int) -> str:
    """A model and the dimension it is compared at."""
    return f"{results.name} {dim}" if dim else results.name


def main(name: str) -> None:
    """Run the command line, which is called ``name`` in usage."""
    run(cli, name, interrupted=NOT_LEFT, extra="eval")
