"""Building and searching an index of many passages, by the command a user types and by a warm process.

    python -m benchmarks.search --passages 50000 --data ../shared/data/pairs

Prints passages a second of `index build`, CPU seconds of `index search` from a cold start, and the times of queries in
a warm process for each mode; queries are sentences of passages that are in the index.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from benchmarks.passages import distinct_passages
from search import MODES, Searcher

COLD_STARTS = 5


@click.command()
@click.option("--passages", default=50_000, show_default=True, help="Distinct passages, each a document.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--queries", default=500, show_default=True, help="Queries for each mode.")
def main(passages: int, data: Path | None, queries: int) -> None:
    """Measure `index build` and searches."""
    texts = distinct_passages(passages, data)
    with tempfile.TemporaryDirectory() as temporary:
        corpus, folder = Path(temporary, "corpus"), Path(temporary, "index")
        corpus.mkdir()
        with (corpus / "passages.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps({"id": str(i), "text": text}) + "\n" for i, text in enumerate(texts))
        length = sum(map(len, texts)) / len(texts)
        print(f"{len(texts)} documents of {length:.0f} characters")
        seconds, cpu, peak = run("build", str(corpus), "--index", str(folder))
        with Searcher.open(folder) as searcher:
            stored = searcher.counts()["passages"]
            print(
                f"index build           {stored / seconds:,.0f} passages/s ({stored:,} in {seconds:.1f} s, "
                f"{cpu:.1f} s of CPU, {peak / 1e6:.0f} MB)"
            )
            rng = random.Random(0)
            asked = [rng.choice(texts)[:30] for _ in range(queries)]
            for mode in MODES:
                searcher.search("warm-up", mode=mode)
                times = [searcher.search(query, mode=mode).seconds * 1000 for query in asked]
                print(
                    f"warm query, {mode:9} p50 {np.percentile(times, 50):.1f} ms, p99 {np.percentile(times, 99):.1f} ms"
                )
        cold = [run("search", asked[i], "--index", str(folder))[1] for i in range(COLD_STARTS)]
        print(f"index search, cold    {min(cold):.2f} s of CPU (best of {COLD_STARTS}; worst {max(cold):.2f})")


def run(*arguments: str) -> tuple[float, float, int]:
    """Run `index`; returns seconds, CPU seconds and peak memory in bytes (of the largest child so far)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "index", *arguments], check=True, stdout=subprocess.DEVNULL, env=os.environ)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, after.ru_maxrss * 1024


if __name__ == "__main__":
    main()
