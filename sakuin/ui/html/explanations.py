"""Why a passage matched, as HTML: tables whose rows add up to its score."""

from collections.abc import Iterable, Sequence
from html import escape

from sakuin.index.terms import TermScore
from sakuin.search import Hit
from sakuin.search.contributions import PairTable
from sakuin.ui.html.pieces import isolated, percent
from sakuin.ui.words import Words


def section(title: str, text: str, content: str) -> str:
    """A part of the panel that explains a hit; ``title`` and ``text`` are our own words, ``content`` is HTML."""
    return f"<section><h4>{escape(title)}</h4><p>{escape(text)}</p>{content}</section>"


def rows_of(columns: Sequence[str], rows: Sequence[Sequence[str]], last: Sequence[str]) -> str:
    """A table with a line below it that sums it up; the first of each row is its name."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' if column else "<td></td>" for column in columns)
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
    if all(leg.scaling is None for leg in hit.legs.values()):
        (name,) = hit.legs
        return section(words("why_score"), words(f"why_only_{name}", score=f"{hit.score:.4f}"), "")
    rows = []
    for name, leg in hit.legs.items():
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
        f'<dt{now}>{dim}</dt><dd class="sk-bar"><i class="dense" style="width: {percent(cosine, 1.0)}%"></i></dd>'
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
        f'<div class="sk-scroll sk-heat" tabindex="0"><table><thead><tr><td></td>{head}<th scope="col">{every}</th>'
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
            f"{term.synonym_of} → {term.term}" if term.synonym_of else term.term,
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
