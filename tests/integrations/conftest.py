"""A PostgreSQL server for the tests that want one."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.integrations.postgres_server import NoServerError, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The connection string of a server, without a database."""
    pytest.importorskip("psycopg")
    try:
        running = server()
        dsn = running.__enter__()
    except NoServerError as error:
        pytest.skip(str(error))
    yield dsn
    running.__exit__(None, None, None)


numbers = count(1)


@pytest.fixture
def database(postgres: str) -> str:
    """The connection string of a database that nothing was written to."""
    import psycopg

    name = f"test{next(numbers)}"
    with psycopg.connect(f"{postgres} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgres} dbname={name}"
