"""Kills exports (SIGKILL) at random moments, or cuts their connection, and looks at what is where they were to go.

    python -m tests.integrations.export_kills --kills 60

In PostgreSQL there must be all of the old state or all of the new one, and in a folder files that are whole; where the
server ends the connection, the export must end with a sentence.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psycopg
import pyarrow.parquet as pq

from sakuin import Index
from tests.integrations.postgres_server import server
from tests.integrations.test_postgres import everything

EXPORT = """
import sys
from pathlib import Path
from sakuin.errors import SakuinError
from sakuin.integrations.engines.parquet import export_parquet
from sakuin.integrations.engines.postgres.writing import export_postgres
print("begins", flush=True)
try:
    if sys.argv[1] == "parquet":
        export_parquet(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        export_postgres(Path(sys.argv[2]), sys.argv[3], dim=int(sys.argv[1]))
except SakuinError as error:
    sys.exit(f"Error: {error}")
"""
KINDS = ("256", "128", "parquet")
"""Dimensions in PostgreSQL, where another number makes all tables anew; or Parquet."""


@dataclass(slots=True)
class Target:
    """Where exports go.

    Attributes:
        database: Of a PostgreSQL server.
        folder: Of Parquet files.
        states: What there may be, by kind and index.
    """

    database: str
    folder: Path
    states: dict[tuple[str, str], Any]


@click.command()
@click.option("--kills", default=30, show_default=True, help="How many.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
def main(kills: int, seed: int) -> None:
    """Kill exports and print what became of them; exit code 1 if anything was half-done, or told wrongly."""
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as name, server() as dsn:
        folder = Path(name)
        with psycopg.connect(f"{dsn} dbname=postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE killed")
        target = Target(f"{dsn} dbname=killed", folder / "out", {})
        indexes = {name: made(folder / name, number) for number, name in enumerate(("old", "new"))}
        seconds = {}
        for kind in KINDS:
            for name, index in indexes.items():
                begun = time.monotonic()
                process = started(kind, index, target)
                assert process.wait() == 0
                seconds[kind] = time.monotonic() - begun
                target.states[kind, name] = looked(kind, target)
        rng = random.Random(seed)
        for number in range(kills):
            kind, name = rng.choice(KINDS), rng.choice(("old", "new"))
            how: Callable[[subprocess.Popen[str], str], None] = rng.choice(
                (kill, cut) if kind != "parquet" else (kill,)
            )
            process = started(kind, indexes[name], target)
            time.sleep(rng.random() * seconds[kind])
            how(process, target.database)
            _, errors = process.communicate()
            ended = process.returncode == 0
            what = "came to its end" if ended else "ended by " + how.__name__
            allowed = [target.states[kind, name]] if ended else list(target.states.values())
            if process.returncode > 0 and not errors.startswith("Error:"):
                what = f"traceback: {errors[-600:]}"
            elif looked(kind, target) not in allowed:
                what = "miss: what is there is neither the old state nor the new one"
            counts[kind, what] += 1
            if ":" in what:
                print(f"{number}: {kind}: {what}", flush=True)
    for (kind, what), number in sorted(counts.items()):
        print(f"{kind:8} {what[:40]:40} {number:4}")
    sys.exit(any(":" in what for _, what in counts))


def made(folder: Path, number: int) -> Path:
    """An index, one of two states of the same documents."""
    with Index.open(folder) as index:
        index.add(
            [{"id": f"d{i}", "text": f"{i}番目の文書です。{number * (i % 3)}", "n": i} for i in range(number, 300)]
        )
    return folder


def started(kind: str, index: Path, target: Target) -> "subprocess.Popen[str]":
    """An export that has begun."""
    to = str(target.folder) if kind == "parquet" else target.database
    process = subprocess.Popen(
        [sys.executable, "-c", EXPORT, kind, str(index), to],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout
    process.stdout.readline()
    return process


def kill(process: "subprocess.Popen[str]", database: str) -> None:
    """End an export."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)


def cut(process: "subprocess.Popen[str]", database: str) -> None:
    """Have the server end its connection."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid != pg_backend_pid()"
        )


def looked(kind: str, target: Target) -> Any:
    """What is there."""
    if kind != "parquet":
        return everything(target.database)
    files = {path.name: path for path in target.folder.glob("*.parquet")}
    read = {name: pq.read_table(path, page_checksum_verification=True).to_pylist() for name, path in files.items()}
    for path in target.folder.glob("*.part"):
        path.unlink()
    # Each file is of one state; both are renamed one after the other.
    return read["passages.parquet"]


if __name__ == "__main__":
    main()
