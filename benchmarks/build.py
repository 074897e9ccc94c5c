"""Building an index: passages a second by stage, and of the same passages by what users would pick instead.

    python -m benchmarks.build --data ../shared/data/pairs --passages 100000
    python -m benchmarks.build --data ../shared/data/pairs --passages 1000000 --work /tmp/million --peer "bm25s + FAISS"

Stages are measured one after another in one process; `index build` runs several of them side by side. Peers get their
vectors from sentence-transformers, which loads the same model, and are built twice: as they come, and with the fastest
of the settings they have, which are tried on a share of the passages and printed. What sentence-transformers takes as
it comes is measured on the first 100,000 passages and taken as many times as there are: it reads batch by batch.
Each is built in a process of its own. Peers need `pip install ".[bench]"`.
"""

import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np

from benchmarks import labels
from benchmarks.contest import (
    PER_SETTING,
    WARMING,
    Contestant,
    Setting,
    Took,
    fastest,
    figure_of,
    running,
    try_settings,
)
from benchmarks.encoders import sentence_transformers
from benchmarks.peers import DIM, KINDS, Kind
from benchmarks.peers.kind import Vectors
from benchmarks.processes import cpu_seconds, in_a_process, run
from benchmarks.results import Figure, json_option, write
from benchmarks.stages import stages
from benchmarks.steps import Place, place, read_texts, work_option
from sakuin.embedder import StaticEmbedder

# More would only take longer: stages do not slow down with the number of passages, and encoding does not.
STAGES_OF = ENCODED_OF = 100_000
WARMING_OF = 1_000
# To choose a peer's settings with: so many that starting a process counts for as little as it does for a million.
TRIED_WITH = 100_000
ENCODER = "sentence-transformers, encoding alone"
VECTORS = "vectors-mean.npy"


@click.command()
@click.option("--passages", default=100_000, show_default=True, help="Distinct passages, each a document.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of pair files [default: the example corpus].")
@click.option("--peer", "peers", multiple=True, type=click.Choice(list(KINDS)), help="Only these [default: all].")
@click.option("--no-peers", is_flag=True, help="Measure sakuin alone.")
@work_option
@json_option
def main(
    passages: int, data: Path | None, peers: tuple[str, ...], no_peers: bool, work: Path | None, as_json: Path | None
) -> None:
    """Measure stages, `index build`, and peers."""
    with place(work, passages, data) as here:
        texts = here.texts()
        print(f"{len(texts):,} documents of one passage, {sum(map(len, texts)) / len(texts):.0f} characters")
        here.step("stages of a build", partial(stages, here.folder, texts[:STAGES_OF]))
        print(f"\n{'':110}{'seconds':>10}{'CPU':>8}{'ratio':>8}")
        figures = here.step("sakuin, build", partial(ours, here))
        show(figures[0])
        if not no_peers:
            figures += race(here, peers or tuple(KINDS), figures[0])
        write(as_json, "benchmarks.build", figures)


def ours(here: Place) -> list[Figure]:
    """Build the index from nothing."""
    folder = here.folder / "index"
    shutil.rmtree(folder, ignore_errors=True)
    seconds, cpu, peak = run("build", str(here.corpus), "--index", str(folder))
    figure = line("sakuin, `index build`", Took(seconds, cpu), len(here.texts()))
    print(f"  {peak / 1e6:,.0f} MB at most in one process")
    return [figure | {"ratio": 1.0, "peak_gb": peak / 1e9}]


def race(here: Place, peers: Sequence[str], own: Figure) -> list[Figure]:
    """Build the peers; each needs vectors, so what sentence-transformers takes counts for each."""
    figures = here.step("sentence-transformers", partial(encode, here))
    encoded = {figure["role"]: figure for figure in figures}
    for name in peers:
        took = here.step(f"{name}, build", partial(in_a_process, built, name, here.folder))
        figures += [figure for figure in took if figure["role"] == "tried"]
        for peer in took:
            if peer["role"] != "tried":
                figures.append(together(encoded[peer["role"]], peer))
    for figure in figures:
        if figure["role"] != "tried":
            figure["ratio"] = figure["seconds"] / own["seconds"]
            show(figure)
    return figures


def encode(here: Place) -> list[Figure]:
    """What sentence-transformers takes for all passages, as it comes and at its best; the vectors are kept."""
    texts, model = here.texts(), here.folder / "model"
    StaticEmbedder.load().save(model)
    contestant = sentence_transformers(model, DIM)
    with running([contestant]) as (started,):
        tried = try_settings(started, texts[-PER_SETTING * len(contestant.settings) :])
    figures = [figure_of(contestant, each.setting, "tried", each.rate) for each in tried]
    for figure in figures:
        words = labels.setting(figure["setting"])
        print(f"  tried {contestant.name}, {words}: {figure['passages_per_second']:,.0f} passages a second")
    # Each in another process, whose tokenizer has read none of the passages yet.
    few = min(len(texts), ENCODED_OF)
    took = in_a_process(encoded, contestant, contestant.default, here.folder, few)
    scaled = Took(took.seconds * len(texts) / few, took.cpu * len(texts) / few)
    best = fastest(tried)
    whole = in_a_process(encoded, contestant, best, here.folder, len(texts))
    for setting, role, each in ((contestant.default, "default", scaled), (best, "best", whole)):
        figure = figure_of(contestant, setting, role, len(texts) / each.seconds)
        titles = {"title": f"{contestant.name} {contestant.version}", "what": "encoding alone"}
        figures.append(figure | line(ENCODER, each, len(texts)) | titles)
    return figures


def encoded(contestant: Contestant, setting: Setting, folder: Path, number: int) -> Took:
    """Encode the first passages of a corpus; all that were encoded last are kept, with a length of 1."""
    texts, encode = read_texts(folder / "corpus" / "passages.jsonl")[:number], contestant.load()
    encode(WARMING, **setting)
    started, cpu = time.perf_counter(), cpu_seconds()
    rows = encode(texts, **setting)
    took = Took(time.perf_counter() - started, cpu_seconds() - cpu)
    np.save(folder / VECTORS, rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return took


def built(name: str, folder: Path) -> list[Figure]:
    """What a peer takes to be built from passages and vectors, as it comes and at its best."""
    kind = KINDS[name]
    texts, vectors = read_texts(folder / "corpus" / "passages.jsonl"), np.load(folder / VECTORS)
    default = (kind.words, kind.indexes(len(texts))[0].setting)
    figures: list[Figure] = []
    ways = (default, *kind.buildings)
    # What is imported and compiled at first use is no part of building.
    for way in ways:
        build_peer(kind, folder / "peer", way, texts[:WARMING_OF], vectors[:WARMING_OF])
    few, tried = texts[:TRIED_WITH], vectors[:TRIED_WITH]
    there = [build_peer(kind, folder / "peer", way, few, tried) for way in ways]
    back = [build_peer(kind, folder / "peer", way, few, tried) for way in reversed(ways)]
    # Of both times the shorter: work beside it only takes longer.
    sample = [min(pair) for pair in zip(there, reversed(back), strict=True)]
    for way, took in zip(ways, sample, strict=True):
        print(f"  tried {kind.titled}, {labels.setting(way[0] | way[1])}: {took.seconds:.1f} s", flush=True)
        figures.append({"name": name, "role": "tried", "setting": way[0] | way[1]} | line(name, took, len(few)))
    best = ways[sample.index(min(sample))]
    whole = build_peer(kind, folder / "peer", default, texts, vectors)
    better = whole if best == default else build_peer(kind, folder / "peer", best, texts, vectors)
    for role, way, took in (("default", default, whole), ("best", best, better)):
        figure: Figure = {"title": kind.titled, "role": role, "setting": way[0] | way[1]}
        figures.append(figure | line(name, took, len(texts)))
    return figures


def build_peer(kind: Kind, folder: Path, way: tuple[Setting, Setting], texts: list[str], vectors: Vectors) -> Took:
    """Build a peer once; what it wrote is removed."""
    started, cpu = time.perf_counter(), cpu_seconds()
    kind.make(folder, *way).build(texts, vectors)
    took = Took(time.perf_counter() - started, cpu_seconds() - cpu)
    shutil.rmtree(folder, ignore_errors=True)
    return took


def together(encoding: Figure, peer: Figure) -> Figure:
    """A peer with the vectors it needs."""
    seconds = {name: encoding[name] + peer[name] for name in ("seconds", "cpu_seconds")}
    return {
        "name": f"sentence-transformers + {peer['name']}",
        "title": f"{encoding['title']} + {peer['title']}",
        "role": peer["role"],
        "setting": encoding["setting"] | peer["setting"],
        **line("", Took(*seconds.values()), peer["passages"]),
    }


def line(name: str, took: Took, passages: int) -> Figure:
    """The figures of a row."""
    figure: Figure = {"name": name} if name else {}
    rate = passages / took.seconds
    return figure | {
        "passages": passages,
        "seconds": took.seconds,
        "cpu_seconds": took.cpu,
        "passages_per_second": rate,
    }


def show(figure: Figure) -> None:
    """Print a row of the table; the ratio says how many times as long as sakuin it took."""
    print(
        f"{labels.row(figure):110}{figure['seconds']:10.1f}{figure['cpu_seconds']:8.0f}{figure['ratio']:8.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
