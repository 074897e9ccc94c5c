"""Takes out of rich text what is hidden, or was deleted while changes were tracked: nobody sees it."""

import re

_HIDES = re.compile(r"\\(?:v|deleted)(?![a-z])")
_TOKEN = re.compile(r"\\([a-zA-Z]+)(-?\d+)? ?|\\'[0-9a-fA-F]{2}|\\[^a-zA-Z']|[{}]|[^\\{}]+")

_WRITES = frozenset(
    {"u", "par", "tab", "line", "bullet", "emdash", "endash", "ldblquote", "rdblquote", "lquote", "rquote"}
)


def without_hidden(source: str) -> str:
    """The source without the text that is hidden; all else, groups and control words, stays in its place."""
    if not _HIDES.search(source):
        return source
    kept: list[str] = []
    hidden = {"v": False, "deleted": False}
    groups: list[dict[str, bool]] = []
    for match in _TOKEN.finditer(source):
        token, word = match[0], match[1]
        if token == "{":
            groups.append(dict(hidden))
        elif token == "}":
            hidden = groups.pop() if groups else hidden
        elif word in hidden:
            hidden[word] = match[2] != "0"
        elif word == "plain":
            hidden["v"] = False
        elif any(hidden.values()) and (word is None or word in _WRITES):
            continue
        kept.append(token)
    return "".join(kept)
