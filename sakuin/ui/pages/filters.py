"""Filters of the page *Search*: what can be chosen, what is chosen, and the address of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from sakuin.index.store.facets import Facet
from sakuin.search import Searcher, SearchError, SearchRequest
from sakuin.ui.html import pieces
from sakuin.ui.words import Words

# Before the name of a field in the address, so that no field of metadata can be taken for anything else.
PREFIX = "in."
# A corpus may have hundreds of fields; those that divide it best are offered.
MOST_FACETS = 6
# Says where in a file a document stands: two sheets have each row.
NAMING = frozenset({"row"})
# Documents of a value on average, from which a field divides documents rather than naming them.
WORTHWHILE = 2.0

Chosen = dict[str, list[str]]


def chosen_filters(searcher: Searcher) -> Chosen:
    """The values that were chosen, by field: of this session, or, when it begins, of the address."""
    if "filters" not in st.session_state:
        asked = {name.removeprefix(PREFIX): st.query_params.get_all(name) for name in st.query_params}
        st.session_state["filters"] = {
            name: list(dict.fromkeys(values))
            for name, values in asked.items()
            if PREFIX + name in st.query_params and is_field(searcher, name)
        }
    chosen: Chosen = st.session_state["filters"]
    for name in list(st.query_params):
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in chosen:
            del st.query_params[name]
    for name, values in chosen.items():
        st.query_params[PREFIX + name] = values
    return chosen


def is_field(searcher: Searcher, name: str) -> bool:
    """Whether any document has a field; an address may name whatever it likes."""
    try:
        searcher.facets(names=[name], limit=1)
    except SearchError:
        return False
    return True


def offered(searcher: Searcher, chosen: Chosen) -> list[Facet]:
    """Fields to choose from, with their values; the same for every query, so that the boxes stay where they are."""
    facets = {facet.name: facet for facet in searcher.facets(chosen) if facet.name not in chosen and worthwhile(facet)}
    first = dict(list(facets.items())[: max(0, MOST_FACETS - len(chosen))])
    for name, values in chosen.items():
        others = {other: wanted for other, wanted in chosen.items() if other != name}
        counted = dict(next(iter(searcher.facets(others, names=[name])), Facet(name, ())).values)
        counted = {**counted, **{value: counted.get(value, 0) for value in values}}
        first[name] = Facet(name, tuple(counted.items()))
    # The same order whatever is chosen, or the boxes would jump about.
    order = [facet.name for facet in searcher.facets()]
    return sorted(first.values(), key=lambda facet: order.index(facet.name) if facet.name in order else len(order))


def counted(searcher: Searcher, request: SearchRequest, facets: Sequence[Facet], chosen: Chosen) -> list[Facet]:
    """The same fields with how many of the documents that match a query have which value, most first.

    Args:
        searcher: Of the index.
        request: What is asked for.
        facets: Of `offered`.
        chosen: The filters. A field that is restricted itself is counted as if it were not: what else could be chosen.
    """
    numbers: dict[str, dict[str, int]] = {}
    free = [facet.name for facet in facets if facet.name not in chosen]
    for names in (free, *([name] for name in chosen)):
        where = {name: values for name, values in chosen.items() if name not in names}
        asked = replace(request, where=where, k=1, offset=0, rerank=False, sort=None, facets=names)
        matches = searcher.answer(asked).matches if names else None
        numbers |= {facet.name: dict(facet.values) for facet in (matches.facets if matches else ())}
    return [
        Facet(facet.name, tuple(sorted(((value, own.get(value, 0)) for value, _ in facet.values), key=most_first)))
        for facet in facets
        for own in [numbers.get(facet.name, {})]
    ]


def most_first(counted_value: tuple[str, int]) -> int:
    """What values are sorted by."""
    return -counted_value[1]


def worthwhile(facet: Facet) -> bool:
    """Whether a field divides documents into groups."""
    documents = sum(number for _, number in facet.values)
    return facet.name not in NAMING and len(facet.values) > 1 and documents >= WORTHWHILE * len(facet.values)


def choose_filters(facets: Sequence[Facet], chosen: Chosen, words: Words) -> None:
    """A box for each field."""
    for position, facet in enumerate(facets):
        # Streamlit reads labels as Markdown, but not the options of this box; so a name is never a label.
        with st.container(gap=None, key=f"facet_{position}"):
            st.html(pieces.facet_name(words.field(facet.name)))
            counts = dict(facet.values)
            key = f"values_{position}_{facet.name}"
            st.session_state[key] = chosen.get(facet.name, [])
            st.multiselect(
                words("filter_number", n=position + 1),
                list(counts),
                format_func=labels(facet.name, counts, words),
                placeholder=words("filter_any"),
                select_all=False,
                label_visibility="collapsed",
                key=key,
                on_change=take,
                args=(facet.name, key),
            )


def labels(name: str, counts: dict[str, int], words: Words) -> Callable[[str], str]:
    """How a box shows a value: with the number of its documents that match.

    With none where none does: by meaning there may be hits all the same, and a nought would deny them.
    """

    def label(value: str) -> str:
        number = counts.get(value, 0)
        return f"{value_name(name, value, words)} ({number:,})" if number else value_name(name, value, words)

    return label


def take(name: str, key: str) -> None:
    """Restrict a field to what its box says."""
    values = list(st.session_state[key])
    chosen: Chosen = dict(st.session_state["filters"])
    if values:
        chosen[name] = values
    else:
        chosen.pop(name, None)
    st.session_state["filters"] = chosen


def show_chosen(chosen: Chosen, words: Words) -> None:
    """Every filter that holds, each with a cross that ends it."""
    pairs = [(name, value) for name, values in chosen.items() for value in values]
    if not pairs:
        return
    st.session_state["chips"] = pairs
    st.multiselect(
        words("filters"),
        pairs,
        format_func=lambda pair: f"{words.field(pair[0])}: {value_name(pair[0], pair[1], words)}",
        key="chips",
        on_change=keep_chips,
        select_all=False,
    )


def keep_chips() -> None:
    """End the filters whose chips were taken away."""
    chosen: Chosen = {}
    for name, value in st.session_state["chips"]:
        chosen.setdefault(name, []).append(value)
    st.session_state["filters"] = chosen


def value_name(name: str, value: str, words: Words) -> str:
    """A value as it is shown."""
    return words.value(name, value) or words("filter_empty")
