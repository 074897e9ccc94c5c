"""How many of the example corpus's queries find their document: `python -m experiments.examples`."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sakuin.cli.running import run
from sakuin.index.build import build
from sakuin.search import MODES, Searcher
from sakuin.tuning.records import read_records

EXAMPLES = Path(__file__).parent.parent / "examples"


def queries_found(searcher: Searcher, queries: Sequence[dict[str, Any]], mode: str, *, k: int = 10) -> int:
    """Number of queries with a relevant file among their first k hits."""
    number = 0
    for query in queries:
        hits = searcher.search(query["query"], k=k, mode=mode, group="passage", syntax=False).hits
        files = {hit.document.uri.split("#")[0] for hit in hits}
        number += not files.isdisjoint(query["relevant"])
    return number


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-k", default=10, show_default=True, type=click.IntRange(1), help="Hits looked at for each query.")
def cli(k: int) -> None:
    """Index the example corpus and count, for each mode, the queries that find their document.

    Queries that share no word with their document are counted apart from those that do.

    \b
    python -m experiments.examples
    python -m experiments.examples -k 1
    """
    queries = read_records(EXAMPLES / "queries.jsonl")
    paraphrases = [query for query in queries if query["paraphrase"]]
    others = [query for query in queries if not query["paraphrase"]]
    with tempfile.TemporaryDirectory() as folder:
        build(EXAMPLES / "corpus", Path(folder, "index"))
        with Searcher.open(Path(folder, "index")) as searcher:
            click.echo(f"{'':8}{'no word in common':>20}{'words in common':>20}")
            for mode in MODES:
                numbers = [
                    f"{queries_found(searcher, some, mode, k=k)} of {len(some)}" for some in (paraphrases, others)
                ]
                click.echo(f"{mode:8}{numbers[0]:>20}{numbers[1]:>20}")


if __name__ == "__main__":
    run(cli, "python -m experiments.examples", interrupted="Nothing was kept.")
