"""sakuin in Haystack: a document store over `Index`, retrievers by text and by vector, and embedders.

    store = SakuinDocumentStore(".sakuin")
    store.write_documents([Document(content="有給休暇は三日前までに申請してください。", meta={"year": 2024})])
    retriever = SakuinRetriever(store, top_k=3)
    retriever.run("休みたい", filters={"field": "meta.year", "operator": ">=", "value": 2020})["documents"]

The asynchronous methods run the others in threads; an index and a searcher are safe there.
"""

from sakuin.extras import missing

try:
    from sakuin.integrations.haystack.embedders import SakuinDocumentEmbedder, SakuinTextEmbedder
    from sakuin.integrations.haystack.retrievers import SakuinEmbeddingRetriever, SakuinRetriever
    from sakuin.integrations.haystack.store import SakuinDocumentStore
except ImportError as error:
    raise ImportError(missing("haystack", "haystack")) from error

__all__ = [
    "SakuinDocumentEmbedder",
    "SakuinDocumentStore",
    "SakuinEmbeddingRetriever",
    "SakuinRetriever",
    "SakuinTextEmbedder",
]
