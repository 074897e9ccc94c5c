"""sakuin in LlamaIndex: embeddings, a vector store over `Index`, and a retriever over `Searcher`.

    store = SakuinVectorStore(".sakuin")
    index = VectorStoreIndex.from_vector_store(store, embed_model=store.embed_model)
    index.insert_nodes([TextNode(text="有給休暇は三日前までに申請してください。", metadata={"year": 2024})])
    index.as_retriever(vector_store_query_mode="hybrid", similarity_top_k=3).retrieve("休みたい")

    SakuinRetriever(Searcher.open(".sakuin"), k=5).retrieve("有給休暇の申請方法")

The asynchronous methods run the others in threads; an index and a searcher are safe there.
"""

from sakuin.extras import missing

try:
    from sakuin.integrations.llama_index.embedding import SakuinEmbedding
    from sakuin.integrations.llama_index.retriever import SakuinRetriever
    from sakuin.integrations.llama_index.store import SakuinVectorStore
except ImportError as error:
    raise ImportError(missing("llama_index", "llama-index")) from error

__all__ = ["SakuinEmbedding", "SakuinRetriever", "SakuinVectorStore"]
