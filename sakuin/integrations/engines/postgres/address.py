"""Addresses of databases, read before libpq does: what it cannot read it quotes, passwords among it."""

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

from sakuin.integrations.engines.errors import ExportError


def checked_address(dsn: str) -> str:
    """An address as it is given, where libpq reads it as it is meant.

    Args:
        dsn: A URL, or keywords and values; "" for what the environment of libpq says.

    Raises:
        ExportError: it cannot be read. Nothing of it is told.
    """
    if not _readable(dsn):
        raise ExportError(
            "The address of the database cannot be read; it is not shown, as it may hold a password. Write "
            "postgresql://USER@HOST:PORT/DATABASE, or host=HOST dbname=DATABASE. In a URL the signs %, @, / and # of "
            "a user or password are written %25, %40, %2F and %23. A password is best kept in PGPASSWORD or ~/.pgpass."
        )
    return dsn


def _readable(dsn: str) -> bool:
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.Error:
        return False
    return re.fullmatch(r"[\d,]*", str(parts.get("port", ""))) is not None and not _cut_short(dsn)


def _cut_short(dsn: str) -> bool:
    """Whether a URL's user and password end before its last "@": what follows would be told as the name of a host."""
    scheme, _, rest = dsn.partition("://")
    if scheme not in ("postgres", "postgresql"):
        return False
    return "@" in re.sub(r"^[^@/]*@", "", rest).partition("?")[0]
