"""The page *Corpus*: what the index holds, files added by upload, documents removed."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st

from sakuin.addresses import is_loopback
from sakuin.errors import SakuinError
from sakuin.index import store
from sakuin.index.report import Progress, Report
from sakuin.index.store.listing import (
    ORDERS,
    ListedDocument,
    count_documents,
    documents_in,
    list_documents,
    list_kinds,
    list_skipped,
    reading,
)
from sakuin.index.uploads import (
    MAX_MEGABYTES,
    Uploaded,
    add_uploads,
    corpus_of,
    remove_documents,
    uploaded_files,
    uploads_folder,
)
from sakuin.search import Searcher
from sakuin.ui.html import listings, pieces
from sakuin.ui.pages.document import opened, show_document
from sakuin.ui.pages.listing import PER_PAGE, list_options, row_key, show_row
from sakuin.ui.widgets import choose_page, not_there, short_path
from sakuin.ui.words import Words

# A bar that moves more often is no smoother.
POLL_SECONDS = 0.1


@dataclass
class Work:
    """A change of the index under way in a thread of its own, so that a click meanwhile does not undo it.

    Attributes:
        future: Of what came of it.
        done, total: Bytes read, and to be read.
    """

    future: Future[Uploaded | Report]
    done: int = 0
    total: int = 0


def corpus_page(folder: Path, searcher: Searcher | None, words: Words, read_only: bool = False) -> None:
    """Draw the page.

    Args:
        folder: Of the index.
        searcher: Of the same index; None where there is none yet.
        words: In the reader's language.
        read_only: Neither add nor remove anything.
    """
    show_work(words)
    if searcher is None:
        key = "corpus_none" if not_there(folder) == "no_index" else "building"
        st.html(pieces.message(words(f"{key}_title"), words(key, folder=short_path(folder))))
        offer_uploads(folder, words, read_only, expanded=True)
        return
    document = opened()
    if document:
        show_document(searcher, document, "back_to_list", words)
        return
    with reading(folder) as connection:
        counts = store.counts(connection)
        skipped, left_out = list_skipped(connection, pieces.MAX_SKIPPED)
    st.html(listings.figures(counts, words))
    if left_out:
        with st.expander(words("skipped", n=left_out)):
            st.html(listings.skipped_files(skipped, left_out, words))
    offer_uploads(folder, words, read_only, expanded=not counts["documents"])
    if counts["documents"]:
        show_list(folder, searcher.manifest.generation, words, read_only)
    else:
        st.html(pieces.message(words("empty_title"), words("corpus_empty")))


def on_loopback() -> bool:
    """Whether the page can be reached from this machine only, which Streamlit must be told to see to."""
    return is_loopback(st.get_option("server.address") or "0.0.0.0")


def show_list(folder: Path, generation: int, words: Words, read_only: bool) -> None:
    """The documents that match, a page of them, each with a button that opens it."""
    some, kind, order = list_options(kinds(str(folder.resolve()), generation), ORDERS, words)
    bar = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
    rows = st.container(gap="xsmall")
    with reading(folder) as connection:
        number = count_documents(connection, some, kind)
        page = choose_page("page", number, PER_PAGE)
        documents = list_documents(connection, some, kind, order, (page - 1) * PER_PAGE, PER_PAGE)
    if not documents:
        st.html(pieces.message(words("no_documents_title"), words("no_documents")))
        return
    first = (page - 1) * PER_PAGE + 1
    with rows:
        chosen = [row for number, row in enumerate(documents, first) if show_row(row, number, words, read_only)]
    with bar:
        if not read_only:
            # Other documents on the page make it another box.
            every = f"all_{documents[0].number}_{documents[-1].number}_{len(documents)}"
            keys = [row_key(document) for document in documents]
            st.checkbox(words("choose_page"), key=every, on_change=choose_all, args=(every, keys))
        st.html(pieces.soft(words("shown", first=first, last=first + len(documents) - 1, n=f"{number:,}")))
        if not read_only:
            st.button(
                words("remove_chosen", n=len(chosen)),
                icon=":material/delete:",
                disabled=not chosen,
                key="remove",
                on_click=ask_removal,
            )
    if not read_only and chosen and st.session_state.get("removing"):
        # Made here, for its title is in the reader's language.
        dialog = st.dialog(words("remove_title"), width="medium", on_dismiss=stop_asking)
        dialog(confirm_removal)(folder, chosen, words)


def ask_removal() -> None:
    """Open the question whether to remove what is chosen."""
    st.session_state["removing"] = True


def stop_asking() -> None:
    """Close that question."""
    st.session_state["removing"] = False


def choose_all(of: str, keys: list[str]) -> None:
    """Choose all documents of a page, or none."""
    for key in keys:
        st.session_state[key] = st.session_state[of]


@st.cache_data(show_spinner=False, max_entries=8)
def kinds(folder: str, generation: int) -> list[str]:
    """Kinds of files in an index; ``generation`` is another after each commit."""
    with reading(Path(folder)) as connection:
        return list_kinds(connection)


def offer_uploads(folder: Path, words: Words, read_only: bool, expanded: bool) -> None:
    """Take files for the index."""
    if read_only:
        st.html(pieces.soft(words("read_only")))
        return
    with st.expander(words("add_files"), expanded=expanded, icon=":material/upload_file:"):
        target = uploads_folder(folder)
        corpus = corpus_of(folder)
        inside = bool(corpus) and target.is_relative_to(corpus)
        st.html(pieces.soft(words("goes_inside" if inside else "goes_beside", folder=short_path(target))))
        st.html(pieces.uploader_words(MAX_MEGABYTES, words))
        # A widget of another name is an empty one.
        times = st.session_state.setdefault("uploads_done", 0)
        files = st.file_uploader(
            words("choose_files"),
            accept_multiple_files=True,
            max_upload_size=MAX_MEGABYTES,
            key=f"uploads_{times}",
        )
        if st.button(words("add_chosen"), type="primary", disabled=not files, key="add"):
            uploads = [(file.name, file.getvalue()) for file in files]
            start(lambda progress: add_uploads(uploads, folder, progress))


def confirm_removal(folder: Path, chosen: list[ListedDocument], words: Words) -> None:
    """Say what removing does and does not, and do it when told."""
    files = [document.file for document in chosen]
    with reading(folder) as connection:
        held = documents_in(connection, files)
    shared = {file: number for file, number in held.items() if number > 1}
    st.html(listings.removal(chosen, words))
    whole = False
    if shared:
        more = sum(shared.values()) - sum(document.file in shared for document in chosen)
        whole = more > 0 and st.checkbox(words("remove_whole", n=more), key="remove_whole")
        whole = whole or not more
    uris = list(dict.fromkeys(d.file if whole or d.file not in shared else d.id for d in chosen))
    gone = [uri for uri in uris if uri in held]
    uploaded = uploaded_files(folder, gone)
    delete = bool(uploaded) and st.checkbox(words("delete_uploads", n=len(uploaded)), key="delete_uploads")
    st.html(listings.consequences(consequences(uris, gone, set(uploaded) if delete else set()), words))
    with st.container(horizontal=True):
        if st.button(words("remove_now"), type="primary", key="remove_now"):
            stop_asking()
            start(lambda progress: remove_documents(uris, folder, list(uploaded) if delete else ()))
        if st.button(words("cancel"), key="remove_not"):
            stop_asking()
            st.rerun()


def consequences(uris: list[str], files: list[str], deleted: set[str]) -> list[tuple[str, int]]:
    """What becomes of what is removed: keys of words, and how many it holds for."""
    kept = [uri for uri in files if uri not in deleted]
    elsewhere = sum(Path(uri).is_absolute() for uri in kept)
    counts = {
        "kept_in_corpus": len(kept) - elsewhere,
        "kept_elsewhere": elsewhere,
        "kept_parts": len(uris) - len(files),
        "deleted": len(deleted),
    }
    return [(name, number) for name, number in counts.items() if number]


def start(work: Callable[[Progress], Uploaded | Report]) -> None:
    """Begin a change of the index and draw the page anew, with its progress."""
    pool = ThreadPoolExecutor(1, "changing")
    state = Work(Future())

    def progress(name: str, done: int, total: int) -> None:
        state.done, state.total = done, total

    state.future = pool.submit(partial(work, progress))
    pool.shutdown(wait=False)
    st.session_state["work"] = state
    st.rerun()


def show_work(words: Words) -> None:
    """How far a change is; when it is done, what came of it."""
    if outcome := st.session_state.pop("outcome", None):
        st.html(outcome)
    work: Work | None = st.session_state.get("work")
    if work is None:
        return
    bar = st.progress(0.0, text=words("working"))
    while not work.future.done():
        share = work.done / work.total if work.total else 0.0
        bar.progress(min(share, 1.0), text=words("storing" if share >= 1 else "working"))
        time.sleep(POLL_SECONDS)
    del st.session_state["work"]
    try:
        result = work.future.result()
    except SakuinError as error:
        st.session_state["outcome"] = pieces.message(words("error_title"), words.error(error))
    else:
        st.session_state["outcome"] = listings.changed(result, words)
        if isinstance(result, Uploaded):
            st.session_state["uploads_done"] += 1
    # The counts beside the page, and the searcher, are of before.
    st.rerun()
