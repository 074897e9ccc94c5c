"""The page *Map*: passages in two dimensions, coloured by cluster or metadata, with a query and its hits."""

import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sakuin.index.database import NAME as DATABASE
from sakuin.index.filters import called, texts_of, top_folder, type_of
from sakuin.index.snapshot import Glimpse, Snapshot
from sakuin.search import Hit, Searcher
from sakuin.search.projection import Projection, Step, placed, project
from sakuin.ui import cards
from sakuin.ui.words import Words

WIDTH = 76
HEIGHT = 560
MAX_QUERY = 5_000
HITS = 10
NUMBERS_OF_POINTS = (1_000, 5_000, 20_000, 50_000)
# Seconds between looks at how far the map is.
POLL = 0.15

# What a point shows when the mouse is over it.
TITLE_CHARACTERS = 40
START_CHARACTERS = 60

CLUSTER, FOLDER, TYPE = "cluster", "folder", "type"
# A field of metadata with more values would be a colour for almost every point.
MOST_VALUES = 24
# Of the points, at least this share must have a field for it to be offered.
LEAST_SHARE = 0.1

# Hues that differ most from their neighbours in the list, of middle lightness, so that they suit light and dark pages.
COLOURS = (
    (78, 121, 219), (242, 142, 43), (44, 160, 101), (225, 87, 89), (148, 103, 189), (32, 166, 178),
    (214, 39, 140), (160, 140, 30), (140, 86, 75), (94, 175, 60), (110, 110, 220), (230, 110, 70),
    (20, 130, 150), (190, 90, 190), (120, 150, 60), (200, 120, 130), (60, 140, 220), (200, 160, 50),
    (90, 160, 140), (170, 70, 90), (130, 120, 170), (70, 190, 130), (220, 130, 180), (150, 110, 50),
)  # fmt: skip
OTHER_COLOUR = (140, 140, 140)
OPACITY = 190

HTML = """<div class="map"><canvas tabindex="0" role="img"></canvas><div class="above"></div>
<div class="tip" hidden></div>
<div class="buttons"><button class="nearer" type="button">+</button><button class="further" type="button">−</button>
<button class="whole" type="button">⤢</button></div></div>"""
CSS = """
.map { position: relative; height: min(HEIGHTpx, 68vh); overflow: hidden; border-radius: .75rem;
  border: 1px solid color-mix(in srgb, var(--st-text-color) 14%, transparent); color: var(--st-text-color);
  font-family: var(--st-font); font-size: 12px; line-height: 1.4; }
canvas { width: 100%; height: 100%; display: block; touch-action: none; cursor: grab; }
canvas:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
.above, .above > div, .tip { position: absolute; left: 0; top: 0; pointer-events: none; }
.above { inset: 0; overflow: hidden; }
.blank .above { padding: 1rem; }
.name { white-space: nowrap; font-weight: 600; padding: 1px 5px; border-radius: 5px;
  max-width: 16em; overflow: hidden; text-overflow: ellipsis;
  background: color-mix(in srgb, var(--st-background-color) 78%, transparent); }
.hit, .query { border-radius: 50%; text-align: center; font-weight: 700; box-sizing: border-box;
  box-shadow: 0 0 0 2px var(--st-background-color); }
.hit { width: 20px; height: 20px; line-height: 20px; font-size: 11px; background: var(--st-text-color);
  color: var(--st-background-color); }
.query { width: 26px; height: 26px; line-height: 24px; font-size: 15px; background: #f5b301; color: #222; z-index: 1; }
.picked { width: 22px; height: 22px; border-radius: 50%; border: 3px solid #f5b301; box-sizing: border-box; }
.tip { max-width: min(22em, 70%); padding: 6px 9px; border-radius: 7px; z-index: 3; overflow-wrap: anywhere;
  background: var(--st-background-color); box-shadow: 0 1px 8px rgb(0 0 0 / 35%); }
.tip .title { font-weight: 650; }
.buttons { position: absolute; right: 8px; top: 8px; display: flex; flex-direction: column; gap: 4px; z-index: 2; }
.buttons button { width: 32px; height: 32px; border-radius: 8px; font: inherit; font-size: 16px; cursor: pointer;
  color: inherit; background: var(--st-background-color);
  border: 1px solid color-mix(in srgb, var(--st-text-color) 20%, transparent); }
""".replace("HEIGHT", str(HEIGHT))
STYLE = """<style>
.sk-key { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .8125rem; }
.sk-key i { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%; margin-inline-end: .4rem; }
.sk-near { display: flex; flex-direction: column; gap: .6rem; }
.sk-near li { display: grid; grid-template-columns: auto 1fr; gap: 0 .6rem; }
.sk-near p { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
</style>"""


@dataclass(frozen=True, slots=True)
class Colouring:
    """What points can be coloured by.

    Attributes:
        values: Those that have a colour of their own, the commonest first.
        codes: uint8 (n,), places in ``values``; `len(values)` for all other values and none.
    """

    values: tuple[str, ...]
    codes: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A map and what its points show.

    Attributes:
        projection: The map.
        texts: What is shown of each point, UTF-8, one after the other.
        ends: uint32 (n,), where each ends.
        colourings: By "cluster", "folder", "type" and the names of fields of metadata.
    """

    projection: Projection
    texts: bytes
    ends: NDArray[np.uint32]
    colourings: dict[str, Colouring]


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
    st.html(cards.page_width(WIDTH) + STYLE)
    snapshot = searcher.snapshot
    query = st.text_input(
        words("query"),
        key="q",
        type="search",
        max_chars=MAX_QUERY,
        placeholder=words("query_placeholder"),
        label_visibility="collapsed",
        bind="query-params",
        persist_state="session",
    )
    drawn = finished(snapshot, words)
    if not len(drawn.projection.contents):
        st.html(cards.message(words("map_empty_title"), words("map_empty")))
        return
    number, by = options(drawn, words)
    hits = list(searcher.search(query or "", k=HITS).hits) if (query or "").strip() else []
    marks = marks_of(searcher, snapshot, drawn.projection, query or "", hits)
    # The canvas tells what was clicked before the page is drawn again.
    key = f"map {number} {snapshot.manifest.generation}"
    picked = (st.session_state.get(key) or {}).get("picked")
    if picked is not None:
        x, y = drawn.projection.positions[picked].tolist()
        marks.append({"x": x, "y": y, "text": "", "kind": "picked"})
    canvas()(key=key, data=packed(drawn, number, by, marks, words), on_picked_change=ignore)
    st.html(legend(drawn.colourings[by], by, number, words))
    show_notes(drawn.projection, number, words)
    if picked is not None:
        show_passage(snapshot, int(drawn.projection.contents[picked]), words)
    if hits:
        st.html(nearest(hits, words))


@cache
def canvas() -> Any:
    """The element that draws points."""
    script = (Path(__file__).parent / "map.js").read_text(encoding="utf-8")
    return st.components.v2.component("sakuin_map", html=HTML, css=CSS, js=script)


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


def drawn_of(snapshot: Snapshot, projection: Projection) -> Drawn:
    """What the points of a map show."""
    glimpses = snapshot.glimpses(projection.contents.tolist())
    # A passage that vanished meanwhile is shown empty until the page is drawn from the new state.
    gone = Glimpse("", "", "", {})
    shown = [glimpses.get(content, gone) for content in projection.contents.tolist()]
    texts = [shown_text(glimpse) for glimpse in shown]
    ends = np.fromiter(accumulate(map(len, texts)), np.uint32, len(texts))
    clusters = Colouring(projection.labels, projection.clusters.astype(np.uint8))
    fields = {FOLDER: [top_folder(each.file) for each in shown], TYPE: [type_of(each.file) for each in shown]}
    fields |= fields_of([each.metadata for each in shown])
    colourings = {name: colouring for name, values in fields.items() if (colouring := coloured_by(values)) is not None}
    return Drawn(projection, b"".join(texts), ends, {CLUSTER: clusters} | colourings)


def shown_text(glimpse: Glimpse) -> bytes:
    """Title and start of a passage on two lines."""
    title, start = (
        " ".join(text[: 2 * most].split())[:most]
        for text, most in ((glimpse.title, TITLE_CHARACTERS), (glimpse.text, START_CHARACTERS))
    )
    return f"{title}\n{start}{'…' if len(glimpse.text) > START_CHARACTERS else ''}".encode("utf-8", "replace")


def fields_of(metadata: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The value of each point, by field of metadata; "" where it has none, of several the first in order."""
    used = Counter(key for each in metadata for key in each)
    return {
        called(key): [min(texts_of(each.get(key)), default="") for each in metadata]
        for key, times in used.items()
        if times >= LEAST_SHARE * len(metadata)
    }


def coloured_by(values: Sequence[str]) -> Colouring | None:
    """Colours for values, None where all have the same or nearly each its own."""
    counts = Counter(value for value in values if value)
    if len(counts) < 2 or len(counts) > MOST_VALUES:
        return None
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    place = {value: code for code, value in enumerate(ordered)}
    return Colouring(tuple(ordered), np.array([place.get(value, len(ordered)) for value in values], np.uint8))


def options(drawn: Drawn, words: Words) -> tuple[int, str]:
    """How many points, and what they are coloured by."""
    total = len(drawn.projection.contents)
    numbers = [*(number for number in NUMBERS_OF_POINTS if number < total), total]
    of_address("by", "map_by", list(drawn.colourings))
    of_address("points", "map_n", numbers)
    row = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    by = row.selectbox(
        words("map_colour"),
        list(drawn.colourings),
        format_func=lambda name: colour_name(name, words),
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


def of_address(name: str, key: str, options: Sequence[Any]) -> None:
    """Choose what the address names, when the page opens; Streamlit's own binding would put translated labels there."""
    asked = {str(option): option for option in options}.get(st.query_params.get(name, ""))
    if key not in st.session_state and asked is not None:
        st.session_state[key] = asked


def to_address(name: str, chosen: object, default: object) -> None:
    """Put what was chosen into the address."""
    if chosen == default:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = str(chosen)


def colour_name(name: str, words: Words) -> str:
    """What the page calls a colouring."""
    return words(f"map_by_{name}") if name in (CLUSTER, FOLDER, TYPE) else name


def marks_of(
    searcher: Searcher, snapshot: Snapshot, projection: Projection, query: str, hits: Sequence[Hit]
) -> list[dict[str, Any]]:
    """The query and its hits, where they belong on the map."""
    if not query.strip():
        return []
    dim = snapshot.manifest.dim
    asked = searcher.model.encode([query], truncate_dim=dim, normalize=True)
    contents = np.array([int(hit.passage_id, 16) for hit in hits], np.int64)
    at = np.searchsorted(projection.contents, contents)
    at = np.minimum(at, len(projection.contents) - 1)
    on_map = projection.contents[at] == contents
    # Hits that are not in the sample, and the query if the model knows it, go where their like are.
    rows = np.concatenate([asked, snapshot.vectors.rows(contents[~on_map], dim)])
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


def packed(drawn: Drawn, number: int, by: str, marks: Sequence[Mapping[str, Any]], words: Words) -> bytes:
    """What `map.js` draws: the length of a JSON head, the head, then arrays and texts of the points."""
    projection, colouring = drawn.projection, drawn.colourings[by]
    colours = [COLOURS[place % len(COLOURS)] for place in range(len(colouring.values))]
    head = {
        "id": f"{len(projection.contents)} {projection.method}",
        "points": number,
        "palette": [[*colour, OPACITY] for colour in (*colours, OTHER_COLOUR)],
        "names": names_of(projection),
        "marks": list(marks),
        "label": words("map_label", n=number),
        "no_webgl": words("map_no_webgl"),
        "nearer": words("map_nearer"),
        "further": words("map_further"),
        "whole": words("map_whole"),
    }
    encoded = json.dumps(head).encode()
    end = int(drawn.ends[number - 1])
    return b"".join(
        [
            len(encoded).to_bytes(4, "little"),
            encoded,
            projection.positions[:number].astype("<f4").tobytes(),
            drawn.ends[:number].astype("<u4").tobytes(),
            colouring.codes[:number].tobytes(),
            drawn.texts[:end],
        ]
    )


def names_of(projection: Projection) -> list[dict[str, Any]]:
    """The names of clusters, each in the middle of its passages."""
    names = []
    for cluster, label in enumerate(projection.labels):
        if label:
            x, y = np.median(projection.positions[projection.clusters == cluster], axis=0).tolist()
            names.append({"x": x, "y": y, "text": label})
    return names


def legend(colouring: Colouring, by: str, number: int, words: Words) -> str:
    """The colours and what they mean."""
    counts = np.bincount(colouring.codes[:number], minlength=len(colouring.values) + 1).tolist()
    items = []
    for place, count in enumerate(counts):
        if not count:
            continue
        if place < len(colouring.values):
            colour = COLOURS[place % len(COLOURS)]
            text = colouring.values[place] or words("map_cluster", n=place + 1)
        else:
            colour, text = OTHER_COLOUR, words("map_other")
        items.append(
            f'<span><i style="background: rgb{colour}"></i>{cards.isolated(text)} '
            f'<span class="soft">{count:,}</span></span>'
        )
    title = cards.isolated(colour_name(by, words))
    return f'<div class="sk"><div class="sk-key" role="group"><b>{title}</b>{"".join(items)}</div></div>'


def show_notes(projection: Projection, number: int, words: Words) -> None:
    """What the reader should know of the map."""
    if projection.method != "tsne" and number >= 3:
        st.html(cards.note(words("map_rough")))
    if projection.sampled:
        st.caption(words("map_sampled", n=f"{number:,}"))
    st.caption(words("map_help"))


def show_passage(snapshot: Snapshot, content: int, words: Words) -> None:
    """The passage that was clicked."""
    row = snapshot.passages([content]).get(content)
    if row is None:
        st.html(cards.note(words("map_gone")))
        return
    where = f'<span class="code">{cards.isolated(row.uri)}</span>'
    if row.heading and row.heading != row.title:
        where += f" · {cards.isolated(row.heading)}"
    fields = [(key, cards.value_text(value)) for key, value in row.metadata.items()]
    details = cards.facts(fields) if fields else ""
    st.html(
        f'<div class="sk"><article class="sk-hit sk-picked"><h3>{cards.isolated(row.title)}</h3>'
        f'<p class="sk-where soft small">{where}</p>'
        f'<p class="sk-text" dir="auto">{cards.isolated(row.text)}</p>{details}</article></div>'
    )


def nearest(hits: Sequence[Hit], words: Words) -> str:
    """The hits in short, numbered as on the map."""
    items = "".join(
        f'<li><span class="sk-no">{hit.rank}</span><div><b>{cards.isolated(hit.document.title)}</b>'
        f'<p class="small">{cards.isolated(hit.text)}</p></div></li>'
        for hit in hits
    )
    return f'<div class="sk"><h3>{cards.isolated(words("map_hits"))}</h3><ol class="sk sk-near">{items}</ol></div>'
