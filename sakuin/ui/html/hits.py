"""The hits of a search as HTML, one list or three beside each other."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from sakuin.index import DEFAULT_INDEX
from sakuin.index.where import AND, CONTAINS, GTE, LT, NOT, OR, Where
from sakuin.search import Hit, LegScore, SearchResult
from sakuin.search.contributions import Coloured
from sakuin.search.query import DATES, Query, Wanted
from sakuin.search.relevance import good_match
from sakuin.search.results import located
from sakuin.search.side_by_side import Listed, SideBySide
from sakuin.ui.html.excerpts import excerpt, marked_runs
from sakuin.ui.html.pieces import MAX_EXCERPT, coloured_text, dated, described, facts, isolated, percent
from sakuin.ui.words import Words

# From this relevance on a hit is more likely an answer than not.
LIKELY = 0.5
# What a leg's score is called, and its decimals.
SCORES = {
    "dense": ("cosine", 3),
    "bm25": ("bm25", 2),
    "interaction": ("interaction_score", 3),
    "rerank": ("opinion_score", 3),
    "recency": ("recency_score", 2),
}
# What is told of the bounds of a date.
_DATED = {GTE: "dated_from", LT: "dated_before"}
# Other places named of a passage that stands in many.
PLACES_SHOWN = 5


def summary(result: SearchResult, words: Words) -> str:
    """How many were found, and how; and what the colours of the hits mean."""
    number = len(result.hits)
    parts = [words("found_one" if number == 1 else "found", n=number), words("took", ms=f"{result.seconds * 1000:.1f}")]
    if result.dim:
        parts.append(words("dimensions_used", dim=result.dim))
    parts += asked_of_hits(result.read, words) if result.read else []
    shading = f'<span><span class="s4">{escape(words("legend_shade"))}</span> {escape(words("legend_dense"))}</span>'
    marks = f"<span><mark>{escape(words('legend_mark'))}</mark> {escape(words('legend_words'))}</span>"
    dense = any(hit.dense for hit in result.hits)
    # A hint, for an answer may be among them all the same; where it is seen before a list of wrong ones is read.
    unsure = result.hits[0].rank == 1 and any(notice.code == "no_good_match" for notice in result.notices)
    hint = f'<span class="sk-hint" role="status">{escape(words("no_sure_answer"))}</span>' if unsure else ""
    return (
        f'<div class="sk sk-summary">{hint}<span class="soft">{escape(" · ".join(parts))}</span>'
        f'<span class="sk-legend">{shading if dense else ""}{marks}</span></div>'
    )


def asked_of_hits(query: Query, words: Words) -> list[str]:
    """What a query asks of the words of hits, one part each."""
    required = [words("with", words=words("or").join(named(one, words) for one in some)) for some in query.required]
    excluded = [words("without", words=named(one, words)) for one in query.excluded]
    return required + excluded + (asked_of_documents(query.where, words) if query.where else [])


def asked_of_documents(where: Where, words: Words) -> list[str]:
    """What a query asks of the date and metadata of documents, one part each."""
    if AND in where:
        return [part for one in where[AND] for part in asked_of_documents(one, words)]
    if NOT in where:
        return [words("without", words=" · ".join(asked_of_documents(where[NOT], words)))]
    # Where one is asked for, the first of several fields is a document's date.
    some = where.get(OR, [where])
    bounds = next((value for name, value in some[0].items() if name in DATES and isinstance(value, Mapping)), {})
    if dates := [words(_DATED[name], date=value) for name, value in bounds.items() if name in _DATED]:
        return [" · ".join(dates)]
    return [words("or").join(of_field(name, value, words) for one in some for name, value in one.items())]


def of_field(name: str, value: object, words: Words) -> str:
    """A value that a field must have."""
    wanted = str(value.get(CONTAINS, "") if isinstance(value, Mapping) else value)
    return words("in_field", field=words.field(name), words=words.value(name, wanted))


def named(wanted: Wanted, words: Words) -> str:
    """Words that are looked for, and where."""
    return words("in_title" if wanted.in_title else "anywhere", words=wanted.words)


def card(hit: Hit, colours: Coloured, strongest: float, words: Words) -> str:
    """One hit, in as few lines as tell what it is and where.

    Args:
        hit: Of a search.
        colours: Of the same hit.
        strongest: The share that is shaded darkest.
        words: Of the language.
    """
    where = f'<span class="code">{isolated(hit.document.id)}</span>'
    if hit.document.index:
        where = f"{isolated(name_of_index(Path(hit.document.index)))} · {where}"
    if hit.position:
        where += f" · {isolated(', '.join(map(words.fact, located(hit.position))))}"
    if date := dated(hit.document.metadata):
        where += f" · {isolated(date)}"
    # Shaded words are not pale too, or nobody could read them.
    where = f'<span class="soft">{where}</span>'
    if hit.heading and hit.heading != hit.document.title:
        where += f' · <bdi dir="auto">{coloured_text(colours.heading, strongest)}</bdi>'
    return (
        f'<article class="sk sk-hit" data-passage="{escape(hit.passage_id)}">'
        f'<div class="sk-head"><span class="sk-no">{hit.rank}</span><div class="sk-title">'
        f'<h3><bdi dir="auto">{coloured_text(colours.title, strongest)}</bdi></h3>'
        f'<p class="sk-where small">{likelihood(hit, words)}{where}</p></div></div>'
        f'<p class="sk-lines" dir="auto">{coloured_text(excerpt(colours.text), strongest)}</p>'
        f"{others(hit, words)}</article>"
    )


def name_of_index(folder: Path) -> str:
    """What an index among several is called: its folder, or what that lies in where it has the usual name."""
    return folder.parent.name if folder.name == DEFAULT_INDEX else folder.name


def others(hit: Hit, words: Words) -> str:
    """The other best passages of a document that is a hit, behind a line that counts those that were found."""
    number = len(hit.passages) - 1 + hit.more_passages
    if number < 1:
        return ""
    items = "".join(
        f'<li class="sk-lines" dir="auto">{coloured_text(excerpt(marked_runs(found.text, found.highlights)), 0.0)}</li>'
        for found in hit.passages[1:]
    )
    summary = words("other_passage" if number == 1 else "other_passages", n=number)
    return f"<details><summary>{escape(summary)}</summary><ul>{items}</ul></details>"


def passage(hit: Hit, colours: Coloured, strongest: float, scale: float, words: Words) -> str:
    """The whole passage of a hit and its score in short; as `card`, with the score of a full bar as ``scale``."""
    legs = hit.legs.items()
    bars = "".join(f'<i class="{name}" style="width: {percent(leg.share, scale)}%"></i>' for name, leg in legs)
    of_legs = "".join(describe_leg(name, leg, len(legs) > 1, words) for name, leg in legs)
    said = described(hit.document.metadata, words)
    said.append((words("characters"), words("character_range", start=hit.start + 1, end=hit.end)))
    if hit.place_count > 1:
        named = list(dict.fromkeys(place.document.id for place in hit.places[1 : 1 + PLACES_SHOWN]))
        more = hit.place_count - 1 - len(hit.places[1 : 1 + PLACES_SHOWN])
        said.append((words("elsewhere"), ", ".join([*named, *([words("more_places", n=more)] if more else [])])))
    return (
        f'<div class="sk sk-whole"><p class="sk-text" dir="auto">{coloured_text(colours.text, strongest)}</p>'
        f'<div class="sk-score">{escape(words("score"))} <b>{hit.score:.3f}</b></div>'
        f'<div class="sk-bar">{bars}</div><div class="sk-legs">{of_legs}</div>'
        f"<details><summary>{escape(words('details'))}</summary>{facts(said)}</details></div>"
    )


def likelihood(hit: Hit, words: Words) -> str:
    """How likely a hit is an answer, in a word, where that is known."""
    relevance = hit.relevance
    if relevance is None:
        return ""
    level = "likely" if relevance >= LIKELY else "maybe" if relevance >= good_match(hit) else "unlikely"
    title = f"{words('relevance_help')} ({100 * relevance:.0f} %)"
    return f'<span class="sk-chance {level}" title="{escape(title)}">{escape(words(level))}</span> '


def describe_leg(name: str, leg: LegScore, fused: bool, words: Words) -> str:
    """One leg's rank and score in words, and its part of the fused score where there are two."""
    rank = words("unranked") if leg.rank is None else words("rank_number", rank=leg.rank)
    key, decimals = SCORES[name]
    score = words(key, score=f"{leg.score:.{decimals}f}")
    part = f" <b>+{leg.share:.3f}</b>" if fused else ""
    return (
        f'<span><i class="{name}"></i>{escape(words(f"{name}_leg"))}{part} '
        f'<span class="soft">{escape(rank)} · {escape(score)}</span></span>'
    )


def side_by_side(lists: SideBySide, words: Words) -> str:
    """The list of each way of searching, next to one another, and the fused one between them."""
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
        f'{isolated(entry.hit.document.id)}</div><div class="soft small sk-excerpt" dir="auto">'
        f'{escape(entry.hit.text[:MAX_EXCERPT])}</div><div class="sk-moves">{moves(name, entry, words)}</div></li>'
        for entry in entries
    )
    return f"<ol>{items}</ol>"


def moves(name: str, entry: Listed, words: Words) -> str:
    """Where a hit stands: in the fused list, or, of a hit of that, in each leg's own."""
    if name != "hybrid":
        return f"<span>{escape(words('side_combined'))} {move(entry.hit.rank, entry.hybrid, words)}</span>"
    return "".join(
        f'<span><i class="{leg}"></i> {escape(words(f"{leg}_leg"))} {move(rank, entry.hit.rank, words, rank)}</span>'
        for leg, rank in (("dense", entry.dense), ("bm25", entry.bm25))
    )


def move(before: int | None, after: int | None, words: Words, named: int | None = None) -> str:
    """A rank and whether it is better than the one before; ``named`` is the rank that is told, ``after`` if None."""
    if before is None or after is None:
        return f'<span class="soft">{escape(words("unranked"))}</span>'
    change = before - after
    sign = f"▲{change}" if change > 0 else f"▼{-change}" if change else "="
    return f'<b>{escape(words("rank_number", rank=named or after))}</b> <span class="soft">{sign}</span>'
