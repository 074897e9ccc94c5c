"""The page *Similarity*: compare texts that are typed in."""

import numpy as np
import streamlit as st

from embedder import StaticEmbedder
from ui import cards
from ui.widgets import MAX_CHARACTERS, bounded, dimensions_up_to
from ui.words import EXAMPLE_ALL, EXAMPLE_MANY, EXAMPLE_ONE, Words


def similarity_page(model: StaticEmbedder, words: Words) -> None:
    """Compare texts that are typed in."""
    dimensions = dimensions_up_to(model.dimension)
    left, right = st.columns(2, gap="medium")
    view = left.segmented_control(
        words("view"),
        ("rank", "matrix"),
        default="rank",
        required=True,
        format_func=lambda name: words(f"view_{name}"),
        key="view",
        width="stretch",
        persist_state="session",
    )
    dim = right.select_slider(
        words("dimension"),
        dimensions,
        value=min(256, model.dimension),
        help=words("cut_help"),
        key="cut",
        persist_state="session",
    )
    if view == "matrix":
        compare_all(model, int(dim), words)
    else:
        compare_one(model, dimensions, int(dim), words)


def compare_one(model: StaticEmbedder, dimensions: list[int], dim: int, words: Words) -> None:
    """One text with many, the nearest first."""
    one = st.text_input(words("one"), EXAMPLE_ONE, key="one", persist_state="session") or ""
    many = st.text_area(words("many"), EXAMPLE_MANY, height=180, key="many", persist_state="session") or ""
    texts = bounded(many, words)
    if not one.strip() or not texts:
        st.html(cards.note(words("nothing_to_compare")))
        return
    vectors = model.encode([one[:MAX_CHARACTERS], *texts])
    if len(one) > MAX_CHARACTERS:
        st.html(cards.note(words("too_long", n=MAX_CHARACTERS)))
    # A shorter vector is the beginning of the longer one, so one encoding serves every dimension.
    scores = np.stack([model.similarity(vectors[:1, :d], vectors[1:, :d])[0] for d in dimensions], axis=1)
    order = np.argsort(-scores[:, dimensions.index(dim)], kind="stable")
    scores = scores[order]
    st.html(cards.ranking([texts[i] for i in order], scores[:, dimensions.index(dim)].tolist()))
    st.html(f'<div class="sk" style="padding-top: 1rem"><h3>{words("by_dimension")}</h3></div>')
    from ui.charts import by_dimension

    st.altair_chart(by_dimension(scores, dimensions, dim, words), width="stretch")
    with st.expander(words("numbers")):
        st.html(cards.table([str(d) for d in dimensions], scores.tolist()))


def compare_all(model: StaticEmbedder, dim: int, words: Words) -> None:
    """Texts with each other, as a heat map."""
    texts = bounded(
        st.text_area(words("all"), EXAMPLE_ALL, height=220, key="all", persist_state="session") or "", words
    )
    if len(texts) < 2:
        st.html(cards.note(words("two_needed")))
        return
    vectors = model.encode(texts)
    scores, full = (model.similarity(part, part) for part in (vectors[:, :dim], vectors))
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.html(cards.numbered(texts))
    with right:
        from ui.charts import heat_map

        st.altair_chart(heat_map(scores, texts, st.context.theme.type or "light", words), width="stretch")
        if dim < model.dimension:
            change = float(np.abs(scores - full)[np.triu_indices(len(texts), 1)].mean())
            st.caption(words("matrix_change", full=model.dimension, change=f"{change:.3f}"))
