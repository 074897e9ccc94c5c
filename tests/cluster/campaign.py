"""Kills nodes of a Ray cluster at random moments of build, service and commit: nothing may be lost or wrong.

    python -m tests.cluster.campaign --passages 300000 --queries 10000 --kills 20 --folder campaign

Three nodes run on this machine. Passages are built into one index to compare with, and into shards; both are searched,
and timed; then replicas are searched by several clients and changed by writers. Meanwhile nodes are killed (SIGKILL,
with all their processes) and others started. Every answer is compared with that of the one index, or of the same shards
in one process, and no search may ever see documents of two commits.

Interrupted, it tells what it has found so far, and the same command goes on from there.
"""

import json
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson

from benchmarks.passages import distinct_passages
from benchmarks.questions import questions_of
from sakuin import Index, Searcher
from sakuin.cluster.building import build_of_rows
from sakuin.cluster.changing import add_documents
from sakuin.cluster.dealing import home
from sakuin.cluster.errors import ClusterError
from sakuin.cluster.manifest import read, require
from sakuin.cluster.nodes import nodes_at
from sakuin.cluster.places import Disk
from sakuin.cluster.serving import RemoteSearcher, remote_searcher
from sakuin.index.integrity import verify
from sakuin.index.settings import Settings
from sakuin.search.request import MAX_RESCORED
from tests.cluster.campaign_notes import AskedOtherwiseError, Figures, Notes, counter_of
from tests.cluster.nodes import STORE_BYTES, ray_cluster

SECONDS = 60.0
BACK_SECONDS = 600.0
"""A process that is to answer in the place of one that died took a minute and a half to start on a busy machine."""
CLIENTS = 8
MARKED = 60
"""Documents that every commit writes anew."""
SAME_SCORE = 2e-4
"""BM25 scores are rounded to four decimals."""
PART_BYTES = 1 << 20
TIMED = 300
"""Queries of which the times are taken; all are compared."""
AT_A_TIME = 250
"""Queries that are compared between two notes."""
STARTS = 5
"""A node of a busy machine may not come up in the time that Ray gives it."""
OFTEN = 60_000
"""Of a build of so many passages a node is killed every few seconds; of a larger one more rarely."""


@click.command()
@click.option("--passages", default=20_000, show_default=True)
@click.option("--shards", default=6, show_default=True)
@click.option("--queries", default=1_000, show_default=True)
@click.option("--kills", default=20, show_default=True, help="In all: of builds, service and commits a third each.")
@click.option("--seed", default=0, show_default=True, help="Of the moments and the nodes.")
@click.option("--folder", type=click.Path(path_type=Path), help="To work in, and to go on from; else a temporary one.")
def main(folder: Path | None, **asked: int) -> None:
    """Run all of it and print what it found."""
    with tempfile.TemporaryDirectory() as temporary:
        try:
            campaign(folder or Path(temporary), Settings(), **asked)
        except AskedOtherwiseError as error:
            raise click.ClickException(str(error)) from error


def campaign(
    folder: Path, settings: Settings, *, passages: int, shards: int, queries: int, kills: int, seed: int
) -> Notes:
    """Run all of it that is not done yet; prints what each part found, and all of it in the end.

    Args:
        folder: To work in.
        settings: Of the cluster and of the one index.
        passages: How many there are.
        shards: Of the cluster.
        queries: How many different ones are asked.
        kills: How often a node is killed.
        seed: Of the moments and the nodes.

    Raises:
        AskedOtherwiseError: another campaign has been at work in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    asked = {"passages": passages, "shards": shards, "queries": queries, "kills": kills, "seed": seed}
    notes = Notes(folder, asked)
    rng = random.Random(seed)
    third = -(-kills // 3)
    place = Disk((folder / "cluster").absolute())
    rows = rows_of(folder, passages)
    questions = [question.text for question in questions_of([row["text"] for row in rows], queries)]
    if not notes.is_done("one"):
        shutil.rmtree(folder / "one", ignore_errors=True)
        started = time.monotonic()
        with Index.open(folder / "one", model=settings.model, dim=settings.dim) as index:
            index.add(sorted(rows, key=lambda row: home(row["id"], shards)))
        finish(notes, "one", {"seconds": round(time.monotonic() - started, 1)})
    works: dict[str, Callable[[Any, Searcher], Figures]] = {
        "build": lambda cluster, _: built(
            folder, place, cluster, rng, notes, documents=passages, shards=shards, kills=third, settings=settings
        ),
        "service": lambda cluster, _: served(place, cluster, questions, rng, notes, kills=third),
        "times": lambda cluster, one: times(place, cluster, one, questions[:TIMED]),
        "compared": lambda _, one: compared(place, one, notes, questions),
        "commits": lambda cluster, _: committed(
            place, cluster, rng, notes, kills=kills - 2 * third, documents=passages
        ),
    }
    try:
        with ray_cluster(3) as cluster, Searcher.open(folder / "one") as one:
            for name, work in works.items():
                if not notes.is_done(name):
                    finish(notes, name, work(cluster, one))
    finally:
        print(notes.table(), flush=True)
    return notes


def rows_of(folder: Path, passages: int) -> list[dict[str, str]]:
    """The documents, in the file that clusters are built of."""
    path = folder / "rows.jsonl"
    if not path.exists():
        texts = distinct_passages(passages, None)
        lines = [orjson.dumps({"id": f"d{number}", "text": text}) + b"\n" for number, text in enumerate(texts)]
        part = folder / "rows.part"
        part.write_bytes(b"".join(lines))
        part.rename(path)
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def finish(notes: Notes, name: str, figures: Figures) -> None:
    """Note what a part has found, and print it."""
    notes.keep(name, figures, done=True)
    print(f"{name}: {json.dumps(figures, ensure_ascii=False)}", flush=True)


def built(
    folder: Path,
    place: Disk,
    cluster: Any,
    rng: random.Random,
    notes: Notes,
    *,
    documents: int,
    shards: int,
    kills: int,
    settings: Settings,
) -> Figures:
    """Build, again and again until so many nodes were killed meanwhile; the last one is kept."""
    figures = {"builds": 0, "lost": 0, "damaged": 0, "seconds": [], "took": [], **notes.part("build")}

    def work(enough: Callable[[], bool]) -> None:
        with nodes_at(cluster.address) as nodes:
            while True:
                if read(place):
                    shutil.rmtree(place.folder)
                made = build_of_rows(
                    str(folder / "rows.jsonl"), place, nodes, shards=shards, settings=settings, part_bytes=PART_BYTES
                )
                figures["builds"] += 1
                figures["seconds"].append(round(made.seconds, 1))
                figures["lost"] += documents - made.manifest.documents
                figures["damaged"] += sum(bool(verify(place.folder / one.folder)) for one in made.manifest.shards)
                if enough():
                    return

    pace = max(1.0, documents / OFTEN)
    keep = partial(notes.keep, "build", figures)
    killing(cluster, rng, work, took=figures["took"], most=kills, between=(0.5 * pace, 4.0 * pace), keep=keep)
    return figures


def compared(place: Disk, one: Searcher, notes: Notes, asked: Sequence[str]) -> Figures:
    """How many queries the cluster answers otherwise than one index.

    Of those the ones are told apart, as ``rough``, that are answered alike where all passages are compared exactly: the
    first stage of a large index, by codes, overlooks some, and others in shards. And, as ``edge``, those that each leg
    answers alike: of BM25's candidates the last may be others, where the fourth decimal falls on an edge.
    """
    figures = {"queries": 0, "rough": 0, "edge": 0, "wrong": 0, "first": [], **notes.part("compared")}
    with Searcher.open(place.folder) as whole, ThreadPoolExecutor(2) as pool:

        def alike(query: str, **how: Any) -> bool:
            return same(whole.search(query, **how), one.search(query, **how))

        def why(query: str) -> str:
            if alike(query, rescore=MAX_RESCORED):
                return "rough"
            legs: list[Any] = ["dense", "bm25"]
            return "edge" if all(alike(query, mode=leg, rescore=MAX_RESCORED) for leg in legs) else "wrong"

        while some := asked[figures["queries"] : figures["queries"] + AT_A_TIME]:
            others = {query: why(query) for query, right in zip(some, pool.map(alike, some), strict=True) if not right}
            for name in others.values():
                figures[name] += 1
            figures["queries"] += len(some)
            figures["first"] = [*figures["first"], *(query for query, name in others.items() if name == "wrong")][:3]
            notes.keep("compared", figures)
    return figures


def same(found: Any, expected: Any) -> bool:
    """Whether two results are the same, but for the order of documents of one score."""
    if len(found.hits) != len(expected.hits):
        return False
    scores = [[hit.score for hit in each.hits] for each in (found, expected)]
    if not np.allclose(*scores, atol=SAME_SCORE, rtol=0):
        return False
    # What is last may be one of several with its score.
    last = min(scores[1], default=0.0) + SAME_SCORE
    ids = [{hit.document.id for hit in each.hits if hit.score > last} for each in (found, expected)]
    return ids[0] == ids[1]


def times(place: Disk, cluster: Any, one: Searcher, asked: Sequence[str]) -> Figures:
    """Milliseconds of a search, and searches a second with several clients."""
    figures = {"one index": timed(one, asked)}
    with Searcher.open(place.folder) as whole:
        figures["cluster in one process"] = timed(whole, asked)
    with remote_searcher(place, cluster.address, replicas=1, seconds=SECONDS) as remote:
        figures["replicas"] = timed(remote, asked)
        figures["replicas"]["hedged"] = sum(counts["hedged"] for counts in remote.shard_counts())
    return figures


def timed(searcher: Searcher, asked: Sequence[str]) -> Figures:
    """Of one searcher; the first queries are not counted."""
    for query in asked[:50]:
        searcher.search(query)
    took = []
    for query in asked:
        started = time.perf_counter()
        searcher.search(query)
        took.append(1000 * (time.perf_counter() - started))
    with ThreadPoolExecutor(CLIENTS) as clients:
        started = time.perf_counter()
        list(clients.map(searcher.search, asked))
        rate = len(asked) / (time.perf_counter() - started)
    p50, p99 = np.percentile(took, (50, 99))
    return {"p50_ms": round(p50, 2), "p99_ms": round(p99, 2), "per_second": round(rate, 1)}


def served(place: Disk, cluster: Any, asked: Sequence[str], rng: random.Random, notes: Notes, *, kills: int) -> Figures:
    """Search by replicas while nodes die; what they answer is compared with the same shards in one process."""
    before = notes.part("service")
    counts = counter_of({"answers": 0, "wrong": 0, "errors": 0, "retried": 0, "hedged": 0, **before})
    took, messages = [*before.get("took", [])], [*before.get("messages", [])]
    slowest = before.get("slowest_seconds", 0.0)
    with Searcher.open(place.folder) as whole:
        expected = {query: whole.search(query) for query in asked[:100]}

    def figures() -> Figures:
        return {**counts, "took": took, "slowest_seconds": round(slowest, 1), "messages": messages[:5]}

    with remote_searcher(place, cluster.address, replicas=2, seconds=SECONDS) as remote:

        def ask(number: int) -> None:
            nonlocal slowest
            query = asked[number % len(expected)]
            started = time.monotonic()
            try:
                found = remote.search(query)
            except ClusterError as error:
                counts["errors"] += 1
                messages.append(str(error))
            else:
                counts["answers"] += 1
                counts["wrong"] += not same(found, expected[query])
            slowest = max(slowest, time.monotonic() - started)

        def work(enough: Callable[[], bool]) -> None:
            with clients(ask):
                while not enough():
                    time.sleep(0.2)

        killing(
            cluster,
            rng,
            work,
            took=took,
            most=kills,
            between=(1.0, 4.0),
            after=partial(recovered, remote),
            keep=lambda: notes.keep("service", figures()),
        )
        for each in remote.shard_counts():
            counts["retried"] += int(each["retried"])
            counts["hedged"] += int(each["hedged"])
    return figures()


def recovered(remote: RemoteSearcher, killed: str) -> None:
    """Wait until every replica answers, and none is on a node that was killed: it may not have been missed yet."""
    latest = time.monotonic() + BACK_SECONDS
    while left := [
        f"shard {shard.shard} on {twin.machine[:6]}"
        for shard in remote._shards.replicas
        for twin in shard._twins
        if twin.lost or twin.machine == killed
    ]:
        if time.monotonic() > latest:
            raise AssertionError(f"Not started again after {killed[:6]} was killed: {', '.join(left)}.")
        time.sleep(0.1)


def committed(place: Disk, cluster: Any, rng: random.Random, notes: Notes, *, kills: int, documents: int) -> Figures:
    """Commit while nodes die and others search."""
    before = notes.part("commits")
    counts = counter_of({"commits": 0, "searches": 0, "mixed": 0, "errors": 0, "lost": 0, "damaged": 0, **before})
    took, messages = [*before.get("took", [])], [*before.get("messages", [])]

    def figures() -> Figures:
        return {**counts, "took": took, "messages": messages[:5]}

    with remote_searcher(place, cluster.address, replicas=2, seconds=SECONDS) as remote:

        def ask(number: int) -> None:
            try:
                hits = remote.search("目印", mode="bm25", k=2 * MARKED).hits
            except ClusterError as error:
                counts["errors"] += 1
                messages.append(str(error))
                return
            found = {hit.text.split()[1] for hit in hits if hit.text.startswith("目印 ")}
            counts["searches"] += 1
            counts["mixed"] += len(found) > 1

        def work(enough: Callable[[], bool]) -> None:
            with clients(ask), nodes_at(cluster.address) as nodes:
                while not (enough() and counts["commits"] > 1):
                    version = counts["commits"] + 1
                    rows = [{"id": f"m{n}", "text": f"目印 第{version}版 {n}"} for n in range(MARKED)]
                    add_documents(rows, place, nodes)
                    counts["commits"] = version
                    counts["lost"] += documents + MARKED - require(place).documents

        killing(
            cluster,
            rng,
            work,
            took=took,
            most=kills,
            between=(0.5, 4.0),
            after=partial(recovered, remote),
            keep=lambda: notes.keep("commits", figures()),
        )
    with Searcher.open(place.folder) as whole:
        hits = whole.search("目印", mode="bm25", k=MARKED).hits
        counts["lost"] += sum(not hit.text.startswith(f"目印 第{counts['commits']}版") for hit in hits)
        counts["lost"] += MARKED - len(hits)
    counts["damaged"] = sum(bool(verify(place.folder / shard.folder)) for shard in require(place).shards)
    return figures()


@contextmanager
def clients(ask: Callable[[int], None]) -> Iterator[None]:
    """Ask again and again in several threads."""
    ended = threading.Event()

    def work(number: int) -> None:
        while not ended.is_set():
            ask(number)
            number += 1

    with ThreadPoolExecutor(CLIENTS) as threads:
        working = [threads.submit(work, 10 * number) for number in range(CLIENTS)]
        try:
            yield
        finally:
            ended.set()
    for each in working:
        each.result()


def killing(
    cluster: Any,
    rng: random.Random,
    work: Callable[[Callable[[], bool]], None],
    *,
    took: list[float],
    most: int,
    between: tuple[float, float],
    after: Callable[[str], None] = lambda killed: None,
    keep: Callable[[], None],
) -> None:
    """Kill a node now and then, never the first one, and start another.

    Args:
        cluster: The nodes.
        rng: Chooses moments and nodes.
        work: Is done meanwhile, in a thread, for Ray starts nodes in the first one only; told whether it is enough.
        took: The seconds until all was well again, of each so far; more are added.
        most: How often in all.
        between: The least and the most seconds until the next.
        after: Waits until all is well again; given the node that was killed.
        keep: Notes what was found, after each.
    """
    ended = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(work, ended.is_set)
        try:
            while len(took) < most and not working.done():
                time.sleep(rng.uniform(*between))
                started = time.monotonic()
                node = rng.choice(sorted(cluster.worker_nodes, key=lambda one: one.node_id))
                cluster.remove_node(node, allow_graceful=False)
                started_node(cluster)
                after(node.node_id)
                took.append(round(time.monotonic() - started, 1))
                keep()
        finally:
            ended.set()
        working.result()


def started_node(cluster: Any) -> None:
    """Start a node, again where it does not come up."""
    for left in reversed(range(STARTS)):
        try:
            cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
            return
        except Exception:
            if not left:
                raise


if __name__ == "__main__":
    main()
