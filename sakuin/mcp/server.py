"""The server of an index by the Model Context Protocol: its tools."""

from importlib.metadata import version
from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from sakuin.mcp.adding import add_tool
from sakuin.mcp.answers import (
    MAX_HITS,
    MAX_TEXT,
    ExplainAnswer,
    FacetsAnswer,
    FetchAnswer,
    FieldValues,
    SearchAnswer,
    SimilarAnswer,
    ValueCount,
    fetched,
    found,
    near,
    part_of,
)
from sakuin.mcp.telling import PlainServer, told
from sakuin.search.searcher import Searcher

INSTRUCTIONS = (
    "Searches the user's own documents, Japanese and English, by meaning and by words. Search with a question or key "
    "words, then fetch the documents that you rely on, and cite them by title and url. Where `answered` is false, the "
    "documents are unlikely to hold the answer: say so instead of guessing."
)
MAX_FIELDS = 30
MAX_VALUES = 20

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

Filter = Annotated[
    dict[str, Any] | None,
    Field(
        description="Only documents that match: of each field one value or a list, of which one must be equal, or "
        'operators ($eq, $ne, $in, $nin, $lt, $lte, $gt, $gte, $prefix, $contains, $exists), as {"folder": "office", '
        '"year": {"$gte": 2020}}; `facets` lists fields and values.'
    ),
]


def create_server(searcher: Searcher, *, writable: bool = False) -> MCPServer[Any]:
    """The server of an index.

    Args:
        searcher: Of the index; it stays the caller's to close.
        writable: Let clients add documents.
    """
    server = PlainServer("sakuin", version=version("sakuin"), instructions=INSTRUCTIONS, log_level="WARNING")

    @server.tool(title="Search documents", annotations=READS, structured_output=True)
    def search(
        query: Annotated[
            str,
            Field(
                description='A question or key words, in Japanese, English or both. "Between quotes" stands in every '
                "result as it is; -word in none; title:word in the title; after:2024-04 is a later date."
            ),
        ],
        k: Annotated[int, Field(ge=1, le=MAX_HITS, description="At most so many passages.")] = 10,
        where: Filter = None,
        mode: Annotated[
            Literal["hybrid", "dense", "bm25"],
            Field(description="By meaning and words, by meaning, or by words."),
        ] = "hybrid",
    ) -> SearchAnswer:
        """Find documents that answer a query, with the passages that do."""
        with told(searcher.folder):
            return found(searcher.search(query, k=k, where=where, mode=mode, group="passage"))

    @server.tool(title="Read a document", annotations=READS, structured_output=True)
    def fetch(
        id: Annotated[str, Field(description="Of a document, as `search` gives it.")],
        start: Annotated[int, Field(ge=0, description="The character from which to read.")] = 0,
    ) -> FetchAnswer:
        """Read the text of a document, a long one a part at a time."""
        with told(searcher.folder):
            return fetched(searcher.document(id, start=start, most=MAX_TEXT))

    @server.tool(title="Find similar documents", annotations=READS, structured_output=True)
    def similar(
        id: Annotated[str, Field(description="Of a document, as `search` gives it.")],
        k: Annotated[int, Field(ge=1, le=MAX_HITS, description="At most so many documents.")] = 10,
        where: Filter = None,
    ) -> SimilarAnswer:
        """Find the documents nearest in meaning to a document, each with its passage that is nearest."""
        with told(searcher.folder):
            return near(searcher.similar(id, k=k, where=where))

    @server.tool(title="List fields and values", annotations=READS, structured_output=True)
    def facets(
        where: Filter = None,
        names: Annotated[
            list[str] | None, Field(description="Only these fields; without them, those worth listing.")
        ] = None,
    ) -> FacetsAnswer:
        """List what a search can be restricted to by `where`, and how many documents have which values."""
        with told(searcher.folder):
            fields = searcher.whole.field_names()
            listed = searcher.facets(where, names=names, limit=MAX_VALUES + 1)
            cut = len(fields) > MAX_FIELDS or len(listed) > MAX_FIELDS
            cut = cut or any(len(facet.values) > MAX_VALUES for facet in listed)
            return FacetsAnswer(
                fields=fields if names is None and len(fields) <= MAX_FIELDS * 10 else fields[: MAX_FIELDS * 10],
                facets=[
                    FieldValues(
                        name=facet.name,
                        values=[ValueCount(value=v[:200], documents=n) for v, n in facet.values[:MAX_VALUES]],
                    )
                    for facet in listed[:MAX_FIELDS]
                ],
                more=f"Of each field at most {MAX_VALUES} values are listed, of at most {MAX_FIELDS} fields: give "
                f"`names`, or `where` to count fewer documents."
                if cut
                else None,
            )

    @server.tool(title="Explain a result", annotations=READS, structured_output=True)
    def explain(
        query: Annotated[str, Field(max_length=500, description="As it was searched for.")],
        id: Annotated[str, Field(description="Of a document, as `search` gives it.")],
    ) -> ExplainAnswer:
        """Say what the score of a document for a query is made of: meaning and words, down to single words."""
        with told(searcher.folder):
            hits = searcher.search(query, k=1, where={"id": id}, group="passage").hits
            if not hits:
                raise ToolError(f"The document {id[:200]!r} is not there, or has nothing of this query.")
            (hit,) = hits
            return ExplainAnswer(
                id=id,
                passage=hit.text,
                rank=hit.rank,
                relevance=hit.relevance,
                score=part_of(searcher.explain(query, hit)),
            )

    if writable:
        add_tool(server, searcher)
    return server
