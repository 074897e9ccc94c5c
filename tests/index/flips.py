"""Flips one bit of an index's files, again and again, and asks whether anybody would be told a falsehood.

    python tests/index/flips.py --flips 5000
    python tests/index/flips.py --flips 40 --seed fresh

After each flip everything that reads or writes is asked: `verify`, each kind of search, filters, facets, lists, single
documents, a build, and `repair`. Each must answer as before, or with an error that says what to do. A miss is an answer
that is not as it was; a traceback is any error that is not one of ours; a death, one that takes the process along.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import click

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

PAGE = 4096
TOLD_EVERY = 100
DOCUMENTS = 640
QUERY = "題5 5番目の文書 number 25"

PAGE_KINDS = {2: "interior index", 5: "interior table", 10: "leaf index", 13: "leaf table"}
DERIVED = (".ids.npy", ".int8.npy", ".codes.faiss", ".idx", ".term", ".store", ".fast", ".json")
DERIVED_SHARE = 0.15
WRITING_SHARE = 0.3
"""Of the flips after which an index is written to, and of those after which it is repaired."""


Places = Mapping[str, Sequence[tuple[str, int, int]]]
"""Where a bit may be flipped, as (file, first byte, number of bytes), by kind of bytes."""

Flip = tuple[str, int, int]
"""A file, a byte of it, and a bit of that."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is attacked.

    Attributes:
        module: Where it is, which is also run to answer flips.
        make: Makes it in a folder; in a process of its own, for nothing but files is to be left of its making.
        places: Where a bit may be flipped in that folder.
        serve: Readies a process to answer flips in that folder; returns what says what comes of one.
    """

    module: str
    make: Callable[[Path], None]
    places: Callable[[Path], Places]
    serve: Callable[[Path], Callable[[Flip], tuple[str, str, str]]]


def command_of(subject: Subject) -> click.Command:
    """The command that attacks something."""

    @click.command()
    @click.option("--flips", default=300, show_default=True, help="How many bits to flip, one at a time.")
    @click.option("--seed", default="0", show_default=True, help="Of the places; `fresh` for another each time.")
    @click.option("--worker", type=click.Path(path_type=Path), hidden=True)
    def main(flips: int, seed: str, worker: Path | None) -> None:
        """Flip bits and print what came of it; exit code 1 if anybody was told a falsehood."""
        if worker:
            answer_flips(subject, worker)
        else:
            campaign(subject, flips, seed)

    return main


def campaign(subject: Subject, flips: int, seed: str) -> None:
    """What the commands do, see `command_of`."""
    chosen = random.SystemRandom().randrange(10**9) if seed == "fresh" else int(seed)
    print(f"seed {chosen}", flush=True)
    # A campaign in the background is ended so.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        folder = Path(name)
        making = f"from pathlib import Path; from {subject.module} import make; make(Path({name!r}))"
        subprocess.run([sys.executable, "-c", making], check=True, cwd=ROOT)
        # Interrupted, it tells of what was done.
        with suppress(KeyboardInterrupt):
            strike(subject, folder, counts, flips=flips, rng=random.Random(chosen))
    tell(counts)


def tell(outcomes: Counter[tuple[str, str]]) -> None:
    """Print what came of flips, and end with 1 if anybody was told a falsehood."""
    failed = 0
    print(f"{'bytes of':20}{'flips':>7}{'told':>7}{'no matter':>11}{'misses':>8}{'tracebacks':>12}{'deaths':>8}")
    for kind in sorted({kind for kind, _ in outcomes}):
        counts = [outcomes[kind, what] for what in ("told", "no matter", "miss", "traceback", "death")]
        failed += sum(counts[2:])
        print(f"{kind:20}{sum(counts):7,}{counts[0]:7,}{counts[1]:11,}{counts[2]:8,}{counts[3]:12,}{counts[4]:8,}")
    sys.exit(1 if failed else 0)


def places(folder: Path) -> Places:
    """Where a bit may be flipped of the index in a folder."""
    # Pages of which a newer version stands in the log are not read: all others are flipped where there is none.
    found = {kind: list(some) for kind, some in places_of(folder / "plain").items()}
    return found | {kind: list(some) for kind, some in places_of(folder / "index").items() if kind.startswith("log")}


def strike(subject: Subject, folder: Path, counts: Counter[tuple[str, str]], *, flips: int, rng: random.Random) -> None:
    """Flip bits, and count what came of each."""
    places = subject.places(folder)
    worker: subprocess.Popen[str] | None = None
    for number in range(flips):
        derived = rng.random() < DERIVED_SHARE
        kind = rng.choice(sorted(kind for kind in places if kind.startswith("file ") == derived))
        name, start, length = rng.choice(places[kind])
        offset, bit = start + rng.randrange(length), rng.randrange(8)
        worker = worker or started(subject, folder)
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps([name, offset, bit]) + "\n")
        worker.stdin.flush()
        answer = worker.stdout.readline()
        told = json.loads(answer) if answer else ["death", "", f"exit code {worker.wait()}"]
        if not answer:
            worker = None
        what, where, detail = told
        counts[kind, what] += 1
        if what not in ("told", "no matter"):
            print(f"{number}: {kind}, bit {bit} of byte {offset} of {name}: {what} in {where}: {detail}", flush=True)
        if number % TOLD_EVERY == TOLD_EVERY - 1:
            print(f"{number + 1:,} flips", flush=True)
    if worker:
        worker.communicate()


def started(subject: Subject, folder: Path) -> "subprocess.Popen[str]":
    """A process that answers flips: one that dies of a flip takes only itself along."""
    command = [sys.executable, "-m", subject.module, "--worker", str(folder)]
    # Threads that wait for each other in turns take most of the time on a machine that has other work.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def answer_flips(subject: Subject, folder: Path) -> None:
    """Answer flips on stdin, a line each, with what came of them."""
    outcome = subject.serve(folder)
    for line in sys.stdin:
        name, offset, bit = json.loads(line)
        print(json.dumps(outcome((name, offset, bit))), flush=True)


def put(question: Callable[[Path], Any], damaged: Path) -> tuple[str, Any]:
    """What comes of a question: "answered" and that, "told" where an error of ours says why not, else "traceback"."""
    from sakuin.errors import SakuinError

    try:
        return "answered", question(damaged)
    except (SakuinError, click.ClickException) as error:
        return ("told", None) if str(error) else ("traceback", "an error without a word")
    except BaseException as error:
        return "traceback", "".join(traceback.format_exception(error)[-3:])


def places_of(index: Path) -> dict[str, Iterator[tuple[str, int, int]]]:
    """Where a bit may be flipped of an index, see `Places`."""
    places: dict[str, Any] = {}
    database = (index / "documents.db").read_bytes()
    with closing(sqlite3.connect(f"file:{index}/documents.db?immutable=1", uri=True)) as connection:
        of_schema = {row[0] for row in connection.execute("SELECT pageno FROM dbstat WHERE name = 'sqlite_schema'")}
        owners = dict(connection.execute("SELECT pageno, name FROM dbstat"))
    free = set(free_pages(database))
    places["header"] = [("documents.db", 0, 100)]
    for number in range(1, len(database) // PAGE + 1):
        start = (number - 1) * PAGE + (100 if number == 1 else 0)
        page = database[start : number * PAGE]
        kind = PAGE_KINDS.get(page[0], "overflow")
        if number in of_schema:
            kind = "schema"
        elif number in free or number not in owners:
            kind = "free"
        elif kind == "leaf table":
            kind = f"rows {owners[number]}"
        # Cells are written from the end of a page; before them nothing is, often for most of it.
        unused = int.from_bytes(page[5:7], "big") - (PAGE - len(page)) if page[0] in PAGE_KINDS else 0
        whole = [("documents.db", start + unused, len(page) - unused)]
        if kind.split()[0] in ("rows", "leaf", "interior", "schema"):
            # Most of the bytes of a page are cells; its head and pointers say more.
            cells = int.from_bytes(page[3:5], "big")
            places.setdefault("page heads", []).append(("documents.db", start, 12 + 2 * cells))
        if unused < len(page):
            places.setdefault(kind, []).extend(whole)
    if (wal := index / "documents.db-wal").exists():
        places["log"] = [(wal.name, start, PAGE + 24) for start in range(32, wal.stat().st_size, PAGE + 24)]
        places["log head"] = [(wal.name, 0, 32), *((wal.name, start, 24) for _, start, _ in places["log"])]
    for path in sorted(index.rglob("*")):
        ending = next((each for each in DERIVED if path.name.endswith(each)), None)
        if ending and path.stat().st_size:
            name = path.relative_to(index).as_posix()
            places.setdefault(f"file {ending}", []).append((name, 0, path.stat().st_size))
    return places


def free_pages(database: bytes) -> Iterator[int]:
    """Numbers of the pages that SQLite keeps for later: trunks of a list, and the leaves they name."""
    trunk = int.from_bytes(database[32:36], "big")
    while trunk:
        yield trunk
        page = database[(trunk - 1) * PAGE : trunk * PAGE]
        leaves = int.from_bytes(page[4:8], "big")
        for place in range(leaves):
            yield int.from_bytes(page[8 + 4 * place : 12 + 4 * place], "big")
        trunk = int.from_bytes(page[:4], "big")


def small_codes() -> None:
    """Have small segments coded, as large ones are."""
    from sakuin.index.vectors import codes, segment

    segment.CODED_FROM, codes.TRAINED_ON = 630, 624


def make(folder: Path) -> None:
    """An index with every kind of page: long texts, removed documents, and a log not yet taken over."""
    from sakuin.index.build import build, remove

    small_codes()
    corpus, index = folder / "corpus", folder / "index"
    corpus.mkdir()
    rows = [
        {
            "id": i,
            "title": f"題{i}",
            "text": f"{i}番目の文書です。number {i * i}",
            "year": 2001 + i % 3,
            "人": f"佐藤{i % 7}",
        }
        for i in range(DOCUMENTS)
    ]
    (corpus / "many.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    chapters = (f"# 章{i}\n\n" + "".join(f"第{i}章の{j}番目の文です。" for j in range(30)) for i in range(40))
    (corpus / "long.md").write_text("\n\n".join(chapters), encoding="utf-8")
    (corpus / "sub").mkdir()
    (corpus / "sub" / "copy.md").write_text("# 章0\n\n第0章の写し。", encoding="utf-8")
    (corpus / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    gone = [{"id": i, "text": f"消える{i}番目の文書です。" * 99} for i in range(60)]
    (corpus / "gone.jsonl").write_text("\n".join(json.dumps(row) for row in gone), encoding="utf-8")
    build(corpus, index)
    remove(["gone.jsonl"], index)
    (corpus / "gone.jsonl").unlink()
    # A reader that holds the state before the next commit leaves that commit in the log.
    with closing(sqlite3.connect(index / "documents.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM documents").fetchone()
        (corpus / "late.md").write_text("# 後から\n\n後から来た文書です。", encoding="utf-8")
        build(corpus, index)
        kept = {path.name: path.read_bytes() for path in index.glob("documents.db*") if path.suffix != ".db-shm"}
    for name, data in kept.items():
        (index / name).write_bytes(data)
    (index / "documents.db-shm").unlink(missing_ok=True)
    shutil.copytree(index, folder / "plain")
    with closing(sqlite3.connect(folder / "plain" / "documents.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def serve(folder: Path) -> Callable[[Flip], tuple[str, str, str]]:
    """Learn what is true; returns `outcome` of one flip."""
    from sakuin import StaticEmbedder

    small_codes()
    if (folder / "before").exists():
        # The worker before this one died while it built.
        (folder / "corpus").rename(folder / "changed")
        (folder / "before").rename(folder / "corpus")
    # Loaded once, for what is in use already is not loaded again.
    model = StaticEmbedder.load()
    whole = folder / "index"
    truth = {name: question(copied(whole, folder / "asked")) for name, question in QUESTIONS.items()}
    content = rows_of(copied(whole, folder / "asked"))
    assert content
    assert truth["verify"] == []
    assert model.fingerprint
    return partial(outcome, folder, truth, content)


def outcome(folder: Path, truth: dict[str, Any], content: Any, flip: Flip) -> tuple[str, str, str]:
    """What comes of one flip: a word for it, which question it showed in, and details."""
    told = False
    base = folder / ("index" if flip[0].endswith("-wal") else "plain")
    for name, question in QUESTIONS.items():
        # These take most of the time, and refuse by what `verify` sees.
        if name in ("build", "repair") and random.Random(repr((name, flip))).random() > WRITING_SHARE:
            continue
        what, answer = put(question, copied(base, folder / "asked", flip))
        if what == "traceback":
            return what, name, answer
        told = told or what == "told" or (name == "verify" and bool(answer))
        if what == "answered" and name == "verify":
            if not answer and rows_of(copied(base, folder / "asked", flip)) != content:
                return "miss", name, "nothing was found, but the content is another"
        elif what == "answered" and answer != truth[name] and not (name == "build" and answer is None):
            return "miss", name, difference(truth[name], answer)
    return ("told" if told else "no matter"), "", ""


def difference(old: Any, new: Any) -> str:
    """The first thing in which two answers differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old | new:
            if old.get(key) != new.get(key):
                return f"{key}: {difference(old.get(key), new.get(key))}"
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return next(difference(a, b) for a, b in zip(old, new, strict=True) if a != b)
    return f"{str(old)[:200]} became {str(new)[:200]}"


def copied(whole: Path, to: Path, flip: Flip | None = None) -> Path:
    """A copy of an index, or of a cluster of some, with one bit flipped."""
    if to.exists():
        # Threads of tantivy that are about to end may still put a lock into it.
        gone = to.with_name(f"gone {token_hex(4)}")
        to.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    shutil.copytree(whole, to, copy_function=os.link, ignore=shutil.ignore_patterns("*.lock"))
    for path in to.rglob("documents.db*"):
        path.unlink()
        shutil.copyfile(whole / path.relative_to(to), path)
    if flip:
        name, offset, bit = flip
        data = bytearray((whole / name).read_bytes())
        data[offset] ^= 1 << bit
        (to / name).unlink()
        (to / name).write_bytes(data)
    return to


def rows_of(index: Path) -> Any:
    """All that the database holds, by our own reading; None where it cannot be read."""
    try:
        with closing(sqlite3.connect(index / "documents.db")) as connection:
            # Times and numbers of files stand under no checksum: one that is wrong has the file hashed again.
            files = "(SELECT uri, size, mtime_ns, sha256, reason, checksum FROM files)"
            return [
                [repr(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]
                for table in ("manifest", files, "documents", "text_blocks", "passages", "removed_passages")
            ]
    except (sqlite3.Error, ValueError):
        return None


def contents(index: Path) -> Any:
    """What people would miss: documents and files, without what a commit renumbers; None where it cannot be read."""
    try:
        with closing(sqlite3.connect(index / "documents.db")) as connection:
            return [
                [repr(row) for row in connection.execute(sql)]
                for sql in (
                    "SELECT uri, size, sha256, reason FROM files NOT INDEXED ORDER BY 1",
                    "SELECT id, uri, file, title, metadata, headings, text FROM documents NOT INDEXED ORDER BY 1",
                    "SELECT d.id, start, b.text FROM text_blocks b NOT INDEXED JOIN documents d ON number = document "
                    "ORDER BY 1, 2",
                    "SELECT d.id, passage_id, start, end, heading, position FROM passages p NOT INDEXED "
                    "JOIN documents d ON number = document ORDER BY d.id, p.id",
                )
            ]
    except (sqlite3.Error, ValueError):
        return None


def command(*arguments: str) -> Any:
    """What a command answers as JSON, without what is another each time."""
    from click.testing import CliRunner

    from sakuin.cli.main import cli

    result = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False, standalone_mode=False)
    answer = json.loads(result.stdout)
    for key in ("seconds", "bytes", "index"):
        answer.pop(key, None)
    return answer


def asked_verify(index: Path) -> Any:
    from sakuin.index.integrity import verify

    found = [problem.to_dict() for problem in verify(index)]
    json.dumps(found)
    return found


def asked_searches(index: Path) -> Any:
    from sakuin.search import Searcher

    answers = {}
    with Searcher.open(index) as searcher:
        for mode in ("hybrid", "bm25", "dense"):
            for group in ("passage", "document"):
                found = searcher.search(QUERY, k=20, mode=mode, group=group).to_dict()
                answers[f"{mode} {group}"] = {key: value for key, value in found.items() if key != "seconds"}
        for where in ({"year": 2002}, {"人": "佐藤3"}, {"type": "md"}, {"folder": "sub"}, {"id": "many.jsonl#7"}):
            answers[f"where {where}"] = [hit.to_dict() for hit in searcher.search(QUERY, k=300, where=where).hits]
        answers["facets"] = [facet.to_dict() for facet in searcher.facets()]
        answers["types"] = [facet.to_dict() for facet in searcher.facets(names=["type"])]
        answers["skipped"] = [(item.uri, str(item.reason)) for item in searcher.skipped()]
        answers["counts"] = searcher.counts()
        hit = searcher.search("第3章の5番目の文", k=1).hits[0]
        answers["read"] = searcher.read(hit).to_dict()
        answers["document"] = searcher.document("long.md").to_dict()
        ids = searcher.snapshot.vectors.ids.tolist()
        answers["glimpses"] = {str(one): repr(glimpse) for one, glimpse in searcher.snapshot.glimpses(ids).items()}
    return answers


def asked_lists(index: Path) -> Any:
    from sakuin.index.store import listing
    from sakuin.index.store.paging import documents_after

    answers: dict[str, Any] = {}
    with listing.reading(index) as connection:
        for order in listing.ORDERS:
            answers[order] = [repr(one) for one in listing.list_documents(connection, order=order, most=400)]
        answers["some"] = [repr(one) for one in listing.list_documents(connection, some="題7", kind="jsonl")]
        answers["number"] = listing.count_documents(connection, "many")
        answers["kinds"] = listing.list_kinds(connection)
        found = listing.find_document(connection, "long.md")
        answers["found"] = repr(found)
        if found:
            answers["passages"] = [repr(one) for one in listing.list_passages(connection, found.number)]
            answers["metadata"] = listing.read_metadata(connection, found.number)
        answers["paged"] = [repr(one) for one in documents_after(connection, 0, most=200)]
        answers["in files"] = listing.documents_in(connection, ["many.jsonl", "long.md"])
    return answers


def asked_documents(index: Path) -> Any:
    from sakuin import Index

    with Index.open(index) as opened:
        return {
            "all": [repr(one) for one in opened.documents()],
            "some": [repr(one) for one in opened.documents(where={"year": 2001})],
            "got": [repr(one) for one in opened.get(["long.md", "many.jsonl#1", "no such"])],
        }


def asked_build(index: Path) -> Any:
    """What a build that changes one file makes of it, and whether it leaves the others as they were."""
    from sakuin.index.build import build

    corpus, changed = index.parent / "corpus", index.parent / "changed"
    if not changed.exists():
        shutil.copytree(corpus, changed)
        (changed / "late.md").write_text("# 後から\n\n後から変わった文書です。", encoding="utf-8")
    before = contents(index)
    # By the same name, so that nothing but one file has changed.
    corpus.rename(index.parent / "before")
    changed.rename(corpus)
    try:
        build(corpus, index)
    finally:
        corpus.rename(changed)
        (index.parent / "before").rename(corpus)
    after = contents(index)
    if before is None or after is None:
        return None
    late, others = ([[row for row in table if ("late.md" in row) is new] for table in after] for new in (True, False))
    return [late, others == [[row for row in table if "late.md" not in row] for table in before]]


def asked_repair(index: Path) -> Any:
    """What `repair` leaves where it says that it repaired."""
    from sakuin.index.integrity import verify
    from sakuin.index.maintenance import repair

    repair(index)
    return [contents(index), [str(problem) for problem in verify(index)]]


QUESTIONS: dict[str, Callable[[Path], Any]] = {
    "verify": asked_verify,
    "search": asked_searches,
    "info": lambda index: command("info", "--index", str(index), "--files", "--facets"),
    "lists": asked_lists,
    "documents": asked_documents,
    "build": asked_build,
    "repair": asked_repair,
}

INDEX = Subject("tests.index.flips", make, places, serve)

if __name__ == "__main__":
    command_of(INDEX)()
