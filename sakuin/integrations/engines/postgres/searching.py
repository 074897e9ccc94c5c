"""Searches an index in PostgreSQL, or several, with the hits that `Searcher` gives of the same documents."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import NoReturn

from sakuin.embedder import StaticEmbedder
from sakuin.files import cache_folder
from sakuin.index.model import load_model
from sakuin.index.terms import QueryReader
from sakuin.index.text import Analyser
from sakuin.integrations.engines.errors import ExportError
from sakuin.integrations.engines.postgres.part import PostgresPart
from sakuin.integrations.engines.postgres.session import Session
from sakuin.search import Searcher, SearchError
from sakuin.search.joining import join
from sakuin.search.parts import Parts
from sakuin.search.whole import Whole
from sakuin.search.whole_terms import WholeTerms


class PostgresIndexes:
    """What a searcher has open: indexes in databases, as they were last exported. Safe to use from several threads."""

    def __init__(self, sessions: Sequence[Session], model: StaticEmbedder | None) -> None:
        """Read what was written to the databases; ``model`` is None to load the one of the first."""
        self._sessions = list(sessions)
        self._reload = Lock()
        self._parts = self._read()
        first = self._parts[0].manifest
        self.model = load_model(first, self.folders[0], model)
        if first.analyser != Analyser().name:
            raise ExportError(
                f"{self._parts[0].name} was written with another analysis of words ({first.analyser}) than is "
                f"installed ({Analyser().name}): build the index again, and export it."
            )
        self._whole = self._joined()

    def _read(self) -> list[PostgresPart]:
        return [PostgresPart(session) for session in self._sessions]

    def _joined(self) -> Whole:
        """All as one; one alone needs nothing to be compared with others."""
        if len(self._parts) > 1:
            return join(self._parts, self.model)
        (part,) = self._parts
        reader = QueryReader(part.synonyms)
        parts = Parts([part])
        terms = WholeTerms(parts, reader, part)
        return Whole(part.name, parts, [""], manifest=part.manifest, terms=terms)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where what is made of passages is kept, such as a transformer's vectors of them."""
        return (cache_folder("postgres"),)

    def current(self) -> Whole:
        """What was exported last."""
        with self._reload:
            if any(part.outdated() for part in self._parts):
                self._parts = self._read()
                self._whole = self._joined()
            return self._whole

    def snapshot(self) -> NoReturn:
        """Nothing: no folder of an index is here."""
        raise SearchError("This is asked of an index in a folder, not of one in PostgreSQL.")

    def close(self) -> None:
        """Let go of the connections."""
        for session in self._sessions:
            session.close()


def open_postgres(*dsns: str, model: StaticEmbedder | None = None) -> Searcher:
    """A searcher of what `index export` wrote into a database, or into several, which are then searched as one.

    Hits, scores, relevance, explanations and facets are those of the index, within filters, quotes and exclusions too.

    Args:
        *dsns: As libpq reads them; "" for what its environment says.
        model: That of the index where it is loaded already; None to load it.

    Raises:
        ExportError: a database cannot be reached, or has no index, or its address cannot be read.
        IndexFolderError: it was made with another model.
        ModelError: the model cannot be loaded.
    """
    with ExitStack() as opened:
        sessions = []
        for dsn in dsns or ("",):
            sessions.append(Session(dsn))
            opened.callback(sessions[-1].close)
        indexes = PostgresIndexes(sessions, model)
        beside = ThreadPoolExecutor(1, "unused")
        opened.pop_all()
        return Searcher(indexes, indexes.model, beside)
