"""Judging hits, "answers" or "does not" beside each; and what was judged, for the page *Evaluate*."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from sakuin.errors import SakuinError
from sakuin.search import Searcher
from sakuin.tuning.judgements import (
    ANSWERS,
    DOES_NOT_ANSWER,
    NAME,
    NOTHING_ANSWERS,
    Judgement,
    append,
    judged_queries,
    judgement_of,
    read,
)
from sakuin.ui.html import comparisons, judged, pieces
from sakuin.ui.widgets import choose_page
from sakuin.ui.words import Words

if TYPE_CHECKING:
    from sakuin.tuning.fitting import FusionComparison
    from sakuin.tuning.judged import JudgedQuery
    from sakuin.tuning.troubles import Trouble

PER_PAGE = 25
# Each is a search, while somebody waits; the last judged come first.
MAX_SEARCHED = 300
OWN = "own"
FAILED = "judging_failed"


@dataclass(frozen=True)
class Judging:
    """What was judged in an index, by somebody who may judge more.

    Attributes:
        folder: Of the index.
        judgements: Those that stand, in the order in which they were made.
    """

    folder: Path
    judgements: tuple[Judgement, ...]

    @cached_property
    def said(self) -> dict[tuple[str, str | None], str]:
        """What was judged, by query and document."""
        return {(one.query, one.document): one.judgement for one in self.judgements}

    @cached_property
    def queries(self) -> "list[JudgedQuery]":
        """Queries with an answer."""
        return judged_queries(self.judgements)

    @cached_property
    def digest(self) -> str:
        """Another wherever something else was judged."""
        return hashlib.sha256("\n".join(f"{one.time} {one.query}" for one in self.judgements).encode()).hexdigest()


def open_judging(folder: Path, *, read_only: bool) -> Judging | None:
    """What was judged so far; None where nothing may be judged. A file that cannot be read is told of on *Evaluate*.

    Raises:
        EvaluationError: the judgements cannot be read.
    """
    if read_only:
        return None
    try:
        state = (folder / NAME).stat()
    except OSError:
        return Judging(folder, ())
    return _opened(folder, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _opened(folder: Path, mtime_ns: int, size: int) -> Judging:
    """The judgements of a file of a time and size, read once."""
    return Judging(folder, tuple(read(folder)))


def judging_hits(folder: Path, *, read_only: bool) -> Judging | None:
    """As `open_judging`, for searching, which goes on where the judgements cannot be read: then nothing is judged."""
    try:
        return open_judging(folder, read_only=read_only)
    except SakuinError:
        return None


def judge_document(judging: Judging, query: str, document: str, label: str, words: Words, passage: str = "") -> None:
    """Two buttons that say whether a document answers; the one that is pressed is what was said, again takes it back.

    Args:
        judging: Of the index.
        query: As asked.
        document: Its id.
        label: For those who do not see the buttons.
        words: In the reader's language.
        passage: Id of the passage that is shown, "" where none is.
    """
    _choice(judging, (query.strip(), document, passage or None), (ANSWERS, DOES_NOT_ANSWER), label, words)


def judge_index(judging: Judging, query: str, words: Words) -> None:
    """A button that says that nothing in the index answers a query."""
    _choice(judging, (query.strip(), None, None), (NOTHING_ANSWERS,), words("judge_index"), words)


def _choice(
    judging: Judging, what: tuple[str, str | None, str | None], options: Sequence[str], label: str, words: Words
) -> None:
    """Buttons of what can be said of a query, a document and a passage."""
    query, document, _ = what
    key = f"judge_{hashlib.sha256(repr((query, document)).encode()).hexdigest()[:16]}"
    st.session_state[key] = judging.said.get((query, document))
    st.pills(
        label,
        options,
        format_func=lambda said: words(f"judged_{said}"),
        key=key,
        label_visibility="collapsed",
        on_change=_take,
        args=(judging.folder, what, key),
    )


def _take(folder: Path, what: tuple[str, str | None, str | None], key: str) -> None:
    """Write down what was pressed; what goes wrong is told when the page is drawn."""
    query, document, passage = what
    said = st.session_state[key]
    answers = None if said is None else said == ANSWERS
    try:
        append(folder, judgement_of(query, document, answers=answers, passage=passage))
    except SakuinError as error:
        st.session_state[FAILED] = error


def show_failure(words: Words) -> None:
    """Why the last judgement was not written, once."""
    error: SakuinError | None = st.session_state.pop(FAILED, None)
    if error:
        st.html(pieces.note(words.error(error)))


def show_judgements(searcher: Searcher, judging: Judging, words: Words) -> None:
    """What was judged: where to start, all of it to be changed, and what tuning makes of it."""
    st.html(pieces.heading(words("judgements")))
    show_failure(words)
    if not judging.judgements:
        st.html(pieces.soft(words("judgements_none")))
        return
    number = len({one.query for one in judging.judgements})
    answered = len(judging.queries)
    counted = words("judgements_count", n=len(judging.judgements), queries=number, answered=answered)
    st.html(pieces.soft(counted))
    show_troubles(searcher, judging, words)
    with st.expander(words("judgements_all")):
        show_all(judging, words)
    with st.container(horizontal=True, gap="small"):
        if answered:
            st.button(words("judgements_compare"), on_click=compare_own, key="judgements_compare")
        offer_tuning(searcher, judging, words)
    show_tuned(searcher, judging, words)


def compare_own() -> None:
    """Compare settings on what was judged, and say so in the address."""
    st.query_params["queries"] = OWN


def show_troubles(searcher: Searcher, judging: Judging, words: Words) -> None:
    """Queries that nothing answers, or whose first hit was judged wrong, by the index as it is now."""
    from sakuin.tuning.troubles import find_troubles

    key = (judging.digest, searcher.manifest.generation)
    kept: tuple[tuple[str, int], list[Trouble]] | None = st.session_state.get("judging_troubles")
    if kept is None or kept[0] != key:
        queries = list(dict.fromkeys(one.query for one in reversed(judging.judgements)))[:MAX_SEARCHED]
        some = [one for one in judging.judgements if one.query in set(queries)]
        kept = (key, find_troubles(searcher, some))
        st.session_state["judging_troubles"] = kept
    with st.expander(words("start_here", n=len(kept[1])), expanded=bool(kept[1]), icon=":material/flag:"):
        st.html(pieces.soft(words("start_here_text" if kept[1] else "start_here_none")))
        if kept[1]:
            st.html(judged.troubles_table(kept[1], words))


def show_all(judging: Judging, words: Words) -> None:
    """Every judgement by its query, the last judged first, with the buttons that change it."""
    queries = list(dict.fromkeys(one.query for one in reversed(judging.judgements)))
    rows = st.container(gap="xsmall")
    page = choose_page("judged_page", len(queries), PER_PAGE)
    for query in queries[(page - 1) * PER_PAGE : page * PER_PAGE]:
        rows.html(judged.judged_query(query))
        for one in judging.judgements:
            if one.query != query:
                continue
            with rows.container(horizontal=True, vertical_alignment="center", gap="small"):
                if one.document is None:
                    judge_index(judging, query, words)
                else:
                    judge_document(judging, query, one.document, words("judge_document"), words, one.passage or "")
                    st.html(judged.judged_document(one.document))


def offer_tuning(searcher: Searcher, judging: Judging, words: Words) -> None:
    """A button that fits the search to what was judged, and keeps that if it is better beyond chance."""
    from sakuin.tuning.fitting import MIN_QUERIES, compare_fusions, keep

    used = sum(len(query.gains) for query in judging.queries)
    few = len(judging.queries) < MIN_QUERIES
    said = words("tune_needs", least=MIN_QUERIES, n=len(judging.queries)) if few else words("tune_help")
    if not st.button(words("tune_on", n=used), disabled=few, help=said, icon=":material/tune:", key="tune_own"):
        return
    bar = st.progress(0.0)

    def progress(query: str, done: int, total: int) -> None:
        if done % 10 == 0 or done == total:
            bar.progress(done / total)

    try:
        comparison: FusionComparison | str = compare_fusions(searcher, judging.queries, progress=progress)
        if not isinstance(comparison, str) and comparison.better:
            keep(searcher.folder, comparison.tuned, model=searcher.model)
    except SakuinError as error:
        comparison = words.error(error)
    bar.empty()
    st.session_state["judging_tuned"] = (judging.digest, comparison)


def show_tuned(searcher: Searcher, judging: Judging, words: Words) -> None:
    """What the button made of it."""
    kept: tuple[str, FusionComparison | str] | None = st.session_state.get("judging_tuned")
    if kept is None or kept[0] != judging.digest:
        return
    st.html(pieces.note(kept[1]) if isinstance(kept[1], str) else comparisons.tuning(kept[1], words, kept=True))
