"""Kills a writer (SIGKILL) at random moments, again and again, and checks after each that nothing is lost or half-done.

    python tests/index/crashes.py --kills 300

One index lives through all of it: builds, additions, removals, compactions and repairs of a corpus that keeps changing.
After each kill the index is verified, every document is read back and some are searched for, and the next writer goes
on from there. What was committed before must stand; of what was under way, each file must be wholly done or not at all.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from sakuin.index import build, ingest, maintenance, store, writer
from sakuin.index.integrity import verify
from sakuin.index.snapshot import open_index
from sakuin.index.vectors import codes, segment
from sakuin.search import Searcher

FILES = 10
WORDS = ("猫", "犬が走る", "検索", "有給休暇", "東京", "quick", "brown fox", "vector", "索引を作る", "文書")

Contents = dict[str, dict[str, str]]
"""Texts of documents by uri, by the file they are from."""


@click.command()
@click.option("--kills", default=300, show_default=True, help="How often to kill.")
@click.option("--seed", default=0, show_default=True, help="Of the changes and the moments.")
def main(kills: int, seed: int) -> None:
    """Kill writers and print what became of the index."""
    with tempfile.TemporaryDirectory() as folder:
        counts = torment(Path(folder), kills, seed)
    for name, number in sorted(counts.items()):
        print(f"{name:44}{number:6,}")


def torment(folder: Path, kills: int, seed: int = 0) -> Counter[str]:
    """Kill writers; raises AssertionError at the first thing that is wrong.

    Returns:
        How often each work was killed and what was then committed, or came to its end first.
    """
    # A small index must go through all that a large one does: several commits a build, codes, worker processes.
    # But no file may be so large that it is committed in parts.
    ingest.COMMIT_PASSAGES, writer.BATCH, segment.CODED_FROM, codes.TRAINED_ON = 400, 200, 640, 640
    rng = random.Random(seed)
    corpus, index = folder / "corpus", folder / "index"
    corpus.mkdir()
    for number in range(FILES):
        change(corpus / f"{number}.jsonl", rng)
    generation, now = finished(build.build, corpus, index)
    counts: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    killed = 0
    while killed < kills:
        name = rng.choice(("build", "build", "add", "add", "remove", "compact", "repair"))
        work, target = prepared(name, corpus, index, now, rng)
        started = time.perf_counter()
        # By turns at a random moment and at a random one of the writer's dealings with files, which matter most. The
        # first of each kind may end: then it is known how long one takes.
        if name not in seconds or rng.random() < 0.5:
            ended = run(work, index, seconds=rng.uniform(0.3, 1.2) * seconds.get(name, 1000))
        else:
            ended = run(work, index, operation=rng.randint(1, 70))
        if ended:
            seconds[name] = time.perf_counter() - started
        before, committed = now, generation
        generation, now = finished(look, index)
        for file in before.keys() | target.keys() | now.keys():
            allowed = [target.get(file)] if ended else [before.get(file), target.get(file)]
            assert now.get(file) in allowed, f"{name}, after {killed} kills: {file} is half-done"
        what = (
            "came to its end" if ended else "killed " + ("before" if generation == committed else "after") + " a commit"
        )
        counts[f"{name} {what}"] += 1
        killed += not ended
        if rng.random() < 0.2:
            generation, now = finished(build.build, corpus, index)
            assert now == on_disk(corpus), f"after {killed} kills: a build that came to its end is not complete"
            assert not strays(index), f"after {killed} kills: {strays(index)}"
    return counts


def strays(index: Path) -> list[Path]:
    """Files of vectors and terms that the manifest does not name: what killed writers left, and nobody swept away."""
    with closing(store.connect(index, read_only=True)) as connection:
        manifest = store.read_manifest(connection, index)
    # Terms lie in a folder that is another with each commit.
    terms = f"terms/{manifest.generation:08d}/"
    named = {index / name.replace("terms/", terms, 1) for name in manifest.sizes}
    written = [path for kind in ("vectors", "terms") for path in (index / kind).rglob("*") if path.is_file()]
    return [path for path in written if path not in named and path.suffix != ".lock"]


def change(path: Path, rng: random.Random) -> None:
    """Write a file of documents anew: half of the old ones and some others."""
    old = list(texts_of(path).values())
    texts = rng.sample(old, len(old) // 2)
    texts += [f"{'と'.join(rng.choices(WORDS, k=6))}、{rng.getrandbits(40)}" for _ in range(rng.randint(20, 150))]
    path.write_text("\n".join(json.dumps({"id": i, "text": text}) for i, text in enumerate(texts)), encoding="utf-8")


def texts_of(path: Path) -> dict[str, str]:
    """The documents of a file, by uri."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {f"{path.name}#{row['id']}": row["text"] for row in map(json.loads, lines)}


def on_disk(corpus: Path) -> Contents:
    """What an index of the corpus should hold."""
    return {path.name: texts_of(path) for path in sorted(corpus.iterdir())}


def prepared(
    name: str, corpus: Path, index: Path, now: Contents, rng: random.Random
) -> tuple[Callable[[], object], Contents]:
    """Some work, and what the index should hold when it is done."""
    if name in ("compact", "repair"):
        function = maintenance.compact if name == "compact" else maintenance.repair
        return lambda: function(index), now
    if name == "remove":
        chosen = rng.sample(sorted(now), min(3, len(now)))
        for file in chosen:
            (corpus / file).unlink(missing_ok=True)
        return lambda: build.remove(chosen, index), {file: texts for file, texts in now.items() if file not in chosen}
    paths = [corpus / f"{number}.jsonl" for number in rng.sample(range(FILES), rng.randint(1, 6))]
    for path in paths:
        change(path, rng)
    if name == "add":
        return lambda: build.add(paths, index), now | {path.name: texts_of(path) for path in paths}
    return lambda: build.build(corpus, index), on_disk(corpus)


def run(work: Callable[[], object], index: Path, seconds: float = 1000, operation: int | None = None) -> bool:
    """Do work in a process that is killed; whether it came to its end before.

    Args:
        work: What to do.
        index: The folder of the index.
        seconds: When to kill.
        operation: Kill before the so-manieth opening, making, linking, or removing of a file of the index.
    """
    child = os.fork()
    if not child:
        try:
            if operation:
                sys.addaudithook(killer(index, operation))
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    deadline = time.monotonic() + seconds
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert status in (0, signal.SIGKILL), "a writer failed; its reason stands above"
            return status == 0
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.001)


def killer(index: Path, operation: int) -> Callable[[str, tuple[object, ...]], None]:
    """An audit hook that kills its own process."""
    left = operation

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in ("open", "os.remove", "os.link", "os.mkdir", "os.rmdir", "shutil.rmtree", "shutil.copyfile"):
            left -= any(str(argument).startswith(str(index)) for argument in arguments)
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def finished(function: Callable[..., object], *arguments: Any) -> tuple[int, Contents]:
    """The last commit's number, and what an index holds, after work that is not disturbed.

    All work is done in forks: this process must have no threads of FAISS, torch and tantivy when it forks.
    """
    reader, to = os.pipe()

    def work() -> None:
        result = function(*arguments)
        answer = json.dumps(result if function is look else look(arguments[-1]))
        with os.fdopen(to, "w") as file:
            file.write(answer)

    child = os.fork()
    if not child:
        os.close(reader)
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(to)
    with os.fdopen(reader) as file:
        answer = file.read()
    assert os.waitpid(child, 0)[1] == 0, "the index is not as it should be; the reason stands above"
    generation, contents = json.loads(answer)
    return generation, contents


def look(index: Path) -> tuple[int, Contents]:
    """The same of an index as it stands; verifies it, and searches for some of what it holds."""
    problems = verify(index)
    assert not problems, problems
    with closing(store.connect(index, read_only=True)) as connection:
        generation = store.read_manifest(connection, index).generation
        contents: Contents = {}
        for file in store.read_files(connection):
            rows = connection.execute("SELECT uri, text FROM documents WHERE file = ?", (file,))
            contents[file] = dict(rows.fetchall())
    texts = {text for file in contents.values() for text in file.values()}
    with closing(open_index(index)) as snapshot:
        assert len(snapshot.vectors) == len(texts)
    with Searcher.open(index) as searcher:
        for text in random.sample(sorted(texts), min(5, len(texts))):
            for mode in ("bm25", "dense", "hybrid"):
                found = searcher.search(text, k=3, mode=mode).hits
                assert text in [hit.text for hit in found], f"{mode} search does not find {text!r}"
    return generation, contents


if __name__ == "__main__":
    main()
