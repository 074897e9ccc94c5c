"""Command line of training."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sakuin.cli.adapting import adapt
from sakuin.cli.running import FiniteRange
from sakuin.cli.running import run as run_command

if TYPE_CHECKING:
    from sakuin.embedder import StaticEmbedder
    from sakuin.training.tokenizer import Words

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Train static embedding models on pairs of texts.

    \b
    python -m sakuin.training pairs CORPUS --out PAIRS/NAME.jsonl.zst
    python -m sakuin.training tokenizer --data PAIRS --out runs/tokenizer.json
    python -m sakuin.training teach TEACHER training/recipes/default.toml
    python -m sakuin.training mine NAME... --data PAIRS --out runs/mined
    python -m sakuin.training run training/recipes/default.toml
    python -m sakuin.training package runs/NAME/model embedder/default --recipe training/recipes/default.toml
    """


@cli.command()
@click.option("--data", type=FOLDER, required=True, help="Folder of .jsonl / .jsonl.zst pairs.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The tokenizer.json to write.")
@click.option("--vocabulary", type=click.IntRange(8), default=32768, show_default=True, help="Number of pieces.")
@click.option(
    "--words",
    type=click.Choice(["unidic", "free"]),
    default="free",
    show_default=True,
    help="unidic: no piece reaches beyond a word that UniDic knows; free: pieces may join words.",
)
@click.option(
    "--per-source", type=click.IntRange(1), default=8000, show_default=True, help="Pairs taken from each file at most."
)
@click.option("--seed", default=0, show_default=True, help="Of the sample of texts.")
@click.option(
    "--base",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A tokenizer.json to grow: case is folded, pieces of Latin letters are learnt anew; all others stay.",
)
def tokenizer(
    data: Path, out: Path, vocabulary: int, words: "Words", per_source: int, seed: int, base: Path | None
) -> None:
    """Learn a SentencePiece Unigram tokenizer (NFKC, XLM-RoBERTa's form) from pair files: some minutes for many."""
    from sakuin.files import atomic_write
    from sakuin.training.errors import write_errors
    from sakuin.training.tokenizer import grow_tokenizer, train_tokenizer

    if base and words != "free":
        raise click.UsageError(
            "With --base only pieces of Latin letters are learnt, which --words does not change: leave it out."
        )
    if base:
        trained = grow_tokenizer(base, data, vocabulary, per_source=per_source, seed=seed)
    else:
        trained = train_tokenizer(data, vocabulary, per_source=per_source, seed=seed, words=words)
    with write_errors(out), atomic_write(out) as part:
        part.write_text(trained.to_str(pretty=True), encoding="utf-8")
    click.echo(f"{trained.get_vocab_size()} pieces written to {out}")


@cli.command()
@click.argument("corpus", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The NAME.jsonl.zst to write.")
def pairs(corpus: Path, out: Path) -> None:
    """Make pairs of the documents of a folder: titles and headings with the passages below them.

    Passages with those that follow them go into NAME_next.jsonl.zst, a weaker source. Documents are read as `index
    build` reads them.
    """
    from sakuin.cli.output import SKIPPED_SHOWN, progress_bar, show_reasons
    from sakuin.training.corpus_pairs import write_sources

    with progress_bar() as progress:
        written, skipped = write_sources(corpus, out, progress=progress)
    for name, number in written.items():
        click.echo(f"{number} pairs written to {out.with_name(name)}")
    if skipped:
        click.echo(f"{len(skipped)} files or parts of files were skipped:")
        show_reasons(skipped, SKIPPED_SHOWN)


@cli.command()
@click.argument("teacher")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--per-source",
    type=click.IntRange(0),
    default=2500,
    show_default=True,
    help='Pairs of each source, at random (of kind "distillation": all); 0 for pieces alone.',
)
@click.option("--prompt", default="query: ", show_default=True, help="What the teacher wants before a text.")
def teach(teacher: str, recipe: Path, per_source: int, prompt: str) -> None:
    """Write the vectors that the model TEACHER gives the pieces and texts of a RECIPE, to the file it calls `teacher`.

    A new table starts from those of its tokenizer's pieces (`teacher_share`), and learns to rank texts as those of the
    texts do (`distillation_share`). TEACHER is the folder or hub name of any sentence-transformers model.
    """
    from sakuin.training.recipe import read_recipe
    from sakuin.training.teacher import teach

    settings = read_recipe(recipe)
    pieces, texts = teach(teacher, settings, per_source=per_source, prompt=prompt)
    click.echo(f"Vectors of {pieces} pieces and {texts} texts written to {settings.teacher}")


@cli.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--data", type=FOLDER, required=True, help="Folder of the pair files.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the new files.")
@click.option("--model", help="Static model that finds and judges candidates [default: the packaged model].")
@click.option("--teacher", default="", help="A sentence-transformers model that judges them instead; slow.")
@click.option("--per-pair", type=click.IntRange(1), default=8, show_default=True, help="Negatives a pair at most.")
@click.option(
    "--depth", type=click.IntRange(1), default=50, show_default=True, help="Candidates from BM25, and from the model."
)
@click.option(
    "--alike",
    type=FiniteRange(0, min_open=True),
    default=0.95,
    show_default=True,
    help="Leave out what scores this share of the right passage.",
)
@click.option(
    "--cap", type=click.IntRange(2), default=1_000_000, show_default=True, help="Pairs read of each source at most."
)
def mine(
    names: tuple[str, ...],
    data: Path,
    out: Path,
    model: str | None,
    teacher: str,
    per_pair: int,
    depth: int,
    alike: float,
    cap: int,
) -> None:
    """Add hard negatives to the sources NAMES: passages that score high for a query but do not answer it.

    They go into files of the same names in another folder, none of which may exist. Name it as `data` in the recipe,
    and set `negatives` to how many of them a batch takes for each pair.
    """
    from sakuin.embedder import StaticEmbedder
    from sakuin.training.mining import check_new, mine, write_mined
    from sakuin.training.pairs import find_source, read_pairs

    embedder = StaticEmbedder.load(model)
    for name in names:
        check_new(out, name)
    for name in names:
        pairs = read_pairs(find_source(data, name), cap=cap)
        mined = list(mine(pairs, embedder, per_pair=per_pair, depth=depth, alike=alike, teacher=teacher))
        write_mined(pairs, mined, out / f"{name}.jsonl.zst")
        mean = sum(map(len, mined)) / max(1, len(mined))
        click.echo(f"{name}: {len(pairs)} pairs, {mean:.1f} negatives each, written to {out / f'{name}.jsonl.zst'}")


@cli.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run [default: runs/NAME].")
@click.option(
    "--evaluate", type=click.Path(path_type=Path), help="Folder of tasks to measure the model on as it learns."
)
@click.option("--tasks", default="", help="Of them, names separated by commas [default: all].")
@click.option(
    "--every", type=click.IntRange(1), default=200, show_default=True, help="Batches between two evaluations."
)
def run(recipe: Path, out: Path | None, evaluate: Path | None, tasks: str, every: int) -> None:
    """Train the model of a RECIPE (TOML). Stopped half-way, the same command goes on from the last checkpoint.

    What a recipe may hold is told in docs/training.md; its paths are relative to the current folder.
    Loss curves are drawn into the run's folder as curves.png; a recipe of several `runs` has one folder for each.
    """
    from sakuin.training.curves import draw_curves
    from sakuin.training.recipe import read_recipe
    from sakuin.training.trainer import LOG, Watch, run_folders, train

    settings = read_recipe(recipe)
    folder = out or Path("runs") / settings.name
    watch = Watch(small_evaluation(evaluate, tasks, max(settings.dims)), every) if evaluate else None
    model = train(settings, folder, watch=watch)
    drawn = [part / "curves.png" for part in run_folders(settings, folder)]
    for curves in drawn:
        draw_curves(curves.with_name(LOG), curves, title=settings.name)
    click.echo(f"Model written to {model}, loss curves to {', '.join(map(str, drawn))}")


@cli.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--recipe",
    "recipes",
    type=click.Path(path_type=Path),
    required=True,
    multiple=True,
    help="The recipe of the run; of runs that went on from each other, all of them in their order.",
)
@click.option("--figures", type=click.Path(path_type=Path), help="Written by `python -m sakuin.evaluation --json`.")
def package(model: Path, out: Path, recipes: tuple[Path, ...], figures: Path | None) -> None:
    """Write the trained MODEL to the folder OUT as it ships: int8 rows, and a model card.

    sentence-transformers reads no int8 rows: for it, `StaticEmbedder.load(OUT).save(FOLDER)` writes float ones.
    """
    from sakuin.training.package import package
    from sakuin.training.recipe import read_recipe

    package(model, *map(read_recipe, recipes), out=out, figures=figures)
    click.echo(f"Packaged into {out}")


cli.add_command(adapt)


def small_evaluation(folder: Path, tasks: str, width: int) -> Callable[["StaticEmbedder"], Mapping[str, float]]:
    """A function that evaluates a model at full width and at 64 dimensions."""
    from sakuin.evaluation.dense import score
    from sakuin.evaluation.tasks import read_tasks

    chosen = read_tasks(folder, tuple(filter(None, tasks.split(","))))
    dims = [width, 64] if width > 64 else [width]
    return lambda model: {f"{task.name} {dim}": score(model, task, dim=dim) for task in chosen for dim in dims}


def main(name: str) -> None:
    """Run the command line, which is called ``name`` in usage."""
    run_command(
        cli,
        name,
        interrupted="The same command goes on from the last checkpoint, if there was one.",
        extra="train",
    )
