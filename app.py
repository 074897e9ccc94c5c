"""The pages that `index ui` shows; each is a module of `ui`. Only drawing and widgets.

Run by Streamlit: ``streamlit run app.py -- --index DIR``.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from sakuin.embedder import StaticEmbedder
from sakuin.errors import SakuinError
from sakuin.index import DEFAULT_INDEX
from sakuin.index.clusters import is_cluster
from sakuin.search import Searcher
from sakuin.ui import ASSETS
from sakuin.ui.clusters import committed
from sakuin.ui.html import pieces
from sakuin.ui.opening import find_all, find_searcher
from sakuin.ui.pages.cluster import cluster_message, cluster_page
from sakuin.ui.pages.corpus import corpus_page, on_loopback
from sakuin.ui.pages.dimensions import dimensions_page
from sakuin.ui.pages.evaluate import evaluate_page
from sakuin.ui.pages.map import map_page
from sakuin.ui.pages.search import search_page
from sakuin.ui.pages.similarity import similarity_page
from sakuin.ui.widgets import not_there, short_path, show_command, show_error
from sakuin.ui.words import LANGUAGES, Language, Words

# A file: a named icon would make the browser fetch it from a server elsewhere.
ICON = ASSETS / "icon.png"


def arguments() -> argparse.Namespace:
    """The command line: ``index``, the folders, and whether the pages may change them, ``read_only``."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--index", action="append", type=Path)
    parser.add_argument("--read-only", action="store_true")
    return parser.parse_known_args()[0]


@st.cache_resource(show_spinner=False)
def load_default_model() -> StaticEmbedder:
    """The packaged model, for a similarity page without an index."""
    return StaticEmbedder.load()


def choose_index(folders: Sequence[Path], words: Words) -> Path:
    """The folder that the pages show that show one index; a box where there are several."""
    if len(folders) == 1:
        return folders[0]
    named = [short_path(folder) for folder in folders]
    chosen = st.selectbox(
        words("index_shown"), range(len(folders)), format_func=named.__getitem__, key="index_shown", bind="query-params"
    )
    return folders[chosen or 0]


def choose_language() -> Words:
    """The switch between the languages, at first the browser's."""
    browser = (st.context.locale or "en").lower()
    languages: list[Language] = list(LANGUAGES)
    default: Language = "ja" if browser.startswith("ja") else "en"
    asked = st.query_params.get("lang")
    if "language" not in st.session_state and asked in languages:
        st.session_state["language"] = asked
    chosen = st.segmented_control(
        "Language / 表示言語",
        languages,
        default=None if "language" in st.session_state else default,
        required=True,
        format_func=LANGUAGES.__getitem__,
        key="language",
    )
    # In the address, so that another choice than the browser's outlives a reload.
    if chosen and chosen != default:
        st.query_params["lang"] = chosen
    else:
        st.query_params.pop("lang", None)
    return Words(chosen or default)


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
    whole = is_cluster(searcher.folder)
    if whole:
        rows.append((words("shards"), f"{len(committed(searcher.folder).shards):,}"))
    if manifest.corpus:
        rows.append((words("corpus"), short_path(Path(manifest.corpus))))
    st.html(f'<div class="sk"><h3>{words("index")}</h3></div>')
    st.html(pieces.index_facts(rows, [] if whole else searcher.skipped(), words))


def main() -> None:
    """Draw the page."""
    given = arguments()
    folders: list[Path] = list(dict.fromkeys(given.index or [Path(DEFAULT_INDEX)]))
    st.set_page_config(page_title="sakuin", page_icon=str(ICON), layout="wide", menu_items={"About": "sakuin"})
    st.html(ASSETS / "style.css")
    with st.sidebar:
        words = choose_language()
        folder = choose_index(folders, words)
    together, searcher, failure = None, None, None
    each: list[Searcher] = []
    try:
        together, each = find_all(folders)
        searcher = find_searcher(folder)
    except SakuinError as error:
        failure = error

    def of_index(draw: Callable[[Searcher, Words], None], shown: Searcher | None) -> Callable[[], None]:
        """A page that has something to show only where there are documents."""

        def page() -> None:
            if failure:
                show_error(failure, words)
            elif shown is None:
                show_command(not_there(folder), folder, words)
            elif not shown.counts()["passages"]:
                show_command("empty", folder, words)
            else:
                draw(shown, words)

        return page

    def of_one(draw: Callable[[Searcher, Words], None]) -> Callable[[], None]:
        """A page that shows one index, and of a cluster says so."""

        def drawn(shown: Searcher, words: Words) -> None:
            if is_cluster(shown.folder):
                cluster_message(shown.folder, words)
            else:
                draw(shown, words)

        return of_index(drawn, searcher)

    def similarity() -> None:
        similarity_page(searcher.model if searcher else load_default_model(), words)

    def corpus() -> None:
        if failure:
            show_error(failure, words)
        elif searcher and is_cluster(folder):
            cluster_page(searcher, words)
        else:
            corpus_page(folder, searcher, words, fixed)

    # What others can reach, nobody changes.
    fixed = given.read_only or not on_loopback()
    search = of_index(partial(search_page, read_only=fixed, each=each), together)
    evaluate = of_one(partial(evaluate_page, read_only=fixed))

    # Who looks for something needs the first two; the others show why it is found.
    page = st.navigation(
        {
            "": [
                st.Page(search, title=words("search_page"), default=True),
                st.Page(corpus, title=words("corpus_page"), url_path="corpus"),
            ],
            words("understand"): [
                st.Page(similarity, title=words("similarity_page"), url_path="similarity"),
                st.Page(of_one(dimensions_page), title=words("dimensions_page"), url_path="dimensions"),
                st.Page(of_one(map_page), title=words("map_page"), url_path="map"),
                st.Page(evaluate, title=words("evaluate_page"), url_path="evaluate"),
            ],
        },
        position="top",
    )
    st.html(pieces.brand(words))
    try:
        if searcher:
            with st.sidebar:
                show_index(searcher, words)
        page.run()
    except SakuinError as error:
        show_error(error, words)


if __name__ == "__main__":
    main()
