"""Puts new tables in the place of others: what is there is only replaced where an export wrote it, and read meanwhile.

The schema is set aside under another name, and the tables are made in a new one; other sessions see none of it. At the
end the old tables are dropped, and the new ones move to the old schema, where the rights on it are, and whatever others
keep in it. So readers wait from then to the end of the transaction, not while rows are written.
"""

from typing import Any

import psycopg

from sakuin.integrations.engines.errors import ExportError
from sakuin.integrations.engines.postgres.tables import SCHEMA

ASIDE = f"{SCHEMA}_before_export"
OWN = ("settings", "documents", "passages", "places", "terms")

NOT_OURS = (
    f"The schema {SCHEMA} of this database holds tables that no export of an index wrote. Nothing was changed. Give it "
    f"another name (ALTER SCHEMA {SCHEMA} RENAME TO ...), drop it if nobody needs it, or export to another database."
)

ONLY_OURS = f"""
DO $$
DECLARE
    ours boolean := NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('{SCHEMA}'));
BEGIN
    IF NOT ours AND (
        SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('{SCHEMA}.settings')
        AND (attname, atttypid) IN (('key', 'text'::regtype), ('value', 'jsonb'::regtype))
    ) = 2 THEN
        ours := EXISTS (SELECT FROM {SCHEMA}.settings WHERE key = 'identity' AND value -> 'format' IS NOT NULL);
    END IF;
    IF NOT ours THEN
        RAISE EXCEPTION USING MESSAGE = '{NOT_OURS}';
    END IF;
END
$$
"""
"""Fails where the schema has tables, but not those of an index."""

_DROP = "DROP TABLE IF EXISTS " + ", ".join(f"{ASIDE}.{table}" for table in OWN)
"""Not CASCADE: what depends on them is somebody's work."""

_IF_ASIDE = f"""
DO $$
BEGIN
    IF to_regnamespace('{ASIDE}') IS NOT NULL THEN
        %s;
    END IF;
END
$$"""

SET_ASIDE = f"""
DO $$
BEGIN
    IF to_regnamespace('{SCHEMA}') IS NOT NULL THEN
        ALTER SCHEMA {SCHEMA} RENAME TO {ASIDE};
    END IF;
END
$$;
SAVEPOINT trial;
{_IF_ASIDE.replace("%s", _DROP)};
ROLLBACK TO SAVEPOINT trial;
CREATE SCHEMA {SCHEMA}
"""
"""Before the tables are made. It tries whether the old ones can be dropped, lest this fails when all is written."""

PUT_IN_PLACE = _IF_ASIDE.replace(
    "%s",
    ";\n        ".join(
        (
            _DROP,
            *(f"ALTER TABLE {SCHEMA}.{table} SET SCHEMA {ASIDE}" for table in OWN),
            f"DROP SCHEMA {SCHEMA}",
            f"ALTER SCHEMA {ASIDE} RENAME TO {SCHEMA}",
        )
    ),
)
"""When all is written."""


def refuse_others(connection: psycopg.Connection[Any]) -> None:
    """Raises ExportError where the schema is somebody else's."""
    try:
        connection.execute(ONLY_OURS)
    except psycopg.errors.RaiseException as error:
        raise ExportError(NOT_OURS) from error


def set_aside(connection: psycopg.Connection[Any]) -> None:
    """Make room for new tables; raises ExportError where something depends on those that are there."""
    try:
        connection.execute(SET_ASIDE)
    except psycopg.errors.DependentObjectsStillExist as error:
        detail = (error.diag.message_detail or "").replace(ASIDE, SCHEMA)
        raise ExportError(
            f"The tables in the schema {SCHEMA} must be made anew, and something of yours depends on them: {detail}. "
            f"Nothing was changed. Drop that, export, and make it again."
        ) from error
