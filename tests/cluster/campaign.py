"""Kills nodes of a Ray cluster at random moments of build, service and commit: nothing may be lost or wrong.

    python -m tests.cluster.campaign --passages 300000 --kills 20

Three nodes run on this machine. Passages are built into shards, and into one index to compare with; both are searched,
and timed; then replicas are searched by several clients and changed by writers. Meanwhile nodes are killed (SIGKILL,
with all their processes) and others started. Every answer is compared with that of the one index, and no search may
ever see documents of two commits.
"""

import json
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
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
from sakuin.cluster.manifest import require
from sakuin.cluster.nodes import nodes_at
from sakuin.cluster.places import Disk
from sakuin.cluster.serving import RemoteSearcher, remote_searcher
from sakuin.index.integrity import verify
from sakuin.index.settings import Settings
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
STARTS = 5
"""A node of a busy machine may not come up in the time that Ray gives it."""

Figures = dict[str, Any]


@click.command()
@click.option("--passages", default=20_000, show_default=True)
@click.option("--shards", default=6, show_default=True)
@click.option("--queries", default=1_000, show_default=True)
@click.option("--kills", default=20, show_default=True, help="In all: of builds, service and commits a third each.")
@click.option("--seed", default=0, show_default=True, help="Of the moments and the nodes.")
def main(**asked: int) -> None:
    """Run all of it and print what it found."""
    with tempfile.TemporaryDirectory() as folder:
        campaign(Path(folder), Settings(), **asked)


def campaign(
    folder: Path, settings: Settings, *, passages: int, shards: int, queries: int, kills: int, seed: int
) -> Figures:
    """Run all of it; prints what each part found.

    Args:
        folder: To work in.
        settings: Of the cluster and of the one index.
        passages: How many there are.
        shards: Of the cluster.
        queries: How many different ones are asked.
        kills: How often a node is killed.
        seed: Of the moments and the nodes.
    """
    rng = random.Random(seed)
    texts = distinct_passages(passages, None)
    rows = [{"id": f"d{number}", "text": text} for number, text in enumerate(texts)]
    asked = [question.text for question in questions_of(texts, queries)]
    (folder / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    with Index.open(folder / "one", model=settings.model, dim=settings.dim) as index:
        index.add(sorted(rows, key=lambda row: home(row["id"], shards)))
    place = Disk(folder / "cluster")
    figures: Figures = {}
    third = -(-kills // 3)
    with ray_cluster(3) as cluster, Searcher.open(folder / "one") as one:
        for name, work in (
            ("build", partial(built, folder, place, cluster, rng, shards=shards, kills=third, settings=settings)),
            ("compared", partial(compared, place, one, asked)),
            ("times", partial(times, place, cluster, one, asked[:TIMED])),
            ("service", partial(served, place, cluster, one, asked, rng, kills=third)),
            ("commits", partial(committed, place, cluster, rng, kills=kills - 2 * third, documents=passages)),
        ):
            figures[name] = work()
            print(f"{name}: {json.dumps(figures[name], ensure_ascii=False)}", flush=True)
    return figures


def built(
    folder: Path, place: Disk, cluster: Any, rng: random.Random, *, shards: int, kills: int, settings: Settings
) -> Figures:
    """Build, again and again until so many nodes were killed meanwhile; the last one is kept."""
    seconds: list[float] = []
    counts = Counter(lost=0, damaged=0)
    rows = sum(1 for _ in (folder / "rows.jsonl").open("rb"))

    def work(enough: Callable[[], bool]) -> None:
        with nodes_at(cluster.address) as nodes:
            while True:
                made = build_of_rows(
                    str(folder / "rows.jsonl"), place, nodes, shards=shards, settings=settings, part_bytes=PART_BYTES
                )
                seconds.append(round(made.seconds, 1))
                counts["lost"] += rows - made.manifest.documents
                counts["damaged"] += sum(bool(verify(place.folder / one.folder)) for one in made.manifest.shards)
                if enough():
                    return
                shutil.rmtree(place.folder)

    took = killing(cluster, rng, work, most=kills, between=(0.5, 4.0))
    return {"kills": len(took), "builds": len(seconds), "seconds": seconds, **counts}


def compared(place: Disk, one: Searcher, asked: Sequence[str]) -> Figures:
    """How many queries the cluster answers otherwise than one index."""
    with Searcher.open(place.folder) as whole:
        wrong = [query for query in asked if not same(whole.search(query), one.search(query))]
    return {"queries": len(asked), "wrong": len(wrong), "first": wrong[:3]}


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


def served(
    place: Disk, cluster: Any, one: Searcher, asked: Sequence[str], rng: random.Random, *, kills: int
) -> Figures:
    """Search by replicas while nodes die."""
    counts: Counter[str] = Counter()
    expected = {query: one.search(query) for query in asked[:100]}
    with remote_searcher(place, cluster.address, replicas=2, seconds=SECONDS) as remote:

        def ask(number: int) -> None:
            query = asked[number % len(expected)]
            try:
                found = remote.search(query)
            except ClusterError as error:
                counts["errors"] += 1
                counts[str(error)] += 1
            else:
                counts["answers"] += 1
                counts["wrong"] += not same(found, expected[query])

        def work(enough: Callable[[], bool]) -> None:
            with clients(ask):
                while not enough():
                    time.sleep(0.2)

        took = killing(cluster, rng, work, most=kills, between=(1.0, 4.0), after=partial(recovered, remote))
        told = Counter[str]()
        for each in remote.shard_counts():
            told.update(each)
    figures = {"kills": len(took), "recovery_seconds": [round(one, 1) for one in took]}
    return {**figures, "wrong": 0, "errors": 0, **counts, "retried": told["retried"], "hedged": told["hedged"]}


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


def committed(place: Disk, cluster: Any, rng: random.Random, *, kills: int, documents: int) -> Figures:
    """Commit while nodes die and others search."""
    counts: Counter[str] = Counter()
    version = 0
    with remote_searcher(place, cluster.address, replicas=2, seconds=SECONDS) as remote:

        def ask(number: int) -> None:
            try:
                hits = remote.search("目印", mode="bm25", k=2 * MARKED).hits
            except ClusterError:
                counts["errors"] += 1
                return
            found = {hit.text.split()[1] for hit in hits if hit.text.startswith("目印 ")}
            counts["searches"] += 1
            counts["mixed"] += len(found) > 1

        def work(enough: Callable[[], bool]) -> None:
            nonlocal version
            with clients(ask), nodes_at(cluster.address) as nodes:
                while not (enough() and version > 1):
                    version += 1
                    rows = [{"id": f"m{n}", "text": f"目印 第{version}版 {n}"} for n in range(MARKED)]
                    add_documents(rows, place, nodes)
                    counts["lost"] += documents + MARKED - require(place).documents

        took = killing(cluster, rng, work, most=kills, between=(0.5, 4.0), after=partial(recovered, remote))
    with Searcher.open(place.folder) as whole:
        hits = whole.search("目印", mode="bm25", k=MARKED).hits
        counts["lost"] += sum(not hit.text.startswith(f"目印 第{version}版") for hit in hits)
    damaged = sum(bool(verify(place.folder / shard.folder)) for shard in require(place).shards)
    return {"kills": len(took), "commits": version, "mixed": 0, "errors": 0, **counts, "damaged": damaged}


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
    most: int,
    between: tuple[float, float],
    after: Callable[[str], None] = lambda killed: None,
) -> list[float]:
    """Kill a node now and then, never the first one, and start another; returns the seconds that each took.

    Args:
        cluster: The nodes.
        rng: Chooses moments and nodes.
        work: Is done meanwhile, in a thread, for Ray starts nodes in the first one only; told whether it is enough.
        most: How often.
        between: The least and the most seconds until the next.
        after: Waits until all is well again; given the node that was killed.
    """
    took: list[float] = []
    ended = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(work, ended.is_set)
        try:
            while len(took) < most and not working.done():
                time.sleep(rng.uniform(*between))
                started = time.monotonic()
                node = rng.choice(list(cluster.worker_nodes))
                cluster.remove_node(node, allow_graceful=False)
                started_node(cluster)
                after(node.node_id)
                took.append(time.monotonic() - started)
        finally:
            ended.set()
        working.result()
    return took


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
