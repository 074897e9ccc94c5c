"""The page *Similarity*: compare texts that are typed in."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sakuin.embedder import StaticEmbedder, Token
from sakuin.search.contributions import Run, runs, strongest_pairs
from sakuin.search.token_pairs import token_pairs
from sakuin.ui.html import explanations, pieces
from sakuin.ui.widgets import MAX_CHARACTERS, bounded, dimensions_up_to
from sakuin.ui.words import Words, examples

# The input boxes of each view, and what stands in them at first.
TEXTS: Mapping[str, Mapping[str, str]] = examples()["similarity"]
VIEWS = tuple(TEXTS)
DEFAULT_DIMENSION = 256
# Longer addresses do not survive being pasted into every program.
MAX_ADDRESS = 6_000

Pair = tuple[int, int]
"""Positions, from 0, of two texts in their boxes."""


def similarity_page(model: StaticEmbedder, words: Words) -> None:
    """Compare texts that are typed in."""
    dimensions = dimensions_up_to(model.dimension)
    default = min(DEFAULT_DIMENSION, model.dimension)
    restore(dimensions, default)
    left, right = st.columns(2, gap="medium")
    view = (
        left.segmented_control(
            words("view"),
            VIEWS,
            required=True,
            format_func=lambda name: words(f"view_{name}"),
            key="view",
            width="stretch",
            persist_state="session",
        )
        or VIEWS[0]
    )
    dim = int(
        right.select_slider(words("dimension"), dimensions, help=words("cut_help"), key="cut", persist_state="session")
    )
    compare = {"rank": compare_one, "matrix": compare_all, "cross": compare_groups}[view]
    pair = compare(model, dimensions, dim, words)
    state = {"view": view, "cut": str(dim), **{key: st.session_state[key] or "" for key in TEXTS[view]}}
    defaults = {"view": VIEWS[0], "cut": str(default), **TEXTS[view]}
    if pair:
        state["pair"] = f"{pair[0] + 1}-{pair[1] + 1}"
    if not remember({key: value for key, value in state.items() if value != defaults.get(key)}, TEXTS[view]):
        st.caption(words("not_in_address"))


def restore(dimensions: Sequence[int], default: int) -> None:
    """Give the widgets what the address says, or else their first values, when the page is opened."""
    asked = st.query_params
    state = st.session_state
    for key, first in {key: text for texts in TEXTS.values() for key, text in texts.items()}.items():
        if key not in state:
            state[key] = asked.get(key, first)
    if "cut" not in state:
        state["cut"] = next((dim for dim in dimensions if str(dim) == asked.get("cut")), default)
    if "view" not in state:
        state["view"] = asked["view"] if asked.get("view") in VIEWS else VIEWS[0]
        pair = asked.get("pair", "").split("-")
        if len(pair) == 2 and all(number.isdecimal() and len(number) < 5 for number in pair):
            state[f"pair_{state['view']}"] = (int(pair[0]) - 1, int(pair[1]) - 1)


def remember(state: Mapping[str, str], texts: Mapping[str, str]) -> bool:
    """Write the page's state into the address; texts that are too long are left out, and False is returned."""
    fits = len(urlencode(state)) <= MAX_ADDRESS
    if not fits:
        state = {key: value for key, value in state.items() if key not in (*texts, "pair")}
    for key in ("view", "cut", "pair", *(key for boxes in TEXTS.values() for key in boxes)):
        if key not in state:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != state[key]:
            st.query_params[key] = state[key]
    return fits


def compare_one(model: StaticEmbedder, dimensions: list[int], dim: int, words: Words) -> Pair | None:
    """One text with many, the nearest first; returns the pair that the user chose to look into."""
    one = st.text_input(words("one"), key="one", persist_state="session") or ""
    texts = bounded(st.text_area(words("many"), height=180, key="many", persist_state="session") or "", words)
    if not one.strip() or not texts:
        st.html(pieces.note(words("nothing_to_compare")))
        return None
    if len(one) > MAX_CHARACTERS:
        st.html(pieces.note(words("too_long", n=MAX_CHARACTERS)))
    one = one[:MAX_CHARACTERS]
    vectors = model.encode([one, *texts])
    # A shorter vector is the beginning of the longer one, so one encoding serves every dimension.
    scores = np.stack([model.similarity(vectors[:1, :d], vectors[1:, :d])[0] for d in dimensions], axis=1)
    order = np.argsort(-scores[:, dimensions.index(dim)], kind="stable")
    scores = scores[order]
    st.html(pieces.ranking([texts[i] for i in order], scores[:, dimensions.index(dim)].tolist()))
    pair = look_into("rank", model, [one], texts, order.tolist(), (0, int(order[0])), dim, words)
    st.html(f'<div class="sk" style="padding-top: 1rem"><h3>{words("by_dimension")}</h3></div>')
    from sakuin.ui.charts import by_dimension

    st.altair_chart(by_dimension(scores, dimensions, dim, words), width="stretch")
    with st.expander(words("as_table")):
        st.html(pieces.table([str(d) for d in dimensions], scores.tolist()))
    return pair


def compare_all(model: StaticEmbedder, dimensions: list[int], dim: int, words: Words) -> Pair | None:
    """Texts with each other, as a heat map; returns the pair that the user chose to look into."""
    texts = bounded(st.text_area(words("all"), height=220, key="all", persist_state="session") or "", words)
    if len(texts) < 2:
        st.html(pieces.note(words("two_needed")))
        return None
    vectors = model.encode(texts)
    scores, full = (model.similarity(part, part) for part in (vectors[:, :dim], vectors))
    others = scores - 2 * np.eye(len(texts), dtype=np.float32)
    best = nearest_pair(others)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.html(pieces.numbered(texts))
    with right:
        show_matrix("matrix", scores, texts, texts, ("", ""), best, words)
        if dim < dimensions[-1]:
            change = float(np.abs(scores - full)[np.triu_indices(len(texts), 1)].mean())
            st.caption(words("matrix_change", full=dimensions[-1], change=f"{change:.3f}"))
    return look_into("matrix", model, texts, texts, list(range(len(texts))), best, dim, words)


def compare_groups(model: StaticEmbedder, dimensions: list[int], dim: int, words: Words) -> Pair | None:
    """Texts of one group with those of another, as a heat map; returns the pair that the user chose to look into."""
    columns = st.columns(2, gap="medium")
    boxes = zip(columns, ("left", "right"), ("texts_a", "texts_b"), strict=True)
    firsts, seconds = (
        bounded(column.text_area(words(label), height=180, key=key, persist_state="session") or "", words)
        for column, key, label in boxes
    )
    if not firsts or not seconds:
        st.html(pieces.note(words("nothing_to_compare")))
        return None
    a, b = model.encode(firsts), model.encode(seconds)
    scores, full = model.similarity(a[:, :dim], b[:, :dim]), model.similarity(a, b)
    best = nearest_pair(scores)
    for column, texts, name in zip(columns, (firsts, seconds), "AB", strict=True):
        column.html(pieces.numbered(texts, name))
    show_matrix("cross", scores, firsts, seconds, ("A", "B"), best, words)
    if dim < dimensions[-1]:
        change = float(np.abs(scores - full).mean())
        st.caption(words("matrix_change", full=dimensions[-1], change=f"{change:.3f}"))
    return look_into("cross", model, firsts, seconds, list(range(len(seconds))), best, dim, words)


def nearest_pair(scores: NDArray[np.float32]) -> Pair:
    """Row and column of the largest of scores (n, m)."""
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    return row, column


def chosen_pair(view: str, best: Pair, firsts: Sequence[str], seconds: Sequence[str]) -> Pair:
    """The pair that was chosen in a view, or the best where none was, or none that is still there."""
    first, second = st.session_state.get(f"pair_{view}", best)
    return (first, second) if 0 <= first < len(firsts) and 0 <= second < len(seconds) else best


def show_matrix(
    view: str,
    scores: NDArray[np.float32],
    firsts: list[str],
    seconds: list[str],
    names: tuple[str, str],
    best: Pair,
    words: Words,
) -> None:
    """The heat map of a view, whose cells can be chosen."""
    from sakuin.ui.charts import heat_map

    pair = chosen_pair(view, best, firsts, seconds)
    chart = heat_map(scores, firsts, seconds, names, pair, st.context.theme.type or "light", words)
    key = f"chart_{view}"

    def clicked() -> None:
        for point in st.session_state[key].selection["pair"]:
            st.session_state[f"pair_{view}"] = (int(point["row"]) - 1, int(point["column"]) - 1)

    st.altair_chart(chart, width="stretch", key=key, on_select=clicked, selection_mode="pair")
    st.caption(words("click_cell"))


def look_into(
    view: str,
    model: StaticEmbedder,
    firsts: list[str],
    seconds: list[str],
    order: list[int],
    best: Pair,
    dim: int,
    words: Words,
) -> Pair | None:
    """Choose two texts and show what each pair of their words adds to their cosine.

    Args:
        view: Whose texts they are.
        model: What encodes them.
        firsts: The texts to choose one from.
        seconds: The texts to choose the other from.
        order: In which the second ones are offered.
        best: What is shown until the user chooses.
        dim: Dimensions that are compared.
        words: Of the language.

    Returns:
        The pair that was chosen, None if it is only the best.
    """
    st.html(f'<div class="sk" style="padding-top: 1rem"><h3>{words("alignment")}</h3></div>')
    first, second = pair = chosen_pair(view, best, firsts, seconds)
    keys = f"first_{view}", f"second_{view}"
    # A click in the chart chooses as well, so the boxes follow what is chosen and not the other way round.
    st.session_state[keys[0]], st.session_state[keys[1]] = pair

    def chosen() -> None:
        st.session_state[f"pair_{view}"] = (st.session_state[keys[0]], st.session_state[keys[1]])

    row = st.container(horizontal=True, gap="medium")
    if len(firsts) > 1:
        row.selectbox(
            words("first"),
            range(len(firsts)),
            format_func=lambda i: f"{i + 1}. {firsts[i]}",
            key=keys[0],
            on_change=chosen,
        )
    row.selectbox(
        words("second"),
        order,
        format_func=lambda i: f"{order.index(i) + 1}. {seconds[i]}",
        key=keys[1],
        on_change=chosen,
    )
    show_alignment(model, firsts[first], seconds[second], dim, words)
    return pair if pair != best else None


def show_alignment(model: StaticEmbedder, first: str, second: str, dim: int, words: Words) -> None:
    """Two texts, shaded by what their words add to their cosine, and the table of all pairs of words."""
    pairs = token_pairs(model, first, second, dim)
    if not pairs.shares.size:
        st.html(pieces.note(words("alignment_none")))
        return
    shaded = (
        shares_of(first, pairs.query, pairs.shares.sum(axis=1)),
        shares_of(second, pairs.passage, pairs.shares.sum(axis=0)),
    )
    strongest = max(run.share for text in shaded for run in text)
    st.html(pieces.lettered(*(pieces.coloured_text(text, strongest) for text in shaded)))
    cosine = f"{pairs.shares.sum():.3f}"
    st.caption(words("alignment_text", cosine=cosine, dim=dim))
    st.html(f'<div class="sk">{explanations.pair_table(strongest_pairs(pairs, first, second), words)}</div>')
    st.caption(words("alignment_table", cosine=cosine))


def shares_of(text: str, tokens: Sequence[Token], shares: NDArray[np.float64]) -> list[Run]:
    """A text as runs, each with what its token adds, in all its spans together; ``shares`` (tokens,)."""
    added = np.zeros(len(text))
    for token, share in zip(tokens, shares.tolist(), strict=True):
        for start, end in dict.fromkeys(token.spans):
            added[start:end] += share
    return list(runs(text, added, np.zeros(len(text), bool)))
