"""Charts of the pages Similarity and Dimensions.

Texts appear in them only as numbers and, in full, in tooltips, which Vega escapes.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sakuin.ui.words import Words

if TYPE_CHECKING:
    from sakuin.tuning.by_dimension import QueryByDimension

# As in ``assets/style.css``.
DENSE_COLOUR = "#0d9488"
# Above so many texts the numbers no longer fit into the cells.
MAX_NUMBERS = 12
MAX_LINES = 10
MAX_TOOLTIP = 80
# From faint to strong on the theme's own background, and the colours of the numbers that can be read on them.
COLOURS = {"light": ("#eef6f5", "#0f766e", "#1f2a29", "#ffffff"), "dark": ("#202a29", "#2dd4bf", "#e6efee", "#0b1615")}
# Of the cell that is looked into, and of lines that matter less.
FRAME = {"light": "#e59a1c", "dark": "#f5b301"}
QUIET = {"light": "#9aa5a4", "dark": "#6b7675"}


def heat_map(
    scores: NDArray[np.float32],
    firsts: Sequence[str],
    seconds: Sequence[str],
    names: tuple[str, str],
    chosen: tuple[int, int],
    theme: str,
    words: Words,
) -> alt.LayerChart:
    """Cosine of every text (n) with every other (m); a cell that is clicked is the selection "pair".

    Args:
        scores: (n, m).
        firsts: The texts of rows.
        seconds: The texts of columns.
        names: What stands before the numbers of rows and of columns.
        chosen: Row and column, from 0, of the cell that has a frame.
        theme: "light" or "dark".
        words: Of the language.
    """
    faint, strong, on_faint, on_strong = COLOURS[theme]
    height, width = scores.shape
    rows, columns = np.divmod(np.arange(height * width), width)
    short_firsts, short_seconds = map(shortened, firsts), map(shortened, seconds)
    rows_text = [f"{names[0]}{i}. {text}" for i, text in enumerate(short_firsts, 1)]
    columns_text = [f"{names[1]}{i}. {text}" for i, text in enumerate(short_seconds, 1)]
    data = pd.DataFrame(
        {
            "row": rows + 1,
            "column": columns + 1,
            "score": scores.ravel().astype(float).round(3),
            "first": [rows_text[i] for i in rows],
            "second": [columns_text[i] for i in columns],
            "chosen": (rows == chosen[0]) & (columns == chosen[1]),
        }
    )
    down, across = (
        alt.Axis(
            labelAngle=0, ticks=False, domain=False, title=None, labelOverlap=True, labelExpr=f"'{name}' + datum.label"
        )
        for name in names
    )
    roomy = max(height, width) <= MAX_NUMBERS
    gap = alt.Scale(padding=0.04 if roomy else 0)
    base = alt.Chart(data).encode(
        x=alt.X("column:O", axis=across, scale=gap),
        y=alt.Y("row:O", axis=down, scale=gap),
        tooltip=[
            alt.Tooltip("first:N", title=words("first")),
            alt.Tooltip("second:N", title=words("second")),
            alt.Tooltip("score:Q", title=words("cosine_axis"), format=".3f"),
        ],
    )
    scale = alt.Scale(domain=[0, 1], range=[faint, strong], clamp=True)
    corner = 3 if roomy else 0
    pair = alt.selection_point("pair", fields=["row", "column"], on="click", clear=False)
    cells = (
        base.mark_rect(cornerRadius=corner, cursor="pointer")
        .encode(color=alt.Color("score:Q", scale=scale, legend=None))
        .add_params(pair)
    )
    layers: list[Any] = [cells]
    if roomy:
        colour = alt.condition("datum.score > 0.55", alt.value(on_strong), alt.value(on_faint))
        size = 12 if width <= 8 else 10
        layers.append(
            base.mark_text(fontSize=size, cursor="pointer").encode(text=alt.Text("score:Q", format=".2f"), color=colour)
        )
    frame = base.transform_filter("datum.chosen").mark_rect(
        fillOpacity=0, stroke=FRAME[theme], strokeWidth=2, cornerRadius=corner
    )
    layers.append(frame)
    tall = 46 * min(height, MAX_NUMBERS) + 20
    return alt.LayerChart(layer=layers, height=tall, config=alt.Config(view=alt.ViewConfig(strokeWidth=0)))


def shortened(text: str) -> str:
    """A text as a tooltip can show it."""
    return text if len(text) <= MAX_TOOLTIP else f"{text[: MAX_TOOLTIP - 1]}…"


def by_dimension(scores: NDArray[np.float32], dimensions: Sequence[int], chosen: int, words: Words) -> alt.LayerChart:
    """Cosine of each text (n) at each dimension (d): scores (n, d), drawn as a line for each of the first few texts."""
    number = min(len(scores), MAX_LINES)
    data = pd.DataFrame(
        {
            "text": np.repeat(np.arange(1, number + 1), len(dimensions)),
            "dimension": np.tile(list(dimensions), number),
            "score": scores[:number].ravel().astype(float).round(3),
        }
    )
    lines = (
        alt.Chart(data)
        .mark_line(point=alt.OverlayMarkDef(size=42), strokeWidth=2)
        .encode(
            x=alt.X("dimension:O", title=words("dimension"), axis=alt.Axis(labelAngle=0)),
            y=alt.Y("score:Q", title=words("cosine_axis"), scale=alt.Scale(nice=True, zero=False)),
            color=alt.Color("text:N", title=words("text"), sort=list(range(1, number + 1))),
            tooltip=[
                alt.Tooltip("text:N", title=words("text")),
                alt.Tooltip("dimension:O", title=words("dimension")),
                alt.Tooltip("score:Q", title=words("cosine_axis"), format=".3f"),
            ],
        )
    )
    here = (
        alt.Chart(pd.DataFrame({"dimension": [chosen]}))
        .mark_rule(strokeDash=[3, 3], color="#888")
        .encode(x="dimension:O")
    )
    return alt.LayerChart(layer=[here, lines], height=260)


def rank_moves(followed: "QueryByDimension", cutoff: int, theme: str, words: Words) -> alt.LayerChart:
    """Ranks of a query's passages at each dimension, a line for each passage.

    Lines of the last dimension's first passages have a colour and, at their end, the number they have in the table;
    what is beyond rank ``cutoff`` is drawn in one lane below.
    """
    from sakuin.tuning.by_dimension import DEPTH

    rows = [
        {
            "passage": number,
            "dimension": dimension,
            "rank": rank,
            "shown_rank": words("beyond", rank=DEPTH) if rank is None else words("rank_number", rank=rank),
            "lane": min(rank or cutoff + 1, cutoff + 1),
            "score": score,
            "title": shortened(passage.hit.document.title),
            "text": shortened(passage.hit.text),
            "first": number <= followed.first,
        }
        for number, passage in enumerate(followed.passages, 1)
        for dimension, rank, score in zip(followed.dimensions, passage.ranks, passage.scores, strict=True)
    ]
    hovered = alt.selection_point("hovered", fields=["passage"], on="pointerover", clear="pointerout")
    colour = alt.condition(
        "datum.first",
        alt.Color("passage:N", scale=alt.Scale(scheme="tableau10"), legend=None),
        alt.value(QUIET[theme]),
    )
    labels = f"datum.value > {cutoff} ? '{cutoff + 1}+' : datum.label"
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("dimension:O", title=words("dimension"), axis=alt.Axis(labelAngle=0), scale=alt.Scale(padding=0.25)),
        y=alt.Y(
            "lane:Q",
            title=words("rank"),
            scale=alt.Scale(domain=[0.6, cutoff + 1.4], reverse=True, nice=False, zero=False),
            axis=alt.Axis(values=list(range(1, cutoff + 2)), labelExpr=labels, grid=False),
        ),
        color=colour,
        detail="passage:N",
        opacity=alt.condition(hovered, alt.value(1.0), alt.value(0.12)),
    )
    tooltip = [
        alt.Tooltip("title:N", title=words("document")),
        alt.Tooltip("text:N", title=words("passage")),
        alt.Tooltip("dimension:O", title=words("dimension")),
        alt.Tooltip("shown_rank:N", title=words("rank")),
        alt.Tooltip("score:Q", title=words("score"), format=".3f"),
    ]
    lines = base.mark_line(interpolate="monotone").encode(
        strokeDash=alt.condition("datum.first", alt.value([1, 0]), alt.value([3, 4])),
        strokeWidth=alt.condition("datum.first", alt.value(2.5), alt.value(1.25)),
    )
    points = (
        base.mark_point(filled=True)
        .encode(tooltip=tooltip, size=alt.condition("datum.first", alt.value(90), alt.value(45)))
        .add_params(hovered)
    )
    ends = (
        base.transform_filter(f"datum.dimension == {followed.dimensions[-1]} && datum.first")
        .mark_text(dx=16, fontSize=12, fontWeight="bold")
        .encode(text="passage:N", color=alt.value(COLOURS[theme][2]))
    )
    return alt.LayerChart(layer=[lines, points, ends], height=30 * (cutoff + 1) + 60)


def bars(
    values: Mapping[int, float], form: str, title: str, theme: str, words: Words, most: float | None = None
) -> Any:
    """A figure at each dimension.

    Args:
        values: The figures, by dimension.
        form: Of the figures, in d3's notation.
        title: Of the chart.
        theme: "light" or "dark".
        words: In the reader's language.
        most: Where the axis ends; None for a little above the largest figure.
    """
    _, strong, on_faint, _ = COLOURS[theme]
    data = pd.DataFrame({"dimension": list(values), "value": list(values.values())})
    top = most or 1.15 * max(data["value"].max(), 1e-9)
    base = alt.Chart(data).encode(
        x=alt.X("dimension:O", title=words("dimension"), axis=alt.Axis(labelAngle=0, ticks=False)),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, top], nice=False), axis=None),
        tooltip=[
            alt.Tooltip("dimension:O", title=words("dimension")),
            alt.Tooltip("value:Q", title=title, format=form),
        ],
    )
    bar = base.mark_bar(color=strong, cornerRadiusEnd=3, size=26)
    number = base.mark_text(dy=-8, fontSize=12, color=on_faint).encode(text=alt.Text("value:Q", format=form))
    return alt.LayerChart(layer=[bar, number], height=210, title=alt.Title(title, fontSize=14, anchor="start"))


def intervals(rows: Sequence[tuple[str, float, float, float]], k: int, words: Words) -> alt.LayerChart:
    """A mean (0 to 1) with the ends of its interval for each name, drawn times 100, in the order given."""
    data = pd.DataFrame(
        [{"name": name, "value": 100 * value, "low": 100 * low, "high": 100 * high} for name, value, low, high in rows]
    )
    base = alt.Chart(data).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=170, ticks=False, domain=False)),
        tooltip=[
            alt.Tooltip("name:N", title=words("setting")),
            alt.Tooltip("value:Q", title=f"nDCG@{k}", format=".1f"),
            alt.Tooltip("low:Q", title="2.5 %", format=".1f"),
            alt.Tooltip("high:Q", title="97.5 %", format=".1f"),
        ],
    )
    scale = alt.Scale(zero=False, nice=True)
    lines = base.mark_rule(strokeWidth=3, opacity=0.4, color=DENSE_COLOUR).encode(
        x=alt.X("low:Q", title=f"nDCG@{k}", scale=scale), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=90, opacity=1, color=DENSE_COLOUR).encode(x="value:Q")
    return alt.LayerChart(layer=[lines, points], height=34 * len(rows) + 40)
