"""The tables of an index in PostgreSQL, and the statements over them. docs/engines.md describes them."""

from collections.abc import Iterable

SCHEMA = "sakuin"
FORMAT = 2
"""Version of the tables; others are made anew."""

TERM_NUMBERS = 1_000_000_000
"""Dimensions of a sparsevec, at most; the number of a term is one of them."""

MOST_TERMS = 16_000
"""That a sparsevec can hold; of a passage with more, those that count least are left out."""

ROWS = 1_000
"""That are read, or changed, at a time."""

ADVISORY_LOCK = 0x73616B75696E
"""Held by one export at a time."""


def create(dim: int) -> str:
    """What makes the tables in a schema that is empty, for vectors of so many dimensions."""
    return f"""
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE {SCHEMA}.settings (key text PRIMARY KEY, value jsonb NOT NULL);
CREATE TABLE {SCHEMA}.documents (
    number bigint PRIMARY KEY,
    id text NOT NULL UNIQUE,
    uri text NOT NULL,
    file text NOT NULL,
    title text NOT NULL,
    metadata jsonb NOT NULL,
    text text NOT NULL,
    fingerprint bigint NOT NULL
);
CREATE TABLE {SCHEMA}.passages (
    id bigint PRIMARY KEY,
    vector halfvec({dim}) NOT NULL,
    weights sparsevec({TERM_NUMBERS}) NOT NULL,
    terms integer[] NOT NULL,
    length integer NOT NULL,
    mean_length double precision NOT NULL
);
CREATE TABLE {SCHEMA}.places (
    document bigint NOT NULL REFERENCES {SCHEMA}.documents ON DELETE CASCADE,
    number integer NOT NULL,
    passage bigint NOT NULL REFERENCES {SCHEMA}.passages,
    start integer NOT NULL,
    "end" integer NOT NULL,
    heading text NOT NULL,
    position jsonb NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (document, number)
);
CREATE TABLE {SCHEMA}.terms (number integer PRIMARY KEY, term text NOT NULL COLLATE "C", passages integer NOT NULL);
"""


INDEXES = f"""
CREATE INDEX IF NOT EXISTS places_passage ON {SCHEMA}.places (passage);
CREATE INDEX IF NOT EXISTS passages_terms ON {SCHEMA}.passages USING gin (terms);
CREATE UNIQUE INDEX IF NOT EXISTS terms_term ON {SCHEMA}.terms (term);
"""

HNSW = f"CREATE INDEX IF NOT EXISTS passages_hnsw ON {SCHEMA}.passages USING hnsw (vector halfvec_cosine_ops)"

ANALYZE = f"ANALYZE {SCHEMA}.documents, {SCHEMA}.passages, {SCHEMA}.places, {SCHEMA}.terms"

FORGET_PASSAGES = f"""
WITH gone AS (
    DELETE FROM {SCHEMA}.passages p
    WHERE NOT EXISTS (SELECT FROM {SCHEMA}.places o WHERE o.passage = p.id)
    RETURNING terms
), counted AS (
    SELECT number, count(*) AS added FROM gone, unnest(terms) AS number GROUP BY number
)
UPDATE {SCHEMA}.terms t SET passages = t.passages - counted.added FROM counted WHERE t.number = counted.number
"""
"""Deletes passages that stand nowhere any more, and counts their terms no more."""

FORGET_TERMS = f"DELETE FROM {SCHEMA}.terms WHERE passages <= 0"

COUNT_TERMS = f"""
UPDATE {SCHEMA}.terms t SET passages = t.passages + n.added
FROM unnest(%s::integer[], %s::integer[]) AS n (number, added) WHERE t.number = n.number
"""

STATISTICS = f"SELECT count(*), coalesce(sum(length), 0) FROM {SCHEMA}.passages"

DRIFTED = f"""
SELECT id, weights::text, length, mean_length FROM {SCHEMA}.passages
WHERE id > %(after)s AND abs(mean_length / %(mean)s - 1) > %(most)s ORDER BY id LIMIT %(rows)s
"""

REWEIGH = f"""
UPDATE {SCHEMA}.passages p SET weights = n.weights::sparsevec, mean_length = %s
FROM unnest(%s::bigint[], %s::text[]) AS n (id, weights) WHERE p.id = n.id
"""

ALL_SETTINGS = f"SELECT key, value FROM {SCHEMA}.settings"
REVISION = f"SELECT value FROM {SCHEMA}.settings WHERE key = 'revision'"
DRIFT = f"SELECT coalesce(max(abs(mean_length / %s - 1)), 0) FROM {SCHEMA}.passages"
COUNT_DOCUMENTS = f"SELECT count(*) FROM {SCHEMA}.documents"
PASSAGE_IDS = f"SELECT id FROM {SCHEMA}.passages ORDER BY id"
LOWEST = f"SELECT id FROM {SCHEMA}.passages ORDER BY id LIMIT %s"
TERMS = f"SELECT term, number, passages FROM {SCHEMA}.terms WHERE term = ANY(%s)"
BEGINNING = f"SELECT term, passages FROM {SCHEMA}.terms WHERE term ^@ %s ORDER BY passages DESC, term"
STORED = f"SELECT id, vector, weights, length, mean_length FROM {SCHEMA}.passages WHERE id = ANY(%s)"
STANDING = f"""
SELECT passage, document FROM {SCHEMA}.places
WHERE passage = ANY(%s) AND (%s::bigint[] IS NULL OR document = ANY(%s)) ORDER BY passage, document, number
"""
PASSAGES_OF = f"SELECT DISTINCT passage FROM {SCHEMA}.places WHERE document = ANY(%s) ORDER BY passage"
DOCUMENTS_WITH = f"SELECT DISTINCT document FROM {SCHEMA}.places WHERE passage = ANY(%s) ORDER BY document"
WITH_ALL = f"SELECT id FROM {SCHEMA}.passages WHERE terms @> %s::integer[] ORDER BY id"
LABELS = f"SELECT number, id, uri, file, metadata FROM {SCHEMA}.documents"
FIELDS = f"SELECT DISTINCT jsonb_object_keys(metadata) FROM {SCHEMA}.documents"
FILES = f"SELECT file, count(*) FROM {SCHEMA}.documents WHERE %s::bigint[] IS NULL OR number = ANY(%s) GROUP BY file"
METADATA = f"SELECT metadata FROM {SCHEMA}.documents WHERE %s::bigint[] IS NULL OR number = ANY(%s)"
SOURCES = f"""
SELECT o.passage, d.number, d.title FROM {SCHEMA}.places o JOIN {SCHEMA}.documents d ON d.number = o.document
WHERE o.passage = ANY(%s)
"""
TERMS_OF = f"""
SELECT t.term, count(*)::integer FROM {SCHEMA}.passages p, unnest(p.terms) AS n (number)
JOIN {SCHEMA}.terms t ON t.number = n.number WHERE p.id = ANY(%s) GROUP BY t.term
"""
LENGTH_OF = f"SELECT count(*), coalesce(sum(length), 0)::bigint FROM {SCHEMA}.passages WHERE id = ANY(%s)"
LISTED_BY_GRAPH = "SELECT set_config('hnsw.ef_search', %s, true)"


def hybrid(shorter: bool = False, *, restricted: bool = False) -> str:
    """One query for the candidates of both legs, with what is needed to score each by both.

    It takes ``vector``; ``weights``, of the query's terms by their numbers: weight times idf times (k1 + 1); ``terms``,
    these numbers; and how many each leg lists, ``dense`` and ``bm25``. Where a query has fewer dimensions than are
    stored, ``dim``, these are compared, which no graph helps with.

    Args:
        shorter: Whether it has.
        restricted: List only passages whose ids are ``among``. A graph would list the nearest of all, and of these only
            what is among them: their vectors are compared one by one.
    """
    stored = "subvector(vector, 1, %(dim)s)" if shorter else "vector"
    distance = f"{stored} <=> %(vector)s::halfvec"
    among = "id = ANY(%(among)s)" if restricted else "true"
    return f"""
WITH meaning AS (
    SELECT id, {distance} AS distance
    FROM {SCHEMA}.passages WHERE {among} ORDER BY {f"({distance}) + 0" if restricted else distance} LIMIT %(dense)s
), words AS (
    SELECT id, weights <#> %(weights)s::sparsevec AS negative
    FROM {SCHEMA}.passages WHERE {among} AND terms && %(terms)s::integer[]
    ORDER BY weights <#> %(weights)s::sparsevec LIMIT %(bm25)s
), candidates AS (
    SELECT id, max(distance) AS distance, max(negative) AS negative FROM (
        SELECT id, distance, NULL::double precision AS negative FROM meaning
        UNION ALL SELECT id, NULL, negative FROM words
    ) AS listed GROUP BY id
)
SELECT id, 1 - distance, -negative, vector, weights, length, mean_length
FROM candidates JOIN {SCHEMA}.passages USING (id)
"""


PLACES = f"""
SELECT o.passage, o.document, o.start, o."end", o.heading, o.position, o.text, d.id, d.uri, d.title, d.metadata
FROM {SCHEMA}.places o JOIN {SCHEMA}.documents d ON d.number = o.document
WHERE o.passage = ANY(%s) AND (%s::bigint[] IS NULL OR o.document = ANY(%s)) ORDER BY o.passage, o.document, o.number
"""

_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_line(values: Iterable[object]) -> str:
    """A row in the text format of COPY; numbers, texts, and what is text already."""
    return "\t".join(str(value).translate(_ESCAPED) for value in values) + "\n"


def copy_command(table: str, columns: Iterable[str]) -> str:
    """The COPY of a table's columns, from what follows."""
    quoted = ", ".join(f'"{column}"' for column in columns)
    return f"COPY {SCHEMA}.{table} ({quoted}) FROM STDIN"
