"""Charts of the similarity page. Texts appear in them only as numbers and, in full, in tooltips, which Vega escapes."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ui.words import Words

# Above so many texts the numbers no longer fit into the cells.
MAX_NUMBERS = 12
MAX_LINES = 10
# From faint to strong on the theme's own background, and the colours of the numbers that can be read on them.
COLOURS = {"light": ("#eef6f5", "#0f766e", "#1f2a29", "#ffffff"), "dark": ("#202a29", "#2dd4bf", "#e6efee", "#0b1615")}


def heat_map(scores: NDArray[np.float32], texts: Sequence[str], theme: str, words: Words) -> alt.LayerChart:
    """Cosine of every text (n) with every other: scores (n, n)."""
    faint, strong, on_faint, on_strong = COLOURS[theme]
    number = len(texts)
    rows, columns = np.divmod(np.arange(number * number), number)
    short = [text if len(text) <= 80 else f"{text[:79]}…" for text in texts]
    data = pd.DataFrame(
        {
            "row": rows + 1,
            "column": columns + 1,
            "score": scores.ravel().astype(float).round(3),
            "first": [f"{i + 1}. {short[i]}" for i in rows],
            "second": [f"{i + 1}. {short[i]}" for i in columns],
        }
    )
    axis = alt.Axis(labelAngle=0, ticks=False, domain=False, title=None, labelOverlap=True)
    roomy = number <= MAX_NUMBERS
    gap = alt.Scale(padding=0.04 if roomy else 0)
    base = alt.Chart(data).encode(
        x=alt.X("column:O", axis=axis, scale=gap),
        y=alt.Y("row:O", axis=axis, scale=gap),
        tooltip=[
            alt.Tooltip("first:N", title=words("first")),
            alt.Tooltip("second:N", title=words("second")),
            alt.Tooltip("score:Q", title=words("cosine_axis"), format=".3f"),
        ],
    )
    scale = alt.Scale(domain=[0, 1], range=[faint, strong], clamp=True)
    cells = base.mark_rect(cornerRadius=3 if roomy else 0).encode(color=alt.Color("score:Q", scale=scale, legend=None))
    layers: list[Any] = [cells]
    if roomy:
        colour = alt.condition("datum.score > 0.55", alt.value(on_strong), alt.value(on_faint))
        layers.append(base.mark_text(fontSize=12).encode(text=alt.Text("score:Q", format=".2f"), color=colour))
    height = 46 * min(number, MAX_NUMBERS) + 20
    return alt.LayerChart(layer=layers, height=height, config=alt.Config(view=alt.ViewConfig(strokeWidth=0)))


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
