"""What was judged, as HTML."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sakuin.ui.html.comparisons import MAX_LINKED, compared_table
from sakuin.ui.html.pieces import isolated
from sakuin.ui.words import Words

if TYPE_CHECKING:
    from sakuin.tuning.troubles import Trouble


def query_link(query: str) -> str:
    """A query that leads to its search."""
    address = escape("./?" + urlencode({"q": query[:MAX_LINKED]}))
    return f'<a href="{address}" target="_blank" rel="noopener">{isolated(query)}</a>'


def judged_query(query: str) -> str:
    """A query above what was judged for it."""
    return f'<div class="sk sk-compare"><b>{query_link(query)}</b></div>'


def judged_document(document: str) -> str:
    """The name of what was judged."""
    return f'<div class="sk small code">{isolated(document)}</div>'


def troubles_table(troubles: "Sequence[Trouble]", words: Words) -> str:
    """Queries that go wrong, each a link to its search, with why and what comes first."""
    rows = [
        f"<tr><td>{query_link(trouble.query)}</td>"
        f"<td>{escape(' · '.join(words(f'trouble_{code}') for code in trouble.codes))}</td>"
        f"<td>{isolated(trouble.first or words('not_found'))}</td></tr>"
        for trouble in troubles
    ]
    table = compared_table([words("query_column"), words("what_is_wrong"), words("first_result")], rows)
    return f'<div class="sk-texts">{table}</div>'
