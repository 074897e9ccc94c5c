"""Files to index: readers, passages, documents (SQLite), vectors (FAISS), terms (BM25)."""
