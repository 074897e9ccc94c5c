"""Search over one's own Japanese and English documents, fast on an ordinary CPU, that shows why one matched.

    with Index.open(".sakuin") as index:
        index.sync("docs/")
        with index.searcher() as searcher:
            for hit in searcher.search("有給休暇の申請方法").hits:
                print(hit.document.title, hit.text)

What is named here is imported when it is first used, so that a process that needs one part loads only that.
"""

from typing import TYPE_CHECKING, Any

from sakuin.first_use import on_first_use

if TYPE_CHECKING:
    from sakuin.api import Index as Index
    from sakuin.embedder import ModelError as ModelError
    from sakuin.embedder import StaticEmbedder as StaticEmbedder
    from sakuin.errors import SakuinError as SakuinError
    from sakuin.index.documents import Document as Document
    from sakuin.index.errors import DocumentError as DocumentError
    from sakuin.index.errors import FilterError as FilterError
    from sakuin.index.errors import IndexFolderError as IndexFolderError
    from sakuin.search import Searcher as Searcher
    from sakuin.search import SearchError as SearchError
    from sakuin.search import SearchRequest as SearchRequest

    __version__: str

_MODULES = {
    "Index": "sakuin.api",
    "Searcher": "sakuin.search",
    "SearchRequest": "sakuin.search",
    "StaticEmbedder": "sakuin.embedder",
    "Document": "sakuin.index.documents",
    "SakuinError": "sakuin.errors",
    "DocumentError": "sakuin.index.errors",
    "FilterError": "sakuin.index.errors",
    "IndexFolderError": "sakuin.index.errors",
    "ModelError": "sakuin.embedder",
    "SearchError": "sakuin.search",
}

__all__ = [*_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("sakuin")
    return on_first_use(__name__, _MODULES)(name)
