"""What stands below the map, as HTML: its colours, the passage that was clicked, the hits of a query."""

from collections.abc import Sequence

import numpy as np

from sakuin.index.store import PassageRow
from sakuin.search import Hit
from sakuin.ui.html.pieces import facts, isolated, value_text
from sakuin.ui.map_points import CLUSTER, COLOURS, FOLDER, OTHER_COLOUR, TYPE, Colouring
from sakuin.ui.words import Words


def colours(colouring: Colouring, by: str, number: int, words: Words) -> str:
    """The colours and what they mean."""
    counts = np.bincount(colouring.codes[:number], minlength=len(colouring.values) + 1).tolist()
    items = []
    for code, count in enumerate(counts):
        if not count:
            continue
        if code < len(colouring.values):
            colour = COLOURS[code % len(COLOURS)]
            text = colouring.values[code] or words("map_cluster", n=code + 1)
        else:
            colour, text = OTHER_COLOUR, words("map_other")
        items.append(
            f'<span><i style="background: rgb{colour}"></i>{isolated(text)} <span class="soft">{count:,}</span></span>'
        )
    title = isolated(colour_name(by, words))
    return f'<div class="sk"><div class="sk-key" role="group"><b>{title}</b>{"".join(items)}</div></div>'


def colour_name(name: str, words: Words) -> str:
    """What the page calls a colouring."""
    return words(f"map_by_{name}") if name in (CLUSTER, FOLDER, TYPE) else name


def passage(row: PassageRow) -> str:
    """The passage that was clicked."""
    place = row.places[0]
    where = f'<span class="code">{isolated(place.uri)}</span>'
    if place.heading and place.heading != place.title:
        where += f" · {isolated(place.heading)}"
    fields = [(key, value_text(value)) for key, value in place.metadata.items()]
    return (
        f'<div class="sk"><article class="sk-hit sk-picked"><h3>{isolated(place.title)}</h3>'
        f'<p class="sk-where soft small">{where}</p>'
        f'<p class="sk-text" dir="auto">{isolated(row.text)}</p>{facts(fields) if fields else ""}</article></div>'
    )


def nearest(hits: Sequence[Hit], words: Words) -> str:
    """The hits in short, numbered as on the map."""
    items = "".join(
        f'<li><span class="sk-no">{hit.rank}</span><div><b>{isolated(hit.document.title)}</b>'
        f'<p class="small">{isolated(hit.text)}</p></div></li>'
        for hit in hits
    )
    return f'<div class="sk"><h3>{isolated(words("map_hits"))}</h3><ol class="sk sk-near">{items}</ol></div>'
