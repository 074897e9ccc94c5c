"""What clients are told when a tool fails, or was called with arguments that it does not take."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from pydantic import ValidationError

from sakuin.arguments import ERRORS_SHOWN, sentence
from sakuin.errors import SakuinError

LISTED = "the tool's schema lists those that there are"


class PlainServer(MCPServer[Any]):
    """Tells what is wrong with a call in a sentence or two, without what pydantic and the library put around them."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """See MCPServer."""
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError:
            raise
        except ToolError as error:
            raise ToolError(plain(error).removeprefix(f"Error executing tool {name}: ")) from None


def plain(error: ToolError) -> str:
    """What is wrong, in words."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return str(error)
    wrong = cause.errors(include_url=False)[:ERRORS_SHOWN]
    return " ".join(sentence({**each, "loc": ("arguments", *each["loc"])}, LISTED) for each in wrong)


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Have the client told what went wrong, in the words of our errors, of which the server would give none."""
    try:
        yield
    except SakuinError as error:
        raise ToolError(str(error).replace(str(folder), folder.name)) from error
