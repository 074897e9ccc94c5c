"""The page *Search*: ask the index, and see why a passage was found."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sakuin.index.clusters import is_cluster
from sakuin.index.originals import original_names
from sakuin.index.store import Manifest
from sakuin.index.store.facets import Facet
from sakuin.search import MODES, Explanation, Hit, Searcher, SearchRequest, SearchResult
from sakuin.search.breakdown import term_scores
from sakuin.search.contributions import coloured, cosines, strongest_pairs
from sakuin.search.did_you_mean import Suggestion
from sakuin.search.request import BY_DOCUMENT
from sakuin.search.rerank.models import OpinionError
from sakuin.search.side_by_side import side_by_side
from sakuin.search.spans import Indexed
from sakuin.search.token_pairs import token_pairs
from sakuin.ui.clusters import folder_among, folders_of
from sakuin.ui.html import explanations, hits, pieces
from sakuin.ui.opening import searcher_of
from sakuin.ui.pages.document import open_document, opened, opened_in, show_document
from sakuin.ui.pages.filters import Chosen, choose_filters, chosen_filters, counted, offered, show_chosen
from sakuin.ui.pages.judging import Judging, judge_document, judge_index, judging_hits, show_failure
from sakuin.ui.pages.keeping import name_of, offer_keeping, show_kept
from sakuin.ui.pages.suggesting import suggest
from sakuin.ui.pages.turning import offer_pages, page_asked
from sakuin.ui.widgets import (
    ask,
    dimensions_up_to,
    holds_examples,
    keys,
    of_address,
    offer_file,
    offer_queries,
    query_box,
    to_address,
)
from sakuin.ui.words import Words

NUMBERS_OF_HITS = (5, 10, 20, 50, 100)
WIDTH = 68
# Of each list that stands beside others.
LISTED = 10
# Words of the query and of a passage that a heat map names: as many as are seen without scrolling.
HEAT_MAP = (12, 14)
# Parts of each sum that the explanation on the page names; the file has all.
EXPLAINED_PARTS = 40
# Notices of what is asked beside words.
NOTHING_LEFT = frozenset({"nothing_has_words", "nothing_but_excluded", "nothing_matches_filter"})
ORDERS: dict[str, dict[str, Any]] = {"relevance": {}, "newer": {"recency": "6m"}, "newest": {"sort": "-date"}}


def search_page(
    searcher: Searcher, words: Words, *, read_only: bool = False, each: Sequence[Searcher] | None = None
) -> None:
    """Ask the index.

    Args:
        searcher: Of the index, or of several as one.
        words: In the reader's language.
        read_only: Hits cannot be judged, as those of several indexes and of a cluster never are.
        each: Of each of several indexes, in the order of ``searcher.folders``.
    """
    each = each or [searcher]
    read_only = read_only or len(each) > 1 or is_cluster(searcher.folder)
    st.html(pieces.page_width(WIDTH))
    row = st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="bottom")
    with row:
        query = query_box(words)
    # Draws nothing where it stands, and takes no room.
    with st.container(key="unseen"):
        keys(words, name_of(searcher.folders), focus=not query)
        suggest(each, words)
    document = opened()
    if document:
        whole = each[opened_in(len(each))]
        show_document(searcher_of(whole, document), document, "back_to_results", words, query, whole=whole)
        return
    with row:
        mode, dim, k, side, second, order = search_options(searcher.manifest, words)
    if not query.strip():
        show_hints(searcher, words)
        return
    where = chosen_filters(searcher)
    facets = offered(searcher, where)
    beside, results = beside_facets(facets)
    with results:
        show_chosen(where, words)
        if side:
            with beside:
                choose_filters(facets, where, words)
            show_side_by_side(searcher, query, dim, where, words)
            return
        request = SearchRequest(
            query=query, k=k, mode=mode, dim=dim, where=where, group=BY_DOCUMENT, rerank=second, **ORDERS[order]
        )
        request = replace(request, offset=(page_asked(request, k) - 1) * k)

        def count() -> None:
            with beside:
                choose_filters(counted(searcher, request, facets, where), where, words)

        show_answer(searcher, request, words, judging_hits(searcher.folder, read_only=read_only), count)


def show_answer(
    searcher: Searcher,
    request: SearchRequest,
    words: Words,
    judging: Judging | None,
    count: Callable[[], None],
) -> None:
    """What answers a request: at once what the legs say, and again when a transformer has read the first hits.

    Args:
        searcher: Of the index.
        request: What is asked for.
        words: In the reader's language.
        judging: Of the index; None where nothing is judged.
        count: Draws what is counted of all that matches, once, when there is something to read.
    """

    def show(result: SearchResult) -> None:
        show_result(searcher, result, words, judging, request.offset // request.k + 1)
        count()

    asked = (request, searcher.folders, searcher.manifest.generation)
    if not request.rerank:
        show(searcher.answer(request))
        return
    # There in both runs, so that the hits of the second take the places of those of the first.
    coming = st.empty()
    settled_for, settled = st.session_state.get("settled", (None, None))
    if settled_for == asked:
        show(settled)
        return
    coming.html(pieces.note(words("opinion_coming")))
    show(searcher.answer(replace(request, rerank=False)))
    try:
        st.session_state["settled"] = (asked, searcher.answer(request))
    except OpinionError as error:
        coming.html(pieces.note(str(error)))
        return
    st.rerun()


def beside_facets(facets: Sequence[Facet]) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Where filters go, and where results do: beside these, which on a phone stand above, or on the whole page."""
    if not facets:
        return st.container(), st.container()
    left, right = st.columns((1, 3.4), gap="medium")
    return left.container(horizontal=True, gap="small", key="facets"), right


def show_result(
    searcher: Searcher, result: SearchResult, words: Words, judging: Judging | None = None, page: int = 1
) -> None:
    """The hits, best first, each with buttons that open why it was found, and say whether it answers.

    Args:
        searcher: Of the index.
        result: Of a search.
        words: In the reader's language.
        judging: Of the index; None where nothing is judged.
        page: Which page of results it is, from 1.
    """
    show_failure(words)
    for notice in result.notices:
        # That is said beside the number of hits.
        if notice.code != "no_good_match":
            st.html(pieces.note(words.fact(notice)))
    offer_meant(result.suggestions, words)
    if not result.hits:
        if page == 1:
            asked = {notice.code for notice in result.notices} & NOTHING_LEFT
            st.html(pieces.message(words("no_hits_title"), words("no_hits_asked" if asked else "no_hits")))
        else:
            st.html(pieces.soft(words("no_more_hits")))
        offer_pages(page, 0, result.k, words)
        return
    colours = coloured(searcher.model, result)
    strongest = max(each.strongest for each in colours)
    # Fused scores and cosines end at 1; BM25 has no end, so its bars are relative to the best hit.
    scale = result.hits[0].score if result.mode == "bm25" else max(1.0, result.hits[0].score)
    st.html(hits.summary(result, words))
    opened = st.query_params.get("why")
    if opened and all(hit.passage_id != opened for hit in result.hits):
        del st.query_params["why"]
    listed = st.container(gap="small")
    files = files_of(searcher, result.hits)
    for hit, of_hit in zip(result.hits, colours, strict=True):
        is_open = hit.passage_id == opened
        with listed.container(border=True, gap=None, key=f"hit_{hit.rank}"):
            st.html(hits.card(hit, of_hit, strongest, words))
            with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"act_{hit.rank}"):
                st.button(
                    words("open", rank=hit.rank),
                    key=f"open_{hit.rank}",
                    type="tertiary",
                    icon=":material/description:",
                    on_click=open_document,
                    args=(hit.document.id, hit.start, number_of_index(searcher, hit)),
                )
                st.button(
                    words("why_close") if is_open else words("why", rank=hit.rank),
                    key=f"why_{hit.rank}",
                    type="tertiary",
                    icon=":material/close:" if is_open else ":material/lightbulb:",
                    on_click=open_why,
                    args=(None if is_open else hit.passage_id,),
                )
                if name := files.get(hit.rank):
                    folder = searcher.folders[number_of_index(searcher, hit)]
                    offer_file(folder, hit.document.id, name, f"file_{hit.rank}", hit.position, words)
                if judging:
                    label = words("judge", rank=hit.rank)
                    judge_document(judging, result.query, hit.document.id, label, words, hit.passage_id)
            if is_open:
                st.html(hits.passage(hit, of_hit, strongest, scale, words))
                show_why(searcher, result, hit, words)
    offer_pages(page, len(result.hits), result.k, words)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="after_hits"):
        offer_keeping(searcher.folders, result, words)
        if judging:
            judge_index(judging, result.query, words)
    with st.expander(words("how_scored")):
        st.write(words(f"how_scored_{result.mode}"))
        if any(hit.rerank for hit in result.hits):
            st.write(words("how_opinion"))
        if result.answered is not None:
            st.write(words("relevance_help"))


def number_of_index(searcher: Searcher, hit: Hit) -> int:
    """The place of a hit's index among those that are searched."""
    names = list(map(str, searcher.folders))
    return names.index(hit.document.index) if hit.document.index in names else 0


def files_of(searcher: Searcher, found: Sequence[Hit]) -> dict[int, str]:
    """Names of the files that the documents of hits were read from, by the hits' ranks, where they can be had."""
    folders = [folders_of(folder) for folder in searcher.folders]
    by_folder: dict[Path, list[Hit]] = {}
    for hit in found:
        folder = folder_among(folders[number_of_index(searcher, hit)], hit.document.id)
        by_folder.setdefault(folder, []).append(hit)
    names: dict[int, str] = {}
    for folder, own in by_folder.items():
        known = original_names(folder, [hit.document.id for hit in own])
        names |= {hit.rank: known[hit.document.id] for hit in own if hit.document.id in known}
    return names


def offer_meant(suggestions: Sequence[Suggestion], words: Words) -> None:
    """What may have been meant, each with a button that searches for it."""
    for number, suggestion in enumerate(suggestions):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.html(pieces.note(words("did_you_mean", query=suggestion.query)))
            st.button(
                words("search_for_it"),
                key=f"meant_{number}",
                type="tertiary",
                icon=":material/search:",
                on_click=ask,
                args=(suggestion.query,),
            )


def open_why(passage_id: str | None) -> None:
    """Open the explanation of one hit, and so close that of any other."""
    if passage_id:
        st.query_params["why"] = passage_id
    else:
        st.query_params.pop("why", None)


def show_why(searcher: Searcher, result: SearchResult, hit: Hit, words: Words) -> None:
    """All that made a hit's score: both legs' parts, pairs of words, dimensions, terms."""
    explanation = searcher.explain(result.query, hit, dim=result.dim)
    sections = [explanations.fusion(hit, words)]
    if hit.dense and result.dim:
        passage = Indexed.passage(hit.document.title, hit.heading, hit.text).text
        dims = dimensions_up_to(searcher.manifest.dim)
        pairs = token_pairs(searcher.model, result.text, passage, result.dim)
        heat_map = strongest_pairs(pairs, result.text, passage, *HEAT_MAP)
        sections += [
            explanations.dimension_bars(cosines(searcher.model, result.text, passage, dims), dims, result.dim, words),
            explanations.pair_heat_map(heat_map, hit.dense.score, words),
        ]
    if hit.bm25:
        sections.append(explanations.term_table(term_scores(explanation), hit.bm25.score, words))
    st.html(explanations.why(sections, explanation.text(width=EXPLAINED_PARTS), words))
    st.download_button(
        words("why_download"),
        lambda: explained_file(result, hit, explanation),
        file_name=f"why-{hit.passage_id}.json",
        mime="application/json",
        on_click="ignore",
    )


def explained_file(result: SearchResult, hit: Hit, explanation: Explanation) -> str:
    """A hit and its explanation in the form that `index search --json --explain` prints."""
    alone = replace(result, hits=(replace(hit, explanation=explanation),))
    return json.dumps(alone.to_dict(), ensure_ascii=False, indent=2)


def show_side_by_side(searcher: Searcher, query: str, dim: int, where: Chosen, words: Words) -> None:
    """What each way of searching finds by itself, and both together."""
    lists = side_by_side(searcher, query, k=LISTED, dim=dim, where=where)
    for notice in lists.notices:
        st.html(pieces.note(words.fact(notice)))
    st.caption(words("side_text"))
    st.html(hits.side_by_side(lists, words))


def search_options(manifest: Manifest, words: Words) -> tuple[str, int, int, bool, bool, str]:
    """Mode, dimension, number of hits, whether all modes stand side by side and a transformer is asked too, order."""
    of_address("mode", "mode", MODES)
    of_address("order", "hit_order", list(ORDERS))
    row = st.popover(words("options"), icon=":material/tune:", type="tertiary")
    beside = bool(st.session_state.get("side"))
    mode = row.segmented_control(
        words("mode"),
        MODES,
        default=None if "mode" in st.session_state else MODES[0],
        required=True,
        format_func=lambda name: words(f"mode_{name}"),
        help=words("mode_help"),
        key="mode",
        disabled=beside,
        persist_state="session",
    )
    dim = row.select_slider(
        words("dimension"),
        dimensions_up_to(manifest.dim),
        value=manifest.dim,
        help=words("dimension_help"),
        key="dim",
        disabled=mode == "bm25" and not beside,
        bind="query-params",
        persist_state="session",
    )
    k = row.selectbox(
        words("k"),
        NUMBERS_OF_HITS,
        index=1,
        key="k",
        disabled=beside,
        bind="query-params",
        persist_state="session",
    )
    side = row.toggle(words("side"), key="side", help=words("side_help"), bind="query-params", persist_state="session")
    second = row.toggle(
        words("opinion"),
        value=bool(manifest.rerank),
        key="opinion",
        help=words("opinion_help"),
        disabled=beside,
        bind="query-params",
        persist_state="session",
    )
    order = row.selectbox(
        words("hit_order"),
        ORDERS,
        format_func=lambda name: words(f"hit_order_{name}"),
        help=words("hit_order_help"),
        key="hit_order",
        disabled=beside,
        persist_state="session",
    )
    mode = mode or MODES[0]
    to_address("mode", mode, MODES[0])
    to_address("order", order, next(iter(ORDERS)))
    return mode, int(dim), int(k), side, second, order


def show_hints(searcher: Searcher, words: Words) -> None:
    """What to ask, before anything was asked."""
    st.html(pieces.message(words("hint_title"), words("hint")))
    show_kept(searcher.folders, words)
    if holds_examples(searcher):
        st.caption(words("examples"))
        offer_queries()
