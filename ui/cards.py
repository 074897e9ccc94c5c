"""Pieces of the pages as HTML.

Texts of documents and queries reach a page only through this module (or as the value of an input box): everything is
escaped here, and Streamlit's Markdown, which would read colours, formulas and emoji out of them, is never given any.
"""

from collections.abc import Iterable, Sequence
from html import escape

from search import Hit, LegScore, SearchResult
from ui.words import Words

# More would make the page slow, and nobody reads them.
MAX_SKIPPED = 200

DENSE_COLOUR = "#0d9488"
BM25_COLOUR = "#e59a1c"

# Colours are mixed from the text's own, so that they suit light and dark themes alike.
STYLE = """<style>
.sk { --line: color-mix(in srgb, currentColor 14%, transparent);
  --faint: color-mix(in srgb, currentColor 7%, transparent); --dense: DENSE; --bm25: BM25;
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
.sk-hits { display: flex; flex-direction: column; gap: .875rem; }
.sk-hit { border: 1px solid var(--line); border-radius: .75rem; padding: 1rem 1.125rem .75rem; }
.sk-head { display: flex; gap: .75rem; align-items: flex-start; }
.sk-title { flex: 1; min-width: 0; }
.sk-no { flex: none; min-width: 1.625rem; height: 1.625rem; padding: 0 .35rem; border-radius: .5rem; text-align: center;
  font-size: .8125rem; font-weight: 650; line-height: 1.625rem; background: var(--faint); }
.sk-score { flex: none; text-align: right; line-height: 1.25; font-variant-numeric: tabular-nums; }
.sk-score b { font-size: 1.0625rem; font-weight: 650; }
.sk-where { margin-top: .125rem !important; }
.sk-text { margin: .625rem 0 .75rem !important; white-space: pre-wrap; line-height: 1.75; unicode-bidi: plaintext; }
.sk mark { background: color-mix(in srgb, #f5b301 34%, transparent); color: inherit; border-radius: .2em;
  padding: .08em .06em; }
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
.sk-empty { padding: 1.5rem 0 .5rem; } .sk-empty p { margin-top: .375rem; max-width: 40em; }
.sk-list { display: flex; flex-direction: column; gap: .7rem; }
.sk-row { display: grid; grid-template-columns: auto 1fr auto; gap: .25rem .75rem; align-items: baseline; }
.sk-row .sk-bar { grid-column: 2 / 4; } .sk-row b { font-variant-numeric: tabular-nums; font-weight: 650; }
.sk-close { font-size: .875rem; gap: .45rem; } .sk-close .sk-no { font-size: .75rem; }
.sk-scroll { overflow-x: auto; padding-top: .5rem; }
.sk table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .8125rem; white-space: nowrap; }
.sk th, .sk td { padding: .25rem .6rem; border: 0; border-bottom: 1px solid var(--line); text-align: right; }
.sk th { font-weight: 600; opacity: .68; }
</style>""".replace("DENSE", DENSE_COLOUR).replace("BM25", BM25_COLOUR)


def isolated(text: str) -> str:
    """A text escaped, its direction of writing its own."""
    return f'<bdi dir="auto">{escape(text)}</bdi>'


def marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """A text escaped, with spans of it marked."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [escape(text[at:start]), "<mark>", escape(text[start:end]), "</mark>"]
        at = end
    return "".join([*pieces, escape(text[at:])])


def brand(words: Words) -> str:
    """The name of the software and what it does."""
    return f'<div class="sk sk-brand"><b>sakuin</b><span class="soft">{escape(words("tagline"))}</span></div>'


def message(title: str, text: str) -> str:
    """A page's message in place of content."""
    return f'<div class="sk sk-empty"><h2>{escape(title)}</h2><p class="soft">{isolated(text)}</p></div>'


def note(text: str) -> str:
    """Something the user should know."""
    return f'<div class="sk"><div class="sk-note" role="status">{isolated(text)}</div></div>'


def summary(result: SearchResult, words: Words) -> str:
    """How many were found, and how."""
    number = len(result.hits)
    parts = [words("found_one" if number == 1 else "found", n=number), words("took", ms=f"{result.seconds * 1000:.1f}")]
    if result.dim:
        parts.append(words("compared", dim=result.dim))
    return f'<div class="sk"><div class="soft small">{escape(" · ".join(parts))}</div></div>'


def hits(result: SearchResult, words: Words) -> str:
    """The hits as cards."""
    # Fused scores and cosines end at 1; BM25 has no end, so its bars are relative to the best hit.
    scale = result.hits[0].score if result.mode == "bm25" and result.hits else 1.0
    cards = "".join(card(hit, scale, words) for hit in result.hits)
    return f'<div class="sk sk-hits">{cards}</div>'


def card(hit: Hit, scale: float, words: Words) -> str:
    """One hit; ``scale`` is the score of a full bar."""
    where = f'<span class="code">{isolated(hit.document.uri)}</span>'
    if hit.heading and hit.heading != hit.document.title:
        where += f" · {isolated(hit.heading)}"
    legs = [(name, leg) for name, leg in (("dense", hit.dense), ("bm25", hit.bm25)) if leg is not None]
    bars = "".join(f'<i class="{name}" style="width: {percent(leg.share, scale)}%"></i>' for name, leg in legs)
    described = "".join(describe_leg(name, leg, len(legs) > 1, words) for name, leg in legs)
    metadata = [(key, value_text(value)) for key, value in hit.document.metadata.items()]
    metadata.append((words("characters"), words("character_range", start=hit.start + 1, end=hit.end)))
    if hit.places > 1:
        metadata.append((words("places"), words("more_places", n=hit.places - 1)))
    return (
        f'<article class="sk-hit"><div class="sk-head"><span class="sk-no">{hit.rank}</span>'
        f'<div class="sk-title"><h3>{isolated(hit.document.title)}</h3><p class="sk-where soft small">{where}</p></div>'
        f'<div class="sk-score"><b>{hit.score:.3f}</b><br>'
        f'<span class="soft small">{escape(words("score"))}</span></div></div>'
        f'<p class="sk-text" dir="auto">{marked(hit.text, hit.highlights)}</p>'
        f'<div class="sk-bar">{bars}</div><div class="sk-legs">{described}</div>'
        f"<details><summary>{escape(words('details'))}</summary>{facts(metadata)}</details></article>"
    )


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


def numbered(texts: Sequence[str]) -> str:
    """Texts with their numbers."""
    rows = "".join(
        f'<li class="sk-row"><span class="sk-no">{number}</span><span>{isolated(text)}</span></li>'
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


def percent(score: float, scale: float) -> str:
    """Width of a bar; what is negative has none."""
    return f"{100 * min(max(score / scale, 0.0), 1.0):.1f}" if scale > 0 else "0"
