"""The command `index`: build an index from a folder of documents, and search it."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sakuin.cli.running import FiniteRange, run
from sakuin.index import DEFAULT_INDEX

if TYPE_CHECKING:
    from sakuin.index.build import Progress, Report
    from sakuin.search.results import Hit, SearchResult
    from sakuin.tuning.tuning import Comparison

SKIPPED_SHOWN = 10
SNIPPET_CHARACTERS = 200
# Run beside the server, which takes a moment to answer; gives up after half a minute.
OPEN_WHEN_READY = """
import sys, time, urllib.request, webbrowser
for _ in range(100):
    try:
        urllib.request.urlopen(sys.argv[1] + "/_stcore/health", timeout=5).close()
    except OSError:
        time.sleep(0.3)
    else:
        webbrowser.open(sys.argv[1])
        break
"""

INDEX_OPTION = click.option(
    "--index",
    "folder",
    type=click.Path(path_type=Path),
    default=DEFAULT_INDEX,
    show_default=True,
    help="Folder of the index.",
)
MODEL_OPTION = click.option("--model", help="Model folder or hub name for a new index [default: the packaged model].")
DIM_OPTION = click.option("--dim", type=click.IntRange(min=1), help="Numbers stored of each vector [default: 256].")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sakuin")
def cli() -> None:
    """Search your own Japanese and English documents by meaning and by words.

    \b
    index build docs/                   read a folder into .sakuin
    index search "有給休暇の申請方法"     find passages
    index ui                            explore in the browser
    index serve                         answer programs over HTTP
    index build docs/                   later: read only what changed

    Reads txt, md, html, csv, tsv, jsonl, pdf and docx.
    """


@cli.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@INDEX_OPTION
@DIM_OPTION
@MODEL_OPTION
def build(corpus: Path, folder: Path, dim: int | None, model: str | None) -> None:
    """Bring the index in step with the folder CORPUS: read what is new or changed, remove what is gone.

    \b
    index build docs/
    index build docs/ --index /data/docs.index --dim 512
    """
    from sakuin.index.build import build
    from sakuin.index.writer import Settings

    with progress_bar() as progress:
        report = build(corpus, folder, Settings(model, dim), progress)
    show_report(report, folder)


@cli.command()
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@INDEX_OPTION
@DIM_OPTION
@MODEL_OPTION
def add(paths: tuple[Path, ...], folder: Path, dim: int | None, model: str | None) -> None:
    """Read files, or all files of folders, into the index.

    \b
    index add notes.md ~/papers

    What is there already is brought up to date: of a folder that is added again, only new and changed files are read,
    and files that are gone from the disk are forgotten. `index build` leaves alone what was added from outside its
    folder.
    """
    from sakuin.index.build import add
    from sakuin.index.writer import Settings

    with progress_bar() as progress:
        report = add(paths, folder, Settings(model, dim), progress)
    show_report(report, folder)


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@INDEX_OPTION
def remove(names: tuple[str, ...], folder: Path) -> None:
    """Remove files, all files of folders, or single documents from the index; nothing on the disk is deleted.

    \b
    index remove notes.md ~/papers
    index remove office/rows.csv#row=3

    A NAME is what `index search` and `index info --files` show, a folder that such names begin with, or the path of a
    file or folder, which need not be there any more. If the index has nothing of one of them, nothing is removed.

    The next `index build` brings back a file that still stands in the corpus folder. A single document of a file, such
    as rows.csv#row=3, stays away until that file changes.
    """
    from sakuin.index.build import remove

    show_report(remove(names, folder), folder)


@cli.command()
@INDEX_OPTION
def compact(folder: Path) -> None:
    """Put the index into its best form after many additions and removals.

    Searches go on meanwhile. The index then ranks exactly as one that was built at once from the same documents: until
    then BM25 still counts some removed passages when it judges how rare a word is. Large indexes take minutes, and need
    room for a second copy of vectors and terms.
    """
    from sakuin.index.build import compact

    with progress_bar("passages", "Compacting") as progress:
        report = compact(folder, progress)
    if report is None:
        click.echo(f"The index in {folder} is compact already; nothing was done.")
    else:
        click.echo(f"The index in {folder} is compact now.")
        show_state(report, folder, f"compacted in {report.seconds:.1f} s")


@cli.command()
@INDEX_OPTION
def repair(folder: Path) -> None:
    """Make vectors and terms anew from the documents of the index, where `index verify` found them damaged."""
    from sakuin.index.build import repair

    with progress_bar("passages", "Repairing") as progress:
        report = repair(folder, progress)
    click.echo(f"The index in {folder} is repaired.")
    show_state(report, folder, f"{report.new_passages:,} passages made anew in {report.seconds:.1f} s")


@cli.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@INDEX_OPTION
@DIM_OPTION
@MODEL_OPTION
def watch(corpus: Path, folder: Path, dim: int | None, model: str | None) -> None:
    """Keep the index in step with the folder CORPUS: build it, then again whenever a file changes. Ctrl-C ends it.

    \b
    index watch docs/ &
    index ui
    """
    from sakuin.index.watch import watch
    from sakuin.index.writer import Settings

    watching = False
    try:
        for report in watch(corpus, folder, Settings(model, dim), progress_bar):
            if isinstance(report, str):
                click.echo(report, err=True)
            else:
                show_report(report, folder)
            sys.stdout.flush()
            if not watching:
                click.echo(f"Watching {corpus}: what changes in it is read as it changes. Ctrl-C ends it.", err=True)
                watching = True
    except KeyboardInterrupt:
        if not watching:
            raise
        click.echo(
            f"No longer watching {corpus}. The index in {folder} is as the last summary says; `index build` reads what "
            f"changes from now on.",
            err=True,
        )


@cli.command()
@click.argument("query")
@INDEX_OPTION
@click.option("-k", default=10, show_default=True, help="Number of hits.")
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "dense", "bm25"]),
    default="hybrid",
    show_default=True,
    help="By meaning and words, by meaning, or by words.",
)
@click.option("--dim", type=int, help="Compare only the first so many numbers of the vectors [default: all stored].")
@click.option(
    "--rescore",
    type=int,
    help="In a large index, how many passages of a rough dense search to compare exactly: more is surer and slower "
    "[default: enough for 98 % of the ten nearest, 2000 at 256 numbers].",
)
@click.option("--explain", is_flag=True, help="Show what each score is made of, down to words.")
@click.option(
    "--where",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Search only documents whose metadata has this value; folder= and type= are those of the file. Given again, a "
    "field may have either value, and each further field must match too. `index info --facets` lists fields.",
)
@click.option(
    "--min-relevance",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Leave out hits that answer the query with a lower probability, such as 0.3.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
def search(
    query: str,
    folder: Path,
    k: int,
    mode: str,
    dim: int | None,
    rescore: int | None,
    explain: bool,
    where: tuple[str, ...],
    min_relevance: float,
    as_json: bool,
) -> None:
    """Find the passages that answer QUERY.

    \b
    index search "電車が遅れた証拠がほしい"
    index search "how do I reset my password" -k 3 --mode dense --dim 64
    index search "家で働くときのルール" -k 1 --explain
    index search "経費" --where folder=office --where type=md --where type=docx
    index search "経費" --json | jq '.hits[].document.uri'
    """
    from sakuin.search import Searcher

    with Searcher.open(folder) as searcher:
        if not searcher.manifest.passages:
            show_emptiness(folder, searcher.manifest.corpus, searcher.counts()["skipped"])
            if not as_json:
                return
        result = searcher.search(query, k, mode, dim, rescore, explain, read_where(where), min_relevance)
    if as_json:
        click.echo(to_json(result.to_dict()))
        return
    if min_relevance and len(result.hits) < k:
        click.echo(f"Note: only hits of a relevance of {100 * min_relevance:g} % or more are shown.", err=True)
    show_result(result)


@cli.command()
@INDEX_OPTION
@click.option("--files", is_flag=True, help="List every file with its number of documents.")
@click.option("--facets", is_flag=True, help="List the fields and values that `index search --where` can be given.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def info(folder: Path, files: bool, facets: bool, as_json: bool) -> None:
    """Say what the index holds and how it was made."""
    from dataclasses import asdict

    from sakuin.index.snapshot import open_index
    from sakuin.index.writer import folder_bytes
    from sakuin.search.fusion import Fusion

    with closing(open_index(folder)) as snapshot:
        manifest = snapshot.manifest
        fusion = Fusion.of(manifest.fusion)
        documents = dict(snapshot.files())
        skipped = snapshot.skipped()
        facts: dict[str, Any] = {
            "index": str(folder),
            "corpus": manifest.corpus,
            **snapshot.counts(),
            "dim": manifest.dim,
            "model": manifest.model or "default",
            "fingerprint": manifest.fingerprint,
            "analyser": manifest.analyser,
            "generation": manifest.generation,
            "segments": len(manifest.segments),
            "stale_terms": manifest.stale_terms,
            "fusion": {**asdict(fusion), "tuned": bool(manifest.fusion)},
            "bytes": folder_bytes(folder),
            "skipped": [{"uri": uri, "reason": reason, "documents": documents.get(uri, 0)} for uri, reason in skipped],
        }
        if files:
            facts["files"] = [{"uri": uri, "documents": number} for uri, number in documents.items()]
        if facets:
            facts["fields"] = snapshot.field_names()
            facts["facets"] = [facet.to_dict() for facet in snapshot.facets()]
    if as_json:
        click.echo(to_json(facts))
        return
    facts["fusion"] = f"{'tuned' if manifest.fusion else 'default'}: {fusion}"
    partly = sum(documents.get(uri, 0) > 0 for uri, _ in skipped)
    if not files and len(skipped) > partly:
        facts["files"] = f"{facts['files']}, of which nothing was taken from {len(skipped) - partly}"
    for name, value in facts.items():
        if not isinstance(value, list):
            click.echo(f"{name:12} {readable_size(value) if name == 'bytes' else value}")
    show_skipped(skipped, partly, everything=files)
    for item in facts["files"] if files else ():
        click.echo(f"{item['documents']:8}  {clean(item['uri'])}")
    for field in facts["facets"] if facets else ():
        for item in field["values"]:
            click.echo(f"{item['documents']:8}  {clean(field['name'])}={clean(item['value'])}")
    if facets:
        listed = {field["name"] for field in facts["facets"]}
        others = [clean(name) for name in facts["fields"] if name not in listed]
        if others:
            click.echo(f"Other fields, of too many values to list or of one document: {', '.join(others)}")


@cli.command()
@INDEX_OPTION
def verify(folder: Path) -> None:
    """Check every file of the index; exit code 1 if one is damaged."""
    from sakuin.index import database
    from sakuin.index.snapshot import verify

    problems = verify(folder)
    for problem in problems:
        click.echo(problem)
    if problems:
        # All but the documents can be made anew from them.
        documents = any(problem.startswith(database.NAME) for problem in problems)
        remedy = "delete the folder and build it again" if documents else "`index repair` makes these files anew"
        click.echo(f"The index in {folder} is damaged: {remedy}.", err=True)
        sys.exit(1)
    click.echo(f"The index in {folder} is whole.")


@cli.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="adapted-model",
    show_default=True,
    help="Folder of the new model.",
)
@click.option("--model", help="Model folder or hub name to start from [default: the packaged model].")
@click.option(
    "--minutes",
    type=FiniteRange(min=0, min_open=True),
    default=3.0,
    show_default=True,
    help="Train for so long at most; few documents need less.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of what is held out, and of the order of training.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Batches to train on, however long they take.")
def adapt(corpus: Path, out: Path, model: str | None, minutes: float, seed: int, steps: int | None) -> None:
    """Teach the model the words of your own documents; keep what it learnt only if it then finds more.

    \b
    index adapt docs/ --out docs-model
    index build docs/ --model docs-model --index docs.index

    CORPUS is a folder of documents, or one file of many, such as a JSON Lines file with "title" and "text". Nobody has
    to label anything: titles and headings should find the passages below them, a passage the one that follows it, and a
    few of its words the rest of it.

    Some documents are held out. How well their passages are found among all passages, before and after, is measured as
    nDCG@10: 100 where all that belongs to a title comes first, 0 where none of it is among the first ten. The new model
    is written only if that got better. Documents it was trained on gain more.

    It needs 30 documents or more, and `pip install "sakuin[train]"`. Ctrl-C leaves nothing behind.
    """
    from sakuin.embedder.errors import SakuinError

    try:
        from sakuin.training.adapt import adapt, figures
    except ModuleNotFoundError as error:
        raise SakuinError(
            f'Adapting needs {error.name}, which is not installed: run pip install "sakuin[train]".'
        ) from error

    try:
        result = adapt(corpus, out, model, minutes, seed, steps, progress_bar())
    except KeyboardInterrupt:
        click.echo("Interrupted. Nothing was written.", err=True)
        sys.exit(130)
    click.echo(f"Read:      {result.documents:,} documents, {result.passages:,} passages")
    if result.skipped:
        click.echo(f"Skipped:   {len(result.skipped):,} files or parts of files")
        show_reasons([(item.uri, item.reason) for item in result.skipped], SKIPPED_SHOWN)
    click.echo(f"Trained:   {result.steps:,} batches of {result.batch:,} in {result.seconds / 60:.1f} minutes")
    for line in figures(result):
        click.echo(line)
    if not result.folder:
        click.echo("Model:     none written, for it would be no better than the one you have")
        return
    click.echo(f"Model:     {out}")
    command = "build" if corpus.is_dir() else "add"
    # An index of its own: one that was made by another model refuses this one.
    places = [str(corpus), "--model", str(out), "--index", f"{out}.index"]
    click.echo(f"Next:      {shlex.join(['index', command, *places])}")


@cli.command()
@INDEX_OPTION
@click.option(
    "--queries",
    type=click.Path(path_type=Path),
    help="JSON Lines of judged queries.",
)
@click.option("--dim", type=int, help="Compare only the first so many numbers of the vectors [default: all stored].")
@click.option("--folds", type=click.IntRange(2, 20), default=5, show_default=True, help="Of the cross-validation.")
@click.option("--dry-run", is_flag=True, help="Only show the figures.")
@click.option("--reset", is_flag=True, help="Go back to the default, whatever was tuned.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def tune(
    folder: Path, queries: Path | None, dim: int | None, folds: int, dry_run: bool, reset: bool, as_json: bool
) -> None:
    """Fit to the index how much words count beside meaning, by queries whose answers you know.

    \b
    index tune --queries judged.jsonl
    index tune --queries judged.jsonl --dry-run --json
    index tune --reset

    Each line is a query with what should be found, named as `index search` shows it, or by file:

    \b
    {"query": "会社を休みたい", "relevant": ["office/yukyu-kyuka.md"]}
    {"query": "経費", "relevant": {"office/keihi-seisan.md": 3, "office/shuccho.csv#row=2": 1}}

    Shows nDCG@10, MRR@10 and recall@10 with 95 % intervals, times 100: each leg alone, reciprocal rank fusion, a fixed
    weight, the default, which weighs words by how much of the query they cover, and tuned. The tuned figures are of
    queries that had no part in choosing the setting (cross-validation). It is used from then on only if it is better
    than the default beyond chance. It takes 20 judged queries or more; some hundred tell far more.
    """
    from sakuin.index.snapshot import open_index
    from sakuin.search import Searcher
    from sakuin.tuning.judged import read_judged
    from sakuin.tuning.tuning import compare, keep

    if reset == (queries is not None):
        raise click.UsageError("Give either --queries, to tune, or --reset.")
    if queries is None:
        with closing(open_index(folder)) as snapshot:
            tuned = bool(snapshot.manifest.fusion)
        if tuned and not dry_run:
            keep(folder, None)
        message = "would join the legs by the default again" if dry_run else "joins the legs by the default again"
        click.echo(f"The index in {folder} {message}." if tuned else f"The index in {folder} was not tuned.")
        return
    with Searcher.open(folder) as searcher, progress_bar(" queries", "Searching") as progress:
        result = compare(searcher, read_judged(queries), dim, folds, progress=progress)
        in_use = searcher.manifest.fusion
    kept = result.better and not dry_run
    if kept:
        keep(folder, result.tuned)
    if as_json:
        click.echo(to_json({**result.to_dict(), "kept": kept}))
        return
    show_comparison(result)
    if kept:
        click.echo(f"Kept:      searches of {folder} join the legs so from now on; `index tune --reset` undoes it")
    elif result.better:
        click.echo("Kept:      nothing, as asked for by --dry-run")
    else:
        now = "what was tuned before" if in_use else "the default"
        click.echo(f"Kept:      nothing, for this is no better than the default beyond chance; {now} stays in use")


@cli.command()
@INDEX_OPTION
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port on this machine.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--read-only", is_flag=True, help="Let nobody add or remove documents on the page.")
def ui(folder: Path, port: int, no_browser: bool, read_only: bool) -> None:
    """Explore the index in the browser, add documents and remove them. Ctrl-C ends it.

    Only this machine can reach the page; all its users can. Use --read-only where they should change nothing.
    """
    from sakuin.index import database
    from sakuin.index.uploads import MAX_MEGABYTES

    app = Path(__file__).parent.parent / "ui" / "page" / "app.py"
    options = {
        "server.address": "127.0.0.1",
        "server.port": str(port),
        "server.maxUploadSize": str(MAX_MEGABYTES),
        # Not for want of a screen: otherwise Streamlit asks for an e-mail address and advertises on the page.
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "logger.hideWelcomeMessage": "true",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "theme.light.primaryColor": "#0d9488",
        "theme.dark.primaryColor": "#2dd4bf",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    # A page elsewhere that gives this machine its own name must not speak to this one.
    flags += [f"--server.allowedHosts={name}" for name in ("127.0.0.1", "localhost")]
    arguments = ["--index", str(folder.resolve()), *(["--read-only"] if read_only else [])]
    require_free(port)
    address = f"http://127.0.0.1:{port}"
    click.echo(f"{address} shows {folder}; Ctrl-C ends it.")
    if not (folder / database.NAME).exists():
        click.echo(f"There is no index there yet: `index build CORPUS_DIR --index {folder}` makes one.", err=True)
    sys.stdout.flush()
    if not no_browser:
        subprocess.Popen([sys.executable, "-c", OPEN_WHEN_READY, address], start_new_session=True)
    os.execv(
        sys.executable,
        [sys.executable, "-m", "streamlit", "run", str(app), *flags, "--", *arguments],
    )


@cli.command()
@INDEX_OPTION
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need --key-file.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="File with a key that clients must send: `Authorization: Bearer KEY`.",
)
def serve(folder: Path, port: int, host: str, key_file: Path | None) -> None:
    """Answer searches over HTTP, and embed texts as OpenAI's API does. Ctrl-C ends it.

    \b
    index serve
    curl 'http://127.0.0.1:8000/search?query=password&k=3&where=folder%3Doffice'
    curl http://127.0.0.1:8000/search -H 'Content-Type: application/json' \\
        -d '{"query": "電車が遅れた証拠がほしい", "k": 3, "where": {"type": ["md", "docx"]}}'

    \b
    GET /search, POST /search   the arguments of `index search`; answers what its --json prints
    GET /facets, GET /info      what searches can be restricted to; what the index is
    GET /health                 whether it can be searched
    POST /v1/embeddings         vectors of texts by the model of the index
    GET /v1/models              what that model is called
    GET /openapi.json           all of this for programs

    From Python, with OpenAI's client:

    \b
    from openai import OpenAI
    client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="any, or the key")
    client.embeddings.create(model="default", input=["猫", "a cat"], dimensions=256)

    What other commands commit is searched from then on. Only this machine can reach the service, and all its users can;
    with --host others can too, who must send the key. It is sent as it is, so in a network that others can read put a
    server with TLS in front.
    """
    from sakuin.service.serving import serve

    def ready(address: str) -> None:
        click.echo(f"{address} serves {folder}; Ctrl-C ends it.")
        sys.stdout.flush()

    serve(folder, host, port, key_file, ready)
    click.echo("No longer serving.", err=True)


@contextmanager
def progress_bar(unit: str = "B", work: str = "Reading") -> Iterator["Progress"]:
    """A bar of bytes read, or of other things done, on stderr where that is a terminal."""
    from tqdm import tqdm

    with tqdm(unit=unit, unit_scale=True, desc=work, disable=None, leave=False) as bar:

        def show(name: str, done: int, total: int) -> None:
            bar.total = total
            if name:
                bar.set_postfix_str(clean(name)[-40:], refresh=False)
            bar.update(done - bar.n)

        yield show


def require_free(port: int) -> None:
    """Raise SakuinError if a server could not listen on a port of this machine."""
    import socket

    from sakuin.embedder.errors import SakuinError

    with socket.socket() as probe:
        if os.name != "nt":
            # As servers do: a port whose last server has just ended is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SakuinError(
                f"Cannot use port {port} ({error.strerror}): end what uses it, such as another `index ui`, or give "
                f"another port with --port."
            ) from error


def show_report(report: "Report", folder: Path) -> None:
    """The summary at the end of a build, an addition or a removal."""
    changes = ", ".join(
        f"{number:,} {name}"
        for name, number in (
            ("added", report.added),
            ("updated", report.updated),
            ("removed", report.removed),
            ("unchanged", report.unchanged),
        )
        if number
    )
    if report.removed_documents:
        click.echo(f"Documents: {report.removed_documents:,} removed")
    if changes or not report.removed_documents:
        click.echo(f"Files:     {changes or 'none'}")
    speed = f", {report.new_passages / report.seconds:,.0f} passages a second" if report.new_passages else ""
    show_state(report, folder, f"{report.new_passages:,} passages read in {report.seconds:.1f} s{speed}")
    show_skipped([(item.uri, item.reason) for item in report.skipped], report.partly)


def show_state(report: "Report", folder: Path, work: str) -> None:
    """How large an index is after some work."""
    again = f", {report.duplicates:,} more that repeat others" if report.duplicates else ""
    click.echo(f"Index:     {report.documents:,} documents, {report.passages:,} passages{again} ({folder})")
    click.echo(f"Work:      {work}")
    click.echo(f"Size:      {readable_size(report.bytes)}")


def show_comparison(result: "Comparison") -> None:
    """What judged queries say of the ways to join the legs."""
    from sakuin.tuning.tuning import table

    judgements, change = result.judgements, result.difference
    click.echo(f"Queries:   {len(judgements.queries):,}, at {result.dim} numbers a vector")
    if judgements.unknown:
        some = ", ".join(clean(name) for name in judgements.unknown[:3])
        click.echo(
            f"Not in the index: {len(judgements.unknown):,} judged names, such as {some}; {judgements.left_out:,} "
            f"queries left out, of which nothing is there"
        )
    for blind, reason in (
        (result.dense_blind, "Dense left out: the model knows no part of the query"),
        (result.bm25_blind, "BM25 left out: no word of the query occurs in the index"),
    ):
        if blind:
            click.echo(f"{reason}, in {blind:,} of them")
    for line in table(result):
        click.echo(line)
    click.echo(f"Best:      {result.tuned}")
    click.echo(
        f"Change:    {100 * change.value:+.1f} nDCG@10, tuned less default (95 % interval {100 * change.low:+.1f} to "
        f"{100 * change.high:+.1f})"
    )


def read_where(given: Sequence[str]) -> dict[str, list[str]]:
    """Values by field, of FIELD=VALUE; raises click.BadParameter where one is of another form."""
    from sakuin.index.filters import where_of

    try:
        return where_of(given)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--where") from error


def show_skipped(files: Sequence[tuple[str, str]], partly: int, everything: bool = False) -> None:
    """The files of which nothing, or not all, was taken, and why.

    Args:
        files: Name and reason of each.
        partly: How many of them were taken in part.
        everything: List all.
    """
    if not files:
        return
    wholly = len(files) - partly
    parts = [count_files(wholly)] if wholly else []
    parts += [f"parts of {count_files(partly)}"] if partly else []
    click.echo(f"Skipped:   {', '.join(parts)}")
    show_reasons(files, len(files) if everything else SKIPPED_SHOWN)
    if not everything and len(files) > SKIPPED_SHOWN:
        click.echo("  `index info --files` lists all.")


def show_reasons(skipped: Sequence[tuple[str, str]], most: int) -> None:
    """The first of what was left out, each with the reason, and how many more there are."""
    for uri, reason in skipped[:most]:
        click.echo(f"  {clean(uri)}: {clean(reason)}")
    if len(skipped) > most:
        click.echo(f"  ... and {len(skipped) - most:,} more")


def count_files(number: int) -> str:
    """A number of files in words."""
    return f"{number:,} file{'' if number == 1 else 's'}"


def show_emptiness(folder: Path, corpus: str, skipped: int) -> None:
    """That an index holds no documents, and how some get into it."""
    index = [] if folder == Path(DEFAULT_INDEX) else ["--index", str(folder)]
    click.echo(f"The index in {folder} holds no documents.", err=True)
    if skipped:
        click.echo(
            f"{count_files(skipped)} could not be read: `{shlex.join(['index', 'info', *index])}` says why.", err=True
        )
    if corpus:
        command = shlex.join(["index", "build", corpus, *index])
        click.echo(f"Put documents into {corpus} and run `{command}`.", err=True)
    else:
        click.echo(f"`{shlex.join(['index', 'add', 'FILE', *index])}` puts some in.", err=True)


def show_result(result: "SearchResult") -> None:
    """Hits for people."""
    from sakuin.search.results import Notice

    for notice in result.notices:
        click.echo(f"Note: {notice}", err=True)
    if Notice.NOTHING_MATCHES_FILTER in result.notices:
        click.echo("`index info --facets` lists fields and their values.", err=True)
    if not result.hits:
        click.echo("Nothing found.")
        return
    for hit in result.hits:
        legs = [
            f"{name} {f'#{leg.rank} ' if leg.rank else ''}{leg.score:.3f}"
            for name, leg in (("dense", hit.dense), ("bm25", hit.bm25))
            if leg
        ]
        title = click.style(clean(hit.document.title), bold=True)
        click.echo(f"{hit.rank:2}. {title}  {click.style(clean(hit.document.uri), fg='cyan')}")
        if hit.heading and hit.heading != hit.document.title:
            click.echo(f"    {clean(hit.heading)}")
        click.echo(f"    {snippet(hit, mark)}")
        if hit.places > 1:
            again = f"the same passage stands in {hit.places - 1:,} more place{'s' if hit.places > 2 else ''}"
            click.echo(click.style(f"    {again}", dim=True))
        relevance = "" if hit.relevance is None else f"relevance {100 * hit.relevance:.0f} %, score "
        click.echo(click.style(f"    {relevance}{hit.score:.3f}  ({', '.join(legs)})", dim=True))
        if hit.explanation:
            for line in hit.explanation.text(depth=6, width=5).splitlines():
                words = line.lstrip(" ")
                click.echo(click.style(" " * (4 + len(line) - len(words)) + clean(words), dim=True))
    where = f", {result.dim} dimensions" if result.dim else ""
    click.echo(click.style(f"{result.mode}{where}, {1000 * result.seconds:.0f} ms", dim=True), err=True)


def snippet(hit: "Hit", mark: Callable[[str], str]) -> str:
    """A stretch of the passage on one line, from shortly before the first highlight, with highlights marked."""
    first = hit.highlights[0][0] if hit.highlights else 0
    start = max(0, min(first - 40, len(hit.text) - SNIPPET_CHARACTERS))
    stop = min(len(hit.text), start + SNIPPET_CHARACTERS)
    parts, at = ["…" if start else ""], start
    for low, high in hit.highlights:
        low, high = max(low, at), min(high, stop)
        if low < high:
            parts += [clean(hit.text[at:low]), mark(clean(hit.text[low:high]))]
            at = high
    return "".join([*parts, clean(hit.text[at:stop]), "…" if stop < len(hit.text) else ""])


def mark(text: str) -> str:
    """Highlighted on a terminal, plain elsewhere."""
    return click.style(text, fg="yellow", bold=True)


def clean(text: str) -> str:
    """Document text on one line and without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def readable_size(size: int) -> str:
    """Bytes as people read them."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def to_json(value: Any) -> str:
    """JSON, Japanese left readable."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def main() -> None:
    """Run the command line."""
    run(cli, "index", "The last commit, if there was one, stands; the same command does the rest.")
