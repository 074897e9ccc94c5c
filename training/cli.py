"""Command line of training."""

from pathlib import Path

import click

from embedder.command import run as run_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Train static embedding models on pairs of texts.

    \b
    python -m training tokenizer --data PAIRS --out tokenizer.json
    python -m training run training/recipes/default.toml
    python -m training package runs/default/model embedder/default --recipe training/recipes/default.toml
    """


@cli.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of .jsonl / .jsonl.zst pairs.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The tokenizer.json to write.")
@click.option("--vocabulary", default=32768, show_default=True, help="Number of pieces.")
@click.option("--per-source", default=8000, show_default=True, help="Pairs taken from each file at most.")
@click.option("--seed", default=0, show_default=True)
def tokenizer(data: Path, out: Path, vocabulary: int, per_source: int, seed: int) -> None:
    """Learn a SentencePiece Unigram tokenizer (nmt_nfkc, XLM-RoBERTa's form) from pair files."""
    from training.tokenizer import train_tokenizer

    trained = train_tokenizer(data, vocabulary, per_source, seed=seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    trained.save(str(out))
    click.echo(f"{trained.get_vocab_size()} pieces written to {out}")


@cli.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run [default: runs/NAME].")
def run(recipe: Path, out: Path | None) -> None:
    """Train the model of a RECIPE (TOML). Stopped half-way, the same command goes on from the last checkpoint."""
    from training.recipe import read_recipe
    from training.trainer import train

    settings = read_recipe(recipe)
    model = train(settings, out or Path("runs") / settings.name)
    click.echo(f"Model written to {model}")


@cli.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--recipe", type=click.Path(path_type=Path), required=True, help="The recipe of the run.")
@click.option("--figures", type=click.Path(path_type=Path), help="Written by `python -m evaluation --json`.")
def package(model: Path, out: Path, recipe: Path, figures: Path | None) -> None:
    """Write the trained MODEL to the folder OUT as it ships: int8 rows, and a model card."""
    from training.package import package
    from training.recipe import read_recipe

    package(model, read_recipe(recipe), out, figures)
    click.echo(f"Packaged into {out}")


def main() -> None:
    """Run the command line."""
    run_command(
        cli,
        "python -m training",
        "The same command goes on from the last checkpoint, if there was one.",
    )
