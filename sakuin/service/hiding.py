"""Sentences without paths of the server: clients may be anybody."""

import re
from pathlib import Path

# After a blank, bracket or quotation mark, of two names or more: no other path stands in what the index says of itself.
_path = re.compile(r"""(?<![^\s("'`=])(?:/|[A-Za-z]:[\\/])[^\s"'`,;:()]*[\\/][^\s"'`,;:()]*""")


def without_paths(message: str, folder: Path) -> str:
    """A sentence of an error of the index in a folder, without where that is or any other file."""
    for place in (folder, folder.parent):
        # Names may have blanks in them, so what is known is looked for first.
        if place != place.parent:
            message = message.replace(f" in {place}", "").replace(f"--index {place}", "").replace(str(place), "...")
    return _path.sub("...", message)
