"""Training speed in pairs a second: ours against sentence-transformers' trainer, on the same model and the same pairs.

    python -m benchmarks.train
    python -m benchmarks.train --data ../shared/data/pairs --batch 2048 --steps 3

Both run on the CPU and start from the same table, by which they first compute the loss of one same batch: if the two
losses differ, they do not do the same work, and nothing is timed.
"""

import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from benchmarks import labels
from benchmarks.passages import from_examples
from benchmarks.results import Figure, json_option, write
from sakuin.cli.running import run
from sakuin.embedder.folder import DEFAULT_FOLDER
from sakuin.embedder.tokenising import FlatTokenizer
from sakuin.training.errors import TrainingError
from sakuin.training.pairs import SUFFIXES, Source, read_pairs
from sakuin.training.recipe import Recipe
from sakuin.training.trainer import train

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn

Texts = list[tuple[str, str]]

DIMS = (1024, 512, 256, 128, 64, 32)
SCALE = 20.0
# One step warms up; and a trainer that fetches a batch ahead needs one to fetch in its last step.
EXTRA_BATCHES = 2
# In each, both train, so that a busy moment of the machine hits both.
ROUNDS = 3
# bfloat16 products against float32.
TOLERANCE = 0.01
QUERY_CHARACTERS = 24
FLOAT32, BFLOAT16, OURS = "float32", "bfloat16 autocast", "sakuin"
COUNTED = """\
Rates are of the median step. Counted for both: tokenising, pooling, loss, gradients, AdamW (fused).
sentence-transformers: from the end of a step to the end of the next, which fetches and tokenises a batch as well;
gradients are not clipped and nothing is logged. sakuin: the seconds of a step in its log, and {milliseconds:.0f} ms for
tokenising a batch, which a run does once a pair, however often it comes; reading the files and choosing the pairs of a
batch is not counted; products are bfloat16 where the processor has them."""
# No text is so long: sentence-transformers cuts none either.
UNCUT = 1_000_000


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--pairs", type=int, help="Distinct pairs to train on [default: as many as the steps need].")
@click.option("--batch", type=click.IntRange(2), default=2048, show_default=True, help="Pairs a batch.")
@click.option(
    "--steps", type=click.IntRange(1), default=3, show_default=True, help="Steps timed a round, after one more."
)
@json_option
def main(data: Path | None, pairs: int | None, batch: int, steps: int, as_json: Path | None) -> None:
    """Print pairs a second and ratios."""
    needed = batch * (steps + EXTRA_BATCHES)
    if pairs is not None and pairs < needed:
        raise click.BadParameter(f"{steps} steps of {batch} pairs need at least {needed}.", param_hint="--pairs")
    # Read when the first of them asks for a GPU, which none has yet.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    texts = distinct_pairs(pairs or needed, data)
    with tempfile.TemporaryDirectory() as folder:
        write(as_json, "benchmarks.train", race(texts, batch, steps, Path(folder)))


def race(texts: Texts, batch: int, steps: int, folder: Path) -> list[Figure]:
    """Check that both compute the same loss, time them, and print a table."""
    import torch

    loss, start = our_first_loss(texts[:batch], folder / "first")
    expected = their_first_loss(texts[:batch], start)
    difference = abs(loss / expected - 1)
    if difference > TOLERANCE:
        raise TrainingError(f"The losses of one batch differ: {loss:.4f}, sentence-transformers {expected:.4f}.")
    seconds: dict[str, list[float]] = {}
    for turn in range(ROUNDS):
        tokenising = batch * our_tokenising(texts)
        ours = our_seconds(texts, batch, steps, folder / f"round{turn}")
        for name, taken in (
            (FLOAT32, their_seconds(texts, batch, steps, start, bf16=False)),
            (BFLOAT16, their_seconds(texts, batch, steps, start, bf16=True)),
            (OURS, [step + tokenising for step in ours]),
        ):
            seconds.setdefault(name, []).extend(taken)
    lengths = [sum(len(pair[side]) for pair in texts) / len(texts) for side in (0, 1)]
    print(
        f"{batch:,} pairs a batch, texts of {lengths[0]:.0f} and {lengths[1]:.0f} characters; dimensions "
        f"{', '.join(map(str, DIMS))}; {torch.get_num_threads()} thread(s); {ROUNDS} rounds of {steps} step(s) after "
        f"one of warm-up"
    )
    print(f"loss of one same batch: sakuin {loss:.4f}, sentence-transformers {expected:.4f} ({difference:.3%} apart)")
    print(f"{'':40}{'pairs/s':>10}{'s/step':>9}{'fastest':>9}{'slowest':>9}{'ratio':>8}")
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    figures = figures_of(medians, batch)
    for figure, taken in zip(figures, seconds.values(), strict=True):
        rate, step = figure["pairs_per_second"], statistics.median(taken)
        name = labels.row(figure)
        print(f"{name:40}{rate:10,.0f}{step:9.2f}{min(taken):9.2f}{max(taken):9.2f}{figure['ratio']:8.1f}")
    print(COUNTED.format(milliseconds=1000 * tokenising))
    return figures


def figures_of(seconds: dict[str, float], batch: int) -> list[Figure]:
    """A figure for each, from the seconds of its median step; ratios are to sentence-transformers at its fastest."""
    base = min(seconds[FLOAT32], seconds[BFLOAT16])
    roles = {FLOAT32: "default", BFLOAT16: "best" if seconds[BFLOAT16] == base else "tried"}
    figures: list[Figure] = []
    for name, step in seconds.items():
        figure: Figure = {"name": name, "batch": batch, "pairs_per_second": batch / step, "ratio": base / step}
        if name in roles:
            figure |= {"name": "sentence-transformers", "version": version("sentence-transformers")}
            figure |= {"role": roles[name], "setting": {"numbers": name}}
        figures.append(figure)
    return figures


def distinct_pairs(number: int, data: Path | None) -> Texts:
    """``number`` pairs in which no query and no passage comes twice, in random order."""
    queries: set[str] = set()
    passages: set[str] = set()
    pairs: Texts = []
    for query, passage in pairs_of_files(data, number) if data else pairs_of_examples():
        if query in queries or passage in passages:
            continue
        queries.add(query)
        passages.add(passage)
        pairs.append((query, passage))
        if len(pairs) == number:
            random.Random(0).shuffle(pairs)
            return pairs
    raise TrainingError(
        f"{data} holds only {len(pairs):,} distinct pairs of {number:,}: ask for fewer, or smaller batches."
    )


def pairs_of_files(data: Path, most: int) -> Iterator[tuple[str, str]]:
    """Pairs of a folder's files, one of each file in turn, at most ``most`` of each."""
    if not data.is_dir():
        raise TrainingError(f"{data} is not a folder: name that of the pair files with --data.")
    names = sorted(path.name for path in data.iterdir() if path.name.endswith(SUFFIXES) and "_scored" not in path.name)
    if not names:
        raise TrainingError(f"No pair files ({', '.join(SUFFIXES)}) in {data}: name the folder with --data.")
    sources = [read_pairs(data / name, cap=most) for name in names]
    for row in range(max(map(len, sources))):
        yield from ((source.queries[row], source.passages[row]) for source in sources if row < len(source))


def pairs_of_examples() -> Iterator[tuple[str, str]]:
    """Endless passages mixed from the example corpus; a query is a stretch of its passage."""
    rng = random.Random(0)
    for passage in from_examples():
        if len(passage) > QUERY_CHARACTERS:
            start = rng.randrange(len(passage) - QUERY_CHARACTERS)
            yield passage[start : start + QUERY_CHARACTERS].strip(), passage


def write_recipe(texts: Texts, folder: Path, batch: int, steps: int, learning_rate: float) -> Recipe:
    """A recipe of one source, written to ``folder``, that does what sentence-transformers' trainer is told to."""
    folder.mkdir()
    lines = [orjson.dumps({"query": query, "passage": passage}) for query, passage in texts]
    (folder / "pairs.jsonl").write_bytes(b"\n".join(lines))
    return Recipe(
        name="benchmark",
        data=folder,
        tokenizer=DEFAULT_FOLDER / "tokenizer.json",
        sources=(Source("pairs"),),
        dims=DIMS,
        pooling="mean",
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        scale=SCALE,
        max_tokens=UNCUT,
        checkpoint_every=UNCUT,
    )


def our_first_loss(texts: Texts, folder: Path) -> tuple[float, Path]:
    """The loss of one batch by the table a run begins with, and the folder of that model."""
    recipe = write_recipe(texts, folder, batch=len(texts), steps=1, learning_rate=1e-12)
    # A step of no size leaves the model as it began.
    model = train(recipe, folder / "run", show_progress=False)
    return read_log(folder / "run")[0]["loss"], model


def our_seconds(texts: Texts, batch: int, steps: int, folder: Path) -> list[float]:
    """Seconds of each step but the first, tokenising not counted."""
    recipe = write_recipe(texts, folder, batch, steps=steps + 1, learning_rate=0.2)
    train(recipe, folder / "run", show_progress=False)
    return [step["seconds"] for step in read_log(folder / "run")[1:]]


def read_log(run_folder: Path) -> list[dict[str, float]]:
    """A run's training steps."""
    entries = map(orjson.loads, (run_folder / "log.jsonl").read_bytes().splitlines())
    return [entry for entry in entries if "loss" in entry]


def our_tokenising(texts: Texts) -> float:
    """Seconds a pair takes to tokenise; the tokenizer is loaded before, and has seen none of the texts."""
    tokenizer = FlatTokenizer(DEFAULT_FOLDER / "tokenizer.json")
    tokenizer.encode(["warm-up 準備運動"] * 300)
    started = time.perf_counter()
    for side in (0, 1):
        tokenizer.encode([pair[side] for pair in texts])
    return (time.perf_counter() - started) / len(texts)


def their_loss(model: "SentenceTransformer") -> "nn.Module":
    """The loss both minimise, as sentence-transformers writes it."""
    from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss, MultipleNegativesRankingLoss

    loss: nn.Module = MatryoshkaLoss(model, MultipleNegativesRankingLoss(model, scale=SCALE), list(DIMS))
    return loss


def their_first_loss(texts: Texts, start: Path) -> float:
    """The loss of one batch by sentence-transformers, of the same model."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(start), device="cpu")
    with torch.no_grad():
        features = [model.preprocess([pair[side] for pair in texts]) for side in (0, 1)]
        return float(their_loss(model)(features, None))


def their_seconds(texts: Texts, batch: int, steps: int, start: Path, bf16: bool) -> list[float]:
    """Seconds of each step but the first of sentence-transformers' trainer, from the end of the one before."""
    from datasets import Dataset
    from datasets.utils.logging import disable_progress_bar
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

    ends: list[float] = []

    class Clock(TrainerCallback):
        """Notes when each step ends."""

        def on_step_end(
            self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: object
        ) -> None:
            ends.append(time.perf_counter())

    disable_progress_bar()
    model = SentenceTransformer(str(start), device="cpu")
    queries, passages = ([pair[side] for pair in texts] for side in (0, 1))
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=batch,
            max_steps=steps + 1,
            learning_rate=0.2,
            warmup_steps=1,
            lr_scheduler_type="cosine",
            optim="adamw_torch_fused",
            max_grad_norm=0,
            bf16=bf16,
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer = SentenceTransformerTrainer(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_dict({"anchor": queries, "positive": passages}),
            loss=their_loss(model),
            callbacks=[Clock()],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return [end - begin for begin, end in zip(ends, islice(ends, 1, None), strict=False)]


if __name__ == "__main__":
    run(main, "python -m benchmarks.train", interrupted="Nothing was kept.")
