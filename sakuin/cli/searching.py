"""The command that searches, and how it shows hits."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sakuin.cli.asking import QueryCommand
from sakuin.cli.language import fact, failure, language, say
from sakuin.cli.options import indexes_option
from sakuin.cli.output import clean, count_files, to_json
from sakuin.index import DEFAULT_INDEX

if TYPE_CHECKING:
    from sakuin.search.explanation import Explanation, Wording
    from sakuin.search.results import Hit, HitDocument, LegScore, Matches, PassageHit, SearchResult

SNIPPET_CHARACTERS = 200
# Of a passage that stands in many.
PLACES_SHOWN = 3
# Of a field.
VALUES_SHOWN = 10


@click.command(cls=QueryCommand)
@click.argument("query")
@indexes_option("Folder of the index. Given again, several are searched as one index of all their documents.")
@click.option("-k", default=10, show_default=True, help="Number of hits.")
@click.option(
    "--group",
    type=click.Choice(["document", "passage"]),
    default="document",
    show_default=True,
    help="What a hit is: a document, in the place of its best passage, or a passage.",
)
@click.option("--passages", default=3, show_default=True, help="Best passages to show of each document.")
@click.option("--offset", default=0, show_default=True, help="Leave out so many of the first hits.")
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "dense", "bm25"]),
    default="hybrid",
    show_default=True,
    help="By meaning and words, by meaning, or by words.",
)
@click.option("--dim", type=int, help="Compare only the first so many dimensions of the vectors [default: all stored].")
@click.option(
    "--rescore",
    type=int,
    help="In a large index, how many first-stage candidates of dense search to compare exactly: more is surer and "
    "slower [default: enough for 98 % of the ten nearest, 2000 at 256 dimensions].",
)
@click.option("--explain", is_flag=True, help="Show what each score is made of, down to words.")
@click.option(
    "--where",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Search only documents whose metadata has this value; folder=, type=, id= and uri= are the document's own. "
    "Given again, a field may have either value, and each further field must match too. Also FIELD!=VALUE, "
    "FIELD>=VALUE and so on for numbers and dates, FIELD^=PREFIX, FIELD? (it has the field), or JSON such as "
    '\'{"$or": [{"year": 2024}, {"tags": "new"}]}\'. `index info --facets` lists fields.',
)
@click.option(
    "--min-relevance",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Leave out hits that answer the query with a lower probability, such as 0.3.",
)
@click.option(
    "--rerank",
    metavar="NAME",
    help="Ask a transformer for a second opinion on the first hits: e5-small, a folder, or a name of the hub; none for "
    "none [default: what `index tune` chose for the index].",
)
@click.option("--top", default=20, show_default=True, help="Ask it about so many of the first passages.")
@click.option(
    "--sort",
    metavar="FIELD",
    help="Put the best hits, those likely to answer, into the order of a field: year, or -date for the newest first.",
)
@click.option(
    "--recency",
    metavar="HALF-LIFE",
    help="Move up newer documents by a tenth of the best score at most, half as much after this time: 90d, 8w, 6m, 1y.",
)
@click.option(
    "--syntax/--no-syntax",
    default=True,
    show_default=True,
    help="Whether quotes, -word, title:, OR, FIELD:VALUE, after: and before: ask something of hits, as below.",
)
@click.option(
    "--facets", is_flag=True, help="Say, too, which values of metadata the documents have that match, shown or not."
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON; short for --format json.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "md"]),
    default="text",
    show_default=True,
    help="For people, for programs, for a spreadsheet (UTF-8, nothing in it is a formula), or Markdown.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to a file, as its ending says: .json, .csv (as Excel reads it), .md; --format says otherwise.",
)
def search(
    query: str,
    folders: tuple[Path, ...],
    k: int,
    group: str,
    passages: int,
    offset: int,
    mode: str,
    dim: int | None,
    rescore: int | None,
    explain: bool,
    where: tuple[str, ...],
    min_relevance: float,
    rerank: str | None,
    top: int,
    sort: str | None,
    recency: str | None,
    syntax: bool,
    facets: bool,
    as_json: bool,
    form: str,
    output: Path | None,
) -> None:
    """Find the documents that answer QUERY, each with its best passages.

    QUERY is any text. What it asks in these forms holds for every hit, whichever way it was found:

    \b
      "exact phrase"      it stands there    -word  -"phrase"    it does not
      title:word          in the title       this OR that        one of them
      type:pdf author:田中                   metadata, folder, id, uri
      after:2024-04 before:2025              the document's date

    \b
    index search "電車が遅れた証拠がほしい"
    index search "how do I reset my password" -k 3 --mode dense --dim 64
    index search "家で働くときのルール" -k 1 --explain
    index search "電車が遅れた証拠がほしい" --rerank e5-small
    index search "経費" --where folder=office --where type=md --where type=docx
    index search '経費 "領収書" -旅費 after:2024-04'
    index search "議事録" --recency 90d
    index search "経費" --json | jq '.hits[].document.uri'
    index search "経費" -k 50 --output hits.csv
    index search "経費" --index office --index archive
    index search "経費" --facets
    """
    from sakuin.search import Searcher, SearchRequest

    if as_json and form not in ("text", "json"):
        raise click.UsageError(say("Give either --json or --format."))
    form = "json" if as_json else form
    if output and form == "text":
        form = ending_of(output)
    request = SearchRequest(
        query=query,
        k=k,
        mode=mode,
        dim=dim,
        rescore=rescore,
        explain=explain,
        where=read_where(where),
        min_relevance=min_relevance,
        group=group,
        passages=passages,
        offset=offset,
        rerank=False if rerank == "none" else rerank,
        top=top,
        sort=sort,
        recency=recency,
        syntax=syntax,
        facets=facets,
    )
    with Searcher.open(folders) as searcher:
        if not searcher.manifest.passages:
            show_emptiness(folders[0], searcher.manifest.corpus, searcher.counts()["skipped"])
            if form == "text":
                return
        result = searcher.answer(request)
    if output:
        write(result, form, output)
        return
    if form != "text":
        click.echo(printed(result, form), nl=form == "json")
        return
    if min_relevance and len(result.hits) < k:
        told = "Note: only hits of a relevance of {percent:g} % or more are shown."
        click.echo(say(told, percent=100 * min_relevance), err=True)
    show_result(result)


def printed(result: "SearchResult", form: str) -> str:
    """An answer for programs, spreadsheets or notes."""
    from sakuin.search.export import hits_csv, hits_markdown

    if form == "json":
        return to_json(result.to_dict())
    return hits_csv(result) if form == "csv" else hits_markdown(result)


def ending_of(output: Path) -> str:
    """The form of a file, by its ending; raises click.BadParameter where it is another."""
    form = output.suffix.lower().removeprefix(".")
    if form not in ("json", "csv", "md"):
        raise click.BadParameter(
            f"{output} ends in none of .json, .csv and .md: choose one, or give --format.", param_hint="--output"
        )
    return form


def write(result: "SearchResult", form: str, output: Path) -> None:
    """Write an answer to a file; Excel takes CSV for UTF-8 by the mark at its beginning."""
    from sakuin.files import atomic_write

    encoding = "utf-8-sig" if form == "csv" else "utf-8"
    try:
        with atomic_write(output) as path:
            path.write_text(printed(result, form) + ("\n" if form == "json" else ""), encoding=encoding, newline="")
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror or error}.") from error
    told = "{n:,} hit written to {file}" if len(result.hits) == 1 else "{n:,} hits written to {file}"
    click.echo(say(told, n=len(result.hits), file=output), err=True)


def read_where(given: Sequence[str]) -> dict[str, Any]:
    """A filter, of FIELD=VALUE and the like; raises click.BadParameter where one is of another form."""
    from sakuin.index.errors import FilterError
    from sakuin.index.where import condition_of, where_of

    try:
        where = where_of(given)
        condition_of(where)
        return where
    except FilterError as error:
        raise click.BadParameter(failure(error), param_hint="--where") from error


def show_emptiness(folder: Path, corpus: str, skipped: int) -> None:
    """That an index holds no documents, and how some get into it."""
    index = [] if folder == Path(DEFAULT_INDEX) else ["--index", str(folder)]
    click.echo(say("The index in {folder} holds no documents.", folder=folder), err=True)
    if skipped:
        told, command = "{files} could not be read: `{command}` says why.", shlex.join(["index", "info", *index])
        click.echo(say(told, files=count_files(skipped), command=command), err=True)
    if corpus:
        command = shlex.join(["index", "build", corpus, *index])
        click.echo(say("Put documents into {corpus} and run `{command}`.", corpus=corpus, command=command), err=True)
    else:
        click.echo(say("`{command}` puts some in.", command=shlex.join(["index", "add", "FILE", *index])), err=True)


def show_result(result: "SearchResult") -> None:
    """Hits for people."""
    from sakuin.search.results import located

    for notice in result.notices:
        click.echo(say("Note: {notice}", notice=fact(notice)), err=True)
    if result.suggestions:
        offered = ", ".join(clean(suggestion.query) for suggestion in result.suggestions)
        click.echo(say("Did you mean: {offered}", offered=offered), err=True)
    if any(notice.code == "nothing_matches_filter" for notice in result.notices):
        click.echo(say("`index info --facets` lists fields and their values."), err=True)
    if not result.hits:
        click.echo(say("Nothing found."))
        return
    for hit in result.hits:
        legs = [leg_line(name, leg) for name, leg in hit.legs.items()]
        title = click.style(clean(hit.document.title), bold=True)
        where = clean(", ".join(map(fact, located(hit.position))))
        name = click.style(clean(named(hit.document)), fg="cyan")
        sorted_by = f"  {clean(hit.sorted_by)}" if hit.sorted_by and hit.sorted_by != hit.document.id else ""
        click.echo(f"{hit.rank:2}. {title}  {name}{f'  {where}' if where else ''}{sorted_by}")
        if hit.heading and hit.heading != hit.document.title:
            click.echo(f"    {clean(hit.heading)}")
        click.echo(f"    {snippet(hit, mark)}")
        for passage in hit.passages[1:]:
            click.echo(f"    - {snippet(passage, mark)}")
        if hit.more_passages:
            told = (
                "{n:,} more passage in this document"
                if hit.more_passages == 1
                else "{n:,} more passages in this document"
            )
            click.echo(click.style(f"    {say(told, n=hit.more_passages)}", dim=True))
        if hit.place_count > 1:
            some = list(dict.fromkeys(clean(named(place.document)) for place in hit.places[1 : 1 + PLACES_SHOWN]))
            others = hit.place_count - 1 - len(hit.places[1 : 1 + PLACES_SHOWN])
            also = say(", ").join(some) + (say(" and {n:,} more places", n=others) if others else "")
            click.echo(click.style(f"    {say('also in {places}', places=also)}", dim=True))
        told = "relevance {percent:.0f} %, score "
        relevance = "" if hit.relevance is None else say(told, percent=100 * hit.relevance)
        click.echo(click.style(f"    {relevance}{hit.score:.3f}  ({say(', ').join(legs)})", dim=True))
        if hit.explanation:
            for line in hit.explanation.text(depth=6, width=5, wording=wording()).splitlines():
                words = line.lstrip(" ")
                click.echo(click.style(" " * (4 + len(line) - len(words)) + clean(words), dim=True))
    if result.matches:
        show_matches(result.matches)
    where = say(", {dim} dimensions", dim=result.dim) if result.dim else ""
    click.echo(
        click.style(say("{search}, {ms:.0f} ms", search=f"{result.mode}{where}", ms=1000 * result.seconds), dim=True),
        err=True,
    )


def leg_line(name: str, leg: "LegScore") -> str:
    """What a leg thought of a hit."""
    rank = say("#{rank} ", rank=leg.rank) if leg.rank else ""
    return f"{say(name)} {rank}{leg.score:.3f}"


def wording() -> "Wording | None":
    """How explanations are put, in the language of messages."""
    from sakuin.search.explanation import Wording

    if language() == "en":
        return None
    operations = {"sum": ", sum of", "product": ", product of"}
    parts = {name: say(name) for name in ("query", "title", "heading", "text")}
    return Wording(described, {name: say(told) for name, told in operations.items()} | {"": ""}, parts)


def described(explanation: "Explanation") -> str:
    """What a number of an explanation is; names of legs and sides are words of ours, too."""
    own = {name: say(str(explanation.data[name])) for name in ("leg", "side") if name in explanation.data}
    return fact(replace(explanation, data={**explanation.data, **own}))


def show_matches(matches: "Matches") -> None:
    """Which values the documents have that match."""
    told = "{n:,} document matches:" if matches.documents == 1 else "{n:,} documents match:"
    click.echo(say(told, n=matches.documents))
    for facet in matches.facets:
        shown = [f"{clean(value)} {number:,}" for value, number in facet.values[:VALUES_SHOWN]]
        rest = ["…"] if len(facet.values) > VALUES_SHOWN else []
        click.echo(f"    {click.style(clean(facet.name), bold=True)}  {', '.join([*shown, *rest])}")


def named(document: "HitDocument") -> str:
    """What a document is called: its id, behind the name of its index where there are several."""
    return f"{document.index}: {document.id}" if document.index else document.id


def snippet(hit: "Hit | PassageHit", mark: Callable[[str], str]) -> str:
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
