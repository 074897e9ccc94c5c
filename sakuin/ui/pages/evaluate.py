"""The page *Evaluate*: settings compared on judged queries, and what tuning would be worth."""

import hashlib
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from sakuin.errors import SakuinError
from sakuin.index import DEFAULT_INDEX
from sakuin.search import Searcher
from sakuin.tuning.judgements import NAME as JUDGEMENTS
from sakuin.tuning.qrels import json_lines
from sakuin.ui.html import comparisons, pieces
from sakuin.ui.pages.judging import OWN, Judging, open_judging, show_judgements
from sakuin.ui.widgets import dimensions_up_to, holds_examples, short_path
from sakuin.ui.words import Words

if TYPE_CHECKING:
    from sakuin.tuning.fitting import FusionComparison
    from sakuin.tuning.judged import JudgedQuery
    from sakuin.tuning.settings import Setting, SettingFigures

# All of a page's searches are done while somebody waits.
MAX_QUERIES = 1000
MAX_SETTINGS = 8
MAX_MEGABYTES = 10
CUTOFFS = (5, 10, 20, 50)
QUERIES_PER_PAGE = 25
EXAMPLES = "examples"


@dataclass(frozen=True)
class Judged:
    """Judged queries as they were loaded.

    Attributes:
        name: Of the file.
        digest: Of its bytes.
        queries: Those of them that something in the index is relevant for, the first ``MAX_QUERIES``.
        unknown: Judged names that are not in the index.
        left_out: Number of queries of which nothing relevant is in the index.
        beyond: Number of queries beyond ``MAX_QUERIES``.
    """

    name: str
    digest: str
    queries: "tuple[JudgedQuery, ...]"
    unknown: tuple[str, ...]
    left_out: int
    beyond: int


def evaluate_page(searcher: Searcher, words: Words, *, read_only: bool = False) -> None:
    """Draw the page; with ``read_only`` without what is judged on the page *Search*."""
    judging = own_judgements(searcher, words, read_only)
    st.html(pieces.message(words("evaluate_title"), words("evaluate_text")))
    judged = load_judged(searcher, judging, words)
    if judged is None:
        return
    settings, base, k = choose_settings(searcher.manifest.dim, words)
    if not settings:
        st.html(pieces.note(words("settings_needed")))
        return
    known = measured(searcher, judged, k)
    missing = [name for name in settings if name not in known]
    if st.button(words("evaluate_measure"), type="primary", disabled=not missing, key="evaluate_measure"):
        measure_all(searcher, judged, missing, k, known, words)
        st.rerun()
    if missing:
        st.html(pieces.soft(words("evaluate_measure_first", n=len(missing) * len(judged.queries))))
    else:
        show_figures(judged, {name: known[name] for name in settings}, base, k, words)
    show_tuning(searcher, judged, words)


def own_judgements(searcher: Searcher, words: Words, read_only: bool) -> Judging | None:
    """What was judged in the index, shown; None where there is no judging, or its file cannot be read."""
    try:
        judging = open_judging(searcher.folder, read_only=read_only)
    except SakuinError as error:
        st.html(pieces.message(words("error_title"), words.error(error)))
        return None
    if judging:
        show_judgements(searcher, judging, words)
    return judging


def load_judged(searcher: Searcher, judging: Judging | None, words: Words) -> Judged | None:
    """Judged queries of a file, the example corpus or the index's own; None, and how to make some, without."""
    examples = example_queries(searcher)
    st.html(pieces.uploader_words(MAX_MEGABYTES, words))
    uploaded = st.file_uploader(
        words("evaluate_judged_file"), type=["jsonl", "ndjson"], max_upload_size=MAX_MEGABYTES, key="evaluate_file"
    )
    if uploaded is not None:
        name, content = uploaded.name, uploaded.getvalue()
    elif examples and st.query_params.get("queries") == EXAMPLES:
        name, content = examples.name, examples.read_bytes()
    elif judging and judging.queries and st.query_params.get("queries") == OWN:
        name, content = JUDGEMENTS, "\n".join(json_lines(judging.queries)).encode()
    else:
        if examples:
            st.button(words("judged_examples"), on_click=use_examples, icon=":material/quiz:", key="judged_examples")
        with st.expander(words("judged_form")):
            st.html(pieces.soft(words("judged_form_text")))
            lines = [
                {"query": "会社を休みたい", "relevant": ["office/yukyu-kyuka.md"]},
                {"query": "経費", "relevant": {"office/keihi-seisan.md": 3, "office/shuccho.csv#row=2": 1}},
            ]
            st.code("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), language="json", wrap_lines=True)
        return None
    try:
        judged = read(searcher, name, content)
    except SakuinError as error:
        st.html(pieces.message(words("error_title"), words.error(error)))
        return None
    parts = [words("judged_loaded", n=f"{len(judged.queries):,}", name=judged.name)]
    if judged.left_out:
        parts.append(words("judged_left_out", n=f"{judged.left_out:,}"))
    if judged.beyond:
        parts.append(words("judged_beyond", n=f"{judged.beyond:,}", most=MAX_QUERIES))
    st.html(pieces.soft(" ".join(parts)))
    if judged.unknown:
        with st.expander(words("evaluate_judged_unknown", n=len(judged.unknown))):
            st.html(pieces.names(judged.unknown, words))
    return judged


def example_queries(searcher: Searcher) -> Path | None:
    """The judged queries of the example corpus, if that is what the index holds."""
    path = Path(__file__).parents[3] / "examples" / "queries.jsonl"
    return path if holds_examples(searcher) and path.is_file() else None


def use_examples() -> None:
    """Load the example corpus's own queries, and say so in the address."""
    st.query_params["queries"] = EXAMPLES


def read(searcher: Searcher, name: str, content: bytes) -> Judged:
    """Judged queries of a file, by the index as it is now; read once for each of its commits.

    Raises:
        EvaluationError: of another form, or nothing that is judged relevant is in the index.
    """
    key = (hashlib.sha256(content).hexdigest(), searcher.manifest.generation)
    kept: tuple[tuple[str, int], Judged] | None = st.session_state.get("evaluate_judged_queries")
    if kept and kept[0] == key:
        return kept[1]
    from sakuin.tuning.by_dimension import judged_in
    from sakuin.tuning.judged import parse_judged

    judgements = judged_in(searcher, parse_judged(content, name))
    beyond = max(len(judgements.queries) - MAX_QUERIES, 0)
    judged = Judged(name, key[0], judgements.queries[:MAX_QUERIES], judgements.unknown, judgements.left_out, beyond)
    st.session_state["evaluate_judged_queries"] = (key, judged)
    return judged


def choose_settings(stored: int, words: Words) -> tuple[list[str], str, int]:
    """Names of the settings to compare, the one the others are compared with, and the cut-off rank."""
    dims = dimensions_up_to(stored)[::-1]
    available = [*(f"{mode}-{dim}" for mode in ("hybrid", "dense") for dim in dims), "bm25"]
    # Streamlit's own binding would put labels, which depend on the language, into the address.
    if "settings" not in st.session_state:
        asked = [name for name in st.query_params.get("settings", "").split(",") if name in available]
        st.session_state["settings"] = asked[:MAX_SETTINGS] or [f"hybrid-{stored}", f"dense-{stored}", "bm25"]
    settings = st.multiselect(
        words("settings"),
        available,
        key="settings",
        format_func=lambda name: label(name, words),
        max_selections=MAX_SETTINGS,
        persist_state="session",
    )
    row = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    asked_base = st.query_params.get("base")
    if asked_base in settings and "base" not in st.session_state:
        st.session_state["base"] = asked_base
    base = row.selectbox(words("base"), settings, key="base", format_func=lambda name: label(name, words), width=260)
    k = row.selectbox(
        words("cutoff"),
        CUTOFFS,
        index=1,
        key="cutoff",
        help=words("cutoff_help"),
        width=110,
        bind="query-params",
        persist_state="session",
    )
    if settings:
        st.query_params["settings"] = ",".join(settings)
        st.query_params["base"] = base
    return settings, base or "", int(k)


def label(name: str, words: Words) -> str:
    """A setting in words."""
    mode, _, dim = name.partition("-")
    return words(f"mode_{mode}") + (f" · {dim}" if dim else "")


def setting_of(name: str) -> "Setting":
    """What a setting's name stands for."""
    from sakuin.tuning.settings import Setting

    mode, _, dim = name.partition("-")
    return Setting(mode, int(dim) if dim else None)


def measured(searcher: Searcher, judged: Judged, k: int) -> "dict[str, SettingFigures]":
    """The settings measured so far, by name, on these queries in the index as it is now."""
    key = (judged.digest, searcher.manifest.generation, k)
    if st.session_state.get("evaluate_measured_key") != key:
        st.session_state["evaluate_measured_key"] = key
        st.session_state["evaluate_measured"] = {}
    known: dict[str, SettingFigures] = st.session_state["evaluate_measured"]
    return known


def measure_all(
    searcher: Searcher, judged: Judged, names: list[str], k: int, known: "dict[str, SettingFigures]", words: Words
) -> None:
    """Measure settings, each kept as soon as it is done."""
    from sakuin.tuning.settings import measure_setting

    bar = st.progress(0.0)
    for before, name in enumerate(names):

        def progress(done: int, total: int, before: int = before, name: str = name) -> None:
            # A message for each query would take longer than the searches.
            if done % 10 == 0 or done == total:
                bar.progress((before + done / total) / len(names), text=label(name, words))

        known[name] = measure_setting(searcher, judged.queries, setting=setting_of(name), k=k, progress=progress)
    bar.empty()


def show_figures(judged: Judged, figures: "dict[str, SettingFigures]", base: str, k: int, words: Words) -> None:
    """Means, the queries that a setting is better or worse for, and files of both."""
    from sakuin.tuning.export import figures_csv, figures_json
    from sakuin.tuning.summaries import summarise

    rows = summarise(figures, base)
    st.html(comparisons.settings_table([(label(row.name, words), row) for row in rows], k, words))
    from sakuin.ui.charts import intervals

    st.altair_chart(
        intervals([(label(row.name, words), row.ndcg.value, row.ndcg.low, row.ndcg.high) for row in rows], k, words),
        width="stretch",
    )
    with st.expander(words("figures_how")):
        st.write(words("figures_how_text", k=k))
    left, right = st.columns(2)
    left.download_button(
        words("save_csv"),
        # With a mark of its encoding, without which spreadsheets take it for another.
        lambda: figures_csv(judged.queries, figures).encode("utf-8-sig"),
        file_name="evaluation.csv",
        mime="text/csv",
        on_click="ignore",
        width="stretch",
    )
    right.download_button(
        words("save_json"),
        lambda: figures_json(judged.queries, figures, rows, k),
        file_name="evaluation.json",
        mime="application/json",
        on_click="ignore",
        width="stretch",
    )
    show_queries(judged, figures, base, words)


def show_queries(judged: Judged, figures: "dict[str, SettingFigures]", base: str, words: Words) -> None:
    """Each query by two settings: where the difference is largest first."""
    from sakuin.tuning.summaries import changes

    others = [name for name in figures if name != base] or [base]
    st.html(pieces.heading(words("by_query")))
    other = st.selectbox(
        words("by_query_setting"), others, key="other", format_func=lambda name: label(name, words), width=260
    )
    rows = changes(judged.queries, figures[base], figures[other])
    st.html(pieces.soft(words("by_query_alone") if other == base else comparisons.change_counts(rows, words)))
    pages = -(-len(rows) // QUERIES_PER_PAGE)
    table = st.container()
    page = 1
    if pages > 1:
        with st.container(horizontal_alignment="center"):
            page = st.pagination(pages, key="queries_page")
    shown = rows[(page - 1) * QUERIES_PER_PAGE : page * QUERIES_PER_PAGE]
    settings = {label(name, words): search_of(name) for name in (base, other)}
    table.html(comparisons.query_table(shown, settings, words))


def search_of(name: str) -> dict[str, str]:
    """The search page's own address for a setting, but for the query."""
    mode, _, dim = name.partition("-")
    return {"mode": mode} | ({"dim": dim} if dim else {})


def show_tuning(searcher: Searcher, judged: Judged, words: Words) -> None:
    """What `index tune` would choose; nothing is written."""
    with st.expander(words("tuning"), icon=":material/tune:"):
        st.html(pieces.soft(words("tuning_text")))
        key = (judged.digest, searcher.manifest.generation)
        if st.button(words("tuning_try"), key="tuning_try"):
            from sakuin.tuning.fitting import compare_fusions

            bar = st.progress(0.0)

            def progress(query: str, done: int, total: int) -> None:
                if done % 10 == 0 or done == total:
                    bar.progress(done / total)

            try:
                st.session_state["evaluate_tuning"] = (
                    key,
                    compare_fusions(searcher, judged.queries, progress=progress),
                )
            except SakuinError as error:
                st.session_state["evaluate_tuning"] = (key, words.error(error))
            bar.empty()
        kept: tuple[tuple[str, int], FusionComparison | str] | None = st.session_state.get("evaluate_tuning")
        if kept is None or kept[0] != key:
            return
        if isinstance(kept[1], str):
            st.html(pieces.note(kept[1]))
            return
        st.html(comparisons.tuning(kept[1], words))
        # Without a file it is what was judged in the index.
        command = ["index", "tune", *([] if judged.name == JUDGEMENTS else ["--queries", judged.name])]
        if searcher.folder.resolve() != Path(DEFAULT_INDEX).resolve():
            command += ["--index", short_path(searcher.folder)]
        st.code(shlex.join(command), language=None, wrap_lines=True)
