"""Ends writers inside the calls of SQLite, tantivy, numpy and Python to the system, and looks at what is left.

    python tests/index/kills.py --kills 400

Where `crashes.py` kills at random moments and before Python's own dealings with files, a shim in C (`shim.c`) counts
every write, sync, rename, link, removal and making of a file of an index, whichever library does it, and strikes at a
chosen one: `kill` before it, `torn` with half of a write done, `full` with a disk that has no more room. `power` keeps
only what was synced, files and names of files, `reorder` that and any of the rest, by blocks. After each, documents,
titles, metadata and places are compared with a copy of our own: as before the work, or as after it, and as after it
where the work had ended or had been acknowledged.
"""

import http.client
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

MODES = ("kill", "torn", "power", "reorder", "full")
BLOCK = 4096
TOLD_EVERY = 20
GOES_ON = 0.2
"""Of the kills, after which the next writer must bring the index to where it should be."""

State = list[tuple[object, ...]] | None
"""What an index holds; None where there is none."""

SETTINGS = """
import sys, json
from pathlib import Path
from sakuin.errors import SakuinError
work, corpus = Path(sys.argv[1]), Path(sys.argv[2])
index = work / "index"
"""
FIRST_AND_LAST = """
def run():
    {}
try:
    run()
except SakuinError as error:
    sys.exit(f"Error: {{error}}")
"""
BUILD = "from sakuin.index.build import build; build(corpus, index)"
ADD = """
    from sakuin import Index
    Index.open(index).add([{'id': f'p{i}', 'title': f'題{i}', 'text': f'新しい{i}番目。', 'n': i} for i in range(30)])
"""
UPLOAD = """
    from sakuin.index.uploads import add_uploads
    add_uploads([('up.md', '# 上\\n\\n上げた文書。'.encode())], index)
"""
WATCH = """
    from contextlib import nullcontext
    from sakuin.index.report import no_progress
    from sakuin.index.settings import Settings
    from sakuin.index.watch import watch
    next(iter(watch(corpus, index, Settings(), lambda: nullcontext(no_progress))))
"""
WORKS = {
    "first build": BUILD,
    "build": BUILD,
    "remove": "from sakuin.index.build import remove; remove(['rows.jsonl'], index)",
    "Index.add": ADD,
    "Index.delete": "from sakuin import Index; Index.open(index).delete(['own1', 'own2'])",
    "compact": "from sakuin.index.maintenance import compact; compact(index)",
    "repair": "from sakuin.index.maintenance import repair; repair(index)",
    "repair --drop-damaged": "from sakuin.index.salvage import salvage; salvage(index)",
    "uploads": UPLOAD,
    "watch": WATCH,
    "backup": "from sakuin.index.backup import backup; backup(index, work / 'copy')",
    "judge": "from sakuin import Index; Index.open(index).judge('次の文', 'note.md', answers=True)",
    "tune": "from sakuin.search.fusion import Fusion; from sakuin.tuning.fitting import keep; keep(index, Fusion(0.4))",
    "restore": "from sakuin.index.backup import restore; restore(corpus.parent / 'older', index)",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A work, with all that is known of it.

    Attributes:
        name: Of the work, a key of `WORKS`, or "HTTP".
        start: The folder that it starts from, which is copied.
        corpus: The folder of documents.
        before: What the index holds at the start.
        after: What it holds when the work has ended.
        calls: The functions that the shim counted, call by call; threads take turns in another order each time.
    """

    name: str
    start: Path
    corpus: Path
    before: State
    after: State
    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is attacked.

    Attributes:
        works: Names of all that is done to it.
        made: Makes a folder to start from, and a corpus beside it, in a folder.
        begun: Changes what a work starts from, which is a copy of that.
        held: What is in a folder, by a reading of our own.
        perform: Does a work in a folder, with the shim; whether it came to its end.
        looked: Whether what is left in a folder is as it should be: "ok", or what is wrong.
    """

    works: Sequence[str]
    made: Callable[[Path], tuple[Path, Path]]
    begun: Callable[[str, Path], None]
    held: Callable[[Path], State]
    perform: Callable[[str, Path, Path, Path, dict[str, str]], bool]
    looked: Callable[..., str]


def command_of(subject: Subject) -> click.Command:
    """The command that attacks something."""

    @click.command()
    @click.option("--kills", default=60, show_default=True, help="How many.")
    @click.option("--seed", default="0", show_default=True, help="Of the moments; `fresh` for another each time.")
    @click.option("--works", default="", help="Only these works, parted by commas.")
    @click.option("--modes", default=",".join(MODES), help="Only these modes, parted by commas.")
    def main(kills: int, seed: str, works: str, modes: str) -> None:
        """Kill writers and print what is left; exit code 1 if anything was lost or half-done, or told wrongly."""
        campaign(subject, kills, seed, works=works, modes=modes)

    return main


def campaign(subject: Subject, kills: int, seed: str, *, works: str, modes: str) -> None:
    """What the commands do, see `command_of`."""
    chosen = random.SystemRandom().randrange(10**9) if seed == "fresh" else int(seed)
    print(f"seed {chosen}", flush=True)
    # A campaign in the background is ended so.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        names = works.split(",") if works else subject.works
        outcomes = attack(subject, Path(folder), kills, random.Random(chosen), works=names, modes=modes.split(","))
    print(f"\n| {'work':21} | {'mode':7} | kills | misses | tracebacks |\n|---|---|---|---|---|")
    for name, mode in sorted({(name, mode) for name, mode, _ in outcomes}):
        ok, miss, trace = (outcomes[name, mode, what] for what in ("ok", "miss", "traceback"))
        print(f"| {name:21} | {mode:7} | {ok + miss + trace:5} | {miss:6} | {trace:10} |")
    failed = sum(number for (_, _, what), number in outcomes.items() if what != "ok")
    print(f"{sum(outcomes.values())} kills, {failed} that were not as they should be")
    sys.exit(bool(failed))


def attack(
    subject: Subject, folder: Path, kills: int, rng: random.Random, *, works: Sequence[str], modes: Sequence[str]
) -> Counter[tuple[str, str, str]]:
    """Kill writers; returns how often what came of it, by work and mode."""
    shim = compiled(folder)
    start = Prepared("", *subject.made(folder), None, None, ())
    prepared = [ready(subject, folder, start, name, shim) for name in works]
    for one in prepared:
        print(f"{one.name}: {len(one.calls)} calls", flush=True)
    outcomes: Counter[tuple[str, str, str]] = Counter()
    # Interrupted, it tells of what was done.
    struck: Counter[str] = Counter()
    with suppress(KeyboardInterrupt):
        strike_all(subject, folder, prepared, shim, outcomes, struck, kills=kills, modes=modes, rng=rng)
    made_calls = Counter(function for one in prepared for function in one.calls)
    print("\n| function | calls of all works | struck |\n|---|---|---|")
    for function, number in sorted(struck.items()):
        print(f"| {function} | {made_calls[function]:,} | {number} |")
    return outcomes


def strike_all(
    subject: Subject,
    folder: Path,
    prepared: Sequence[Prepared],
    shim: Path,
    outcomes: Counter[tuple[str, str, str]],
    struck: Counter[str],
    *,
    kills: int,
    modes: Sequence[str],
    rng: random.Random,
) -> None:
    """Disturb each work in turn, and count what came of it, and at which functions."""
    for number in range(kills):
        one = prepared[number % len(prepared)]
        mode = rng.choice(modes)
        at = rng.randint(1, len(one.calls) + (mode in ("power", "reorder")))
        struck[one.calls[at - 1] if at <= len(one.calls) else "the end"] += 1
        try:
            what = strike(subject, folder, one, shim, (mode, at), rng)
        except Exception:
            what = "miss: " + traceback.format_exc()[-1500:]
        outcomes[one.name, mode, what.split(":")[0]] += 1
        if what != "ok":
            print(f"{number}: {one.name}, {mode} at call {at} of {len(one.calls)}: {what}", flush=True)
        if number % TOLD_EVERY == TOLD_EVERY - 1:
            print(f"{number + 1:,} kills", flush=True)


def compiled(folder: Path) -> Path:
    """The shim."""
    library = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def made(folder: Path) -> tuple[Path, Path]:
    """A folder with an index, and the corpus it is of, which has changed since."""
    corpus, start = folder / "corpus", folder / "start"
    corpus.mkdir()
    start.mkdir()
    rows = [
        {"id": i, "title": f"題{i}", "text": f"{i}番目の文書です。number {i * i}", "year": 2001 + i % 3}
        for i in range(60)
    ]
    (corpus / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (corpus / "note.md").write_text("# 題\n\n## 章\n\n最初の文です。\n\n## 次\n\n次の文。", encoding="utf-8")
    own = "[{'id': f'own{i}', 'title': f'自{i}', 'text': f'自分の{i}番目。', 'n': i} for i in range(5)]"
    run(f"{BUILD}; from sakuin import Index; Index.open(index).add({own})", folder, start, corpus)
    run("from sakuin import Index; Index.open(index).judge('最初の文', 'note.md', answers=True)", folder, start, corpus)
    shutil.copytree(start / "index", folder / "older")
    (corpus / "more.md").write_text("# 増えた\n\n増えた文書です。", encoding="utf-8")
    run(BUILD, folder, start, corpus)
    for i in range(0, 60, 2):
        rows[i]["text"] = f"{i}番目は変わりました。"
    (corpus / "rows.jsonl").write_text("\n".join(map(json.dumps, rows[:50])), encoding="utf-8")
    (corpus / "more.md").unlink()
    return start, corpus


def run(code: str, folder: Path, work: Path, corpus: Path, **shim: str) -> "subprocess.CompletedProcess[str]":
    """Do some work in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TMPDIR": str(folder), **shim}
    command = [sys.executable, "-c", SETTINGS + FIRST_AND_LAST.format(code), str(work), str(corpus)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=not shim)


def begun(name: str, own: Path) -> None:
    """What a work starts from."""
    if name == "first build":
        shutil.rmtree(own / "index")
    elif name == "repair":
        for path in (*own.rglob("*.int8.npy"), max(own.rglob("*.idx"))):
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)
    elif name == "repair --drop-damaged":
        with closing(sqlite3.connect(own / "index" / "documents.db")) as connection:
            connection.execute("UPDATE documents SET title = 'x' WHERE id = 'rows.jsonl#7'")
            connection.commit()


def ready(subject: Subject, folder: Path, start: Prepared, name: str, shim: Path) -> Prepared:
    """A work that was done once without disturbance."""
    own = folder / f"start {name}"
    shutil.copytree(start.start, own)
    subject.begun(name, own)
    before = subject.held(own)
    work = fresh(folder, own)
    shutil.rmtree(start.corpus / "uploads", ignore_errors=True)
    log = folder / "calls"
    log.unlink(missing_ok=True)
    told = {**preload(shim, work, "count", 0), "SHIM_LOG": str(log)}
    done = subject.perform(name, folder, work, start.corpus, told)
    assert done, f"{name} fails undisturbed"
    calls = tuple(line.split(" ", 1)[0] for line in log.read_text(encoding="utf-8").splitlines())
    return Prepared(name, own, start.corpus, before, subject.held(work), calls)


def preload(shim: Path, work: Path, mode: str, at: int) -> dict[str, str]:
    """What the shim is told."""
    return {"LD_PRELOAD": str(shim), "SHIM_FOLDER": str(work), "SHIM_MODE": mode, "SHIM_AT": str(at)}


def fresh(folder: Path, start: Path) -> Path:
    """A copy of a folder to work in."""
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(start, work)
    return work


def perform(name: str, folder: Path, work: Path, corpus: Path, shim: dict[str, str]) -> bool:
    """Do a work; whether it came to its end, or was acknowledged; AssertionError where no sentence says why not."""
    if name == "HTTP":
        return post(work, shim)
    return ended_well(run(WORKS[name], folder, work, corpus, **shim), shim)


def ended_well(done: "subprocess.CompletedProcess[str]", shim: dict[str, str]) -> bool:
    """Whether a process came to its end; AssertionError where it failed and no sentence says why."""
    if done.returncode > 0:
        assert done.stderr.startswith("Error:") or "\nError:" in done.stderr, f"traceback: {done.stderr[-1500:]}"
        assert shim["SHIM_MODE"] == "full", done.stderr[-1500:]
        assert "full" in done.stderr, f"not called full: {done.stderr[-500:]}"
        assert "delete" not in done.stderr, f"delete what is whole? {done.stderr[-500:]}"
    return done.returncode == 0


def post(work: Path, shim: dict[str, str]) -> bool:
    """Write over HTTP; whether it was acknowledged."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **shim}
    command = [
        sys.executable,
        "-m",
        "sakuin",
        "serve",
        "--writable",
        "--index",
        str(work / "index"),
        "--port",
        str(port),
    ]
    service = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = json.dumps({"text": "HTTP から来た文書。", "title": "題", "metadata": {"n": 1}})
        for _ in range(600):
            try:
                connection.connect()
                break
            except OSError:
                if service.poll() is not None:
                    return False
                time.sleep(0.1)
        with suppress(OSError, http.client.HTTPException):
            connection.request("PUT", "/documents/http", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read().decode()
            if answer.status != 200:
                assert answer.status == 503, f"traceback: {answer.status} {said}"
                assert "full" in said, said
            return answer.status == 200
        return False
    finally:
        service.kill()
        _, errors = service.communicate()
        assert "Traceback" not in errors, f"traceback: {errors[-1500:]}"


def strike(subject: Subject, folder: Path, one: Prepared, shim: Path, how: tuple[str, int], rng: random.Random) -> str:
    """Do a work, disturb it, and look at what is left; "ok", or what is wrong."""
    mode, at = how
    work = fresh(folder, one.start)
    told = preload(shim, work, "kill" if mode in ("power", "reorder") else mode, at)
    shadow = folder / "shadow"
    if mode in ("power", "reorder"):
        shutil.rmtree(shadow, ignore_errors=True)
        remember_all(work, shadow)
        told["SHIM_SHADOW"] = str(shadow)
    # Uploads go into the corpus.
    shutil.rmtree(one.corpus / "uploads", ignore_errors=True)
    try:
        ended = subject.perform(one.name, folder, work, one.corpus, told)
    except AssertionError as error:
        return f"traceback: {error}" if "traceback" in str(error) else f"miss: {error}"
    if mode in ("power", "reorder"):
        left = folder / "left"
        shutil.rmtree(left, ignore_errors=True)
        rebuilt(work, shadow, left, rng if mode == "reorder" else None)
        shutil.rmtree(work)
        left.rename(work)
    return subject.looked(folder, one, work, ended=ended, rng=rng)


def looked(folder: Path, one: Prepared, work: Path, *, ended: bool, rng: random.Random) -> str:
    """Whether an index is as it was before a work, or as after it."""
    index = work / "index"
    if one.name == "backup":
        if (work / "copy").exists():
            if held(work / "copy") != one.before or whole(work / "copy"):
                return "miss: the copy is not whole"
        elif ended:
            return "miss: no copy"
    if one.name in ("restore", "repair --drop-damaged") and not index.exists():
        # Between two renames: the old one is aside.
        index = work / "index.replaced"
    state = held(index)
    allowed = [one.after] if ended else [one.before, one.after]
    if state not in allowed:
        return f"miss: {'ended, but ' if ended else ''}{described(state, one)}"
    problems = whole(index)
    damaged_before = one.name in ("repair", "repair --drop-damaged")
    if problems and not (damaged_before and not ended) and state is not None:
        return f"miss: verify says {problems[0]}"
    if state is not None and not problems:
        from sakuin.search import Searcher

        with Searcher.open(index) as searcher:
            if not searcher.search("最初の文です").hits:
                return "miss: nothing is found"
    if rng.random() < GOES_ON and index.name == "index" and not problems:
        run(BUILD, folder, work, one.corpus)
        problems = whole(index)
        files = {row[1] for row in held(index) or []} - {""}
        wanted = {path.relative_to(one.corpus).as_posix() for path in one.corpus.rglob("*.*")}
        if problems or not wanted <= files:
            return f"miss: the next build leaves {problems or files}"
    return "ok"


def described(state: State, one: Prepared) -> str:
    """How what an index holds differs from what it should hold."""
    if state is None:
        return "there is no index"
    new = [row for row in state if row not in (one.before or []) and row not in (one.after or [])]
    return f"{len(state)} rows, before {len(one.before or [])}, after {len(one.after or [])}; of neither: {new[:2]}"


def whole(index: Path) -> list[str]:
    """What `verify` finds, in sentences."""
    from sakuin.errors import SakuinError
    from sakuin.index.integrity import verify

    try:
        return [str(problem) for problem in verify(index)]
    except SakuinError as error:
        return [str(error)]


def held(index: Path) -> State:
    """What an index holds, by our own reading: documents with all that is shown of them, places, files, judgements."""
    path = index / "documents.db"
    if not path.exists() or not path.stat().st_size:
        return None
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'manifest'").fetchone():
            return None
        if not connection.execute("SELECT count(*) FROM manifest").fetchone()[0]:
            return None
        documents = connection.execute(
            "SELECT d.id, file, uri, title, metadata, headings, text, passage_id, start, end, heading, position "
            "FROM documents d JOIN passages p ON document = number ORDER BY d.id, start"
        ).fetchall()
        files = connection.execute("SELECT uri, '', size, sha256, reason FROM files ORDER BY uri").fetchall()
        tuned = connection.execute("SELECT value, '' FROM manifest WHERE key = 'fusion'").fetchall()
    judged = index / "judgements.jsonl"
    # Of a line without an end nobody was told that it is there.
    lines = judged.read_text(encoding="utf-8", errors="replace").split("\n")[:-1] if judged.exists() else []
    rows = [json.loads(line) for line in lines if line.strip("\0 ")]
    return documents + files + tuned + [(row["query"], "", row["document"], row["judgement"]) for row in rows]


def remember_all(work: Path, shadow: Path) -> None:
    """What is there when a work begins lies on the disk."""
    shadow.mkdir()
    for path in (work, *work.rglob("*")):
        inode = path.stat().st_ino
        if path.is_dir():
            names = "".join(f"{entry.inode()} {entry.name}\n" for entry in os.scandir(path))
            (shadow / f"d{inode}").write_text(names, encoding="utf-8")
        else:
            shutil.copyfile(path, shadow / f"i{inode}")


def rebuilt(work: Path, shadow: Path, to: Path, rng: random.Random | None) -> None:
    """What a power cut leaves of a folder: what was synced; with ``rng`` also some of what was not, by blocks."""
    live = {path.stat().st_ino: path for path in (work, *work.rglob("*"))}

    def names_of(inode: int) -> dict[str, int]:
        synced = shadow / f"d{inode}"
        names = {}
        if synced.exists():
            lines = synced.read_text(encoding="utf-8").splitlines()
            names = {name: int(number) for number, name in (line.split(" ", 1) for line in lines)}
        if rng is not None and inode in live:
            now = {entry.name: entry.inode() for entry in os.scandir(live[inode])}
            for name in sorted(names.keys() | now.keys()):
                if names.get(name) != now.get(name) and rng.random() < 0.5:
                    names.pop(name, None)
                    names |= {name: now[name]} if name in now else {}
        return names

    def bytes_of(inode: int) -> bytes:
        synced = shadow / f"i{inode}"
        data = synced.read_bytes() if synced.exists() else b""
        if rng is None or inode not in live:
            return data
        now = live[inode].read_bytes()
        length = rng.choice((len(data), len(now)))
        blocks = (rng.choice((data, now))[at : at + BLOCK].ljust(BLOCK, b"\0") for at in range(0, length, BLOCK))
        return b"".join(blocks)[:length] if data != now else data

    def make(inode: int, path: Path) -> None:
        is_folder = (shadow / f"d{inode}").exists() or (inode in live and live[inode].is_dir())
        if not is_folder:
            path.write_bytes(bytes_of(inode))
            return
        path.mkdir()
        for name, number in names_of(inode).items():
            if not name.endswith("-shm"):
                make(number, path / name)

    make(work.stat().st_ino, to)


INDEX = Subject([*WORKS, "HTTP"], made, begun, lambda work: held(work / "index"), perform, looked)

if __name__ == "__main__":
    command_of(INDEX)()
