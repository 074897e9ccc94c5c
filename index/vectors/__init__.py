"""Vectors of passages: immutable segments of int8 rows, searched at any dimension up to theirs.

Matryoshka vectors are prefixes, so the one stored matrix serves every smaller dimension: a search at d dimensions
compares the first d of each row, scaled to length 1.

A small segment is searched exactly. A large one also has a short code for each row: product quantisation of the
vector's prefix, 4 bits for two or four dimensions (Jégou et al. 2011; André et al. 2015 for the layout that is scanned
in CPU registers; faiss.IndexPQFastScan). A search scans the codes and compares the best of them exactly, from the int8
rows on disk. Cosines are always computed from those rows in one way, so which segment a row is in changes no score.

A row of int8 needs no scale beside it, for it is scaled to length 1 whenever it is compared.
"""

from sakuin.index.vectors.codes import SHORTEST_CODED, TRAINED_ON, code_order, code_shape, rescored_at
from sakuin.index.vectors.merging import MAX_DEAD_SHARE, to_merge
from sakuin.index.vectors.rows import BLOCK, Part, as_int8, gathered, scored, unit_rows
from sakuin.index.vectors.search import Chosen, Vectors
from sakuin.index.vectors.segment import CODED_FROM, Segment, segment_files, sha256_of, write_segment

__all__ = [
    "BLOCK",
    "CODED_FROM",
    "MAX_DEAD_SHARE",
    "SHORTEST_CODED",
    "TRAINED_ON",
    "Chosen",
    "Part",
    "Segment",
    "Vectors",
    "as_int8",
    "code_order",
    "code_shape",
    "gathered",
    "rescored_at",
    "scored",
    "segment_files",
    "sha256_of",
    "to_merge",
    "unit_rows",
    "write_segment",
]
