"""Pieces of the pages as HTML.

Texts of documents and queries reach a page only through this module and those that build on it (or as the value of an
input box): everything is escaped there, and Streamlit's Markdown, which would read colours, formulas and emoji out of
them, is never given any.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from sakuin.index.documents import Skipped
from sakuin.search.contributions import Run
from sakuin.search.ordering import date_of
from sakuin.search.query import DATES
from sakuin.ui.words import Words

# More would make the page slow, and nobody reads them.
MAX_SKIPPED = 200
# Levels of colour, as in ``assets/style.css``.
SHADES = 5
# Characters of a passage where lists stand side by side; the page shows two lines of them.
MAX_EXCERPT = 160
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")


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


def note(text: str) -> str:
    """Something the user should know."""
    return f'<div class="sk"><div class="sk-note" role="status">{isolated(text)}</div></div>'


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


def described(metadata: Mapping[str, object], words: Words) -> list[tuple[str, str]]:
    """What is known of a document, by names that a reader knows."""
    return [(words.field(name), words.value(name, value_text(value))) for name, value in metadata.items()]


def dated(metadata: Mapping[str, object]) -> str:
    """The date of a document, without a time; "" where it has none."""
    for name in DATES:
        if date_of({name: metadata.get(name)}) is not None:
            written = value_text(metadata[name])
            return written[:10] if _ISO.match(written) else written
    return ""


def index_facts(rows: Iterable[tuple[str, str]], skipped: Sequence[Skipped], words: Words) -> str:
    """What the index holds, and the files it could not take, with the reasons."""
    left_out = ""
    if skipped:
        shown = [*skipped[:MAX_SKIPPED]]
        items = "".join(
            f'<li style="margin-top: .4rem"><span class="code">{isolated(item.uri)}</span><br>'
            f"{isolated(words.reason(item.reason))}</li>"
            for item in shown
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
    head = "<td></td>" + "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{number}</th>{"".join(f"<td>{score:.3f}</td>" for score in row)}</tr>'
        for number, row in enumerate(rows, 1)
    )
    return f'<div class="sk sk-scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def page_width(rem: int) -> str:
    """A style that lets a page be as wide as this, instead of what suits a single column."""
    return (
        f'<style>[data-testid="stMainBlockContainer"] {{ max-width: {rem}rem; '
        "padding-inline: clamp(1rem, 4vw, 3rem); }</style>"
    )


def uploader_words(megabytes: int, words: Words) -> str:
    """A style that has boxes for files say what to do in the page's language: what Streamlit says is English alone."""
    zone = '[data-testid="stFileUploaderDropzone'
    said = (
        (f'{zone}"] button p', words("file_choose"), "1rem"),
        (f'{zone}Instructions"] span', words("file_limit", n=megabytes), ".875rem"),
    )
    rules = (
        f"{place} {{ font-size: 0; }} {place}::after {{ content: '{text}'; font-size: {size}; }}"
        for place, text, size in said
    )
    return f"<style>{' '.join(rules)}</style>"


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
