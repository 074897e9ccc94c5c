"""The pages that `index ui` shows: search, and similarity of texts. Only drawing and widgets.

Run by Streamlit: ``streamlit run app.py -- --index DIR``.
"""

import argparse
import os
import shlex
from pathlib import Path

import numpy as np
import streamlit as st

from embedder import SakuinError, StaticEmbedder
from index import DEFAULT_INDEX
from index.database import NAME as DATABASE
from search import MODES, Searcher
from ui import cards
from ui.words import EXAMPLE_ALL, EXAMPLE_MANY, EXAMPLE_ONE, EXAMPLE_QUERIES, LANGUAGES, Language, Words

DIMENSIONS = (32, 64, 128, 256, 512, 1024)
# The query is part of the address, and the server refuses addresses of more than 64 kB.
MAX_QUERY = 5_000
NUMBERS_OF_HITS = (5, 10, 20, 50, 100)
# The similarity page compares all with all, on a machine that may serve others.
MAX_TEXTS = 200
MAX_CHARACTERS = 5_000


def index_folder() -> Path:
    """The index named on the command line."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--index", default=DEFAULT_INDEX)
    return Path(parser.parse_known_args()[0].index)


@st.cache_resource(show_spinner=False, max_entries=4)
def open_searcher(folder: str, inode: int) -> Searcher:
    """The index, opened once; ``inode`` is another after the folder was deleted and built again."""
    searcher = Searcher.open(folder)
    # Reads the word dictionary and the vectors now, so that the first question does not wait for them.
    searcher.search("索引 index")
    return searcher


@st.cache_resource(show_spinner=False)
def load_default_model() -> StaticEmbedder:
    """The packaged model, for a similarity page without an index."""
    return StaticEmbedder.load()


def find_searcher(folder: Path) -> Searcher | None:
    """The index, or None where there is none; raises SakuinError where it cannot be used."""
    try:
        inode = (folder / DATABASE).stat().st_ino
    except OSError:
        return None
    return open_searcher(str(folder.resolve()), inode)


def dimensions_up_to(most: int) -> list[int]:
    """Choices of a dimension, ending with all there are."""
    return [dimension for dimension in DIMENSIONS if dimension < most] + [most]


def choose_language() -> Words:
    """The switch between the languages, at first the browser's."""
    browser = (st.context.locale or "en").lower()
    languages: list[Language] = list(LANGUAGES)
    default: Language = "ja" if browser.startswith("ja") else "en"
    chosen = st.segmented_control(
        "Language / 表示言語",
        languages,
        default=default,
        required=True,
        format_func=LANGUAGES.__getitem__,
        key="language",
    )
    return Words(chosen or default)


def show_error(error: SakuinError, words: Words) -> None:
    """What went wrong and what to do, in the error's own words."""
    st.html(cards.message(words("error_title"), str(error)))
    st.button(words("reload"))


def show_index(searcher: Searcher, words: Words) -> None:
    """Facts of the index, for the sidebar."""
    counts, manifest = searcher.counts(), searcher.manifest
    rows = [
        (words("documents"), f"{counts['documents']:,}"),
        (words("passages"), f"{counts['passages']:,}"),
        (words("files"), f"{counts['files']:,}"),
        (words("model"), manifest.model or words("packaged_model")),
        (words("stored_dimension"), str(manifest.dim)),
        (words("folder"), short_path(searcher.folder)),
    ]
    if manifest.corpus:
        rows.append((words("corpus"), short_path(Path(manifest.corpus))))
    st.html(f'<div class="sk"><h3>{words("index")}</h3></div>')
    st.html(cards.index_facts(rows, searcher.skipped(), words))


def short_path(path: Path) -> str:
    """A path as seen from where the app was started, or from the user's home."""
    for base, prefix in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path.is_relative_to(base):
            return prefix + path.relative_to(base).as_posix()
    return str(path)


def show_command(key: str, folder: Path, words: Words) -> None:
    """Say that there is nothing to search, and the command that changes it."""
    st.html(cards.message(words(f"{key}_title"), words(key, folder=short_path(folder))))
    command = ["index", "build", "CORPUS_DIR"]
    if folder.resolve() != Path(DEFAULT_INDEX).resolve():
        command += ["--index", os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)]
    st.code(shlex.join(command), language=None, wrap_lines=True)
    st.caption(words("then_reload"))
    st.button(words("reload"))


def search_page(searcher: Searcher | None, folder: Path, words: Words) -> None:
    """Ask the index."""
    if searcher is None:
        show_command("no_index", folder, words)
        return
    if not searcher.counts()["passages"]:
        show_command("empty", folder, words)
        return
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
    mode, dim, k = search_options(searcher.manifest.dim, words)
    if not (query or "").strip():
        show_hints(searcher, words)
        return
    result = searcher.search(query or "", k=k, mode=mode, dim=dim)
    for notice in result.notices:
        st.html(cards.note(words.notice(notice)))
    if not result.hits:
        st.html(cards.message(words("no_hits_title"), words("no_hits")))
        return
    st.html(cards.summary(result, words))
    st.html(cards.hits(result, words))
    with st.expander(words("how_scored")):
        st.write(words(f"how_scored_{mode}"))


def search_options(stored: int, words: Words) -> tuple[str, int, int]:
    """Mode, dimension and number of hits."""
    # Streamlit's own binding would put the mode's label, which depends on the language, into the address.
    asked = st.query_params.get("mode")
    if "mode" not in st.session_state and asked in MODES:
        st.session_state["mode"] = asked
    row = st.container(horizontal=True, gap="medium", vertical_alignment="top")
    mode = row.segmented_control(
        words("mode"),
        MODES,
        default=None if "mode" in st.session_state else MODES[0],
        required=True,
        format_func=lambda name: words(f"mode_{name}"),
        help=words("mode_help"),
        key="mode",
        persist_state="session",
    )
    dim = row.select_slider(
        words("dimension"),
        dimensions_up_to(stored),
        value=stored,
        help=words("dimension_help"),
        key="dim",
        disabled=mode == "bm25",
        bind="query-params",
        persist_state="session",
    )
    k = row.selectbox(
        words("k"), NUMBERS_OF_HITS, index=1, key="k", width=92, bind="query-params", persist_state="session"
    )
    if mode and mode != MODES[0]:
        st.query_params["mode"] = mode
    else:
        st.query_params.pop("mode", None)
    return mode or MODES[0], int(dim), int(k)


def show_hints(searcher: Searcher, words: Words) -> None:
    """What to ask, before anything was asked."""
    st.html(cards.message(words("hint_title"), words("hint")))
    if not Path(searcher.manifest.corpus).as_posix().endswith("examples/corpus"):
        return
    st.caption(words("examples"))
    with st.container(horizontal=True, gap="small"):
        for example in EXAMPLE_QUERIES:
            st.button(example, on_click=ask, args=(example,))


def ask(query: str) -> None:
    """Put a query into the box."""
    st.session_state["q"] = query


def similarity_page(searcher: Searcher | None, words: Words) -> None:
    """Compare texts that are typed in."""
    model = searcher.model if searcher else load_default_model()
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


def bounded(lines: str, words: Words) -> list[str]:
    """The texts of an input box, one a line, as many and as long as can be compared; says so where it cuts."""
    texts = [line.strip() for line in lines.splitlines() if line.strip()]
    if len(texts) > MAX_TEXTS:
        st.html(cards.note(words("too_many", n=MAX_TEXTS)))
    texts = texts[:MAX_TEXTS]
    if any(len(text) > MAX_CHARACTERS for text in texts):
        st.html(cards.note(words("too_long", n=MAX_CHARACTERS)))
    return [text[:MAX_CHARACTERS] for text in texts]


def main() -> None:
    """Draw the page."""
    folder = index_folder()
    st.set_page_config(
        page_title="sakuin", page_icon=":material/search:", layout="centered", menu_items={"About": "sakuin"}
    )
    st.html(cards.STYLE)
    with st.sidebar:
        words = choose_language()
    searcher, failure = None, None
    try:
        searcher = find_searcher(folder)
    except SakuinError as error:
        failure = error

    def search() -> None:
        if failure:
            show_error(failure, words)
        else:
            search_page(searcher, folder, words)

    def similarity() -> None:
        similarity_page(searcher, words)

    page = st.navigation(
        [
            st.Page(search, title=words("search_page"), url_path="search", default=True),
            st.Page(similarity, title=words("similarity_page"), url_path="similarity"),
        ],
        position="top",
    )
    st.html(cards.brand(words))
    try:
        if searcher:
            with st.sidebar:
                show_index(searcher, words)
        page.run()
    except SakuinError as error:
        show_error(error, words)


if __name__ == "__main__":
    main()
