"""What documents of an index are called, and the headings in them."""

import sqlite3

MOST_TITLES, MOST_PASSAGES = 50_000, 200_000
"""So many documents, and passages, are looked at, those last that were stored."""


def read_titles(connection: sqlite3.Connection) -> list[str]:
    """Titles, and headings that passages stand under, each once; the newest first, titles before headings."""
    titles = connection.execute(f"SELECT title FROM documents ORDER BY number DESC LIMIT {MOST_TITLES}")
    headings = connection.execute(f"SELECT heading FROM passages ORDER BY id DESC LIMIT {MOST_PASSAGES}")
    said = dict.fromkeys(text for rows in (titles, headings) for (text,) in rows if isinstance(text, str))
    said.pop("", None)
    return list(said)
