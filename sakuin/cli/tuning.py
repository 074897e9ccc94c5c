"""The command that fits the fusion of both legs to judged queries."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sakuin.cli.language import fact, phrase, say
from sakuin.cli.options import INDEX_OR_CLUSTER_OPTION
from sakuin.cli.output import clean, columns, padded, progress_bar, to_json

if TYPE_CHECKING:
    from sakuin.cluster.manifest import ClusterManifest
    from sakuin.index.store import Manifest
    from sakuin.search.fusion import Fusion
    from sakuin.tuning.fitting import FusionComparison
    from sakuin.tuning.opinion import OpinionComparison
    from sakuin.tuning.significance import Estimate


@click.command()
@INDEX_OR_CLUSTER_OPTION
@click.option(
    "--queries",
    type=click.Path(path_type=Path),
    help="JSON Lines of judged queries [default: what was judged in the index, see `index judgements`].",
)
@click.option("--dim", type=int, help="Compare only the first so many dimensions of the vectors [default: all stored].")
@click.option("--folds", type=click.IntRange(2, 20), default=5, show_default=True, help="Of the cross-validation.")
@click.option(
    "--rerank",
    metavar="NAME",
    help="Also ask this transformer for a second opinion, such as e5-small, and do so in every hybrid search from then "
    "on if that is better beyond chance.",
)
@click.option("--dry-run", is_flag=True, help="Only show the figures.")
@click.option("--reset", is_flag=True, help="Go back to the default, whatever was tuned.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def tune(
    folder: Path,
    queries: Path | None,
    dim: int | None,
    folds: int,
    rerank: str | None,
    dry_run: bool,
    reset: bool,
    as_json: bool,
) -> None:
    """Fit to the index how much words count beside meaning, by queries whose answers you know.

    \b
    index tune                                           with what was judged on the page
    index tune --queries judged.jsonl
    index tune --queries judged.jsonl --rerank e5-small
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
    from sakuin.search import Searcher
    from sakuin.tuning.fitting import compare_fusions
    from sakuin.tuning.judged import read_judged
    from sakuin.tuning.judgements import read, require_judged
    from sakuin.tuning.opinion import compare_opinion

    if reset and queries is not None:
        raise click.UsageError(say("Give either --queries, to tune, or --reset."))
    keep = keeping(folder)
    if reset:
        manifest = keep.manifest()
        tuned, asked = bool(manifest.fusion), bool(manifest.rerank)
        if tuned and not dry_run:
            keep.fusion(None)
        if asked and not dry_run:
            keep.opinion("")
        show_reset(folder, tuned=tuned, asked=asked, dry_run=dry_run)
        return
    with Searcher.open(folder) as searcher, progress_bar("queries", "Searching") as progress:
        judged = read_judged(queries) if queries else require_judged(read(searcher.folder), folder)
        result = compare_fusions(searcher, judged, dim=dim, folds=folds, progress=progress)
        in_use = searcher.manifest.fusion
        kept = result.better and not dry_run
        if kept:
            keep.fusion(result.tuned)
        opinion = compare_opinion(searcher, judged, rerank, dim=dim, progress=progress) if rerank else None
        if opinion and not dry_run:
            keep.opinion(opinion.name if opinion.better else "")
    if as_json:
        click.echo(to_json({**result.to_dict(), "kept": kept, "rerank": opinion.to_dict() if opinion else None}))
        return
    show_comparison(result)
    if kept:
        told = "Kept:      searches of {folder} fuse the legs so from now on; `index tune --reset` undoes it"
        click.echo(say(told, folder=folder))
    elif result.better:
        click.echo(say("Kept:      nothing, as asked for by --dry-run"))
    else:
        now = say("what was tuned before" if in_use else "the default")
        told = "Kept:      nothing, for this is no better than the default beyond chance; {now} stays in use"
        click.echo(say(told, now=now))
    if opinion:
        show_opinion(opinion, dry_run)


@dataclass(frozen=True, slots=True)
class Keeping:
    """Keeps what tuning found, in an index or in a cluster.

    Attributes:
        fusion: Keeps a fusion; None goes back to the default.
        opinion: Keeps a second opinion, by its name; "" for none.
        manifest: Tells what is kept.
    """

    fusion: "Callable[[Fusion | None], None]"
    opinion: Callable[[str], None]
    manifest: "Callable[[], Manifest | ClusterManifest]"


def keeping(folder: Path) -> Keeping:
    """What keeps in the index or the cluster in a folder what tuning found."""
    from sakuin.cluster import tuned
    from sakuin.cluster.manifest import require
    from sakuin.index.snapshot import open_index
    from sakuin.tuning import fitting, opinion

    if place := tuned.cluster_at(folder):
        return Keeping(partial(tuned.keep_fusion, place), partial(tuned.keep_opinion, place), partial(require, place))

    def manifest() -> "Manifest":
        with closing(open_index(folder)) as snapshot:
            return snapshot.manifest

    return Keeping(partial(fitting.keep, folder), partial(opinion.keep_opinion, folder), manifest)


def show_reset(folder: Path, *, tuned: bool, asked: bool, dry_run: bool) -> None:
    """What was undone, or would be."""
    undone = ["{where} fuses the legs by the default again."] * tuned
    undone += ["{where} asks for no second opinion any more."] * asked
    where = say(
        "The index in {folder}, without --dry-run" if undone and dry_run else "The index in {folder}", folder=folder
    )
    for told in undone or ["{where} was not tuned."]:
        click.echo(say(told, where=where))


def show_opinion(opinion: "OpinionComparison", dry_run: bool) -> None:
    """What a second opinion is worth."""
    change = opinion.difference
    click.echo(say("Second opinion by {name}, nDCG@10:", name=clean(opinion.name)))
    click.echo(say("  without  {figure}", figure=printed(opinion.without)))
    click.echo(say("  with it  {figure}", figure=printed(opinion.with_it)))
    interval = {"change": 100 * change.value, "low": 100 * change.low, "high": 100 * change.high}
    click.echo(say("  change   {change:+.1f} (95 % interval {low:+.1f} to {high:+.1f})", **interval))
    if not opinion.better:
        click.echo(say("Kept:      no second opinion, for it is no better beyond chance"))
    elif dry_run:
        click.echo(say("Kept:      no second opinion, as asked for by --dry-run"))
    else:
        click.echo(say("Kept:      hybrid searches ask for it from now on; `index tune --reset` undoes it"))


def show_comparison(result: "FusionComparison") -> None:
    """What judged queries say of the ways to fuse the legs."""
    judgements, change = result.judgements, result.difference
    click.echo(say("Queries:   {n:,}, at {dim} dimensions", n=len(judgements.queries), dim=result.dim))
    if judgements.unknown:
        some = ", ".join(clean(name) for name in judgements.unknown[:3])
        told = (
            "Not in the index: {n:,} judged names, such as {some}; {left_out:,} queries left out, of which nothing is "
            "there"
        )
        click.echo(say(told, n=len(judgements.unknown), some=some, left_out=judgements.left_out))
    for number, reason in (
        (result.dense_no_match, "Dense left out: the model knows no part of the query, in {n:,} of them"),
        (result.bm25_no_match, "BM25 left out: no word of the query occurs in the index, in {n:,} of them"),
    ):
        if number:
            click.echo(say(reason, n=number))
    for line in table(result):
        click.echo(line)
    click.echo(say("Best:      {fusion}", fusion=phrase(str(result.tuned))))
    interval = {"change": 100 * change.value, "low": 100 * change.low, "high": 100 * change.high}
    told = "Change:    {change:+.1f} nDCG@10, tuned less default (95 % interval {low:+.1f} to {high:+.1f})"
    click.echo(say(told, **interval))


def table(comparison: "FusionComparison") -> list[str]:
    """Lines for a terminal: figures times 100 with their intervals."""
    width = max(columns(fact(own.way)) for own in comparison.rows)
    lines = [f"{'':{width}}  {'nDCG@10':21}{'MRR@10':21}{'recall@10'}"]
    for own in comparison.rows:
        cells = [f"{printed(each):21}" for each in (own.ndcg, own.mrr, own.recall)]
        lines.append(f"{padded(fact(own.way), width)}  {''.join(cells)}".rstrip())
    return lines


def printed(estimate: "Estimate") -> str:
    """A figure and its interval, times 100."""
    return f"{100 * estimate.value:5.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
