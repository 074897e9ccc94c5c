"""Files to index: readers, passages, documents (SQLite), vectors (FAISS), terms (BM25)."""

DEFAULT_INDEX = ".sakuin"
"""Folder of the index where none is named."""
