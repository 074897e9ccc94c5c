"""A connection to a database that is searched."""

from contextlib import nullcontext
from threading import Lock
from typing import Any

import psycopg

from sakuin.integrations.engines.errors import ExportError
from sakuin.integrations.engines.postgres import tables
from sakuin.integrations.engines.postgres.address import checked_address


class Session:
    """A connection that only reads, and is opened again where it was lost. Safe to use from several threads.

    Attributes:
        name: By which messages and hits name the database, without a password.
    """

    def __init__(self, dsn: str) -> None:
        """Connect.

        Args:
            dsn: As libpq reads it; "" for what its environment says.

        Raises:
            ExportError: the database cannot be reached.
        """
        self._address = checked_address(dsn)
        self._asking = Lock()
        self._closed = False
        self._connection = self._connected()
        info = self._connection.info
        self.name = f"{info.dbname} at {info.host or 'localhost'}"

    def rows(self, sql: str, given: Any = None, *, by_graph: int | None = None) -> list[Any]:
        """What a query gives, values of pgvector as bytes.

        Args:
            sql: The query.
            given: Its parameters.
            by_graph: How many an HNSW graph is to list for this query.

        Raises:
            ExportError: the database refuses, or cannot be reached.
        """
        try:
            with self._asking:
                try:
                    return self._asked(sql, given, by_graph)
                except psycopg.OperationalError:
                    # A query that the database gave up, as by a timeout, leaves the connection open.
                    if self._closed or not self._connection.closed:
                        raise
                self._connection = self._connected()
                return self._asked(sql, given, by_graph)
        except psycopg.Error as error:
            raise ExportError(
                f"PostgreSQL ({self.name}) says: {str(error).strip() or type(error).__name__}."
            ) from error

    def close(self) -> None:
        """Let go of the connection."""
        self._closed = True
        self._connection.close()

    def _connected(self) -> psycopg.Connection[Any]:
        try:
            return psycopg.connect(self._address, autocommit=True)
        except psycopg.Error as error:
            raise ExportError(f"PostgreSQL says: {str(error).strip()}. Check the address and your rights.") from error

    def _asked(self, sql: str, given: Any, by_graph: int | None) -> list[Any]:
        # What is set holds to the end of a transaction, for this query only.
        together = nullcontext() if by_graph is None else self._connection.transaction()
        with together, self._connection.cursor(binary=True) as cursor:
            if by_graph is not None:
                cursor.execute(tables.LISTED_BY_GRAPH, (str(by_graph),))
            cursor.execute(sql, given)
            return cursor.fetchall()
