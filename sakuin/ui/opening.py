"""The indexes that the pages show, opened once for all who look at them."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from sakuin.index.clusters import is_cluster
from sakuin.index.store import NAME as DATABASE
from sakuin.index.store import committed_manifest
from sakuin.search import Searcher
from sakuin.search.opening import require_alone
from sakuin.ui.clusters import committed, folder_of


@st.cache_resource(show_spinner=False, max_entries=4)
def open_searcher(folder: str, identity: int | str) -> Searcher:
    """The index, or cluster, opened once; ``identity`` is another after the folder was deleted and built again."""
    searcher = Searcher.open(folder)
    # Reads the word dictionary and the vectors now, so that the first question does not wait for them.
    searcher.search("索引 index")
    return searcher


@st.cache_resource(show_spinner=False, max_entries=2)
def open_together(folders: tuple[str, ...], identities: tuple[int, ...]) -> Searcher:
    """Several indexes, opened once to be searched as one; ``identities`` as for `open_searcher`."""
    return Searcher.open(folders)


@st.cache_resource(show_spinner=False, max_entries=8)
def open_shard(folder: str) -> Searcher:
    """A shard of a cluster, whose folder is never changed."""
    return Searcher.open(folder)


def searcher_of(searcher: Searcher, document_id: str) -> Searcher:
    """The searcher of the index that has a document: of a cluster that of a shard."""
    if not is_cluster(searcher.folder):
        return searcher
    return open_shard(str(folder_of(searcher.folder, document_id)))


def find_searcher(folder: Path) -> Searcher | None:
    """The index, or None where there is none; raises SakuinError where it cannot be used."""
    if is_cluster(folder):
        return open_searcher(str(folder.resolve()), committed(folder).id)
    # While the first files come in there is a folder, but nothing to search.
    if committed_manifest(folder) is None:
        return None
    return open_searcher(str(folder.resolve()), (folder / DATABASE).stat().st_ino)


def find_all(folders: Sequence[Path]) -> tuple[Searcher | None, list[Searcher]]:
    """What is searched, and each of the indexes that there are; raises SakuinError where they cannot be used."""
    each = [searcher for searcher in map(find_searcher, folders) if searcher]
    if len(each) < 2:
        return (each[0] if each else None), each
    require_alone([searcher.folder for searcher in each])
    names = tuple(str(searcher.folder) for searcher in each)
    return open_together(names, tuple((searcher.folder / DATABASE).stat().st_ino for searcher in each)), each
