"""What was asked and what came of it, as lines of JSON."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson

MAX_PATH = 200
MAX_QUERY = 1_000
STDERR = Path("-")


class RequestLog:
    """Appends a line for each request; several processes may write to the same file."""

    def __init__(self, path: Path, *, queries: bool = False) -> None:
        """Open the file.

        Args:
            path: Of the file; `STDERR` for that.
            queries: Write down what was searched for, too.

        Raises:
            OSError: it cannot be written.
        """
        self.queries = queries
        # Unbuffered: each line is one write at the end of the file, whoever else writes to it.
        self._file = sys.stderr.buffer if path == STDERR else path.open("ab", buffering=0)

    def close(self) -> None:
        """Let go of the file; stderr stays open."""
        if self._file is not sys.stderr.buffer:
            self._file.close()

    def write(self, line: dict[str, Any]) -> None:
        """Append a line; one that cannot be written is lost, and the request is not."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            self._file.write(orjson.dumps({"time": moment, **line}) + b"\n")
            self._file.flush()
        except OSError:
            return


def query_of(address: bytes, body: bytes) -> str | None:
    """What was searched for, by the part of an address behind its question mark, or by a body; None for nothing."""
    try:
        found = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        found = {}
    given = found.get("query") if isinstance(found, dict) else None
    given = given or next(iter(parse_qs(address.decode("latin-1")).get("query", ())), None)
    return given[:MAX_QUERY] if isinstance(given, str) else None
