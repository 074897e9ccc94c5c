"""The points of a map: what they show, what they can be coloured by, and the bytes that ``assets/map.js`` draws."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.index.snapshot import Snapshot
from sakuin.index.store.passages import Glimpse
from sakuin.index.where import called, texts_of, top_folder, type_of
from sakuin.search.projection import Projection
from sakuin.ui.words import Words

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


@dataclass(frozen=True, slots=True)
class Colouring:
    """What points can be coloured by.

    Attributes:
        values: Those that have a colour of their own, the commonest first.
        codes: uint8 (n,), positions in ``values``; `len(values)` for all other values and none.
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


def drawn_of(snapshot: Snapshot, projection: Projection) -> Drawn:
    """What the points of a map show."""
    glimpses = snapshot.glimpses(projection.passage_ids.tolist())
    # A passage that vanished meanwhile is shown empty until the page is drawn from the new state.
    gone = Glimpse("", "", "", {})
    shown = [glimpses.get(passage_id, gone) for passage_id in projection.passage_ids.tolist()]
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
    codes = {value: code for code, value in enumerate(ordered)}
    return Colouring(tuple(ordered), np.array([codes.get(value, len(ordered)) for value in values], np.uint8))


def packed(drawn: Drawn, number: int, by: str, marks: Sequence[Mapping[str, Any]], words: Words) -> bytes:
    """What `map.js` draws: the length of a JSON head, the head, then arrays and texts of the points."""
    projection, colouring = drawn.projection, drawn.colourings[by]
    colours = [COLOURS[code % len(COLOURS)] for code in range(len(colouring.values))]
    head = {
        "id": f"{len(projection.passage_ids)} {projection.method}",
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
