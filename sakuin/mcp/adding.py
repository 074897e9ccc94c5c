"""The tool that writes: assistants keep what is worth finding again."""

import hashlib
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from sakuin.cluster.writing import writable
from sakuin.index.documents import Document
from sakuin.mcp.telling import told
from sakuin.search.searcher import Searcher

LONGEST = 1_000_000
"""Characters of a text."""
LOCK_SECONDS = 20
"""How long another writer of the index is waited for."""

# A document of the same id is replaced, and what it said is lost.
WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)


class AddAnswer(BaseModel):
    """What became of a document that was added."""

    id: str = Field(description="For `fetch`, and to replace the document by adding another under it.")
    status: str = Field(description="added, replaced, or unchanged where the same document was there already.")


def add_tool(server: MCPServer[Any], searcher: Searcher) -> None:
    """Give a server the tool `add`, which writes to the index of a searcher."""
    index = writable(searcher, timeout=LOCK_SECONDS)

    @server.tool(title="Add a document", annotations=WRITES, structured_output=True)
    def add(
        text: Annotated[str, Field(max_length=LONGEST, description="The whole text, such as a note or a summary.")],
        title: Annotated[str, Field(max_length=1_000, description="What it is about, in a few words.")] = "",
        id: Annotated[
            str | None,
            Field(
                description="Its name: a document of that name is replaced. Without one, a name is made from the text."
            ),
        ] = None,
        url: Annotated[str, Field(max_length=10_000, description="Where it comes from, for citing.")] = "",
        metadata: Annotated[
            dict[str, Any] | None,
            Field(
                description='What searches can be restricted to, as {"author": "Sato", "year": 2024, "tags": ["a"]}.'
            ),
        ] = None,
    ) -> AddAnswer:
        """Add a text to the index, so that it is found from now on. Only when the user wants something kept."""
        name = id or named(title, text)
        with told(searcher.folder):
            done = index.add(Document(id=name, text=text, title=title, uri=url, metadata=metadata or {}))
        return AddAnswer(id=name, status="added" if done.added else "replaced" if done.updated else "unchanged")


def named(title: str, text: str) -> str:
    """A name of a document that has none, the same for the same document."""
    return "note-" + hashlib.sha256(f"{title}\n{text}".encode(errors="replace")).hexdigest()[:16]
