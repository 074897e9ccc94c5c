"""Adapts a model to a user's own documents: trains on what they say about themselves, and keeps only what helps.

Whole documents are held out, so the figures are of documents the training never saw. The trained table is mixed with
the one it started from, which keeps what the training would forget (Wortsman et al. 2022, "Robust fine-tuning of
zero-shot models", arXiv:2109.01903); the share is chosen on a third of the held-out documents, the rest is reported on.
"""

import os
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sakuin.embedder.folder import ModelFiles, find_model, read_model, write_model
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.files import sync_file, sync_folder, sync_tree
from sakuin.index.corpus import located
from sakuin.index.documents import Skipped
from sakuin.index.errors import has_no_room
from sakuin.index.file_types import SUFFIXES
from sakuin.index.report import Progress, no_progress
from sakuin.training.checkpoint import TrainingState
from sakuin.training.corpus_pairs import Pair, pieces_of, read_documents, training_pairs
from sakuin.training.device import device
from sakuin.training.errors import TrainingError
from sakuin.training.held_out import before_and_after, choose_share, held_out_questions, hold_out
from sakuin.training.initial import initial_table
from sakuin.training.pairs import Source, write_pairs
from sakuin.training.recipe import Recipe
from sakuin.training.sampling import SPANNED_TOKENS, load_source, schedule
from sakuin.training.trainer import train, train_step
from sakuin.tuning.significance import Difference

LEAST_PAIRS = 50
HELD_OUT = 0.15
LEAST_HELD_OUT = 45
# Chosen on manuals, policies and encyclopaedia articles: more passes gain little on held-out documents.
MOST_EPOCHS = 20
# Peak learning rate by the root mean square of the table's values: cosines do not depend on the table's scale, so
# neither should the size of a step by it.
RELATIVE_RATE = 0.012
# Small batches for small corpora: enough steps to learn in, and of few documents most other passages are related.
BATCHES = (32, 256)
PAIRS_A_BATCH = 8
CALIBRATION_STEPS = 4
# p-value from which a difference is said to be no more than chance may make.
CHANCE = 0.05


@dataclass(frozen=True)
class AdaptResult:
    """What adapting came to.

    Attributes:
        folder: The new model; None where it was no better and nothing was written.
        documents, passages, pairs: What the corpus gave; pairs are those trained on.
        questions, kind: Number and kind of the questions reported on.
        before, after: nDCG@10, 0 to 1, by number of dimensions.
        difference: Of the first of those dimensions, by which the model was judged.
        share: Of the trained table in the new one.
        steps, batch, seconds: Of the training.
        skipped: What was not read, and why.
    """

    folder: Path | None
    documents: int
    passages: int
    pairs: int
    questions: int
    kind: str
    before: dict[int, float]
    after: dict[int, float]
    difference: Difference
    share: float
    steps: int
    batch: int
    seconds: float
    skipped: list[Skipped]


def adapt(
    corpus: Path,
    out: Path,
    *,
    model: str | None = None,
    minutes: float = 3.0,
    seed: int = 0,
    steps: int | None = None,
    reading: AbstractContextManager[Progress] | None = None,
) -> AdaptResult:
    """Train a model on the documents of a corpus, and write it to ``out`` if it finds held-out documents better.

    How that is measured is told in `training.held_out`.

    Args:
        corpus: Folder of documents, or one file of many.
        out: Folder to write, which must not exist.
        model: Model folder or hub name to start from; None for the packaged one.
        minutes: Time to train for; a small corpus needs less.
        seed: Of what is held out, and of the batches.
        steps: Number of batches, whatever time they take.
        reading: Opened while documents are read; told how far the work is.

    Returns:
        What was measured, and the new model's folder if there is one.

    Raises:
        TrainingError: ``out`` cannot be written, or the corpus has too little to train on or to measure by.
        IndexFolderError, ModelError: the corpus or model cannot be read.
        KeyboardInterrupt: nothing was written.
    """
    check_out(out, corpus)
    start = find_model(model)
    files = read_model(start)
    with reading or nullcontext(no_progress) as progress:
        documents, skipped = read_documents(corpus, progress)
    if not documents:
        why = f" ({skipped[0].uri}: {skipped[0].reason})" if skipped else ""
        raise TrainingError(
            f"There is no document in {corpus} that could be read{why}. Files of these types can: "
            f"{' '.join(sorted(SUFFIXES))}."
        )
    pieces = pieces_of(documents)
    choosing, reporting = hold_out(pieces, share=HELD_OUT, least=LEAST_HELD_OUT, seed=seed)
    held = held_out_questions(pieces, choosing, reporting, corpus=corpus)
    pairs = training_pairs(pieces, choosing | reporting)
    try:
        with TemporaryDirectory(prefix=".adapting-", dir=out.parent) as work:
            recipe = make_recipe(
                files, pairs, start="default" if model is None else str(start), folder=Path(work), corpus=corpus
            )
            recipe = replace(recipe, seed=seed, steps=steps or affordable_steps(recipe, 60 * minutes))
            started = time.perf_counter()
            trained = train(
                replace(recipe, checkpoint_every=recipe.steps), Path(work), show_progress=sys.stderr.isatty()
            )
            seconds = time.perf_counter() - started
            share, table, better = choose_share(files, read_model(trained).table, held)
            figures = before_and_after(files, table, held)
            difference = next(iter(figures.values()))[2]
            result = AdaptResult(
                folder=out if better and difference.value > 0 else None,
                documents=len({piece.document for piece in pieces}),
                passages=len(pieces),
                pairs=sum(len(pairs[source.name]) for source in recipe.sources),
                questions=len(held.reporting),
                kind=held.kind,
                before={dim: before for dim, (before, _, _) in figures.items()},
                after={dim: after for dim, (_, after, _) in figures.items()},
                difference=difference,
                share=share,
                steps=recipe.steps,
                batch=recipe.batch,
                seconds=seconds,
                skipped=skipped,
            )
            if result.folder:
                finished = Path(work) / "adapted"
                write_model(finished, replace(files, table=table))
                (finished / "README.md").write_text(adapted_card(result, model, corpus), encoding="utf-8")
                sync_file(finished / "README.md")
                # A name that outlives a power cut must not lead to half a model: one without its settings is another.
                sync_tree(finished)
                os.rename(finished, out)
                sync_folder(out.parent)
            return result
    except (OSError, TrainingError) as error:
        if has_no_room(out.parent, error.__cause__ or error):
            raise TrainingError(
                f"The disk of {out.parent} is full: no model was written. Make room on it, or choose another --out, "
                f"then run the same command again."
            ) from error
        if isinstance(error, TrainingError):
            raise
        raise TrainingError(
            f"Cannot write to {out.parent} ({error.strerror or error}): choose another --out, or free some space."
        ) from error


def check_out(out: Path, corpus: Path) -> None:
    """Raise TrainingError where ``out`` exists, has no folder to stand in, or would become part of the corpus."""
    if out.exists() or out.is_symlink():
        raise TrainingError(f"{out} exists, and an index may be using it: choose another --out, or delete it.")
    if not out.parent.is_dir():
        raise TrainingError(f"No folder {out.parent} for the model to stand in: make it, or choose another --out.")
    if corpus.is_dir() and located(out).is_relative_to(located(corpus)):
        raise TrainingError(
            f"{out} would stand in the corpus {corpus} and be read as a part of it: choose an --out elsewhere."
        )


def make_recipe(files: ModelFiles, pairs: dict[str, list[Pair]], *, start: str, folder: Path, corpus: Path) -> Recipe:
    """Write pairs as sources into ``folder``, and say how to train on them.

    Args:
        files: Of the model to start from.
        pairs: By kind, as of `training_pairs`.
        start: The recipe's name of that model.
        folder: For the pairs.
        corpus: Named in errors.

    Returns:
        A recipe, whose ``steps`` are the most that help.

    Raises:
        TrainingError: there are too few pairs.
    """
    _, lengths = FlatTokenizer(files.tokenizer).encode([text for text, _ in pairs["passages"]])
    usable = {kind: len(listed) for kind, listed in pairs.items()} | {
        "passages": int((lengths >= SPANNED_TOKENS).sum())
    }
    total = sum(usable.values())
    if total < LEAST_PAIRS:
        raise TrainingError(
            f"Adapting needs at least {LEAST_PAIRS} pairs of texts to train on; the titles, headings and passages of "
            f"{corpus} make {total}. Nothing was written. Add documents, or use the model as it is."
        )
    for kind, listed in pairs.items():
        write_pairs(listed, folder / f"{kind}.jsonl.zst")
    sources = tuple(
        Source(kind, kind="spans" if kind == "passages" else "pairs") for kind, number in usable.items() if number >= 2
    )
    low, high = BATCHES
    batch = min(max(low, total // PAIRS_A_BATCH), high)
    width = files.table.dimension
    return Recipe(
        name="adapted",
        tokenizer=files.tokenizer,
        sources=sources,
        data=folder,
        dims=(width, *(dim for dim in Recipe.dims if dim < width)),
        pooling=files.pooling,
        batch=batch,
        steps=max(1, round(MOST_EPOCHS * total / batch)),
        learning_rate=RELATIVE_RATE * float(np.sqrt(np.square(files.table.prefix(width)).mean())),
        start=start,
    )


def affordable_steps(recipe: Recipe, seconds: float) -> int:
    """How many of the recipe's steps fit into a time, by the speed of the first few, which are taken for trial."""
    tokenizer = FlatTokenizer(recipe.tokenizer)
    sources = [
        load_source(source, recipe.data, tokenizer=tokenizer, max_tokens=recipe.max_tokens) for source in recipe.sources
    ]
    state = TrainingState(initial_table(recipe, tokenizer, sources).to(device()))
    times = []
    for source, rows in islice(schedule(sources, recipe.batch, recipe.seed), CALIBRATION_STEPS):
        started = time.perf_counter()
        train_step(state, source, rows, recipe=recipe, rate=recipe.learning_rate)
        times.append(time.perf_counter() - started)
    # The first one is slower, for what has to be set up.
    return max(1, min(recipe.steps, int(seconds / np.mean(times[1:]))))


def summary(result: AdaptResult) -> list[str]:
    """Lines that say what was measured: before and after, and how certain the difference is."""
    test = result.difference
    each = [
        f"{100 * result.before[dim]:.1f} -> {100 * result.after[dim]:.1f} at {dim} dimensions" for dim in result.before
    ]
    chance = "; as much may be chance" if test.p >= CHANCE else ""
    return [
        f"Measured:  {result.questions:,} questions ({result.kind}) about documents not trained on",
        f"nDCG@10:   {', '.join(each)}",
        f"Change:    {100 * test.value:+.1f} at {next(iter(result.before))} dimensions (95 % interval "
        f"{100 * test.low:+.1f} to {100 * test.high:+.1f}, p = {test.p:.4f}{chance})",
    ]


def adapted_card(result: AdaptResult, model: str | None, corpus: Path) -> str:
    """A short model card in Markdown."""
    lines = [
        "---",
        "library_name: sentence-transformers",
        "pipeline_tag: sentence-similarity",
        "tags: [static-embedding, matryoshka, sentence-similarity]",
        "---",
        "",
        f"# Adapted to {located(corpus).name}",
        "",
        f"A static embedding model, adapted by `index adapt` from {f'`{model}`' if model else 'the one of sakuin'} to "
        f"{result.documents:,} documents of {result.passages:,} passages: {result.steps:,} batches of "
        f"{result.batch:,} of {result.pairs:,} pairs (titles and headings with their passages, neighbouring passages, "
        f"spans with the passages they were cut from). {result.share:.0%} of the table are trained, "
        f"{1 - result.share:.0%} are as they were.",
        "",
        "```",
        *summary(result),
        "```",
        "",
        "Those documents have shaped its table: give it only to people who may read them. The sources and licences of "
        "the model it started from apply; see its card.",
        "",
    ]
    return "\n".join(lines)
