"""The commands that read: a document, a passage with what stands around it, documents like one, and duplicates."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sakuin.cli.language import fact, say
from sakuin.cli.options import indexes_option
from sakuin.cli.output import clean, to_json
from sakuin.cli.searching import SNIPPET_CHARACTERS, read_where

if TYPE_CHECKING:
    from sakuin.search import DocumentPassage

INDEXES_OPTION = indexes_option(
    "Folder of the index. Given again, several are searched as one index of all their documents."
)


@click.command()
@click.argument("document_id", metavar="ID")
@INDEXES_OPTION
@click.option(
    "--around",
    "passage",
    metavar="PASSAGE",
    help="Only this passage and its neighbours: its number in the document, from 1, or its passage_id, as "
    "`index search --json` has it.",
)
@click.option("--neighbours", default=2, show_default=True, help="With --around, passages before and after it.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print text, metadata, passages with offsets and outline as JSON."
)
def read(document_id: str, folders: tuple[Path, ...], passage: str | None, neighbours: int, as_json: bool) -> None:
    """Read the document ID, as hits name it.

    \b
    index read office/yukyu-kyuka.md
    index read office/yukyu-kyuka.md --around 3
    index read faq.jsonl#12 --json | jq '.outline'
    """
    from sakuin.index.corpus import readable
    from sakuin.search import Searcher
    from sakuin.search.reading import named

    name = readable(document_id)
    with Searcher.open(folders) as searcher:
        if passage is None:
            document = searcher.document(name)
            if as_json:
                click.echo(to_json(document.to_dict()))
                return
            show_head(document.title, document.id, document.index)
            click.echo(lines(document.text))
            return
        excerpt = searcher.read(named(passage), document=name, around=neighbours)
    if as_json:
        click.echo(to_json(excerpt.to_dict()))
        return
    show_head(excerpt.title, excerpt.id, excerpt.index)
    click.echo(click.style(place(excerpt.passage), dim=True))
    start, end = excerpt.passage.start - excerpt.start, excerpt.passage.end - excerpt.start
    before, asked, after = excerpt.text[:start], excerpt.text[start:end], excerpt.text[end:]
    click.echo(lines(before) + click.style(lines(asked), bold=True) + lines(after))


@click.command()
@click.argument("document_id", metavar="ID")
@INDEXES_OPTION
@click.option("--passage", metavar="PASSAGE", help="Like this passage of it: its number, from 1, or its passage_id.")
@click.option("-k", default=10, show_default=True, help="Number of documents.")
@click.option("--where", multiple=True, metavar="FIELD=VALUE", help="Only such documents, as for `index search`.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def similar(
    document_id: str, folders: tuple[Path, ...], passage: str | None, k: int, where: tuple[str, ...], as_json: bool
) -> None:
    """Find the documents nearest in meaning to the document ID, or to a passage of it.

    Scores are cosines: of the means of both documents' passages; with --passage, of the passage and the nearest one
    of each document.

    \b
    index similar office/yukyu-kyuka.md
    index similar office/yukyu-kyuka.md --passage 2 --where type=md
    """
    from sakuin.index.corpus import readable
    from sakuin.search import Searcher
    from sakuin.search.reading import named

    asked = None if passage is None else named(passage)
    with Searcher.open(folders) as searcher:
        found = searcher.similar(readable(document_id), passage=asked, k=k, where=read_where(where))
    if as_json:
        click.echo(to_json(found.to_dict()))
        return
    if not found.documents:
        click.echo(say("Nothing found."))
    for one in found.documents:
        click.echo(f"{one.rank:2}. {click.style(f'{one.score:.3f}', dim=True)} ", nl=False)
        show_head(one.document.title, one.document.id, one.document.index)
        text = clean(one.nearest.text)
        click.echo(f"    {text[:SNIPPET_CHARACTERS]}{'…' if len(text) > SNIPPET_CHARACTERS else ''}")


@click.command()
@INDEXES_OPTION
@click.option(
    "--above",
    type=click.FloatRange(0, 1),
    default=0.95,
    show_default=True,
    help="Pairs whose vectors have this cosine or more.",
)
@click.option(
    "--most",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="At most so many groups with the same text, and pairs.",
)
@click.option("--where", multiple=True, metavar="FIELD=VALUE", help="Only such documents, as for `index search`.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def duplicates(folders: tuple[Path, ...], above: float, most: int, where: tuple[str, ...], as_json: bool) -> None:
    """List documents that say the same: those with the same text first, then pairs that are nearly alike.

    \b
    index duplicates
    index duplicates --above 0.9 --where folder=office
    """
    from sakuin.search import Searcher

    with Searcher.open(folders) as searcher:
        found = searcher.duplicates(above=above, most=most, where=read_where(where))
    if as_json:
        click.echo(to_json(found.to_dict()))
        return
    for group in found.exact:
        click.echo(say("The same text, {n:,} documents:", n=group.count))
        for document in group.documents:
            click.echo("    ", nl=False)
            show_head(document.title, document.id, document.index)
        if group.count > len(group.documents):
            click.echo(say("    ... and {n:,} more", n=group.count - len(group.documents)))
    for pair in found.near:
        click.echo(say("Cosine {cosine:.3f}:", cosine=pair.cosine))
        for document in pair.documents:
            click.echo("    ", nl=False)
            show_head(document.title, document.id, document.index)
    if not found.exact and not found.near:
        told = "No two documents have the same text, or vectors of a cosine of {above:g} or more."
        click.echo(say(told, above=above))
    if found.more:
        click.echo(say("There are more: see --most."), err=True)


def show_head(title: str, name: str, index: str) -> None:
    """Title and id of a document, and the index where there are several."""
    own = f"{index}: {name}" if index else name
    click.echo(f"{click.style(clean(title), bold=True)}  {click.style(clean(own), fg='cyan')}")


def place(passage: "DocumentPassage") -> str:
    """Where a passage stands, in a line."""
    from sakuin.search.results import located

    parts = [say("passage {n:,}", n=passage.number), *map(fact, located(passage.position)), passage.heading]
    return clean(", ".join(part for part in parts if part))


def lines(text: str) -> str:
    """Text without control characters but for line breaks."""
    return "\n".join(map(clean, text.split("\n")))
