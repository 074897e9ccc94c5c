"""The keyword side of an index: BM25 (Lucene's idf, k1 1.2, b 0.75) over our own terms, on tantivy.

A generation is a folder. It is written once by a ``TermsWriter`` and then only read. The next generation starts from
hard links to the files of the last: tantivy never changes a segment file, it writes new ones and unlinks old names, so
a folder that a writer started from stays as it is whatever becomes of the writer.

Scores are those of BM25 with three habits of tantivy: the length of a passage is rounded to about one part in eight;
the factor (k1 + 1), which ranks nothing, is kept; and removed passages count in idf and mean length until their
segment is merged.
"""

from sakuin.index.terms.asked import MAX_QUERY_TERMS, OTHER_WEIGHT, Asked, QueryReader, Statistics
from sakuin.index.terms.bm25 import TermScore
from sakuin.index.terms.first_stage import FirstStage
from sakuin.index.terms.reader import Terms
from sakuin.index.terms.writer import TermsWriter

__all__ = [
    "MAX_QUERY_TERMS",
    "OTHER_WEIGHT",
    "Asked",
    "FirstStage",
    "QueryReader",
    "Statistics",
    "TermScore",
    "Terms",
    "TermsWriter",
]
