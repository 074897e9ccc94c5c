"""Pieces of the pages as HTML.

Texts of documents and queries reach a page only through this module and those that build on it (or as the value of an
input box): everything is escaped there, and Streamlit's Markdown, which would read colours, formulas and emoji out of
them, is never given any.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape

from sakuin.search.contributions import Run
from sakuin.ui.words import Words

# More would make the page slow, and nobody reads them.
MAX_SKIPPED = 200
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


def soft(text: str) -> str:
    """A remark."""
    return f'<div class="sk"><div class="soft small">{isolated(text)}</div></div>'


def percent(score: float, scale: float) -> str:
    """Width of a bar; what is negative has none."""
    return f"{100 * min(max(score / scale, 0.0), 1.0):.1f}" if scale > 0 else "0"


def names(some: Sequence[str], words: Words) -> str:
    """Names, the first of very many."""
    items = "".join(f'<li class="code">{isolated(name)}</li>' for name in some[:MAX_SKIPPED])
    if len(some) > MAX_SKIPPED:
        items += f"<li>{escape(words('more', n=len(some) - MAX_SKIPPED))}</li>"
    return f'<div class="sk"><ul>{items}</ul></div>'


def facet_name(name: str) -> str:
    """What stands above the values of a field."""
    return f'<div class="sk"><span class="small">{isolated(name)}</span></div>'
