"""An index in PostgreSQL as a part of what is searched; see `sakuin.search.parts` for what each method is asked."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sakuin.index.store import Manifest, PassageRow, indexed_text
from sakuin.index.store.facets import Facet
from sakuin.index.store.passages import MAX_PLACES, Source
from sakuin.index.terms import Asked, Statistics, TermScore
from sakuin.index.text.synonyms import Synonyms
from sakuin.index.vectors import unit_rows
from sakuin.index.where import Condition
from sakuin.integrations.engines.errors import ExportError
from sakuin.integrations.engines.postgres import tables
from sakuin.integrations.engines.postgres.decoding import Row, cosines, explained, factors, matches
from sakuin.integrations.engines.postgres.rows import as_sparse
from sakuin.integrations.engines.postgres.selecting import Selecting, Selection
from sakuin.integrations.engines.postgres.session import Session
from sakuin.search.legs import Leg
from sakuin.search.parts import Doubled, Listed, Listing, PartState, Within

SPARE = 50
"""Passages that each leg lists beyond those wanted, so that what rounding moves is still among them."""

HALF = 2e-3
"""By which a cosine may differ where the query's vector is in half precision."""

CLOSE = 1e-3
"""By which a BM25 score of the database may differ from ours, beside what the mean length makes of it."""

MOST_EF = 1_000
"""Of pgvector: how many an HNSW graph lists at most."""

TERMS_KEPT = 200_000


class PostgresPart:
    """A `Part` that is the schema `sakuin` of a database. One question at a time is asked, by whichever thread."""

    def __init__(self, session: Session) -> None:
        """Read what was written.

        Args:
            session: With the database.

        Raises:
            ExportError: nothing was written there, or by another version.
        """
        self._session, self.name = session, session.name
        settings = dict(self._session.rows(tables.ALL_SETTINGS)) if self._has_settings() else {}
        if settings.get("identity", {}).get("format") != tables.FORMAT:
            raise ExportError(
                f"There is no index in the schema {tables.SCHEMA} of {self.name}, or one of another version: write one "
                f"by `index export --to`."
            )
        self._revision = settings["revision"]
        self._drift = float(settings["drift"])
        self._mean_length = float(settings["mean_length"])
        self._synonyms = Synonyms(
            *({term: tuple(others) for term, others in settings["synonyms"][kind].items()} for kind in SYNONYM_KINDS)
        )
        self.manifest = manifest_of(settings)
        self.num_passages = self.manifest.passages
        self._numbers: dict[str, tuple[int, int]] = {}
        self._selecting = Selecting(session)

    def state(self) -> PartState:
        """What was written."""
        return PartState(self.name, self.manifest, self.num_passages, self._mean_length)

    def synonyms(self) -> Synonyms:
        """By which queries are widened."""
        return self._synonyms

    def outdated(self) -> bool:
        """Whether somebody has exported since."""
        return self._session.rows(tables.REVISION) != [(self._revision,)]

    def passage_ids(self) -> NDArray[np.int64]:
        """int64 (n,), ascending, of all passages."""
        return np.array([row[0] for row in self._session.rows(tables.PASSAGE_IDS)], np.int64)

    def doubled(self, passage_ids: NDArray[np.int64]) -> Doubled:
        """What passages count."""
        having: Counter[str] = Counter()
        found = length = 0
        for start in range(0, len(passage_ids), tables.ROWS):
            some = passage_ids[start : start + tables.ROWS].tolist()
            having.update(dict(self._session.rows(tables.TERMS_OF, (some,))))
            ((number, terms),) = self._session.rows(tables.LENGTH_OF, (some,))
            found, length = found + number, length + int(terms)
        return Doubled(found, length, having)

    def pool(self, most: int) -> tuple[NDArray[np.int64], list[set[Source]]]:
        """The lowest passage ids, int64 (n,), and what tells their documents."""
        ids = [row[0] for row in self._session.rows(tables.LOWEST, (most,))]
        return np.array(ids, np.int64), self.sources(ids)

    def sources(self, passage_ids: Sequence[int]) -> list[set[Source]]:
        """What tells the documents of passages."""
        found: dict[int, set[Source]] = {}
        for passage, number, title in self._session.rows(tables.SOURCES, (list(passage_ids),)):
            found.setdefault(passage, set()).update({number, title} if title else {number})
        return [found.get(passage, set()) for passage in passage_ids]

    def having(self, terms: Sequence[str]) -> list[int]:
        """How many passages have each term."""
        found = self._terms(terms)
        return [found.get(term, (0, 0))[1] for term in terms]

    def having_each(self, terms: Collection[str]) -> dict[str, int]:
        """The same by term."""
        return dict(zip(terms, self.having(list(terms)), strict=True))

    def beginning(self, prefix: str) -> list[tuple[str, int]]:
        """All terms that begin so, those that most have first."""
        return self._session.rows(tables.BEGINNING, (prefix,))

    def statistics(self, having: Mapping[str, int]) -> Statistics:
        """What scores depend on beside the passage."""
        return Statistics(self.num_passages, self._mean_length, dict(having))

    def sizes(self, within: Within) -> tuple[int, int]:
        """How many documents pass the condition, and how many passages may be found."""
        kept = self._selecting.looked_up(within).selection
        documents = len(self._selecting.selection(within.condition).documents) if within.condition is not None else 0
        return documents, self.num_passages if kept is None else len(kept.passages)

    def listed(self, listing: Listing) -> Listed:
        """The candidates of both legs, by one query of both, and more of them until the best are certain."""
        asked, vector, wanted = listing.asked, listing.vector, listing.wanted
        statistics, numbers = self._counted(asked)
        staged = asked is not None and listing.rescored is not None
        first = factors(asked.first_stage if staged else asked.weights, statistics, numbers) if asked else {}
        has_vector = vector is not None and bool(vector.any())
        limits = [wanted + SPARE if has_vector else 0, wanted + SPARE if first else 0]
        kept = self._selecting.kept(listing.within)
        while True:
            near, fit = self._hybrid(vector if has_vector else None, first, limits, kept)
            scores = [
                cosines([row for row, _ in near], vector) if has_vector and vector is not None else EMPTY_SCORES,
                matches([row for row, _ in fit], first, statistics.mean_length),
            ]
            # Where all that is searched is empty there is no mean.
            ratio = statistics.mean_length / self._mean_length or 1.0
            least = [
                min((one for _, one in near), default=0.0) + HALF,
                min((one for _, one in fit), default=0.0) * (1 + self._drift) * max(ratio, 1 / ratio) + CLOSE,
            ]
            certain = [
                len(rows) < limit or not limit or nth(own, wanted) > bound
                for rows, limit, own, bound in zip((near, fit), limits, scores, least, strict=True)
            ]
            if all(certain):
                break
            limits = [limit if sure else 4 * limit for limit, sure in zip(limits, certain, strict=True)]
        dense = best([row for row, _ in near], scores[0], wanted) if has_vector else None
        bm25 = best([row for row, _ in fit], scores[1], wanted)
        by_id = {row.passage_id: row for row, _ in (*near, *fit)}
        return self._scored(listing, dense, bm25, by_id, statistics, numbers)

    def listed_each(self, listings: Sequence[Listing]) -> list[Listed]:
        """The candidates of many."""
        return [self.listed(listing) for listing in listings]

    def _scored(
        self,
        listing: Listing,
        dense: Leg | None,
        bm25: Leg | None,
        by_id: Mapping[int, Row],
        statistics: Statistics,
        numbers: Mapping[str, int],
    ) -> Listed:
        """Both lists, each scored by both legs."""
        every = factors(listing.asked.weights, statistics, numbers) if listing.asked else {}
        near, fit = ([by_id[one] for one in leg.ids.tolist()] if leg else [] for leg in (dense, bm25))
        dense_matches = np.zeros(len(near), np.float32)
        if listing.asked is not None:
            dense_matches = np.full(len(near), np.nan, np.float32)
            dense_matches[: listing.rescored] = matches(near[: listing.rescored], every, statistics.mean_length)
        if bm25 and listing.rescored is not None:
            scores = np.full(len(fit), np.nan, np.float32)
            scores[: listing.rescored] = matches(fit[: listing.rescored], every, statistics.mean_length)
            bm25 = Leg(bm25.ids, scores, bm25.listed_by)
        beside = np.zeros(len(fit), np.float32) if listing.vector is None else cosines(fit, listing.vector)
        standing = None
        if listing.standing:
            standing = self.documents_of([row.passage_id for row in (*near, *fit)], listing.within)
        return Listed(dense, dense_matches, bm25, beside, standing)

    def _hybrid(
        self,
        vector: NDArray[np.float32] | None,
        weights: Mapping[int, float],
        limits: Sequence[int],
        kept: Selection | None,
    ) -> tuple[list[tuple[Row, float]], list[tuple[Row, float]]]:
        """What the database lists: by meaning, and by words, each with its own score."""
        dim = self.manifest.dim
        # Without a vector nothing is compared with this one. Of length 100 no number is too small for a halfvec.
        given = np.ones(dim, np.float32) if vector is None else 100 * vector
        asked = {
            "vector": str(given.tolist()),
            "weights": as_sparse(weights),
            "terms": list(weights),
            "dense": limits[0],
            "bm25": limits[1],
            "dim": dim if vector is None else len(vector),
            "among": None if kept is None else kept.passages.tolist(),
        }
        shorter = vector is not None and len(vector) < dim
        near, fit = [], []
        for passage_id, cosine, score, *stored in self._session.rows(
            tables.hybrid(shorter, restricted=kept is not None),
            asked,
            by_graph=min(limits[0], MOST_EF) if limits[0] and kept is None else None,
        ):
            row = Row.of(passage_id, *stored)
            if cosine is not None:
                # Of a vector of zeros PostgreSQL has no cosine.
                near.append((row, float(cosine) if cosine == cosine else 0.0))
            if score is not None:
                fit.append((row, float(score)))
        return near, fit

    def documents_of(self, passage_ids: Sequence[int], within: Within | None) -> dict[int, list[int]]:
        """Numbers of the documents of each passage's places."""
        found: dict[int, list[int]] = {}
        documents = self._selecting.documents(within)
        for passage, document in self._session.rows(tables.STANDING, (list(passage_ids), documents, documents)):
            found.setdefault(passage, []).append(document)
        return {passage: own[:MAX_PLACES] for passage, own in found.items()}

    def passages(self, passage_ids: Sequence[int], within: Within | None) -> dict[int, PassageRow]:
        """Passages with their places."""
        return self._selecting.passages(passage_ids, within)

    def indexed(self, passage_ids: Sequence[int]) -> dict[int, str]:
        """What is indexed of passages."""
        return {
            passage_id: indexed_text(row.places[0].title, row.places[0].heading, row.text)
            for passage_id, row in self.passages(passage_ids, None).items()
        }

    def explained(self, asked: Asked, passage_ids: Sequence[int]) -> list[list[TermScore]]:
        """What each term adds to the score of passages."""
        statistics, numbers = self._counted(asked)
        rows = self._stored(passage_ids)
        return [explained(rows[one], asked, statistics, numbers) if one in rows else [] for one in passage_ids]

    def scores(
        self, passage_ids: Sequence[int], asked: Asked | None, vector: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cosines and BM25 scores, float32 (n,), of passages."""
        rows = self._stored(passage_ids)
        known = [place for place, one in enumerate(passage_ids) if one in rows]
        own = [rows[passage_ids[place]] for place in known]
        near, fit = np.zeros((2, len(passage_ids)), np.float32)
        if vector is not None:
            near[known] = cosines(own, vector)
        if asked is not None:
            statistics, numbers = self._counted(asked)
            fit[known] = matches(own, factors(asked.weights, statistics, numbers), statistics.mean_length)
        return near, fit

    def rows(self, passage_ids: Sequence[int], dim: int) -> NDArray[np.float32]:
        """float32 (n, dim): the first dimensions of vectors, of length 1."""
        rows = self._stored(passage_ids)
        found = np.zeros((len(passage_ids), dim), np.float32)
        known = [place for place, one in enumerate(passage_ids) if one in rows]
        if known:
            stored = np.stack([rows[passage_ids[place]].vector for place in known])
            found[known] = unit_rows(stored, slice(None), dim)
        return found

    def holding(self, within: Within, passage_ids: Sequence[int]) -> list[int]:
        """Those of some passages whose words are as they must be."""
        conditions = self._selecting.looked_up(within).conditions
        return conditions.holding(passage_ids) if conditions else list(passage_ids)

    def shown(self, within: Within, documents: Sequence[tuple[int, Sequence[int]]], most: int) -> list[list[int]]:
        """Which passages of documents to give."""
        conditions = self._selecting.looked_up(within).conditions
        assert conditions is not None
        return [conditions.shown_of(number, passages, most) for number, passages in documents]

    def field_names(self) -> list[str]:
        """What filters call the fields that any document has."""
        return self._selecting.field_names()

    def facets(self, condition: Condition, names: Collection[str] | None, limit: int) -> list[Facet]:
        """How many of the documents that pass a filter have which values."""
        return self._selecting.facets(condition, names, limit)

    def counted(self, documents: Sequence[int], names: Collection[str] | None) -> list[Facet]:
        """How many of some documents have which values."""
        return self._selecting.counted(documents, names)

    def counts(self) -> dict[str, int]:
        """Numbers of documents and passages."""
        ((documents,),) = self._session.rows(tables.COUNT_DOCUMENTS)
        return {"documents": documents, "passages": self.num_passages}

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _stored(self, passage_ids: Sequence[int]) -> dict[int, Row]:
        return {row[0]: Row.of(*row) for row in self._session.rows(tables.STORED, (list(passage_ids),))}

    def _counted(self, asked: Asked | None) -> tuple[Statistics, dict[str, int]]:
        """What scores depend on, and the numbers of the terms that are there."""
        if asked is None:
            return self.statistics({}), {}
        found = self._terms(asked.weights)
        numbers = {term: number for term, (number, _) in found.items() if number}
        return asked.statistics or self.statistics({term: having for term, (_, having) in found.items()}), numbers

    def _terms(self, terms: Collection[str]) -> dict[str, tuple[int, int]]:
        """Number of each term, and how many passages have it; (0, 0) where none has."""
        missing = [term for term in terms if term not in self._numbers]
        if missing:
            fresh = {term: (number, having) for term, number, having in self._session.rows(tables.TERMS, (missing,))}
            if len(self._numbers) + len(missing) > TERMS_KEPT:
                self._numbers = {}
            self._numbers |= {term: fresh.get(term, (0, 0)) for term in missing}
        known = self._numbers
        return {term: known.get(term, (0, 0)) for term in terms}

    def _has_settings(self) -> bool:
        return self._session.rows("SELECT to_regclass(%s)::text", (f"{tables.SCHEMA}.settings",)) != [(None,)]


SYNONYM_KINDS = ("terms", "phrases")
EMPTY_SCORES = np.zeros(0, np.float32)


def manifest_of(settings: Mapping[str, Any]) -> Manifest:
    """What a search asks of a manifest."""
    identity = settings["identity"]
    return Manifest(
        format=identity["format"],
        generation=0,
        corpus="",
        model=settings["model"],
        fingerprint=identity["model"],
        dim=identity["dim"],
        analyser=identity["analyser"],
        passage_width=0,
        segments=[],
        passages=settings["passages"],
        stale_terms=0,
        checksums={},
        sizes={},
        fusion=settings["fusion"],
        background=settings["background"],
    )


def nth(scores: NDArray[np.float32], n: int) -> float:
    """The n-th highest score; -inf where there are fewer."""
    return float(np.partition(scores, -n)[-n]) if len(scores) >= n else -np.inf


def best(rows: Sequence[Row], scores: NDArray[np.float32], wanted: int) -> Leg | None:
    """The best of some rows, ties by ascending id; None where there are none."""
    if not rows:
        return None
    ids = np.array([row.passage_id for row in rows], np.int64)
    order = np.lexsort((ids, -scores))[:wanted]
    return Leg(ids[order], scores[order], scores[order])
