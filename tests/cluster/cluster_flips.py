"""Flips one bit of a cluster's files, again and again, and asks whether anybody would be told a falsehood.

    python -m tests.cluster.cluster_flips --flips 400

As `tests/index/flips.py` does with an index: after each flip, in cluster.json or anywhere in a shard, what reads the
cluster must answer as before, or with an error that says what to do; and what changes it must fail, or leave what it
would have left of a cluster without a flip.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.index import flips
from tests.index.flips import Flip, Places, Subject, command_of, contents, difference, places_of, put

SHARDS = 3
CHANGING_SHARE = 0.3
"""Of the flips after which one of the changes is tried."""


def make(folder: Path) -> None:
    """A cluster, and rows that are added to it."""
    from sakuin.cluster.building import build_of_rows
    from sakuin.cluster.changing import delete
    from sakuin.cluster.nodes import ThisProcess
    from sakuin.cluster.places import Disk

    rows: list[dict[str, object]] = [
        {"id": f"d{i}", "title": f"題{i}", "text": f"{i}番目の文書です。", "year": 2001 + i % 3} for i in range(150)
    ]
    rows += [{"id": f"long{i}", "text": f"第{i}章の文です。" * 300} for i in range(9)]
    corpus, place = folder / "rows.jsonl", Disk(folder / "papers")
    corpus.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    build_of_rows(str(corpus), place, ThisProcess(), shards=SHARDS)
    delete([f"d{i}" for i in range(9)], place, ThisProcess())
    named = {shard["folder"] for shard in json.loads(place.read("cluster.json") or b"")["shards"]}
    for path in (place.folder / "shards").glob("*/*"):
        if path.relative_to(place.folder).as_posix() not in named:
            shutil.rmtree(path)


def places(folder: Path) -> Places:
    """Where a bit may be flipped of the cluster in a folder."""
    cluster = folder / "papers"
    found: dict[str, list[tuple[str, int, int]]] = {}
    for shard in sorted((cluster / "shards").glob("*/*")):
        for path in shard.glob("documents.db-*"):
            path.unlink()
        for kind, some in places_of(shard).items():
            base = shard.relative_to(cluster).as_posix()
            found.setdefault(kind, []).extend((f"{base}/{name}", start, length) for name, start, length in some)
    found["file cluster.json"] = [("cluster.json", 0, (cluster / "cluster.json").stat().st_size)]
    return found


def serve(folder: Path) -> Callable[[Flip], tuple[str, str, str]]:
    """Learn what is true; returns `outcome` of one flip."""
    truth = {name: ask(copied(folder)) for name, ask in ASKED.items()}
    before = set(documents_of(copied(folder)))
    for name, change in CHANGES.items():
        truth[name] = changed(change, copied(folder), before, before)
    return partial(outcome, folder, truth)


def outcome(folder: Path, truth: dict[str, Any], flip: Flip) -> tuple[str, str, str]:
    """What comes of one flip: a word for it, which question it showed in, and details."""
    chance = random.Random(repr(flip))
    questions: dict[str, Callable[[Path], Any]] = dict(ASKED)
    if chance.random() < CHANGING_SHARE:
        name = chance.choice(sorted(CHANGES))
        own = set(documents_of(copied(folder, flip)))
        before = set(documents_of(folder / "papers"))
        as_told = truth[name]
        questions[name] = lambda cluster: changed(CHANGES[name], cluster, own, before, as_told)
    told = False
    for name, question in questions.items():
        what, answer = put(question, copied(folder, flip))
        if what == "traceback":
            return what, name, answer
        told = told or what == "told"
        if what == "answered" and answer != truth[name]:
            return "miss", name, difference(truth[name], answer)
    return ("told" if told else "no matter"), "", ""


def copied(folder: Path, flip: Flip | None = None) -> Path:
    """A copy of the cluster in a folder, with one bit flipped; alone, without what was made of the one before it."""
    shutil.rmtree(folder / "asked", ignore_errors=True)
    return flips.copied(folder / "papers", folder / "asked" / "papers", flip)


def asked_manifest(cluster: Path) -> Any:
    from sakuin.cluster.manifest import require
    from sakuin.cluster.places import Disk

    return repr(require(Disk(cluster)))


def asked_searches(cluster: Path) -> Any:
    from sakuin import Searcher

    answers: dict[str, Any] = {}
    with Searcher.open(cluster) as searcher:
        for mode in ("hybrid", "bm25", "dense"):
            found = searcher.search("5番目の文書", k=20, mode=mode, explain=mode == "bm25").to_dict()
            answers[mode] = {key: value for key, value in found.items() if key != "seconds"}
        answers["where"] = [hit.to_dict() for hit in searcher.search("文書", k=300, where={"year": 2002}).hits]
        answers["grouped"] = [hit.to_dict() for hit in searcher.search("第3章の文", group="document").hits]
        answers["facets"] = [facet.to_dict() for facet in searcher.facets()]
        answers["counts"] = searcher.counts()
        answers["documents"] = [searcher.document(name).to_dict() for name in ("d20", "long3", "d33", "d77")]
        answers["read"] = [searcher.read(hit).to_dict() for hit in searcher.search("5番目の文書", k=3).hits]
    return answers


ASKED: dict[str, Callable[[Path], Any]] = {"manifest": asked_manifest, "searches": asked_searches}


def adding(cluster: Path) -> Path:
    from sakuin.cluster.changing import add_documents
    from sakuin.cluster.nodes import ThisProcess
    from sakuin.cluster.places import Disk

    add_documents([{"id": f"d{i}", "text": "変わりました。"} for i in range(20, 26)], Disk(cluster), ThisProcess())
    return cluster


def deleting(cluster: Path) -> Path:
    from sakuin.cluster.changing import delete
    from sakuin.cluster.nodes import ThisProcess
    from sakuin.cluster.places import Disk

    delete([f"d{i}" for i in range(20, 26)], Disk(cluster), ThisProcess())
    return cluster


def compacting(cluster: Path) -> Path:
    from sakuin.cluster.changing import compact
    from sakuin.cluster.nodes import ThisProcess
    from sakuin.cluster.places import Disk

    compact(Disk(cluster), ThisProcess())
    return cluster


def rebalancing(cluster: Path) -> Path:
    from sakuin.cluster.nodes import ThisProcess
    from sakuin.cluster.places import Disk
    from sakuin.cluster.rebalancing import rebalance

    rebalance(Disk(cluster), ThisProcess(), shards=SHARDS + 1)
    return cluster


def backing_up(cluster: Path) -> Path:
    from sakuin.cluster.moving import backup
    from sakuin.cluster.nodes import ThisProcess
    from sakuin.cluster.places import Disk

    backup(Disk(cluster), Disk(cluster.with_name("copy")), ThisProcess())
    return cluster.with_name("copy")


def restoring(cluster: Path) -> Path:
    from sakuin.cluster.moving import restore
    from sakuin.cluster.nodes import ThisProcess
    from sakuin.cluster.places import Disk

    restore(Disk(cluster), Disk(cluster.with_name("other")), ThisProcess())
    return cluster.with_name("other")


CHANGES: dict[str, Callable[[Path], Path]] = {
    "add": adding,
    "delete": deleting,
    "compact": compacting,
    "rebalance": rebalancing,
    "backup": backing_up,
    "restore": restoring,
}
"""Each changes a cluster, or makes another of it; returns that one."""


UNREADABLE = "a shard that cannot be read"
"""Of which nothing can be said before or after a change."""

KEEPING = frozenset({"add", "delete", "compact"})
"""Those that go on with a shard as it is: what is damaged of it, and under a checksum, stays so until it is read."""


def changed(change: Callable[[Path], Path], cluster: Path, own: set[str], whole: set[str], wanted: Any = None) -> Any:
    """What a cluster holds after a change, by our own reading.

    Args:
        change: To be done.
        cluster: Damaged, where something is wanted.
        own: What it held.
        whole: What it holds without damage.
        wanted: What the same change makes of that.

    Returns:
        ``wanted`` where what there is differs from it only by what was damaged before, and stayed.
    """
    after = set(documents_of(change(cluster)))
    if wanted is not None and UNREADABLE in own & after:
        return wanted
    if wanted is not None and change in [CHANGES[name] for name in KEEPING]:
        wished = set(wanted)
        after = (after - (own - whole)) | ((whole - own) & wished)
    return sorted(after)


def documents_of(cluster: Path) -> Iterator[str]:
    """Documents and their places, without what a commit renumbers."""
    try:
        shards = json.loads((cluster / "cluster.json").read_text(encoding="utf-8"))["shards"]
        folders = [cluster / shard["folder"] for shard in shards]
    except (ValueError, KeyError):
        return
    for folder in folders:
        found = contents(folder) if folder.is_dir() else None
        yield from (row for table in found for row in table) if found else [UNREADABLE]


CLUSTER = Subject("tests.cluster.cluster_flips", make, places, serve)

if __name__ == "__main__":
    command_of(CLUSTER)()
