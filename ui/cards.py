"""Pieces of the pages as HTML.

Texts of documents and queries reach a page only through this module (or as the value of an input box): everything is
escaped here, and Streamlit's Markdown, which would read colours, formulas and emoji out of them, is never given any.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from index.build import Report
from index.listing import ListedDocument, ListedPassage
from index.terms import TermScore
from index.uploads import Uploaded
from search import Hit, LegScore, SearchResult
from search.contributions import Coloured, PairTable, Run
from search.side_by_side import Listed, SideBySide
from ui.words import Words

if TYPE_CHECKING:
    from evaluation.significance import Difference
    from evaluation.tuning import Comparison, Estimate
    from ui.evaluate import Compared

if TYPE_CHECKING:
    from evaluation.by_dimension import QueryByDimension

# More would make the page slow, and nobody reads them.
MAX_SKIPPED = 200
MAX_REMOVED = 8
# Of a query in a link: the server refuses addresses of more than 64 kB.
MAX_LINKED = 5_000
# A chance below this is not told exactly.
LEAST_CHANCE = 0.005
# Levels of colour, as in `STYLE`.
SHADES = 5
# Characters of a passage where lists stand side by side; the page shows two lines of them.
MAX_EXCERPT = 160

DENSE_COLOUR = "#0d9488"
BM25_COLOUR = "#e59a1c"

# Colours are mixed from the text's own, so that they suit light and dark themes alike.
STYLE = """<style>
.sk { --line: color-mix(in srgb, currentColor 14%, transparent);
  --faint: color-mix(in srgb, currentColor 7%, transparent); --bm25: BM25;
  --dense: light-dark(DENSE, #14b8a6); --against: light-dark(#c0376b, #e0608c); --page: light-dark(#fff, #171614);
  line-height: 1.6; overflow-wrap: anywhere; }
.sk * { box-sizing: border-box; }
[data-testid="stMainBlockContainer"] { padding-top: 4.5rem; max-width: 54rem; }
.sk h2, .sk h3, .sk p, .sk dl, .sk dt, .sk dd, .sk ul, .sk li, ol.sk { margin: 0; padding: 0; list-style: none; }
.sk dt, .sk dd, .sk ul, .sk li, .sk summary { font-size: inherit; }
.sk h2 { font-size: 1.35rem; font-weight: 650; letter-spacing: 0; line-height: 1.4; }
.sk h3 { font-size: 1.0625rem; font-weight: 650; letter-spacing: 0; line-height: 1.45; }
.sk bdi { unicode-bidi: isolate; }
.sk .soft { opacity: .68; }
.sk .small { font-size: .8125rem; }
.sk .code { font-family: "Source Code Pro", ui-monospace, monospace; font-size: .78rem; }
.sk-brand { display: flex; align-items: baseline; gap: .75rem; flex-wrap: wrap; }
.sk-brand b { font-size: 1.6rem; font-weight: 700; letter-spacing: -.01em; line-height: 1.2; }
.sk-head { display: flex; gap: .75rem; align-items: flex-start; }
.sk-title { flex: 1; min-width: 0; }
.sk-no { flex: none; min-width: 1.625rem; height: 1.625rem; padding: 0 .35rem; border-radius: .5rem; text-align: center;
  font-size: .8125rem; font-weight: 650; line-height: 1.625rem; background: var(--faint); }
.sk-score { flex: none; text-align: right; line-height: 1.25; font-variant-numeric: tabular-nums; }
.sk-score b { font-size: 1.0625rem; font-weight: 650; }
.sk-where { margin-top: .125rem !important; }
.sk-text { margin: .625rem 0 .75rem !important; white-space: pre-wrap; line-height: 1.75; unicode-bidi: plaintext; }
.sk mark { color: inherit; background: none; text-decoration: underline .17em var(--bm25);
  text-decoration-skip-ink: none; text-underline-offset: .2em; }
.sk .s1, .sk .s2, .sk .s3, .sk .s4, .sk .s5 { border-radius: .15em;
  background: color-mix(in srgb, var(--dense) var(--strength), transparent); }
.sk .s1 { --strength: 10%; } .sk .s2 { --strength: 20%; } .sk .s3 { --strength: 32%; } .sk .s4 { --strength: 44%; }
.sk .s5 { --strength: 58%; }
.sk-summary { display: flex; flex-wrap: wrap; gap: .125rem 1.5rem; font-size: .8125rem; }
.sk-legend { display: flex; flex-wrap: wrap; gap: .125rem 1rem; }
.sk-bar { display: flex; height: .4rem; border-radius: .2rem; overflow: hidden; background: var(--faint); }
.sk-bar i { display: block; height: 100%; }
.sk .dense { background: var(--dense); } .sk .bm25 { background: var(--bm25); }
.sk-legs { display: flex; flex-wrap: wrap; gap: .125rem 1.5rem; margin-top: .45rem; font-size: .8125rem;
  font-variant-numeric: tabular-nums; }
.sk-legs i { display: inline-block; width: .6rem; height: .6rem; border-radius: .15rem; margin-inline-end: .4rem; }
.sk-legs b { font-weight: 600; }
.sk details { font-size: .8125rem; margin-top: .5rem; }
.sk summary { cursor: pointer; width: fit-content; opacity: .68; padding: .125rem 0; }
.sk summary:hover { opacity: 1; }
.sk-facts { display: grid; grid-template-columns: minmax(5.5rem, auto) 1fr; gap: .3rem 1rem; font-size: .8125rem; }
.sk-hit .sk-facts { padding: .5rem 0 .25rem; }
.sk-facts dt { opacity: .68; } .sk-facts dd { white-space: pre-wrap; min-width: 0; }
.sk-note { border-radius: .6rem; padding: .625rem .875rem; font-size: .875rem; margin-bottom: .5rem;
  background: color-mix(in srgb, #f5b301 15%, transparent); }
.sk-note.strong { font-size: 1rem; font-weight: 650; border-inline-start: .3rem solid var(--bm25); }
.sk-empty { padding: 1.5rem 0 .5rem; } .sk-empty p { margin-top: .375rem; max-width: 40em; }
.sk-list, .sk-letters { display: flex; flex-direction: column; gap: .7rem; }
.sk-row { display: grid; grid-template-columns: auto 1fr auto; gap: .25rem .75rem; align-items: baseline; }
.sk-row .sk-bar { grid-column: 2 / 4; } .sk-row b { font-variant-numeric: tabular-nums; font-weight: 650; }
.sk-close { font-size: .875rem; gap: .45rem; } .sk-close .sk-no { font-size: .75rem; }
.sk h4 { font-size: .9375rem; font-weight: 650; letter-spacing: 0; line-height: 1.45; margin: 0; padding: 0; }
.sk-why { display: flex; flex-direction: column; gap: 1.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
.sk-why section > p { font-size: .8125rem; margin-top: .125rem; opacity: .68; max-width: 48em; }
.sk-why td:first-child, .sk-why th:first-child { text-align: start; padding-inline-start: 0; }
.sk-why tfoot td, .sk-why tfoot th { border-bottom: 0; font-weight: 650; opacity: 1; }
.sk td.name { max-width: 14rem; overflow: hidden; text-overflow: ellipsis; }
.sk-dims { display: grid; grid-template-columns: auto minmax(4rem, 22rem) auto; gap: .3rem .75rem; align-items: center;
  font-size: .8125rem; font-variant-numeric: tabular-nums; padding-top: .5rem !important; width: fit-content;
  max-width: 100%; }
.sk-dims dt { text-align: right; } .sk-dims .sk-bar { width: 22rem; max-width: 100%; }
.sk-dims .now { font-weight: 650; }
.sk-heat table { border-collapse: separate; border-spacing: 1px; }
.sk .sk-heat th, .sk .sk-heat td { border: 0; padding: .15rem .3rem; font-size: .75rem; }
.sk-heat thead th { height: 4.5rem; vertical-align: bottom; text-align: center; }
.sk-heat thead bdi { writing-mode: vertical-rl; max-height: 6rem; overflow: hidden; text-overflow: ellipsis; }
.sk-heat tbody th, .sk-heat tfoot th { text-align: start; position: sticky; inset-inline-start: 0;
  max-width: 9rem; overflow: hidden; text-overflow: ellipsis; background: var(--page); opacity: 1; }
.sk-heat td { min-width: 1.9rem; text-align: center; border-radius: .2rem;
  background: color-mix(in srgb, var(--sign) var(--strength, 0%), transparent); }
.sk-heat .plus { --sign: var(--dense); } .sk-heat .minus { --sign: var(--against); }
.sk-heat .sum { font-weight: 650; background: var(--faint); }
.sk pre { font-size: .75rem; line-height: 1.5; max-height: 24rem; overflow: auto; white-space: pre; margin: .5rem 0 0;
  padding: .75rem; border-radius: .5rem; background: var(--faint); color: inherit; }
/* Filters: on a phone one row that is pushed sideways, so that the hits stay near. */
@media (max-width: 640px) {
  .st-key-facets { flex-wrap: nowrap !important; overflow-x: auto; padding-bottom: .25rem; }
  .st-key-facets > div { flex: 0 0 44% !important; }
  .sk.sk-why th, .sk.sk-why td { padding: .25rem .3rem; font-size: .72rem; }
  .sk.sk-why section > .sk-scroll:not(.sk-heat) th { white-space: normal; overflow-wrap: normal; }
}
.sk-lists { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(12rem, 100%), 1fr)); gap: 1.25rem; }
.sk-lists h3 i { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem; margin-inline-end: .4rem; }
.sk-lists ol { padding: 0; margin: .5rem 0 0; list-style: none; }
.sk.sk-lists li { border-top: 1px solid var(--line); padding: .5rem 0 .6rem; font-size: .875rem; display: grid;
  grid-template-columns: auto 1fr auto; gap: .125rem .6rem; align-items: baseline; }
.sk-lists li > div { grid-column: 2 / 4; min-width: 0; }
.sk-excerpt { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.sk-moves { display: flex; flex-wrap: wrap; gap: .125rem .9rem; font-size: .8125rem;
  font-variant-numeric: tabular-nums; }
.sk-part { padding-top: 1.25rem; }
.sk-ranks td { vertical-align: top; } .sk-ranks td > span { font-size: .75rem; opacity: .68; }
.sk td.sk-found { text-align: start; white-space: normal; min-width: 13rem; width: 100%; }
@media (max-width: 40rem) { .sk-ranks th, .sk-ranks td { padding-inline: .25rem; }
  .sk td.sk-found { min-width: 8.5rem; } }
.sk-ranks th[scope="row"] { opacity: 1; vertical-align: top; padding-inline-start: 0; }
.sk-scroll { overflow-x: auto; padding-top: .5rem; }
.sk table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .8125rem; white-space: nowrap; }
.sk th, .sk td { padding: .25rem .6rem; border: 0; border-bottom: 1px solid var(--line); text-align: right; }
.sk th { font-weight: 600; opacity: .68; }
.sk-figures { display: flex; flex-wrap: wrap; gap: .5rem 1.75rem; }
.sk-figures b { display: block; font-size: 1.35rem; font-weight: 650; line-height: 1.3;
  font-variant-numeric: tabular-nums; }
.sk-doc b { font-weight: 600; } .sk-doc .small { line-height: 1.45; }
.sk .sk-passage { border-inline-start: 3px solid var(--line); padding: .125rem 0 .125rem .875rem;
  margin-top: 1.125rem; }
.sk-passage .sk-text { margin: .25rem 0 0 !important; }
.sk-compare { max-width: 100%; } .sk .sk-compare th:first-child, .sk .sk-compare td:first-child { text-align: left; }
.sk .sk-compare td:first-child { white-space: normal; min-width: 8rem; }
.sk .sk-compare th { white-space: normal; vertical-align: bottom; }
.sk-compare .up { color: var(--dense); }
.sk-compare .down { color: var(--against); }
.sk-compare a { color: inherit; text-underline-offset: .2em; }
</style>""".replace("DENSE", DENSE_COLOUR).replace("BM25", BM25_COLOUR)


def isolated(text: str) -> str:
    """A text escaped, its direction of writing its own."""
    return f'<bdi dir="auto">{escape(text)}</bdi>'


def coloured_text(runs: Iterable[Run], strongest: float) -> str:
    """A text escaped; shaded by what it adds to the cosine, of which ``strongest`` is the most, and words marked."""
    # What is drawn alike is one element.
    drawn: list[tuple[str, str]] = []
    for run in runs:
        level = shade(run.share, strongest)
        kind = f' class="s{level}" title="{run.share:+.3f}"' if level else ""
        tag = "mark" if run.matched else "span" if level else ""
        before = f"<{tag}{kind}>" if tag else ""
        if drawn and drawn[-1][0] == before:
            drawn[-1] = (before, drawn[-1][1] + run.text)
        else:
            drawn.append((before, run.text))
    ends = {"<m": "</mark>", "<s": "</span>", "": ""}
    return "".join(f"{before}{escape(text)}{ends[before[:2]]}" for before, text in drawn)


def shade(share: float, strongest: float) -> int:
    """How dark a share is drawn, 0 to `SHADES`; what takes from the cosine, or adds next to nothing, is not."""
    return math.ceil(SHADES * min(share / strongest, 1.0) - 0.4) if share > 0 and strongest > 0 else 0


def brand(words: Words) -> str:
    """The name of the software and what it does."""
    return f'<div class="sk sk-brand"><b>sakuin</b><span class="soft">{escape(words("tagline"))}</span></div>'


def message(title: str, text: str) -> str:
    """A page's message in place of content."""
    return f'<div class="sk sk-empty"><h2>{escape(title)}</h2><p class="soft">{isolated(text)}</p></div>'


def note(text: str, strong: bool = False) -> str:
    """Something the user should know; ``strong``: before all else."""
    kind = "sk-note strong" if strong else "sk-note"
    return f'<div class="sk"><div class="{kind}" role="status">{isolated(text)}</div></div>'


def summary(result: SearchResult, words: Words) -> str:
    """How many were found, and how; and what the colours of the hits mean."""
    number = len(result.hits)
    parts = [words("found_one" if number == 1 else "found", n=number), words("took", ms=f"{result.seconds * 1000:.1f}")]
    if result.dim:
        parts.append(words("compared", dim=result.dim))
    shading = f'<span><span class="s4">{escape(words("legend_shade"))}</span> {escape(words("legend_dense"))}</span>'
    marks = f"<span><mark>{escape(words('legend_mark'))}</mark> {escape(words('legend_words'))}</span>"
    dense = any(hit.dense for hit in result.hits)
    return (
        f'<div class="sk sk-summary"><span class="soft">{escape(" · ".join(parts))}</span>'
        f'<span class="sk-legend">{shading if dense else ""}{marks}</span></div>'
    )


def card(hit: Hit, colours: Coloured, strongest: float, scale: float, words: Words) -> str:
    """One hit.

    Args:
        hit: Of a search.
        colours: Of the same hit.
        strongest: The share that is shaded darkest.
        scale: The score of a full bar.
        words: Of the language.
    """
    where = f'<span class="code">{isolated(hit.document.uri)}</span>'
    if hit.heading and hit.heading != hit.document.title:
        where += f' · <bdi dir="auto">{coloured_text(colours.heading, strongest)}</bdi>'
    legs = [(name, leg) for name, leg in (("dense", hit.dense), ("bm25", hit.bm25)) if leg is not None]
    bars = "".join(f'<i class="{name}" style="width: {percent(leg.share, scale)}%"></i>' for name, leg in legs)
    described = "".join(describe_leg(name, leg, len(legs) > 1, words) for name, leg in legs)
    metadata = [(key, value_text(value)) for key, value in hit.document.metadata.items()]
    metadata.append((words("characters"), words("character_range", start=hit.start + 1, end=hit.end)))
    if hit.places > 1:
        metadata.append((words("places"), words("more_places", n=hit.places - 1)))
    return (
        f'<article class="sk sk-hit" data-passage="{escape(hit.passage_id)}">'
        f'<div class="sk-head"><span class="sk-no">{hit.rank}</span><div class="sk-title">'
        f'<h3><bdi dir="auto">{coloured_text(colours.title, strongest)}</bdi></h3>'
        f'<p class="sk-where small"><span class="soft">{where}</span></p></div>'
        f'<div class="sk-score"><b>{hit.score:.3f}</b><br>'
        f'<span class="soft small">{escape(words("score"))}</span>{chance(hit.relevance, words)}</div></div>'
        f'<p class="sk-text" dir="auto">{coloured_text(colours.text, strongest)}</p>'
        f'<div class="sk-bar">{bars}</div><div class="sk-legs">{described}</div>'
        f"<details><summary>{escape(words('details'))}</summary>{facts(metadata)}</details></article>"
    )


def chance(relevance: float | None, words: Words) -> str:
    """How likely a hit is an answer, where that is known."""
    if relevance is None:
        return ""
    text = words("relevance", percent=f"{100 * relevance:.0f}" if relevance >= LEAST_CHANCE else "<1")
    return f'<br><span class="small" title="{escape(words("relevance_help"))}">{escape(text)}</span>'


def describe_leg(name: str, leg: LegScore, joined: bool, words: Words) -> str:
    """One leg's place and score in words, and its part of the fused score where there are two."""
    place = words("unplaced") if leg.rank is None else words("place", rank=leg.rank)
    score = words("cosine", score=f"{leg.score:.3f}") if name == "dense" else words("bm25", score=f"{leg.score:.2f}")
    part = f" <b>+{leg.share:.3f}</b>" if joined else ""
    return (
        f'<span><i class="{name}"></i>{escape(words(f"{name}_leg"))}{part} '
        f'<span class="soft">{escape(place)} · {escape(score)}</span></span>'
    )


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values in two columns."""
    return (
        '<dl class="sk-facts">'
        + "".join(f"<dt>{isolated(name)}</dt><dd>{isolated(value)}</dd>" for name, value in rows)
        + "</dl>"
    )


def value_text(value: object) -> str:
    """A value of metadata as a person would write it."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def index_facts(rows: Iterable[tuple[str, str]], skipped: Sequence[tuple[str, str]], words: Words) -> str:
    """What the index holds, and the files it could not take, with the reasons."""
    left_out = ""
    if skipped:
        shown = [*skipped[:MAX_SKIPPED]]
        items = "".join(
            f'<li style="margin-top: .4rem"><span class="code">{isolated(uri)}</span><br>{isolated(reason)}</li>'
            for uri, reason in shown
        )
        if len(skipped) > len(shown):
            items += f"<li>{escape(words('more', n=len(skipped) - len(shown)))}</li>"
        title = escape(words("skipped", n=len(skipped)))
        left_out = f"<details><summary>{title}</summary><ul>{items}</ul></details>"
    return f'<div class="sk">{facts(rows)}{left_out}</div>'


def ranking(texts: Sequence[str], scores: Sequence[float]) -> str:
    """Texts with their cosines as bars, in the order given."""
    rows = "".join(
        f'<li class="sk-row"><span class="sk-no">{number}</span><span>{isolated(text)}</span><b>{score:.3f}</b>'
        f'<div class="sk-bar"><i class="dense" style="width: {percent(score, 1.0)}%"></i></div></li>'
        for number, (text, score) in enumerate(zip(texts, scores, strict=True), 1)
    )
    return f'<ol class="sk sk-list">{rows}</ol>'


def numbered(texts: Sequence[str], prefix: str = "") -> str:
    """Texts with their numbers, and a letter before each where there is more than one list."""
    rows = "".join(
        f'<li class="sk-row"><span class="sk-no">{prefix}{number}</span><span>{isolated(text)}</span></li>'
        for number, text in enumerate(texts, 1)
    )
    return f'<ol class="sk sk-list sk-close">{rows}</ol>'


def table(columns: Sequence[str], rows: Sequence[Sequence[float]]) -> str:
    """Cosines: a numbered row for each text, a column for each dimension."""
    head = "".join(f"<th>{escape(column)}</th>" for column in ("", *columns))
    body = "".join(
        f"<tr><th>{number}</th>{''.join(f'<td>{score:.3f}</td>' for score in row)}</tr>"
        for number, row in enumerate(rows, 1)
    )
    return f'<div class="sk sk-scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def page_width(rem: int) -> str:
    """A style that lets a page be as wide as this, instead of what suits a single column."""
    return (
        f'<style>[data-testid="stMainBlockContainer"] {{ max-width: {rem}rem; '
        "padding-inline: clamp(1rem, 4vw, 3rem); }</style>"
    )


def heading(text: str) -> str:
    """Where a part of a page begins."""
    return f'<div class="sk sk-part"><h2>{escape(text)}</h2></div>'


def lead(text: str) -> str:
    """What a page is for."""
    return f'<div class="sk"><p class="soft">{escape(text)}</p></div>'


def lettered(first: str, second: str) -> str:
    """Two texts, given as HTML, called A and B."""
    rows = "".join(
        f'<li class="sk-row"><span class="sk-no">{name}</span><span dir="auto">{text}</span></li>'
        for name, text in (("A", first), ("B", second))
    )
    return f'<ol class="sk sk-letters">{rows}</ol>'


def kept_bars(followed: "QueryByDimension", words: Words) -> str:
    """How many of the last dimension's first passages are among the first at each, as bars."""
    bars = "".join(
        f'<dt>{escape(words("kept_at", dim=dim))}</dt><div class="sk-bar"><i class="dense" '
        f'style="width: {percent(kept, followed.first)}%"></i></div><dd>{kept} / {followed.first}</dd>'
        for dim, kept in zip(followed.dimensions, followed.kept, strict=True)
    )
    title = words("kept_of", full=followed.dimensions[-1], first=followed.first)
    return f'<div class="sk"><h3>{escape(title)}</h3><dl class="sk-dims">{bars}</dl></div>'


def rank_table(followed: "QueryByDimension", cutoff: int, words: Words) -> str:
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
        f'<div class="sk sk-scroll sk-ranks" tabindex="0"><table><thead><tr><th></th><th></th>{head}</tr></thead>'
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


def facet_name(name: str) -> str:
    """What stands above the values of a field."""
    return f'<div class="sk"><span class="small">{isolated(name)}</span></div>'


def section(title: str, text: str, content: str) -> str:
    """A part of the panel that explains a hit; ``title`` and ``text`` are our own words, ``content`` is HTML."""
    return f"<section><h4>{escape(title)}</h4><p>{escape(text)}</p>{content}</section>"


def rows_of(columns: Sequence[str], rows: Sequence[Sequence[str]], last: Sequence[str]) -> str:
    """A table with a line below it that sums it up; the first of each row is its name."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><td class="name">{isolated(row[0])}</td>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    sums = "".join(f"<td>{escape(cell)}</td>" for cell in last[1:])
    return (
        f'<div class="sk-scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        f'<tfoot><tr><th scope="row">{escape(last[0])}</th>{sums}</tr></tfoot></table></div>'
    )


def fusion(hit: Hit, words: Words) -> str:
    """How a hit's score follows from those of the legs."""
    legs = [(name, leg) for name, leg in (("dense", hit.dense), ("bm25", hit.bm25)) if leg is not None]
    if len(legs) < 2:
        return section(words("why_score"), words(f"why_only_{legs[0][0]}", score=f"{hit.score:.4f}"), "")
    rows = []
    for name, leg in legs:
        if leg.scaling:
            scaled = float(leg.scaling.normalised(leg.score))
            numbers = (leg.score, leg.scaling.low, leg.scaling.high, scaled, leg.scaling.weight, leg.share)
            rows.append([words(f"{name}_leg"), *(f"{number:.4f}" for number in numbers)])
    columns = ["", *(words(f"why_{name}") for name in ("own", "low", "high", "scaled", "weight", "share"))]
    content = rows_of(columns, rows, [words("score"), "", "", "", "", "", f"{hit.score:.4f}"])
    return section(words("why_score"), words("why_fused"), content)


def dimension_bars(cosines: Sequence[float], dims: Sequence[int], chosen: int, words: Words) -> str:
    """A hit's cosine at each dimension, as bars."""
    bars = "".join(
        f'<dt{now}>{dim}</dt><div class="sk-bar"><i class="dense" style="width: {percent(cosine, 1.0)}%"></i></div>'
        f"<dd{now}>{cosine:.3f}</dd>"
        for dim, cosine, now in (
            (dim, cosine, ' class="now"' if dim == chosen else "") for dim, cosine in zip(dims, cosines, strict=True)
        )
    )
    return section(words("why_dims"), words("why_dims_text", dim=chosen), f'<dl class="sk-dims">{bars}</dl>')


def pair_heat_map(pairs: PairTable, shown: float, words: Words) -> str:
    """What pairs of words add to a cosine: words of the query down, of the passage across, sums at the edges.

    Args:
        pairs: The strongest, and all others together.
        shown: The cosine, of the vector that is stored.
        words: Of the language.
    """
    if not pairs.values.size:
        return section(words("why_pairs"), words("why_pairs_none"), "")
    exact = float(pairs.values.sum())
    text = words("why_pairs_text", total=f"{exact:.4f}", shown=f"{shown:.4f}", rounding=f"{shown - exact:+.4f}")
    return section(words("why_pairs"), text, pair_table(pairs, words))


def pair_table(pairs: PairTable, words: Words) -> str:
    """A heat map of what pairs of words add to a cosine, with sums at the edges."""
    # Those that stand for many words would leave all others pale.
    largest = float(abs(pairs.values[: len(pairs.query), : len(pairs.passage)]).max())
    down = [*pairs.query, *([words("others", n=pairs.others[0])] if pairs.others[0] else [])]
    across = [*pairs.passage, *([words("others", n=pairs.others[1])] if pairs.others[1] else [])]
    head = "".join(f'<th scope="col">{isolated(name)}</th>' for name in across)
    body = "".join(
        f'<tr><th scope="row">{isolated(name)}</th>{"".join(heat(value, largest) for value in row)}'
        f"{total(sum(row))}</tr>"
        for name, row in zip(down, pairs.values.tolist(), strict=True)
    )
    sums = "".join(total(value) for value in pairs.values.sum(axis=0).tolist())
    every = escape(words("why_sum"))
    return (
        f'<div class="sk-scroll sk-heat" tabindex="0"><table><thead><tr><th></th>{head}<th scope="col">{every}</th>'
        f'</tr></thead><tbody>{body}</tbody><tfoot><tr><th scope="row">{every}</th>{sums}'
        f"{total(float(pairs.values.sum()))}</tr></tfoot></table></div>"
    )


def heat(value: float, largest: float) -> str:
    """A cell of a heat map, in thousandths; ``largest`` is coloured most."""
    strength = round(75 * min(abs(value) / largest, 1.0)) if largest else 0
    sign = "plus" if value > 0 else "minus"
    return f'<td class="{sign}" style="--strength: {strength}%" title="{value:+.4f}">{thousandths(value)}</td>'


def thousandths(value: float) -> str:
    """A number times a thousand, without decimals."""
    return f"{round(1000 * value)}"


def total(value: float) -> str:
    """A sum at the edge of a heat map, in thousandths."""
    return f'<td class="sum" title="{value:+.4f}">{thousandths(value)}</td>'


def term_table(terms: Sequence[TermScore], shown: float, words: Words) -> str:
    """The terms of a BM25 score and what each is made of."""
    rows = [
        [
            term.term,
            f"{term.idf:.3f}",
            f"{term.saturation:.3f}",
            f"{term.frequency:.0f}",
            f"{term.length:.0f} / {term.mean_length:.0f}",
            f"{term.weight * term.factor:.1f}",
            f"{term.value:.3f}",
        ]
        for term in terms
    ]
    columns = [words(f"why_{name}") for name in ("term", "idf", "tf", "freq", "length", "boost", "product")]
    content = rows_of(columns, rows, [words("why_sum"), "", "", "", "", "", f"{shown:.3f}"]) if rows else ""
    return section(words("why_terms"), words("why_terms_text" if rows else "why_terms_none"), content)


def why(sections: Iterable[str], text: str, words: Words) -> str:
    """The panel that explains a hit: its sections, and all of the explanation as text."""
    return (
        f'<div class="sk sk-why">{"".join(sections)}<details><summary>{escape(words("why_all"))}</summary>'
        f'<pre tabindex="0">{escape(text)}</pre></details></div>'
    )


def side_by_side(lists: SideBySide, words: Words) -> str:
    """The list of each way of searching, next to one another, and the joined one between them."""
    columns = "".join(
        f'<section class="sk-list-{name}"><h3>{colour}{escape(words(f"mode_{name}"))}</h3>'
        f"{listed_hits(name, entries, words)}</section>"
        for name, entries, colour in (
            ("dense", lists.dense, '<i class="dense"></i>'),
            ("hybrid", lists.hybrid, '<i class="dense"></i><i class="bm25"></i>'),
            ("bm25", lists.bm25, '<i class="bm25"></i>'),
        )
    )
    return f'<div class="sk sk-lists">{columns}</div>'


def listed_hits(name: str, entries: Sequence[Listed], words: Words) -> str:
    """One list, with where each of its hits stands in the others."""
    if not entries:
        return f'<p class="soft small">{escape(words("side_none"))}</p>'
    items = "".join(
        f'<li><span class="sk-no">{entry.hit.rank}</span><b>{isolated(entry.hit.document.title)}</b>'
        f'<span class="small">{entry.hit.score:.3f}</span><div class="soft small code">'
        f'{isolated(entry.hit.document.uri)}</div><div class="soft small sk-excerpt" dir="auto">'
        f'{escape(entry.hit.text[:MAX_EXCERPT])}</div><div class="sk-moves">{moves(name, entry, words)}</div></li>'
        for entry in entries
    )
    return f"<ol>{items}</ol>"


def moves(name: str, entry: Listed, words: Words) -> str:
    """Where a hit stands: in the joined list, or, of a hit of that, in each leg's own."""
    if name != "hybrid":
        return f"<span>{escape(words('side_joined'))} {move(entry.hit.rank, entry.hybrid, words)}</span>"
    return "".join(
        f'<span><i class="{leg}"></i> {escape(words(f"{leg}_leg"))} {move(place, entry.hit.rank, words, place)}</span>'
        for leg, place in (("dense", entry.dense), ("bm25", entry.bm25))
    )


def move(before: int | None, after: int | None, words: Words, named: int | None = None) -> str:
    """A place and whether it is better than the one before; ``named`` is the place that is told, ``after`` if None."""
    if before is None or after is None:
        return f'<span class="soft">{escape(words("unplaced"))}</span>'
    change = before - after
    sign = f"▲{change}" if change > 0 else f"▼{-change}" if change else "="
    return f'<b>{escape(words("place", rank=named or after))}</b> <span class="soft">{sign}</span>'


def soft(text: str) -> str:
    """A remark."""
    return f'<div class="sk"><div class="soft small">{isolated(text)}</div></div>'


def figures(counts: Mapping[str, int], words: Words) -> str:
    """How much an index holds."""
    names = {"documents": "documents", "passages": "passages", "files": "files", "duplicates": "repeated"}
    items = "".join(
        f'<div><b>{counts[key]:,}</b><span class="soft small">{escape(words(name))}</span></div>'
        for key, name in names.items()
        if counts[key] or key != "duplicates"
    )
    return f'<div class="sk sk-figures">{items}</div>'


def skipped_files(skipped: Sequence[tuple[str, str]], number: int, words: Words) -> str:
    """Files that were left out, with the reasons; ``number`` of them in all."""
    items = "".join(
        f'<li style="margin-bottom: .5rem"><span class="code">{isolated(uri)}</span><br>{isolated(reason)}</li>'
        for uri, reason in skipped
    )
    if number > len(skipped):
        items += f"<li>{escape(words('more', n=number - len(skipped)))}</li>"
    return f'<div class="sk small"><ul>{items}</ul></div>'


def listed_document(document: ListedDocument, words: Words) -> str:
    """A document in a list."""
    return (
        f'<div class="sk sk-doc"><b>{isolated(document.title)}</b><div class="soft small">'
        f'<span class="code">{isolated(document.uri)}</span> · {escape(extent(document, words))}</div></div>'
    )


def extent(document: ListedDocument, words: Words) -> str:
    """How long a document is."""
    number = words("passage_count_one" if document.passages == 1 else "passage_count", n=f"{document.passages:,}")
    return f"{number} · {words('character_count', n=f'{document.characters:,}')}"


def document_facts(document: ListedDocument, metadata: Mapping[str, object], words: Words) -> str:
    """A document's title, name and size, and what its file says of it."""
    rows = [(words("document_name"), document.uri)]
    if document.file != document.uri:
        rows.append((words("document_file"), document.file))
    rows += [(words("kind"), document.kind), (words("document_size"), extent(document, words))]
    said = facts((name, value_text(value)) for name, value in metadata.items())
    more = f"<details><summary>{escape(words('of_document'))} ({len(metadata)})</summary>{said}</details>"
    return (
        f'<div class="sk"><h2 style="margin-bottom: .5rem">{isolated(document.title)}</h2>{facts(rows)}'
        f"{more if metadata else ''}</div>"
    )


def passages(listed: Sequence[ListedPassage], words: Words) -> str:
    """Passages of a document with where each begins and ends."""
    items = []
    for passage in listed:
        parts = [words("character_range", start=f"{passage.start + 1:,}", end=f"{passage.end:,}")]
        if passage.places > 1:
            parts.append(words("more_places", n=passage.places - 1))
        heading = isolated(passage.heading) if passage.heading else escape(words("no_heading"))
        items.append(
            f'<li class="sk-passage"><div class="soft small"><span class="sk-no">{passage.number}</span> '
            f"{escape(' · '.join(parts))} · {heading}</div>"
            f'<p class="sk-text" dir="auto">{escape(passage.text)}</p></li>'
        )
    return f'<div class="sk"><h3>{escape(words("passages_of"))}</h3><ol class="sk">{"".join(items)}</ol></div>'


def removal(chosen: Sequence[ListedDocument], words: Words) -> str:
    """What is about to be removed."""
    items = "".join(
        f'<li class="sk-doc"><b>{isolated(document.title)}</b>'
        f'<div class="soft code">{isolated(document.uri)}</div></li>'
        for document in chosen[:MAX_REMOVED]
    )
    if len(chosen) > MAX_REMOVED:
        items += f'<li class="soft">{escape(words("more", n=len(chosen) - MAX_REMOVED))}</li>'
    return f'<div class="sk small"><ul class="sk-list">{items}</ul></div>'


def consequences(kinds: Sequence[tuple[str, int]], words: Words) -> str:
    """What becomes of what is removed: keys of words, and how many each holds for."""
    items = "".join(f"<p>{escape(words(name, n=number))}</p>" for name, number in kinds)
    return f'<div class="sk"><div class="sk-note" role="status">{items}</div></div>'


def changed(outcome: Uploaded | Report, words: Words) -> str:
    """What came of an addition or a removal."""
    if isinstance(outcome, Report):
        return message(words("removed_title"), words("removed", documents=f"{outcome.documents:,}"))
    parts = []
    if outcome.kept and outcome.report:
        report = outcome.report
        parts.append(
            message(
                words("added_title", n=len(outcome.kept)),
                words("added", passages=f"{report.new_passages:,}", documents=f"{report.documents:,}"),
            )
        )
        rows = [(name, uri) for name, uri in outcome.kept[:MAX_SKIPPED] if not uri.endswith(f"/{name}")]
        if rows:
            parts.append(f'<div class="sk"><h3>{escape(words("added_as"))}</h3>{facts(rows)}</div>')
    else:
        parts.append(message(words("added_none_title"), ""))
    if outcome.skipped:
        left_out = [(item.uri, item.reason) for item in outcome.skipped[:MAX_SKIPPED]]
        parts.append(f'<div class="sk"><h3>{escape(words("added_skipped"))}</h3></div>')
        parts.append(skipped_files(left_out, len(outcome.skipped), words))
    return "".join(parts)


@dataclass(frozen=True)
class QueryRow:
    """A judged query by two settings: places of the first right document, from 1 (0 for none), and change of nDCG."""

    query: str
    base: int
    other: int
    change: float


def names(some: Sequence[str], words: Words) -> str:
    """Names, the first of very many."""
    items = "".join(f'<li class="code">{isolated(name)}</li>' for name in some[:MAX_SKIPPED])
    if len(some) > MAX_SKIPPED:
        items += f"<li>{escape(words('more', n=len(some) - MAX_SKIPPED))}</li>"
    return f'<div class="sk"><ul>{items}</ul></div>'


def settings_table(rows: Sequence[tuple[str, "Compared"]], k: int, words: Words) -> str:
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


def query_table(
    rows: Sequence[QueryRow],
    base: str,
    other: str,
    base_search: Mapping[str, str],
    other_search: Mapping[str, str],
    words: Words,
) -> str:
    """Queries with where two settings find the first right document, each a link to that search."""
    columns = [words("query_column"), *dict.fromkeys((base, other)), words("change")]
    body = []
    for row in rows:
        cells = ""
        for place, parameters in ((row.base, base_search), (row.other, other_search))[: len(columns) - 2]:
            found = words("place", rank=place) if place else words("not_found")
            address = escape("search?" + urlencode({"q": row.query[:MAX_LINKED], **parameters}))
            cells += f'<td><a href="{address}" target="_blank" rel="noopener">{escape(found)}</a></td>'
        sign = "up" if row.change > 0 else "down" if row.change < 0 else "soft"
        body.append(f'<tr><td>{isolated(row.query)}</td>{cells}<td class="{sign}">{100 * row.change:+.1f}</td></tr>')
    return (
        f'<div class="sk"><p class="soft small">{escape(words("first_found"))}</p></div>{compared_table(columns, body)}'
    )


def tuning(comparison: "Comparison", words: Words) -> str:
    """Ways of joining the legs, and whether tuning is worth it."""
    columns = [words("setting"), "nDCG@10", "MRR@10", "recall@10"]
    body = []
    for row in comparison.rows:
        cells = "".join(f"<td>{interval(own)}</td>" for own in (row.ndcg, row.mrr, row.recall))
        # Names such as "adaptive (default)": the first word tells which it is.
        body.append(f"<tr><td>{escape(words(f'way_{row.name.split()[0]}'))}</td>{cells}</tr>")
    change = comparison.difference
    said = words(
        "tuning_better" if comparison.better else "tuning_same",
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


def percent(score: float, scale: float) -> str:
    """Width of a bar; what is negative has none."""
    return f"{100 * min(max(score / scale, 0.0), 1.0):.1f}" if scale > 0 else "0"
