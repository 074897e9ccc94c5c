"""The command that trains the model further on one's own documents."""

import shlex
import sys
from pathlib import Path

import click

from sakuin.cli.language import phrase, say
from sakuin.cli.output import SKIPPED_SHOWN, progress_bar, show_reasons
from sakuin.cli.running import FiniteRange, needing


@click.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="adapted-model",
    show_default=True,
    help="Folder of the new model.",
)
@click.option("--model", help="Model folder or hub name to start from [default: the packaged model].")
@click.option(
    "--minutes",
    type=FiniteRange(min=0, min_open=True),
    default=3.0,
    show_default=True,
    help="Train for so long at most; few documents need less.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of what is held out, and of the order of training.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Batches to train on, however long they take.")
def adapt(corpus: Path, out: Path, model: str | None, minutes: float, seed: int, steps: int | None) -> None:
    """Teach the model the words of your own documents; keep what it learnt only if it then finds more.

    \b
    index adapt docs/ --out docs-model
    index build docs/ --model docs-model --index docs.index

    CORPUS is a folder of documents, or one file of many, such as a JSON Lines file with "title" and "text". Nobody has
    to label anything: titles and headings should find the passages below them, a passage the one that follows it, and a
    few of its words the rest of it.

    Some documents are held out. How well their passages are found among all passages, before and after, is measured as
    nDCG@10: 100 where all that belongs to a title comes first, 0 where none of it is among the first ten. The new model
    is written only if that got better. Documents it was trained on gain more.

    It needs 30 documents or more, and the extra `train`. Ctrl-C leaves nothing behind.
    """
    with needing("train"):
        from sakuin.training.adapt import adapt, summary

    try:
        result = adapt(corpus, out, model=model, minutes=minutes, seed=seed, steps=steps, reading=progress_bar())
    except KeyboardInterrupt:
        click.echo(say("Interrupted. {what}", what=say("Nothing was written.")), err=True)
        sys.exit(130)
    sizes = say("{documents:,} documents, {passages:,} passages", documents=result.documents, passages=result.passages)
    click.echo(say("Read:      {sizes}", sizes=sizes))
    if result.skipped:
        click.echo(say("Skipped:   {n:,} files or parts of files", n=len(result.skipped)))
        show_reasons(result.skipped, SKIPPED_SHOWN)
    told = "Trained:   {steps:,} batches of {batch:,} in {minutes:.1f} minutes"
    click.echo(say(told, steps=result.steps, batch=result.batch, minutes=result.seconds / 60))
    for line in summary(result):
        click.echo(phrase(line))
    if not result.folder:
        click.echo(say("Model:     none written, for it would be no better than the one you have"))
        return
    click.echo(say("Model:     {model}", model=out))
    command = "build" if corpus.is_dir() else "add"
    # An index of its own: one that was made by another model refuses this one.
    places = [str(corpus), "--model", str(out), "--index", f"{out}.index"]
    click.echo(f"{say('Next:')}      {shlex.join(['index', command, *places])}")
