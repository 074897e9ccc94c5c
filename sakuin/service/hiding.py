"""Sentences without paths and addresses of the server: clients may be anybody."""

import re
from pathlib import Path

# After a blank, bracket or quotation mark, of two names or more: no other path stands in what the index says of itself.
_path = re.compile(r"""(?<![^\s("'`=])(?:/|[A-Za-z]:[\\/])[^\s"'`,;:()]*[\\/][^\s"'`,;:()]*""")
# A cluster lies in a bucket, a model comes from a server. A sign at the end belongs to the sentence.
_uri = re.compile(r"""\b[A-Za-z][A-Za-z0-9+.-]*://[^\s"'`,;()]*(?<![.:])""")


def without_paths(message: str, folder: Path) -> str:
    """A sentence of an error of the index in a folder, without where that is, or any other file or server."""
    for place in (folder, folder.parent):
        # Names may have blanks in them, so what is known is looked for first.
        if place != place.parent:
            message = message.replace(f" in {place}", "").replace(f"--index {place}", "").replace(str(place), "...")
    return _path.sub("...", _uri.sub("...", message))
