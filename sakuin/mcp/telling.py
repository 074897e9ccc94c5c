"""What clients are told when a tool fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcp.server.mcpserver.exceptions import ToolError

from sakuin.errors import SakuinError


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Have the client told what went wrong, in the words of our errors, of which the server would give none."""
    try:
        yield
    except SakuinError as error:
        raise ToolError(str(error).replace(str(folder), folder.name)) from error
