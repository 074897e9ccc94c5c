"""The page *Map*: passages in two dimensions, coloured by cluster or metadata, with a query and its hits."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import streamlit as st

from sakuin.extras import install_command
from sakuin.index.snapshot import Snapshot
from sakuin.index.store import NAME as DATABASE
from sakuin.search import Hit, Searcher
from sakuin.search.projection import Projection, Step, placed, project
from sakuin.ui import ASSETS
from sakuin.ui.html import map_legend, pieces
from sakuin.ui.map_points import CLUSTER, Drawn, drawn_of, packed
from sakuin.ui.widgets import of_address, query_box, to_address
from sakuin.ui.words import Words

WIDTH = 76
HITS = 10
NUMBERS_OF_POINTS = (1_000, 5_000, 20_000, 50_000)
# Seconds between looks at how far the map is.
POLL = 0.15


@dataclass
class Work:
    """A map being made in a thread of its own, so that a click meanwhile does not undo it.

    Attributes:
        future: Of the map.
        done: 0 to 1.
        step: What is being done.
    """

    future: Future[Drawn] = field(default_factory=Future)
    done: float = 0.0
    step: Step = "neighbours"

    def report(self, done: float, step: Step) -> None:
        """Note how far it is."""
        self.done, self.step = done, step


def map_page(searcher: Searcher, words: Words) -> None:
    """Draw the page."""
    st.html(pieces.page_width(WIDTH))
    snapshot = searcher.snapshot
    query = query_box(words)
    drawn = finished(snapshot, words)
    if not len(drawn.projection.passage_ids):
        st.html(pieces.message(words("map_empty_title"), words("map_empty")))
        return
    number, by = options(drawn, words)
    hits = list(searcher.search(query, k=HITS, group="passage", rerank=False).hits) if query.strip() else []
    marks = marks_of(searcher, snapshot, drawn.projection, query, hits)
    # The canvas tells what was clicked before the page is drawn again.
    key = f"map {number} {snapshot.manifest.generation}"
    picked = (st.session_state.get(key) or {}).get("picked")
    if picked is not None:
        x, y = drawn.projection.positions[picked].tolist()
        marks.append({"x": x, "y": y, "text": "", "kind": "picked"})
    canvas()(key=key, data=packed(drawn, number, by, marks, words), on_picked_change=ignore)
    st.html(map_legend.colours(drawn.colourings[by], by, number, words))
    show_notes(drawn.projection, number, words)
    if picked is not None:
        show_passage(snapshot, int(drawn.projection.passage_ids[picked]), words)
    if hits:
        st.html(map_legend.nearest(hits, words))


@cache
def canvas() -> Any:
    """The element that draws points."""
    html, css, script = ((ASSETS / f"map.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("sakuin_map", html=html, css=css, js=script)


def ignore() -> None:
    """A state of an element needs something that is called when it changes; the page is drawn anew by itself."""


def finished(snapshot: Snapshot, words: Words) -> Drawn:
    """The map of an index, with a bar while it is made."""
    inode = (snapshot.folder / DATABASE).stat().st_ino
    asked = (str(snapshot.folder.resolve()), inode, snapshot.manifest.generation)
    work = started(*asked, snapshot)
    if not work.future.done():
        bar = st.progress(0.0)
        while not work.future.done():
            bar.progress(work.done, words(f"map_step_{work.step}"))
            time.sleep(POLL)
        bar.empty()
    try:
        return work.future.result()
    except Exception:
        # Made anew next time.
        started.clear(*asked, snapshot)
        raise


@st.cache_resource(show_spinner=False, max_entries=2)
def started(folder: str, inode: int, generation: int, _snapshot: Snapshot) -> Work:
    """The making of a map, begun; one for all that look at it."""
    work = Work()

    def make() -> None:
        try:
            projection = project(_snapshot, progress=work.report)
            work.future.set_result(drawn_of(_snapshot, projection))
        except BaseException as error:
            work.future.set_exception(error)

    threading.Thread(target=make, name="map", daemon=True).start()
    return work


def options(drawn: Drawn, words: Words) -> tuple[int, str]:
    """How many points, and what they are coloured by."""
    total = len(drawn.projection.passage_ids)
    numbers = [*(number for number in NUMBERS_OF_POINTS if number < total), total]
    of_address("by", "map_by", list(drawn.colourings))
    of_address("points", "map_n", numbers)
    row = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    by = row.selectbox(
        words("map_colour"),
        list(drawn.colourings),
        format_func=lambda name: map_legend.colour_name(name, words),
        key="map_by",
        width=220,
        persist_state="session",
    )
    number = total
    if len(numbers) > 1:
        if st.session_state.get("map_n") not in numbers:
            st.session_state["map_n"] = total
        number = row.selectbox(
            words("map_points"),
            numbers,
            format_func=lambda n: f"{n:,}",
            key="map_n",
            width=140,
            persist_state="session",
        )
    to_address("by", by, CLUSTER)
    to_address("points", number, total)
    return number, by if by in drawn.colourings else CLUSTER


def marks_of(
    searcher: Searcher, snapshot: Snapshot, projection: Projection, query: str, hits: Sequence[Hit]
) -> list[dict[str, Any]]:
    """The query and its hits, where they belong on the map."""
    if not query.strip():
        return []
    dim = snapshot.manifest.dim
    asked = searcher.model.encode([query], truncate_dim=dim, normalize=True)
    passage_ids = np.array([int(hit.passage_id, 16) for hit in hits], np.int64)
    at = np.searchsorted(projection.passage_ids, passage_ids)
    at = np.minimum(at, len(projection.passage_ids) - 1)
    on_map = projection.passage_ids[at] == passage_ids
    # Hits that are not in the sample, and the query if the model knows it, go where their like are.
    rows = np.concatenate([asked, snapshot.vectors.rows(passage_ids[~on_map], dim)])
    elsewhere = placed(projection, snapshot.vectors, rows)
    positions = projection.positions[at].copy()
    positions[~on_map] = elsewhere[1:]
    marks = [
        {"x": x, "y": y, "text": str(hit.rank), "kind": "hit"}
        for hit, (x, y) in reversed(list(zip(hits, positions.tolist(), strict=True)))
    ]
    if asked.any():
        x, y = elsewhere[0].tolist()
        marks.append({"x": x, "y": y, "text": "?", "kind": "query"})
    return marks


def show_notes(projection: Projection, number: int, words: Words) -> None:
    """What the reader should know of the map."""
    if projection.method != "tsne" and number >= 3:
        st.html(pieces.note(words("map_approximate", command=install_command("map"))))
    if projection.sampled:
        st.caption(words("map_sampled", n=f"{number:,}"))
    st.caption(words("map_help"))


def show_passage(snapshot: Snapshot, passage_id: int, words: Words) -> None:
    """The passage that was clicked."""
    row = snapshot.passages([passage_id]).get(passage_id)
    st.html(map_legend.passage(row) if row else pieces.note(words("map_gone")))
