"""Addresses of databases that libpq cannot read, or reads otherwise than they are meant, are not told."""

import re

import pytest

pytest.importorskip("psycopg")
from sakuin.integrations.engines.errors import ExportError
from sakuin.integrations.engines.postgres.address import checked_address


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:pa%ss@db/x",
        "postgresql://me:pa@ss@db/x",
        "postgresql://me:pa/ss@db/x",
        "postgresql://me:p?a@ss@db/x",
        "postgresql://me@db/x?secret=pass",
        "host=db password=pa ss",
        "host=db password='pass",
        "host=db port=pass",
    ],
)
def test_what_cannot_be_read_is_not_quoted(dsn: str) -> None:
    with pytest.raises(ExportError, match="cannot be read") as refused:
        checked_address(dsn)
    assert "ss@" not in str(refused.value)
    assert "pass" not in re.sub("password|pgpass", "", str(refused.value))
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "host=db password='p@ss/%' dbname=x",
        "postgresql://me:p%40ss%25@db:5432/x",
        "postgresql://db/x?user=me@team",
        "postgresql://one:5432,two:5433/x",
        "postgresql:///x?host=/run/postgresql",
    ],
)
def test_what_can_be_read_is_left_as_it_is(dsn: str) -> None:
    assert checked_address(dsn) == dsn
