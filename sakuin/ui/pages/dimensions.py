"""The page *Dimensions*: what changes when fewer dimensions of each vector are compared."""

import shlex
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import streamlit as st

from sakuin.errors import SakuinError
from sakuin.search import Searcher
from sakuin.ui.html import comparisons, pieces
from sakuin.ui.widgets import dimensions_up_to, holds_examples, offer_queries, query_box
from sakuin.ui.words import Words

if TYPE_CHECKING:
    from sakuin.tuning.by_dimension import ByDimension
    from sakuin.tuning.judged import JudgedQuery, Judgements

MAX_JUDGED_MB = 20


def dimensions_page(searcher: Searcher, words: Words) -> None:
    """Compare searches at different numbers of dimensions."""
    stored, full = searcher.manifest.dim, searcher.model.dimension
    dimensions = dimensions_up_to(stored)
    st.html(pieces.lead(words("dimensions_text")))
    st.html(pieces.heading(words("one_query")))
    show_query(searcher, dimensions, words)
    st.html(pieces.heading(words("whole_corpus")))
    show_corpus(searcher, dimensions, words)
    if stored < full:
        st.caption(words("dimensions_end", full=full, stored=stored))
        command = ["index", "build", "CORPUS_DIR", "--dim", str(full), "--index", f".sakuin-{full}"]
        st.code(shlex.join(command), language=None, wrap_lines=True)


def show_query(searcher: Searcher, dimensions: list[int], words: Words) -> None:
    """How the ranks of one query's passages move."""
    query = query_box(words)
    hybrid = st.toggle(
        words("with_words"),
        key="hybrid",
        help=words("with_words_help"),
        bind="query-params",
        persist_state="session",
    )
    if not query.strip():
        st.caption(words("ask_dimensions"))
        if holds_examples(searcher):
            offer_queries()
        return
    from sakuin.tuning.by_dimension import follow
    from sakuin.tuning.metrics import CUTOFF

    followed = follow(searcher, query, dimensions=dimensions, mode="hybrid" if hybrid else "dense")
    for notice in followed.notices:
        st.html(pieces.note(words.fact(notice)))
    if not followed.passages:
        st.html(pieces.message(words("no_hits_title"), words("no_hits")))
        return
    st.html(comparisons.kept_bars(followed, words))
    from sakuin.ui.charts import rank_moves

    st.altair_chart(rank_moves(followed, CUTOFF, st.context.theme.type or "light", words), width="stretch")
    st.caption(words("moves_hint", full=dimensions[-1]))
    st.html(comparisons.rank_table(followed, CUTOFF))


@dataclass
class Measured:
    """What was measured of one index with one file of queries; nothing yet where ``figures`` is None."""

    figures: "ByDimension | None" = None


@st.cache_resource(show_spinner=False, max_entries=16)
def measured_before(index: str, queries: str) -> Measured:
    """The same for all who look at the index, until it changes.

    Args:
        index: Differs if the index does.
        queries: Differs if the queries do.
    """
    return Measured()


def show_corpus(searcher: Searcher, dimensions: list[int], words: Words) -> None:
    """Quality or agreement, time and memory at each dimension."""
    st.caption(words("whole_corpus_text"))
    st.html(pieces.uploader_words(MAX_JUDGED_MB, words))
    file = st.file_uploader(
        words("judged_file"),
        type=["jsonl", "json"],
        help=words("judged_help"),
        key="judged",
        max_upload_size=MAX_JUDGED_MB,
    )
    try:
        judgements = read_uploaded(searcher, file.name, file.getvalue()) if file else None
    except SakuinError as error:
        st.html(pieces.note(words.error(error)))
        return
    if judgements and (judgements.unknown or judgements.left_out):
        st.html(pieces.note(words("judged_unknown", n=len(judgements.unknown), left_out=judgements.left_out)))
    content = sha256(file.getvalue()).hexdigest() if file else ""
    measured = measured_before(f"{searcher.folder.resolve()} {searcher.manifest}", content)
    if st.button(words("measure_again" if measured.figures else "measure"), key="measure"):
        measured.figures = measure(searcher, dimensions, judgements, words)
        st.rerun()
    if measured.figures:
        show_figures(measured.figures, words)


def read_uploaded(searcher: Searcher, name: str, content: bytes) -> "Judgements":
    """Judged queries of a file that was loaded; raises SakuinError where it has none for this index."""
    from sakuin.tuning.by_dimension import judged_in
    from sakuin.tuning.judged import parse_judged

    return judged_in(searcher, parse_judged(content, name))


def measure(searcher: Searcher, dimensions: list[int], judgements: "Judgements | None", words: Words) -> "ByDimension":
    """Search all queries at each dimension, with a bar that shows how far it has come."""
    from sakuin.tuning.by_dimension import measure_dimensions, sampled_queries

    queries: list[JudgedQuery] = list(judgements.queries) if judgements else sampled_queries(searcher)
    bar = st.progress(0.0, words("measuring"))
    try:
        return measure_dimensions(
            searcher,
            queries,
            dimensions=dimensions,
            progress=lambda share: bar.progress(min(share, 1.0), words("measuring")),
        )
    finally:
        bar.empty()


def show_figures(found: "ByDimension", words: Words) -> None:
    """What was measured, as charts and as a table."""
    from sakuin.ui.charts import bars

    theme = st.context.theme.type or "light"
    figures = found.figures
    kept = {each.dim: each.kept for each in figures}
    ndcg = {each.dim: each.ndcg for each in figures if each.ndcg is not None}
    charts = [bars(ndcg, ".3f", words("quality"), theme, words, 1.15)] if ndcg else []
    charts += [
        bars(kept, ".0%", words("agreement"), theme, words, 1.15),
        bars({each.dim: each.milliseconds for each in figures}, ".1f", words("milliseconds"), theme, words),
        bars({each.dim: each.memory_bytes / 1e6 for each in figures}, ".2f", words("megabytes"), theme, words),
    ]
    columns = st.columns(2, gap="medium")
    for position, chart in enumerate(charts):
        columns[position % 2].altair_chart(chart, width="stretch")
    names = ("dimension", "agreement", "milliseconds", "bytes_a_vector", "megabytes", "disk")
    rows = [
        [
            str(each.dim),
            f"{each.kept:.1%}",
            f"{each.milliseconds:.1f}",
            f"{each.stored_bytes / max(found.vectors, 1):,.0f}",
            f"{each.memory_bytes / 1e6:,.2f}",
            f"{each.stored_bytes / 1e6:,.2f}",
        ]
        for each in figures
    ]
    headings = [words(name) for name in names]
    if ndcg:
        headings.insert(1, words("quality"))
        for row, each in zip(rows, figures, strict=True):
            row.insert(1, f"{each.ndcg:.3f}")
    st.html(comparisons.number_table(headings, rows))
    st.caption(
        words("measured_with", queries=found.queries, asked=found.asked, vectors=f"{found.vectors:,}")
        + " "
        + words("agreement_text", full=figures[-1].dim)
        + " "
        + words("size_text")
    )
