"""What users would pick instead, each over the same vectors, as it comes and at its best.

- LanceDB: a table with full-text search, as it comes over pairs of characters, at its best over ICU's words; and with
  an IVF-PQ index, as it comes from 100,000 rows on, at its best the fastest index that finds as much as ours does.
- txtai: hybrid, its own BM25 and FAISS, texts stored in SQLite; at its best over MeCab's words.
- bm25s beside FAISS: MeCab's words, RRF in a few lines, nothing kept on disk; as it comes a flat index and numpy, at
  its best numba and the fastest index that finds as much as ours does.
"""

from benchmarks.peers.bm25s_faiss import BM25S_FAISS
from benchmarks.peers.kind import COMPARABLE, DIM, Index, Kind, Peer
from benchmarks.peers.lance import LANCEDB
from benchmarks.peers.txtai_hybrid import TXTAI

KINDS: dict[str, Kind] = {kind.name: kind for kind in (LANCEDB, TXTAI, BM25S_FAISS)}

__all__ = ["COMPARABLE", "DIM", "KINDS", "Index", "Kind", "Peer"]
