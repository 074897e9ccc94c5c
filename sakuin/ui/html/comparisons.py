"""Settings and dimensions compared, as HTML."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sakuin.ui.html.pieces import MAX_EXCERPT, isolated, note, percent, soft
from sakuin.ui.words import Words

if TYPE_CHECKING:
    from sakuin.tuning.by_dimension import QueryByDimension
    from sakuin.tuning.fitting import FusionComparison
    from sakuin.tuning.significance import Difference, Estimate
    from sakuin.tuning.summaries import QueryChange, SettingSummary

# Of a query in a link: the server refuses addresses of more than 64 kB.
MAX_LINKED = 5_000


def kept_bars(followed: "QueryByDimension", words: Words) -> str:
    """How many of the last dimension's first passages are among the first at each, as bars."""
    bars = "".join(
        f'<dt>{escape(words("kept_at", dim=dim))}</dt><dd class="sk-bar"><i class="dense" '
        f'style="width: {percent(kept, followed.first)}%"></i></dd><dd>{kept} / {followed.first}</dd>'
        for dim, kept in zip(followed.dimensions, followed.kept, strict=True)
    )
    title = words("kept_of", full=followed.dimensions[-1], first=followed.first)
    return f'<div class="sk"><h3>{escape(title)}</h3><dl class="sk-dims">{bars}</dl></div>'


def rank_table(followed: "QueryByDimension", cutoff: int) -> str:
    """A numbered row for each passage, a column for each dimension: its rank there and, below, its score."""
    head = "".join(f'<th scope="col">{dim}</th>' for dim in followed.dimensions)
    body = ""
    for number, passage in enumerate(followed.passages, 1):
        cells = ""
        for rank, score in zip(passage.ranks, passage.scores, strict=True):
            kind = "" if rank and rank <= cutoff else ' class="soft"'
            cells += "<td>–</td>" if rank is None else f"<td><b{kind}>{rank}</b><br><span>{score:.3f}</span></td>"
        body += (
            f'<tr><th scope="row"><span class="sk-no">{number}</span></th><td class="sk-found">'
            f"<b>{isolated(passage.hit.document.title)}</b>"
            f'<div class="soft sk-excerpt" dir="auto">{escape(passage.hit.text[:MAX_EXCERPT])}</div></td>{cells}</tr>'
        )
    return (
        f'<div class="sk sk-scroll sk-ranks" tabindex="0"><table><thead><tr><td></td><td></td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def number_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of our own words and numbers; the first of each row is its name."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<div class="sk sk-scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def settings_table(rows: Sequence[tuple[str, "SettingSummary"]], k: int, words: Words) -> str:
    """Settings with their means times 100, intervals, and differences to the base."""
    columns = [words("setting"), f"nDCG@{k}", f"MRR@{k}", f"recall@{k}", words("difference"), words("p_value")]
    body = []
    for name, row in rows:
        cells = "".join(f"<td>{interval(own)}</td>" for own in (row.ndcg, row.mrr, row.recall))
        if row.difference is None:
            cells += f'<td class="soft">{escape(words("is_base"))}</td><td></td>'
        else:
            sure = ("up" if row.difference.low > 0 else "down") if row.difference.low * row.difference.high > 0 else ""
            cells += f'<td class="{sure}">{interval(row.difference, "+")}</td><td>{significance(row.difference.p)}</td>'
        body.append(f"<tr><td>{escape(name)}</td>{cells}</tr>")
    return compared_table(columns, body)


def significance(p: float) -> str:
    """A p-value; one that is rounded to 0 is not 0."""
    return f"{p:.3f}" if p >= 0.001 else "&lt; 0.001"


def interval(estimate: "Estimate | Difference", sign: str = "") -> str:
    """A figure times 100 and its interval."""
    low, high = 100 * estimate.low, 100 * estimate.high
    return f'<b>{100 * estimate.value:{sign}.1f}</b> <span class="soft">[{low:{sign}.1f}, {high:{sign}.1f}]</span>'


def change_counts(rows: Sequence["QueryChange"], words: Words) -> str:
    """How many queries another setting is better and worse for."""
    better, worse = sum(row.change > 0 for row in rows), sum(row.change < 0 for row in rows)
    return words("by_query_counts", better=better, worse=worse, same=len(rows) - better - worse)


def query_table(rows: Sequence["QueryChange"], settings: Mapping[str, Mapping[str, str]], words: Words) -> str:
    """Queries with where two settings rank the first relevant document, each a link to that search.

    Args:
        rows: The queries.
        settings: The name of the base and that of the other setting, one name where both are the same, each with what
            the address of its searches says beside the query.
        words: Of the language.
    """
    body = []
    for row in rows:
        cells = ""
        for rank, search in zip((row.base_rank, row.other_rank), settings.values(), strict=False):
            found = words("rank_number", rank=rank) if rank else words("not_found")
            address = escape("./?" + urlencode({"q": row.query[:MAX_LINKED], **search}))
            cells += f'<td><a href="{address}" target="_blank" rel="noopener">{escape(found)}</a></td>'
        sign = "up" if row.change > 0 else "down" if row.change < 0 else "soft"
        body.append(f'<tr><td>{isolated(row.query)}</td>{cells}<td class="{sign}">{100 * row.change:+.1f}</td></tr>')
    table = compared_table([words("query_column"), *settings, words("change")], body)
    return f'<div class="sk"><p class="soft small">{escape(words("first_found"))}</p></div>{table}'


def tuning(comparison: "FusionComparison", words: Words, *, kept: bool = False) -> str:
    """Ways of fusing the legs, and whether tuning is worth it; ``kept`` where it is in use if it is better."""
    columns = [words("setting"), "nDCG@10", "MRR@10", "recall@10"]
    body = []
    for row in comparison.rows:
        cells = "".join(f"<td>{interval(own)}</td>" for own in (row.ndcg, row.mrr, row.recall))
        body.append(f"<tr><td>{escape(words.fact(row.way))}</td>{cells}</tr>")
    change = comparison.difference
    said = words(
        ("tuning_kept" if kept else "tuning_better") if comparison.better else "tuning_same",
        change=f"{100 * change.value:+.1f}",
        low=f"{100 * change.low:+.1f}",
        high=f"{100 * change.high:+.1f}",
    )
    chosen = words("tuning_chosen", weight=comparison.tuned.bm25_weight, covered=comparison.tuned.covered)
    return f"{compared_table(columns, body)}{note(said)}{soft(chosen)}"


def compared_table(columns: Sequence[str], rows: Sequence[str]) -> str:
    """A table that scrolls sideways where there is little room; ``rows`` are HTML."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    return (
        f'<div class="sk sk-scroll" tabindex="0"><table class="sk-compare"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
