"""Ends those who change a cluster inside their calls to the system, and looks at what is left.

    python -m tests.cluster.cluster_kills --kills 100

As `tests/index/kills.py` does with an index, whose shim it uses: after each kill, torn write, power cut and full disk a
cluster holds what it held before, or what it holds after the work, in whole shards; and the same command does the rest.
"""

import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.index.kills import GOES_ON, Prepared, State, Subject, command_of, described, ended_well, run, whole

SHARDS = 3
OWN = """
    from sakuin.cluster import building, changing, moving, rebalancing
    from sakuin.cluster.nodes import ThisProcess
    from sakuin.cluster.places import Disk
    from sakuin.cluster.tasks import Corpus
    place, files, here = Disk(work / 'papers'), Disk(work / 'files'), ThisProcess()
    """
WORKS = {
    "build": f"building.build_of_rows(str(corpus / 'rows.jsonl'), place, here, shards={SHARDS})",
    "add": "changing.add_rows(str(corpus / 'new.jsonl'), place, here)",
    "delete": "changing.delete([f'd{i}' for i in range(12)], place, here)",
    "compact": "changing.compact(place, here)",
    "rebalance": f"rebalancing.rebalance(place, here, shards={SHARDS + 2})",
    "sync": "changing.sync_files(Corpus(folder=str(corpus / 'files')), files, here)",
    "backup": "moving.backup(place, Disk(work / 'copy'), here)",
    "restore": "moving.restore(Disk(corpus.parent / 'older'), place, here)",
}


def made(folder: Path) -> tuple[Path, Path]:
    """A folder with a cluster of rows and one of files, a copy of an older state, and what has changed since."""
    corpus, start = folder / "corpus", folder / "start"
    (corpus / "files").mkdir(parents=True)
    start.mkdir()
    rows = [{"id": f"d{i}", "title": f"題{i}", "text": f"{i}番目の文書です。", "year": 2001 + i % 3} for i in range(60)]
    write(corpus / "rows.jsonl", rows)
    changed = [{**row, "text": "変わりました。"} for row in rows[::3]]
    write(corpus / "new.jsonl", [*changed, {"id": "new", "text": "新しい文書です。"}])
    for i in range(9):
        (corpus / "files" / f"{i}.md").write_text(f"# 題{i}\n\n{i}番目のファイルです。", encoding="utf-8")
    build_files = f"building.build_of_files(Corpus(folder=str(corpus / 'files')), files, here, shards={SHARDS})"
    run(f"{OWN}{WORKS['build']}; {build_files}", folder, start, corpus)
    shutil.copytree(start / "papers", folder / "older")
    run(f"{OWN}changing.add_documents({{'id': 'since', 'text': '後から。'}}, place, here)", folder, start, corpus)
    (corpus / "files" / "0.md").write_text("# 変わった\n\n変わったファイルです。", encoding="utf-8")
    (corpus / "files" / "1.md").unlink()
    (corpus / "files" / "9.md").write_text("# 増えた\n\n増えたファイルです。", encoding="utf-8")
    return start, corpus


def write(path: Path, rows: list[dict[str, object]]) -> None:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def begun(name: str, own: Path) -> None:
    """What a work starts from."""
    if name == "build":
        shutil.rmtree(own / "papers")


def held(work: Path) -> State:
    """What the clusters in a folder hold: their numbers of shards, and by shard all that is known of documents."""
    rows: list[tuple[object, ...]] = []
    for cluster in ("papers", "files"):
        rows += [(cluster, *row) for row in held_by(work / cluster)]
    return rows


def held_by(cluster: Path) -> list[tuple[object, ...]]:
    """The same of one; nothing where there is none."""
    if not (cluster / "cluster.json").exists():
        return []
    shards = json.loads((cluster / "cluster.json").read_text(encoding="utf-8"))["shards"]
    rows: list[tuple[object, ...]] = [("shards", len(shards))]
    for number, shard in enumerate(shards):
        uri = f"file:{cluster}/{shard['folder']}/documents.db?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            found = connection.execute(
                "SELECT d.id, file, uri, title, metadata, headings, text, passage_id, start, end, heading, position "
                "FROM documents d JOIN passages p ON document = number ORDER BY d.id, start"
            ).fetchall()
        assert len({row[0] for row in found}) == shard["documents"], "cluster.json counts other documents"
        rows += [(number, *row) for row in found]
    return rows


def perform(name: str, folder: Path, work: Path, corpus: Path, shim: dict[str, str]) -> bool:
    """Do a work; whether it came to its end; AssertionError where no sentence says why not."""
    return ended_well(run(OWN + WORKS[name], folder, work, corpus, **shim), shim)


def looked(folder: Path, one: Prepared, work: Path, *, ended: bool, rng: random.Random) -> str:
    """Whether clusters are as they were before a work, or as after it, and the same command does the rest."""
    wrong = looked_at(one, work, [one.after] if ended else [one.before, one.after])
    if ended and one.name == "backup" and not (work / "copy" / "cluster.json").exists():
        wrong = "miss: no copy"
    if wrong or rng.random() >= GOES_ON:
        return wrong or "ok"
    # The copy is there already, or the cluster.
    again = {"backup": work / "copy" / "cluster.json", "build": work / "papers" / "cluster.json"}.get(one.name)
    if not (again and again.exists()):
        run(OWN + WORKS[one.name], folder, work, one.corpus)
    left = [path for name in ("building/*", "work/*") for path in (work / "papers").glob(name)]
    if left and not again:
        return f"miss: {left} are left by the next command"
    return looked_at(one, work, [one.after]) or "ok"


def looked_at(one: Prepared, work: Path, allowed: list[State]) -> str:
    """What is wrong with what is left; nothing where it is as it should be."""
    state = held(work)
    if state not in allowed:
        return f"miss: {described(state, one)}"
    clusters = [path.parent for path in work.glob("*/cluster.json")]
    for cluster in clusters:
        if cluster.name == "copy" and held_by(cluster) != held_by(work / "papers"):
            return "miss: the copy is another"
        for shard in json.loads((cluster / "cluster.json").read_text(encoding="utf-8"))["shards"]:
            if problems := whole(cluster / shard["folder"]):
                return f"miss: verify says {problems[0]}"
        from sakuin import Searcher

        with Searcher.open(cluster) as searcher:
            if not searcher.search("番目の文書です").hits:
                return "miss: nothing is found"
    return ""


CLUSTER = Subject(list(WORKS), made, begun, held, perform, looked)

if __name__ == "__main__":
    command_of(CLUSTER)()
